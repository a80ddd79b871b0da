"""Do several processes train as one does, survive a kill, and save time? `python -m benchmarks.processes [--only TEXT]`

agree   one process and 2 and 3 with the same effective batch and --sync_batch_norm, 20 steps of every stage: the
        largest difference of a loss; then whether counts and files of inference are the same, byte for byte
killed  2 processes, SIGKILL to one or both of them at 10 moments, resumed: whether all ended within 60 s, and whether
        the weights are those of a run without a kill, bit by bit
speed   scenes a second of 1 and 2 processes with one thread each, and of two runs at once that know nothing of each
        other, which is the most that the machine gives
Makes generated rooms first (--data DIR keeps them, or names them); exit code 1 where anything differs.
"""
import argparse
import contextlib
import io
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
from config.config import get_config
from datasets.ply import Scene, read_scene, write_scene
from datasets.synthetic.__main__ import main as generate
from lib import distributed
from lib.checkpoint import load_checkpoint
from lib.inference.predict import run_inference
from lib.launch import launch
from lib.training.trainer import train

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
WIDER = {"stage 2 Muon": 1e-2}  # orthogonal steps amplify rounding


def thin(data: Path) -> None:
    """Leave every eighth point of the scenes: what is compared is the training, not the loading."""
    for path in data.glob("*/*_00.ply"):
        scene = read_scene(path)
        parts = (scene.points, scene.colors, scene.labels, scene.instances)
        write_scene(path, Scene(scene.name, *(None if part is None else part[::8] for part in parts)))


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
    names = [name for name in STAGES if only in f"agree {name}"]
    for processes in (1, 2, 3):
        lines = []
        for name in names:
            stage, more = STAGES[name]
            lines.append([*flags, *more, *starts[stage], "--max_iter", 20, "--max_epoch", 100, "--val_epoch_freq", 100,
                          "--stat_freq", 1, "--sync_batch_norm", "True", "--batch_size", 6 // processes,
                          "--log_dir", folder / f"{name} {processes}"])
        trained, found = folder / f"{names[0]} 1", folder / f"inference {processes}"
        lines.append(["--config", trained / "config.yaml", "--is_train", "False", "--val_phase", "val", "--visualize",
                      "True", "--weights", trained / "last.ckpt", "--log_dir", found, "--visualize_path",
                      found / "pictures", "--save_confusion", "True"])
        task = folder / "task.json"
        task.write_text(json.dumps([list(map(str, line)) for line in lines]))
        if launch(["-m", "benchmarks.processes", "--task", str(task)], processes):
            raise ValueError(f"{processes} process(es) failed, see above")
        for name in names if processes > 1 else ():
            one, many = losses(folder / f"{name} 1"), losses(folder / f"{name} {processes}")
            apart = max(abs(a - b) for a, b in zip(one, many, strict=True))
            good &= apart < WIDER.get(name, TOLERANCE)
            print(f"{name:24s} {processes} processes, {len(one)} steps: losses {one[0]:.3f} to {one[-1]:.3f}, at most "
                  f"{apart:.1e} apart", flush=True)
        counts = [np.load(folder / f"inference {n}" / "confusion_val.npz")["counts"] for n in (1, processes)]
        files = [folder / f"inference {n}" / "pictures" / "fulleval" for n in (1, processes)]
        identical, alike = np.array_equal(*counts) and counts[0].sum() > 0, same_files(*files)
        good &= identical and alike
        print(f"inference by {processes}: {counts[1].sum():,} points counted, counts "
              f"{'identical' if identical else 'DIFFER'}; {len(list(files[1].iterdir()))} files "
              f"{'identical' if alike else 'DIFFER'}", flush=True)
    return good


def work(task: str) -> None:
    """What one of the processes of `agree` does: trainings and inference, one after the other, without prints."""
    with distributed.joined(use_gpu=False), contextlib.redirect_stdout(io.StringIO()), \
            contextlib.redirect_stderr(io.StringIO()):
        for line in json.loads(Path(task).read_text()):
            config = get_config(line)
            train(config) if config.is_train else run_inference(config)


def killed(flags: list[str], folder: Path, moments: int) -> bool:
    """The table of `killed`."""
    common = [*flags, *SEGMENTS, "cross_entropy", "--batch_size", 1, "--num_gpu", 2, "--max_epoch", 4 * moments,
              "--lr", 0.01, "--drop_path", 0.3, "--ema_decay", 0.9, "--val_epoch_freq", 5]
    run([*common, "--log_dir", folder / "whole"])
    rng, good, cut = random.Random(0), True, folder / "cut"
    for moment in range(moments):
        resumed = list(cut.glob("*.ckpt"))
        process = start(["--resume", cut] if resumed else [*common, "--log_dir", cut])
        more = epochs(cut) + rng.choice([0, 1, 1, 2])
        while process.poll() is None and (epochs(cut) < more or len(children(process.pid)) < 2):
            time.sleep(0.1)
        time.sleep(rng.uniform(0, 2))  # in an epoch, a checkpoint, a validation, or while it starts
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


def epochs(run: Path) -> int:
    """How many a run has logged."""
    log = run / "metrics.jsonl"
    return log.read_text().count("speed/scenes_per_s") if log.is_file() else 0


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


def speed(flags: list[str], folder: Path, rounds: int = 2, batch_sizes: tuple[int, ...] = (2, 3, 6)) -> bool:
    """The table of `speed`. Scenes a second of a run's later epochs, as it logs them."""
    data = Path(flags[flags.index("--scannet_path") + 1])
    (data / "even.txt").write_text("".join((data / "train.txt").read_text().splitlines(keepends=True)[:12]))

    def rate(run: Path) -> float:
        lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
        return max(line["speed/scenes_per_s"] for line in lines if "speed/scenes_per_s" in line)

    print("scenes a second, one thread each:")
    for batch_size in batch_sizes:
        common = [*flags, *SEGMENTS, "cross_entropy", "--train_phase", "even", "--batch_size", batch_size,
                  "--max_epoch", 3, "--val_epoch_freq", 100, "--cache_data", "True"]
        one, two, most = 0.0, 0.0, 0.0
        for _ in range(rounds):  # the best of each: other programs may come between
            run([*common, "--num_gpu", 1, "--log_dir", folder / "1"], threads=1)
            run([*common, "--num_gpu", 2, "--log_dir", folder / "2"], threads=1)
            for process in [start([*common, "--log_dir", folder / f"apart{k}"], threads=1) for k in (0, 1)]:
                process.communicate()
            one, two = max(one, rate(folder / "1")), max(two, rate(folder / "2"))
            most = max(most, sum(rate(folder / f"apart{k}") for k in (0, 1)))
        print(f"batches of {batch_size} a process: 1 process {one:.2f}, 2 processes {two:.2f} ({two / one:.2f} x); two "
              f"runs apart {most:.2f} together ({most / one:.2f} x)", flush=True)
    return True


@command
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="agree, killed, speed, or `agree stage 2`")
    parser.add_argument("--data", metavar="DIR", help="dataset root, made where it is missing")
    parser.add_argument("--voxel_size", default="0.1", metavar="METRES")
    parser.add_argument("--moments", type=int, default=10, help="of `killed`")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.task:
        work(options.task)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(options.data or Path(temporary) / "data")
        if not (data / "train.txt").is_file():
            generate(["--out", str(data), "--train", "13", "--val", "5", "--test", "1", "--rooms", "bathroom"])
            thin(data)
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
