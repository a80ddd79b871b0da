"""A scan as its file has it, and the way to what a network sees and back: `Scan`, `Cloud`.

    scan = read_scan("room.e57", ScanOptions()); cloud = scan.cloud()
    classes = scan.at_vertices(predict(cloud.points, cloud.colors), fill=-1)   # one for each vertex of the file
"""
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

FAR = 1000  # metres; float32 has steps of 0.06 mm there


@dataclass
class Cloud:
    """What a network sees: points (M, 3) float32, metres, z up, near the origin; colors (M, 3) uint8, None without."""
    points: np.ndarray
    colors: np.ndarray | None


@dataclass
class Scan:
    """One scan, in the file's vertex order and the file's coordinates.

    points: (N, 3) float64, as the file has them, whatever unit and axes; may hold NaN. colors: (N, 3) uint8, or None.
    labels: (N,) int32 raw ids, 0 = unlabelled, or None. instances: (N,) int32, 0 = none, or None.
    left_out: (N,) bool, vertices that the network does not see though their coordinates are finite (transparent splats,
    returns that a scanner calls invalid, strays far off), or None.
    faces: (F, 3) int64 vertex rows, or None. columns: further vertex columns by name, each (N,), as the file has them.
    samples, sample_colors: (S, 3) float64 points on the faces of a coarse mesh, in the file's coordinates, and their
    colours (None where `colors` is), which the network sees beside the vertices.
    axes: (3, 3), takes a shifted point of the file to metres, z up: turn times unit. origin: (3,) float64, the file's
    coordinates of the network's origin. remarks: what was guessed or left out, a line each, with the flag that
    overrules it; warnings: those of them that are doubtful or cost accuracy.
    """
    name: str
    path: Path
    points: np.ndarray
    colors: np.ndarray | None = None
    labels: np.ndarray | None = None
    instances: np.ndarray | None = None
    left_out: np.ndarray | None = None
    faces: np.ndarray | None = None
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    samples: np.ndarray | None = None
    sample_colors: np.ndarray | None = None
    axes: np.ndarray = field(default_factory=lambda: np.eye(3))
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    remarks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def seen(self) -> np.ndarray:
        """(N,) bool: the vertices that the network sees: with finite coordinates, and not left out."""
        finite = np.isfinite(self.points).all(1)
        return finite if self.left_out is None else finite & ~self.left_out

    def cloud(self) -> Cloud:
        """The seen vertices, in the file's order, then the samples."""
        points, colors = self.points[self.seen], None if self.colors is None else self.colors[self.seen]
        if self.samples is not None and len(self.samples):
            points = np.concatenate([points, self.samples])
            colors = None if colors is None else np.concatenate([colors, self.sample_colors])
        return Cloud(((points - self.origin) @ self.axes.T).astype(np.float32), colors)  # (M, 3)

    def placed(self) -> np.ndarray:
        """The cloud's points (M, 3) float32 in metres, z up, but at the file's own place if float32 is fine enough."""
        points = self.points[self.seen]
        if self.samples is not None:
            points = np.concatenate([points, self.samples])
        turned = points if np.array_equal(self.axes, np.eye(3)) else points @ self.axes.T  # (M, 3)
        if np.abs(turned).max() > FAR:
            turned = turned - self.axes @ self.origin
        return turned.astype(np.float32)

    def at_vertices(self, values: np.ndarray, fill) -> np.ndarray:
        """Values of the cloud's points (M, ...) at the file's vertices (N, ...); `fill` where the network saw none."""
        seen = self.seen
        found = np.full((len(self.points), *values.shape[1:]), fill, values.dtype)
        found[seen] = values[:int(seen.sum())]
        return found


def as_input(scan: Scan) -> Scan:
    """The scan as the network saw it: of an output of inference its colours and labels, in place of the prediction's.
    """
    if "input_red" not in scan.columns:
        return scan
    colors = np.stack([scan.columns[f"input_{name}"] for name in ("red", "green", "blue")], 1).astype(np.uint8)
    if (colors == colors[0, 0]).all():  # as outputs have it where the scan had none
        colors = None
    truth = scan.columns.get("ground_truth")
    columns = {name: values for name, values in scan.columns.items()
               if name not in ("confidence", "ground_truth") and not name.startswith("input_")}
    said = "an output of inference: its colours and labels are those of the scan that went in"
    return replace(scan, colors=colors, labels=None if truth is None else truth.astype(np.int32), columns=columns,
                   remarks=[*scan.remarks, said])
