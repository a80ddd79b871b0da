"""Makes a data set of procedural indoor scenes: python -m datasets.synthetic --out data/synthetic --train 60 --val 12

`--help` lists all options. The same options give the same files, whatever the number of workers.
"""
import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from config.command import command
from datasets.root_files import SPLITS
from datasets.synthetic.dataset import SCANNERS, Settings, build_dataset
from datasets.synthetic.furnished.models import load_library
from datasets.synthetic.raw import build_raw_scannet


@command
def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m datasets.synthetic", description="Makes procedural indoor scenes.",
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--out", required=True, help="folder of the data set")
    parser.add_argument("--train", type=int, default=60, help="labelled training scenes")
    parser.add_argument("--val", type=int, default=12, help="labelled validation scenes")
    parser.add_argument("--test", type=int, default=4, help="scenes without labels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--room_scale", type=float, default=1.0, help="factor on the length of the rooms' sides")
    parser.add_argument("--rooms", default=Settings.rooms, help="kinds of room, separated by commas")
    parser.add_argument("--scanner", default=Settings.scanner, choices=sorted(SCANNERS),
                        help="quick: single views; fused: depth frames of a walk, fused and meshed as real scans are")
    parser.add_argument("--furnished", action="store_true", help="with the furniture models of Sweet Home 3D")
    parser.add_argument("--furniture", help="folder with the Sweet Home 3D packages; fetched by apt where not given")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--overwrite", action="store_true", help="replace a synthetic data set made with other options")
    parser.add_argument("--raw_scannet", action="store_true",
                        help="write raw ScanNet scans instead, for datasets.preprocess.scannet200; in one process, to "
                             "a new folder: --workers and --overwrite do not count")
    options = parser.parse_args(arguments)
    if min(options.train, options.val, options.test, options.seed) < 0 or options.room_scale <= 0:
        raise ValueError("--train, --val, --test and --seed are 0 or more, and --room_scale is above 0")
    settings = Settings(options.train, options.val, options.test, options.seed, options.room_scale,
                        options.rooms, options.scanner, options.furnished)
    if options.furnished:
        load_library(options.furniture, options.workers)
    if options.raw_scannet:
        return _write_raw(Path(options.out), settings)
    summary = build_dataset(options.out, settings, options.workers, options.overwrite)
    print(f"{options.out}: {summary['scenes']} scenes, {summary['points']:,} points, classes: "
          + ", ".join(f"{split} {n}" for split, n in summary["classes"].items())
          + ("" if summary["fresh"] else " (was there already)"))
    return 0


def _write_raw(out: Path, settings: Settings) -> int:
    scenes = sum(settings.scenes(split) for split in SPLITS)
    with tqdm(total=scenes, desc="raw scans", unit="scene") as bar:
        build_raw_scannet(out, settings, bar)
    print(f"{out}: {scenes} raw scans; next: python -m datasets.preprocess.scannet200 --scannet {out} --out DATASET")


if __name__ == "__main__":
    sys.exit(main())
