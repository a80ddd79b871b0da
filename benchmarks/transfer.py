"""What of training helps on rooms of another kind? Stage 2 on one source, scored at home and on the other sources:

    python -m benchmarks.transfer --sources data/pretrained/procedural data/pretrained/furnished --seeds 0 1

Each row is one change against the same base. Prints a table after every seed; trainings that are complete are not
repeated: a stopped benchmark goes on.
"""
import argparse
import contextlib
import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

from benchmarks.anchors import COLUMNS, mean_and_spread, train
from benchmarks.recipes import BASE, add_training_flags, folder_of
from config.command import command
from datasets.files import replacing
from datasets.scannet200 import read_split
from main import main as run_main

CHANGES = {  # added to --flags, which they win over; --train_phase half: half the scenes, for twice the epochs
    BASE: "",
    "no augmentation": "--train_augmentation False",
    "colours, twice as strong": "--data_aug_color_trans_ratio 0.2 --data_aug_color_jitter_std 0.1",
    "colour dropout 0.2": "--color_dropout 0.2",
    "scale 0.8 to 1.2": "--data_aug_scale_min 0.8 --data_aug_scale_max 1.2",
    "elastic distortion": "--elastic_distortion True",
    "jitter of 1 cm": "--point_jitter 0.01",
    "point dropout 0.9": "--point_dropout 0.9",
    "12 cut-outs": "--cutouts 12",
    "mixing 0.5": "--mix_scenes 0.5",
    "EMA 0.99": "--ema_decay 0.99",
    "label smoothing 0.1": "--label_smoothing 0.1",
    "drop path 0.1": "--drop_path 0.1",
    "half the scenes, twice the epochs": "--train_phase half",
    "Res16UNet14S": "--model Res16UNet14S",
}
SHOWN = ("accuracy", "all")  # columns


def make_root(source: Path, out: Path, scenes: int, val_scenes: int) -> Path:
    """A dataset root of lists alone: the first scenes of a source, `half` of them, and those to validate on."""
    root, train_scenes = out / "roots" / source.name, read_split(source, "train")[:scenes]
    root.mkdir(parents=True, exist_ok=True)
    for name, paths in (("train", train_scenes), ("half", train_scenes[:len(train_scenes) // 2]),
                        ("val", read_split(source, "val")[:val_scenes])):
        with replacing(root / f"{name}.txt") as file:
            file.writelines(f"{path.resolve()}\n" for path in paths)
    return root


def run(options: Namespace, change: str, root: Path, seed: int) -> dict[str, dict[str, float]]:
    """{source: scores at every point} of a network trained on `root` with a change."""
    folder = Path(options.out) / root.name / folder_of(change, seed)
    epochs = options.epochs * (2 if "half" in CHANGES[change] else 1)
    settings = Namespace(**vars(options), scannet_path=str(root), flags="", jobs=1)
    scores = {root.name: train(settings, folder, [
        "--dataset", "Scannet200VoxelizationDataset", "--max_epoch", str(epochs), "--seed", str(seed),
        *options.base_flags.split(), *CHANGES[change].split()])}
    for other in options.roots:
        if other != root:
            found = folder / f"on_{other.name}" / "scores_val.json"
            if not found.is_file():
                with open(folder / "log.txt", "a", encoding="utf-8") as log, contextlib.redirect_stdout(log), \
                        contextlib.redirect_stderr(log):
                    code = run_main(["--config", str(folder / "config.yaml"), "--is_train", "False", "--scannet_path",
                                     str(other), "--weights", str(folder / "best.ckpt"), "--log_dir",
                                     str(found.parent)])
                if code:
                    raise ValueError(f"{folder}: main.py ended with {code}; its log.txt says why")
            scores[other.name] = json.loads(found.read_text(encoding="utf-8"))["points"]
    return scores


def table(scores: dict[tuple[str, str, int], dict[str, dict[str, float]]]) -> list[str]:
    """Markdown lines, in percent: the mean of every training source and test source, and the gain over the base of the
    same source and seed, at home and away, over all, with its sample standard deviation. scores: by (change, source,
    seed)."""
    sources = list(dict.fromkeys(source for _, source, _ in scores))
    pairs = [(source, test) for source in sources for test in sources]
    header = ["change", *(f"{a} → {b}" for a, b in pairs), *(f"{where}: {column}" for where in ("home", "away")
                                                             for column in SHOWN)]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for change in dict.fromkeys(change for change, _, _ in scores):
        own = {(source, seed): found for (name, source, seed), found in scores.items() if name == change}
        cells = []
        for source, test in pairs:
            cells.append(", ".join(f"{100 * np.mean(values):.1f}" for column in SHOWN if (values := [
                found[test][COLUMNS[column]] for (trained, _), found in own.items() if trained == source])))
        for home in (True, False):
            for key in (COLUMNS[column] for column in SHOWN):
                gains = [found[test][key] - scores[BASE, *job][test][key] for job, found in own.items()
                         for test in sources if (test == job[0]) == home and (BASE, *job) in scores]
                cells.append(mean_and_spread(gains, 1, "+") if gains and change != BASE else "")
        lines.append(f"| {change} | {' | '.join(cells)} |")
    return lines


@command
def main(argv: list[str] | None = None) -> None:
    """Command line. Prints the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", nargs="+", required=True, metavar="DIR", help="dataset roots, two or more")
    parser.add_argument("--out", default="outputs/transfer", metavar="DIR")
    parser.add_argument("--changes", nargs="+", default=list(CHANGES), choices=list(CHANGES), metavar="NAME",
                        help=", ".join(CHANGES))
    add_training_flags(parser, "Res16UNet14XS", [0, 1])
    parser.add_argument("--scenes", type=int, default=48, help="to train on, the first of each source")
    parser.add_argument("--val_scenes", type=int, default=12)
    options = parser.parse_args(argv)
    if len({Path(source).resolve().name for source in options.sources}) < max(2, len(options.sources)):
        raise ValueError(f"--sources {' '.join(options.sources)}: two or more folders of different names")
    options.roots = [make_root(Path(source).resolve(), Path(options.out), options.scenes, options.val_scenes)
                     for source in options.sources]
    scores = {}
    for seed in options.seeds:
        for change in dict.fromkeys([BASE, *options.changes]):
            for root in options.roots:
                scores[change, root.name, seed] = found = run(options, change, root, seed)
                print(f"seed {seed}, {change}, {root.name}: " + ", ".join(
                    f"{100 * values[COLUMNS['accuracy']]:.1f} on {name}" for name, values in found.items()),
                    file=sys.stderr, flush=True)
        print("", *table(scores), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
