"""Several dataset roots as one, to train on together: `python -m datasets.join ROOT ROOT --out JOINED`

Scenes are links to the roots' own (copies where the disk cannot link), under <root>_<scene>, as two roots may give a
name twice; each split lists all. joined.json says what the roots were made with. Run again, it takes in what is new.
"""
import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from config.command import command
from datasets.files import replacing
from datasets.label_sets import LABEL_SET_FILE, find_label_set
from datasets.root_files import SPLITS
from datasets.scannet200 import read_split

ATTRIBUTION = "ATTRIBUTION.txt"  # in a dataset root: makers of what its scenes are made of
JOINED = "joined.json"  # in a joined root: what its roots are called and were made with


def join(roots: list[Path], out: Path) -> dict[str, int]:
    """Write the joined root; returns how many scenes each split has.

    Raises ValueError for two roots of one name or of different classes, and as `read_split` where scenes are missing.
    """
    names = [root.resolve().name for root in roots]
    if len(set(names)) < len(names) or out.resolve() in [root.resolve() for root in roots]:
        raise ValueError(f"{', '.join(map(str, [*roots, out]))}: roots are told apart by the names of their folders, "
                         "which must differ; rename one")
    label_set = find_label_set(None, roots[0])
    for root in roots[1:]:
        if not find_label_set(None, root).same_classes(label_set):
            raise ValueError(f"{root}: its classes are not those of {roots[0]}; turn its labels into that set with "
                             "`python -m datasets.relabel`")
    counts = {}
    for split in SPLITS:
        lines = []
        for root, name in zip(roots, names):
            listing = root / f"{split}.txt"
            if split == "test" and not listing.is_file() or listing.is_file() and not listing.read_text().strip():
                continue
            for path in read_split(root, split):
                lines.append(f"{split}/{name}_{path.name}")
                _link(path, out / lines[-1])
        with replacing(out / f"{split}.txt") as file:
            file.write("".join(f"{line}\n" for line in lines))
        counts[split] = len(lines)
    if (roots[0] / LABEL_SET_FILE).is_file():
        shutil.copyfile(roots[0] / LABEL_SET_FILE, out / LABEL_SET_FILE)
    _describe(roots, names, out)
    return counts


def _link(path: Path, target: Path) -> None:
    """A file, or a scene's folder of arrays, under another name; a link that is there already stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        for file in path.iterdir():
            _link(file, target / file.name)
        return
    if target.exists():
        if target.samefile(path):
            return
        target.unlink()
    try:
        os.link(path.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copy2(path, target)


def _describe(roots: list[Path], names: list[str], out: Path) -> None:
    """joined.json, and the makers of what the scenes are made of."""
    sources = []
    for root, name in zip(roots, names):
        file = root / "synthetic.json"
        settings = json.loads(file.read_text(encoding="utf-8"))["settings"] if file.is_file() else None
        sources.append({"name": name, "settings": settings})
    with replacing(out / JOINED) as file:
        json.dump({"sources": sources}, file, indent=1)
    credits = [(root / ATTRIBUTION).read_text(encoding="utf-8") for root in roots if (root / ATTRIBUTION).is_file()]
    if credits:
        with replacing(out / ATTRIBUTION) as file:
            file.write("\n".join(dict.fromkeys(credits)))


@command
def main(arguments: list[str] | None = None) -> None:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m datasets.join", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("roots", nargs="+", type=Path, metavar="ROOT", help="dataset roots of the same classes")
    parser.add_argument("--out", required=True, type=Path, metavar="JOINED")
    options = parser.parse_args(arguments)
    counts = join(options.roots, options.out)
    print(f"{options.out}: " + ", ".join(f"{split} {count}" for split, count in counts.items()) + " scenes")


if __name__ == "__main__":
    sys.exit(main())
