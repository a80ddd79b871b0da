"""Damaged files are read or refused in one line: a small part of what benchmarks/damaged_scans.py tries."""
import pytest

from benchmarks.damaged_scans import damaged_files, try_file, whole_files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return whole_files(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("kind", [".ply", ".ply.gz", ".pcd", ".xyz", ".csv", ".npy", ".npz", ".las", ".laz", ".e57",
                                  ".obj", ".glb", ".stl"])
def test_damaged_files_are_read_or_refused_in_one_line(files, tmp_path, kind):
    if kind not in files:
        pytest.skip(f"no library for {kind}")
    count = 6 if kind == ".laz" else 24  # each of the former takes a process
    outcomes = {path.name: try_file(path) for path in damaged_files(files[kind], count, tmp_path, seed=1)}
    assert {name: outcome for name, outcome in outcomes.items() if outcome not in ("read", "refused")} == {}
    assert "refused" in outcomes.values()


def test_whole_files_are_read(files):
    assert {path.name: outcome for paths in files.values() for path in paths
            if (outcome := try_file(path)) != "read"} == {}
