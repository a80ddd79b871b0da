"""The Triton path against the reference: compiled where there is a GPU, else in Triton's interpreter on the CPU."""
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

pytest.importorskip("triton", reason="no Triton: it comes with torch for CUDA; `pip install triton` brings it alone")

import lib.sparse as ME  # noqa: E402
from lib.execution import build_execution  # noqa: E402
from lib.sparse import chooser, schedules  # noqa: E402
from lib.sparse.convolution import sparse_convolution  # noqa: E402
from lib.sparse.paths import reference  # noqa: E402
from lib.sparse.paths.gpu import kernels, maps, tuning  # noqa: E402
from lib.sparse.schedules import Pairs, Schedule  # noqa: E402
from models import build_model  # noqa: E402
from tests.lib.sparse.sparse_cases import COORDINATES, difference, random_voxels, run, with_scene  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
CUDA = torch.cuda.is_available()
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 1e-2}
WHERE = COORDINATES if CUDA else {  # fewer voxels: the interpreter takes milliseconds for what a GPU does in a blink
    **COORDINATES, "a full cube": lambda: with_scene(torch.cartesian_prod(*[torch.arange(-3, 3)] * 3)),
    "32 scenes": lambda: random_voxels(scenes=32, extent=3),
    "odd negative extents": lambda: random_voxels(scenes=1, extent=9, low=-27),
    "more than a tile": lambda: random_voxels(scenes=1, extent=9, fill=0.4)}
everywhere = pytest.mark.parametrize("device", ["cuda"] if CUDA else [pytest.param("cpu", id="interpreter")])
every_type = pytest.mark.parametrize("dtype", TOLERANCE)


@pytest.fixture(autouse=True)
def restore():
    """Leave the engine and torch's precision as they were."""
    yield
    ME.set_engine("auto")
    torch.set_float32_matmul_precision("highest")


def assert_same_as_reference(layer, voxels, dtype, device):
    layer, voxels = layer.to(device, dtype), voxels.to(device)
    features = torch.randn(len(voxels), layer.in_channels).to(device, dtype)
    assert chooser.gpu_problem(features.device, dtype) is None  # or the reference would be compared with itself
    ours = run("triton", layer, voxels, features)
    exact = run("reference", layer.float(), voxels, features.float())
    for name, a, b in zip(("output", "input gradient", "weight gradient", "bias gradient"), ours, exact):
        assert a.dtype == dtype and difference(a, b) < TOLERANCE[dtype], name


@everywhere
@every_type
@pytest.mark.parametrize("where", WHERE)
def test_adversarial_coordinates_agree_with_the_reference(where, dtype, device):
    voxels = WHERE[where]()
    for layer in (ME.MinkowskiConvolution(6, 20, kernel_size=3),
                  ME.MinkowskiConvolution(6, 20, kernel_size=2, stride=2),
                  ME.MinkowskiConvolutionTranspose(6, 20, kernel_size=2, stride=2)):
        assert_same_as_reference(layer, voxels, dtype, device)


@everywhere
@every_type
@pytest.mark.parametrize("size,stride,dilation", [(1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 1), (3, 1, 1), (3, 1, 2),
                                                  (3, 2, 1), (5, 1, 1), (5, 2, 2)])
def test_every_kernel_shape_agrees_with_the_reference(size, stride, dilation, dtype, device):
    voxels = random_voxels(scenes=1, extent=6)
    for kind in (ME.MinkowskiConvolution, ME.MinkowskiConvolutionTranspose):
        layer = kind(8, 12, kernel_size=size, stride=stride, dilation=dilation, bias=True)
        assert_same_as_reference(layer, voxels, dtype, device)


@everywhere
@every_type
@pytest.mark.parametrize("inputs,outputs", [(1, 1), (3, 7), (3, 200), (16, 96), (200, 96), (96, 200), (200, 3),
                                            (130, 33)])
def test_every_channel_count_agrees_with_the_reference(inputs, outputs, dtype, device):
    layer = ME.MinkowskiConvolution(inputs, outputs, kernel_size=2)
    assert_same_as_reference(layer, random_voxels(1, 6), dtype, device)


def convolution_in_float64(features, weight, kernel_map):
    """The sum over the pairs in float64."""
    out = torch.zeros(kernel_map.num_outputs, weight.shape[2], dtype=torch.float64, device=features.device)
    for k, (i, o) in enumerate(zip(kernel_map.inputs, kernel_map.outputs)):
        out.index_add_(0, o, features[i].double() @ weight[k].double())
    return out


def gradient_in_float64(features, grad, kernel_map):
    """The weight gradient in float64."""
    return torch.stack([features[i].double().T @ grad[o].double() for i, o in zip(kernel_map.inputs,
                                                                                 kernel_map.outputs)])


@everywhere
@pytest.mark.parametrize("dtype,precision", [*((dtype, "highest") for dtype in TOLERANCE), (torch.float32, "high")])
def test_every_tile_that_may_be_chosen_gives_the_same(dtype, precision, device):
    torch.set_float32_matmul_precision(precision)
    tolerance = 2e-3 if dtype == torch.float32 and precision == "high" and device == "cuda" else TOLERANCE[dtype]
    kernel_map = ME.CoordinateManager(random_voxels(1, 8, 0.3).to(device)).kernel_map(1, 1, 2)
    rows = kernel_map.num_outputs
    features, grad = (torch.randn(rows, c, device=device).to(dtype) for c in (40, 70))
    weight = torch.randn(8, 40, 70, device=device).to(dtype)
    exact = (convolution_in_float64(features, weight, kernel_map), gradient_in_float64(features, grad, kernel_map))
    shape = tuning.Shape("convolve", 8, 40, 70, rows, dtype, kernels.input_precision(dtype))
    for tile in tuning.candidates(shape):
        assert difference(kernels.convolve(features, weight, kernel_map.schedule, tile=tile), exact[0]) < tolerance
    for tile in tuning.candidates(replace(shape, kernel="weight_gradient")):
        ours = kernels.weight_gradient(features, grad, kernel_map.neighbours.compacted, tile=tile)
        assert difference(ours, exact[1]) < tolerance


@everywhere
@every_type
def test_weight_gradient_is_the_same_in_every_run_however_many_share_it(dtype, device, monkeypatch):
    kernel_map = ME.CoordinateManager(random_voxels(1, 15, 0.5).to(device)).kernel_map(1, 1, 2)
    pairs = kernel_map.neighbours.compacted
    features, grad = (torch.randn(kernel_map.num_outputs, c, device=device).to(dtype) for c in (20, 24))
    tile = tuning.Tile(32, 32, 32, 4, 3)
    assert tuning.splits(8, kernel_map.num_outputs, tile.depth, torch.device("cpu")) > 2
    first, again = (kernels.weight_gradient(features, grad, pairs, tile=tile) for _ in range(2))
    assert torch.equal(first, again)
    for shares in (1, 3, 64):
        monkeypatch.setattr(tuning, "splits", lambda *_, shares=shares: shares)
        assert difference(kernels.weight_gradient(features, grad, pairs, tile=tile), first) < 1e-5


@everywhere
@pytest.mark.parametrize("where", WHERE)
def test_kernel_maps_are_the_reference_ones(where, device, monkeypatch):
    monkeypatch.setattr(schedules, "CHUNK", 1000)  # so that offsets come in portions
    voxels = WHERE[where]().to(device)
    for size, stride in ((3, 1), (5, 1), (2, 1), (2, 2), (3, 2)):
        tables = []
        for engine in ("triton", "reference"):
            ME.set_engine(engine)
            manager = ME.CoordinateManager(voxels)
            kernel_map = manager.kernel_map(1, manager.stride(1, stride), size)
            tables.append((kernel_map.table, kernel_map.transposed().table))
        assert all(torch.equal(a, b) for a, b in zip(*tables))


@everywhere
@pytest.mark.parametrize("size,stride", [(3, 1), (5, 1), (2, 2)])
def test_schedules_and_pairs_hold_what_the_table_holds(size, stride, device):
    manager = ME.CoordinateManager(random_voxels(1, 12, 0.4).to(device))
    table = manager.kernel_map(1, manager.stride(1, stride), size).table
    schedule, pairs = Schedule.of(table), Pairs.of(table)
    rebuilt = torch.full((len(table), schedule.inputs.shape[0] * schedules.GROUP), -1, dtype=torch.int32, device=device)
    for group, count in enumerate(schedule.counts.tolist()):
        used = schedule.inputs[group, :count]
        assert (used >= 0).any(1).all()
        rebuilt[schedule.offsets[group, :count].long(), group * schedules.GROUP:(group + 1) * schedules.GROUP] = used
    assert torch.equal(schedule.order.sort().values, torch.arange(table.shape[1], device=device).int())
    assert torch.equal(rebuilt[:, :table.shape[1]], table[:, schedule.order.long()])
    for k, count in enumerate(pairs.counts.tolist()):
        outputs = (table[k] >= 0).nonzero().squeeze(1)
        assert torch.equal(pairs.outputs[k, :count].long(), outputs)
        assert torch.equal(pairs.inputs[k, :count], table[k, outputs])


def test_rows_in_order_leave_few_offsets_to_a_group():
    """Back to the finer rows of a strided convolution every row has one of eight offsets: a group has one or two."""
    manager = ME.CoordinateManager(random_voxels(1, 20, 0.5))
    back = manager.kernel_map(1, manager.stride(1, 2), 2).transposed()
    counts = Schedule.of(back.table).counts
    assert len(counts) > 20 and counts.sum() <= len(counts) + 7


class Forbid(TorchDispatchMode):
    """Fails at operations whose result the host must wait for: their shape or value depends on the data."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        assert not any(word in str(function) for word in ("_local_scalar", "nonzero", "unique", "masked_select"))
        return function(*arguments, **options or {})


def test_maps_and_schedules_never_wait_for_the_device():
    manager = ME.CoordinateManager(random_voxels())
    for out_stride, size in ((1, 3), (1, 5), (manager.stride(1, 2), 2)):
        with Forbid():
            arguments = manager.neighbour_arguments(1, out_stride, size)
            table = maps.neighbour_table(*arguments)
            Schedule.of(table)
            Schedule.of(maps.reverse_table(table, len(arguments[0])))
            Pairs.of(table)
    with pytest.raises(AssertionError), Forbid():
        reference.neighbour_table(*arguments)  # as the reference does


@everywhere
def test_autocast_computes_in_bfloat16_and_gives_float32_gradients(device):
    voxels, layer = random_voxels().to(device), ME.MinkowskiConvolution(16, 24, kernel_size=2).to(device)
    features = torch.randn(len(voxels), 16).to(device)
    exact = run("reference", layer, voxels, features)
    assert chooser.gpu_problem(features.device, torch.bfloat16) is None
    with torch.autocast(device, dtype=torch.bfloat16):
        ours = run("triton", layer, voxels, features)
    assert ours[0].dtype == torch.bfloat16 and ours[2].dtype == torch.float32
    assert all(difference(a, b) < 2e-2 for a, b in zip(ours, exact))


@everywhere
def test_rows_that_lie_apart_are_read_right(device):
    """Gradients of a concatenation are slices of a wider tensor."""
    ME.set_engine("triton")
    voxels = random_voxels(1, 8).to(device)
    kernel_map = ME.CoordinateManager(voxels).kernel_map(1, 1, 2)
    wide, weight = torch.randn(len(voxels), 20, device=device), torch.randn(8, 8, 5, device=device)
    for apart in (wide[:, 3:11], wide.T.contiguous().T[:, 3:11]):
        ours = sparse_convolution(apart, weight, kernel_map)
        assert torch.equal(ours, sparse_convolution(apart.contiguous(), weight, kernel_map))


@everywhere
@pytest.mark.slow
def test_rows_are_found_beyond_as_many_elements_as_32_bits_count(device):
    """Few rows, very far apart: of the 4.3 GB between them nothing is touched."""
    kernel_map = ME.CoordinateManager(random_voxels(1, 9).to(device)).kernel_map(1, 1, 2)
    rows, pairs = kernel_map.num_outputs, kernel_map.neighbours.compacted
    apart = 2**31 // rows + 2**20
    far = torch.empty(rows * apart, dtype=torch.bfloat16, device=device).as_strided((rows, 8), (apart, 1))
    far.copy_(torch.randn(rows, 8))
    near, weight = torch.randn(rows, 6).to(far), torch.randn(8, 8, 6).to(far)
    assert (rows - 1) * apart > 2**31
    for ours, same in ((kernels.convolve(far, weight, kernel_map.schedule),
                        kernels.convolve(far.contiguous(), weight, kernel_map.schedule)),
                       (kernels.weight_gradient(far, near, pairs),
                        kernels.weight_gradient(far.contiguous(), near, pairs)),
                       (kernels.weight_gradient(near, far, pairs),
                        kernels.weight_gradient(near, far.contiguous(), pairs))):
        assert torch.equal(ours, same)


@everywhere
def test_whole_network_forward_and_backward_equal_the_reference(device):
    voxels, model = random_voxels(1, 6, 0.4).to(device), build_model("Res16UNet14S", 3, 20).to(device)
    features, results = torch.rand(len(voxels), 3).to(device), []
    for engine in ("triton", "reference"):
        ME.set_engine(engine)
        model.zero_grad()
        out = model.eval()(ME.SparseTensor(features, voxels)).F  # batch norm over a few voxels would be chaotic
        functional.cross_entropy(out, torch.arange(len(out), device=device) % 20).backward()
        results.append((out.detach(), torch.cat([p.grad.flatten() for p in model.parameters()])))
    (out, grad), (exact_out, exact_grad) = results
    assert difference(out, exact_out) < 1e-4 and difference(grad, exact_grad) < 1e-3


@everywhere
def test_kernels_that_disagree_with_the_reference_are_not_used(device, monkeypatch, caplog):
    device = torch.device(device, 0) if device == "cuda" else torch.device(device)
    monkeypatch.setattr(kernels, "convolve", lambda features, weight, *_: features.new_zeros(len(features),
                                                                                             weight.shape[2]))
    chooser._gpu_problem.cache_clear()
    try:
        with pytest.raises(ValueError, match="--sparse_engine triton: the Triton float32 convolution is .* off"):
            ME.set_engine("triton")
        monkeypatch.setattr(chooser, "_engine", "triton")
        chooser._say.cache_clear()
        assert all(chooser.path_of(torch.zeros(1, device=device)) is reference for _ in range(3))
        assert caplog.text.count("slower reference path") == 1
    finally:
        chooser._gpu_problem.cache_clear()


@everywhere
def test_kernels_that_do_not_compile_leave_the_reference_path(device, monkeypatch):
    def fail(*_):
        raise RuntimeError("PTX assembly aborted\nand more")

    monkeypatch.setattr(kernels, "convolve", fail)
    chooser._gpu_problem.cache_clear()
    problem = chooser.gpu_problem(torch.device(device), torch.float32)
    chooser._gpu_problem.cache_clear()
    assert problem == f"the Triton kernels fail on {device}: RuntimeError: PTX assembly aborted"


def python(code, **environment):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True,
                          text=True)


def test_engine_triton_without_triton_or_gpu_names_the_remedy():
    code = "import sys; sys.modules['triton'] = None; import lib.sparse as ME; ME.set_engine('triton')"
    error = python(code).stderr
    assert "--sparse_engine triton: Triton, which comes with torch for CUDA" in error
    assert "use --sparse_engine auto" in error
    if not CUDA:
        error = python("import lib.sparse as ME; ME.set_engine('triton')", TRITON_INTERPRET="0").stderr
        assert "--sparse_engine triton: torch sees no CUDA device; use --sparse_engine auto" in error


def test_tf32_is_torchs_setting_and_reaches_the_kernels():
    build_execution("auto", "tf32")
    assert kernels.input_precision(torch.float32) == "tf32" and kernels.input_precision(torch.bfloat16) == "ieee"
    build_execution("auto", "float32")
    assert kernels.input_precision(torch.float32) == "ieee"


def test_every_kernel_compiles_for_a_real_card(tmp_path):
    """With Triton's own compiler, whose wheel carries ptxas; no GPU takes part."""
    options = ["--archs", "80", "--types", "bf16", "--channels", "96x96", "--first"]
    result = subprocess.run([sys.executable, "-m", "benchmarks.gpu_compile", *options], cwd=ROOT, text=True,
                            capture_output=True, env=os.environ | {"TRITON_CACHE_DIR": str(tmp_path)})
    assert result.returncode == 0, result.stderr
    header, _, *rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines()]
    rows = [dict(zip(header, row)) for row in rows]
    assert [row["kernel"] for row in rows] == ["convolve", "convolve", "weight_gradient"]
    assert all(row["fits"] == "yes" and int(row["matrix instructions"]) > 0 for row in rows)
    assert all(0 < int(row["registers"]) <= 255 for row in rows)


def test_the_kernels_are_compiled_where_there_is_a_gpu():
    assert kernels.INTERPRETED != CUDA


@pytest.mark.skipif(not CUDA, reason="no GPU: this and, compiled, all of the above run where there is one")
def test_maps_on_a_gpu_do_not_synchronise():
    manager = ME.CoordinateManager(random_voxels(2, 20).cuda())
    arguments = [manager.neighbour_arguments(1, out_stride, size)
                 for out_stride, size in ((1, 3), (manager.stride(1, 2), 2))]
    torch.cuda.set_sync_debug_mode("error")
    try:
        for these in arguments:
            Schedule.of(maps.neighbour_table(*these))
            Pairs.of(maps.neighbour_table(*these))
    finally:
        torch.cuda.set_sync_debug_mode("default")
