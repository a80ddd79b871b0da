"""The scenes that the cells train on: `prepare(budget, "generated", folder, workers)` returns their root."""
from pathlib import Path

from benchmarks.experiments.cells import Budget
from datasets.label_sets import load_label_set
from datasets.relabel import relabel
from datasets.scannet200 import read_split
from datasets.synthetic.dataset import Settings, build_dataset
from datasets.synthetic.furnished.models import load_library

KINDS = ("generated", "furnished")  # what --data names beside a folder


def prepare(budget: Budget, data: str, folder: Path, workers: int) -> Path:
    """A dataset root: `data` itself, or scenes made in `folder` unless they are there, in the budget's classes.

    furnished: with furniture models, and scanned by fused depth frames, which takes minutes a scene.
    Raises as `read_split`, for a root without training or validation scenes, `build_dataset` and `load_library`.
    """
    if data not in KINDS:
        for split in ("train", "val"):
            read_split(data, split)
        return Path(data).resolve()
    furnished = {"furnished": True, "scanner": "fused"} if data == "furnished" else {}
    if furnished:
        load_library(None, workers)
    root = (folder / data).resolve()
    build_dataset(root, Settings(**budget.scenes, **furnished), workers)
    if budget.label_set is None:
        return root
    renamed = root.with_name(f"{data}-{budget.label_set}")
    if not renamed.is_dir():
        target = load_label_set(budget.label_set)
        names = {name: name if name in target.names else "" for name in load_label_set().names}
        relabel(root, renamed, load_label_set(), target, names)
    return renamed
