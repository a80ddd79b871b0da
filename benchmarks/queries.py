"""Does a query in other words than the class name find the object? Over 30 of them, against the plain names.

    python -m benchmarks.queries --weights outputs/.../best.ckpt --scannet_path data/synthetic [--val_phase val]

In each scene that has the class: is the mean relevancy of its points the highest of all classes there, or in the top 3?
"""
import argparse
import os
import sys

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import numpy as np  # noqa: E402

from datasets.labels import CLASS_NAMES, NUM_CLASSES, raw_to_class  # noqa: E402
from datasets.scannet200 import read_split  # noqa: E402
from lib.query import NEGATIVES, Finder, Seen  # noqa: E402

MIN_POINTS = 20  # of a class in a scene, else it is not present there

# Chosen before any was tried, from what the things are for; none holds its class name.
QUERIES = {
    "couch": "soft seat for several people to sit on",
    "refrigerator": "appliance that keeps food cold",
    "bed": "place to sleep at night",
    "tv": "screen for watching movies",
    "bookshelf": "rack full of novels",
    "desk": "place to work with a computer",
    "table": "flat surface to eat dinner on",
    "chair": "seat with a backrest for one person",
    "door": "way to leave the room",
    "window": "glass pane to look outside",
    "curtain": "fabric that keeps out sunlight",
    "lamp": "it lights the room in the evening",
    "sink": "basin to wash hands or dishes in",
    "stove": "cooker with hot burners",
    "oven": "bake a cake in it",
    "microwave": "heats up leftovers in a minute",
    "dishwasher": "machine that cleans dirty plates",
    "toilet": "lavatory to flush",
    "bathtub": "lie in warm water to get clean",
    "pillow": "cushion to rest your head on",
    "picture": "framed painting hung for decoration",
    "mirror": "shows your own reflection",
    "towel": "cloth to dry off with after a shower",
    "plant": "green leaves growing in a pot",
    "trash can": "bin to throw garbage in",
    "book": "something to read",
    "keyboard": "type letters with your fingers on it",
    "nightstand": "small cabinet beside where one sleeps",
    "wardrobe": "tall furniture to hang clothes in",
    "clock": "tells what time it is",
}


def class_means(seen: Seen, classes: np.ndarray, values: np.ndarray) -> dict[int, float]:
    """Mean of the voxels' values over the points of each class present. classes: (P,), -1 unlabelled; values: (M,)."""
    labelled = classes >= 0
    counts = np.bincount(classes[labelled], minlength=NUM_CLASSES)
    sums = np.bincount(classes[labelled], weights=values[seen.inverse[labelled]], minlength=NUM_CLASSES)
    return {int(k): float(sums[k] / counts[k]) for k in np.flatnonzero(counts >= MIN_POINTS)}


def ranks(finder: Finder, scenes: list, queries: dict[str, str], negatives: list[str]) -> dict[str, list[int]]:
    """Rank, 1 the best, of each class among those present, for its query, in every scene that has it."""
    targets = [CLASS_NAMES.index(name) for name in queries]
    texts, wrong = finder.embed(list(queries.values())), finder.embed(negatives)
    result: dict[str, list[int]] = {name: [] for name in queries}
    for seen, classes in scenes:
        for name, target, text in zip(queries, targets, texts):
            if (classes == target).sum() >= MIN_POINTS:
                means = class_means(seen, classes, seen.relevancy(text, wrong))
                result[name].append(1 + sum(mean > means[target] for mean in means.values()))
    return result


def main(argv: list[str] | None = None) -> int:
    """Command line. Prints a table and the shares; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, metavar="FILE.ckpt", help="of stage 1")
    parser.add_argument("--scannet_path", default="data/synthetic", metavar="DIR")
    parser.add_argument("--val_phase", default="val", help="split to ask")
    options = parser.parse_args(argv)
    try:
        finder, scenes = Finder(options.weights), []
        for path in read_split(options.scannet_path, options.val_phase):
            seen = finder.look(path)
            if seen.scene.labels is None:
                raise ValueError(f"{path}: has no labels to compare with; name a labelled split with --val_phase")
            scenes.append((seen, raw_to_class(seen.scene.labels)))
        described = ranks(finder, scenes, QUERIES, list(NEGATIVES))
        named = ranks(finder, scenes, {name: name for name in QUERIES}, list(NEGATIVES))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    present = [name for name in QUERIES if described[name]]
    print("| class | scenes | query | first | top 3 | name: first | top 3 |\n|---|---|---|---|---|---|---|")
    for name in present:
        shares = [sum(r <= k for r in found) for found in (described[name], named[name]) for k in (1, 3)]
        print(f"| {name} | {len(described[name])} | {QUERIES[name]} | {' | '.join(map(str, shares))} |")
    print(f"\n{len(present)} of {len(QUERIES)} classes present, in {len(scenes)} scenes; not present: "
          f"{', '.join(name for name in QUERIES if name not in present) or 'none'}")
    others = [np.unique(classes[classes >= 0], return_counts=True)[1] for _, classes in scenes]
    guesses = [(counts >= MIN_POINTS).sum() for counts in others]
    for what, found in (("other words", described), ("class names", named)):
        for k in (1, 3):
            each = [np.mean([r <= k for r in found[name]]) for name in present]
            pairs = [r <= k for name in present for r in found[name]]
            print(f"{what}, {'first' if k == 1 else 'top 3'}: {100 * np.mean(pairs):.1f} % of {len(pairs)} "
                  f"(class, scene) pairs, {100 * np.mean(each):.1f} % as the mean over classes")
    chance = 100 * np.mean(1 / np.array(guesses))
    print(f"by chance: first {chance:.1f} %, top 3 {3 * chance:.1f} % (about {np.mean(guesses):.0f} classes a scene)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
