"""One small room in every format and variant: what is read is the same room."""
import importlib.util

import numpy as np
import pytest

from benchmarks.scan_formats import OPTIONAL, compare, variants
from datasets.ply import Scene, write_columns
from datasets.scans.read import file_kind, read_scan


def room(spacing: float = 0.09) -> Scene:
    """A room of 4.2 x 3.1 x 2.6 m about no special place: floor, ceiling, four walls, two tables and a cupboard."""
    rng = np.random.default_rng(0)
    parts, labels = [], []

    def surface(corner, first, second, label):
        first, second = np.array(first, float), np.array(second, float)
        many = int(np.linalg.norm(first) / spacing) + 1, int(np.linalg.norm(second) / spacing) + 1
        u, v = np.meshgrid(np.linspace(0, 1, many[0]), np.linspace(0, 1, many[1]), indexing="ij")
        parts.append(np.array(corner) + u.reshape(-1, 1) * first + v.reshape(-1, 1) * second)
        labels.append(np.full(u.size, label))

    def box(x, y, z, width, depth, height, label):
        surface((x, y, z + height), (width, 0, 0), (0, depth, 0), label)
        for corner, side in (((x, y, z), (width, 0, 0)), ((x, y + depth, z), (width, 0, 0)),
                             ((x, y, z), (0, depth, 0)), ((x + width, y, z), (0, depth, 0))):
            surface(corner, side, (0, 0, height), label)

    surface((0, 0, 0), (4.2, 0, 0), (0, 3.1, 0), 3)
    surface((0, 0, 2.6), (4.2, 0, 0), (0, 3.1, 0), 41)
    for corner, side in (((0, 0, 0), (4.2, 0, 0)), ((0, 3.1, 0), (4.2, 0, 0)), ((0, 0, 0), (0, 3.1, 0)),
                         ((4.2, 0, 0), (0, 3.1, 0))):
        surface(corner, side, (0, 0, 2.6), 1)
    box(1.0, 0.9, 0.02, 1.3, 0.7, 0.73, 4)
    box(2.9, 2.2, 0.02, 0.9, 0.6, 0.72, 4)
    box(0.1, 2.5, 0.02, 0.8, 0.5, 1.4, 7)
    points = np.concatenate(parts) + rng.normal(0, 0.002, (sum(map(len, parts)), 3)) + [0.31, -0.22, 0.4]
    return Scene("room", points.astype(np.float32), rng.integers(0, 256, points.shape).astype(np.uint8),
                 np.concatenate(labels).astype(np.int32))


ROOM = room()
VARIANTS = {name: (file, write) for name, file, write in variants(ROOM)}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    file, write = VARIANTS["PLY, binary"]
    path = tmp_path_factory.mktemp("base") / file
    write(path)
    return read_scan(path)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_the_same_room(name, base, tmp_path):
    file, write = VARIANTS[name]
    library = OPTIONAL.get(file_kind(tmp_path / file))
    if library and importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    write(tmp_path / file)
    scan = read_scan(tmp_path / file)
    difference, colors = compare(base, scan)
    assert difference < 1e-5 and colors == 1  # metres
    if scan.labels is not None:
        assert np.array_equal(scan.labels, ROOM.labels)


def test_the_base_is_the_room_itself(base):
    cloud = base.cloud()
    assert np.abs((cloud.points - cloud.points[0]) - (ROOM.points - ROOM.points[0])).max() < 1e-5
    assert np.array_equal(cloud.colors, ROOM.colors) and np.array_equal(base.labels, ROOM.labels)
    assert (cloud.points.min(0) > 0).all() and base.warnings == []


def test_points_without_coordinates_are_left_out_and_the_order_is_kept(tmp_path):
    columns = dict(zip("xyz", ROOM.points.T.copy())) | dict(zip(("red", "green", "blue"), ROOM.colors.T))
    columns["x"][[5, 17]] = np.nan, np.inf
    write_columns(tmp_path / "kinect.ply", columns)
    scan = read_scan(tmp_path / "kinect.ply")
    assert np.flatnonzero(~scan.seen).tolist() == [5, 17] and len(scan.cloud().points) == len(ROOM.points) - 2
    assert any("2 of" in remark and "left out" in remark for remark in scan.remarks)
    filled = scan.at_vertices(np.delete(np.arange(len(ROOM.points)), [5, 17]) + 1, 0)
    assert filled[5] == filled[17] == 0 and filled[6] == 7 and filled[-1] == len(ROOM.points)


def test_a_point_a_kilometre_off_is_left_out(tmp_path, base):
    columns = dict(zip("xyz", ROOM.points.T.copy())) | dict(zip(("red", "green", "blue"), ROOM.colors.T))
    columns["y"][3] = 1500
    write_columns(tmp_path / "stray.ply", columns)
    scan = read_scan(tmp_path / "stray.ply")
    assert np.flatnonzero(~scan.seen).tolist() == [3]
    assert np.abs(scan.cloud().points - np.delete(base.cloud().points, 3, 0)).max() < 1e-5


def test_transparent_splats_are_left_out(tmp_path):
    bands = ((ROOM.colors / 255 - 0.5) / 0.28209479177387814).astype(np.float32)
    columns = dict(zip("xyz", ROOM.points.T)) | {f"f_dc_{i}": bands[:, i] for i in range(3)}
    columns["opacity"] = np.full(len(bands), 2, np.float32)
    columns["opacity"][:100] = -5
    write_columns(tmp_path / "splats.ply", columns)
    scan = read_scan(tmp_path / "splats.ply")
    assert np.array_equal(scan.seen, np.arange(len(bands)) >= 100) and np.array_equal(scan.colors, ROOM.colors)
    assert "opacity" in scan.columns


def test_without_colours_a_scan_says_so(tmp_path):
    write_columns(tmp_path / "grey.ply", dict(zip("xyz", ROOM.points.T)))
    scan = read_scan(tmp_path / "grey.ply")
    assert scan.colors is None and scan.cloud().colors is None and "has no colours" in scan.warnings


def test_colours_a_little_above_one_are_cut_off_and_said(tmp_path):
    columns = dict(zip("xyz", ROOM.points.T)) | dict(zip(("red", "green", "blue"), (ROOM.colors.T / 255 * 1.05)))
    write_columns(tmp_path / "bright.ply", columns)
    scan = read_scan(tmp_path / "bright.ply")
    assert np.abs(scan.colors - np.minimum(ROOM.colors * 1.05, 255)).max() <= 0.51
    assert any("0..1.05" in remark for remark in scan.remarks)


@pytest.mark.parametrize("name", ["notes.docx", "room"])
def test_a_file_of_another_kind_names_the_formats(tmp_path, name):
    (tmp_path / name).write_bytes(b"some words")
    with pytest.raises(ValueError, match=f"{name}: .* not read; formats of a scan: .ply, .pcd"):
        read_scan(tmp_path / name)


def test_a_missing_library_is_named_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pye57", None)
    (tmp_path / "room.e57").write_bytes(b"ASTM-E57")
    with pytest.raises(ValueError, match="room.e57: reading .e57 needs pye57: pip install pye57"):
        read_scan(tmp_path / "room.e57")
