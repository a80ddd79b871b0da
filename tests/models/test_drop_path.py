"""Stochastic depth: scene by scene, equal in expectation, off in evaluation, in the engine's API."""
import pytest
import torch

import lib.sparse
from lib.sparse import SparseTensor
from models import build_model
from models.drop_path import drop_path
from models.resnet_block import BasicBlock


def voxels(scenes=2, each=30, channels=4):
    generator = torch.Generator().manual_seed(0)
    places = torch.randint(-6, 6, (scenes * each, 3), generator=generator)
    scene = torch.arange(scenes * each) % scenes  # rows of scenes lie between each other
    coordinates = torch.unique(torch.cat([scene[:, None], places], 1).int(), dim=0)
    coordinates = coordinates[torch.randperm(len(coordinates), generator=generator)].contiguous()
    return SparseTensor(torch.randn(len(coordinates), channels, generator=generator), coordinates)


def test_a_scene_is_dropped_whole_or_scaled_and_half_of_them_are():
    x = voxels(scenes=200, each=3)
    out = drop_path(lib.sparse, x, 0.5)
    assert torch.equal(out.C, x.C)
    dropped = 0
    for scene in range(200):
        rows = x.C[:, 0] == scene
        if (out.F[rows] == 0).all():
            dropped += 1
        else:
            assert torch.equal(out.F[rows], 2 * x.F[rows])
    assert 75 < dropped < 125


def test_its_mean_over_draws_is_what_went_in():
    x = voxels()
    mean = sum(drop_path(lib.sparse, x, 0.3).F for _ in range(4000)) / 4000
    torch.testing.assert_close(mean, x.F, rtol=0.05, atol=1e-6)


def test_a_dropped_block_is_its_shortcut_and_evaluation_drops_nothing():
    x = voxels()
    block = BasicBlock(lib.sparse, 4, 4, last_relu=False, drop_path=1 - 1e-9)
    assert torch.equal(block(x).F, x.F)
    plain = BasicBlock(lib.sparse, 4, 4, last_relu=False)
    plain.load_state_dict(block.state_dict())
    assert torch.equal(block.eval()(x).F, plain.eval()(x).F) and not torch.equal(block(x).F, x.F)


@pytest.mark.parametrize("name", ["Res16UNet18D", "Res16UNet50"])
def test_the_rate_rises_linearly_to_that_of_the_last_block(name):
    model = build_model(name, 3, 5, drop_path=0.4)
    rates = [module.drop_path for module in model.modules() if hasattr(module, "drop_path")]
    assert rates == pytest.approx([0.4 * (k + 1) / len(rates) for k in range(len(rates))]) and len(rates) > 8
    assert model.state_dict().keys() == build_model(name, 3, 5).state_dict().keys()


def test_every_parameter_has_a_gradient_though_blocks_are_dropped():
    model = build_model("Res16UNet14S", 3, 5, drop_path=0.9)
    model(voxels(channels=3)).F.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_activation_checkpointing_draws_the_same_again():
    gradients = []
    for saving in (False, True):
        torch.manual_seed(0)
        model = build_model("Res16UNet14S", 3, 5, drop_path=0.5, activation_checkpointing=saving)
        model(voxels(channels=3)).F.square().sum().backward()
        gradients.append([p.grad for p in model.parameters()])
    for plain, again in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, again)
