"""Batch norm of values far from 0 that differ little, on every path of a CPU, against torch's in float64."""
import pytest
import torch

import lib.sparse as ME
from lib.sparse import chooser
from tests.lib.sparse.sparse_cases import difference

ENGINES = ["reference", pytest.param("cpu", marks=pytest.mark.skipif(
    chooser.cpu_problem() is not None, reason=f"{chooser.cpu_problem()}"))]
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 6e-3}  # a result in bfloat16 is rounded by up to 2^-9


@pytest.fixture(autouse=True)
def restore():
    """Leave the engine as it was."""
    yield
    ME.set_engine("auto")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype,spread", [(torch.float32, 1e-3), (torch.float32, 1.), (torch.bfloat16, 1.)])
@pytest.mark.parametrize("rows", [2, 1000])
@pytest.mark.parametrize("training", [True, False])
def test_values_around_100_keep_the_digits_in_which_they_differ(rows, dtype, spread, training, engine):
    ME.set_engine(engine)
    generator = torch.Generator().manual_seed(0)
    x = (100 + spread * torch.randn(rows, 5, generator=generator)).to(dtype).requires_grad_()
    (weight,), (bias,), grad = (torch.randn(n, 5, generator=generator) for n in (1, 1, rows))
    layer, exact = ME.MinkowskiBatchNorm(5, eps=1e-8).train(training), torch.nn.BatchNorm1d(5, eps=1e-8)
    exact = exact.double().train(training)
    for norm in (layer.bn, exact):
        norm.weight.data.copy_(weight), norm.bias.data.copy_(bias)
        norm.running_mean.fill_(100.00001), norm.running_var.fill_(spread**2)
    exact.running_mean.copy_(layer.bn.running_mean), exact.running_var.copy_(layer.bn.running_var)
    coordinates = torch.zeros(rows, 4, dtype=torch.int32)
    coordinates[:, 1] = torch.arange(rows)
    out = layer(ME.SparseTensor(x, coordinates)).F
    out.backward(grad.to(dtype))
    x_exact = x.detach().double().requires_grad_()
    # torch's own, too, takes off the mean too late: float64 has digits enough
    out_exact = exact(x_exact)
    out_exact.backward(grad.to(dtype).double())
    assert out.dtype == dtype and difference(out, out_exact) < TOLERANCE[dtype]
    assert difference(layer.bn.weight.grad, exact.weight.grad) < 1e-5
    assert difference(layer.bn.bias.grad, exact.bias.grad) < 1e-5
    # of two rows the exact gradient is what remains of terms this large
    scale = (exact.weight.abs() / spread * grad.double().norm(dim=0)).norm()
    assert (x.grad.double() - x_exact.grad).norm() / scale < TOLERANCE[dtype]
    torch.testing.assert_close(layer.bn.running_var.double(), exact.running_var, rtol=1e-5, atol=0)
