"""Move N scenes from DIR/train.txt to DIR/val.txt; the scene files stay where they are.

    python val_split.py DIR N [--seed 42] [--group_by REGEX]

Scans of one room stay together, so that no validation room is trained on. Which are is known of ScanNet's names
(scene0000_00, scene0000_01) alone; of others --group_by says it, else each is its own room.
"""
import argparse
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from config.command import command
from datasets.files import replacing
from datasets.root_files import INSTANCES

SCANNET_NAME = re.compile(r"(scene\d{4})_\d{2}")  # office_1, office_2 are two rooms as likely as one


def split(train: list[str], count: int, seed: int, group_by: re.Pattern | None = None) -> tuple[list[str], list[str]]:
    """Scenes that stay in training and `count` that go, whole rooms at a time, each in the given order.

    group_by: as `room`.

    Raises ValueError if no set of whole rooms has `count` scenes, or none would stay.
    """
    if not 0 < count < len(train):
        raise ValueError(f"{count} of {len(train)} training scenes: choose 1 to {len(train) - 1}")
    rooms: dict[str, list[str]] = {}
    for line in train:
        rooms.setdefault(room(line, group_by), []).append(line)
    names = sorted(rooms)
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    chosen = _rooms_of_total(order, [len(rooms[name]) for name in order], count)
    if chosen is None:
        raise ValueError(f"no set of whole rooms has exactly {count} scans; choose another number, or say which scans "
                         "are of one room by --group_by")
    return ([line for line in train if room(line, group_by) not in chosen],
            [line for line in train if room(line, group_by) in chosen])


def room(line: str, group_by: re.Pattern | None = None) -> str:
    """scene0000 of train/scene0000_00.ply; a name of another form is its own room.

    group_by: what of a scene's name says its room, its first group where it has one; a name without it is its own room.
    """
    stem = Path(line).stem
    match = group_by.search(stem) if group_by else SCANNET_NAME.fullmatch(stem)
    return (match.group(1 if match.re.groups else 0) or stem) if match else stem


def rooms_report(train: list[str], group_by: re.Pattern | None) -> str:
    """What was taken for a room: "12 scans of 9 rooms: ..."."""
    sizes = Counter(room(line, group_by) for line in train)
    shared = [f"{name} ({size} scans)" for name, size in sorted(sizes.items()) if size > 1]
    which = ", ".join(shared[:5]) + (", ..." if len(shared) > 5 else "") or "each scan is a room of its own"
    how = f"by --group_by {group_by.pattern}" if group_by else "by ScanNet's names; --group_by REGEX says otherwise"
    return f"{len(train)} scans of {len(sizes)} rooms, {how}: {which}"


def _rooms_of_total(order: list[str], sizes: list[int], count: int) -> set[str] | None:
    """Rooms with `count` scans together, the earliest in `order` that do (subset sums, from the back)."""
    reachable = [{0}]  # totals that the last k rooms can make
    for size in reversed(sizes):
        reachable.append(reachable[-1] | {total + size for total in reachable[-1] if total + size <= count})
    if count not in reachable[-1]:
        return None
    chosen = set()
    for i, (name, size) in enumerate(zip(order, sizes)):
        if count >= size and count - size in reachable[len(order) - i - 1]:
            chosen.add(name)
            count -= size
    return chosen


def read_list(path: Path) -> list[str]:
    """Non-empty lines of a scene list."""
    return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]


def write_list(path: Path, lines: list[str]) -> None:
    """Replace a scene list in one step."""
    with replacing(path) as file:
        file.writelines(f"{line}\n" for line in lines)


@command
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Move N scenes from DIR/train.txt to DIR/val.txt.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="dataset root")
    parser.add_argument("count", metavar="N", type=int, help="scenes to move")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--group_by", metavar="REGEX",
                        help=r"what of a scene's name, or of its part in brackets, says its room: '(.+)_\d+' takes "
                        "office_1 and office_2 for one (default: only sceneNNNN_NN are grouped)")
    args = parser.parse_args(arguments)
    train_file, val_file = args.folder / "train.txt", args.folder / "val.txt"
    if not train_file.is_file():
        raise FileNotFoundError(f"{train_file}: no such file; make a dataset with "
                                f"`python -m datasets.synthetic --out {args.folder}`")
    if args.seed < 0:
        raise ValueError(f"--seed {args.seed}: needs 0 or more")
    try:
        group_by = re.compile(args.group_by) if args.group_by else None
    except re.error as error:
        raise ValueError(f"--group_by {args.group_by}: no regular expression: {error}") from None
    train = read_list(train_file)
    val = read_list(val_file) if val_file.is_file() else []
    stay, moved = split(train, args.count, args.seed, group_by)
    shared = {room(line, group_by) for line in val} & {room(line, group_by) for line in stay}
    print(rooms_report(train, group_by))
    # val.txt first: if the second write fails, a scene is listed twice, never lost
    write_list(val_file, val + [line for line in moved if line not in val])
    write_list(train_file, stay)
    print(f"{len(moved)} scenes moved: {len(stay)} in {train_file}, {len({*val, *moved})} in {val_file}")
    if (args.folder / "feature_data").is_dir() or (args.folder / INSTANCES).is_dir():
        print("note: weights and tail instances are still those of the training scenes before; make them again with "
              f"`python -m datasets.preprocess.statistics {args.folder}`")
    if shared:
        print(f"note: val.txt already held scans of {len(shared)} room(s) that stay in training: "
              f"{', '.join(sorted(shared))}")


if __name__ == "__main__":
    sys.exit(main())
