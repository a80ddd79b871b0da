"""ScanNet200's label table: raw ScanNet id <-> class index 0..199, names, colours, head/common/tail.

The order of the 200 classes is the order of `config/scannet200_labels.csv`, which is the benchmark's own.
"""
import csv
from pathlib import Path

import numpy as np

TABLE = Path(__file__).resolve().parent.parent / "config" / "scannet200_labels.csv"
IGNORE_LABEL = -1
UNLABELLED_COLOR = (100, 100, 100)
UNLABELLED_ID = 0  # what a PLY holds where nobody labelled a point

with open(TABLE, newline="") as _file:
    _ROWS = list(csv.DictReader(_file))

NUM_CLASSES = len(_ROWS)
CLASS_NAMES = tuple(row["name"] for row in _ROWS)
RAW_IDS = np.array([int(row["id"]) for row in _ROWS], dtype=np.int32)  # (200,)
COLORS = np.array([[int(row[c]) for c in ("red", "green", "blue")] for row in _ROWS], dtype=np.uint8)  # (200, 3)
GROUPS = tuple(row["group"] for row in _ROWS)  # "head", "common" or "tail"
IN_VAL_SPLIT = np.array([row["in_val_split"] == "yes" for row in _ROWS])  # (200,) 189 are True

_LOOKUP = np.full(RAW_IDS.max() + 1, IGNORE_LABEL, dtype=np.int64)
_LOOKUP[RAW_IDS] = np.arange(NUM_CLASSES)


def raw_to_class(raw: np.ndarray, ignore_label: int = IGNORE_LABEL) -> np.ndarray:
    """Class index 0..199 of every raw ScanNet id; ids outside the table, and 0, become `ignore_label`.

    raw: (N,) integers. Returns (N,) int64.
    """
    raw = np.asarray(raw).astype(np.int64)
    known = (raw >= 0) & (raw < len(_LOOKUP))
    classes = np.where(known, _LOOKUP[np.where(known, raw, 0)], IGNORE_LABEL)
    return classes if ignore_label == IGNORE_LABEL else np.where(classes == IGNORE_LABEL, ignore_label, classes)


def class_to_raw(classes: np.ndarray) -> np.ndarray:
    """Raw ScanNet id of every class index; anything outside 0..199 becomes 0. classes: (N,). Returns (N,) int32."""
    classes = np.asarray(classes)
    known = (classes >= 0) & (classes < NUM_CLASSES)
    return np.where(known, RAW_IDS[np.where(known, classes, 0)], UNLABELLED_ID).astype(np.int32)


def group_classes(group: str) -> np.ndarray:
    """Class indices of "head", "common" or "tail". Returns (M,) int64."""
    return np.flatnonzero(np.array(GROUPS) == group)


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


def class_indices(names: list[str], flag: str) -> np.ndarray:
    """Class index of each name, (M,) int64. Raises ValueError for names that are not in the label table."""
    unknown = [name for name in names if name not in CLASS_NAMES]
    if unknown:
        raise ValueError(f"{flag}: {', '.join(unknown[:5])} not among the names of config/scannet200_labels.csv")
    return np.array([CLASS_NAMES.index(name) for name in names], dtype=np.int64)
