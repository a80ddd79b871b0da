"""A network on an engine, and what one pass of it is made of; `benchmarks.engine` times cases in turn."""
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

import lib.sparse
from benchmarks import peers
from benchmarks.inputs import CLASSES, Input
from lib import execution
from lib.sparse.kernel_maps import KernelMap
from lib.training.throughput import Moment, between, stamp
from models import build_model

DTYPES = {"float32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose(engine: str, precision: str) -> execution.Execution:
    """How to run a network, which also makes the choice in torch's and `lib.sparse`'s settings, for all that follows.

    Raises ValueError, with the remedy, for what is not installed or cannot compute so.
    """
    return (peers if engine in peers.INSTALL else execution).build_execution(engine, precision)


@dataclass
class Layer:
    """A convolution as it ran in a forward pass: its map (None: every row alone), tensor strides, rows, and when."""
    module: nn.Module
    kernel_map: KernelMap | None
    strides: tuple[int, int]
    rows: tuple[int, int]
    entered: Moment
    started: Moment
    ended: Moment

    @property
    def pairs(self) -> int:
        """Pairs of an input row and an output row that meet."""
        return self.rows[1] if self.kernel_map is None else int((self.kernel_map.neighbours.table >= 0).sum())

    @property
    def gflop(self) -> float:
        """Work of the forward pass; each of the two gradients is as much."""
        return 2e-9 * self.pairs * self.module.in_channels * self.module.out_channels

    def gbytes(self, dtype: torch.dtype) -> float:
        """The least to be moved: input, kernel, output, and one row number a pair."""
        values = self.rows[0] * self.module.in_channels + self.rows[1] * self.module.out_channels \
            + self.module.kernel.numel()
        return 1e-9 * (values * dtype.itemsize + (0 if self.kernel_map is None else 4 * self.pairs))


class Case:
    """One network on one engine in one precision."""

    def __init__(self, engine: str, precision: str, model: str, device: torch.device,
                 weights: dict[str, torch.Tensor] | None = None, checkpointing: bool = False):
        """weights: those of another case; checkpointing: of activations, in training. Raises ValueError where the
        engine cannot serve.
        """
        self.engine, self.precision, self.device, self.checkpointing = engine, precision, device, checkpointing
        self.is_ours = engine in lib.sparse.ENGINES  # the others do not say what they do inside
        self.maps: list[tuple[int, int, int, int]] = []
        torch.manual_seed(0)
        self.model = build_model(model, 3, CLASSES, engine=choose(engine, precision).engine,
                                 activation_checkpointing=checkpointing).to(device)
        if weights:
            peers.load_weights(self.model, weights)

    def infer(self, batch: Input) -> torch.Tensor:
        """Logits (N, 200) float32: a forward pass without gradients, as inference runs it."""
        self.model.eval()
        with torch.no_grad():
            return choose(self.engine, self.precision)(self.model, batch)

    def train(self, batch: Input) -> None:
        """A forward and a backward pass."""
        self.model.train()
        logits = choose(self.engine, self.precision)(self.model, batch)
        # of a mean over many voxels most float16 gradients would be 0, and products of zeros can be faster
        functional.cross_entropy(logits, batch.labels, reduction="sum").backward()
        self.model.zero_grad()

    def settle(self, batch: Input) -> None:
        """Make a batch's statistics the running ones of batch norm: those of an untrained network are far from any."""
        norms = [module for module in self.model.modules() if isinstance(module, nn.BatchNorm1d)]
        momentum = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 1.0
        self.model.train()
        with torch.no_grad():
            choose(self.engine, self.precision)(self.model, batch)
        for norm, before in zip(norms, momentum):
            norm.momentum = before

    def build_maps(self, batch: Input) -> lib.sparse.CoordinateManager:
        """All coordinate and kernel maps that a forward pass of the network makes; after `trace`."""
        choose(self.engine, self.precision)
        manager = lib.sparse.CoordinateManager(batch.coordinates)
        for in_stride, out_stride, size, dilation in self.maps:
            if out_stride > in_stride:
                manager.stride(in_stride, out_stride // in_stride)
            kernel_map = manager.kernel_map(in_stride, out_stride, size, dilation)
            self._prepare(kernel_map)
            if out_stride > in_stride:  # the way back up goes through it, too
                self._prepare(kernel_map.transposed())
        return manager

    def _prepare(self, kernel_map: KernelMap) -> None:
        """Make what the engine's forward pass works with."""
        if self.engine == "reference":
            kernel_map.inputs  # noqa: B018
        elif self.device.type == "cuda" or self.engine == "triton":
            kernel_map.schedule  # noqa: B018
        else:
            kernel_map.table  # noqa: B018

    def trace(self, batch: Input) -> tuple[list[Layer], float]:
        """The convolutions of a forward pass in their order, and the seconds of the whole from the first one on.

        Layer by layer: on a CPU a pass that is not looked at does batch norm and ReLU on the way (`infer` times that).
        The map of a layer is made between `entered` and `started`. On a GPU moments are events in its stream of work,
        and nothing waits: where the host is the slower, what runs between two moments contains waiting for it.
        """
        layers, moments = [], []

        def key_of(module, x) -> tuple[int, int, int, int]:
            if isinstance(module, lib.sparse.MinkowskiConvolutionTranspose):
                fine, coarse = x.tensor_stride // module.stride, x.tensor_stride
            else:
                fine, coarse = x.tensor_stride, x.coordinate_manager.stride(x.tensor_stride, module.stride)
            return fine, coarse, module.kernel_size, module.dilation

        def before(module, inputs):
            x, kernel_map = inputs[0], None
            x.rows  # noqa: B018 a batch norm that waits belongs to no convolution
            entered = stamp(self.device)
            if not module.is_pointwise:
                key = key_of(module, x)
                if key not in self.maps:
                    self.maps.append(key)
                kernel_map = x.coordinate_manager.kernel_map(*key)
                if isinstance(module, lib.sparse.MinkowskiConvolutionTranspose):
                    kernel_map = kernel_map.transposed()
                self._prepare(kernel_map)
            layers.append([module, kernel_map, x.tensor_stride, len(x), entered, stamp(self.device)])

        def after(module, inputs, out):
            out.rows  # noqa: B018 what waits for its batch norm is computed here, and the norm after it by itself
            module, kernel_map, stride, rows, *when = layers[-1]
            layers[-1] = Layer(module, kernel_map, (stride, out.tensor_stride), (rows, len(out)), *when,
                               stamp(self.device))

        hooks = [self.model.register_forward_pre_hook(lambda *_: moments.append(stamp(self.device)))]
        for module in self.model.modules():
            if isinstance(module, (lib.sparse.MinkowskiConvolution, lib.sparse.MinkowskiConvolutionTranspose)):
                hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
        try:
            self.infer(batch)
            moments.append(stamp(self.device))
        finally:
            for hook in hooks:
                hook.remove()
        return layers, between(*moments)


def times_of(layers: list[Layer], whole: float) -> dict[str, float]:
    """Seconds of the 3x3x3 convolutions of a trace, and of all that is no convolution and no map: batch norm, ReLU,
    concatenation, sums, casts between them."""
    return {"3x3x3": sum(between(x.started, x.ended) for x in layers if x.module.kernel_size == 3),
            "other": whole - sum(between(x.entered, x.ended) for x in layers)}
