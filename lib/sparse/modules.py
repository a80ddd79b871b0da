"""The layers of a sparse network: convolution, transposed convolution, batch norm, ReLU.

Names, parameters and initialisation are MinkowskiEngine 0.5's, so state dicts are interchangeable.
"""
import math

import torch
from torch import nn
from torch.nn import functional

from lib.sparse.convolution import pending_convolution
from lib.sparse.norm import can_defer, defer
from lib.sparse.sync_norm import is_synchronised
from lib.sparse.tensor import SparseTensor


class _ConvolutionBase(nn.Module):
    """Parameters `kernel` (K, C_in, C_out), 2-D (C_in, C_out) for size 1 stride 1, and `bias` (1, C_out) or None."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, dilation: int = 1,
                 bias: bool = False, dimension: int = 3):
        super().__init__()
        if dimension != 3:
            raise ValueError(f"dimension {dimension} is not supported: scenes have 3")
        for name, value in (("kernel_size", kernel_size), ("stride", stride), ("dilation", dilation)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, not {value!r}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.dilation = kernel_size, stride, dilation
        volume = kernel_size**3
        self.is_pointwise = volume == 1 and stride == 1
        shape = (in_channels, out_channels) if self.is_pointwise else (volume, in_channels, out_channels)
        self.kernel = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(1, out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self, fan_channels: int | None = None) -> None:
        """Uniform in +-1/sqrt(fan), fan = channels * kernel volume, as MinkowskiEngine does."""
        bound = 1 / math.sqrt((fan_channels or self.in_channels) * self.kernel_size**3)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def _pointwise(self, x: SparseTensor) -> SparseTensor:
        return x.with_rows(pending_convolution(x.rows, self.kernel[None], None, self.bias))

    def extra_repr(self) -> str:
        return (f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
                f"dilation={self.dilation}, bias={self.bias is not None}")


class MinkowskiConvolution(_ConvolutionBase):
    """Sparse convolution; the output rows are the input's, or with a stride s the unique `floor(c / s) * s`."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        if self.is_pointwise:
            return self._pointwise(x)
        manager, in_stride = x.coordinate_manager, x.tensor_stride
        out_stride = manager.stride(in_stride, self.stride) if self.stride > 1 else in_stride
        kernel_map = manager.kernel_map(in_stride, out_stride, self.kernel_size, self.dilation)
        rows = pending_convolution(x.rows, self.kernel, kernel_map, self.bias)
        return SparseTensor.of_rows(rows, out_stride, manager)


class MinkowskiConvolutionTranspose(_ConvolutionBase):
    """Transposed sparse convolution back to the rows of the finer map that a strided convolution came from."""

    def reset_parameters(self, fan_channels: int | None = None) -> None:
        super().reset_parameters(self.out_channels)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Raises ValueError when no finer coordinate map with the tensor stride wanted is known."""
        if self.is_pointwise:
            return self._pointwise(x)
        manager, in_stride = x.coordinate_manager, x.tensor_stride
        out_stride, rest = divmod(in_stride, self.stride)
        if rest or not manager.has(out_stride):
            raise ValueError(f"transposed convolution: no finer coordinate map of tensor stride {in_stride}/"
                             f"{self.stride} is known; only a map that was strided down can be returned to")
        forward_map = manager.kernel_map(out_stride, in_stride, self.kernel_size, self.dilation)
        rows = pending_convolution(x.rows, self.kernel, forward_map.transposed(), self.bias)
        return SparseTensor.of_rows(rows, out_stride, manager)


class MinkowskiBatchNorm(nn.Module):
    """Batch norm over the voxels of the whole batch; parameters live under `bn`."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        self.bn = nn.BatchNorm1d(num_features, eps=eps, momentum=momentum)

    def forward(self, x: SparseTensor) -> SparseTensor:
        bn = self.bn
        # one voxel has no variance: normalise it as evaluation does; beside those of other processes it has
        training = self.training and (len(x) > 1 or is_synchronised(bn))
        training = training and bn.training
        rows = x.rows if training else x.waiting
        if can_defer(bn, rows):
            return x.with_rows(defer(bn, rows, training))
        if self.training and bn.training and not training:
            return x.with_rows(functional.batch_norm(x.rows, bn.running_mean, bn.running_var, bn.weight, bn.bias,
                                                         training=False, eps=bn.eps))
        return x.with_rows(bn(x.rows))


class MinkowskiReLU(nn.Module):
    """max(x, 0)."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: SparseTensor) -> SparseTensor:
        if x.deferred is not None:
            return x.with_rows(x.deferred.finish(relu=True))
        # without gradients a convolution that waits may still read these rows
        inplace = self.inplace and not x.is_seen and torch.is_grad_enabled()
        return x.with_rows(functional.relu(x.rows, inplace=inplace))
