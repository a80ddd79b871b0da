"""Do the GPU kernels compile for real cards? All of them, ahead of time, by Triton's own compiler; needs no GPU:

    python -m benchmarks.gpu_compile                          # every tile, type and architecture: some minutes
    python -m benchmarks.gpu_compile --archs 80 --types bf16 --channels 3x32 96x96 --first   # one tile for each
"""
import argparse
import os
import re
import sys
import time
from contextlib import redirect_stdout
from io import StringIO

os.environ.pop("TRITON_INTERPRET", None)  # the interpreter compiles nothing

import torch  # noqa: E402

TYPES = {"float32": (torch.float32, "ieee"), "tf32": (torch.float32, "tf32"), "bf16": (torch.bfloat16, "ieee"),
         "fp16": (torch.float16, "ieee")}
POINTERS = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16"}
# shared memory in KiB that a block may have, from the CUDA programming guide's table of compute capabilities
SHARED = {80: 163, 90: 227, 100: 227}
HEADER = ("kernel", "sm", "type", "channels", "backward", "rows x columns x depth", "warps", "stages", "registers",
          "spilled bytes", "shared KiB", "fits", "matrix instructions", "seconds")


def sources(types: list[str], channels: list[tuple[int, int]], first: bool) -> dict[tuple, tuple]:
    """What there is to compile: {(kernel, type, channels, backward, tile): (function, signature, constants, attrs)}."""
    from lib.sparse.paths.gpu import kernels, tuning
    from lib.sparse.schedules import GROUP
    found = {}
    for name, function in (("convolve", kernels.convolve_kernel), ("weight_gradient", kernels.weight_gradient_kernel)):
        for kind in types:
            dtype, precision = TYPES[kind]
            for c_in, c_out in channels:
                tiles = tuning.candidates(tuning.Shape(name, 27, c_in, c_out, 100_000, dtype, precision))
                for tile in tiles[:1] if first else tiles:
                    for backward in (False, True) if name == "convolve" else (False,):
                        constants = {"FLIPPED": backward, "BIAS": not backward, "UPCAST": False, "GROUP": GROUP,
                                     "PRECISION": precision, "ROWS": tile.rows, "COLUMNS": tile.columns,
                                     "DEPTH": tile.depth, ("w_i" if backward else "w_o"): 1}
                        found[name, kind, f"{c_in}x{c_out}", backward, tile] = function, *_signature(
                            function, POINTERS[dtype], constants, c_in, c_out)
    return found


def _signature(function, pointer: str, constants: dict, c_in: int, c_out: int) -> tuple[dict, dict, dict]:
    """Argument types, constants and alignments as Triton finds them at a launch."""
    pointers = {"features": pointer, "weight": pointer, "bias": pointer, "out": pointer, "grad": pointer,
                "partial": "*fp32", **dict.fromkeys(("order", "counts", "offsets", "inputs", "outputs"), "*i32")}
    sizes = {"c_in": c_in, "c_out": c_out, "feature_stride": c_in, "grad_stride": c_out, "w_k": c_in * c_out,
             "w_i": c_out, "w_o": c_in}
    constants = {name: value for name, value in constants.items() if name in function.arg_names}
    signature = {name: "constexpr" if name in constants else pointers.get(name, "i32") for name in function.arg_names}
    aligned = [i for i, name in enumerate(function.arg_names)
               if name in pointers or (name not in constants and sizes.get(name, 1) % 16 == 0)]
    return signature, constants, {(i,): [["tt.divisibility", 16]] for i in aligned}


def compile_one(source: tuple, arch: int, tile) -> dict[str, int]:
    """Registers, spilled bytes, shared memory and matrix instructions of a kernel for sm_`arch`."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    function, signature, constants, attrs = source
    triton.knobs.nvidia.dump_ptxas_log = triton.knobs.compilation.always_compile = True
    with redirect_stdout(StringIO()) as said:
        kernel = triton.compile(ASTSource(function, signature, constants, attrs), target=GPUTarget("cuda", arch, 32),
                                options={"num_warps": tile.warps, "num_stages": tile.stages})
    log = said.getvalue()
    return {"registers": int(re.search(r"Used (\d+) registers", log)[1]),
            "spilled": sum(map(int, re.findall(r"(\d+) bytes spill", log))), "shared": kernel.metadata.shared,
            "matrix": len(re.findall(r"^\s*(?:@\S+ )?(?:mma|wgmma\.mma|tcgen05\.mma)\w*\.", kernel.asm["ptx"], re.M))}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archs", nargs="+", type=int, default=[80, 90, 100], help="compute capabilities, without dot")
    parser.add_argument("--types", nargs="+", default=list(TYPES), choices=TYPES)
    parser.add_argument("--channels", nargs="+", default=["3x32", "96x96", "512x512"], help="inputs x outputs")
    parser.add_argument("--first", action="store_true", help="only the first tile of each list")
    options = parser.parse_args()
    try:
        import triton
    except ImportError as error:
        sys.exit(f"error: Triton cannot be imported ({error}): it comes with torch for CUDA, or `pip install triton`")
    channels = [tuple(map(int, pair.split("x"))) for pair in options.channels]
    everything = sources(options.types, channels, options.first)
    print(f"# Triton {triton.__version__}, {len(everything) * len(options.archs)} kernels", file=sys.stderr)
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|", flush=True)
    worst = 0
    for arch in options.archs:
        for (name, kind, width, backward, tile), source in everything.items():
            start = time.perf_counter()
            found = compile_one(source, arch, tile)
            fits = found["shared"] <= SHARED.get(arch, 99) * 1024
            worst = max(worst, found["spilled"])
            row = (name, arch, kind, width, "yes" if backward else "no", f"{tile.rows} x {tile.columns} x {tile.depth}",
                   tile.warps, tile.stages, found["registers"], found["spilled"], f"{found['shared'] / 1024:.0f}",
                   "yes" if fits else "no", found["matrix"], f"{time.perf_counter() - start:.1f}")
            print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print(f"# all compiled; most bytes spilled: {worst}", file=sys.stderr)


if __name__ == "__main__":
    main()
