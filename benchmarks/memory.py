"""Peak memory in MB of a pass run twice: `peak_memory(case, "Res16UNet34C", "train", batch)`.

On a CPU it is that of a process of its own, `python -m benchmarks.memory ENGINE PRECISION MODEL PASS VOXELS.npy
THREADS CHECKPOINTING`, its programs and libraries included; on a GPU what torch's allocator gave out, other cases
left out.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import numpy as np  # noqa: E402
import torch  # noqa: E402

from benchmarks.case import Case  # noqa: E402
from benchmarks.inputs import Input, input_of  # noqa: E402
from lib import memory  # noqa: E402


def peak_memory(case: Case, model: str, what: str, batch: Input) -> float:
    """Peak MB of `infer` or `train`. Raises RuntimeError where the process fails."""
    if case.device.type == "cuda":
        own = [*case.model.parameters(), *case.model.buffers(), batch.coordinates, batch.features, batch.labels]
        others = torch.cuda.memory_allocated(case.device) - sum(x.numel() * x.element_size() for x in own)
        torch.cuda.reset_peak_memory_stats(case.device)
        for _ in range(2):
            getattr(case, what)(batch)
        return (torch.cuda.max_memory_allocated(case.device) - others) / 2**20
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/voxels.npy", batch.coordinates.numpy())
        arguments = [case.engine, case.precision, model, what, f"{folder}/voxels.npy", str(torch.get_num_threads()),
                     str(int(case.checkpointing))]
        result = subprocess.run([sys.executable, "-m", "benchmarks.memory", *arguments], capture_output=True, text=True,
                                cwd=Path(__file__).resolve().parent.parent)
    if result.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {(result.stderr.strip().splitlines() or ['killed'])[-1]}")
    return float(result.stdout)


def main(engine: str, precision: str, model: str, what: str, voxels: str, threads: str, checkpointing: str) -> None:
    """Print the peak of this process."""
    torch.set_num_threads(int(threads))
    memory.keep_freed_memory()
    device = torch.device("cpu")
    case = Case(engine, precision, model, device, checkpointing=bool(int(checkpointing)))
    batch = input_of(torch.from_numpy(np.load(voxels)), device)
    for _ in range(2):
        getattr(case, what)(batch)
    print(memory.peak_memory(device) / 2**20)


if __name__ == "__main__":
    main(*sys.argv[1:])
