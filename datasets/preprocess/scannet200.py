"""ScanNet as it is distributed, to a dataset root: python -m datasets.preprocess.scannet200 --scannet RAW --out DATASET

RAW holds scans/, scans_test/, scannetv2-labels.combined.tsv and scannetv2_{train,val,test}.txt (also under Tasks/ or
anywhere a few folders below). Scenes already done are not redone, so a stopped run goes on where it was.
"""
import argparse
import json
import os
import shutil
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from tqdm import tqdm

from config.command import command
from datasets.files import replacing
from datasets.label_sets import DEFAULT, LABEL_SET_FILE, LabelSet, load_label_set
from datasets.ply import write_scene
from datasets.preprocess.raw_scannet import LABEL_TABLE, read_label_table, read_raw_scene
from datasets.root_files import SPLITS, scene_record, write_root
from datasets.statistics import tail_instances

ID_COLUMNS = {"scannet200": "id", "scannet20": "nyu40id"}  # of ScanNet's label table, where a benchmark's ids stand
STAGE = ".preprocess"  # under --out: a record and the tail instances of every scene that is done


def read_split_lists(raw: Path) -> dict[str, list[str]]:
    """Scene names of each split. Raises FileNotFoundError and ValueError for lists that are missing or overlap."""
    scenes = {}
    for split in SPLITS:
        path = find_file(raw, f"scannetv2_{split}.txt")
        scenes[split] = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        bad = [name for name in scenes[split] if Path(name).name != name or name.startswith(".")]
        if bad:
            raise ValueError(f"{path}: {bad[0]!r} is no scene's name")
    twice = [name for name, count in Counter(sum(scenes.values(), [])).items() if count > 1]
    if twice:
        raise ValueError(f"{raw}: scene {twice[0]} is listed twice in scannetv2_*.txt ({len(twice)} scenes are)")
    return scenes


def find_file(raw: Path, name: str) -> Path:
    """A file under RAW or its `Tasks` folders, where ScanNet's repository keeps lists."""
    if not raw.is_dir():
        raise FileNotFoundError(f"{raw}: no such folder; --scannet names the one with scans/ in it, see download.sh")
    for folder in (raw, *(raw / sub for sub in ("Tasks", "Tasks/Benchmark", "tasks", "splits"))):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{raw / name}: missing; `bash download.sh` says how to get it")


def process_scene(raw: Path, out: Path, raw_ids: dict[str, int], label_set: LabelSet, split: str, name: str) -> dict:
    """Write one scene, its tail instances and, last, its record, which says that it is done."""
    folder = raw / ("scans_test" if split == "test" else "scans") / name
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder, but scannetv2_{split}.txt lists it")
    scene, notes = read_raw_scene(folder, raw_ids, labelled=split != "test")
    write_scene(out / split / f"{name}.ply", scene)
    record = scene_record(scene, split, label_set) | {"notes": dict(notes), "cuts": []}
    if split == "train":
        for category, cut in tail_instances(scene, label_set):
            write_scene(out / STAGE / "instances" / f"{cut.name}.ply", cut)
            record["cuts"].append([category, f"{cut.name}.ply"])
    with replacing(out / STAGE / "records" / f"{name}.json") as file:
        json.dump(record, file)
    return record


def read_record(out: Path, split: str, name: str) -> dict | None:
    """The record of a scene that an earlier run has done, None where there is none that can be trusted."""
    try:
        record = json.loads((out / STAGE / "records" / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        return None
    files = [out / split / f"{name}.ply", *(out / STAGE / "instances" / file for _, file in record["cuts"])]
    return record if record["split"] == split and all(file.is_file() for file in files) else None


def preprocess(raw: Path, out: Path, workers: int = 1, overwrite: bool = False, label_set: LabelSet | None = None
               ) -> tuple[dict, dict[str, str]]:
    """Bring RAW to the layout of a dataset root. Returns write_root's summary with notes, and bad scenes' errors.

    Raises FileNotFoundError and ValueError before anything is written where lists or label table cannot be read, or
    where `out` holds something else.
    """
    lists = read_split_lists(raw)
    label_set = label_set or load_label_set()
    raw_ids = read_label_table(find_file(raw, LABEL_TABLE), ID_COLUMNS[label_set.name])
    if out.exists() and any(out.iterdir()) and not (out / STAGE).is_dir():
        raise ValueError(f"{out}: is not empty and was not made by this command; give another --out")
    made = out / STAGE / LABEL_SET_FILE
    if made.is_file() and not overwrite and not load_label_set(made).same_classes(label_set):
        raise ValueError(f"{out}: was begun with another --label_set than {label_set.name}; give another --out, or "
                         "--overwrite")
    if overwrite:
        shutil.rmtree(out / STAGE, ignore_errors=True)
    (out / STAGE).mkdir(parents=True, exist_ok=True)
    label_set.write(made)
    for left in out.rglob(".*.tmp"):  # of a run that was killed
        left.unlink()
    jobs = [(split, name) for split in SPLITS for name in lists[split]]
    records = {job: read_record(out, *job) for job in jobs}
    failed: dict[str, str] = {}
    waiting = [job for job in jobs if records[job] is None]
    with tqdm(total=len(jobs), initial=len(jobs) - len(waiting), desc="scenes", unit="scene") as bar:
        for job, outcome in _run(partial(process_scene, raw, out, raw_ids, label_set), waiting, workers):
            bar.update()
            if isinstance(outcome, dict):
                records[job] = outcome
            else:
                failed[job[1]] = outcome
                bar.write(f"skipped {job[1]}: {outcome}")
    done = [records[job] for job in jobs if records[job]]
    # Records come from JSON in every case, so that a run that went on writes the same bytes as one that did not.
    done = json.loads(json.dumps(done))
    cuts = [(category, out / STAGE / "instances" / file) for record in done for category, file in record["cuts"]]
    summary = write_root(out, done, cuts, label_set, _link)
    summary["notes"] = dict(sum((Counter(record["notes"]) for record in done), Counter()))
    return summary, failed


def _run(work, jobs: list[tuple[str, str]], workers: int):
    """Yield (job, record or the error's one line) as they come."""
    if workers <= 1:
        for job in jobs:
            try:
                yield job, work(*job)
            except (OSError, ValueError, MemoryError) as error:
                yield job, _one_line(error)
        return
    with ProcessPoolExecutor(workers) as pool:
        futures = {pool.submit(work, *job): job for job in jobs}
        try:
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    raise OSError("a worker process was killed, most likely for lack of memory; use fewer --workers, "
                                  "what is done is kept") from None
                except (OSError, ValueError, MemoryError) as error:
                    yield futures[future], _one_line(error)
        finally:
            pool.shutdown(cancel_futures=True)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@command
def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code: 1 where a scene could not be read, though the others are done."""
    parser = argparse.ArgumentParser(prog="python -m datasets.preprocess.scannet200", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scannet", required=True, type=Path, metavar="RAW", help="folder of the distribution")
    parser.add_argument("--out", required=True, type=Path, metavar="DATASET", help="dataset root to make")
    parser.add_argument("--label_set", choices=ID_COLUMNS, default=DEFAULT, help="the benchmark whose ids are written "
                        "(default: %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--overwrite", action="store_true", help="redo the scenes that are done already")
    options = parser.parse_args(arguments)
    label_set = load_label_set(options.label_set)
    summary, failed = preprocess(options.scannet, options.out, options.workers, options.overwrite, label_set)
    print(f"{options.out}: {summary['scenes']} scenes, {summary['points']:,} points, "
          f"{summary['tail_instances']} tail instances")
    for split, groups in summary["groups"].items():
        of_all = ", ".join(f"{group} {seen} of {len(label_set.members(group))}" for group, seen in groups.items())
        print(f"  {split}: {summary['classes'][split]} of {len(label_set)} classes"
              + (f" ({of_all})" if of_all else ""))
    for note, count in sorted(summary["notes"].items()):
        print(f"  {count} {note}")
    if failed:
        print(f"error: {len(failed)} scene(s) left out, see above: {', '.join(sorted(failed)[:10])}; mend or download "
              "them again and run the same command", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
