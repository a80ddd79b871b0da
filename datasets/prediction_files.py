"""Predictions and ground truth from files: `for name, prediction, truth in read_pairs(pred, gt, ...)`, class indices.

A prediction is `<scene>.txt`, one id a line, or a `.ply` with a column `label`; ground truth is a scene of a dataset
root, or such a file, whose column `ground_truth` comes first. `GroundTruth(root)` finds that of a prediction.
"""
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from datasets.files import SCENE_LIST
from datasets.label_ids import LabelIds, looks_like
from datasets.label_sets import CLASSES_FILE, LABEL_SET_FILE, LabelSet, find_label_set, read_classes
from datasets.npy_scene import read_npy_scene
from datasets.ply import read_columns
from datasets.scans.read import is_scene_folder, scan_name
from datasets.scenes import is_dataset_root, list_scenes

ENDINGS = (".txt", ".ply")


def choose_label_set(flag: str | None, predictions: list[Path], ground_truth: Path) -> LabelSet:
    """The set that --label_set names, else that of the folders, which must agree; else ScanNet200."""
    named = [folder for folder in (*predictions, ground_truth) if (folder / LABEL_SET_FILE).is_file()]
    label_set = find_label_set(flag, *named)
    for folder in named:
        _check_label_set(folder, label_set)
    return label_set


def _check_label_set(folder: Path, label_set: LabelSet) -> None:
    if not find_label_set(None, folder).same_classes(label_set):
        raise ValueError(f"{folder / LABEL_SET_FILE}: is of other classes than label set {label_set.name}; bring "
                         "the ground truth to the prediction's with `python -m datasets.relabel`")


def ground_truth_files(root: Path, split: str) -> dict[str, Path]:
    """Name -> file, of a dataset root's split, of a folder of .txt and .ply, or of one scan. Raises FileNotFoundError.
    """
    if not root.is_dir() or is_scene_folder(root) or is_dataset_root(root, split):
        return list_scenes(root, split)
    files = prediction_files(root)
    if not files:
        raise FileNotFoundError(f"{root}: holds no {split}.txt that lists scenes, and no .txt or .ply of its own")
    return files


def prediction_files(folder: Path) -> dict[str, Path]:
    """Name -> file of a folder; of a scene's two the .txt. Raises FileNotFoundError for what is no folder."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; inference writes <run>/visualize/fulleval")
    return {path.stem: path for ending in reversed(ENDINGS) for path in sorted(folder.glob(f"*{ending}"))}


def stale_predictions(folder: Path, names: list[str]) -> list[str]:
    """Those of the names that the last inference into a folder did not write, as far as its scenes.json says."""
    try:
        written = json.loads((folder / SCENE_LIST).read_bytes())["scenes"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [name for name in names if name not in written]


def read_pairs(folders: list[Path], files: dict[str, Path], label_set: LabelSet, label_ids: LabelIds
               ) -> Iterator[tuple[str, list[np.ndarray], np.ndarray]]:
    """(scene, its predictions by each folder, ground truth), (N,) class indices; C: predicted outside the set, -1: not
    labelled. files: of the ground truth.

    Raises FileNotFoundError and ValueError, one line: missing scenes, lengths that differ, ids that are unknown.
    """
    found = [prediction_files(folder) for folder in folders]
    for folder, predictions in zip(folders, found):
        missing = [name for name in files if name not in predictions]
        if missing:
            raise FileNotFoundError(f"{folder / missing[0]}.txt: missing; no prediction for {len(missing)} of "
                                    f"{len(files)} scenes: {', '.join(missing[:5])}"
                                    f"{', ...' if len(missing) > 5 else ''}")
    own = [read_classes(folder / CLASSES_FILE).ids if (folder / CLASSES_FILE).is_file() else () for folder in folders]
    for name, path in files.items():
        truth = label_set.to_classes(read_truth(path, label_set, label_ids))
        predictions = []
        for each, further in zip(found, own):
            ids = read_ids(each[name])
            _check_length(len(ids), each[name], len(truth), path)
            classes = label_set.to_classes(ids)
            check_ids(ids, each[name], label_set, further)
            predictions.append(np.where(classes < 0, len(label_set), classes))
        yield name, predictions, truth


def read_truth(path: Path, label_set: LabelSet, label_ids: LabelIds) -> np.ndarray:
    """(N,) ids of the label set. Raises ValueError where there are none, or where they look like another table's."""
    if path.is_dir():
        labels = read_npy_scene(path, label_set).labels
        if labels is None:
            raise ValueError(f"{path}: has no labels to score against")
        return labels
    if path.suffix.lower() == ".txt":
        return label_ids(read_ids(path), path)
    columns = read_columns(path)
    if "ground_truth" in columns:  # as inference wrote it, so the label set's already
        return _integers(columns["ground_truth"], path)
    if "label" not in columns:
        raise ValueError(f"{path}: has no column `label` to score against")
    labels = _integers(columns["label"], path)
    if {"x", "y", "z"} <= columns.keys():
        points = np.stack([columns[axis] for axis in "xyz"], 1)
        keep = np.isfinite(points).all(1)
        table = label_ids.seen_elsewhere(points[keep], labels[keep], path)
        if table not in (None, "own"):
            raise ValueError(f"{path}: {looks_like(table, label_set)}")
    return label_ids(labels, path)


class GroundTruth:
    """Truth that lies elsewhere than predictions: in a dataset root, in a folder of files, or in one file.

    truth = GroundTruth(Path("data/scannet200")); ids = truth.of(prediction, label_set, count)
    """

    def __init__(self, root: Path, split: str = "val", label_ids: str = "auto"):
        """root, split, label_ids: as `lib.evaluate` takes them. Raises as `ground_truth_files`."""
        self.root, self.files = Path(root), ground_truth_files(Path(root), split)
        self.where = str(root) if self.root in self.files.values() else f"{root}, split {split}"
        self.settled = self.root.is_dir() and is_dataset_root(root, split)  # its scans are in metres, z up
        around = (self.root,) if self.root.is_dir() else (self.root.parent, self.root.parent.parent)
        self.named = [folder for folder in around if (folder / LABEL_SET_FILE).is_file()][:1]  # what its classes are
        self._label_ids, self._reader = label_ids, None

    def file_of(self, prediction: Path) -> Path | None:
        """The file that holds a prediction's truth: the one of its name or, where one file was named, that."""
        return self.root if self.root in self.files.values() else self.files.get(scan_name(prediction))

    def lacking(self, predictions: list[Path]) -> list[str]:
        """A line that says which predictions have no truth, if any. Raises FileNotFoundError where none has."""
        bare = [scan_name(path) for path in predictions if self.file_of(path) is None]
        few = f"{', '.join(bare[:5])}{', ...' if len(bare) > 5 else ''}"
        if bare and len(bare) == len(predictions):
            raise FileNotFoundError(f"--gt {self.where}: has no truth of {few}; --split names another split")
        return [f"no truth in {self.where} of {len(bare)} of {len(predictions)} scans: {few}"] if bare else []

    def of(self, prediction: Path, label_set: LabelSet, count: int) -> np.ndarray | None:
        """(N,) ids of the label set, of a prediction of N = `count` points; None where there is no truth.

        Prints what names of files say of their labels. Raises as `read_truth`, and ValueError where the truth is of
        another label set or length.
        """
        path = self.file_of(prediction)
        if path is None:
            return None
        if self._reader is None or not self._reader.label_set.same_classes(label_set):
            for folder in self.named:
                _check_label_set(folder, label_set)
            self._reader = LabelIds(self._label_ids, label_set)
            for line in self._reader.remarks(self.files.values()):
                print(line, file=sys.stderr)
        ids = read_truth(path, label_set, self._reader)
        _check_length(count, prediction, len(ids), path)
        return ids


def _check_length(count: int, prediction: Path, points: int, truth: Path) -> None:
    if count != points:
        raise ValueError(f"{prediction}: {count} predictions for the {points} points of {truth}")


def check_ids(ids: np.ndarray, path: Path, label_set: LabelSet, further: Sequence[int] = ()) -> None:
    """Raises ValueError for a prediction (N,) that is no id of the set, nor one of `further`."""
    wrong = (label_set.to_classes(ids) < 0) & ~np.isin(ids, [label_set.unlabelled_id, *further])
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{path}: prediction {row + 1} is {ids[row]}, no id of label set {label_set.name}; "
                         "--label_set names another")


def read_ids(path: Path) -> np.ndarray:
    """(N,) int64 of a .txt, or of a .ply's column `label`."""
    if path.suffix == ".ply":
        values = read_columns(path)
        if "label" not in values:
            raise ValueError(f"{path}: has no column `label`; a prediction has")
        return _integers(values["label"], path)
    try:
        values = np.array(path.read_bytes().split(), dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{path}: needs one whole number a line ({error})") from None
    return _integers(values, path)


def _integers(values: np.ndarray, path: Path) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        integers = values.astype(np.int64)
    if (integers != values).any():
        row = int(np.argmax(integers != values))
        raise ValueError(f"{path}: vertex {row}: label {values[row]} is no whole number")
    return integers
