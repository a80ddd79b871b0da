"""Evaluation without gradients: a convolution waits for batch norm, residual and ReLU after it, and does them too."""
import pytest
import torch

import lib.sparse as ME
from lib.sparse import chooser
from lib.sparse.convolution import Pending
from models import build_model
from tests.lib.sparse.sparse_cases import difference

pytestmark = pytest.mark.skipif(chooser.cpu_problem() is not None, reason=f"{chooser.cpu_problem()}")


@pytest.fixture(autouse=True)
def engine():
    """The compiled path; the choice is left as it was."""
    ME.set_engine("cpu")
    yield
    ME.set_engine("auto")


def voxels(count: int = 3000) -> torch.Tensor:
    """(N, 4) int32, a batch of two: planes, as in rooms."""
    generator = torch.Generator().manual_seed(1)
    xyz = torch.randint(0, 24, (count, 3), generator=generator)
    xyz[: count // 2, 2] = 0
    batch = torch.arange(count)[:, None] % 2
    return torch.unique(torch.cat([batch, xyz], 1), dim=0).int()


def network(name: str = "Res16UNet14S") -> torch.nn.Module:
    """In evaluation, with statistics of its own."""
    torch.manual_seed(0)
    model = build_model(name, 3, 20)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5), torch.nn.init.normal_(module.bias)
            torch.nn.init.uniform_(module.running_var, 0.5, 2), torch.nn.init.normal_(module.running_mean)
    return model.eval()


def features_of(coordinates: torch.Tensor) -> torch.Tensor:
    return torch.rand(len(coordinates), 3, generator=torch.Generator().manual_seed(2)) - 0.5


@pytest.mark.parametrize("name", ["Res16UNet14S", "Res16UNet50"])
@pytest.mark.parametrize("half", [False, True])
def test_networks_give_what_they_give_layer_by_layer(name, half):
    coordinates, model = voxels(), network(name)
    x = features_of(coordinates)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        by_layers = model(ME.SparseTensor(x, coordinates)).F.detach()  # gradients are wanted: nothing waits
        with torch.no_grad():
            fused = model(ME.SparseTensor(x, coordinates)).F
    assert fused.dtype == by_layers.dtype
    assert difference(fused, by_layers) < (3e-2 if half else 1e-5)


def test_it_waits_only_in_evaluation_without_gradients():
    coordinates, layer = voxels(), ME.MinkowskiConvolution(3, 8, kernel_size=3)
    x = ME.SparseTensor(features_of(coordinates), coordinates)
    with torch.no_grad():
        waiting = layer(x)
        assert isinstance(waiting.waiting, Pending) and waiting.shape == (len(coordinates), 8)
        norm = ME.MinkowskiBatchNorm(8).train()
        norm(waiting)  # by its own statistics: computed before
        assert not isinstance(waiting.waiting, Pending) and norm.bn.running_mean.abs().sum() > 0
    assert not isinstance(layer(x).waiting, Pending)


def test_a_sum_and_its_norm_keep_digits_far_from_zero():
    coordinates = voxels()
    layer, norm = ME.MinkowskiConvolution(3, 8, kernel_size=3, bias=True), ME.MinkowskiBatchNorm(8).eval()
    with torch.no_grad():
        layer.bias.fill_(1000), norm.bn.running_mean.fill_(1000.01), norm.bn.running_var.fill_(0.01)
        x = features_of(coordinates)
        plain = layer(ME.SparseTensor(x, coordinates)).F.double()
        expected = (plain - norm.bn.running_mean.double()) * (norm.bn.running_var.double() + norm.bn.eps).rsqrt()
        assert difference(norm(layer(ME.SparseTensor(x, coordinates))).F, expected) < 1e-6


def test_a_relu_in_place_changes_nothing_that_a_waiting_convolution_reads():
    coordinates, layer = voxels(), ME.MinkowskiConvolution(3, 8, kernel_size=3)
    with torch.no_grad():
        x = ME.cat(ME.SparseTensor(features_of(coordinates), coordinates))  # nobody outside holds its rows
        expected = layer(x).F.clone()
        x = ME.cat(ME.SparseTensor(features_of(coordinates), coordinates))
        waiting = layer(x)
        ME.MinkowskiReLU(inplace=True)(x)
        assert torch.equal(waiting.F, expected)


def test_nan_is_not_hidden_by_the_relu():
    coordinates, layer = voxels(), ME.MinkowskiConvolution(3, 8, kernel_size=1)
    wide = ME.MinkowskiConvolution(3, 8, kernel_size=3)
    x = features_of(coordinates)
    x[7, 1] = float("nan")
    for convolution in (layer, wide):
        with torch.no_grad():
            out = ME.MinkowskiReLU()(ME.MinkowskiBatchNorm(8).eval()(convolution(ME.SparseTensor(x, coordinates)))).F
        assert out[7].isnan().all()
