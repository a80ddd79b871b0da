"""The Res16UNet family: public checkpoints' names and shapes, rows in and out."""
from pathlib import Path

import pytest
import torch

from lib.sparse import SparseTensor
from models import ARCHITECTURES, build_model


def voxels(n=400, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coordinates = torch.randint(-12, 12, (n, 4), generator=generator, dtype=torch.int32)
    coordinates[:, 0] = torch.arange(n) % 2
    coordinates = torch.unique(coordinates, dim=0)
    coordinates = coordinates[torch.randperm(len(coordinates), generator=generator)]
    return SparseTensor(features=torch.rand(len(coordinates), 3, generator=generator) - 0.5, coordinates=coordinates)


@pytest.mark.parametrize("name,parameters", [("Res16UNet34C", 37_864_104), ("Res16UNet34D", 79_429_800)])
def test_state_dict_is_key_by_key_that_of_public_checkpoints(name, parameters):
    model = build_model(name, in_channels=3, out_channels=200)
    public = (Path(__file__).parent / f"state_dict_{name}.txt").read_text().splitlines()
    assert [f"{key} {tuple(value.shape)}" for key, value in model.state_dict().items()] == public
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize("name", ["Res16UNet14A", "Res16UNet18D", "Res16UNet34B", "Res16UNet50", "Res16UNet14S"])
def test_every_kind_of_network_keeps_the_rows_and_trains_all_parameters(name):
    x = voxels()
    model = build_model(name, in_channels=3, out_channels=7)
    out = model(x)
    assert out.F.shape == (len(x), 7) and torch.equal(out.C, x.C)
    out.F.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_all_names_of_the_family_build():
    for name, architecture in ARCHITECTURES.items():
        if name != "Res16UNet101":
            model = build_model(name, in_channels=3, out_channels=5)
            assert model.final.in_channels == architecture.planes[7] * architecture.block.EXPANSION


def test_row_order_does_not_change_the_prediction():
    x = voxels()
    model = build_model("Res16UNet14S", in_channels=3, out_channels=5).eval()
    order = torch.randperm(len(x))
    moved = SparseTensor(features=x.F[order], coordinates=x.C[order].contiguous())
    torch.testing.assert_close(model(moved).F, model(x).F[order])


def test_features_of_34D_take_either_sign_and_those_of_34C_do_not():
    x = voxels()
    for name, low in (("Res16UNet34D", True), ("Res16UNet34C", False)):
        features = build_model(name, in_channels=3, out_channels=5).features(x).F
        assert bool((features < 0).any()) == low


def test_first_kernel_size_and_dilations_are_options():
    model = build_model("Res16UNet14A", 3, 5, conv1_kernel_size=5, dilations=(1, 2, 1, 1))
    assert model.conv0p1s1.kernel.shape[0] == 125
    assert model.block2[0].conv1.dilation == 2
    assert model(voxels()).F.isfinite().all()


def test_L5_bn_momentum_reaches_every_batch_norm():
    model = build_model("Res16UNet50", 3, 5, bn_momentum=0.02)
    momenta = {m.momentum for m in model.modules() if isinstance(m, torch.nn.BatchNorm1d)}
    assert momenta == {0.02}


def test_unknown_network_is_named():
    with pytest.raises(ValueError, match="ResUNet999.*Res16UNet34D"):
        build_model("ResUNet999", 3, 200)


def test_dilations_reach_the_kernel_maps_and_change_the_prediction():
    x, models = voxels(), []
    for dilations in ((1, 1, 1, 1), (1, 2, 1, 1)):
        torch.manual_seed(0)
        models.append(build_model("Res16UNet14A", 3, 5, dilations=dilations))
    plain, dilated = (model(SparseTensor(features=x.F, coordinates=x.C)) for model in models)
    assert all(torch.equal(a, b) for a, b in zip(*(model.parameters() for model in models)))
    assert not torch.allclose(plain.F, dilated.F)

    def kernel_maps(out):  # (stride, dilation) of those of the 3x3x3 kernels
        return {(fine, dilation) for fine, coarse, size, dilation in out.coordinate_manager.plan().kernel_maps
                if size == 3 and fine == coarse}
    # the decoder's stage at a tensor stride of 4, which is not dilated, uses the other map there
    assert kernel_maps(plain) == {(1, 1), (2, 1), (4, 1), (8, 1), (16, 1)}
    assert kernel_maps(dilated) == kernel_maps(plain) | {(4, 2)}
