"""Scores of predictions from files alone, of one run or of two over the same scenes.

    python -m lib.evaluate --pred outputs/.../visualize/fulleval --gt data/scannet200 [--versus OTHER] [--out DIR]
"""
import argparse
import sys
from pathlib import Path

import numpy as np

from config.command import command
from config.flags.truth import add_flags
from config.types import positive, whole
from datasets.label_ids import LabelIds
from datasets.label_sets import IGNORE_LABEL
from datasets.prediction_files import choose_label_set, ground_truth_files, read_pairs, stale_predictions
from lib.inference.comparison import Comparison
from lib.metrics import ConfusionMatrix
from lib.view.iou_plot import draw_iou_by_points
from lib.view.picture import save_png

PLOT = "iou_by_frequency.png"


def compare(folders: list[Path], ground_truth: Path, split: str = "val", label_set: str | None = None,
            label_ids: str = "auto", bootstrap: int = 1000, seed: int = 0) -> Comparison:
    """Scores of the predictions in one folder or two. Prints what is doubtful.

    Raises FileNotFoundError and ValueError, one line, as `read_pairs`, and where nothing is labelled.
    """
    classes = choose_label_set(label_set, folders, ground_truth)
    files, reader = ground_truth_files(ground_truth, split), LabelIds(label_ids, classes)
    for line in reader.remarks(files.values()):
        print(line)
    for folder in folders:
        if stale := stale_predictions(folder, list(files)):
            print(f"warning: {folder}: {', '.join(stale[:5])} ({len(stale)} scenes) are of an older inference than "
                  "scenes.json")
    matrices = [ConfusionMatrix(len(classes), others=1) for _ in folders]
    totals: list[list[np.ndarray]] = [[] for _ in folders]
    bare = []
    for name, predictions, truth in read_pairs(folders, files, classes, reader):
        if not (truth != IGNORE_LABEL).any():
            bare.append(name)
        for matrix, total, prediction in zip(matrices, totals, predictions):
            scene = ConfusionMatrix(len(classes), others=1)
            scene.update(prediction, truth)
            matrix.merge(scene)
            total.append(np.stack(scene.totals()))
    if len(bare) == len(files):
        raise ValueError(f"{ground_truth}: not one point of its {len(files)} scenes is labelled with a class of label "
                         f"set {classes.name}; --label_ids says what labels are, --label_set which classes there are")
    if bare:
        print(f"warning: {len(bare)} scene(s) without one labelled point: {', '.join(bare[:10])}")
    return Comparison([str(folder) for folder in folders], list(files), classes,
                      [matrix.counts.numpy() for matrix in matrices],
                      [np.stack(total, axis=1) for total in totals], bootstrap, seed)


@command
def main(arguments: list[str] | None = None) -> None:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lib.evaluate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pred", required=True, type=Path, metavar="DIR",
                        help="<scene>.txt, an id a line, or <scene>.ply with a column label")
    parser.add_argument("--versus", type=Path, metavar="DIR", help="another run's, to compare with: B - A")
    parser.add_argument("--label_set", metavar="NAME|FILE.csv",
                        help="default: the folders' label_set.csv, else scannet200")
    parser.add_argument("--bootstrap", type=whole, default=1000, metavar="N", help="resamples of scenes; 0: none")
    parser.add_argument("--seed", type=whole, default=0)
    parser.add_argument("--width", type=positive, default=1800, help="of the plot, in pixels (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: the folder `evaluation` in --pred")
    add_flags(parser, required=True)
    options = parser.parse_args(arguments)
    folders = [options.pred] + ([options.versus] if options.versus else [])
    result = compare(folders, options.gt, options.split, options.label_set, options.label_ids, options.bootstrap,
                     options.seed)
    out = options.out or options.pred / "evaluation"
    ious = [values["iou"] for values in result.values]
    picture = draw_iou_by_points(
        result.totals[0][1].sum(0), ious[0], result.label_set.names, result.label_set.groups,
        result.ranges[0].get("iou") if len(ious) == 1 else None, ious[1] if len(ious) == 2 else None,
        f"IoU by points of the class, {len(result.scenes)} scenes", options.width)
    result.write(out)
    save_png(picture, out / PLOT)
    print(f"{len(result.scenes)} scenes, {int(result.counts[0].sum()):,} labelled points, label set "
          f"{result.label_set.name}; percent, 95 % interval over scenes")
    print("\n".join(result.score_table()))
    if len(result.scenes) < 2 and options.bootstrap:
        print("one scene: no interval can be had")
    print(f"every class in {out / 'evaluation.md'}, {out / 'classes.csv'} and {out / 'evaluation.json'}, a plot in "
          f"{out / PLOT}")


if __name__ == "__main__":
    sys.exit(main())
