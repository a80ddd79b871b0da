"""Label sets: the classes that a dataset, a network and a picture speak of. One object, passed along, never global.

    label_set = load_label_set("scannet200")      # or "scannet20", or FILE.csv with a column `name`
    classes = label_set.to_classes(scene.labels)  # ids that files hold -> 0..C-1, -1 where not labelled

A dataset root of another set than ScanNet200 carries it as `label_set.csv`; checkpoints and predictions do, too.
"""
import colorsys
import csv
import dataclasses
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.files import replacing

BUILT_IN = Path(__file__).resolve().parent.parent / "config" / "label_sets"
DEFAULT = "scannet200"
LABEL_SET_FILE = "label_set.csv"  # in a dataset root, a run and a folder of predictions
CLASSES_FILE = "classes.json"  # in a folder of predictions in classes of one's own
HIGHEST_ID = {"scannet200": 1400, "scannet20": 40, "nyu40": 40}  # where these sets' ids end; higher ones are another's
IGNORE_LABEL = -1
UNLABELLED_COLOR = (100, 100, 100)
USUAL_GROUPS = ("head", "common", "tail")
LARGEST_ID = 10**6  # of a set's own: a table from ids to classes is made


@dataclass(frozen=True, eq=False)
class LabelSet:
    """C classes, in the order of their indices.

    name: "scannet200", or what the file, or the folder of a `label_set.csv`, is called. names: of the classes.
    ids: (C,) int32, what files hold. groups: of each class, "" where there are none. colors: (C, 3) uint8.
    """
    name: str
    names: tuple[str, ...]
    ids: np.ndarray
    groups: tuple[str, ...]
    colors: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def same_classes(self, other: "LabelSet") -> bool:
        """Whether both mean the same by every index and every id; names of sets, groups and colours do not matter."""
        return self.names == other.names and np.array_equal(self.ids, other.ids)

    @property
    def unlabelled_id(self) -> int:
        """What a file holds where nobody labelled a point: 0, unless that is a class's, then -1."""
        return -1 if 0 in self.ids else 0

    @property
    def group_names(self) -> tuple[str, ...]:
        """The groups, `USUAL_GROUPS` first; none where all classes are in one."""
        return ordered_groups(self.groups)

    @property
    def tail_group(self) -> str:
        """The group whose objects `--sample_tail_instances` inserts: "tail", else the last; ValueError without any."""
        if not self.group_names:
            raise ValueError(f"label set {self.name}: its classes are not in groups, so none is the tail; "
                             "give its file a column `group` with head, common and tail")
        return "tail" if "tail" in self.group_names else self.group_names[-1]

    @functools.cached_property
    def _lookup(self) -> np.ndarray:
        lookup = np.full(int(self.ids.max()) + 1, IGNORE_LABEL, dtype=np.int64)
        lookup[self.ids] = np.arange(len(self))
        return lookup

    def to_classes(self, ids: np.ndarray, ignore_label: int = IGNORE_LABEL) -> np.ndarray:
        """Class index 0..C-1 of every id; ids outside the set become `ignore_label`. ids: (N,). Returns (N,) int64."""
        ids = np.asarray(ids).astype(np.int64)
        known = (ids >= 0) & (ids < len(self._lookup))
        classes = np.where(known, self._lookup[np.where(known, ids, 0)], IGNORE_LABEL)
        return classes if ignore_label == IGNORE_LABEL else np.where(classes == IGNORE_LABEL, ignore_label, classes)

    def to_ids(self, classes: np.ndarray) -> np.ndarray:
        """Id of every class index, `unlabelled_id` for what is none. classes: (N,). Returns (N,) int32."""
        classes = np.asarray(classes)
        known = (classes >= 0) & (classes < len(self))
        return np.where(known, self.ids[np.where(known, classes, 0)], self.unlabelled_id).astype(np.int32)

    def to_colors(self, classes: np.ndarray) -> np.ndarray:
        """(N, 3) uint8 colour of every class index, grey where unlabelled (-1). classes: (N,)."""
        return np.where((classes < 0)[:, None], UNLABELLED_COLOR, self.colors[classes]).astype(np.uint8)

    def index(self, name: str) -> int:
        """Class index of a name that the set has."""
        return self.names.index(name)

    def indices(self, names: Sequence[str], flag: str) -> np.ndarray:
        """Class index of each name, (M,) int64. Raises ValueError for names that are not in the set."""
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise ValueError(f"{flag}: {', '.join(unknown[:5])} not among the names of label set {self.name}")
        return np.array([self.index(name) for name in names], dtype=np.int64)

    def known(self, names: Sequence[str]) -> np.ndarray:
        """Class indices of those of the names that the set has, (M,) int64."""
        return np.array([self.index(name) for name in names if name in self.names], dtype=np.int64)

    def members(self, group: str) -> np.ndarray:
        """Class indices of a group, (M,) int64."""
        return np.flatnonzero(np.array(self.groups) == group)

    def check_ids(self, ids: np.ndarray, path: str | Path) -> None:
        """Raises ValueError for ids (N,) that only another label set has, as far as that is known of a benchmark's."""
        highest = HIGHEST_ID.get(self.name)
        wrong = np.zeros(len(ids), bool) if highest is None else (ids < 0) | (ids > highest)
        if wrong.any():
            vertex = int(np.argmax(wrong))
            raise ValueError(f"{path}: vertex {vertex} has label {ids[vertex]}, outside label set {self.name} (ids as "
                             f"in config/label_sets/{self.name}.csv, 0 = unlabelled); --label_set names another, "
                             "--label_ids another table of ids")

    def table(self) -> dict:
        """Plain values that `from_table` reads, for a checkpoint."""
        return {"name": self.name, "names": list(self.names), "ids": self.ids.tolist(), "groups": list(self.groups),
                "colors": self.colors.tolist()}

    @classmethod
    def from_table(cls, table: dict, where: str | Path) -> "LabelSet":
        """The set that `table` described. Raises ValueError for anything else."""
        try:
            names, groups = tuple(map(str, table["names"])), tuple(map(str, table["groups"]))
            ids, colors = np.array(table["ids"], np.int32), np.array(table["colors"], np.uint8)
            if not names or ids.shape != (len(names),) or len(groups) != len(names) or colors.shape != (len(names), 3):
                raise ValueError("its columns differ in length")
            return cls(str(table["name"]), names, ids, groups, colors)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{where}: holds a damaged label set ({' '.join(str(error).split())})") from None

    def write(self, path: str | Path) -> None:
        """Write the set as a CSV that `load_label_set` reads, never half of it."""
        with replacing(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["id", "name", "group", "red", "green", "blue"])
            for row in zip(self.ids.tolist(), self.names, self.groups, self.colors.tolist()):
                writer.writerow([*row[:3], *row[3]])


def ordered_groups(groups: Sequence[str]) -> tuple[str, ...]:
    """The different groups of classes, `USUAL_GROUPS` first, then as they come; none where there is only one."""
    found = list(dict.fromkeys(groups))
    if len(found) < 2:
        return ()
    return (*(group for group in USUAL_GROUPS if group in found),
            *(group for group in found if group not in USUAL_GROUPS))


def load_label_set(name: str | Path = DEFAULT) -> LabelSet:
    """A built-in set by name, or that of a CSV file: column `name`, and where wanted `id` (else 1, 2, ...), `group`,
    and a colour as `red`, `green`, `blue` in 0..255 or as `color` like #aec7e8 (else a palette).

    Raises FileNotFoundError, and ValueError with one line for a file that is no such table.
    """
    path = Path(name)
    if path.suffix.lower() != ".csv":
        path = BUILT_IN / f"{name}.csv"
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in BUILT_IN.glob("*.csv") if "_to_" not in file.stem))
            raise FileNotFoundError(f"label set {name}: there is none of that name ({known}); give FILE.csv with a "
                                    "column `name`, and where wanted id, group, red, green, blue")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such label set; give FILE.csv, or a name such as {DEFAULT}")
    return _read(path.resolve(), path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=32)
def _read(path: Path, _changed: int) -> LabelSet:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [{str(key).strip().lower(): (value or "").strip() for key, value in row.items() if key is not None}
                    for row in csv.DictReader(file)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: no CSV file ({' '.join(str(error).split())})") from None
    if not rows or "name" not in rows[0]:
        raise ValueError(f"{path}: a label set needs a column `name` and at least one class")
    names = tuple(" ".join(row["name"].lower().split()) for row in rows)
    ids, colors = [], []
    palette = _palette(len(rows))
    for line, (row, default) in enumerate(zip(rows, palette), start=2):
        try:
            ids.append(int(row["id"]) if row.get("id") else line - 1)
            colors.append(_color(row, default))
        except ValueError as error:
            raise ValueError(f"{path}: line {line}: {error}") from None
        if not names[line - 2]:
            raise ValueError(f"{path}: line {line}: has no name")
        if not 0 <= ids[-1] <= LARGEST_ID:
            raise ValueError(f"{path}: line {line}: id {ids[-1]} is not in 0..{LARGEST_ID}")
    for what, values in (("name", names), ("id", ids)):
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise ValueError(f"{path}: {what} {twice[0]} comes twice")
    made = LabelSet(path.stem, names, np.array(ids, np.int32), tuple(row.get("group", "") for row in rows),
                    np.array(colors, np.uint8))
    return made if path.parent == BUILT_IN else dataclasses.replace(made, name=_name(path, made))


def _name(path: Path, label_set: LabelSet) -> str:
    """What to call the set of a user's file: like the built-in one with the same classes, and no other like that."""
    for built_in in HIGHEST_ID:
        if label_set.same_classes(load_label_set(built_in)):
            return built_in
    name = path.parent.name if path.name == LABEL_SET_FILE else path.stem
    return f"{name}.csv" if name in HIGHEST_ID else name


def _color(row: dict[str, str], default: tuple[int, int, int]) -> tuple[int, int, int]:
    text = row.get("color") or row.get("colour")
    try:
        if text:
            digits = text.removeprefix("#")
            parts = [int(digits[i:i + 2], 16) for i in (0, 2, 4)] if len(digits) == 6 else []
        elif any(row.get(part) for part in ("red", "green", "blue")):
            parts = [int(row[part]) for part in ("red", "green", "blue")]
        else:
            return default
    except (ValueError, KeyError):
        parts = []
    if len(parts) != 3 or not all(0 <= part <= 255 for part in parts):
        raise ValueError("its colour is no #rrggbb and no red, green, blue in 0..255")
    return tuple(parts)


def _palette(count: int) -> list[tuple[int, int, int]]:
    """Colours that neighbours in the list can be told apart by: hues a golden angle apart, in two lightnesses."""
    colors = []
    for k in range(count):
        red, green, blue = colorsys.hls_to_rgb((0.58 + k * 0.618034) % 1, 0.58 + 0.16 * (k % 2), 0.55)
        colors.append((round(255 * red), round(255 * green), round(255 * blue)))
    return colors


def label_set_of(names: Sequence[str], name: str) -> LabelSet:
    """A set of these names, with ids 1, 2, ..., no groups and the palette's colours."""
    names = tuple(names)
    return LabelSet(name, names, np.arange(1, len(names) + 1, dtype=np.int32), ("",) * len(names),
                    np.array(_palette(len(names)), np.uint8))


def write_classes(path: str | Path, label_set: LabelSet) -> None:
    """Write a set as JSON, {id: {"name": ..., "color": [red, green, blue]}}, in the order of its ids."""
    rows = sorted(zip(label_set.ids.tolist(), label_set.names, label_set.colors.tolist()))
    with replacing(path) as file:
        json.dump({str(number): {"name": name, "color": color} for number, name, color in rows}, file, indent=1)


def read_classes(path: str | Path) -> LabelSet:
    """The set that `write_classes` wrote. Raises ValueError for another file."""
    try:
        content = json.loads(Path(path).read_bytes())
        table = {"name": "own", "names": [row["name"] for row in content.values()], "ids": [int(k) for k in content],
                 "groups": [""] * len(content), "colors": [row["color"] for row in content.values()]}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path}: is damaged; run inference.sh again") from None
    return LabelSet.from_table(table, path)


def find_label_set(flag: str | Path | None, *folders: str | Path) -> LabelSet:
    """The set that a flag names, else the first `label_set.csv` in the folders, else ScanNet200.

    Raises as `load_label_set`, and ValueError where the flag and a folder disagree.
    """
    files = [file for folder in folders if (file := Path(folder) / LABEL_SET_FILE).is_file()]
    if flag is None:
        return load_label_set(files[0] if files else DEFAULT)
    chosen = load_label_set(flag)
    if files and not chosen.same_classes(load_label_set(files[0])):
        raise ValueError(f"{files[0]}: its labels are of another set than --label_set {flag}; leave the flag out, or "
                         "turn the labels into that set with `python -m datasets.relabel`")
    return chosen


def read_names(text: str, flag: str) -> list[str]:
    """Names of a flag's value: "a,b,c", or a .txt file with one name a line. Case and blanks around do not count.

    Raises FileNotFoundError, and ValueError where there is none or one comes twice.
    """
    if text.endswith(".txt"):
        if not Path(text).is_file():
            raise FileNotFoundError(f"{flag} {text}: no such file; give one name a line, or the names with commas")
        parts = Path(text).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    else:
        parts = text.split(",")
    names = [" ".join(part.lower().split()) for part in parts if part.strip()]
    if not names:
        raise ValueError(f"{flag} {text!r}: holds no name; give names with commas between, or a .txt with one a line")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{flag} {text}: {', '.join(sorted(twice))} comes twice")
    return names


def load_label_map(name: str | Path, source: LabelSet, target: LabelSet | None = None) -> dict[str, str]:
    """Which class of another set each class becomes: {name in source: name in target}, "" for unlabelled.

    name: of a file in config/label_sets, or FILE.csv, with the columns `from` and `to`. A class that it leaves out
    keeps its name where the target has it, else is unlabelled. target None: the names that the file maps to.
    Raises FileNotFoundError, and ValueError for another file, a class twice and names that the sets lack.
    """
    path = Path(name) if Path(name).suffix.lower() == ".csv" else BUILT_IN / f"{name}.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such label map; give FILE.csv with the columns `from` and `to`")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [(" ".join(row["from"].lower().split()), " ".join(row["to"].lower().split()))
                    for row in csv.DictReader(file)]
    except (KeyError, AttributeError, UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path}: a label map needs the columns `from` and `to`, and both in each line") from None
    named = [old for old, _ in rows]
    known = set(target.names) if target else {new for _, new in rows}
    for what, wrong in (("comes twice", [old for old in named if named.count(old) > 1]),
                        (f"is no class of label set {source.name}", [old for old in named if old not in source.names]),
                        (f"is no class of label set {target.name if target else ''}",
                         [new for _, new in rows if new and new not in known])):
        if wrong:
            raise ValueError(f"{path}: {wrong[0]!r} {what}")
    return dict(rows) | {old: old if old in known else "" for old in source.names if old not in named}
