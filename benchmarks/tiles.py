"""Large scans in tiles: the same answer as in one piece? How much memory and time does a scan take?

    python -m benchmarks.tiles --points 20e6 --voxel_size 0.02         # peak memory, seconds a million points: arrays
    python -m benchmarks.tiles --points 20e6 --voxel_size 0.02 --files # the same from a .ply to what inference writes
    python -m benchmarks.tiles --points 2e6 --max_voxels 60000 --weights best.ckpt --compare
    python -m benchmarks.tiles --memory                                # bytes a voxel, by network

The scan is a building of generated rooms, side by side. Without --weights the network's are random.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import numpy as np  # noqa: E402
import torch  # noqa: E402

from config.command import command  # noqa: E402
from config.flags.inference import auto_or_whole  # noqa: E402
from config.types import above_zero, positive  # noqa: E402
from datasets.ply import Scene, write_scene  # noqa: E402
from datasets.synthetic.dataset import Settings, make_scene  # noqa: E402
from lib.checkpoint import save_checkpoint  # noqa: E402
from lib.inference.networks import bytes_of_a_voxel  # noqa: E402
from lib.memory import keep_freed_memory, peak_memory  # noqa: E402
from lib.predictor import Predictor  # noqa: E402
from main import main as main_program  # noqa: E402
from models import ARCHITECTURES, build_model  # noqa: E402

ROOMS = 4  # that are made; then they come again, turned
SPACING = 8.0  # metres from one room to the next
MODELS = ("Res16UNet14S", "Res16UNet18S", "Res16UNet14A", "Res16UNet34C", "Res16UNet34D")
CLASSES = 200
CPU = torch.device("cpu")
SIZES = (100_000, 300_000)  # voxels whose peaks are compared


def building(count: int, rooms: int = ROOMS) -> tuple[np.ndarray, np.ndarray]:
    """points (count, 3) float32 metres, colors (count, 3) uint8: rooms in a square, each turned by quarters."""
    made = [make_scene(Settings(train=100, seed=0), "train", index) for index in range(rooms)]
    parts, total = [], 0
    while total < count:
        scene = made[len(parts) % rooms]
        parts.append(min(len(scene.points), count - total))
        total += parts[-1]
    side = int(np.ceil(np.sqrt(len(parts))))
    points, colors, start = np.empty((count, 3), np.float32), np.empty((count, 3), np.uint8), 0
    for k, size in enumerate(parts):
        scene, (row, column) = made[k % rooms], divmod(k, side)
        turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), k // rooms % 4)
        xy = (scene.points[:size, :2] - scene.points[:, :2].mean(0)) @ turn.T
        points[start:start + size, :2] = xy + SPACING * np.array([column, row])
        points[start:start + size, 2] = scene.points[:size, 2]
        colors[start:start + size] = scene.colors[:size]
        start += size
    return points, colors


def random_weights(folder: str, model: str, voxel_size: float) -> str:
    """A checkpoint of an untrained network."""
    torch.manual_seed(0)
    path = f"{folder}/{model}.ckpt"
    weights = {f"model.{key}": value for key, value in build_model(model, 3, CLASSES).state_dict().items()}
    save_checkpoint(path, {"state_dict": weights, "config": {
        "model": model, "dataset": "Scannet200VoxelizationDataset", "voxel_size": voxel_size}})
    return path


def run(options: argparse.Namespace, weights: str) -> None:
    """Predict the building, print a row."""
    points, colors = building(int(options.points))
    before = peak_memory(CPU)
    predictor = Predictor(weights, max_voxels=options.max_voxels, tta=options.tta)
    start = time.perf_counter()
    found = predictor.predict(points, colors)
    seconds, peak = time.perf_counter() - start, peak_memory(CPU)
    print("| points | voxels | largest tile | tiles | seconds | s a million points | peak GiB, of it before |")
    print("|---|---|---|---|---|---|---|")
    largest = predictor.largest(len(points))
    print(f"| {len(points):,} | {len(found.voxels):,} | {largest:,} | {found.tiles} | {seconds:.0f} "
          f"| {1e6 * seconds / len(points):.1f} | {peak / 2**30:.2f}, {before / 2**30:.2f} |")
    if options.compare:
        whole = Predictor(weights, max_voxels=0, tta=options.tta).predict(points, colors)
        print(f"{100 * (whole.classes == found.classes).mean():.2f} % of the points have the same label as in one "
              f"piece; confidence differs by {np.abs(whole.confidence - found.confidence).mean():.4f} on average")


def run_files(options: argparse.Namespace, weights: str, folder: str) -> None:
    """main.py on a file of the building, which another process writes; print a row."""
    scan, size = f"{folder}/building.ply", str(int(options.points))
    subprocess.run([sys.executable, "-m", "benchmarks.tiles", "--points", size, "--make", scan], check=True,
                   cwd=Path(__file__).resolve().parent.parent)
    before, start = peak_memory(CPU), time.perf_counter()
    flags = {"scannet_path": scan, "weights": weights, "is_train": False, "visualize": True, "visualize_path": folder,
             "log_dir": folder, "max_voxels": options.max_voxels, "tta": options.tta, "model": options.model,
             "dataset": "Scannet200VoxelizationDataset", "voxel_size": options.voxel_size}
    if main_program([word for name, value in flags.items() for word in (f"--{name}", str(value))]):
        raise ValueError("inference failed")
    seconds, peak = time.perf_counter() - start, peak_memory(CPU)
    print("| points | seconds | s a million points | peak GiB, of it before |\n|---|---|---|---|")
    print(f"| {int(size):,} | {seconds:.0f} | {1e6 * seconds / int(size):.1f} | {peak / 2**30:.2f}, "
          f"{before / 2**30:.2f} |")


def measure(model: str, file: str) -> None:
    """Print the peak of this process, which runs a network once over the voxels in `file`."""
    with tempfile.TemporaryDirectory() as folder:
        network = Predictor(random_weights(folder, model, 0.02)).networks[0]
    voxels = np.load(file)
    network.scores(voxels, np.zeros(voxels.shape, np.float32))
    print(peak_memory(CPU))


def memory_table() -> None:
    """What a voxel more takes at the peak of each network, each in a process of its own, beside what inference reckons
    with."""
    points, colors = building(800_000)
    print("| network | peak bytes a voxel | reckoned |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        weights = random_weights(folder, MODELS[0], 0.02)
        voxels = Predictor(weights).voxelizer(points, colors, None).coordinates
        for model in MODELS:
            peaks = []
            for size in SIZES:
                file = f"{folder}/voxels.npy"
                np.save(file, voxels[:size])
                own = [sys.executable, "-m", "benchmarks.tiles", "--measure", model, "--weights", file]
                done = subprocess.run(own, capture_output=True, text=True, cwd=Path(__file__).resolve().parent.parent)
                if done.returncode:
                    raise ValueError(f"{model}: {(done.stderr.strip().splitlines() or ['killed'])[-1]}")
                peaks.append(int(done.stdout.splitlines()[-1]))
            slope = (peaks[1] - peaks[0]) / (SIZES[1] - SIZES[0])
            print(f"| {model} | {slope:,.0f} | {bytes_of_a_voxel(ARCHITECTURES[model], CLASSES):,} |", flush=True)


@command
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=float, default=2e6)
    parser.add_argument("--model", default="Res16UNet14S", help="without --weights (default %(default)s)")
    parser.add_argument("--voxel_size", type=above_zero, default=0.02, help="without --weights (default %(default)s)")
    parser.add_argument("--weights", metavar="FILE.ckpt")
    parser.add_argument("--max_voxels", type=auto_or_whole, default="auto")
    parser.add_argument("--tta", type=positive, default=1)
    parser.add_argument("--compare", action="store_true", help="with the scan in one piece")
    parser.add_argument("--memory", action="store_true", help="bytes a voxel of several networks")
    parser.add_argument("--files", action="store_true", help="from a .ply to all that inference writes")
    parser.add_argument("--measure", metavar="MODEL", help=argparse.SUPPRESS)
    parser.add_argument("--make", metavar="FILE.ply", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    keep_freed_memory()
    if options.measure:
        measure(options.measure, options.weights)
    elif options.make:
        points, colors = building(int(options.points))
        write_scene(options.make, Scene("building", points, colors))
    elif options.memory:
        memory_table()
    else:
        with tempfile.TemporaryDirectory() as folder:
            weights = options.weights or random_weights(folder, options.model, options.voxel_size)
            run_files(options, weights, folder) if options.files else run(options, weights)


if __name__ == "__main__":
    sys.exit(main())
