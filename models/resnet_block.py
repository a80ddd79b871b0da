"""Residual blocks of sparse ResNets, written in the MinkowskiEngine API; `engine` is the package that provides it."""
from types import ModuleType

from torch import nn

from models.drop_path import drop_path


class BasicBlock(nn.Module):
    """Two 3^3 convolutions and a shortcut (He et al., CVPR 2016).

    drop_path: how often training leaves out the convolutions of a scene.
    """
    EXPANSION = 1

    def __init__(self, engine: ModuleType, inplanes: int, planes: int, dilation: int = 1,
                 downsample: nn.Module | None = None, bn_momentum: float = 0.1, last_relu: bool = True,
                 drop_path: float = 0.0):
        super().__init__()
        self._engine, self.drop_path = engine, drop_path
        options = dict(kernel_size=3, dilation=dilation, dimension=3)
        self.conv1 = engine.MinkowskiConvolution(inplanes, planes, **options)
        self.norm1 = engine.MinkowskiBatchNorm(planes, momentum=bn_momentum)
        self.conv2 = engine.MinkowskiConvolution(planes, planes, **options)
        self.norm2 = engine.MinkowskiBatchNorm(planes, momentum=bn_momentum)
        self.relu = engine.MinkowskiReLU(inplace=True)
        self.downsample = downsample
        self.last_relu = last_relu

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        if self.drop_path and self.training:
            out = drop_path(self._engine, out, self.drop_path)
        out = out + residual
        return self.relu(out) if self.last_relu else out


class Bottleneck(nn.Module):
    """1^3, 3^3 and 1^3 convolutions and a shortcut; the output has 4 * planes channels (He et al., CVPR 2016).

    drop_path: how often training leaves out the convolutions of a scene.
    """
    EXPANSION = 4

    def __init__(self, engine: ModuleType, inplanes: int, planes: int, dilation: int = 1,
                 downsample: nn.Module | None = None, bn_momentum: float = 0.1, last_relu: bool = True,
                 drop_path: float = 0.0):
        super().__init__()
        self._engine, self.drop_path = engine, drop_path
        wide = planes * self.EXPANSION
        self.conv1 = engine.MinkowskiConvolution(inplanes, planes, kernel_size=1, dimension=3)
        self.norm1 = engine.MinkowskiBatchNorm(planes, momentum=bn_momentum)
        self.conv2 = engine.MinkowskiConvolution(planes, planes, kernel_size=3, dilation=dilation, dimension=3)
        self.norm2 = engine.MinkowskiBatchNorm(planes, momentum=bn_momentum)
        self.conv3 = engine.MinkowskiConvolution(planes, wide, kernel_size=1, dimension=3)
        self.norm3 = engine.MinkowskiBatchNorm(wide, momentum=bn_momentum)
        self.relu = engine.MinkowskiReLU(inplace=True)
        self.downsample = downsample
        self.last_relu = last_relu

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.relu(self.norm2(self.conv2(out)))
        out = self.norm3(self.conv3(out))
        if self.drop_path and self.training:
            out = drop_path(self._engine, out, self.drop_path)
        out = out + residual
        return self.relu(out) if self.last_relu else out
