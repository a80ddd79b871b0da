"""Files that were once read as something else without a word: each is now read right, refused, or said."""
import io
import json

import numpy as np
import pytest
import trimesh

from benchmarks.scan_formats import write_pcd
from datasets.ply import write_columns
from datasets.scans.pcd import read_pcd
from datasets.scans.read import ScanOptions, read_scan, read_strictly
from datasets.scans.text import read_text
from tests.datasets.conftest import SCANNET200
from tests.datasets.scans.test_formats import ROOM
from tests.datasets.scans.test_meshes import CORNERS, FACES, Z_UP

POINTS = np.random.default_rng(0).uniform(0, [4, 3, 2.5], (40, 3)).round(3)
COLOURS = np.random.default_rng(1).integers(1, 255, POINTS.shape)


def text_of(values: np.ndarray, separator: str = ",", header: str = "") -> np.ndarray:
    file = io.StringIO()
    np.savetxt(file, values, fmt="%.9g", delimiter=separator)
    return np.frombuffer((header + file.getvalue()).encode(), np.uint8)


def points_in(vertices) -> np.ndarray:
    return np.stack([vertices.columns[axis] for axis in "xyz"], 1)


@pytest.mark.parametrize("header,order,unit", [
    (",x,y,z\n", "ixyz", None),  # pandas writes its index, and no name for it
    ("", "ixyz", None),
    ("0,x,y,z\n", "ixyz", None),
    ('"RGB:0","RGB:1","RGB:2","Points:0","Points:1","Points:2"\n', "rgbxyz", None),  # ParaView
    ("Northing,Easting,Elevation\n", "yxz", None),
    ("X [mm],Y [mm],Z [mm]\n", "xyz", "mm"),
    ("//X(m), Y(m), Z(m), R, G, B\n", "xyzrgb", "m"),
    ("height,x,y,z\n", "ixyz", None),
    ("a scan of mine\nx_coord,y_coord,z_coord\n", "xyz", None),
    ("", "rgbxyz", None),
])
def test_coordinates_are_found_wherever_a_table_has_them(header, order, unit):
    column = dict(zip("xyz", POINTS.T)) | dict(zip("rgb", COLOURS.T)) | {"i": np.arange(len(POINTS))}
    vertices = read_text(text_of(np.stack([column[name] for name in order], 1), ",", header), "a")
    np.testing.assert_allclose(points_in(vertices), POINTS)
    assert vertices.unit == unit and vertices.warnings == []
    if "r" in order:
        assert np.array_equal(np.stack([vertices.columns[c] for c in ("red", "green", "blue")], 1), COLOURS)


def test_a_table_whose_header_names_no_coordinates_is_refused():
    with pytest.raises(ValueError, match="^a: its header names no x, y and z .lon, lat, depth.: call those columns so"):
        read_text(text_of(POINTS, ",", "lon,lat,depth\n"), "a")


def test_a_header_of_another_length_is_said():
    vertices = read_text(text_of(np.concatenate([POINTS, COLOURS], 1), " ", "x y z intensity\n"), "a")
    assert "names 4 columns, its rows have 6" in vertices.warnings[0]


def test_rows_behind_a_comment_sign_are_said_and_so_is_a_last_line_without_end():
    text = text_of(POINTS, " ").tobytes().split(b"\n")
    text[7] = b"#" + text[7][1:]
    vertices = read_text(np.frombuffer(b"\n".join(text), np.uint8), "a")
    assert len(vertices.columns["x"]) == 39 and "1 lines among its rows" in vertices.warnings[0]
    assert not any("does not end" in remark for remark in vertices.remarks)
    vertices = read_text(np.frombuffer(b"\n".join(text)[:-4], np.uint8), "a")
    assert any("does not end" in remark for remark in vertices.remarks)


def ply(tmp_path, **changes):
    columns = dict(zip("xyz", ROOM.points.T)) | dict(zip(("red", "green", "blue"), ROOM.colors.T)) | changes
    write_columns(tmp_path / "a.ply", columns)
    return tmp_path / "a.ply"


@pytest.mark.parametrize("factor", [1 / 255, 1])
def test_a_few_colours_far_above_the_range_do_not_darken_the_others(tmp_path, factor):
    values = (ROOM.colors * factor).astype(np.float32)
    values[5] = 4000 * factor
    scan = read_scan(ply(tmp_path, **dict(zip(("red", "green", "blue"), values.T))))
    assert np.array_equal(np.delete(scan.colors, 5, 0), np.delete(ROOM.colors, 5, 0))
    assert any("1 points cut off" in warning for warning in scan.warnings)


def test_bytes_moved_up_to_16_bits_come_back_exactly(tmp_path):
    scan = read_scan(ply(tmp_path, **dict(zip(("red", "green", "blue"), ROOM.colors.T.astype(np.uint16) << 8))))
    assert np.array_equal(scan.colors, ROOM.colors)


def test_packed_colours_are_read_in_any_format(tmp_path):
    packed = (ROOM.colors.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)).astype(np.uint32)
    write_columns(tmp_path / "a.ply", dict(zip("xyz", ROOM.points.T)) | {"rgb": packed.view(np.float32)})
    assert np.array_equal(read_scan(tmp_path / "a.ply").colors, ROOM.colors)


def test_quoted_numbers_of_a_table_are_read():
    rows = "".join('"{}","{}","{}"\n'.format(*row) for row in POINTS)
    vertices = read_text(np.frombuffer(('"x","y","z"\n' + rows).encode(), np.uint8), "a")
    np.testing.assert_allclose(points_in(vertices), POINTS)


def test_a_point_several_times_as_far_out_as_the_others_is_kept_and_said(tmp_path):
    points = ROOM.points.copy()
    points[3, 1] = 15
    scan = read_scan(ply(tmp_path, **dict(zip("xyz", points.T))))
    assert scan.seen.all() and any("1 points lie over 3 times" in remark for remark in scan.remarks)


@pytest.mark.parametrize("value,word", [(0, "black"), (255, "white")])
def test_colours_that_nobody_filled_in_are_none(tmp_path, value, word):
    scan = read_scan(ply(tmp_path, **{c: np.full(len(ROOM.points), value, np.uint8) for c in ("red", "green", "blue")}))
    assert scan.colors is None and any(word in warning for warning in scan.warnings)


def test_nearly_black_colours_are_a_warning(tmp_path):
    scan = read_scan(ply(tmp_path, **dict(zip(("red", "green", "blue"), ROOM.colors.T // 32))))
    assert any("nearly black" in warning for warning in scan.warnings)


def test_pixels_that_a_camera_missed_are_left_out(tmp_path):
    points = ROOM.points.copy() + np.float32(0.5)
    points[::7] = 0
    scan = read_scan(ply(tmp_path, **dict(zip("xyz", points.T))))
    assert np.array_equal(scan.seen, np.arange(len(points)) % 7 != 0)
    assert any("exactly 0 0 0" in remark for remark in scan.remarks)


def test_opacities_that_are_fractions_already_are_taken_so(tmp_path):
    opacity = np.where(np.arange(len(ROOM.points)) < 100, 0.05, 0.9).astype(np.float32)
    columns = dict(zip("xyz", ROOM.points.T)) | {f"f_dc_{i}": np.ones(len(opacity), np.float32) for i in range(3)}
    write_columns(tmp_path / "a.ply", columns | {"opacity": opacity})
    assert np.flatnonzero(~read_scan(tmp_path / "a.ply").seen).tolist() == list(range(100))


def test_a_ply_that_holds_more_than_its_header_says_is_said_and_no_dataset_takes_it(tmp_path):
    path = ply(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"vertex %d" % len(ROOM.points), b"vertex 100"))
    scan = read_scan(path)
    assert len(scan.points) == 100 and any("more than its header says" in warning for warning in scan.warnings)
    with pytest.raises(ValueError, match="a.ply: damaged PLY: .* bytes more than its header says"):
        read_strictly(path, SCANNET200)


def test_a_ply_with_a_damaged_header_line_is_refused(tmp_path):
    path = ply(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"property float z", b"propertx float z"))
    with pytest.raises(ValueError, match="bad header line 'propertx float z'"):
        read_scan(path)


def test_packed_colours_of_a_pcd_written_as_whole_numbers_are_read(tmp_path):
    columns = dict(zip("xyz", POINTS.T.astype(np.float32))) | dict(zip(("red", "green", "blue"),
                                                                       COLOURS.T.astype(np.uint8)))
    write_pcd(tmp_path / "a.pcd", columns, "ascii")
    head, body = (tmp_path / "a.pcd").read_text().split("DATA ascii\n")
    packed = (COLOURS @ [1 << 16, 1 << 8, 1]).tolist()
    rows = [f"{' '.join(line.split()[:3])} {number}" for line, number in zip(body.splitlines(), packed)]
    for ending, warned in (("", False), ("\n1 2 3 255", True)):
        vertices = read_pcd(np.frombuffer((head + "DATA ascii\n" + "\n".join(rows) + ending).encode(), np.uint8), "a")
        assert np.array_equal(vertices.columns["rgb"], packed)
        assert any("1 rows more" in warning for warning in vertices.warnings) == warned


def test_several_arrays_in_one_file_are_refused(tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        np.save(file, POINTS)
        np.save(file, COLOURS)
    with pytest.raises(ValueError, match="a.npy: damaged, or several arrays in one file"):
        read_scan(tmp_path / "a.npy")


def test_triangles_that_an_stl_does_not_count_are_said(tmp_path):
    trimesh.Trimesh(CORNERS, FACES).export(tmp_path / "a.stl")
    data = bytearray((tmp_path / "a.stl").read_bytes())
    data[80:84] = (7).to_bytes(4, "little")
    (tmp_path / "a.stl").write_bytes(data)
    assert any("bytes more than its header says" in warning for warning in read_scan(tmp_path / "a.stl").warnings)


def test_lines_of_an_obj_that_are_none_are_said_and_a_short_vertex_is_refused(tmp_path):
    lines = [f"v {x} {y} {z}" for x, y, z in POINTS]
    (tmp_path / "a.obj").write_text("\n".join([*lines[:5], "w" + lines[5][1:], *lines[6:], ""]))
    scan = read_scan(tmp_path / "a.obj", Z_UP)
    assert len(scan.points) == 39 and any("1 lines begin with no keyword" in warning for warning in scan.warnings)
    (tmp_path / "a.obj").write_text("\n".join([*lines, "v 1 2"]))
    with pytest.raises(ValueError, match="a vertex of 2 numbers"):
        read_scan(tmp_path / "a.obj", Z_UP)


def test_points_in_another_box_than_that_of_a_lass_header_are_said(tmp_path):
    laspy = pytest.importorskip("laspy")
    las = laspy.LasData(laspy.LasHeader(point_format=2, version="1.2"))
    las.x, las.y, las.z = POINTS.T
    las.write(str(tmp_path / "a.las"))
    assert not any("box" in warning for warning in read_scan(tmp_path / "a.las").warnings)
    data = bytearray((tmp_path / "a.las").read_bytes())
    data[131:139] = np.float64(0.03).tobytes()  # the scale of x, once 0.01
    (tmp_path / "a.las").write_bytes(data)
    assert any("its header says another" in warning for warning in read_scan(tmp_path / "a.las").warnings)


def glb(tmp_path, change, colors: np.ndarray, material=None) -> None:
    """A mesh with vertex colours of any type, and its tree as `change` leaves it."""
    mesh = trimesh.Trimesh(CORNERS, FACES, process=False)
    mesh.vertex_attributes["_COLORS_0"] = colors
    if material:
        mesh.visual = trimesh.visual.TextureVisuals(material=material)
    mesh.export(tmp_path / "a.glb")
    data = (tmp_path / "a.glb").read_bytes()
    length = int.from_bytes(data[12:16], "little")
    tree = json.loads(data[20:20 + length])
    attributes = tree["meshes"][0]["primitives"][0]["attributes"]
    attributes["COLOR_0"] = attributes.pop("_COLORS_0")
    change(tree)
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    (tmp_path / "a.glb").write_bytes(data[:8] + (len(data) - length + len(text)).to_bytes(4, "little")
                                     + len(text).to_bytes(4, "little") + b"JSON" + text + data[20 + length:])


@pytest.mark.parametrize("kind", [np.float32, np.uint16])
@pytest.mark.parametrize("material", [None, trimesh.visual.material.PBRMaterial(baseColorFactor=[255, 255, 255, 255])])
def test_colours_of_a_glb_in_any_type_and_beside_a_material_are_taken(tmp_path, kind, material):
    bytes_ = np.random.default_rng(0).integers(0, 256, (8, 4))
    colors = (bytes_ / 255).astype(kind) if kind is np.float32 else (bytes_ * 257 - (bytes_ > 0)).astype(kind)
    glb(tmp_path, lambda tree: None, colors, material)
    assert np.array_equal(read_scan(tmp_path / "a.glb", Z_UP).colors, bytes_[:, :3])


@pytest.mark.parametrize("change,words", [
    (lambda tree: tree.update(extensionsRequired=["KHR_draco_mesh_compression"]), "packed by KHR_draco"),
    (lambda tree: tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["POSITION"]].update(
        normalized=True), "POSITION is quantized"),
    (lambda tree: tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["POSITION"]].update(
        sparse={}), "POSITION is sparse"),
])
def test_a_glb_that_would_be_misread_is_refused(tmp_path, change, words):
    glb(tmp_path, change, np.zeros((8, 4), np.float32))
    with pytest.raises(ValueError, match=f"a.glb: .*{words}"):
        read_scan(tmp_path / "a.glb", Z_UP)


def test_an_output_of_inference_is_read_as_the_scan_that_went_in(tmp_path):
    prediction = {c: np.full(len(ROOM.points), 7, np.uint8) for c in ("red", "green", "blue")}
    path = ply(tmp_path, **prediction, label=np.full(len(ROOM.points), 3, np.int32), ground_truth=ROOM.labels,
               **dict(zip(("input_red", "input_green", "input_blue"), ROOM.colors.T)))
    scan = read_scan(path, ScanOptions(as_input=True))
    assert np.array_equal(scan.colors, ROOM.colors) and np.array_equal(scan.labels, ROOM.labels)
    assert any("output of inference" in remark for remark in scan.remarks)
