"""What do walls cost that do not lie along the axes? Accuracy and both mIoUs of a folder's scenes as they are and
turned about z, read with `--up auto`, which turns walls back, and with `--up z`, which leaves them.

    python -m benchmarks.wall_turn --weights best.ckpt|pretrained --root data/synthetic/val [--degrees 0,30] [--tta 1]
"""
import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from config.command import command
from datasets.ply import read_scene, write_scene
from datasets.scans.read import ScanOptions, find_scans, read_scan
from lib.metrics import ConfusionMatrix, table
from lib.predictor import Predictor


def scores(predictor: Predictor, paths: list[Path], degrees: float, up: str, folder: Path) -> dict[str, float]:
    """Of all scenes, each turned by so many degrees and read with `up`."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    label_set = predictor.label_set
    matrix = ConfusionMatrix(len(label_set))
    for path in paths:
        scene = read_scene(path)
        write_scene(folder / "turned.ply", replace(scene, points=(scene.points @ turn.T).astype(np.float32)))
        scan = read_scan(folder / "turned.ply", ScanOptions("m", up, predictor.voxel_size, label_set))
        cloud = scan.cloud()
        found = predictor.predict(cloud.points, cloud.colors).classes
        matrix.update(found, label_set.to_classes(scan.labels[scan.seen]))
    return matrix.scores(label_set.groups)


@command
def main(arguments: list[str] | None = None) -> None:
    """Command line. Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, metavar="FILE.ckpt|pretrained")
    parser.add_argument("--root", required=True, metavar="DIR", help="labelled scenes")
    parser.add_argument("--degrees", default="0,30")
    parser.add_argument("--tta", type=int, default=1, help="views (default 1)")
    options = parser.parse_args(arguments)
    predictor = Predictor(options.weights, tta=options.tta)
    paths, rows = find_scans(options.root), []
    with tempfile.TemporaryDirectory() as folder:
        for degrees in map(float, options.degrees.split(",")):
            rows += [(f"{degrees:g} degrees, --up {up}", scores(predictor, paths, degrees, up, Path(folder)))
                     for up in ("auto", "z")]
    print(table(rows))


if __name__ == "__main__":
    sys.exit(main())
