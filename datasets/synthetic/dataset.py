"""Writes a whole synthetic data set in the layout of a ScanNet200 one: scenes, lists, tail instances, feature data.

`build_dataset(out, Settings(train=60, val=12, test=4, seed=0))`; run by `python -m datasets.synthetic`.
"""
import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from datasets.files import replacing
from datasets.label_sets import load_label_set
from datasets.ply import Scene, write_scene
from datasets.root_files import SPLITS, scene_record, write_root
from datasets.statistics import tail_instances
from datasets.synthetic.catalogue import CATALOGUE, draw_counts, plan_split, urgency
from datasets.synthetic.collision import Placed
from datasets.synthetic.layout import furnish
from datasets.synthetic.objects.kinds import ROOMS
from datasets.synthetic.rooms import Room, build_room
from datasets.synthetic.scanner import scan

SETTINGS = "synthetic.json"  # what a folder was made with
CUTS = ".cuts"  # tail instances before they are numbered
SUMMARY = ("scenes", "points", "classes")


@dataclass(frozen=True)
class Settings:
    """What the data depend on: scenes of each split, seed, a factor on the length of the rooms' sides, kinds of room.

    Raises ValueError for a kind of room there is none of.
    """
    train: int = 60
    val: int = 12
    test: int = 4
    seed: int = 0
    room_scale: float = 1.0
    rooms: str = ",".join(ROOMS)

    def __post_init__(self):
        unknown = [room for room in self.rooms.split(",") if room not in ROOMS]
        if unknown:
            raise ValueError(f"--rooms {self.rooms}: no such room: {', '.join(unknown)}; there are {', '.join(ROOMS)}")

    def scenes(self, split: str) -> int:
        """Number of scenes of a split."""
        return getattr(self, split)


def furnished_room(settings: Settings, split: str, index: int) -> tuple[Room, list[Placed], np.random.Generator]:
    """The room of a scene, what was placed in it, and the generator that its scan goes on with."""
    number = SPLITS.index(split)
    plan = plan_split(settings.seed, number, settings.scenes(split), settings.rooms.split(","))[index]
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, number, index]))
    room = build_room(rng, plan.room, set(plan.features), settings.room_scale)
    return room, furnish(rng, room, draw_counts(rng, plan), CATALOGUE, urgency(plan)), rng


def make_scene(settings: Settings, split: str, index: int) -> Scene:
    """One labelled scan, the same for the same arguments wherever it is made."""
    room, placed, rng = furnished_room(settings, split, index)
    first = sum(settings.scenes(s) for s in SPLITS[:SPLITS.index(split)])
    return Scene(f"scene{first + index:04d}_00", *scan(rng, room, placed))


def build_dataset(out: str | Path, settings: Settings, workers: int = 1, overwrite: bool = False) -> dict:
    """Make a data set in folder `out`: everything is written beside it and moved there when complete.

    Returns {"scenes", "points", "classes": {split: number of classes seen}, "fresh": False if it was there already}.
    Raises ValueError where `out` holds something else and `overwrite` is not set, or holds no synthetic data set.
    """
    out = Path(out)
    if _settled(out, settings, overwrite):
        return json.loads((out / SETTINGS).read_text())["summary"] | {"fresh": False}
    stage = out.parent / f".{out.name}.{os.getpid()}.partial"
    try:
        summary = _write(stage, settings, workers)
        if out.exists():
            shutil.rmtree(out)
        os.replace(stage, out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return summary | {"fresh": True}


def _settled(out: Path, settings: Settings, overwrite: bool) -> bool:
    """Is the data set there already? Raises ValueError where it must not be written."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / SETTINGS).is_file():
        raise ValueError(f"{out}: is not empty and holds no synthetic data set; give another --out")
    found = json.loads((out / SETTINGS).read_text())["settings"]
    if overwrite:
        return False
    if found != asdict(settings):
        raise ValueError(f"{out}: holds a data set made with {found}; give another --out, or --overwrite")
    return True


def _write(stage: Path, settings: Settings, workers: int) -> dict:
    """Write every file of the data set under `stage`; returns its summary."""
    shutil.rmtree(stage, ignore_errors=True)
    jobs = [(split, index) for split in SPLITS for index in range(settings.scenes(split))]
    for split in SPLITS:
        (stage / split).mkdir(parents=True)
    make = partial(_write_scene, stage, settings)
    results = []
    with tqdm(total=len(jobs), desc="synthetic scenes", unit="scene") as bar:
        if workers > 1:
            try:
                with ProcessPoolExecutor(workers) as pool:
                    for result in pool.map(make, jobs):
                        results.append(result)
                        bar.update()
            except BrokenProcessPool:
                raise OSError("a worker process was killed, most likely for lack of memory; use fewer --workers"
                              ) from None
        else:
            for job in jobs:
                results.append(make(job))
                bar.update()
    cuts = [(name, stage / CUTS / file) for result in results for name, file in result.pop("cuts")]
    written = write_root(stage, results, cuts, load_label_set())
    summary = {key: value for key, value in written.items() if key in SUMMARY}
    shutil.rmtree(stage / CUTS, ignore_errors=True)
    with replacing(stage / SETTINGS) as file:
        json.dump({"settings": asdict(settings), "summary": summary}, file, indent=1)
    return summary


def _write_scene(stage: Path, settings: Settings, job: tuple[str, int]) -> dict:
    """Make and write one scene, and what the training split derives from it."""
    split, index = job
    scene = make_scene(settings, split, index)
    record = scene_record(scene, split, load_label_set()) | {"cuts": []}
    if split == "test":
        scene = Scene(scene.name, scene.points, scene.colors)
    write_scene(stage / split / f"{scene.name}.ply", scene)
    if split == "train":
        for name, cut in tail_instances(scene, load_label_set()):
            write_scene(stage / CUTS / f"{cut.name}.ply", cut)
            record["cuts"].append((name, f"{cut.name}.ply"))
    return record
