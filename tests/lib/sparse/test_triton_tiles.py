"""Which tile a Triton kernel runs with: a short list for each shape, timed once, remembered on disk."""
import json
from dataclasses import astuple, replace

import pytest
import torch

pytest.importorskip("triton", reason="no Triton: it comes with torch for CUDA; `pip install triton` brings it alone")

import lib.sparse as ME  # noqa: E402
from lib.sparse import schedules  # noqa: E402
from lib.sparse.paths import reference  # noqa: E402
from lib.sparse.paths.gpu import kernels, tuning  # noqa: E402
from tests.lib.sparse.sparse_cases import difference, random_voxels  # noqa: E402

SHAPE = tuning.Shape("convolve", 27, 96, 96, 100_000, torch.bfloat16, "ieee")


def test_a_tile_is_timed_once_for_each_magnitude_and_remembered_on_disk(tmp_path, monkeypatch):
    timed, file, device = [], tmp_path / "lib_sparse" / "tiles.json", torch.device("cuda", 0)
    monkeypatch.setattr(tuning, "_file", lambda _: file)
    monkeypatch.setattr(tuning, "fastest", lambda tiles, launch: timed.append(tiles) or tiles[2])
    monkeypatch.setattr(tuning, "_chosen", {})
    shapes = [replace(SHAPE, rows=rows) for rows in (100_000, 110_000, 1_000_000)]
    chosen = [tuning.choose(shape, device, None) for shape in shapes * 2]
    assert len(timed) == 2 and all(tile == tuning.candidates(SHAPE)[2] for tile in chosen)
    assert json.loads(file.read_text())[SHAPE.key] == list(astuple(chosen[0]))
    tuning._chosen.clear()  # as in the next process
    assert tuning.choose(SHAPE, device, None) == chosen[0] and len(timed) == 2
    for spoilt in ("{", "[1]", json.dumps({SHAPE.key: [1, 2, 3, 4, 5]})):
        file.write_text(spoilt)
        tuning._chosen.clear()
        tuning.choose(SHAPE, device, None)
    assert len(timed) == 5 and [path.name for path in file.parent.iterdir()] == ["tiles.json"]


def test_a_small_shape_takes_its_smallest_tile_untimed(monkeypatch):
    monkeypatch.setattr(tuning, "_chosen", {})
    monkeypatch.setattr(tuning, "fastest", None)
    tile = tuning.choose(replace(SHAPE, rows=tuning.SMALL - 1), torch.device("cuda", 0), None)
    assert (tile.rows, tile.columns, tile.depth) == (64, 64, 64)


UNFIT = [tuning.triton.runtime.errors.OutOfResources(1, 0, "shared memory"),
         tuning.triton.runtime.errors.PTXASError("too many registers")]


@pytest.mark.parametrize("unfit", UNFIT, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("speed,fits,timed", [
    (lambda tile: tile.rows + tile.columns / 2 + tile.depth, lambda tile: True,
     [(128, 128, 64), (128, 64, 64), (64, 128, 64), (64, 64, 64), (64, 64, 32)]),
    (lambda tile: -tile.rows - tile.columns / 2, lambda tile: tile.depth == 32,
     [(128, 128, 32), (128, 64, 32), (64, 128, 32), (64, 64, 32)])])
def test_other_depths_are_timed_for_the_best_rows_and_columns_only(speed, fits, timed, unfit, monkeypatch):
    tiles, launched = tuning.candidates(SHAPE), []

    def bench(launch, **_):
        tile = launch()
        if not fits(tile):
            raise unfit
        launched.append((tile.rows, tile.columns, tile.depth))
        return speed(tile)

    monkeypatch.setattr(tuning.triton.testing, "do_bench", bench)
    best = tuning.fastest(tiles, lambda tile: tile)
    assert launched == timed and best == min((tile for tile in tiles if fits(tile)), key=speed)


@pytest.mark.parametrize("kernel", ["convolve", "weight_gradient"])
@pytest.mark.parametrize("channels", [(1, 1), (3, 32), (96, 200), (512, 512)])
def test_few_tiles_are_timed_and_all_fit_a_group(kernel, channels):
    for dtype, precision in ((torch.float32, "ieee"), (torch.float32, "tf32"), (torch.bfloat16, "ieee")):
        tiles = tuning.candidates(tuning.Shape(kernel, 27, *channels, 1000, dtype, precision))
        assert 1 <= len(set(tiles)) == len(tiles) <= 8
        for tile in tiles:
            assert min(tile.rows, tile.columns, tile.depth) >= 16
            assert kernel == "weight_gradient" or schedules.GROUP % tile.rows == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_fastest_tile_on_a_gpu_is_one_of_the_candidates_and_right(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "_file", lambda _: tmp_path / "tiles.json")
    monkeypatch.setattr(tuning, "_chosen", {})
    kernel_map = ME.CoordinateManager(random_voxels(1, 20, 0.4).cuda()).kernel_map(1, 1, 3)
    features, weight = torch.randn(kernel_map.num_outputs, 40).cuda(), torch.randn(27, 40, 70).cuda()
    assert kernel_map.num_outputs >= tuning.SMALL
    ours = kernels.convolve(features, weight, kernel_map.schedule)
    assert difference(ours, reference.convolve(features.double(), weight.double(), kernel_map)) < 1e-5
    tile, = tuning._chosen.values()
    assert tile in tuning.candidates(tuning.Shape("convolve", 27, 40, 70, len(features), torch.float32, "ieee"))
    assert [*json.loads((tmp_path / "tiles.json").read_text()).values()] == [list(astuple(tile))]
