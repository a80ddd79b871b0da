"""Training augmentation: points are moved before voxelisation, voxels are coloured after it, as the original does.

    move, recolor = point_transforms(config, voxel_size), color_transforms(config)
    points, colors, labels = move(points, colors, labels, np.random.default_rng(0))

Every transform takes and returns points (N, 3) float32 metres, colors (N, 3) float32 0..255 and labels, changes
coordinates or colours only, and leaves its input arrays, the number and the order of the points as they are. List,
order, odds and ranges are the original's.
"""
from argparse import Namespace
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.ndimage import convolve1d

from datasets.geometry import bounds

NEUTRAL_COLOR = 127.5  # of 0..255, 0 once normalised: what a network sees of points without colour
NOISE_LIMIT = 20_000_000  # grid nodes of elastic distortion; a hall of 100 x 100 x 10 m needs 13 million

Cloud = tuple[np.ndarray, np.ndarray, np.ndarray | None]
Transform = Callable[[np.ndarray, np.ndarray, np.ndarray | None, np.random.Generator], Cloud]


class Compose:
    """One transform after the other."""

    def __init__(self, transforms: Sequence[Transform]):
        self.transforms = list(transforms)

    def __call__(self, points, colors, labels, rng) -> Cloud:
        for transform in self.transforms:
            points, colors, labels = transform(points, colors, labels, rng)
        return points, colors, labels


class ElasticDistortion:
    """Displace points by smooth noise (Simard et al. 2003; MinkowskiEngine's ScanNet example), with probability `p`.

    settings: (granularity, magnitude) in metres, one after the other: normal noise on a grid of that spacing, blurred
    twice by 3-boxes along each axis, interpolated linearly, times magnitude.
    """

    def __init__(self, p: float = 0.95, settings: Sequence[tuple[float, float]] = ((0.2, 0.4), (0.8, 1.6))):
        self.p = p
        self.settings = tuple(settings)

    def __call__(self, points, colors, labels, rng) -> Cloud:
        if len(points) and rng.random() < self.p:
            for granularity, magnitude in self.settings:
                points = elastic_distortion(points, granularity, magnitude, rng)
        return points, colors, labels


def elastic_distortion(points: np.ndarray, granularity: float, magnitude: float,
                       rng: np.random.Generator) -> np.ndarray:
    """points: (N, 3) metres. Returns displaced points (N, 3) float32.

    Raises ValueError for a scene so wide that its noise grid would fill the memory.
    """
    lowest, highest = bounds(points)
    extent = highest - lowest
    if np.prod(extent / granularity + 3, dtype=np.float64) > NOISE_LIMIT:
        raise ValueError(f"scene of {' x '.join(f'{metres:.0f}' for metres in extent)} m is too wide for elastic "
                         "distortion: are its coordinates metres? If so, use --elastic_distortion False")
    shape = (extent // granularity).astype(int) + 3
    noise = rng.standard_normal((3, *shape), dtype=np.float32)
    box = np.full(3, 1 / 3)
    for _ in range(2):
        for axis in (1, 2, 3):
            noise = convolve1d(noise, box, axis=axis, mode="constant", output=np.float32)
    # The grid begins one cell before the first point; `grid_sample` counts from -1 to 1 and takes z y x for x y z.
    where = (points - lowest) * np.float32(1 / granularity) + np.float32(1)  # (N, 3) cells
    where = (where * (2 / (np.array(shape, np.float32) - 1)) - 1)[:, ::-1]
    moved = torch.nn.functional.grid_sample(
        torch.from_numpy(noise)[None], torch.from_numpy(np.ascontiguousarray(where))[None, None, None],
        mode="bilinear", padding_mode="border", align_corners=True)  # (1, 3, 1, 1, N)
    return points + moved.view(3, -1).numpy().T * np.float32(magnitude)


class RandomRotation:
    """Rotate about the origin by uniform angles: x, y and z in ±`ranges` (radians), the order of the axes random."""

    def __init__(self, ranges: tuple[float, float, float] = (np.pi / 64, np.pi / 64, np.pi)):
        self.ranges = ranges

    def __call__(self, points, colors, labels, rng) -> Cloud:
        matrices = [rotation_matrix(axis, rng.uniform(-limit, limit)) for axis, limit in enumerate(self.ranges)]
        rng.shuffle(matrices)
        matrix = matrices[0] @ matrices[1] @ matrices[2]
        return points @ matrix.T.astype(np.float32), colors, labels


def rotation_matrix(axis: int, angle: float) -> np.ndarray:
    """(3, 3) float64 rotation by `angle` radians about axis 0, 1 or 2, counter-clockwise seen from its tip."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i] = np.sin(angle)
    matrix[i, j] = -np.sin(angle)
    return matrix


class RandomScale:
    """Scale all axes by one factor, uniform in `low`..`high`."""

    def __init__(self, low: float = 0.9, high: float = 1.1):
        if not 0 < low <= high:
            raise ValueError(f"scale range {low}..{high}: needs 0 < --data_aug_scale_min <= --data_aug_scale_max")
        self.low, self.high = low, high

    def __call__(self, points, colors, labels, rng) -> Cloud:
        return points * np.float32(rng.uniform(self.low, self.high)), colors, labels


class RandomShift:
    """Shift each axis by 0..`limit` metres."""

    def __init__(self, limit: float):
        self.limit = limit

    def __call__(self, points, colors, labels, rng) -> Cloud:
        return points + rng.uniform(0, self.limit, 3).astype(np.float32), colors, labels


class PointJitter:
    """Add normal noise of deviation `std` metres to every coordinate of every point."""

    def __init__(self, std: float):
        self.std = std

    def __call__(self, points, colors, labels, rng) -> Cloud:
        return points + rng.standard_normal(points.shape, dtype=np.float32) * np.float32(self.std), colors, labels


class RandomHorizontalFlip:
    """With probability `p`: mirror x and y, each with probability `p_axis`, inside the scene's own extent."""

    def __init__(self, p: float = 0.95, p_axis: float = 0.5):
        self.p, self.p_axis = p, p_axis

    def __call__(self, points, colors, labels, rng) -> Cloud:
        if len(points) and rng.random() < self.p:
            points = points.copy()
            for axis in (0, 1):
                if rng.random() < self.p_axis:
                    points[:, axis] = points[:, axis].max() - points[:, axis]
        return points, colors, labels


class ChromaticAutoContrast:
    """With probability `p`: blend each channel with itself stretched to 0..255, by a uniform factor 0..1."""

    def __init__(self, p: float = 0.2):
        self.p = p

    def __call__(self, points, colors, labels, rng) -> Cloud:
        if len(colors) and rng.random() < self.p:
            low, high = bounds(colors)
            scale = np.float32(255) / np.maximum(high - low, 1)  # a channel of one value stays finite
            blend = np.float32(rng.random())
            colors = (1 - blend) * colors + blend * (colors - low) * scale
        return points, colors, labels


class ChromaticTranslation:
    """With probability `p`: add to each channel one uniform value of ±255 · `ratio`."""

    def __init__(self, p: float = 0.95, ratio: float = 0.10):
        self.p, self.ratio = p, ratio

    def __call__(self, points, colors, labels, rng) -> Cloud:
        if rng.random() < self.p:
            shift = (rng.uniform(-1, 1, 3) * 255 * self.ratio).astype(np.float32)
            colors = np.clip(colors + shift, 0, 255)
        return points, colors, labels


class ChromaticJitter:
    """With probability `p`: add normal noise of deviation 255 · `std` to every channel of every point."""

    def __init__(self, p: float = 0.95, std: float = 0.05):
        self.p, self.std = p, std

    def __call__(self, points, colors, labels, rng) -> Cloud:
        if rng.random() < self.p:
            noise = rng.standard_normal(colors.shape, dtype=np.float32) * np.float32(255 * self.std)
            colors = np.clip(colors + noise, 0, 255)
        return points, colors, labels


class ColorDropout:
    """With probability `p`: give every point the neutral colour, so that a network also learns to do without."""

    def __init__(self, p: float):
        self.p = p

    def __call__(self, points, colors, labels, rng) -> Cloud:
        if rng.random() < self.p:
            colors = np.full(colors.shape, NEUTRAL_COLOR, np.float32)
        return points, colors, labels


def point_transforms(config: Namespace, voxel_size: float) -> Compose:
    """What moves points, by the flags: nothing without --train_augmentation.

    voxel_size: metres; the shift goes up to 100 voxels.
    """
    if not config.train_augmentation:
        return Compose([])
    elastic = [ElasticDistortion()] if config.elastic_distortion else []
    jitter = [PointJitter(config.point_jitter)] if config.point_jitter else []  # else nothing is drawn for it
    return Compose(elastic + [RandomRotation(), RandomScale(config.data_aug_scale_min, config.data_aug_scale_max),
                              RandomHorizontalFlip(), RandomShift(100 * voxel_size), *jitter])


def color_transforms(config: Namespace) -> Compose:
    """What changes colours, by the flags: without --train_augmentation, --color_dropout alone, which comes last."""
    dropout = [ColorDropout(config.color_dropout)] if config.color_dropout else []  # else nothing is drawn for it
    if not config.train_augmentation:
        return Compose(dropout)
    return Compose([ChromaticAutoContrast(), ChromaticTranslation(ratio=config.data_aug_color_trans_ratio),
                    ChromaticJitter(std=config.data_aug_color_jitter_std), *dropout])
