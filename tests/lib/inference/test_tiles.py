"""Tiles: each voxel is answered for once in all, with its surroundings; and labels are those of the whole."""
import numpy as np
import pytest
import torch

from lib.inference.tiles import FADE, MARGIN, Blend, cut
from lib.predictor import Predictor
from main import main


def sheet(width: int, depth: int, seed: int = 0) -> np.ndarray:
    """(M, 3) int32 voxels of a floor with bumps on it, from a negative corner on."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(width), np.arange(depth), indexing="ij")
    height = 6 * (np.sin(x / 9) * np.cos(y / 7) > 0.2) + rng.integers(0, 2, x.shape)
    return np.stack([x - 50, y - 30, height], axis=2).reshape(-1, 3).astype(np.int32)


@pytest.mark.parametrize("largest", [10**6, 20_000, 9_000])
def test_every_voxel_is_answered_for_once_in_all(largest):
    voxels = sheet(400, 150)
    total, tiles = np.zeros(len(voxels)), list(cut(voxels, largest))
    for tile in tiles:
        assert np.all(np.diff(tile.rows) > 0) and (tile.weights > 0).all()
        total[tile.rows[tile.answered]] += tile.weights
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert (len(tiles) == 1) == (largest >= len(voxels))
    assert max(len(tile.rows) for tile in tiles) <= max(largest, (3 * FADE + 2 * MARGIN) * 4 * FADE * 4)


def test_a_tile_sees_all_that_lies_within_the_margin_of_what_it_answers_for():
    voxels = sheet(500, 60)
    tiles = list(cut(voxels, 12_000))
    assert len(tiles) > 2
    for tile in tiles:
        inside, seen = voxels[tile.rows[tile.answered]], np.zeros(len(voxels), bool)
        seen[tile.rows] = True
        low, high = inside.min(0) - MARGIN + 1, inside.max(0) + MARGIN - 1
        assert seen[((voxels >= low) & (voxels <= high))[:, :2].all(1)].all()


def test_a_few_columns_are_not_cut_however_high_they_are():
    tower = np.array([(x, y, z) for x in range(20) for y in range(20) for z in range(50)], np.int32)
    assert len(list(cut(tower, 100))) == 1


def test_blended_rows_come_once_as_the_weighted_sum_of_the_tiles():
    rng = np.random.default_rng(0)
    voxels = sheet(300, 100)
    blend, expected, seen = Blend(), torch.zeros(len(voxels), 5), np.zeros(len(voxels), int)
    result = torch.zeros(len(voxels), 5)
    for tile in cut(voxels, 12_000):
        rows, scores = tile.rows[tile.answered], torch.from_numpy(rng.standard_normal((len(tile.answered), 5))).float()
        expected[rows] += torch.from_numpy(tile.weights)[:, None] * scores
        for done, values in blend.add(rows, tile.weights, scores):
            seen[done] += 1
            result[done] = values
    assert (seen == 1).all()
    torch.testing.assert_close(result, expected, atol=5e-3, rtol=0)  # what is kept of overlaps is float16


@pytest.fixture
def large_scan():
    """Points of 20 x 7.5 m at 5 cm, in patches of the four colours of `run_flags`."""
    voxels = sheet(400, 150)
    rng = np.random.default_rng(1)
    points = ((voxels + rng.random(voxels.shape)) * 0.05).astype(np.float32)
    patch = (voxels[:, 0] // 21 + 2 * (voxels[:, 1] // 17)) % 4
    colors = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [200, 200, 40]])[patch]
    return points, (colors + rng.integers(-30, 30, colors.shape)).astype(np.uint8)


@pytest.mark.parametrize("tta", [1, 2])
def test_labels_in_tiles_are_those_of_the_whole(large_scan, run_flags, tta):
    assert main(run_flags("--max_epoch", "8")) == 0
    weights = run_flags.run / "best.ckpt"
    whole = Predictor(weights, max_voxels=0, tta=tta).predict(*large_scan, best=2)
    parts = Predictor(weights, max_voxels=25_000, tta=tta).predict(*large_scan, best=2)
    assert whole.tiles == 1 and parts.tiles > 2 and (np.bincount(whole.classes) > 1000).sum() > 2
    assert (whole.classes == parts.classes).mean() >= 0.995
    assert np.abs(whole.confidence - parts.confidence).mean() < 0.01
    assert np.array_equal(parts.best[:, 0], parts.classes)


def test_the_margin_is_needed(large_scan, run_flags, monkeypatch):
    """Without surroundings the same scan is answered far less as in one piece."""
    assert main(run_flags("--max_epoch", "8")) == 0
    points, colors = large_scan
    whole = Predictor(run_flags.run / "best.ckpt", max_voxels=0).probabilities(points, colors)

    def difference():
        parts = Predictor(run_flags.run / "best.ckpt", max_voxels=25_000).probabilities(points, colors)
        return np.abs(whole - parts).sum(1).mean()

    with_margin = difference()
    monkeypatch.setattr("lib.inference.tiles.MARGIN", 0)
    monkeypatch.setattr("lib.inference.tiles.FADE", 1)
    assert 0 < 5 * with_margin < difference()
