"""Damaged files are read or refused in one line, and never silently misread: a small part of what
benchmarks/damaged_scans.py tries."""
import numpy as np
import pytest

from benchmarks.damaged_scans import FINE, OPTIONS, compare_with, damaged_files, try_file, whole_files
from datasets.scans.read import read_scan


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return whole_files(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("kind", [".ply", ".ply.gz", ".pcd", ".xyz", ".csv", ".npy", ".npz", ".las", ".laz", ".e57",
                                  ".obj", ".glb", ".stl"])
def test_damaged_files_are_read_or_refused_in_one_line(files, tmp_path, kind):
    if kind not in files:
        pytest.skip(f"no library for {kind}")
    count = 6 if kind == ".laz" else 24  # each of the former takes a process
    whole = {path: read_scan(path, OPTIONS) for path in files[kind]}
    outcomes = {path.name: try_file(path, whole[original])
                for path, original in damaged_files(files[kind], count, tmp_path, seed=1).items()}
    assert {name: outcome for name, outcome in outcomes.items() if outcome.split(":")[0] not in FINE} == {}
    assert "refused" in outcomes.values()


def test_whole_files_are_read(files):
    assert {path.name: outcome for paths in files.values() for path in paths
            if (outcome := try_file(path, read_scan(path, OPTIONS))) != "equal"} == {}


def test_outcomes_tell_few_values_from_nonsense_and_what_is_missing(files):
    path = files[".npy"][0]
    whole = read_scan(path, OPTIONS)

    def outcome(change) -> str:
        scan = read_scan(path, OPTIONS)
        change(scan)
        return compare_with(whole, scan).split(":")[0]

    assert outcome(lambda scan: None) == "equal"
    assert outcome(lambda scan: scan.points.__setitem__((3, 0), 1.5)) == "values"
    assert outcome(lambda scan: scan.points.__setitem__(slice(None), scan.points[:, [1, 0, 2]])) == "nonsense"
    assert outcome(lambda scan: setattr(scan, "colors", None)) == "nonsense"
    assert outcome(lambda scan: setattr(scan, "axes", 100 * np.eye(3)) or scan.points.__setitem__((3, 0), 1.5)
                   ) == "nonsense"

    def cut(scan):
        scan.points, scan.colors = scan.points[:-1], scan.colors[:-1]
    assert outcome(cut) == "short"

    def cut_and_say(scan):
        cut(scan)
        scan.warnings.append("one point is missing")
    assert outcome(cut_and_say) == "said"
