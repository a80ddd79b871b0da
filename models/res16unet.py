"""Res16UNet: a sparse residual U-Net with four strides of 2 (Choy et al., CVPR 2019; its 34D from Rozenberszki et al.,
ECCV 2022). One class; the family is data. Build one with `models.build_model(name, in_channels, out_channels)`.
"""
from dataclasses import dataclass
from types import ModuleType

from torch import nn

from models.checkpointing import CheckpointedSequential
from models.resnet_block import BasicBlock, Bottleneck


@dataclass(frozen=True)
class Architecture:
    """What sets one member of the family apart.

    layers: residual blocks per stage, four down and four up; planes: their channels (times the block's expansion).
    last_relu False leaves the decoder's features free to take either sign.
    """
    block: type[nn.Module]
    layers: tuple[int, ...]
    planes: tuple[int, ...] = (32, 64, 128, 256, 256, 256, 256, 256)
    init_dim: int = 32
    last_relu: bool = True


def _family() -> dict[str, Architecture]:
    one, two, deep = (1,) * 8, (2,) * 8, (2, 3, 4, 6, 2, 2, 2, 2)
    head = (32, 64, 128, 256)
    a, b, c, d = (128, 128, 96, 96), (128, 128, 128, 128), (192, 192, 128, 128), (384, 384, 384, 384)
    return {
        "Res16UNet14": Architecture(BasicBlock, one),
        "Res16UNet14A": Architecture(BasicBlock, one, head + a),
        "Res16UNet14A2": Architecture(BasicBlock, (1, 1, 1, 1, 2, 2, 2, 2), head + a),
        "Res16UNet14B": Architecture(BasicBlock, one, head + b),
        "Res16UNet14B2": Architecture(BasicBlock, (1, 1, 1, 1, 2, 2, 2, 2), head + b),
        "Res16UNet14B3": Architecture(BasicBlock, (2, 2, 2, 2, 1, 1, 1, 1), head + b),
        "Res16UNet14C": Architecture(BasicBlock, one, head + c),
        "Res16UNet14D": Architecture(BasicBlock, one, head + d),
        "Res16UNet18": Architecture(BasicBlock, two),
        "Res16UNet18A": Architecture(BasicBlock, two, head + a),
        "Res16UNet18B": Architecture(BasicBlock, two, head + b),
        "Res16UNet18D": Architecture(BasicBlock, two, head + d),
        "Res16UNet34": Architecture(BasicBlock, deep),
        "Res16UNet34A": Architecture(BasicBlock, deep, head + (256, 128, 64, 64)),
        "Res16UNet34B": Architecture(BasicBlock, deep, head + (256, 128, 64, 32)),
        "Res16UNet34C": Architecture(BasicBlock, deep, head + (256, 128, 96, 96)),
        "Res16UNet34D": Architecture(BasicBlock, deep, head + (256, 256, 256, 512), last_relu=False),
        "Res16UNet50": Architecture(Bottleneck, deep),
        "Res16UNet101": Architecture(Bottleneck, (2, 3, 4, 23, 2, 2, 2, 2)),
        # Ours, for work without a GPU: narrow where voxels are many, one block a stage.
        "Res16UNet14S": Architecture(BasicBlock, one, (24, 48, 96, 128, 128, 96, 64, 64), 16, last_relu=False),
        "Res16UNet14XS": Architecture(BasicBlock, one, (16, 24, 48, 64, 64, 48, 32, 32), 8, last_relu=False),
        "Res16UNet18S": Architecture(BasicBlock, two, (32, 64, 128, 256, 128, 128, 96, 96), last_relu=False),
    }


ARCHITECTURES = _family()


class Res16UNet(nn.Module):
    """Sparse tensor with `in_channels` features in, one with `out_channels` logits a voxel out, row for row.

    engine: the package with the MinkowskiEngine API (lib.sparse, or MinkowskiEngine itself).
    dilations: of the four encoder stages. Names of submodules, and so of parameters, are the original's.
    drop_path: of the last residual block; it rises to it linearly with a block's number (Huang et al., ECCV 2016).
    activation_checkpointing: training keeps only the input of each residual block and computes the rest again.
    """

    def __init__(self, engine: ModuleType, architecture: Architecture, in_channels: int, out_channels: int,
                 conv1_kernel_size: int = 3, dilations: tuple[int, ...] = (1, 1, 1, 1), bn_momentum: float = 0.1,
                 activation_checkpointing: bool = False, drop_path: float = 0.0):
        super().__init__()
        self._engine, self._bn_momentum = engine, bn_momentum
        self._checkpointing = activation_checkpointing
        self.architecture = architecture
        self._block, self._last_relu = architecture.block, architecture.last_relu
        planes, layers, init_dim = architecture.planes, architecture.layers, architecture.init_dim
        self._drop_paths = iter([drop_path * (k + 1) / sum(layers) for k in range(sum(layers))])
        wide = [p * self._block.EXPANSION for p in planes]
        self.feature_channels = wide[7]

        def conv(inputs: int, outputs: int, kernel_size: int = 2, stride: int = 2) -> nn.Module:
            return engine.MinkowskiConvolution(inputs, outputs, kernel_size=kernel_size, stride=stride, dimension=3)

        def up(inputs: int, outputs: int) -> nn.Module:
            return engine.MinkowskiConvolutionTranspose(inputs, outputs, kernel_size=2, stride=2, dimension=3)

        def norm(channels: int) -> nn.Module:
            return engine.MinkowskiBatchNorm(channels, momentum=bn_momentum)

        # pN: tensor stride of the input, sN: stride of the layer
        self.conv0p1s1, self.bn0 = conv(in_channels, init_dim, conv1_kernel_size, 1), norm(init_dim)
        self.conv1p1s2, self.bn1 = conv(init_dim, init_dim), norm(init_dim)
        self.block1 = self._stage(init_dim, planes[0], layers[0], dilations[0])
        self.conv2p2s2, self.bn2 = conv(wide[0], wide[0]), norm(wide[0])
        self.block2 = self._stage(wide[0], planes[1], layers[1], dilations[1])
        self.conv3p4s2, self.bn3 = conv(wide[1], wide[1]), norm(wide[1])
        self.block3 = self._stage(wide[1], planes[2], layers[2], dilations[2])
        self.conv4p8s2, self.bn4 = conv(wide[2], wide[2]), norm(wide[2])
        self.block4 = self._stage(wide[2], planes[3], layers[3], dilations[3])

        self.convtr4p16s2, self.bntr4 = up(wide[3], planes[4]), norm(planes[4])
        self.block5 = self._stage(planes[4] + wide[2], planes[4], layers[4])
        self.convtr5p8s2, self.bntr5 = up(wide[4], planes[5]), norm(planes[5])
        self.block6 = self._stage(planes[5] + wide[1], planes[5], layers[5])
        self.convtr6p4s2, self.bntr6 = up(wide[5], planes[6]), norm(planes[6])
        self.block7 = self._stage(planes[6] + wide[0], planes[6], layers[6])
        self.convtr7p2s2, self.bntr7 = up(wide[6], planes[7]), norm(planes[7])
        self.block8 = self._stage(planes[7] + init_dim, planes[7], layers[7], last_relu=architecture.last_relu)

        self.final = engine.MinkowskiConvolution(wide[7], out_channels, kernel_size=1, bias=True, dimension=3)
        self.relu = engine.MinkowskiReLU(inplace=True)

    def _stage(self, inplanes: int, planes: int, blocks: int, dilation: int = 1, last_relu: bool = True) -> nn.Module:
        engine, wide = self._engine, planes * self._block.EXPANSION
        downsample = None
        if inplanes != wide:
            downsample = nn.Sequential(
                engine.MinkowskiConvolution(inplanes, wide, kernel_size=1, dimension=3),
                engine.MinkowskiBatchNorm(wide, momentum=self._bn_momentum))
        options = dict(dilation=dilation, bn_momentum=self._bn_momentum)
        stage = [self._block(engine, inplanes, planes, downsample=downsample, **options,
                             last_relu=last_relu or blocks > 1, drop_path=next(self._drop_paths))]
        stage += [self._block(engine, wide, planes, **options, last_relu=last_relu or i < blocks - 1,
                              drop_path=next(self._drop_paths))
                  for i in range(1, blocks)]
        return (CheckpointedSequential if self._checkpointing else nn.Sequential)(*stage)

    def features(self, x):
        """The decoder's features (N, feature_channels), before the classifier `final`."""
        out_p1 = self.relu(self.bn0(self.conv0p1s1(x)))
        out_p2 = self.block1(self.relu(self.bn1(self.conv1p1s2(out_p1))))
        out_p4 = self.block2(self.relu(self.bn2(self.conv2p2s2(out_p2))))
        out_p8 = self.block3(self.relu(self.bn3(self.conv3p4s2(out_p4))))
        out = self.block4(self.relu(self.bn4(self.conv4p8s2(out_p8))))

        cat = self._engine.cat
        out = self.block5(cat(self.relu(self.bntr4(self.convtr4p16s2(out))), out_p8))
        out = self.block6(cat(self.relu(self.bntr5(self.convtr5p8s2(out))), out_p4))
        out = self.block7(cat(self.relu(self.bntr6(self.convtr6p4s2(out))), out_p2))
        return self.block8(cat(self.relu(self.bntr7(self.convtr7p2s2(out))), out_p1))

    def forward(self, x):
        return self.final(self.features(x))
