"""Sparse tensors and sparse convolution on plain PyTorch, in the MinkowskiEngine 0.5 API subset that `models` needs.

`import lib.sparse as ME; y = ME.MinkowskiConvolution(3, 32, kernel_size=3, dimension=3)(ME.SparseTensor(F, C))`
"""
from lib.sparse.chooser import ENGINES, get_engine, set_engine
from lib.sparse.coordinates import CoordinateManager
from lib.sparse.modules import (
    MinkowskiBatchNorm,
    MinkowskiConvolution,
    MinkowskiConvolutionTranspose,
    MinkowskiReLU,
)
from lib.sparse.tensor import SparseTensor, cat

__all__ = ["ENGINES", "CoordinateManager", "MinkowskiBatchNorm", "MinkowskiConvolution",
           "MinkowskiConvolutionTranspose", "MinkowskiReLU", "SparseTensor", "cat", "get_engine", "set_engine"]
