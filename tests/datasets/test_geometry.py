"""Which voxels hang together, against a flood fill."""
import numpy as np
import pytest

from datasets.geometry import connected


def flood_fill(voxels):
    """Components of a set of voxels, as sets of rows, by visiting neighbours."""
    rows = {tuple(v): i for i, v in enumerate(voxels.tolist())}
    parts, left = [], set(rows)
    while left:
        stack, part = [left.pop()], set()
        while stack:
            cell = stack.pop()
            part.add(rows[cell])
            for step in np.ndindex(3, 3, 3):
                near = tuple(c + s - 1 for c, s in zip(cell, step))
                if near in left:
                    left.remove(near)
                    stack.append(near)
        parts.append(frozenset(part))
    return set(parts)


@pytest.mark.parametrize("count", [0, 1, 60, 400])
def test_connected_voxels_are_those_a_flood_fill_over_26_neighbours_reaches(count):
    voxels = np.unique(np.random.default_rng(count).integers(-8, 8, (count, 3)), axis=0).astype(np.int32)
    part = connected(voxels)
    found = {frozenset(np.flatnonzero(part == k).tolist()) for k in np.unique(part)}
    assert found == flood_fill(voxels)
    assert count < 60 or len(found) > 1


def test_voxels_of_other_classes_do_not_hang_together():
    rng = np.random.default_rng(3)
    voxels = np.unique(rng.integers(-5, 5, (500, 3)), axis=0).astype(np.int32)
    classes = rng.integers(0, 3, len(voxels))
    part = connected(voxels, classes)
    found = {frozenset(np.flatnonzero(part == k).tolist()) for k in np.unique(part)}
    expected = set()
    for k in range(3):
        rows = np.flatnonzero(classes == k)
        expected |= {frozenset(rows[list(each)].tolist()) for each in flood_fill(voxels[rows])}
    assert found == expected and len(found) > 3
