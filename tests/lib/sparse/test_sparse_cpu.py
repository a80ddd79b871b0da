"""The compiled CPU path against the reference path: sums, gradients, kernel maps, batch norm, and life without it."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import lib.sparse as ME
from lib.sparse import chooser, norm
from lib.sparse.convolution import sparse_convolution
from lib.sparse.paths import cpu, reference
from lib.sparse.selfcheck import CheckError, compare
from models import build_model
from tests.lib.sparse.sparse_cases import COORDINATES, difference, random_voxels, run

ROOT = Path(__file__).resolve().parents[3]
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
pytestmark = pytest.mark.skipif(chooser.cpu_problem() is not None, reason=f"{chooser.cpu_problem()}")


@pytest.fixture(autouse=True)
def restore():
    """Leave the engine and the thread count as they were."""
    yield
    ME.set_engine("auto")
    torch.set_num_threads(2)


def assert_same_as_reference(layer, coordinates, dtype=torch.float32):
    layer = layer.to(dtype)
    features = torch.randn(len(coordinates), layer.in_channels).to(dtype)
    ours = run("cpu", layer, coordinates, features)
    exact = run("reference", layer.float(), coordinates, features.float())
    for name, a, b in zip(("output", "input gradient", "weight gradient", "bias gradient"), ours, exact):
        assert a.dtype == dtype and difference(a, b) < TOLERANCE[dtype], name


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("where", COORDINATES)
def test_adversarial_coordinates_agree_with_the_reference(where, dtype):
    coordinates = COORDINATES[where]()
    for layer in (ME.MinkowskiConvolution(6, 20, kernel_size=3),
                  ME.MinkowskiConvolution(6, 20, kernel_size=2, stride=2),
                  ME.MinkowskiConvolutionTranspose(6, 20, kernel_size=2, stride=2)):
        assert_same_as_reference(layer, coordinates, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size,stride,dilation", [(1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 1), (3, 1, 1), (3, 1, 2),
                                                  (3, 2, 1), (5, 1, 1), (5, 2, 2)])
def test_every_kernel_shape_agrees_with_the_reference(size, stride, dilation, dtype):
    coordinates = random_voxels(scenes=1)
    for kind in (ME.MinkowskiConvolution, ME.MinkowskiConvolutionTranspose):
        layer = kind(8, 12, kernel_size=size, stride=stride, dilation=dilation, bias=True)
        assert_same_as_reference(layer, coordinates, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("inputs,outputs", [(3, 7), (7, 3), (3, 200), (16, 96), (96, 16), (200, 96), (96, 200),
                                            (200, 3), (130, 33)])
def test_every_channel_count_agrees_with_the_reference(inputs, outputs, dtype):
    coordinates = random_voxels(scenes=1, fill=0.2)
    for size in (1, 3):
        assert_same_as_reference(ME.MinkowskiConvolution(inputs, outputs, kernel_size=size), coordinates, dtype)


@pytest.mark.parametrize("inputs", [480, 512, 768])
def test_pointwise_weight_gradient_of_many_channels_agrees_with_the_reference(inputs):
    """Input channels are shared out in slices that need not divide them."""
    assert_same_as_reference(ME.MinkowskiConvolution(inputs, 16, kernel_size=1), random_voxels(scenes=1))


def test_kernel_maps_are_the_reference_ones():
    coordinates = random_voxels()
    for size, stride in ((3, 1), (5, 1), (2, 2), (3, 2)):
        tables = []
        for engine in ("cpu", "reference"):
            ME.set_engine(engine)
            manager = ME.CoordinateManager(coordinates)
            kernel_map = manager.kernel_map(1, manager.stride(1, stride), size)
            tables.append((kernel_map.table, kernel_map.transposed().table, *kernel_map.inputs, *kernel_map.outputs))
        assert all(torch.equal(a, b) for a, b in zip(*tables))


def test_same_sums_in_every_run_and_for_every_number_of_threads():
    coordinates, layer = random_voxels(extent=20), ME.MinkowskiConvolution(32, 48, kernel_size=3)
    features = torch.randn(len(coordinates), 32)
    first, again = (run("cpu", layer, coordinates, features) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    torch.set_num_threads(1)
    alone = run("cpu", layer, coordinates, features)
    assert torch.equal(first[0], alone[0]) and torch.equal(first[1], alone[1])
    assert difference(alone[2], first[2]) < 1e-6


def test_autocast_computes_in_bfloat16_and_gives_float32_gradients():
    coordinates, layer = random_voxels(), ME.MinkowskiConvolution(16, 24, kernel_size=3)
    features = torch.randn(len(coordinates), 16)
    exact = run("reference", layer, coordinates, features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = run("cpu", layer, coordinates, features)
    assert ours[0].dtype == torch.bfloat16 and ours[2].dtype == torch.float32
    assert all(difference(a, b) < 2e-2 for a, b in zip(ours, exact))


def test_rows_that_lie_apart_are_read_right():
    """Gradients of a concatenation are slices of a wider tensor."""
    coordinates = random_voxels()
    kernel_map = ME.CoordinateManager(coordinates).kernel_map(1, 1, 3)
    wide, weight = torch.randn(len(coordinates), 20), torch.randn(27, 8, 5)
    ours = sparse_convolution(wide[:, 3:11], weight, kernel_map)
    assert torch.equal(ours, sparse_convolution(wide[:, 3:11].contiguous(), weight, kernel_map))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("relu,residual", [(False, False), (True, False), (False, True), (True, True)])
def test_fused_batch_norm_is_that_of_torch(relu, residual, training, dtype):
    coordinates, layer = random_voxels(), ME.MinkowskiBatchNorm(13, momentum=0.3).train(training)
    plain = torch.nn.BatchNorm1d(13, momentum=0.3).train(training)
    for bn in (layer.bn, plain):
        torch.nn.init.uniform_(bn.weight, 0.5, 1, generator=torch.Generator().manual_seed(0))
    x = (torch.randn(len(coordinates), 13) * 3 + 50).to(dtype)  # far from 0: the variance must not cancel
    inputs = [[x.clone().to(t).requires_grad_(), torch.randn_like(x).to(t)] for t in (dtype, torch.float32)]
    inputs[1][1] = inputs[0][1].float()
    for other in (inputs[0][1], inputs[1][1]):
        other.requires_grad_()
    base = ME.SparseTensor(inputs[0][0], coordinates)
    out = layer(base)
    assert out.deferred is not None
    out = out + base.with_features(inputs[0][1]) if residual else out
    ours = (ME.MinkowskiReLU()(out) if relu else out).F
    exact = plain(inputs[1][0]) + (inputs[1][1] if residual else 0)
    exact = exact.relu() if relu else exact
    assert ours.dtype == dtype and difference(ours, exact) < TOLERANCE[dtype]
    grad = torch.randn(x.shape)
    ours.backward(grad.to(dtype))
    exact.backward(grad.to(dtype).float())
    tolerance = TOLERANCE[dtype] * (10 if dtype == torch.float32 else 1)  # x - mean keeps fewer digits than x
    assert difference(inputs[0][0].grad, inputs[1][0].grad) < tolerance
    assert difference(layer.bn.weight.grad, plain.weight.grad) < tolerance
    assert difference(layer.bn.bias.grad, plain.bias.grad) < tolerance
    if residual:
        assert difference(inputs[0][1].grad, inputs[1][1].grad) < tolerance
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(getattr(layer.bn, name), getattr(plain, name), rtol=1e-4, atol=1e-5)


def test_batch_norm_read_before_its_relu_keeps_its_negative_values():
    coordinates = random_voxels()
    out = ME.MinkowskiBatchNorm(4)(ME.SparseTensor(torch.randn(len(coordinates), 4), coordinates))
    positive = ME.MinkowskiReLU(inplace=True)(out)
    assert (out.F < 0).any() and torch.equal(out.F.relu(), positive.F)


def test_whole_network_forward_and_backward_equal_the_reference():
    coordinates = random_voxels(extent=14)
    features, model = torch.rand(len(coordinates), 3), build_model("Res16UNet14S", 3, 20)
    results = []
    for engine in ("cpu", "reference"):
        ME.set_engine(engine)
        model.zero_grad()
        out = model(ME.SparseTensor(features, coordinates)).F
        functional.cross_entropy(out, torch.arange(len(out)) % 20).backward()
        results.append((out.detach(), torch.cat([p.grad.flatten() for p in model.parameters()])))
    (out, grad), (exact_out, exact_grad) = results
    assert difference(out, exact_out) < 1e-4 and difference(grad, exact_grad) < 1e-3


def test_other_types_keep_the_reference_path():
    coordinates = random_voxels()
    layer = ME.MinkowskiConvolution(3, 4, kernel_size=3).double()
    assert layer(ME.SparseTensor(torch.randn(len(coordinates), 3).double(), coordinates)).F.dtype == torch.float64


def test_unknown_engine_is_named():
    with pytest.raises(ValueError, match="spconv.*auto, reference, cpu"):
        ME.set_engine("spconv")


def python(code, **environment):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True,
                          text=True)


CONVOLVE_TWICE = """
import torch, lib.sparse as ME
x = ME.SparseTensor(torch.randn(3, 4), torch.tensor([[0, 0, 0, i] for i in range(3)], dtype=torch.int32))
for _ in range(2):
    x = ME.MinkowskiBatchNorm(4)(ME.MinkowskiConvolution(4, 4, kernel_size=3)(x))
print(tuple(x.F.shape))
"""


@pytest.mark.parametrize("compiler,words", [("no-such-compiler", "no C++ compiler (no-such-compiler)"),
                                            ("false", "failed")])
def test_without_a_compiler_the_reference_serves_and_says_so_once(compiler, words, tmp_path):
    result = python(CONVOLVE_TWICE, CXX=compiler, TORCH_EXTENSIONS_DIR=str(tmp_path))
    assert result.returncode == 0 and result.stdout.strip() == "(3, 4)"
    assert result.stderr.count("reference path") == 1 and words in result.stderr
    assert not list(tmp_path.rglob("*.so"))


def test_engine_cpu_without_a_compiler_is_an_error_that_names_the_remedy(tmp_path):
    result = python("import lib.sparse as ME; ME.set_engine('cpu')", CXX="no-such-compiler",
                    TORCH_EXTENSIONS_DIR=str(tmp_path))
    assert "ValueError: --sparse_engine cpu" in result.stderr and "install g++" in result.stderr


def test_a_library_that_disagrees_with_the_reference_is_not_used(monkeypatch):
    monkeypatch.setattr(cpu, "convolve", lambda *a, **k: torch.zeros(1))
    with pytest.raises(CheckError, match="the compiled float32 convolution is .* off the reference"):
        compare("compiled", cpu, reference, torch.device("cpu"), 500, 100, chooser.CPU_TOLERANCE)


def test_two_processes_may_build_at_once(tmp_path):
    code = "from lib.sparse import chooser; print(chooser.cpu_problem())"
    environment = os.environ | {"TORCH_EXTENSIONS_DIR": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == ["None", "None"]
    assert len(list(tmp_path.rglob("*.so"))) == 1


def test_norms_of_other_kinds_are_left_to_torch():
    features = torch.randn(4, 3)
    assert norm.can_defer(torch.nn.BatchNorm1d(3), features)
    assert not norm.can_defer(torch.nn.SyncBatchNorm(3), features)
    assert not norm.can_defer(torch.nn.BatchNorm1d(3, affine=False), features)
