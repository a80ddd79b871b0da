"""Writes a whole synthetic data set in the layout of a ScanNet200 one: scenes, lists, tail instances, feature data.

`build_dataset(out, Settings(train=60, val=12, test=4, seed=0))`; run by `python -m datasets.synthetic`.
"""
import functools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
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
from datasets.synthetic.furnished.catalogue import credits, furnished_catalogue, split_models
from datasets.synthetic.furnished.models import Model, load_library
from datasets.synthetic.furnished.rooms import build_furnished_room, crowded_counts
from datasets.synthetic.layout import furnish
from datasets.synthetic.objects.kinds import ROOMS, Kind
from datasets.synthetic.rooms import Room, build_room
from datasets.synthetic.scanner import scan as quick_scan
from datasets.synthetic.scanners.fused import scan as fused_scan

SETTINGS = "synthetic.json"  # what a folder was made with
CUTS = ".cuts"  # tail instances before they are numbered
RECORDS = ".records"  # of scenes that are done, in a set that is not
SUMMARY = ("scenes", "points", "classes")
SCANNERS = {"quick": quick_scan, "fused": fused_scan}
LISTS_EVERY = 10  # scenes after which a set that is not complete gets its lists


@dataclass(frozen=True)
class Settings:
    """What the data depend on: scenes of each split, seed, a factor on the length of the rooms' sides, kinds of room,
    the scanner, and whether furniture models and the plans that go with them are used.

    Raises ValueError for a kind of room, or a scanner, there is none of.
    """
    train: int = 60
    val: int = 12
    test: int = 4
    seed: int = 0
    room_scale: float = 1.0
    rooms: str = ",".join(ROOMS)
    scanner: str = "quick"
    furnished: bool = False

    def __post_init__(self):
        if self.scanner not in SCANNERS:
            raise ValueError(f"--scanner {self.scanner}: no such scanner; there are {', '.join(SCANNERS)}")
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
    if not settings.furnished:
        room = build_room(rng, plan.room, set(plan.features), settings.room_scale)
        return room, furnish(rng, room, draw_counts(rng, plan), CATALOGUE, urgency(plan)), rng
    catalogue, models = furniture_of(split)
    room = build_furnished_room(rng, plan.room, set(plan.features), settings.room_scale, models)
    wanted = crowded_counts(rng, plan)
    first = urgency(plan) | {name: 2 for name in wanted if name not in plan.classes}
    return room, furnish(rng, room, wanted, catalogue, first, careless=rng.uniform(0, 0.4)), rng


@functools.cache
def furniture_of(split: str) -> tuple[dict[str, Kind], dict[str, list[Model]]]:
    """The catalogue with the furniture models of a split, and these by class: test scenes have those of validation."""
    library, models = load_library(), "train" if split == "train" else "val"
    return furnished_catalogue(library, models), {name: split_models(all_, models) for name, all_ in library.items()}


def make_scene(settings: Settings, split: str, index: int) -> Scene:
    """One labelled scan, the same for the same arguments wherever it is made."""
    room, placed, rng = furnished_room(settings, split, index)
    first = sum(settings.scenes(s) for s in SPLITS[:SPLITS.index(split)])
    return Scene(f"scene{first + index:04d}_00", *SCANNERS[settings.scanner](rng, room, placed))


def build_dataset(out: str | Path, settings: Settings, workers: int = 1, overwrite: bool = False) -> dict:
    """Make a data set in folder `out`: everything is written beside it and moved there when complete.

    Returns {"scenes", "points", "classes": {split: number of classes seen}, "fresh": False if it was there already}.
    Raises ValueError where `out` holds something else and `overwrite` is not set, or holds no synthetic data set.
    """
    out = Path(out)
    if _settled(out, settings, overwrite):
        return json.loads((out / SETTINGS).read_text())["summary"] | {"fresh": False}
    slow = settings.scanner != "quick"  # what was made of a slow set is kept when it is cut off, and gone on with
    stage = out.parent / (f"{out.name}.partial" if slow else f".{out.name}.{os.getpid()}.partial")
    try:
        summary = _write(stage, settings, workers)
        if out.exists():
            shutil.rmtree(out)
        os.replace(stage, out)
    finally:
        if not slow:
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
    if asdict(Settings()) | found != asdict(settings):
        raise ValueError(f"{out}: holds a data set made with {found}; give another --out, or --overwrite")
    return True


def _write(stage: Path, settings: Settings, workers: int) -> dict:
    """Write every file of the data set under `stage`; returns its summary. Scenes that are there already stay."""
    known = stage / RECORDS / SETTINGS
    if not known.is_file() or json.loads(known.read_text()) != asdict(settings):
        shutil.rmtree(stage, ignore_errors=True)
    for split in SPLITS:
        (stage / split).mkdir(parents=True, exist_ok=True)
    with replacing(known) as file:
        json.dump(asdict(settings), file)
    if settings.furnished:
        with replacing(stage / "ATTRIBUTION.txt") as file:
            file.write(credits(load_library()))
    # Splits take turns, so that a set that is cut off has some of each.
    jobs = sorted(((split, index) for split in SPLITS for index in range(settings.scenes(split))),
                  key=lambda job: ((job[1] + 0.5) / settings.scenes(job[0]), SPLITS.index(job[0])))
    results = {}
    for job, result in zip(jobs, _all_scenes(stage, settings, workers, jobs)):
        results[job] = result
        if settings.scanner != "quick" and len(results) % LISTS_EVERY == 0:
            _finish(stage, results, shutil.copyfile)
    written = _finish(stage, results, os.replace)
    summary = {key: value for key, value in written.items() if key in SUMMARY}
    for folder in (CUTS, RECORDS):
        shutil.rmtree(stage / folder, ignore_errors=True)
    with replacing(stage / SETTINGS) as file:
        json.dump({"settings": asdict(settings), "summary": summary}, file, indent=1)
    return summary


def _all_scenes(stage: Path, settings: Settings, workers: int, jobs: list[tuple[str, int]]) -> Iterator[dict]:
    """The record of each scene in the order of `jobs`, with a progress bar."""
    make = functools.partial(_write_scene, stage, settings)
    with tqdm(total=len(jobs), desc="synthetic scenes", unit="scene") as bar:
        if workers > 1:
            try:
                with ProcessPoolExecutor(workers) as pool:
                    for result in pool.map(make, jobs):
                        yield result
                        bar.update()
            except BrokenProcessPool:
                raise OSError("a worker process was killed, most likely for lack of memory; use fewer --workers"
                              ) from None
        else:
            for job in jobs:
                yield make(job)
                bar.update()


def _finish(stage: Path, results: dict[tuple[str, int], dict], place: Callable[[Path, Path], None]) -> dict:
    """Lists, tail instances and feature data of the scenes in `results`, in the order of splits and scenes."""
    ordered = [results[job] for job in sorted(results, key=lambda job: (SPLITS.index(job[0]), job[1]))]
    cuts = [(name, stage / CUTS / file) for result in ordered for name, file in result["cuts"]]
    records = [{key: value for key, value in result.items() if key != "cuts"} for result in ordered]
    return write_root(stage, records, cuts, load_label_set(), place)


def _write_scene(stage: Path, settings: Settings, job: tuple[str, int]) -> dict:
    """Make and write one scene, and what the training split derives from it; its record, which says that it is done."""
    split, index = job
    done = stage / RECORDS / f"{split}_{index}.json"
    if done.is_file():
        return json.loads(done.read_text())
    scene = make_scene(settings, split, index)
    record = scene_record(scene, split, load_label_set()) | {"cuts": []}
    if split == "test":
        scene = Scene(scene.name, scene.points, scene.colors)
    write_scene(stage / split / f"{scene.name}.ply", scene)
    if split == "train":
        for name, cut in tail_instances(scene, load_label_set()):
            write_scene(stage / CUTS / f"{cut.name}.ply", cut)
            record["cuts"].append((name, f"{cut.name}.ply"))
    with replacing(done) as file:
        json.dump(record, file)
    return record
