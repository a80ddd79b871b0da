"""Scene PLY files: what is written is read back, and every unusable file gives one clear line."""
import os
import re

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from datasets.ply import Scene, read_columns, read_scene, write_columns, write_scene


def small_scene() -> Scene:
    rng = np.random.default_rng(0)
    return Scene("scan", rng.normal(size=(50, 3)).astype(np.float32), rng.integers(0, 256, (50, 3)).astype(np.uint8),
                 rng.integers(0, 1192, 50).astype(np.int32), rng.integers(0, 9, 50).astype(np.int32))


def with_columns(path, drop=(), **changes):
    write_scene(path, small_scene())
    columns = {k: v for k, v in (read_columns(path) | changes).items() if k not in drop}
    write_columns(path, columns)
    return path


def test_a_scene_is_read_back_as_written(tmp_path):
    scene = small_scene()
    write_scene(tmp_path / "new" / "scan.ply", scene)
    back = read_scene(tmp_path / "new" / "scan.ply")
    assert back.name == "scan"
    for name in ("points", "colors", "labels", "instances"):
        expected, got = getattr(scene, name), getattr(back, name)
        assert got.dtype == expected.dtype and np.array_equal(got, expected), name
    assert os.listdir(tmp_path / "new") == ["scan.ply"]


def test_files_are_little_endian_whatever_order_the_columns_had(tmp_path):
    write_columns(tmp_path / "scan.ply", {"x": np.array([1.5], ">f4"), "label": np.array([7], ">i4")})
    data = (tmp_path / "scan.ply").read_bytes()
    assert b"format binary_little_endian 1.0" in data
    assert data.endswith(np.array([1.5], "<f4").tobytes() + np.array([7], "<i4").tobytes())


def test_colours_of_a_float_column_are_rounded_not_cut(tmp_path):
    path = with_columns(tmp_path / "scan.ply", red=np.full(50, 99.6, np.float32))
    assert (read_scene(path).colors[:, 0] == 100).all()


def test_a_scene_without_labels_stays_without(tmp_path):
    scene = small_scene()
    scene.labels = scene.instances = None
    write_scene(tmp_path / "scan.ply", scene)
    assert list(read_columns(tmp_path / "scan.ply")) == ["x", "y", "z", "red", "green", "blue"]
    back = read_scene(tmp_path / "scan.ply")
    assert back.labels is None and back.instances is None


def test_L11_label_is_the_column_of_that_name_wherever_it_stands(tmp_path):
    scene = small_scene()
    data = np.empty(50, dtype=[("label", "u2"), ("blue", "u1"), ("z", "f8"), ("nx", "f4"), ("alpha", "u1"),
                               ("instance_id", "u2"), ("red", "u1"), ("x", "f8"), ("green", "u1"), ("y", "f8"),
                               ("predicted", "i4")])
    data["label"], data["instance_id"], data["predicted"], data["alpha"], data["nx"] = \
        scene.labels, scene.instances, 77, 255, 0.5
    for i, (axis, color) in enumerate(zip("xyz", ("red", "green", "blue"))):
        data[axis], data[color] = scene.points[:, i], scene.colors[:, i]
    PlyData([PlyElement.describe(data, "vertex")]).write(str(tmp_path / "scan.ply"))
    back = read_scene(tmp_path / "scan.ply")
    assert np.array_equal(back.labels, scene.labels) and np.array_equal(back.instances, scene.instances)
    assert np.array_equal(back.points, scene.points) and np.array_equal(back.colors, scene.colors)


@pytest.mark.parametrize("order", ["<", ">", "text"])
@pytest.mark.parametrize("mesh", ["none", "empty", "triangles", "mixed"])
def test_every_encoding_is_read_with_and_without_faces(tmp_path, order, mesh):
    scene = small_scene()
    write_scene(tmp_path / "scan.ply", scene)
    elements = [PlyData.read(str(tmp_path / "scan.ply"))["vertex"]]
    if mesh != "none":
        rows = {"empty": [], "triangles": [[0, 1, 2]] * 4, "mixed": [[0, 1, 2], [0, 1, 2, 3]]}[mesh]
        faces = np.empty(len(rows), dtype=[("vertex_indices", object)])
        faces["vertex_indices"][:] = [np.array(row, dtype=np.int32) for row in rows] \
            if mesh != "triangles" else list(np.array(rows, dtype=np.int32))
        faces = PlyElement.describe(faces, "face", {"vertex_indices": "u1"}, {"vertex_indices": "i4"})
        elements = [faces, elements[0]] if mesh == "mixed" else [elements[0], faces]  # faces may come first, too
    PlyData(elements, text=order == "text", byte_order="=" if order == "text" else order).write(str(tmp_path / "b.ply"))
    back = read_scene(tmp_path / "b.ply")
    assert np.array_equal(back.points, scene.points) and np.array_equal(back.labels, scene.labels)
    assert all(column.dtype.isnative for column in read_columns(tmp_path / "b.ply").values())


def test_a_file_cut_anywhere_is_refused(tmp_path):
    write_scene(tmp_path / "scan.ply", small_scene())
    whole = (tmp_path / "scan.ply").read_bytes()
    for length in [0, 1, 3, 4, 20, 60, *range(whole.index(b"end_header"), len(whole), 97), len(whole) - 1]:
        (tmp_path / "cut.ply").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cut.ply: (truncated|not a PLY)") as error:
            read_scene(tmp_path / "cut.ply")
        assert "\n" not in str(error.value)


def test_random_damage_gives_a_scene_or_a_value_error(tmp_path):
    write_scene(tmp_path / "scan.ply", small_scene())
    whole = np.frombuffer((tmp_path / "scan.ply").read_bytes(), dtype=np.uint8)
    rng = np.random.default_rng(0)
    for trial in range(300):
        damaged = whole.copy()
        end = 280 if trial % 3 else len(whole)  # mostly in the header
        damaged[rng.integers(0, end, rng.integers(1, 6))] = rng.integers(0, 256)
        (tmp_path / "bad.ply").write_bytes(damaged.tobytes())
        try:
            read_scene(tmp_path / "bad.ply")
        except ValueError as error:
            assert "bad.ply" in str(error) and "\n" not in str(error)


def test_a_header_that_promises_more_than_the_file_holds_is_refused_at_once(tmp_path):
    write_scene(tmp_path / "scan.ply", small_scene())
    data = (tmp_path / "scan.ply").read_bytes()
    for count in (b"99999999999999999999", b"-5", b"5.5", b"many"):
        (tmp_path / "scan.ply").write_bytes(data.replace(b"vertex 50", b"vertex " + count))
        with pytest.raises(ValueError, match="header promises|bad count"):
            read_scene(tmp_path / "scan.ply")


def test_each_missing_part_is_named(tmp_path):
    path = tmp_path / "scan.ply"
    for drop, message in ((("y",), "missing: y"), (("green",), "has no colours: .*green"),
                          (("red", "green", "blue"), "has no colours")):
        with pytest.raises(ValueError, match=message):
            read_scene(with_columns(path, drop=drop))
    scene = small_scene()
    write_columns(path, {name: values[:0] for name, values in read_columns(with_columns(path)).items()})
    with pytest.raises(ValueError, match="has no points"):
        read_scene(path)
    faces = np.zeros(2, dtype=[("a", "u1")])
    PlyData([PlyElement.describe(faces, "face")]).write(str(path))
    with pytest.raises(ValueError, match="no vertex element"):
        read_scene(path)
    path.write_text("solid teapot\n")
    with pytest.raises(ValueError, match="not a PLY"):
        read_scene(path)
    with pytest.raises(FileNotFoundError, match="nowhere.ply"):
        read_scene(tmp_path / "nowhere.ply")
    with pytest.raises(ValueError, match="common length"):
        write_columns(path, {"x": scene.points[:, 0], "y": scene.points[:3, 1]})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_coordinates_that_are_not_finite_are_refused(tmp_path, bad):
    x = small_scene().points[:, 0].astype(np.float64)
    x[7] = bad
    with pytest.raises(ValueError, match="vertex 7 .*not finite"):
        read_scene(with_columns(tmp_path / "scan.ply", x=x))


def test_colours_and_labels_never_wrap_around(tmp_path):
    path = tmp_path / "scan.ply"
    red = np.full(50, 40000, dtype=np.uint16)
    with pytest.raises(ValueError, match="outside 0..255"):
        read_scene(with_columns(path, red=red))
    with pytest.raises(ValueError, match="fractions"):
        read_scene(with_columns(path, **{c: np.full(50, 0.5, np.float32) for c in ("red", "green", "blue")}))
    for wrong in (np.full(50, 2**32 - 1, np.uint32), np.full(50, 1.5, np.float32), np.full(50, np.nan, np.float32)):
        with pytest.raises(ValueError, match="label .* is no 32-bit integer"):
            read_scene(with_columns(path, label=wrong))
    assert read_scene(with_columns(path, label=np.full(50, 65535, np.uint16))).labels[0] == 65535


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "scan.ply"
    write_scene(path, small_scene())
    before = path.read_bytes()

    def fail(handle):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=re.escape("disk full")):
        write_scene(path, small_scene())
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["scan.ply"]
