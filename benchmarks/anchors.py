"""Does language-grounded pretraining help? Stage 2 from stage 1's weights, by anchors, against stage 2 from scratch:

    python -m benchmarks.anchors --scannet_path data/synthetic --out outputs/anchors \
        --encoders minilm random siglip2=file:SIGLIP2.npz --seeds 0 1 2 --jobs 2

Prints mean and spread over the seeds. Runs that are complete are not repeated: a stopped benchmark goes on.
"""
import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from config.command import command
from datasets.label_sets import load_label_set

COLUMNS = {"accuracy": "accuracy", "head": "mIoU/present/head", "common": "mIoU/present/common",
           "tail": "mIoU/present/tail", "all": "mIoU/present"}
FLAGS = ("--batch_size 2 --optimizer Muon --lr 0.05 --scheduler PolyLR --bn_momentum 0.1 "
         "--elastic_distortion False")  # of main.py, for trainings of minutes
RANDOM_WIDTH = 384  # MiniLM's


@dataclass(frozen=True)
class Job:
    """Stage 1 with `encoder` (none: from scratch) for `epochs[0]` epochs, then stage 2 for `epochs[1]`."""
    name: str
    encoder: str | None
    seed: int
    epochs: tuple[int, int]


def random_anchors(path: Path, seed: int = 0) -> str:
    """Write a random unit vector for every class to `path`; returns it as an encoder's name."""
    names = load_label_set().names
    vectors = np.random.default_rng(seed).standard_normal((len(names), RANDOM_WIDTH)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, names=np.array(names), embeddings=vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return f"file:{path}"


def train(options: argparse.Namespace, folder: Path, arguments: list[str]) -> dict[str, float]:
    """Run main.py into `folder` unless it is complete there; returns the scores at every point.

    Raises ValueError with main.py's last line where it fails.
    """
    if not (folder / "scores.json").is_file():
        command = [sys.executable, "main.py", "--log_dir", str(folder), "--overwrite_weights", "True", "--scannet_path",
                   options.scannet_path, "--model", options.model, "--voxel_size", str(options.voxel_size),
                   "--val_epoch_freq", "1000", "--cache_data", "True", "--num_workers", "0", "--num_val_workers", "0",
                   *arguments, *options.flags.split()]
        threads = {"OMP_NUM_THREADS": str(max(1, os.cpu_count() // options.jobs))}
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "log.txt", "w", encoding="utf-8") as log:
            code = subprocess.run(command, stdout=log, stderr=log, env={**os.environ, **threads}).returncode
        if code:
            words = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise ValueError(f"{folder}: main.py ended with {code}: {words[-1] if words else 'no message'}")
    return json.loads((folder / "scores.json").read_text(encoding="utf-8"))["points"]


def run(options: argparse.Namespace, job: Job) -> dict[str, dict[str, float]]:
    """Both stages of a job; returns the scores of each, by stage."""
    folder, scores = Path(options.out) / f"{job.name}-{job.seed}", {}
    start = []
    if job.encoder is not None:
        scores["stage 1"] = train(options, folder / "stage1", [
            "--dataset", "Scannet200TextualDataset", "--use_embedding_loss", "True", "--text_encoder", job.encoder,
            "--center_anchors", str("minilm" not in job.encoder), "--max_epoch", str(job.epochs[0]),
            "--seed", str(job.seed), *options.stage1_flags.split()])
        start = ["--weights", str(folder / "stage1" / "best.ckpt")]
    scores["stage 2"] = train(options, folder / "stage2", [
        "--dataset", "Scannet200VoxelizationDataset", "--max_epoch", str(job.epochs[1]), "--seed", str(job.seed),
        *start])
    return scores


def mean_and_spread(shares: list[float], digits: int, sign: str = "") -> str:
    """In percent: mean ± sample standard deviation; sign "+" writes that of a gain."""
    values = 100 * np.array(shares, dtype=float)
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():{sign}.{digits}f}{spread}"


def rows(results: dict[Job, dict[str, dict[str, float]]]) -> list[str]:
    """Markdown lines: mean ± sample standard deviation over the seeds, in percent, stage 2 of every name, then 1."""
    lines = ["| stage 2 from | epochs | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    for stage in ("stage 2", "stage 1"):
        for name in dict.fromkeys(job.name for job in results):
            jobs = [job for job in results if job.name == name and stage in results[job]]
            if not jobs:
                continue
            epochs = "+".join(str(n) for n in jobs[0].epochs if n) if stage == "stage 2" else str(jobs[0].epochs[0])
            cells = [mean_and_spread([results[job][stage][key] for job in jobs], 1) for key in COLUMNS.values()]
            label = name if stage == "stage 2" else f"({name}: stage 1 itself, nearest anchor)"
            lines.append(f"| {label} | {epochs} | " + " | ".join(cells) + " |")
    return lines


@command
def main(argv: list[str] | None = None) -> None:
    """Command line. Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scannet_path", default="data/synthetic", metavar="DIR")
    parser.add_argument("--out", default="outputs/anchors", metavar="DIR")
    parser.add_argument("--encoders", nargs="+", default=["minilm", "random"], metavar="NAME[=ENCODER]",
                        help="random: a random unit vector for each class; all but minilm are centred")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", nargs=2, type=int, default=[5, 8], metavar=("STAGE1", "STAGE2"),
                        help="from scratch runs STAGE2 epochs, and STAGE1 + STAGE2")
    parser.add_argument("--model", default="Res16UNet14S")
    parser.add_argument("--voxel_size", type=float, default=0.06)
    parser.add_argument("--flags", default=FLAGS, help="of main.py, for both stages")
    parser.add_argument("--stage1_flags", default="", help="of main.py, for stage 1")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time; they share the cores")
    options = parser.parse_args(argv)
    first, second = options.epochs
    jobs = []
    for seed in options.seeds:
        for name, _, encoder in (given.partition("=") for given in options.encoders):
            if name == "random":
                encoder = random_anchors(Path(options.out) / f"random-{seed}" / "anchors.npz", seed)
            jobs.append(Job(name, encoder or name, seed, (first, second)))
        jobs += [Job("scratch", None, seed, (0, second)), Job("scratch, longer", None, seed, (0, first + second))]
    results = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        work = pool.map(lambda job: run(options, job), jobs)
        for job, scores in zip(jobs, tqdm(work, total=len(jobs), unit="training", dynamic_ncols=True)):
            results[job] = scores
    print("\n".join(rows(results)))


if __name__ == "__main__":
    sys.exit(main())
