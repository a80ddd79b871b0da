"""The Triton kernels of sparse convolution and their launches; importing this needs Triton.

`convolve` and `weight_gradient` are what `lib.sparse.paths.gpu` offers; `python -m benchmarks.gpu_compile` compiles the
kernels without a GPU. With TRITON_INTERPRET=1 in the environment they run on CPU tensors, one instruction at a time,
where a call of `tl.cdiv` or `tl.zeros`, functions of Triton themselves, costs as much as many lines: hence none.
"""
import torch
import triton
import triton.language as tl
from torch import Tensor

from lib.sparse.paths.gpu import tuning
from lib.sparse.paths.gpu.tuning import Tile
from lib.sparse.schedules import GROUP, Pairs, Schedule


# counts of rows differ from batch to batch: no reason to compile anew
@triton.jit(do_not_specialize=["num_outputs"])
def convolve_kernel(features, weight, bias, out, order, counts, offsets, inputs, num_outputs, volume, c_in, c_out,
                    feature_stride, w_k, w_i, w_o, FLIPPED: tl.constexpr, BIAS: tl.constexpr, UPCAST: tl.constexpr,
                    PRECISION: tl.constexpr, GROUP: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
                    DEPTH: tl.constexpr):
    """One tile of ROWS outputs x COLUMNS channels: the sum over the offsets that its group has, in float32.

    One loop over (offset, slice of DEPTH input channels), so that a tile with one offset is pipelined like any other.
    Input rows are read from where no other load says: the fewer loads wait for each other, the more run ahead.
    """
    tiles_across = (c_out + COLUMNS - 1) // COLUMNS
    tile, across = tl.program_id(0) // tiles_across, tl.program_id(0) % tiles_across
    places = tile * ROWS + tl.arange(0, ROWS)
    columns = across * COLUMNS + tl.arange(0, COLUMNS)
    wanted = columns < c_out
    group = tile * ROWS // GROUP
    inputs += group.to(tl.int64) * volume * GROUP + places % GROUP
    slices = (c_in + DEPTH - 1) // DEPTH
    total = tl.full((ROWS, COLUMNS), 0.0, tl.float32)
    for step in range(tl.load(counts + group) * slices):
        rows = tl.load(inputs + step // slices * GROUP).to(tl.int64)
        channels = step % slices * DEPTH + tl.arange(0, DEPTH)
        known = channels < c_in
        x = tl.load(features + rows[:, None] * feature_stride + channels[None, :],
                    mask=(rows >= 0)[:, None] & known[None, :], other=0.0)
        k = tl.load(offsets + group * volume + step // slices)
        k = volume - 1 - k if FLIPPED else k
        w = tl.load(weight + k * w_k + channels[:, None] * w_i + columns[None, :] * w_o,
                    mask=known[:, None] & wanted[None, :], other=0.0)
        if UPCAST:
            x, w = x.to(tl.float32), w.to(tl.float32)
        total = tl.dot(x, w, total, input_precision=PRECISION)
    if BIAS:
        total += tl.load(bias + columns, mask=wanted, other=0.0).to(tl.float32)[None, :]
    inside = places < num_outputs
    targets = tl.load(order + places, mask=inside, other=0).to(tl.int64)
    tl.store(out + targets[:, None] * c_out + columns[None, :], total.to(out.dtype.element_ty),
             mask=inside[:, None] & wanted[None, :])


@triton.jit(do_not_specialize=["length", "splits"])
def weight_gradient_kernel(features, grad, inputs, outputs, counts, partial, length, volume, c_in, c_out, splits,
                           feature_stride, grad_stride, UPCAST: tl.constexpr, PRECISION: tl.constexpr,
                           ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr):
    """One tile of ROWS x COLUMNS channels of features^T grad over one of `splits` shares of an offset's pairs."""
    tiles_across = (c_out + COLUMNS - 1) // COLUMNS
    tile, k, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    lines = tile // tiles_across * ROWS + tl.arange(0, ROWS)
    columns = tile % tiles_across * COLUMNS + tl.arange(0, COLUMNS)
    count = tl.load(counts + k)
    share = (count + splits * DEPTH - 1) // (splits * DEPTH) * DEPTH
    end = tl.minimum(count, (split + 1) * share)
    line = k.to(tl.int64) * length
    total = tl.full((ROWS, COLUMNS), 0.0, tl.float32)
    for first in range(split * share, end, DEPTH):
        places = first + tl.arange(0, DEPTH)
        inside = places < end
        sources = tl.load(inputs + line + places, mask=inside, other=0).to(tl.int64)
        targets = tl.load(outputs + line + places, mask=inside, other=0).to(tl.int64)
        x = tl.load(features + sources[:, None] * feature_stride + lines[None, :],
                    mask=inside[:, None] & (lines < c_in)[None, :], other=0.0)
        g = tl.load(grad + targets[:, None] * grad_stride + columns[None, :],
                    mask=inside[:, None] & (columns < c_out)[None, :], other=0.0)
        if UPCAST:
            x, g = x.to(tl.float32), g.to(tl.float32)
        total = tl.dot(tl.trans(x), g, total, input_precision=PRECISION)
    place = ((split * volume + k).to(tl.int64) * c_in + lines[:, None]) * c_out + columns[None, :]
    tl.store(partial + place, total, mask=(lines < c_in)[:, None] & (columns < c_out)[None, :])


INTERPRETED = not isinstance(convolve_kernel, triton.JITFunction)


def input_precision(dtype: torch.dtype) -> str:
    """How float32 factors are multiplied: exactly, or rounded to TF32 where torch's own products are.

    `torch.set_float32_matmul_precision("high")` asks for the latter.
    """
    return "tf32" if dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest" else "ieee"


def _factors(x: Tensor) -> dict:
    """How the kernels multiply tensors like x. The interpreter keeps bfloat16 as integers and would multiply those."""
    return {"PRECISION": input_precision(x.dtype), "UPCAST": INTERPRETED and x.dtype == torch.bfloat16}


def _blocks(tile: Tile) -> dict:
    return {"ROWS": tile.rows, "COLUMNS": tile.columns, "DEPTH": tile.depth, "num_warps": tile.warps,
            "num_stages": tile.stages}


def _rows_apart(x: Tensor) -> Tensor:
    """x, copied only if its channels do not lie side by side: rows may, as in one half of a concatenation."""
    return x if x.stride(1) == 1 else x.contiguous()


def convolve(features: Tensor, weight: Tensor, schedule: Schedule, flipped: bool = False, bias: Tensor | None = None,
             tile: Tile | None = None) -> Tensor:
    """`out[o] = bias + sum over k of features[table[k, o]] @ weight[k]`, offsets without a row left out.

    features: (N_in, C_in); weight: (K, C_in, C_out), any strides; schedule: of the table (K, N_out); flipped: line k of
    that belongs to weight K-1-k; bias: (1, C_out). Returns (N_out, C_out) in the features' type.
    """
    features = _rows_apart(features)
    volume, c_in, c_out = weight.shape
    rows = len(schedule.order)
    out = features.new_empty(rows, c_out)

    def launch(tile: Tile) -> None:
        grid = (triton.cdiv(rows, tile.rows) * triton.cdiv(c_out, tile.columns),)
        convolve_kernel[grid](
            features, weight, bias, out, schedule.order, schedule.counts, schedule.offsets, schedule.inputs, rows,
            volume, c_in, c_out, features.stride(0), *weight.stride(), FLIPPED=flipped, BIAS=bias is not None,
            GROUP=GROUP, **_factors(features), **_blocks(tile))

    with torch.cuda.device_of(features):
        shape = tuning.Shape("convolve", volume, c_in, c_out, rows, features.dtype, input_precision(features.dtype))
        launch(tile or tuning.choose(shape, features.device, launch))
    return out


def weight_gradient(features: Tensor, grad_out: Tensor, pairs: Pairs, swapped: bool = False,
                    tile: Tile | None = None) -> Tensor:
    """`dW[k] = sum over pairs (i, o) of offset k of features[i]^T grad_out[o]`. Returns (K, C_in, C_out) float32.

    swapped: features are at the rows o, grad_out at the rows i. The pairs of an offset are shared out to programs, and
    what these give is added up in one order: the same numbers in every run that uses the same tile.
    """
    features, grad_out = _rows_apart(features), _rows_apart(grad_out)
    c_in, c_out, (volume, length) = features.shape[1], grad_out.shape[1], pairs.inputs.shape
    inputs, outputs = (pairs.outputs, pairs.inputs) if swapped else (pairs.inputs, pairs.outputs)

    def launch(tile: Tile) -> Tensor:
        tiles = triton.cdiv(c_in, tile.rows) * triton.cdiv(c_out, tile.columns)
        splits = tuning.splits(tiles * volume, length, tile.depth, features.device)
        partial = torch.empty(splits, volume, c_in, c_out, dtype=torch.float32, device=features.device)
        weight_gradient_kernel[tiles, volume, splits](
            features, grad_out, inputs, outputs, pairs.counts, partial, length, volume, c_in, c_out, splits,
            features.stride(0), grad_out.stride(0), **_factors(features), **_blocks(tile))
        return partial.sum(0) if splits > 1 else partial[0]

    with torch.cuda.device_of(features):
        shape = tuning.Shape("weight_gradient", volume, c_in, c_out, length, features.dtype,
                             input_precision(features.dtype))
        return launch(tile or tuning.choose(shape, features.device, launch))
