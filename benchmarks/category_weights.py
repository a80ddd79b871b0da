"""Which category weighting serves the tail best? Training goes on from one stage-2 checkpoint with each of them:

    python -m benchmarks.category_weights --weights outputs/.../best.ckpt --scannet_path data/synthetic \
        --out outputs/category_weights --seeds 0 1 2

Stage 3, and then the whole network; prints mean and spread over the seeds. What is complete is not repeated.
In stage 3 the backbone is frozen, so that each batch goes through it once, for the classifiers of all weightings.
"""
import argparse
import json
import os
import sys
from argparse import Namespace
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402
from tqdm import tqdm  # noqa: E402

from benchmarks.anchors import COLUMNS, mean_and_spread, train  # noqa: E402
from config.command import command  # noqa: E402
from config.config import get_config  # noqa: E402
from datasets.files import replacing  # noqa: E402
from datasets.label_sets import find_label_set  # noqa: E402
from datasets.loader import build_loader  # noqa: E402
from datasets.weighting import WEIGHTINGS  # noqa: E402
from lib.memory import keep_freed_memory  # noqa: E402
from lib.metrics import ConfusionMatrix  # noqa: E402
from lib.prefetch import Prefetcher  # noqa: E402
from lib.stages import SegmentationStage, build_stage, pick_device  # noqa: E402
from lib.training.solvers import build_optimizer, build_scheduler  # noqa: E402

LOSSES = {**{name: ["--loss_type", "focal", "--category_weighting", name] for name in WEIGHTINGS},
          "cross entropy": ["--loss_type", "cross_entropy"]}
UNTRAINED = "(stage 2 itself)"


def train_classifiers(configs: dict[str, Namespace]) -> dict[str, SegmentationStage]:
    """Stage 3 of every configuration, the same as main.py's; they must differ in their losses alone.

    Returns the trained stages by name. All have the same backbone, that of `--weights`.
    """
    config = next(iter(configs.values()))
    label_set = find_label_set(config.label_set, config.scannet_path)
    stages = {name: build_stage(each, label_set) for name, each in configs.items()}
    first = next(iter(stages.values()))
    device = pick_device(config)
    loader = build_loader(config, "train", training=True, label_set=label_set)
    solvers = {}
    for name, stage in stages.items():
        classifier = list(stage.to(device).train().model.final.parameters())
        optimizer = build_optimizer(configs[name], classifier, heads=classifier)
        solvers[name] = optimizer, build_scheduler(configs[name], optimizer, len(loader))
    batches = Prefetcher(loader, device, first.execution.engine)
    for epoch in range(int(config.max_epoch)):
        loader.set_epoch(epoch)
        for batch in tqdm(batches, desc=f"stage 3, epoch {epoch}", total=len(loader), dynamic_ncols=True):
            with torch.no_grad():
                features = first.execution(first.model.features, batch)  # (N, D)
            for name, stage in stages.items():
                optimizer, scheduler = solvers[name]
                optimizer.zero_grad(set_to_none=True)
                stage.criterion(logits(stage, features), batch.labels).backward()
                optimizer.step()
                scheduler.step_iteration()
    return stages


def logits(stage: SegmentationStage, features: Tensor) -> Tensor:
    """What the stage's classifier says of features (N, D). Returns (N, C)."""
    final = stage.model.final
    return F.linear(features, final.kernel.reshape(features.shape[1], -1).T, final.bias.flatten())


@torch.no_grad()
def score_classifiers(config: Namespace, stages: dict[str, SegmentationStage]) -> dict[str, dict[str, float]]:
    """Scores of each stage at every point of the validation scenes; all have the same backbone."""
    first = next(iter(stages.values()))
    matrices = {name: ConfusionMatrix(len(first.label_set), config.ignore_label) for name in stages}
    device = pick_device(config)
    loader = build_loader(config, "val", training=False, label_set=first.label_set)
    for batch in tqdm(Prefetcher(loader, device, first.execution.engine), desc="validate", dynamic_ncols=True):
        features = first.execution(first.eval().to(device).model.features, batch)
        for name, stage in stages.items():
            matrices[name].update(logits(stage.to(device), features).argmax(1)[batch.inverse], batch.point_labels)
    return {name: matrix.scores(first.label_set.groups) for name, matrix in matrices.items()}


def stage_3(options: Namespace, seed: int) -> dict[str, dict[str, float]]:
    """Scores of every weighting, and of the checkpoint itself, by name."""
    path = Path(options.out) / f"stage3-{seed}.json"
    if not path.is_file():
        common = ["--log_dir", options.out, "--dataset", "Scannet200VoxelizationDataset", "--model", options.model,
                  "--scannet_path", options.scannet_path, "--weights", options.weights, "--classifier_only", "True",
                  "--voxel_size", str(options.voxel_size), "--seed", str(seed), "--cache_data", "True",
                  "--num_workers", "0", "--num_val_workers", "0", "--max_epoch", str(options.epochs[0]), "--lr",
                  str(options.lr[0]), *options.flags.split()]
        configs = {name: get_config([*common, *LOSSES[name]]) for name in options.weightings}
        stages = train_classifiers(configs)
        config = next(iter(configs.values()))
        stages[UNTRAINED] = build_stage(config, next(iter(stages.values())).label_set)
        scores = score_classifiers(config, stages)
        with replacing(path) as file:
            json.dump(scores, file, indent=1)
    return json.loads(path.read_text(encoding="utf-8"))


def whole_network(options: Namespace, name: str, seed: int) -> dict[str, float]:
    """Scores of stage 2 that goes on with this weighting."""
    options = Namespace(**{**vars(options), "voxel_size": options.whole_voxel_size})
    return train(options, Path(options.out) / f"whole-{name.replace(' ', '_')}-{seed}", [
        "--dataset", "Scannet200VoxelizationDataset", "--weights", options.weights, "--max_epoch",
        str(options.epochs[1]), "--seed", str(seed), "--lr", str(options.lr[1]), *LOSSES[name]])


def row(label: str, scores: list[dict[str, float]]) -> str:
    """A Markdown line: mean ± sample standard deviation over the seeds, in percent."""
    cells = [mean_and_spread([score[key] for score in scores], 2) for key in COLUMNS.values()]
    return f"| {label} | " + " | ".join(cells) + " |"


@command
def main(argv: list[str] | None = None) -> None:
    """Command line. Prints the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, metavar="FILE.ckpt", help="of stage 2")
    parser.add_argument("--scannet_path", default="data/synthetic", metavar="DIR")
    parser.add_argument("--out", default="outputs/category_weights", metavar="DIR")
    parser.add_argument("--weightings", nargs="+", default=list(LOSSES), choices=list(LOSSES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", nargs=2, type=int, default=[2, 1], metavar=("STAGE3", "WHOLE"),
                        help="0 leaves one out")
    parser.add_argument("--lr", nargs=2, type=float, default=[0.001, 0.02], metavar=("STAGE3", "WHOLE"))
    parser.add_argument("--model", default="Res16UNet14S")
    parser.add_argument("--voxel_size", type=float, default=0.06, help="of stage 3")
    parser.add_argument("--whole_voxel_size", type=float, default=0.1)
    parser.add_argument("--flags", default="--batch_size 2 --optimizer Muon --scheduler PolyLR --bn_momentum 0.1 "
                        "--elastic_distortion False", help="of main.py")
    options = parser.parse_args(argv)
    options.jobs = 1
    keep_freed_memory()
    header = ["| weighting | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    if options.epochs[0]:
        found = [stage_3(options, seed) for seed in options.seeds]
        names = [name for name in (UNTRAINED, *options.weightings) if all(name in scores for scores in found)]
        print("\nStage 3\n", *header, *(row(name, [scores[name] for scores in found]) for name in names), sep="\n")
    if options.epochs[1]:
        found = {name: [] for name in options.weightings}
        for seed in options.seeds:
            for name in options.weightings:
                found[name].append(whole_network(options, name, seed))
        print("\nWhole network\n", *header, *(row(name, scores) for name, scores in found.items()), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
