"""The adapters of other engines: kernels where they want them, and spconv itself where it is installed."""
from functools import partial

import pytest
import torch
from torch import nn

import lib.sparse as ME
from benchmarks import peers
from benchmarks.case import Case
from benchmarks.inputs import input_of
from lib.sparse.keys import kernel_offsets
from tests.lib.sparse.sparse_cases import random_voxels

CPU = torch.device("cpu")


class Spconv:
    """What spconv's layers keep: a weight (C_out, x, y, z, C_in)."""

    @staticmethod
    def SubMConv3d(c_in, c_out, size, **_):
        layer = nn.Module()
        layer.weight = nn.Parameter(torch.zeros(c_out, size, size, size, c_in))
        return layer

    SparseConv3d = SparseInverseConv3d = SubMConv3d


def warpconvnet_layer(c_in, c_out, size, **_):
    """What WarpConvNet's layers keep: a weight (K, C_in, C_out), z fastest."""
    layer = nn.Module()
    layer.weight = nn.Parameter(torch.zeros(size**3, c_in, c_out))
    return layer


@pytest.mark.parametrize("size,stride", [(3, 1), (2, 2), (5, 1)])
def test_kernels_go_where_the_peers_look_for_an_offset(size, stride):
    ours = ME.MinkowskiConvolution(4, 6, kernel_size=size, stride=stride)
    spconv, warp = (layer(4, 6, size, stride=stride) for layer in (
        partial(peers.SpconvLayer, Spconv), partial(peers.WarpLayer, warpconvnet_layer)))
    for layer in (spconv, warp):
        peers.load_weights(nn.Sequential(layer), {"0.kernel": ours.kernel})
    for k, offset in enumerate(kernel_offsets(size)):
        x, y, z = (step - kernel_offsets(size)[0][0] for step in offset)
        assert torch.equal(spconv.conv.weight[:, x, y, z].T, ours.kernel[k])
        assert torch.equal(warp.conv.weight[(x * size + y) * size + z], ours.kernel[k])


def test_layers_of_size_one_batch_norm_and_sums_are_those_of_ours():
    voxels, layer = random_voxels(), partial(peers.SpconvLayer, Spconv)
    features = torch.randn(len(voxels), 5)
    ours = nn.Sequential(ME.MinkowskiConvolution(5, 7, kernel_size=1), ME.MinkowskiBatchNorm(7),
                         ME.MinkowskiReLU(inplace=True), ME.MinkowskiConvolution(7, 4, kernel_size=1, bias=True))
    theirs = nn.Sequential(layer(5, 7, 1), peers.BatchNorm(7), peers.ReLU(inplace=True), layer(7, 4, 1, bias=True))
    peers.load_weights(theirs, ours.state_dict())
    x, y = ours(ME.SparseTensor(features, voxels)), theirs(peers.Rows(features, {}))
    torch.testing.assert_close((y + y).F, (x + x).F)


@pytest.mark.parametrize("name", [name for name in peers.INSTALL if name != "spconv"])
def test_a_peer_that_is_not_installed_is_named_with_its_command(name, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(ValueError, match=f"{name} cannot be imported.*pip install"):
        peers.build_execution(name, "fp16")
    with pytest.raises(ValueError, match=f"{name} has no fp8"):
        peers.build_execution(name, "fp8")


def test_spconv_gives_the_same_logits():
    """Forward only, and with one thread: more than that is all its build for CPUs can do."""
    pytest.importorskip("spconv", reason="no spconv: `pip install spconv` brings the one for CPUs")
    batch = input_of(random_voxels(extent=21, low=-37), CPU)
    ours, threads = Case("reference", "float32", "Res16UNet14S", CPU), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        theirs = Case("spconv", "float32", "Res16UNet14S", CPU, ours.model.state_dict())
        torch.testing.assert_close(theirs.infer(batch), ours.infer(batch), rtol=1e-3, atol=1e-4)
    finally:
        torch.set_num_threads(threads)
        ME.set_engine("auto")
