"""The networks: `build_model("Res16UNet34D", in_channels=3, out_channels=200)`."""
from types import ModuleType

import lib.sparse
from models.res16unet import ARCHITECTURES, Res16UNet

__all__ = ["ARCHITECTURES", "Res16UNet", "build_model"]


def build_model(name: str, in_channels: int, out_channels: int, engine: ModuleType = lib.sparse,
                **options) -> Res16UNet:
    """The network `name` of `ARCHITECTURES`; options are those of `Res16UNet`. Raises ValueError for unknown names."""
    if name not in ARCHITECTURES:
        raise ValueError(f"--model {name}: no such network; there are {', '.join(ARCHITECTURES)}")
    return Res16UNet(engine, ARCHITECTURES[name], in_channels, out_channels, **options)
