"""Mix3D (Nekrasov et al., 3DV 2021): a training scene and another, both augmented, in one place, `--mix_scenes P`.

    points, colors, labels = mix(first, second, rng)     # each (points (N, 3), colors (N, 3), labels (N,))
"""
import numpy as np

from datasets.geometry import bounds
from datasets.transforms import Cloud, RandomRotation

SHIFT = 0.5  # metres, of the first scene at most along each axis
TURN = RandomRotation((np.pi / 24, np.pi / 24, np.pi))  # of the second scene about x, y, z


def mix(first: Cloud, second: Cloud, rng: np.random.Generator) -> Cloud:
    """The points of both scenes, first then second, every point with its own colour and label; colours are None where
    one of the scenes has none.

    Both are centred, x and y in their middle and z on their lowest point, so that they share a floor; then the first is
    shifted a little and the second turned.
    """
    moved = _centred(first[0]) + rng.uniform(-SHIFT, SHIFT, 3).astype(np.float32)
    turned = TURN(_centred(second[0]), None, None, rng)[0]
    colors = None if first[1] is None or second[1] is None else np.concatenate([first[1], second[1]])
    return (np.concatenate([moved, turned]), colors, np.concatenate([first[2], second[2]]))


def _centred(points: np.ndarray) -> np.ndarray:
    low, high = bounds(points)
    origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], dtype=points.dtype)
    return points - origin
