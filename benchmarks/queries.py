"""Does a query in other words than the class name find the object? Over 30 of them, against the plain names.

    python -m benchmarks.queries --weights outputs/.../best.ckpt --scannet_path data/synthetic [--val_phase val]

In each scene that has the object: do its points have the highest mean relevancy of all classes there, or one of the
three highest? A query is right where they are first in at least half of these scenes.
"""
import argparse
import os
import sys

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import numpy as np  # noqa: E402

from config.command import command  # noqa: E402
from datasets.label_sets import LabelSet  # noqa: E402
from datasets.scannet200 import read_split  # noqa: E402
from lib.language.queries import Finder, Seen  # noqa: E402
from lib.language.relevancy import METHODS  # noqa: E402

MIN_POINTS = 20  # of a class in a scene, else it is not present there

# The 30 classes that most validation scenes of the demo have, in other words, each with the classes a person would
# accept too. The words were settled against the text encoder alone, before a network was asked.
QUERIES = {
    "partition between two rooms": ("wall", "closet wall", "divider"),
    "parquet or carpet under your feet": ("floor", "mat"),
    "entrance to the room": ("door", "doorframe"),
    "glass pane to look outside": ("window", "windowsill"),
    "what is overhead in the room": ("ceiling",),
    "wooden trim around the entrance": ("doorframe",),
    "window ledge": ("windowsill", "ledge"),
    "framed painting": ("picture", "poster", "decoration"),
    "drapes": ("curtain",),
    "seat with a backrest": ("chair", "office chair", "armchair", "seat", "sofa chair", "folded chair"),
    "garbage": ("trash can", "trash bin", "recycling bin", "bin"),
    "cardboard carton": ("box", "storage container"),
    "novel to read": ("book",),
    "slatted shutters against the sun": ("blinds",),
    "rucksack": ("backpack",),
    "lights the room in the evening": ("lamp", "light", "ceiling light", "candle"),
    "green leaves growing in a pot": ("plant", "potted plant"),
    "place to write and study at": ("desk",),
    "shirts and trousers": ("clothes", "jacket"),
    "to rest your head on": ("pillow", "cushion"),
    "rack to store things on": ("shelf", "rack", "bookshelf"),
    "computer screen": ("monitor",),
    "recliner": ("armchair", "sofa chair"),
    "sack to carry groceries in": ("bag", "paper bag", "basket"),
    "seat without a backrest": ("stool", "ottoman", "bench"),
    "shows your own reflection": ("mirror",),
    "sofa": ("couch", "sofa chair"),
    "surface to eat dinner on": ("table", "dining table"),
    "heater that warms the room": ("radiator",),
    "cupboard": ("cabinet", "kitchen cabinet", "closet"),
}


def class_means(seen: Seen, classes: np.ndarray, values: np.ndarray) -> dict[int, float]:
    """Mean of the voxels' values over the points of each class present. classes: (P,), -1 unlabelled; values: (M,)."""
    labelled = classes >= 0
    counts = np.bincount(classes[labelled])
    sums = np.bincount(classes[labelled], weights=values[seen.inverse[labelled]])
    return {int(k): float(sums[k] / counts[k]) for k in np.flatnonzero(counts >= MIN_POINTS)}


def candidates(scenes: list, accepted: list[tuple[str, ...]], label_set: LabelSet) -> list[tuple[set[int], int]]:
    """For every (query, scene) pair with an object: the accepted classes that are present, and how many are in all."""
    pairs = []
    for _, classes in scenes:
        present = {k for k, n in zip(*np.unique(classes[classes >= 0], return_counts=True)) if n >= MIN_POINTS}
        pairs += [(wanted, len(present)) for names in accepted
                  if (wanted := present & set(label_set.known(names).tolist()))]
    return pairs


def ranks(finder: Finder, scenes: list, queries: list[str], accepted: list[tuple[str, ...]]) -> list[list[int]]:
    """Rank, 1 the best, of the first accepted class among those present, for each query in every scene that has one."""
    targets = [set(finder.stage.label_set.known(names).tolist()) for names in accepted]
    texts, wrong = finder.embed(queries), finder.embed(finder.negatives)
    result: list[list[int]] = [[] for _ in queries]
    for seen, classes in scenes:
        for found, wanted, text in zip(result, targets, texts):
            means = class_means(seen, classes, seen.relevancy(text, wrong))
            if wanted & means.keys():
                best = max(means[k] for k in wanted & means.keys())
                found.append(1 + sum(mean > best for mean in means.values()))
    return result


@command
def main(argv: list[str] | None = None) -> None:
    """Command line. Prints a table and the shares; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, metavar="FILE.ckpt", help="of stage 1")
    parser.add_argument("--scannet_path", default="data/synthetic", metavar="DIR")
    parser.add_argument("--val_phase", default="val", help="split to ask")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help="as query.py's")
    options = parser.parse_args(argv)
    finder, scenes = Finder(options.weights, method=options.method), []
    for path in read_split(options.scannet_path, options.val_phase):
        seen = finder.look(path)
        if seen.scene.labels is None:
            raise ValueError(f"{path}: has no labels to compare with; name a labelled split with --val_phase")
        scenes.append((seen, finder.stage.label_set.to_classes(seen.scene.labels)))
    accepted = list(QUERIES.values())
    described = ranks(finder, scenes, list(QUERIES), accepted)
    named = ranks(finder, scenes, [names[0] for names in accepted], accepted)
    print("| query | right | scenes | first | top 3 | name: first | top 3 |\n|---|---|---|---|---|---|---|")
    for text, names, words, name in zip(QUERIES, accepted, described, named):
        shares = [sum(r <= k for r in found) for found in (words, name) for k in (1, 3)]
        print(f"| {text} | {', '.join(names)} | {len(words)} | {' | '.join(map(str, shares))} |")
    asked = [i for i, found in enumerate(described) if found]
    print(f"\n{len(asked)} of {len(QUERIES)} queries have an object in the {len(scenes)} scenes")
    for what, found in (("other words", described), ("class names", named)):
        right = sum(np.mean([r == 1 for r in found[i]]) >= 0.5 for i in asked)
        print(f"{what}: right {right} of {len(asked)} ({100 * right / len(asked):.0f} %)")
        for k in (1, 3):
            pairs = [r <= k for i in asked for r in found[i]]
            print(f"{what}, {'first' if k == 1 else 'top 3'}: {100 * np.mean(pairs):.1f} % of {len(pairs)} "
                  "(query, scene) pairs")
    guesses = [len(wanted) / total for wanted, total in candidates(scenes, accepted, finder.stage.label_set)]
    print(f"by chance: first {100 * np.mean(guesses):.1f} %")


if __name__ == "__main__":
    sys.exit(main())
