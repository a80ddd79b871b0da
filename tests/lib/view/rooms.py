"""A small room with a prediction, its truth and all else that a page shows, as inference writes it."""
from pathlib import Path

import numpy as np

from datasets.label_sets import LabelSet, label_set_of, load_label_set
from datasets.ply import write_columns

SCANNET200 = load_label_set()
CHAIR, TABLE, WALL, FLOOR, CEILING, LAMP = (SCANNET200.index(name) for name in (
    "chair", "table", "wall", "floor", "ceiling", "lamp"))


def room(spacing: float = 0.04) -> tuple[np.ndarray, np.ndarray]:
    """A 3 x 2 x 2.5 m room with a chair in the middle and a table beside it: points (N, 3), classes (N,)."""
    def plane(axis, value, size, name, shift=(0, 0, 0)):
        u, v = np.meshgrid(*(np.arange(0, s + 1e-6, spacing) for s in size))
        points = np.insert(np.stack([u.ravel(), v.ravel()], 1), axis, value, axis=1)
        return points + shift, np.full(len(points), name)
    parts = [plane(2, 0, (3, 2), FLOOR), plane(2, 2.5, (3, 2), CEILING), plane(0, 0, (2, 2.5), WALL),
             plane(0, 3, (2, 2.5), WALL), plane(1, 0, (3, 2.5), WALL), plane(1, 2, (3, 2.5), WALL),
             plane(2, 0.6, (0.6, 0.6), CHAIR, (1.2, 0.7, 0)), plane(2, 0.8, (0.7, 0.7), TABLE, (2.1, 0.9, 0))]
    return tuple(np.concatenate(column) for column in zip(*parts))


def write_prediction(folder: Path, name: str = "room", best: int = 0, truth: bool = True, spacing: float = 0.04,
                     label_set: LabelSet = SCANNET200, seed: int = 0) -> Path:
    """<name>.ply with prediction (half of the table is taken for a chair), confidence, truth; best: K of the .npz."""
    random = np.random.default_rng(seed)
    points, classes = room(spacing)
    prediction = np.where((classes == TABLE) & (points[:, 0] > 2.45), CHAIR, classes)
    columns = {axis: points[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    columns |= dict(zip(("red", "green", "blue"), label_set.to_colors(prediction).T))
    columns |= {"label": label_set.to_ids(prediction),
                "confidence": np.where(prediction == classes, 0.9, 0.4).astype(np.float32)}
    grey = random.integers(120, 220, len(points)).astype(np.uint8)
    columns |= {f"input_{channel}": grey for channel in ("red", "green", "blue")}
    if truth:
        columns["ground_truth"] = label_set.to_ids(classes)
    write_columns(folder / f"{name}.ply", columns)
    if best:
        ids = np.concatenate([prediction[:, None], np.tile(LAMP + np.arange(best - 1), (len(points), 1))], 1)
        shares = np.tile(np.linspace(0.8, 0.1, best), (len(points), 1)).astype(np.float16)
        np.savez_compressed(folder / f"{name}.npz", ids=label_set.to_ids(ids), probabilities=shares)
    return folder / f"{name}.ply"


def write_many_classes(folder: Path, count: int) -> Path:
    """A floor of 3 x 3 m with `count` classes in stripes, the last ones the rarest, all predicted right."""
    label_set = label_set_of([f"class {k}" for k in range(count)], "own")
    label_set.write(folder / "label_set.csv")
    side = np.arange(0, 3, 0.05)
    points = np.stack(np.meshgrid(side, side, [0.0]), -1).reshape(-1, 3).astype(np.float32)
    classes = np.sort(np.arange(len(points)) % count)
    columns = dict(zip("xyz", points.T)) | {f"input_{channel}": np.full(len(points), 200, np.uint8)
                                            for channel in ("red", "green", "blue")}
    write_columns(folder / "many.ply", columns | {"label": label_set.to_ids(classes),
                                                  "ground_truth": label_set.to_ids(classes)})
    return folder / "many.ply"
