"""Sparse tensors, coordinate maps and layers: what is shared, what is refused and with which words."""
import pytest
import torch

import lib.sparse as ME


def line(n=6, start=0):
    """n voxels in a row along x, one feature each."""
    coordinates = torch.zeros(n, 4, dtype=torch.int32)
    coordinates[:, 1] = torch.arange(start, start + n)
    return ME.SparseTensor(torch.randn(n, 2), coordinates)


def test_strided_coordinates_are_floored_once_each_and_kept_in_input_units():
    x = line(5, start=-3)  # x = -3 .. 1
    y = ME.MinkowskiConvolution(2, 2, kernel_size=2, stride=2)(x)
    assert sorted(y.C[:, 1].tolist()) == [-4, -2, 0] and y.tensor_stride == 2


def test_coordinate_and_kernel_maps_are_built_once_per_batch():
    x = line()
    layers = [ME.MinkowskiConvolution(2, 2, kernel_size=3) for _ in range(3)]
    for layer in layers:
        x = layer(x)
    assert len(x.coordinate_manager._kernel_maps) == 1


def test_transposed_convolution_returns_to_the_cached_rows():
    x = line()
    down, up = ME.MinkowskiConvolution(2, 2, kernel_size=2, stride=2), ME.MinkowskiConvolutionTranspose(
        2, 2, kernel_size=2, stride=2)
    assert up(down(x)).C is x.C


@pytest.mark.parametrize("make,error,words", [
    (lambda: ME.SparseTensor(torch.zeros(0, 2), torch.zeros(0, 4, dtype=torch.int32)), ValueError, "empty"),
    (lambda: ME.SparseTensor(torch.zeros(1, 2), torch.zeros(1, 4)), TypeError, "int32"),
    (lambda: ME.SparseTensor(torch.zeros(1, 2), torch.zeros(1, 3, dtype=torch.int32)), TypeError, "int32"),
    (lambda: ME.SparseTensor(torch.zeros(1, 2).int(), torch.zeros(1, 4).int()), TypeError, "floating point"),
    (lambda: ME.SparseTensor(torch.zeros(2, 2), torch.zeros(1, 4).int()), ValueError, "2 feature rows for 1"),
    (lambda: ME.SparseTensor(torch.zeros(2, 2), torch.zeros(2, 4).int()), ValueError, "occur twice"),
    (lambda: ME.SparseTensor(torch.zeros(2, 2)), ValueError, "needs coordinates"),
    (lambda: ME.SparseTensor(torch.zeros(1, 2), torch.ones(1, 4).int(), tensor_stride=2), ValueError, "multiples"),
    (lambda: ME.cat(line(), line()), ValueError, "different coordinate managers"),
    (lambda: ME.MinkowskiConvolutionTranspose(2, 2, kernel_size=2, stride=2)(line()), ValueError, "no finer"),
    (lambda: ME.MinkowskiConvolution(3, 2, kernel_size=3)(line()), ValueError, "2 input channels"),
    (lambda: ME.MinkowskiConvolution(3, 2, kernel_size=1)(line()), ValueError, "2 input channels"),
    (lambda: ME.MinkowskiConvolution(2, 2, kernel_size=0), ValueError, "kernel_size"),
    (lambda: ME.MinkowskiConvolution(2, 2, kernel_size=3).double()(line()), ValueError, "float64"),
])
def test_mistakes_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_cat_of_different_strides_is_refused_and_says_which():
    x = line()
    y = ME.MinkowskiConvolution(2, 2, kernel_size=2, stride=2)(x)
    with pytest.raises(ValueError, match=r"cat.*tensor_stride=1.*tensor_stride=2"):
        ME.cat(x, y)
    with pytest.raises(ValueError, match=r"\+.*different coordinate maps"):
        x + y


def test_cat_and_sum_work_on_shared_rows():
    x = line()
    assert torch.equal(ME.cat(x, x).F, torch.cat([x.F, x.F], 1))
    assert torch.equal((x + x).F, 2 * x.F)


def test_kernels_have_minkowski_shapes_and_initialisation():
    shapes = {(1, 1): (4, 6), (1, 2): (1, 4, 6), (3, 1): (27, 4, 6)}
    for (size, stride), shape in shapes.items():
        assert ME.MinkowskiConvolution(4, 6, kernel_size=size, stride=stride).kernel.shape == shape
    layer = ME.MinkowskiConvolution(400, 6, kernel_size=3, bias=True)
    assert layer.bias.shape == (1, 6)
    assert layer.kernel.abs().max().item() == pytest.approx((400 * 27) ** -0.5, rel=1e-2)
    up = ME.MinkowskiConvolutionTranspose(4, 600, kernel_size=2, stride=2)
    assert up.kernel.abs().max().item() == pytest.approx((600 * 8) ** -0.5, rel=1e-2)


def test_batch_norm_of_a_single_voxel_uses_running_statistics():
    norm = ME.MinkowskiBatchNorm(2).train()
    x = line(1)
    expected = x.F / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(norm(x).F, expected)
    assert norm.bn.num_batches_tracked == 0


def test_batch_norm_matches_torch_and_names_its_parameters_bn():
    x, norm, reference = line(), ME.MinkowskiBatchNorm(2, momentum=0.3), torch.nn.BatchNorm1d(2, momentum=0.3)
    torch.testing.assert_close(norm(x).F, reference(x.F))
    torch.testing.assert_close(norm.bn.running_var, reference.running_var)
    assert set(norm.state_dict()) == {f"bn.{key}" for key in reference.state_dict()}
