"""How fast are the sparse engines? Forward, backward, maps, memory, and the share of the machine's best GEMM rate:

    python -m benchmarks.engine --models Res16UNet34C Res16UNet34D --voxels 100000 --precisions float32 bf16
    python -m benchmarks.engine --engines cpu --voxels 10000 30000 100000 300000 1000000   # how time grows
    python -m benchmarks.engine --device cuda --precisions bf16 tf32 --voxels 100000 800000 --memory
"""
import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional  # noqa: E402

import lib.sparse  # noqa: E402
from lib.execution import import_minkowski  # noqa: E402
from lib.memory import keep_freed_memory  # noqa: E402
from lib.sparse.quantize import sparse_quantize  # noqa: E402
from models import build_model  # noqa: E402

CLASSES = 200
DTYPES = {"float32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}
HEADER = ("model", "voxels", "precision", "engine", "forward ms", "fwd+bwd ms", "maps ms", "GFLOP", "GEMM share",
          "3x3x3 share", "other layers", "peak MB fwd", "peak MB train", "x minkowski fwd", "x minkowski fwd+bwd")


def room_voxels(count: int, voxel_size: float = 0.02, seed: int = 0) -> torch.Tensor:
    """(count, 4) int32 voxels, batch x y z ascending, of as many synthetic rooms as it takes; the last is cut."""
    from datasets.synthetic.dataset import Settings, make_scene  # here, so that it adds nothing to peak memory
    parts, total, settings = [], 0, Settings(train=100, seed=seed)
    while total < count:
        points = make_scene(settings, "train", len(parts)).points
        cells = np.floor(points / voxel_size).astype(np.int32)
        cells = cells[sparse_quantize(cells).index][:count - total]
        parts.append(np.insert(cells, 0, len(parts), axis=1))
        total += len(cells)
    return torch.from_numpy(np.concatenate(parts))


def engine_module(name: str):
    """The package behind an engine's name, chosen; None where MinkowskiEngine is not installed."""
    if name != "minkowski":
        lib.sparse.set_engine(name)
        return lib.sparse
    try:
        return import_minkowski()
    except ValueError:
        return None


def set_float32(precision: str) -> None:
    """Whether a GPU may round the factors of float32 products to TF32."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")


def gemm_rate(precision: str, device: torch.device) -> float:
    """Best GFLOP/s of a large matrix product: torch.mm or, on a CPU where torch has it, oneDNN's."""
    set_float32(precision)
    rows, width = (4096, 512) if device.type == "cpu" else (8192, 8192)
    a, b = (torch.randn(n, width, device=device).to(DTYPES[precision]) for n in (rows, width))
    products = [lambda: a @ b]
    if device.type == "cpu" and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        products.append(lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], None))
    best = min(min(seconds(product, device) for _ in range(10)) for product in products)
    return 2e-9 * rows * width * width / best


def seconds(work, device: torch.device) -> float:
    """Time of a call: by the wall, on a GPU between device events."""
    if device.type == "cpu":
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3


def now(device: torch.device) -> float:
    """The wall clock once the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class Case:
    """One network on one engine, and what is measured about it."""

    def __init__(self, engine: str, model: str, coordinates: torch.Tensor, precision: str, weights: dict | None = None):
        self.engine, self.precision, self.coordinates = engine, precision, coordinates
        self.device = coordinates.device
        self.module = engine_module(engine)
        torch.manual_seed(0)
        self.features = (torch.rand(len(coordinates), 3) - 0.5).to(self.device)
        self.labels = torch.randint(CLASSES, (len(coordinates),)).to(self.device)
        self.model = build_model(model, 3, CLASSES, engine=self.module).to(self.device)
        if weights:
            self.model.load_state_dict(weights)

    def input(self):
        """A new sparse tensor: nothing is kept from call to call."""
        engine_module(self.engine)
        set_float32(self.precision)
        return self.module.SparseTensor(features=self.features, coordinates=self.coordinates)

    def forward(self, x=None):
        """Logits (N, 200)."""
        x = self.input() if x is None else x
        bf16 = self.precision == "bf16" and self.engine != "minkowski"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            return self.model(x)

    def infer(self) -> None:
        """A forward pass without gradients, batch norm as in training."""
        with torch.no_grad():
            self.forward()

    def train(self) -> None:
        """A forward and a backward pass."""
        functional.cross_entropy(self.forward().F.float(), self.labels).backward()
        self.model.zero_grad()

    def build_maps(self) -> None:
        """All coordinate and kernel maps of the network, as often as one pass builds them."""
        manager = lib.sparse.CoordinateManager(self.coordinates)
        for in_stride, out_stride, size, dilation in self.maps:
            if out_stride > in_stride:
                manager.stride(in_stride, out_stride // in_stride)
            kernel_map = manager.kernel_map(in_stride, out_stride, size, dilation)
            self.prepare(kernel_map.transposed() if out_stride > in_stride else kernel_map)

    def prepare(self, kernel_map) -> None:
        """Make what the engine's forward pass works with."""
        if self.engine == "reference":
            kernel_map.inputs  # noqa: B018
        elif self.engine == "triton":
            kernel_map.schedule  # noqa: B018
        else:
            kernel_map.table  # noqa: B018

    def layers(self) -> dict[str, float]:
        """Of a forward pass: GFLOP, GFLOP and seconds of its 3x3x3 convolutions, seconds of all that is no convolution
        and no map: batch norm, ReLU, concatenation, sums. Maps are built before the clock of their layer starts."""
        work = {"gflop": 0.0, "gflop 3x3x3": 0.0, "seconds 3x3x3": 0.0, "seconds other": 0.0}

        def before(layer, inputs):
            inputs[0].F  # noqa: B018 a batch norm that waits belongs to no convolution
            layer.entered = now(self.device)
            if layer.kernel.ndim == 3:
                manager, stride, factor = inputs[0].coordinate_manager, inputs[0].tensor_stride, layer.stride
                if isinstance(layer, self.module.MinkowskiConvolutionTranspose):
                    used = manager.kernel_map(stride // factor, stride, layer.kernel_size, layer.dilation).transposed()
                else:
                    used = manager.kernel_map(stride, manager.stride(stride, factor), layer.kernel_size, layer.dilation)
                self.prepare(used)
            layer.started = now(self.device)

        def after(layer, inputs, out):
            ended, strides = now(self.device), (inputs[0].tensor_stride, out.tensor_stride)
            pairs = len(out)
            if layer.kernel.ndim == 3:
                table = out.coordinate_manager.kernel_map(min(strides), max(strides), layer.kernel_size,
                                                          layer.dilation).table
                pairs = int((table >= 0).sum())
            flop = 2e-9 * pairs * layer.in_channels * layer.out_channels
            work["gflop"] += flop
            if layer.kernel_size == 3:
                work["gflop 3x3x3"] += flop
                work["seconds 3x3x3"] += ended - layer.started
            self.maps = list(out.coordinate_manager._kernel_maps)
            work["seconds other"] -= now(self.device) - layer.entered

        hooks = []
        for layer in self.model.modules():
            if isinstance(layer, (self.module.MinkowskiConvolution, self.module.MinkowskiConvolutionTranspose)):
                hooks += [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]
        x = self.input()
        with torch.no_grad():
            elapsed = seconds(lambda: self.forward(x).F, self.device)
        work["seconds other"] += elapsed  # the hooks have taken the convolutions' off
        for hook in hooks:
            hook.remove()
        return work


def peak_memory(case: Case, model: str, what: str) -> float:
    """Peak memory in MB of a pass (`infer` or `train`) run twice: resident, of a process of its own; or a GPU's."""
    if case.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(case.device)
        for _ in range(2):
            getattr(case, what)()
        return torch.cuda.max_memory_allocated(case.device) / 2**20
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/voxels.npy", case.coordinates.numpy())
        arguments = [case.engine, model, f"{folder}/voxels.npy", case.precision, what]
        command = [sys.executable, "-m", "benchmarks.engine", "--threads", str(torch.get_num_threads()), "--memory_of",
                   *arguments]
        result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {result.stderr.strip().splitlines()[-1]}")
    return float(result.stdout)


def print_peak(engine: str, model: str, voxels: str, precision: str, what: str) -> None:
    """What `peak_memory` starts; voxels: an .npy file."""
    case = Case(engine, model, torch.from_numpy(np.load(voxels)), precision)
    for _ in range(2):
        getattr(case, what)()
    if sys.platform == "linux":  # getrusage would give the parent's peak where that is higher
        status = Path("/proc/self/status").read_text()
        print(int(status.split("VmHWM:")[1].split()[0]) / 2**10)
    else:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))


def measure(options, model: str, voxels: int) -> None:
    """One table row per engine and precision; they take turns, so that a slow moment of the machine meets them all."""
    coordinates = room_voxels(voxels).to(options.device)
    cases, weights = {}, None
    for engine in options.engines:
        for precision in options.precisions if engine != "minkowski" else ["float32"]:
            case = cases[engine, precision] = Case(engine, model, coordinates, precision, weights)
            weights = weights or case.model.state_dict()
    kinds = ["infer"] if options.forward_only else ["infer", "train"]
    times = {(*key, kind): [] for key in cases for kind in (*kinds, "maps", "3x3x3", "other")}
    work, rates = {}, {precision: [] for precision in options.precisions}
    for _ in range(options.repeats + 1):  # the first warms up
        for precision in rates:
            rates[precision].append(gemm_rate(precision, coordinates.device))
        for key, case in cases.items():
            for kind in kinds:
                times[(*key, kind)].append(seconds(getattr(case, kind), case.device))
            if case.engine != "minkowski":
                work[key] = case.layers()
                times[(*key, "3x3x3")].append(work[key]["seconds 3x3x3"])
                times[(*key, "other")].append(work[key]["seconds other"])
                times[(*key, "maps")].append(seconds(case.build_maps, case.device))

    middle = {key: median(values[1:]) for key, values in times.items() if values}
    for precision, values in rates.items():
        where = torch.cuda.get_device_name() if options.device == "cuda" else f"{torch.get_num_threads()} threads"
        print(f"# best GEMM rate in {precision}, {where}: {max(values):.0f} GFLOP/s", file=sys.stderr)
    for (engine, precision), case in cases.items():
        key = (engine, precision)
        row = [model, voxels, precision, engine, *(f"{middle[(*key, k)] * 1e3:.4g}" for k in kinds)]
        row += ["-"] * (2 - len(kinds))
        if key in work:
            forward, maps, rate = middle[(*key, "infer")], middle[(*key, "maps")], max(rates[precision])
            inner = work[key]["gflop 3x3x3"] / middle[(*key, "3x3x3")]
            row += [f"{maps * 1e3:.1f} ({maps / forward:.0%})", f"{work[key]['gflop']:.0f}",
                    f"{work[key]['gflop'] / forward / rate:.0%}", f"{inner / rate:.0%}",
                    f"{middle[(*key, 'other')] / forward:.0%}"]
        else:
            row += ["-"] * 5
        memory = [peak_memory(case, model, kind) for kind in kinds] if options.memory else []
        row += [f"{value:.0f}" for value in memory] + ["-"] * (2 - len(memory))
        theirs = ("minkowski", "float32")
        ratios = [middle[(*theirs, k)] / middle[(*key, k)] for k in kinds] if theirs in cases else []
        row += [f"{ratio:.2f}" for ratio in ratios] + ["-"] * (2 - len(ratios))
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", help="default: all that run on the device")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--models", nargs="+", default=["Res16UNet34C"])
    parser.add_argument("--voxels", nargs="+", type=int, default=[100_000])
    parser.add_argument("--precisions", nargs="+", default=["float32"], choices=DTYPES,
                        help="minkowski has float32 only and is compared with that")
    parser.add_argument("--repeats", type=int, default=5, help="the table shows medians")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--forward_only", action="store_true")
    parser.add_argument("--memory", action="store_true", help="also peak memory, each in a process of its own")
    parser.add_argument("--memory_of", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("error: --device cuda: torch sees no GPU here; leave --device out to time the CPU engines")
    options.engines = options.engines or (["reference", "triton"] if options.device == "cuda" else
                                          ["reference", "cpu", "minkowski"])
    keep_freed_memory()  # as main.py does, for every engine
    if options.memory_of:
        return print_peak(*options.memory_of)
    absent = [name for name in options.engines if engine_module(name) is None]
    if absent:
        print(f"# left out, not installed: {', '.join(absent)}", file=sys.stderr)
        options.engines = [name for name in options.engines if name not in absent]
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|", flush=True)
    for model in options.models:
        for voxels in options.voxels:
            measure(options, model, voxels)


if __name__ == "__main__":
    main()
