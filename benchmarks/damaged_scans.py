"""What do damaged files do? `python -m benchmarks.damaged_scans [--files 1000] [--formats .ply,.las]`

Of each format whole small files are cut, have bytes flipped, or get headers that lie; each is read in a child process
with limits of time and memory. Prints how many were refused in one line, crashed, hung, took too much memory, or were
read; of those that were read what became of the points:

equal     as in the whole file
said      otherwise, and a line says what is missing or doubtful
values    otherwise in no more places than bytes were flipped: where nothing is checked, nobody can tell
short     points or faces are missing, and nothing is said
nonsense  more places differ, or the scan is of another size, and nothing is said
"""
import argparse
import gzip
import importlib.util
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.scan_formats import OPTIONAL, variants, with_faces
from config.command import command
from datasets.ply import Scene
from datasets.scans.read import ScanOptions, file_kind, read_scan
from datasets.scans.scan import Scan

SECONDS, MEMORY = 10.0, 2 << 30  # of one file; bytes beyond what the libraries take
KINDS = ("cut", "flipped", "lying")
OPTIONS = ScanOptions(voxel_size=0.1)  # a coarse mesh is sampled that densely
FLIPPED = 11  # bytes, at most
SAME = 0.001  # metres
UNCOUNTED = (".xyz", ".txt", ".csv", ".asc", ".obj")  # cut at the end of a line, nothing in them tells
FINE = ("refused", "equal", "said", "values")
OUTCOMES = (*FINE, "short", "nonsense", "crashed", "hung", "memory")


def whole_files(folder: Path) -> dict[str, list[Path]]:
    """Files of each format, undamaged: a small cloud in every variant of `scan_formats`, and a mesh."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(0, [4, 3, 0.01], (300, 3)), rng.uniform(0, [4, 0.01, 2.5], (300, 3))])
    scene = Scene("a", points.astype(np.float32), rng.integers(0, 256, points.shape).astype(np.uint8),
                  rng.integers(0, 40, len(points)).astype(np.int32))
    files: dict[str, list[Path]] = {}
    for _, name, write in variants(scene):
        kind = file_kind(folder / name)
        if kind and (kind not in OPTIONAL or importlib.util.find_spec(OPTIONAL[kind])):
            write(folder / name)
            files.setdefault(kind, []).append(folder / name)
    (folder / "faces.ply").write_bytes(with_faces(scene))
    files[".ply"].append(folder / "faces.ply")
    import trimesh
    box = trimesh.creation.box((4, 3, 2.5)).subdivide()
    for name in ("box.stl", "box_text.stl", "box.obj", "box.glb"):
        box.export(folder / name, file_type="stl_ascii" if name == "box_text.stl" else None)
        files.setdefault(file_kind(folder / name), []).append(folder / name)
    with open(folder / "box.obj", "a") as file:
        file.write("\n")  # as most programs end it
    return files


def damage(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """The bytes of a file, spoilt in one of KINDS."""
    if kind == "cut":
        return data[:int(rng.integers(0, len(data)))]
    spoilt = bytearray(data)
    if kind == "flipped":
        end = len(data) if rng.random() < 0.5 else min(400, len(data))  # half of them in the header
        for place in rng.integers(0, end, rng.integers(1, FLIPPED + 1)):
            spoilt[place] = int(rng.integers(0, 256))
        return bytes(spoilt)
    head = bytes(spoilt[:2048])
    numbers = [match for match in re.finditer(rb"(?<![\w.])\d{2,}(?![\w.])", head)]
    if numbers and rng.random() < 0.7 and not data.startswith((b"LASF", b"PK", b"ASTM")):
        match = numbers[int(rng.integers(len(numbers)))]
        lie = rng.choice([b"0", b"1", b"-7", b"2147483647", b"4294967296", b"99999999999999999999", b"1e9", b"7000000"])
        return bytes(spoilt[:match.start()]) + bytes(lie) + bytes(spoilt[match.end():])
    width = int(rng.choice([2, 4, 8]))  # a binary count
    place = int(rng.integers(0, max(1, min(400, len(data) - width))))
    value = int(rng.choice([0, 1, 255, 65535, (1 << (8 * width - 1)) - 1, (1 << 8 * width) - 1, 1 << (4 * width)],))
    spoilt[place:place + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(spoilt)


def damaged_files(files: list[Path], count: int, folder: Path, seed: int = 0) -> dict[Path, Path]:
    """`count` damaged files, and the whole ones that they were made of, of all kinds in turn, in `folder`. A .gz is
    damaged inside, too."""
    rng = np.random.default_rng(seed)
    made = {}
    for number in range(count):
        whole = files[number % len(files)]
        kind = KINDS[(number // len(files)) % len(KINDS)]
        data = whole.read_bytes()
        if whole.suffix == ".gz" and number % 2:
            data = gzip.compress(damage(gzip.decompress(data), kind, rng), 1)
        else:
            data = damage(data, kind, rng)
        path = folder / f"{number:05}_{kind}{file_kind(whole)}"
        path.write_bytes(data)
        made[path] = whole
    return made


def try_file(path: Path, whole: Scan) -> str:
    """What reading does, one of `OUTCOMES` and perhaps ": why"; crashed is also what ends with another error than one
    line of the usual kinds. whole: the scan in the undamaged file."""
    try:
        scan = read_scan(path, OPTIONS)
        cloud = scan.cloud()
        if not np.isfinite(cloud.points).all() or not len(cloud.points):
            return "crashed: a cloud that is empty or not finite"
        return compare_with(whole, scan)
    except (ValueError, OSError) as error:
        return "refused" if path.name in str(error) and "\n" not in str(error) else f"crashed: message {error!r}"
    except BaseException as error:
        return f"crashed: {type(error).__name__} {error}"


def compare_with(whole: Scan, scan: Scan) -> str:
    """What became of a scan that was read, one of `OUTCOMES`."""
    fields = {name: (getattr(whole, name), getattr(scan, name))
              for name in ("points", "colors", "labels", "instances", "faces")}
    fields |= {name: (values, scan.columns.get(name)) for name, values in whole.columns.items()}
    lost = [name for name, (before, after) in fields.items() if before is not None and after is None]
    renamed = [name for name in lost if any(
        column.shape == fields[name][0].shape and (column == fields[name][0]).mean() > 0.9
        for column in scan.columns.values())]
    lost = [name for name in lost if name not in renamed]  # a flipped byte in a column's name
    short = [name for name, (before, after) in fields.items()
             if before is not None and after is not None and len(before) != len(after)]
    places = len(renamed)
    for name, (before, after) in fields.items():
        if name not in (*lost, *short, *renamed) and before is not None:
            places += int((~np.isclose(before, after, rtol=1e-6, atol=SAME if name == "points" else 0,
                                       equal_nan=True)).sum())
    resized = max(np.ptp(scan.cloud().points, axis=0).max() / np.ptp(whole.cloud().points, axis=0).max(), 1e-9)
    if not lost and not short and not places:
        return "equal"
    news = {_kind_of(line) for line in scan.remarks + scan.warnings} - {
        "", *(_kind_of(line) for line in whole.remarks + whole.warnings)}
    if news:
        return "said"
    if short:
        return f"short: {', '.join(short)}"
    if lost or places > FLIPPED or not 1 / 3 < resized < 3:
        return f"nonsense: lost {', '.join(lost) or 'nothing'}, {places} places differ, {resized:.3g} times as large"
    return "values"


def _kind_of(line: str) -> str:
    """A line said of a scan without its numbers; "" of unit and axes, of which something is said of all."""
    return "" if "--unit" in line and "doubtful" not in line or "--up" in line else re.sub(r"[\d.,e+-]+", "0", line)


def child(lines: list[str]) -> None:
    """Read files one after the other, a line each on stdout; stops by itself where memory or time run out. lines: file,
    tab, the whole one."""
    scans: dict[str, Scan] = {}
    import trimesh  # noqa: F401 (before the limit)
    own = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (own + MEMORY, own + MEMORY))
    for line in lines:
        path, _, whole = line.partition("\t")
        if whole not in scans:
            scans[whole] = read_scan(whole, OPTIONS)
        print(f"{path}\tbegun", flush=True)
        outcome = " ".join(try_file(Path(path), scans[whole]).split())
        print(f"{path}\t{outcome}", flush=True)


def run(paths: dict[Path, Path]) -> dict[Path, str]:
    """Outcome of each file, by child processes; a file that a child dies or hangs over counts so, and others go on."""
    outcomes: dict[Path, str] = {}
    left = list(paths)
    while left:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as names:
            names.write("\n".join(f"{path}\t{paths[path]}" for path in left))
            names.seek(0)
            process = subprocess.Popen([sys.executable, "-m", "benchmarks.damaged_scans", "--child"], stdin=names,
                                       stdout=out, stderr=subprocess.DEVNULL)
            seen, since = -1, time.monotonic()
            while process.poll() is None and time.monotonic() - since < SECONDS + (110 if seen <= 0 else 0):
                time.sleep(0.05)
                if (size := os.fstat(out.fileno()).st_size) != seen:
                    seen, since = size, time.monotonic()
            hung = process.poll() is None
            if hung:
                process.kill()
                process.wait()
            out.seek(0)
            begun = None
            for line in out.read().splitlines():
                path, _, outcome = line.partition("\t")
                begun = Path(path)
                if outcome != "begun":
                    outcomes[begun] = outcome
            if begun is not None and begun not in outcomes:
                outcomes[begun] = "hung" if hung else f"crashed: the process died with {process.returncode}"
            elif begun is None:
                raise RuntimeError(f"the child process read nothing and ended with {process.returncode}")
        left = [path for path in left if path not in outcomes]
    return {path: "memory" if "MemoryError" in outcome or "bad_alloc" in outcome else outcome
            for path, outcome in outcomes.items()}


@command
def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000, help="of each format")
    parser.add_argument("--formats", default="", help="endings, separated by commas; default: all")
    parser.add_argument("--keep", metavar="DIR", help="keep the files that did worse than being refused")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(sys.stdin.read().split("\n"))
        return 0
    failed, total = 0, Counter()
    print(f"{'format':10}" + "".join(f"{outcome:>10}" for outcome in OUTCOMES) + f"{'seconds':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for kind, files in whole_files(Path(folder)).items():
            if options.formats and kind not in options.formats.split(","):
                continue
            place = Path(folder) / f"damaged{kind}"
            place.mkdir()
            start = time.monotonic()
            outcomes = run(damaged_files(files, options.files, place))
            counts = Counter(outcome.split(":")[0] for outcome in outcomes.values())
            print(f"{kind:10}" + "".join(f"{counts[outcome]:10}" for outcome in OUTCOMES)
                  + f"{time.monotonic() - start:10.0f}", flush=True)
            total += counts
            for path, outcome in outcomes.items():
                if outcome.split(":")[0] not in FINE:
                    failed |= not (outcome.startswith("short") and "_cut" in path.name and kind in UNCOUNTED)
                    print(f"  {path.name}: {outcome[:160]}")
                    if options.keep:
                        Path(options.keep).mkdir(exist_ok=True)
                        (Path(options.keep) / path.name).write_bytes(path.read_bytes())
    print(f"{'all':10}" + "".join(f"{total[outcome]:10}" for outcome in OUTCOMES))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
