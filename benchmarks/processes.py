"""Do several processes train as one does, survive a kill, and save time? `python -m benchmarks.processes [--only TEXT]`

agree   one process and 2 and 3 with the same effective batch and --sync_batch_norm, 20 steps of every stage: the
        largest difference of a loss, whether validation counts are the same, and files of inference byte for byte
killed  2 processes, SIGKILL to one or both of them at 10 moments, resumed: whether all ended within 60 s, and whether
        the weights are those of a run without a kill, bit by bit
speed   scenes a second of 1 and 2 processes with one thread each, and of two runs at once that know nothing of each
        other, which is the most that the machine gives
Makes generated rooms first (--data DIR keeps them, or names them); exit code 1 where anything differs.
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.resume import SEGMENTS, TEXT, files_to_start_from
from config.command import command
from datasets.synthetic.__main__ import main as generate
from lib.checkpoint import load_checkpoint

ROOT = Path(__file__).resolve().parents[1]
MODEL = ("--model", "Res16UNet14S", "--is_cuda", "False")
STAGES = {
    "stage 1 contrast": ("1", (*TEXT, "contrast", "--learned_projection", "True", "--drop_path", "0.3")),
    "stage 2 focal": ("2", (*SEGMENTS, "focal", "--category_weighting", "none", "--iter_size", "2", "--ema_decay",
                            "0.9", "--clip_grad_norm", "1", "--sample_tail_instances", "True", "--mix_scenes", "0.3")),
    "stage 2 Muon": ("2", (*SEGMENTS, "cross_entropy", "--optimizer", "Muon", "--activation_checkpointing", "True")),
    "stage 3 cross_entropy": ("3", (*SEGMENTS, "cross_entropy", "--classifier_only", "True")),
}
TOLERANCE = 1e-4  # of a loss


def start(flags: list[str], threads: int | None = None) -> subprocess.Popen:
    """main.py with these flags, in a process group of its own."""
    environment = {**os.environ, **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
    return subprocess.Popen([sys.executable, "main.py", *map(str, flags)], cwd=ROOT, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def run(flags: list[str], threads: int | None = None) -> str:
    """The same to its end; returns what it printed. Raises ValueError where it fails."""
    process = start(flags, threads)
    text = process.communicate()[0]
    if process.returncode:
        raise ValueError(f"main.py failed: {' '.join(text.strip().splitlines()[-1:])}")
    return text


def losses(folder: Path) -> list[float]:
    """Of every step that a run logged."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line["train/loss"] for line in lines if "train/loss" in line]


def same_files(one: Path, other: Path) -> bool:
    names = sorted(path.name for path in one.iterdir())
    return names == sorted(path.name for path in other.iterdir()) and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in names)


def same_weights(one: Path, other: Path) -> bool:
    one, other = (load_checkpoint(folder / "last.ckpt")["state_dict"] for folder in (one, other))
    return all(torch.equal(value, other[name]) for name, value in one.items())


def agree(flags: list[str], folder: Path, only: str) -> bool:
    """The table of `agree`; returns whether all is the same."""
    starts, good = files_to_start_from(folder), True
    for name, (stage, more) in STAGES.items():
        if only not in f"agree {name}":
            continue
        common = [*flags, *more, *starts[stage], "--max_iter", 20, "--max_epoch", 100, "--val_epoch_freq", 100,
                  "--stat_freq", 1, "--sync_batch_norm", "True", "--save_confusion", "True"]
        runs = {}
        for processes in (1, 2, 3):
            runs[processes] = folder / f"{stage}-{len(more)}-{processes}"
            run([*common, "--log_dir", runs[processes], "--num_gpu", processes, "--batch_size", 6 // processes])
            run(["--config", runs[1] / "config.yaml", "--is_train", "False", "--val_phase", "val", "--visualize",
                 "True", "--weights", runs[1] / "last.ckpt", "--log_dir", runs[processes] / "inference",
                 "--visualize_path", runs[processes] / "pictures", "--save_confusion", "True",
                 "--num_gpu", processes])
        for processes in (2, 3):
            one, many = losses(runs[1]), losses(runs[processes])
            apart = max(abs(a - b) for a, b in zip(one, many, strict=True))
            counts = [np.load(runs[n] / "inference" / "confusion_val.npz")["counts"] for n in (1, processes)]
            identical = np.array_equal(*counts) and counts[0].sum() > 0
            files = same_files(runs[1] / "pictures" / "fulleval", runs[processes] / "pictures" / "fulleval")
            good &= apart < TOLERANCE and identical and files
            print(f"{name:24s} {processes} processes, {len(one)} steps: losses {one[0]:.3f} to {one[-1]:.3f}, at most "
                  f"{apart:.1e} apart; counts {'identical' if identical else 'DIFFER'}; files "
                  f"{'identical' if files else 'DIFFER'}", flush=True)
    return good


def killed(flags: list[str], folder: Path, moments: int) -> bool:
    """The table of `killed`."""
    common = [*flags, *SEGMENTS, "cross_entropy", "--batch_size", 1, "--num_gpu", 2, "--max_epoch", 8, "--lr", 0.01,
              "--drop_path", 0.3, "--ema_decay", 0.9, "--val_epoch_freq", 4]
    began = time.perf_counter()
    run([*common, "--log_dir", folder / "whole"])
    seconds, rng, good = time.perf_counter() - began, random.Random(0), True
    cut = folder / "cut"
    for moment in range(moments):
        resumed = list(cut.glob("*.ckpt"))
        process = start(["--resume", cut] if resumed else [*common, "--log_dir", cut])
        time.sleep(rng.uniform(0.25, 0.8) * seconds)
        step = load_checkpoint(cut / "last.ckpt")["step"] if (cut / "last.ckpt").is_file() else 0
        workers = children(process.pid)
        chosen = rng.choice([workers[:1], workers[1:], workers])
        for worker in chosen:
            os.kill(worker, signal.SIGKILL)
        at = time.perf_counter()
        text = process.communicate()[0]
        ended = time.perf_counter() - at
        fine = ended < 60 and (process.returncode != 0 or not chosen) and not any(map(alive, workers))
        good &= fine
        print(f"kill {moment + 1}: {len(chosen)} of {len(workers)} processes, after step {step}; ended after "
              f"{ended:.1f} s, exit code {process.returncode}; {'' if fine else 'NOT AS IT SHOULD: '}"
              f"{' '.join(text.strip().splitlines()[-1:])[-100:]}", flush=True)
    text = run(["--resume", cut])
    same = same_weights(folder / "whole", cut)
    print(f"resumed to the end ({text.count('resumed ')} start): weights {'identical' if same else 'DIFFER'}")
    return good and same


def children(pid: int) -> list[int]:
    """Processes that a process has started; those that are main.py's own."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "main.py" in line]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def speed(flags: list[str], folder: Path) -> bool:
    """The table of `speed`. Scenes a second of a run's later epochs, as it logs them."""
    common = [*flags, *SEGMENTS, "cross_entropy", "--batch_size", 2, "--max_epoch", 3, "--val_epoch_freq", 100]

    def rate(run: Path) -> float:
        lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
        return max(line["speed/scenes_per_s"] for line in lines if "speed/scenes_per_s" in line)
    for processes in (1, 2):
        run([*common, "--num_gpu", processes, "--log_dir", folder / str(processes)], threads=1)
    both = [start([*common, "--log_dir", folder / f"apart{k}"], threads=1) for k in (0, 1)]
    for process in both:
        process.communicate()
    one, two, most = rate(folder / "1"), rate(folder / "2"), sum(rate(folder / f"apart{k}") for k in (0, 1))
    print(f"scenes a second, one thread each: 1 process {one:.2f}, 2 processes {two:.2f} ({two / one:.2f} x); two runs "
          f"apart {most:.2f} together ({most / one:.2f} x)")
    return True


@command
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="agree, killed, speed, or `agree stage 2`")
    parser.add_argument("--data", metavar="DIR", help="dataset root, made where it is missing")
    parser.add_argument("--voxel_size", default="0.1", metavar="METRES")
    parser.add_argument("--moments", type=int, default=10, help="of `killed`")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(options.data or Path(temporary) / "data")
        if not (data / "train.txt").is_file():
            generate(["--out", str(data), "--train", "13", "--val", "5", "--test", "1", "--rooms", "bathroom"])
        flags = [*MODEL, "--scannet_path", data, "--voxel_size", options.voxel_size, "--num_workers", 0,
                 "--num_val_workers", 0, "--optimizer", "SGD", "--lr", "0.003", "--bn_momentum", "0.1"]
        good = True
        if options.only.startswith("agree") or not options.only:
            good &= agree(flags, Path(temporary), options.only)
        if options.only in ("", "killed"):
            good &= killed(flags, Path(temporary) / "killed", options.moments)
        if options.only in ("", "speed"):
            good &= speed(flags, Path(temporary) / "speed")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
