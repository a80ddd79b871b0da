"""How many tail instances find a place, and are they right there, in rooms that are turned and in L-shaped ones?

    python -m benchmarks.tail_instances                        # rooms of the generator, counts as a table
    python -m benchmarks.tail_instances --write /tmp/rooms     # and PLY files to look at: what was inserted is red
"""
import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from config.command import command
from datasets.instance_sampling import HANGING, InstanceSampler
from datasets.label_sets import load_label_set
from datasets.ply import Scene, write_scene
from datasets.statistics import tail_instances
from datasets.synthetic.dataset import Settings, furnished_room
from datasets.synthetic.rooms import Room
from datasets.synthetic.scanner import scan
from datasets.transforms import rotation_matrix

SETTINGS = Settings(train=400, val=0, test=0, seed=0, rooms="living,bedroom,kitchen,office")
SLACK = 0.05  # metres by which a point may be outside: noise of the scan and its cells
FLAT = 0.06  # metres that may lie between a hung thing and its wall


def rooms(count: int) -> dict[str, list[tuple[Room, Scene]]]:
    """So many rectangular and so many L-shaped rooms, with their scans."""
    found, index = {"rectangle": [], "L": []}, 0
    while min(map(len, found.values())) < count:
        room, placed, rng = furnished_room(SETTINGS, "train", index)
        kind = found["L" if room.notch else "rectangle"]
        if len(kind) < count:
            kind.append((room, Scene(f"room{index}", *scan(rng, room, placed))))
        index += 1
    return found


def samplers(root: Path, scenes: list[Scene], number: int) -> dict[str, InstanceSampler]:
    """A sampler of what hangs and one of what stands, all classes equally likely, from the scenes' own tail objects."""
    made = {}
    names = set()
    for scene in scenes:
        for name, cut in tail_instances(scene, load_label_set()):
            write_scene(root / f"train/train_instances/{name}/{cut.name}.ply", cut)
            names.add(name)
    for kind, chosen in (("hanging", names & set(HANGING)), ("standing", names - set(HANGING))):
        path = root / f"{kind}.json"
        path.write_text(json.dumps({name: 1.0 for name in sorted(chosen)}))
        made[kind] = InstanceSampler(root, load_label_set(), number, weights_path=path)
    return made


def outside(room: Room, points: np.ndarray) -> bool:
    """Whether any of the points (N, 3), in the room's own frame, lies outside its outline."""
    x, y = points[:, 0], points[:, 1]
    beyond = (x < -SLACK) | (y < -SLACK) | (x > room.width + SLACK) | (y > room.depth + SLACK)
    if room.notch:
        beyond |= (x > room.notch[0] + SLACK) & (y > room.notch[1] + SLACK)
    return bool(beyond.any())


def flat_on_a_wall(room: Room, points: np.ndarray, thickness: float) -> bool:
    """Whether the points (N, 3) lie before one wall, within their own thickness of it."""
    for wall in room.walls:
        along = np.array([np.cos(wall.yaw), np.sin(wall.yaw)])
        away = points[:, :2] - wall.origin
        before, beside = away @ [along[1], -along[0]], away @ along
        if (abs(before.min()) < FLAT and before.max() < thickness + FLAT and beside.min() > -SLACK
                and beside.max() < wall.length + SLACK):
            return True
    return False


def measure(sampler: InstanceSampler, hangs: bool, cases: list, degrees: float, draws: int) -> dict[str, float]:
    """Counts over all cases (room, scan) turned by the angle, each filled `draws` times."""
    turn = rotation_matrix(2, np.radians(degrees)).astype(np.float32)
    total = {"asked": 0, "placed": 0, "outside": 0, "askew": 0, "ms a scene": 0.0}
    for i, (room, scene) in enumerate(cases):
        turned = Scene(scene.name, scene.points @ turn.T, scene.colors, scene.labels, scene.instances)
        for draw in range(draws):
            start = time.process_time()
            try:
                made, placed, skipped = sampler(turned, np.random.default_rng([i, draw]))
            except IndexError:  # what this once ended in is counted as nothing placed
                made, placed, skipped = turned, [], ["?"] * sampler.number
            total["ms a scene"] += (time.process_time() - start) * 1e3 / len(cases) / draws
            total["asked"] += len(placed) + len(skipped)
            total["placed"] += len(placed)
            new = slice(len(turned.points), None)
            for instance in np.unique(made.instances[new]):
                points = made.points[new][made.instances[new] == instance] @ turn
                total["outside"] += outside(room, points)
                total["askew"] += hangs and not flat_on_a_wall(room, points, narrowest(points))
    return total


def narrowest(points: np.ndarray) -> float:
    """Width of points (N, 3), seen from above, in the direction in which they are narrowest."""
    angles = np.radians(np.arange(0, 180, 2))
    return float(np.ptp(points[:, :2] @ np.stack([np.cos(angles), np.sin(angles)]), axis=0).min())


def write_example(folder: Path, name: str, sampler: InstanceSampler, scene: Scene, degrees: float) -> None:
    """The scan, turned, with what was inserted in red."""
    points = scene.points @ rotation_matrix(2, np.radians(degrees)).astype(np.float32).T
    made, placed, _ = sampler(Scene(scene.name, points, scene.colors, scene.labels, scene.instances),
                              np.random.default_rng(0))
    made.colors[len(points):] = 220, 20, 20
    write_scene(folder / f"{name}.ply", made)
    print(f"{folder / name}.ply: {', '.join(placed)}")


@command
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=8, help="of each shape")
    parser.add_argument("--draws", type=int, default=6, help="times that every room is filled with --number instances")
    parser.add_argument("--number", type=int, default=5)
    parser.add_argument("--degrees", type=float, nargs="*", default=[0, 30, 45])
    parser.add_argument("--write", type=Path, help="folder for one filled room of each row")
    options = parser.parse_args()
    found = rooms(options.rooms)
    with tempfile.TemporaryDirectory() as folder:
        kinds = samplers(Path(folder), [scene for cases in found.values() for _, scene in cases], options.number)
        print("| room | turned | tail instances | asked | placed | skipped | outside the room | not flat on a wall "
              "| ms a scene |\n|---|---|---|---|---|---|---|---|---|")
        for shape, cases in found.items():
            for degrees in options.degrees:
                for kind, sampler in kinds.items():
                    sum_ = measure(sampler, kind == "hanging", cases, degrees, options.draws)
                    print(f"| {shape} | {degrees:g}° | {kind} | {sum_['asked']} | {sum_['placed']} "
                          f"| {sum_['asked'] - sum_['placed']} | {sum_['outside']} "
                          f"| {sum_['askew'] if kind == 'hanging' else '-'} | {sum_['ms a scene']:.1f} |", flush=True)
                    if options.write:
                        write_example(options.write, f"{shape}_{degrees:g}_{kind}", sampler, cases[0][1], degrees)


if __name__ == "__main__":
    sys.exit(main())
