"""Every distinct convolution of a network alone: the table of `python -m benchmarks.engine --per_layer`."""
from collections.abc import Iterator

import torch

from benchmarks.case import DTYPES, Case, Layer, choose
from benchmarks.inputs import Input
from benchmarks.timing import mean_seconds
from lib.sparse.convolution import sparse_convolution

HEADER = ("model", "voxels", "precision", "engine", "layer", "stride", "channels", "times", "rows", "pairs",
          *(f"{way} {what}" for way in ("forward", "backward") for what in ("ms", "TFLOP/s", "GB/s", "of ceiling")))


def layer_rows(case: Case, inputs: list[Input], gemm: float, copy: float) -> Iterator[list]:
    """The columns of HEADER from `layer` on. gemm: GFLOP/s, copy: GB/s, the machine's best.

    `of ceiling` is the larger of the two shares. Backward is both gradients, in the network's first layer the weight's;
    each is counted as much work and as many bytes as the forward pass. One call follows the other, each on the next
    input's features and map; `times` is how often the network has the layer.
    """
    traces = [case.trace(batch)[0] for batch in inputs]
    groups: dict[tuple, list[list[Layer]]] = {}  # a list an input
    for i, layers in enumerate(traces):
        for layer in layers:
            key = (layer.module.kernel_size, layer.strides, layer.module.in_channels, layer.module.out_channels)
            groups.setdefault(key, [[] for _ in inputs])[i].append(layer)
    for (size, strides, c_in, c_out), same in groups.items():
        layers, is_first = [of_input[0] for of_input in same], same[0][0] is traces[0][0]
        gflop, gbytes = (sum(values) / len(layers) for values in (
            [layer.gflop for layer in layers], [layer.gbytes(DTYPES[case.precision]) for layer in layers]))
        row = [f"{size}^3" + ("" if strides[0] == strides[1] else " down" if strides[0] < strides[1] else " up"),
               strides[0], f"{c_in} > {c_out}", len(same[0]), layers[0].rows[1], layers[0].pairs]
        for time, passes in zip(_times(case, layers, is_first), (1, 1 if is_first else 2)):
            flops, moved = gflop * passes / time, gbytes * passes / time
            row += [f"{time * 1e3:.3g}", f"{flops / 1e3:.3g}", f"{moved:.3g}", f"{max(flops / gemm, moved / copy):.0%}"]
        yield row


def _times(case: Case, layers: list[Layer], is_first: bool) -> tuple[float, float]:
    """Seconds of the forward and of the backward pass of the same layer on several maps."""
    choose(case.engine, case.precision)
    dtype, kernel = DTYPES[case.precision], layers[0].module.kernel.detach()
    weight = kernel.view(-1, *kernel.shape[-2:]).to(dtype).requires_grad_()  # (K, C_in, C_out)
    forward, backward = [], []
    for layer in layers:
        x = torch.randn(layer.rows[0], weight.shape[1], device=case.device).to(dtype).requires_grad_(not is_first)
        out = sparse_convolution(x, weight, layer.kernel_map)
        grad, wanted = torch.randn_like(out), [weight] if is_first else [x, weight]
        forward.append(lambda x=x, layer=layer: sparse_convolution(x.detach(), weight.detach(), layer.kernel_map))
        backward.append(lambda out=out, wanted=wanted, grad=grad: torch.autograd.grad(out, wanted, grad,
                                                                                    retain_graph=True))
    return mean_seconds(forward, case.device), mean_seconds(backward, case.device)
