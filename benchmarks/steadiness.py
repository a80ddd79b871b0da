"""How steady are answers? The share of a scan's labels that change when it is moved by a few metres, with --tta and
without; accuracy and both mIoUs beside it.

    python -m benchmarks.steadiness --weights best.ckpt --scannet_path data/synthetic --tta 1,4,8

Every scan of --val_phase is predicted where it is and moved by up to MOVE metres along each axis, which differs from
scan to scan and is the same for all rows. Nothing is moved back to a fixed place beforehand: the voxels' grid changes.
"""
import argparse
import sys
import time

import numpy as np

from config.command import command
from config.types import ascending
from datasets.scannet200 import read_split
from datasets.scans.read import ScanOptions, read_scan
from lib.memory import keep_freed_memory
from lib.metrics import ConfusionMatrix, table
from lib.predictor import Predictor

MOVE = 5.0  # metres


def measure(predictor: Predictor, paths: list, seed: int = 0) -> tuple[dict[str, float], float, float]:
    """Scores of the scans where they are, the share of points whose label changes when they are moved, and seconds a
    scan."""
    rng, label_set = np.random.default_rng(seed), predictor.label_set
    matrix = ConfusionMatrix(len(label_set))
    changed = points = 0
    start = time.perf_counter()
    for path in paths:
        scan = read_scan(path, ScanOptions(unit="m", up="z", label_set=label_set))
        cloud, shift = scan.cloud(), rng.uniform(-MOVE, MOVE, 3)
        here = predictor.predict(cloud.points, cloud.colors).classes
        there = predictor.predict((cloud.points + shift).astype(np.float32), cloud.colors).classes
        changed, points = changed + int((here != there).sum()), points + len(here)
        if scan.labels is not None:
            matrix.update(here, label_set.to_classes(scan.labels[scan.seen]))
    return matrix.scores(label_set.groups), changed / points, (time.perf_counter() - start) / (2 * len(paths))


@command
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, metavar="FILE.ckpt[,FILE.ckpt]")
    parser.add_argument("--scannet_path", required=True, metavar="DIR")
    parser.add_argument("--val_phase", default="val")
    parser.add_argument("--tta", type=ascending, default=[1, 8], metavar="N,N,...", help="one row each (default 1,8)")
    parser.add_argument("--scenes", type=int, help="the first so many; default: all")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    paths = read_split(options.scannet_path, options.val_phase)[:options.scenes]
    rows, lines = [], []
    for count in options.tta:
        scores, changed, seconds = measure(Predictor(options.weights.split(","), tta=count), paths)
        rows.append((f"--tta {count}", scores))
        lines.append(f"--tta {count}: {100 * changed:.1f} % of the labels change when the scan is moved; "
                     f"{seconds:.1f} s a scan")
    print(table(rows), *lines, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
