"""What does a training scene cost before the network sees it, step by step, and does the trainer wait?

    python -m benchmarks.dataloader --scannet_path data/synthetic                  # milliseconds by step, one core
    python -m benchmarks.dataloader --scannet_path data/synthetic --workers 0 1 2  # scenes a second, trainer's wait
"""
import argparse
import os
import sys
import time
from collections import defaultdict
from statistics import median

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import numpy as np  # noqa: E402
import torch  # noqa: E402

from config.command import command  # noqa: E402
from config.config import get_config  # noqa: E402
from datasets.label_sets import find_label_set  # noqa: E402
from datasets.loader import build_loader  # noqa: E402
from datasets.mix3d import mix  # noqa: E402
from datasets.ply import Scene  # noqa: E402
from datasets.scannet200 import DATASETS  # noqa: E402


class Steps:
    """Milliseconds of named steps, one list each."""

    def __init__(self):
        self.times = defaultdict(list)

    def run(self, name: str, work, *arguments):
        """The result of a step, timed under its name."""
        start = time.perf_counter()
        result = work(*arguments)
        self.times[name].append((time.perf_counter() - start) * 1e3)
        return result


def resized(scene: Scene, points: int, rng: np.random.Generator) -> Scene:
    """The scene with exactly so many points: drawn without, or where it has too few with, repetition."""
    rows = np.sort(rng.choice(len(scene.points), points, replace=len(scene.points) < points))
    pick = [None if values is None else values[rows]
            for values in (scene.points, scene.colors, scene.labels, scene.instances)]
    return Scene(scene.name, *pick)


def measure_steps(dataset, count: int, points: int) -> dict[str, list[float]]:
    """Times of every step from file to voxels, over `count` scenes of `points` points: plain, with insertion, mixed."""
    rng, steps = np.random.default_rng(0), Steps()
    scenes = [resized(dataset.scene(i % len(dataset)), points, rng) for i in range(count + 2)]
    for i, scene in enumerate(scenes):
        if i == 2:  # the first two warm up
            steps.times.clear()
        dataset.scene(i % len(dataset)) if i < 2 else steps.run("decode (file as it is)", dataset.scene,
                                                                 i % len(dataset))
        cloud = (scene.points, scene.colors, dataset.label_set.to_classes(scene.labels))
        start = time.perf_counter()
        moved = cloud
        for transform in dataset.move.transforms:
            moved = steps.run(type(transform).__name__, transform, *moved, rng)
        voxels = steps.run("Voxelizer", dataset.voxelizer, *moved)
        colors = voxels.features
        for transform in dataset.recolor.transforms:
            colors = steps.run(type(transform).__name__, transform, voxels.coordinates, colors, None, rng)[1]
        steps.times["scene"].append((time.perf_counter() - start) * 1e3)
        if dataset.sampler:
            start = time.perf_counter()
            more = steps.run("InstanceSampler", dataset.sampler, scene, rng)[0]
            labels = dataset.label_set.to_classes(more.labels)
            finish(dataset, *dataset.move(more.points, more.colors, labels, rng), rng)
            steps.times["scene with instances"].append((time.perf_counter() - start) * 1e3)
        start = time.perf_counter()
        both = [dataset.move(*cloud, rng) for _ in range(2)]
        finish(dataset, *steps.run("mix", mix, *both, rng), rng)
        steps.times["mixed pair"].append((time.perf_counter() - start) * 1e3)
    return steps.times


def finish(dataset, points: np.ndarray, colors: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> None:
    """What comes after the points are moved: voxels and their colours."""
    voxels = dataset.voxelizer(points, colors, labels)
    dataset.recolor(voxels.coordinates, voxels.features, None, rng)


def measure_loader(config, workers: int, step: float, batches: int) -> tuple[float, float]:
    """Scenes a second when nobody computes, and the share of time a trainer of `step` seconds a batch waits."""
    config.num_workers = workers
    loader = build_loader(config, "train", training=True,
                          label_set=find_label_set(config.label_set, config.scannet_path))

    def pass_over(busy: float) -> tuple[float, float, int]:
        waited, scenes, begin = 0.0, 0, time.perf_counter()
        batch_iterator = iter(loader)
        for _ in range(min(batches, len(loader))):
            start = time.perf_counter()
            scenes += len(next(batch_iterator).scenes)
            waited += time.perf_counter() - start
            time.sleep(busy)
        return waited, time.perf_counter() - begin, scenes

    pass_over(0.0)  # workers start, caches fill
    _, elapsed, scenes = pass_over(0.0)
    waited, total, _ = pass_over(step)
    return scenes / elapsed, waited / total


@command
def main() -> None:
    """Command line: its own flags, then those of main.py."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=30)
    parser.add_argument("--points", type=int, default=150_000, help="of each scene, by drawing points")
    parser.add_argument("--workers", type=int, nargs="*", default=[], help="measure the loader with so many, in turn")
    parser.add_argument("--step", type=float, default=0.5, help="seconds a trainer computes between two batches")
    parser.add_argument("--batches", type=int, default=20)
    options, flags = parser.parse_known_args()
    config = get_config(flags)
    torch.set_num_threads(1)
    dataset = DATASETS[config.dataset](config, "train", training=True,
                                       label_set=find_label_set(config.label_set, config.scannet_path))
    if options.workers:
        print("| workers | scenes/s | trainer waits |\n|---|---|---|")
        for workers in options.workers:
            rate, wait = measure_loader(config, workers, options.step, options.batches)
            print(f"| {workers} | {rate:.1f} | {wait:.0%} |", flush=True)
        return 0
    times = measure_steps(dataset, options.scenes, options.points)
    print(f"| step ({options.points} points, {dataset.voxel_size} m, one core) | median ms | min ms |\n|---|---|---|")
    for name, values in times.items():
        print(f"| {name} | {median(values):.1f} | {min(values):.1f} |")


if __name__ == "__main__":
    sys.exit(main())
