"""Whatever order the rows of a batch come in, each gets the same numbers."""
import pytest
import torch

import lib.sparse as ME
from lib.sparse import chooser
from lib.sparse.keys import cells_of, near_order
from models import build_model
from tests.lib.sparse.sparse_cases import COORDINATES, random_voxels

ENGINES = ["reference", pytest.param("cpu", marks=pytest.mark.skipif(
    chooser.cpu_problem() is not None, reason=f"{chooser.cpu_problem()}"))]


@pytest.fixture(autouse=True)
def restore():
    """Leave the engine as it was."""
    yield
    ME.set_engine("auto")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_gives_every_order_of_the_same_rows_the_same_bits(engine):
    ME.set_engine(engine)
    voxels = random_voxels(extent=14)
    features, grad = torch.rand(len(voxels), 3), torch.randn(len(voxels), 5)
    model, results = build_model("Res16UNet14S", 3, 5), []
    for order in (torch.arange(len(voxels)), torch.randperm(len(voxels)), near_order(cells_of(voxels))):
        model.zero_grad()
        x = features[order].requires_grad_()
        out = model(ME.SparseTensor(x, voxels[order].contiguous()))
        assert torch.equal(out.C, voxels[order])
        out.F.backward(grad[order])
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order))
        results.append((out.F.detach()[back], x.grad[back], *[p.grad.clone() for p in model.parameters()]))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other))


@pytest.mark.parametrize("where", COORDINATES)
def test_rows_inside_are_a_permutation_and_come_back_as_they_were_given(where):
    voxels = COORDINATES[where]()
    manager, features = ME.CoordinateManager(voxels), torch.randn(len(voxels), 2)
    inside = manager.rows_inside(features, 1)
    assert torch.equal(manager.rows_as_given(inside, 1), features) and manager.coordinates(1) is voxels
    assert torch.equal(manager.rows_inside(voxels, 1), manager._maps[1].coordinates)


def test_near_rows_follow_each_other():
    """A tile of 64 rows of a full cube is a cube of 4 voxels a side; so are the rows of the next stride."""
    cube = torch.nn.functional.pad(torch.cartesian_prod(*[torch.arange(16)] * 3), (1, 0)).int()
    manager = ME.CoordinateManager(cube[torch.randperm(len(cube))].contiguous())
    for stride in (1, manager.stride(1, 2)):
        rows = manager._maps[stride].coordinates[:, 1:].view(-1, 64, 3)
        assert ((rows.amax(1) - rows.amin(1)) == 3 * stride).all()


def test_relu_in_place_leaves_the_features_that_a_caller_holds():
    voxels = random_voxels()
    features = torch.randn(len(voxels), 2)
    before = features.clone()
    out = ME.MinkowskiReLU(inplace=True)(ME.SparseTensor(features, voxels))
    assert torch.equal(features, before) and torch.equal(out.F, before.relu())
