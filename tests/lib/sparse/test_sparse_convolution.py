"""The reference engine against torch's dense convolutions on grids with holes."""
import itertools

import pytest
import torch
from torch.nn import functional

import lib.sparse as ME
from lib.sparse.convolution import sparse_convolution
from lib.sparse.keys import kernel_offsets


def random_batch(seed=0, batches=2, extent=9, fill=0.3, low=-4, channels=3, dtype=torch.float64):
    """Random voxels of several scenes in a box that starts at `low`, rows shuffled. Returns (features, coordinates)."""
    generator = torch.Generator().manual_seed(seed)
    grid = torch.rand(batches, extent, extent, extent, generator=generator) < fill
    coordinates = grid.nonzero().int()
    coordinates[:, 1:] += low
    coordinates = coordinates[torch.randperm(len(coordinates), generator=generator)].contiguous()
    return torch.randn(len(coordinates), channels, generator=generator, dtype=dtype), coordinates


def densify(features, coordinates, low, extent, batches):
    """(B, C, X, Y, Z) with zeros where no voxel is."""
    dense = features.new_zeros(batches, extent, extent, extent, features.shape[1])
    index = coordinates.long()
    dense[index[:, 0], index[:, 1] - low, index[:, 2] - low, index[:, 3] - low] = features
    return dense.permute(0, 4, 1, 2, 3)


def dense_kernel(kernel, size):
    """(K, I, O), x fastest -> conv3d's (O, I, X, Y, Z)."""
    return kernel.view(size, size, size, *kernel.shape[-2:]).permute(4, 3, 2, 1, 0)


def at(dense, coordinates, low, stride=1):
    """Values of a dense (B, C, X, Y, Z) at sparse coordinates."""
    c = coordinates.long()
    x, y, z = ((c[:, i] - low) // stride for i in (1, 2, 3))
    return dense[c[:, 0], :, x, y, z]


LOW, EXTENT = -4, 10  # even and divisible by the strides, so that the dense grid aligns with floor(c / s) * s


@pytest.mark.parametrize("size,stride,dilation", list(itertools.product((1, 2, 3, 5), (1, 2), (1, 2))))
def test_convolution_matches_dense_conv3d(size, stride, dilation):
    features, coordinates = random_batch(low=LOW, extent=EXTENT)
    layer = ME.MinkowskiConvolution(3, 4, kernel_size=size, stride=stride, dilation=dilation, bias=True).double()
    out = layer(ME.SparseTensor(features, coordinates))

    dense = densify(features, coordinates, LOW, EXTENT, 2)
    before = dilation * (size // 2) if size % 2 else 0
    after = dilation * (size - 1) - before
    dense = functional.pad(dense, (before, after) * 3)
    expected = functional.conv3d(dense, dense_kernel(layer.kernel, size), layer.bias[0], stride, dilation=dilation)
    torch.testing.assert_close(out.F, at(expected, out.C, LOW, stride))


@pytest.mark.parametrize("size,stride,dilation", [(1, 2, 1), (2, 2, 1), (3, 2, 1), (5, 2, 1), (3, 1, 1), (2, 1, 1),
                                                  (3, 2, 2), (5, 1, 2)])
def test_transposed_convolution_matches_dense_conv_transpose3d(size, stride, dilation):
    _, coordinates = random_batch(low=LOW, extent=EXTENT)
    x = ME.SparseTensor(torch.zeros(len(coordinates), 1, dtype=torch.float64), coordinates)
    coarse = ME.MinkowskiConvolution(1, 3, kernel_size=2, stride=stride).double()(x)
    coarse = coarse.with_features(torch.randn(len(coarse), 3, dtype=torch.float64))
    layer = ME.MinkowskiConvolutionTranspose(3, 4, kernel_size=size, stride=stride, dilation=dilation).double()
    out = layer(coarse)
    assert out.C is x.C

    n = EXTENT // stride
    dense = coarse.F.new_zeros(2, n, n, n, 3)
    c = coarse.C.long()
    dense[c[:, 0], (c[:, 1] - LOW) // stride, (c[:, 2] - LOW) // stride, (c[:, 3] - LOW) // stride] = coarse.F
    kernel = dense_kernel(layer.kernel, size).transpose(0, 1)  # (I, O, X, Y, Z)
    full = functional.conv_transpose3d(dense.permute(0, 4, 1, 2, 3), kernel, stride=stride, dilation=dilation)
    before = dilation * (size // 2) if size % 2 else 0
    full = functional.pad(full[..., before:, before:, before:], (0, EXTENT) * 3)
    torch.testing.assert_close(out.F, at(full, out.C, LOW))


@pytest.mark.parametrize("size,stride", [(3, 1), (2, 2), (5, 1), (3, 2)])
def test_gradients_pass_gradcheck(size, stride):
    features, coordinates = random_batch(extent=4, fill=0.4)
    x = ME.SparseTensor(features, coordinates)
    layer = ME.MinkowskiConvolution(3, 2, kernel_size=size, stride=stride).double()
    manager = x.coordinate_manager
    kernel_map = manager.kernel_map(1, manager.stride(1, stride), size)
    for maps, inputs in ((kernel_map, features), (kernel_map.transposed(), torch.randn(
            kernel_map.num_outputs, 3, dtype=torch.float64))):
        assert torch.autograd.gradcheck(lambda f, w, maps=maps: sparse_convolution(f, w, maps),
                                        (inputs.requires_grad_(), layer.kernel))


def test_scenes_of_a_batch_never_mix():
    features, coordinates = random_batch(batches=3, low=-3)
    layers = torch.nn.Sequential(ME.MinkowskiConvolution(3, 4, kernel_size=5),
                                 ME.MinkowskiConvolution(4, 4, kernel_size=3, stride=2),
                                 ME.MinkowskiConvolutionTranspose(4, 4, kernel_size=2, stride=2)).double()
    together = layers(ME.SparseTensor(features, coordinates))
    for scene in range(3):
        rows = coordinates[:, 0] == scene
        alone = layers(ME.SparseTensor(features[rows], coordinates[rows]))
        torch.testing.assert_close(together.F[rows], alone.F)


@pytest.mark.parametrize("shift", [(0, 1, 2, 3), (5, -1000, 2000, -7), (0, -(2**29), 2**29, 0)])
def test_moving_a_scene_by_whole_strides_changes_nothing(shift):
    features, coordinates = random_batch(low=-5)
    shift = torch.tensor(shift, dtype=torch.int32)
    shift[1:] *= 2
    layers = torch.nn.Sequential(ME.MinkowskiConvolution(3, 4, kernel_size=3, stride=2),
                                 ME.MinkowskiConvolution(4, 4, kernel_size=3)).double()
    here, there = layers(ME.SparseTensor(features, coordinates)), layers(ME.SparseTensor(features, coordinates + shift))
    rows = {tuple(voxel): i for i, voxel in enumerate(there.C.tolist())}  # which have an order of their own
    order = [rows[tuple(voxel)] for voxel in (here.C + shift).tolist()]
    assert len(here) == len(there)
    torch.testing.assert_close(here.F, there.F[order])


def test_clusters_at_the_ends_of_int32_are_convolved_apart():
    features, coordinates = random_batch(batches=1, low=0)
    far = coordinates.clone()
    far[:, 1:] += torch.tensor([2**31 - 100, -(2**31), 2**30], dtype=torch.int64).int()
    layer = ME.MinkowskiConvolution(3, 4, kernel_size=3, stride=2).double()
    both = layer(ME.SparseTensor(features.repeat(2, 1), torch.cat([coordinates, far])))
    alone = layer(ME.SparseTensor(features, coordinates))
    near = both.C[:, 1] < 1000
    assert len(both) == 2 * len(alone)
    torch.testing.assert_close(both.F[near], alone.F)
    assert (both.C[~near][:, 1:] % 2 == 0).all()


def test_kernel_offsets_run_x_fastest():
    assert kernel_offsets(2) == [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1)]
    assert kernel_offsets(3)[:3] == [(-1, -1, -1), (0, -1, -1), (1, -1, -1)] and kernel_offsets(3)[13] == (0, 0, 0)


def test_bfloat16_agrees_with_float32_and_keeps_its_type():
    features, coordinates = random_batch(dtype=torch.float32, channels=16)
    layer = ME.MinkowskiConvolution(16, 8, kernel_size=3)
    exact = layer(ME.SparseTensor(features, coordinates)).F
    half = layer.bfloat16()(ME.SparseTensor(features.bfloat16(), coordinates)).F
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).norm() / exact.norm() < 2e-2


def test_backward_keeps_nothing_larger_than_its_inputs():
    features, coordinates = random_batch(extent=12)
    layer = ME.MinkowskiConvolution(3, 4, kernel_size=3).double()
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
        layer(ME.SparseTensor(features.requires_grad_(), coordinates))
    assert sizes and max(sizes) <= max(features.numel(), layer.kernel.numel())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_cuda_agrees_with_cpu():
    features, coordinates = random_batch()
    layer = ME.MinkowskiConvolution(3, 4, kernel_size=3, stride=2).double()
    here = layer(ME.SparseTensor(features, coordinates))
    there = layer.cuda()(ME.SparseTensor(features.cuda(), coordinates.cuda()))
    torch.testing.assert_close(here.F, there.F.cpu())
