"""How fast are the sparse engines? Time, memory, and the share of what the machine can do at most:

    python -m benchmarks.engine --models Res16UNet34C Res16UNet34D --voxels 100000 --precisions float32 bf16
    python -m benchmarks.engine --engines cpu --voxels 10000 30000 100000 300000 1000000   # how time grows
    python -m benchmarks.engine --device cuda --precisions bf16 tf32 --memory [--per_layer]   # bash benchmarks/gpu.sh
"""
import argparse
import os
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path
from statistics import mean, median

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import torch  # noqa: E402

from benchmarks import peers  # noqa: E402
from benchmarks.case import DTYPES, Case, choose, times_of  # noqa: E402
from benchmarks.inputs import keep_rooms, make_inputs  # noqa: E402
from benchmarks.layers import HEADER as LAYER_HEADER  # noqa: E402
from benchmarks.layers import layer_rows  # noqa: E402
from benchmarks.memory import peak_memory  # noqa: E402
from benchmarks.timing import copy_rate, gemm_rate, seconds  # noqa: E402
from lib.execution import PRECISIONS  # noqa: E402
from lib.memory import keep_freed_memory  # noqa: E402

HEADER = ("model", "voxels", "precision", "engine", "forward ms", "fwd+bwd ms", "maps ms", "GFLOP", "TFLOP/s",
          "of GEMM", "GB/s", "of copy", "3x3x3 of GEMM", "other layers", "peak MB fwd", "peak MB train")
RATIOS = ("x minkowski fwd", "x minkowski fwd+bwd")
MINKOWSKI = ("minkowski", "float32")
AGREEMENT = 0.5  # relative, Frobenius norm, of logits: with kernels in a wrong order they are off by more than 1


def say(line: str) -> None:
    """A remark beside the table."""
    print(f"# {line}", file=sys.stderr, flush=True)


def print_row(values) -> None:
    """A row of a Markdown table."""
    print("| " + " | ".join(map(str, values)) + " |", flush=True)


def is_out_of_memory(error: Exception) -> bool:
    """Whether a CPU, a GPU or a library of its own says so."""
    return any(words in str(error).lower() for words in ("out of memory", "can't allocate memory"))


class Cases(dict):
    """Cases by engine and precision; one that cannot go on is left out with one line."""

    def attempt(self, key: tuple[str, str], work, *arguments):
        """What `work(*arguments)` returns; None, and the case is gone, where memory or a peer fails."""
        try:
            return work(*arguments)
        except Exception as error:
            if not (is_out_of_memory(error) or key[0] in peers.INSTALL):  # ours must not fail
                raise
            reason = "out of memory" if is_out_of_memory(error) else \
                f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        self.leave_out(key, reason)
        return None

    def leave_out(self, key: tuple[str, str], reason: str) -> None:
        """Drop a case and give its memory back."""
        say(f"left out, {' '.join(key)}: {reason}")
        self.pop(key, None)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def available(options) -> list[tuple[str, str]]:
    """Engines and precisions that can be had here; says what cannot."""
    found = []
    for engine in options.engines:
        offered = ("float32",) if engine == "minkowski" else peers.PRECISIONS.get(engine, PRECISIONS)
        wanted = offered if engine == "minkowski" else [name for name in options.precisions if name in offered]
        try:
            choose(engine, (*wanted, *offered)[0])
        except ValueError as error:
            say(f"left out, {engine}: {error}")
            continue
        if not wanted:
            say(f"left out, {engine}: computes in {', '.join(offered)} only")
        found += [(engine, precision) for precision in wanted]
    return found


def make_cases(options, model: str, device: torch.device) -> Cases:
    """All of them, with the same weights."""
    cases, weights = Cases(), None
    for key in options.keys:
        case = cases.attempt(key, Case, *key, model, device, weights, options.activation_checkpointing)
        if case:
            cases[key] = case
            weights = weights or case.model.state_dict()
    return cases


def check(cases: Cases, batch) -> None:
    """Leave out what computes something else than the first case."""
    expected = None
    for key, case in list(cases.items()):
        cases.attempt(key, case.settle, batch)
        logits = cases.attempt(key, case.infer, batch) if key in cases else None
        if logits is None:
            continue
        if expected is None:
            expected, first = logits, " ".join(key)
            continue
        difference = ((logits - expected).norm() / expected.norm()).item()
        if difference < AGREEMENT:  # NaN never passes
            say(f"{' '.join(key)}: logits {difference:.1e} off {first}")
        else:
            cases.leave_out(key, f"its logits are {difference:.2g} off {first}: its adapter or its kernels are wrong")


def pass_times(case: Case, batch, kinds: list[str]) -> dict[str, float]:
    """Seconds of one pass of each kind and of the parts of a forward pass; GFLOP and GB of its convolutions."""
    found = {kind: seconds(partial(getattr(case, kind), batch), case.device) for kind in kinds}
    if case.is_ours:
        layers, whole = case.trace(batch)
        found |= times_of(layers, whole)
        found["maps"] = seconds(lambda: case.build_maps(batch), case.device)
        found["gflop"] = sum(layer.gflop for layer in layers)
        found["gflop 3x3x3"] = sum(layer.gflop for layer in layers if layer.module.kernel_size == 3)
        found["gbytes"] = sum(layer.gbytes(DTYPES[case.precision]) for layer in layers)
    return found


def best_rates(cases: Cases, device: torch.device) -> dict[str, float]:
    """GFLOP/s of each precision that the cases have and, under "copy", GB/s."""
    rates = {"copy": copy_rate(device)}
    for precision in dict.fromkeys(precision for _, precision in cases):
        choose("reference", precision)
        rates[precision] = gemm_rate(DTYPES[precision], device)
    return rates


def ceilings(device: torch.device, found: list[dict[str, float]]) -> dict[str, float]:
    """The best of several measurements, also said."""
    rates = {name: max(rates[name] for rates in found if name in rates) for name in found[0]}
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    say(f"{where}: best GEMM " + ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in rates.items()
                                           if name != "copy") + f"; best copy {rates['copy']:.0f} GB/s")
    return rates


def measure(options, model: str, voxels: int) -> None:
    """One table row per engine and precision; they take turns, so that a slow moment of the machine meets them all."""
    device = torch.device(options.device)
    inputs, cases = make_inputs(voxels, options.inputs, device), make_cases(options, model, device)
    check(cases, inputs[0])
    kinds = ["infer"] if options.forward_only else ["infer", "train"]
    rates, times = [], {key: defaultdict(list) for key in cases}
    for turn in range(len(inputs) + options.repeats):  # the first turn of every input warms up
        if turn == 0 or device.type == "cpu":  # a CPU is shared, a GPU is not
            rates.append(best_rates(cases, device))
        for key, case in list(cases.items()):
            found = cases.attempt(key, pass_times, case, inputs[turn % len(inputs)], kinds)
            for name, value in (found or {}).items() if turn >= len(inputs) else ():
                times[key][name].append(value)
    rates = ceilings(device, rates)
    work = next((mean(times[key]["gflop"]) for key, case in cases.items() if case.is_ours), None)
    for key, case in list(cases.items()):
        middle = {name: median(values) for name, values in times[key].items()}
        gflop = mean(times[key]["gflop"]) if case.is_ours else work
        row = [model, voxels, case.precision, case.engine, *(f"{middle[kind] * 1e3:.4g}" for kind in kinds)]
        row += ["-"] * (2 - len(kinds))
        forward, gemm = middle["infer"], rates[case.precision]
        row += [f"{middle['maps'] * 1e3:.1f} ({middle['maps'] / forward:.0%})"] if case.is_ours else ["-"]
        row += ["-"] * 3 if gflop is None else [f"{gflop:.4g}", f"{gflop / forward / 1e3:.3g}",
                                                f"{gflop / forward / gemm:.0%}"]
        if case.is_ours:
            moved = middle["gbytes"] / forward
            row += [f"{moved:.3g}", f"{moved / rates['copy']:.0%}",
                    f"{middle['gflop 3x3x3'] / middle['3x3x3'] / gemm:.0%}", f"{middle['other'] / forward:.0%}"]
        else:
            row += ["-"] * 4
        peaks = [cases.attempt(key, peak_memory, case, model, kind, inputs[0]) for kind in kinds] \
            if options.memory else []
        row += ["-" if peak is None else f"{peak:.0f}" for peak in peaks] + ["-"] * (2 - len(peaks))
        if MINKOWSKI in options.keys:
            theirs = times.get(MINKOWSKI, {})
            row += [f"{median(theirs[kind]) / middle[kind]:.2f}" if theirs.get(kind) else "-"
                    for kind in ("infer", "train") if kind in middle] + ["-"] * (2 - len(kinds))
        print_row(row)


def measure_layers(options, model: str, voxels: int) -> None:
    """One table row for each distinct convolution, engine and precision."""
    device = torch.device(options.device)
    inputs, cases = make_inputs(voxels, options.inputs, device), make_cases(options, model, device)
    rates = ceilings(device, [best_rates(cases, device)])
    for key, case in list(cases.items()):
        if not case.is_ours:
            cases.leave_out(key, "only the layers of lib.sparse can be taken apart")
            continue
        for row in cases.attempt(key, lambda case=case: list(
                layer_rows(case, inputs, rates[case.precision], rates["copy"]))) or []:
            print_row([model, voxels, case.precision, case.engine, *row])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", help="default: all that run on the device and are installed")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--models", nargs="+", default=["Res16UNet34C"])
    parser.add_argument("--voxels", nargs="+", type=int, default=[100_000])
    parser.add_argument("--precisions", nargs="+", default=["float32"], choices=PRECISIONS,
                        help="minkowski has float32 only and is compared with that")
    parser.add_argument("--repeats", type=int, default=5, help="the table shows medians")
    parser.add_argument("--inputs", type=int, help="batches taken in turn; default: 1 on a CPU, 3 on a GPU")
    parser.add_argument("--rooms", type=Path, help=".npz file with the rooms; made where there is none, to save time")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--forward_only", action="store_true")
    parser.add_argument("--memory", action="store_true", help="also peak memory, on a CPU in a process of its own")
    parser.add_argument("--activation_checkpointing", action="store_true", help="training computes blocks twice")
    parser.add_argument("--per_layer", action="store_true", help="a table of the convolutions instead of the networks")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("error: --device cuda: torch sees no GPU here; leave --device out to time the CPU engines")
    options.engines = options.engines or (["reference", "triton", *peers.INSTALL] if options.device == "cuda" else
                                          ["reference", "cpu", "minkowski"])
    options.inputs = options.inputs or (3 if options.device == "cuda" else 1)
    keep_freed_memory()  # as main.py does, for every engine
    if options.rooms:
        keep_rooms(options.rooms)
    options.keys = available(options)
    header = LAYER_HEADER if options.per_layer else (*HEADER, *RATIOS) if MINKOWSKI in options.keys else HEADER
    print_row(header)
    print("|---" * len(header) + "|", flush=True)
    for model in options.models:
        for voxels in options.voxels:
            (measure_layers if options.per_layer else measure)(options, model, voxels)


if __name__ == "__main__":
    main()
