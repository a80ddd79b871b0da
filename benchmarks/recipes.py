"""Which training recipe helps head, common or tail classes? Stage 2 with each of them against the same base:

    python -m benchmarks.recipes --scannet_path data/synthetic --out outputs/recipes --seeds 0 1 2 --jobs 1

Prints a table after every seed: mean and spread, and the gain over the base of the same seed. Trainings that are
complete are not repeated: a stopped benchmark goes on.
"""
import argparse
import sys
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.anchors import COLUMNS, FLAGS, mean_and_spread, train
from config.command import command

BASE = "base"
RECIPES = {  # added to --flags, which they win over
    BASE: "",
    "EMA 0.99": "--ema_decay 0.99",
    "clipping at 1": "--clip_grad_norm 1",
    "no warm-up": "--warmup_iters 0",
    "warm-up 100": "--warmup_iters 100",
    "OneCycle": "--scheduler OneCycleLR",
    "label smoothing 0.1": "--label_smoothing 0.1",
    "effective weights": "--weighted_cross_entropy True --category_weighting effective",
    "focal, effective": "--loss_type focal",
    "with Lovász": "--loss_type cross_entropy+lovasz",
    "focal, with Lovász": "--loss_type focal+lovasz",
    "logit adjustment 0.5": "--logit_adjustment 0.5",
    "balanced softmax": "--logit_adjustment 1",
    "drop path 0.1": "--drop_path 0.1",
    "EMA, Lovász, adjustment 0.5": "--ema_decay 0.99 --loss_type cross_entropy+lovasz --logit_adjustment 0.5",
}
GAINS = ("tail", "all")  # columns whose gain over the base is given


def folder_of(name: str, *numbers: int) -> str:
    """What the folder of a training is called: by its row of the table, and by numbers."""
    return "-".join(["".join(c if c.isalnum() else "_" for c in name), *map(str, numbers)])


def add_training_flags(parser: argparse.ArgumentParser, model: str, seeds: list[int]) -> None:
    """Flags of trainings that differ in one thing; model, seeds: what they are where nothing is said."""
    parser.add_argument("--seeds", nargs="+", type=int, default=seeds)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--model", default=model)
    parser.add_argument("--voxel_size", type=float, default=0.1)
    parser.add_argument("--flags", dest="base_flags", default=FLAGS,
                        help="of main.py, for all; --weights FILE.ckpt starts each from the same weights")


def run(options: Namespace, name: str, seed: int) -> dict[str, float]:
    """Scores at every point of stage 2 with a recipe, trained unless they are there already."""
    folder = Path(options.out) / folder_of(name, options.epochs, seed)
    return train(options, folder, [
        "--dataset", "Scannet200VoxelizationDataset", "--max_epoch", str(options.epochs), "--seed", str(seed),
        *options.base_flags.split(), *RECIPES[name].split()])


def table(scores: dict[tuple[str, int], dict[str, float]]) -> list[str]:
    """Markdown lines, in percent: mean ± sample standard deviation over the seeds of each recipe, and of its gain over
    the base of the same seed. scores: of (recipe, seed)."""
    scores = {job: {key: np.nan if values[key] is None else values[key] for key in COLUMNS.values()}
              for job, values in scores.items()}  # None: no such class in the scenes
    header = ["recipe", "seeds", *COLUMNS, *(f"{column} - base" for column in GAINS)]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for name in dict.fromkeys(name for name, _ in scores):
        seeds = [seed for other, seed in scores if other == name]
        cells = [mean_and_spread([scores[name, seed][key] for seed in seeds], 2) for key in COLUMNS.values()]
        pairs = [(scores[name, seed], scores[BASE, seed]) for seed in seeds if (BASE, seed) in scores]
        for key in (COLUMNS[column] for column in GAINS):
            gains = [own[key] - base[key] for own, base in pairs]
            cells.append(mean_and_spread(gains, 2, "+") if pairs and name != BASE else "")
        lines.append(f"| {name} | {len(seeds)} | {' | '.join(cells)} |")
    return lines


@command
def main(argv: list[str] | None = None) -> None:
    """Command line. Prints the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scannet_path", default="data/synthetic", metavar="DIR")
    parser.add_argument("--out", default="outputs/recipes", metavar="DIR")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES), metavar="NAME",
                        help=", ".join(RECIPES))
    add_training_flags(parser, "Res16UNet14S", [0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time; they share the cores")
    options = parser.parse_args(argv)
    options.flags = ""  # which `train` puts after a recipe's
    scores = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        for seed in options.seeds:
            found = pool.map(lambda name, seed=seed: run(options, name, seed), options.recipes)
            for name, values in zip(options.recipes, found):
                scores[name, seed] = values
                print(f"seed {seed}, {name}: mIoU {100 * values[COLUMNS['all']]:.2f}", file=sys.stderr, flush=True)
            print("", *table(scores), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
