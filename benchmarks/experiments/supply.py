"""What tail sampling changes in what a network sees: tail voxels of one epoch, with and without, from the data."""
import json

import numpy as np

from benchmarks.experiments.cells import CELLS
from benchmarks.experiments.runner import Runner
from config.config import get_config
from datasets.files import replacing
from datasets.label_sets import find_label_set
from datasets.scannet200 import DATASETS

FILE = "tail_supply.json"


def tail_supply(runner: Runner) -> dict:
    """Of one epoch with seed 0, for "without" and "with" each: scenes, labelled voxels, voxels of every tail class, by
    name, and the instances placed and skipped. Counted once, then read from the budget's folder.
    """
    path = runner.out / FILE
    if not path.is_file():
        label_set = find_label_set(None, runner.data)
        tail = label_set.members(label_set.tail_group)
        counted = {}
        for key, sampling in (("without", "False"), ("with", "True")):
            config = get_config(["--dataset", runner.budget.datasets[1], "--scannet_path", str(runner.data),
                                 *runner.budget.arguments(CELLS["ce"], 0), "--sample_tail_instances", sampling])
            dataset = DATASETS[config.dataset](config, "train", True, label_set)
            voxels, placed, skipped = np.zeros(len(label_set), np.int64), 0, 0
            for index in range(len(dataset)):
                sample = dataset[index]
                voxels += np.bincount(sample.labels[sample.labels >= 0], minlength=len(label_set))
                placed, skipped = placed + len(sample.placed), skipped + len(sample.skipped)
            counted[key] = {"scenes": len(dataset), "voxels": int(voxels.sum()), "placed": placed, "skipped": skipped,
                            "tail": {label_set.names[c]: int(voxels[c]) for c in tail}}
        with replacing(path) as file:
            json.dump(counted, file, indent=1)
    return json.loads(path.read_text(encoding="utf-8"))
