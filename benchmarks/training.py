"""How fast does training go, what memory does it take, and does the device wait for data? All three stages, in turn:

    python -m benchmarks.training --scannet_path data/scannet200 --device cuda --precision bf16
    python -m benchmarks.training --scannet_path data/synthetic --model Res16UNet14S --voxel_size 0.06 --steps 10

Flags of main.py may follow, such as --num_workers. Every stage is a process of its own, stage 3 starts from stage 2.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import torch  # noqa: E402

from config.command import command  # noqa: E402
from config.config import get_config  # noqa: E402
from lib.execution import PRECISIONS  # noqa: E402
from lib.memory import keep_freed_memory  # noqa: E402
from lib.training.run_log import RunLog  # noqa: E402
from lib.training.trainer import Training, train_one_epoch  # noqa: E402

STAGES = {1: ("--dataset", "Scannet200TextualDataset", "--use_embedding_loss", "True"),
          2: ("--dataset", "Scannet200VoxelizationDataset", "--loss_type", "focal"),
          3: ("--dataset", "Scannet200VoxelizationDataset", "--loss_type", "focal", "--classifier_only", "True")}
HEADER = ("stage", "precision", "voxels a batch", "ms a step", "scenes/s", "waits for data", "peak GB")


def measure(stage: int, options: argparse.Namespace, flags: list[str]) -> list[str]:
    """Train a stage for the warm-up and `options.steps`; the cells of its table row."""
    if stage == 3:
        flags = [*flags, "--weights", str(Path(options.folder, "2", "last.ckpt"))]
    config = get_config([
        *STAGES[stage], "--scannet_path", options.scannet_path, "--model", options.model, "--voxel_size",
        str(options.voxel_size), "--batch_size", str(options.batch_size), "--precision", options.precision,
        "--is_cuda", str(options.device == "cuda"), "--max_iter", str(options.warm_up + options.steps),
        "--max_epoch", "1000000", "--log_dir", str(Path(options.folder, str(stage))), *flags])
    run = Training(config)
    run.train_batches.warm_up = options.warm_up
    with RunLog(run.folder) as log:
        while not run.finished:
            train_one_epoch(run, log)
    speed, figures = run.train_batches.speed(), run.train_batches.figures()
    run.save("last.ckpt")
    return [str(stage), config.precision, f"{speed.voxels / speed.batches:.0f}",
            f"{speed.seconds / options.steps * 1e3:.0f}", f"{figures['scenes_per_s']:.2f}",
            f"{figures['wait_share']:.1%}", f"{figures['peak_GB']:.2f}"]


@command
def main() -> int:
    """Command line: its own flags, then those of main.py."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scannet_path", required=True, metavar="DIR", help="dataset root")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--model", default="Res16UNet34D")
    parser.add_argument("--voxel_size", type=float, default=0.02, help="metres")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=50, help="that are timed")
    parser.add_argument("--warm_up", type=int, default=5, help="steps before them: kernels are tuned, caches fill")
    parser.add_argument("--precision", default="float32", choices=PRECISIONS)
    parser.add_argument("--stages", type=int, nargs="+", default=[1, 2, 3], choices=STAGES)
    parser.add_argument("--stage", type=int, help=argparse.SUPPRESS)  # what a process of its own measures, and where
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options, flags = parser.parse_known_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch sees no GPU here; leave --device out to time the CPU")
    if options.stage:
        keep_freed_memory()
        with redirect_stdout(sys.stderr):
            cells = measure(options.stage, options, flags)
        print("| " + " | ".join(cells) + " |", flush=True)
        return 0
    if 3 in options.stages and 2 not in options.stages:
        print(f"error: --stages {' '.join(map(str, options.stages))}: stage 3 starts from stage 2, name that too",
              file=sys.stderr)
        return 1
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"{torch.get_num_threads()} CPU threads"
    print(f"# {options.model}, {options.voxel_size} m, batches of {options.batch_size}, {where}", file=sys.stderr)
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for stage in sorted(options.stages):
            result = subprocess.run([sys.executable, "-m", "benchmarks.training", *sys.argv[1:], "--folder", folder,
                                     "--stage", str(stage)])
            if result.returncode:
                return result.returncode


if __name__ == "__main__":
    sys.exit(main())
