"""One function reads every scan, and a folder's scans are found whatever their kind."""
import numpy as np
import pytest

from datasets.ply import read_scene, write_scene
from datasets.scans.read import ScanOptions, find_scans, read_scan
from tests.datasets.conftest import make_scene


def test_a_clean_ply_is_read_as_the_dataset_reads_it(tmp_path):
    write_scene(tmp_path / "room.ply", make_scene("room"))
    scan, scene = read_scan(tmp_path / "room.ply", ScanOptions()), read_scene(tmp_path / "room.ply")
    assert scan.name == "room" and scan.points.dtype == np.float64
    for name in ("points", "colors", "labels"):
        assert np.array_equal(getattr(scan, name), getattr(scene, name)), name


def test_scans_of_a_folder_are_found_whatever_their_kind(tmp_path):
    for name in ("b.ply", "a.PLY"):
        write_scene(tmp_path / "files" / name, make_scene(name))
    (tmp_path / "files" / "notes.md").write_text("no scan")
    (tmp_path / "files" / "scene7").mkdir()
    np.save(tmp_path / "files" / "scene7" / "coord.npy", np.zeros((2, 3)))
    assert [path.name for path in find_scans(tmp_path / "files")] == ["a.PLY", "b.ply", "scene7"]
    assert find_scans(tmp_path / "files" / "b.ply") == [tmp_path / "files" / "b.ply"]
    mesh = tmp_path / "raw" / "scans" / "scene0000_00" / "scene0000_00_vh_clean_2.ply"
    write_scene(mesh, make_scene("m"))
    assert find_scans(tmp_path / "raw") == find_scans(tmp_path / "raw" / "scans") == [mesh]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no scan"):
        find_scans(tmp_path / "empty")
