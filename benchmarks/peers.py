"""Other engines for GPUs under the same network: spconv, spconv-triton and WarpConvNet in MinkowskiEngine's API.

`build_execution("spconv", "fp16")` is as `lib.execution.build_execution`; `load_weights` gives a model the weights of
ours. None of it has run on a GPU. Run on a CPU: spconv 2.3.8's forward pass, and WarpConvNet 1.8.2's Python with loops
in place of its CUDA code; both gave the reference's logits. Of spconv-triton only the API was read: it is spconv's.
"""
import importlib
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional

from lib.execution import Execution

INSTALL = {"spconv": "pip install spconv-cu126", "spconv_triton": "pip install spconv-triton",
           "warpconvnet": "pip install warpconvnet (compiles for about 10 minutes)"}
# Under autocast spconv computes in float16 whatever the type asked for; WarpConvNet rounds float32 factors to TF32.
PRECISIONS = {"spconv": ("float32", "tf32", "fp16"), "spconv_triton": ("float32", "tf32", "fp16"),
              "warpconvnet": ("tf32", "bf16", "fp16")}
TOTAL_STRIDE = 16  # of the network


def build_execution(name: str, precision: str) -> Execution:
    """How to run a network on a peer. Raises ValueError where it is not installed or has no such precision."""
    if precision not in PRECISIONS[name]:
        raise ValueError(f"{name} has no {precision}; it has {', '.join(PRECISIONS[name])}")
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        if name == "warpconvnet":
            return Execution(_warpconvnet(), precision)
        package = importlib.import_module(f"{name}.pytorch")
        importlib.import_module(f"{name}.constants").SPCONV_ALLOW_TF32 = precision == "tf32"
    except (ImportError, OSError, RuntimeError) as error:  # a build for another torch or CUDA raises either
        words = (str(error).splitlines() or [""])[0]
        raise ValueError(f"{name} cannot be imported ({words}); to have it: {INSTALL[name]}") from None
    return Execution(_engine(partial(_spconv_input, package), partial(SpconvLayer, package)), precision)


def load_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give a model the state dict of the same network on another engine, kernels rearranged where it wants them so."""
    weights = dict(weights)
    for name, layer in model.named_modules():
        if isinstance(layer, _Layer) and layer.conv is not None:
            weights[f"{name}.conv.weight"] = layer.arrange(weights.pop(f"{name}.kernel"))
    model.load_state_dict(weights)


@dataclass
class Rows:
    """Features (N, C) on the rows of one tensor stride.

    places: by tensor stride, the peer's own tensor of those rows, which carries the maps; its features are not used.
    """
    F: Tensor
    places: dict[int, object]
    tensor_stride: int = 1

    def with_features(self, features: Tensor) -> "Rows":
        """Other features on the same rows."""
        return Rows(features, self.places, self.tensor_stride)

    def __add__(self, other: "Rows") -> "Rows":
        return self.with_features(self.F + other.F)


def _cat(first: Rows, second: Rows) -> Rows:
    return first.with_features(torch.cat([first.F, second.F], dim=1))


class BatchNorm(nn.Module):
    """torch's, with its parameters where MinkowskiEngine has them."""

    def __init__(self, num_features: int, momentum: float = 0.1):
        super().__init__()
        self.bn = nn.BatchNorm1d(num_features, momentum=momentum)

    def forward(self, x: Rows) -> Rows:
        return x.with_features(self.bn(x.F))


class ReLU(nn.Module):
    """torch's."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Rows) -> Rows:
        return x.with_features(functional.relu(x.F, inplace=self.inplace))


class _Layer(nn.Module):
    """A convolution; of size 1 a product with `kernel`, as the other engines do it, else the peer's layer `conv`."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, dilation: int = 1,
                 bias: bool = False, dimension: int = 3, up: bool = False):
        super().__init__()
        self.kernel_size, self.stride, self.dilation, self.up, self.conv = kernel_size, stride, dilation, up, None
        if kernel_size == 1:
            self.kernel = nn.Parameter(torch.empty(in_channels, out_channels))
            self.bias = nn.Parameter(torch.empty(1, out_channels)) if bias else None

    def forward(self, x: Rows) -> Rows:
        if self.conv is not None:
            stride = x.tensor_stride // self.stride if self.up else x.tensor_stride * self.stride
            features, place = self.convolve(x, stride)
            return Rows(features, x.places | {stride: place}, stride)
        features = x.F @ self.kernel
        return x.with_features(features if self.bias is None else features + self.bias)


def _engine(make_input, layer) -> SimpleNamespace:
    """What `models` needs of an engine."""
    return SimpleNamespace(SparseTensor=make_input, MinkowskiConvolution=layer, MinkowskiBatchNorm=BatchNorm,
                           MinkowskiConvolutionTranspose=partial(layer, up=True), MinkowskiReLU=ReLU, cat=_cat)


def _spconv_input(package, features: Tensor, coordinates: Tensor) -> Rows:
    """coordinates: (N, 4) int32, batch x y z; the grid is widened to whole cells of the coarsest stride."""
    low = coordinates[:, 1:].amin(0).div(TOTAL_STRIDE, rounding_mode="floor") * TOTAL_STRIDE
    moved = coordinates.clone()
    moved[:, 1:] -= low
    scenes, *extents = (moved.amax(0) + 1).tolist()
    shape = [-(-extent // TOTAL_STRIDE) * TOTAL_STRIDE for extent in extents]
    return Rows(features, {1: package.SparseConvTensor(features, moved, shape, scenes)})


class SpconvLayer(_Layer):
    """Layers that share rows and kernel share maps, by way of `indice_key`."""

    def __init__(self, package, in_channels: int, out_channels: int, kernel_size: int, **options):
        super().__init__(in_channels, out_channels, kernel_size, **options)
        channels = (in_channels, out_channels, kernel_size)
        if self.up:
            self.conv = package.SparseInverseConv3d(*channels, indice_key="", bias=False)
        elif self.stride > 1:
            self.conv = package.SparseConv3d(*channels, stride=self.stride, bias=False)
        elif kernel_size > 1:
            self.conv = package.SubMConv3d(*channels, dilation=self.dilation, bias=False)

    def arrange(self, kernel: Tensor) -> Tensor:
        """(K, C_in, C_out), x fastest, to (C_out, x, y, z, C_in)."""
        size = self.kernel_size
        return kernel.view(size, size, size, *kernel.shape[1:]).permute(4, 2, 1, 0, 3)

    def convolve(self, x: Rows, stride: int) -> tuple[Tensor, object]:
        """Features at the tensor stride `stride`, and where they lie."""
        self.conv.indice_key = f"{min(stride, x.tensor_stride)} {self.kernel_size} {self.stride} {self.dilation}"
        out = self.conv(x.places[x.tensor_stride].replace_feature(x.F))
        return out.features, out.replace_feature(out.features.new_empty(len(out.features), 0))


def _warpconvnet() -> SimpleNamespace:
    voxels = importlib.import_module("warpconvnet.geometry.types.voxels").Voxels
    layer = importlib.import_module("warpconvnet.nn.modules.sparse_conv").SparseConv3d
    return _engine(partial(_warpconvnet_input, voxels), partial(WarpLayer, layer))


def _warpconvnet_input(voxels, features: Tensor, coordinates: Tensor) -> Rows:
    """coordinates: (N, 4) int32, batch x y z, batch ascending."""
    ends = coordinates[:, 0].bincount().cumsum(0).cpu()
    offsets = torch.cat([ends.new_zeros(1), ends])
    return Rows(features, {1: voxels(coordinates[:, 1:].contiguous(), features, offsets=offsets)})


class WarpLayer(_Layer):
    """The maps are kept with the tensors; a transposed convolution is told the rows to return to."""

    def __init__(self, layer, in_channels: int, out_channels: int, kernel_size: int, **options):
        super().__init__(in_channels, out_channels, kernel_size, **options)
        if kernel_size > 1:
            self.conv = layer(in_channels, out_channels, kernel_size, stride=self.stride, dilation=self.dilation,
                              bias=False, transposed=self.up)

    def arrange(self, kernel: Tensor) -> Tensor:
        """(K, C_in, C_out), x fastest, to the same with z fastest."""
        size = self.kernel_size
        return kernel.view(size, size, size, *kernel.shape[1:]).permute(2, 1, 0, 3, 4).flatten(0, 2)

    def convolve(self, x: Rows, stride: int) -> tuple[Tensor, object]:
        """Features at the tensor stride `stride`, and where they lie."""
        place = x.places[x.tensor_stride].replace(batched_features=x.F)
        out = self.conv(place, x.places[stride]) if self.up else self.conv(place)
        features = out.feature_tensor
        return features, out.replace(batched_features=features.new_empty(len(features), 0))
