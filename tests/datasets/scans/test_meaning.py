"""What a file leaves open: unit, axes, tilt and columns are guessed right for a room, and flags overrule the guess."""
import numpy as np
import pytest

from config.flags import scans as flags
from config.flags.scans import join_axis
from datasets.ply import write_columns
from datasets.scans.directions import UPS, turn_of
from datasets.scans.read import ScanOptions, read_scan
from datasets.scans.text import read_text
from datasets.scans.units import UNITS
from tests.datasets.scans.test_formats import ROOM


def read(folder, points, options=ScanOptions()):
    write_columns(folder / "a.ply", dict(zip("xyz", points.T)) | dict(zip(("red", "green", "blue"), ROOM.colors.T)))
    return read_scan(folder / "a.ply", options)


@pytest.mark.parametrize("up", UPS)
def test_a_stated_axis_points_up_and_no_mirror_is_in_it(up):
    turn = turn_of(UPS[up])
    axis = np.zeros(3)
    axis[UPS[up][0]] = UPS[up][1]
    assert np.array_equal(turn @ axis, [0, 0, 1]) and np.linalg.det(turn) == 1


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("up", ["z", "y", "-y"])
def test_unit_and_axis_are_guessed_together(tmp_path, unit, up):
    scan = read(tmp_path, ROOM.points.astype(float) @ turn_of(UPS[up]) / UNITS[unit])
    np.testing.assert_allclose(scan.axes, UNITS[unit] * turn_of(UPS[up]), atol=1e-12)
    assert any(f"unit {unit} " in remark and f"up {up} " in remark and "--unit" in remark for remark in scan.remarks)


def test_flags_overrule_the_guess(tmp_path):
    scan = read(tmp_path, ROOM.points.astype(float), ScanOptions("foot", "-x"))
    np.testing.assert_allclose(scan.axes, 0.3048 * turn_of(UPS["-x"]))
    assert scan.warnings == []


def test_the_flags_choices_are_those_that_are_known():
    assert ("auto", *UNITS) == flags.UNITS and ("auto", *UPS) == flags.UPS
    assert join_axis(["--up", "-y", "--unit", "mm", "--up", "z", "--x", "-y"]) == [
        "--up=-y", "--unit", "mm", "--up=z", "--x", "-y"]


def test_a_tilted_scan_is_levelled_and_walls_are_turned_to_the_axes(tmp_path):
    from scipy.spatial.transform import Rotation
    turned = ROOM.points.astype(float) @ Rotation.from_euler("xyz", [7, -4, 20], degrees=True).as_matrix().T
    scan = read(tmp_path, turned @ turn_of(UPS["-y"]))
    extent = np.ptp(scan.cloud().points, axis=0)
    assert np.abs(np.sort(extent) - np.sort(np.ptp(ROOM.points, axis=0))).max() < 0.06
    assert abs(extent[2] - np.ptp(ROOM.points[:, 2])) < 0.06
    assert any("levelled" in remark and "walls" in remark for remark in scan.remarks)


def test_a_stated_axis_leaves_tilt_and_walls_as_they_are(tmp_path):
    from scipy.spatial.transform import Rotation
    turned = ROOM.points.astype(float) @ Rotation.from_euler("z", 20, degrees=True).as_matrix().T
    assert np.array_equal(read(tmp_path, turned, ScanOptions("m", "z")).axes, np.eye(3))
    assert not np.allclose(read(tmp_path, turned).axes, np.eye(3))


def test_what_looks_like_no_room_is_a_doubtful_guess(tmp_path):
    write_columns(tmp_path / "a.ply", dict(zip("xyz", np.random.default_rng(0).normal(size=(3000, 3)).T * 0.02)))
    assert any("doubtful" in warning for warning in read_scan(tmp_path / "a.ply").warnings)


def test_four_points_in_millimetres_are_a_room_and_not_a_city(tmp_path):
    corners = np.array([[0, 0, 0], [4000, 0, 0], [4000, 3000, 0], [0, 3000, 2500.0]])
    write_columns(tmp_path / "a.ply", dict(zip("xyz", corners.T)))
    scan = read_scan(tmp_path / "a.ply")
    assert scan.axes[0, 0] == 0.001 and scan.cloud().points.max() < 5


def test_utm_coordinates_in_float32_are_a_warning(tmp_path):
    scan = read(tmp_path, (ROOM.points.astype(float) + [691_234, 5_335_678, 512]).astype(np.float32))
    assert any("0.5 m apart" in warning for warning in scan.warnings)


@pytest.mark.parametrize("text,names", [
    ("1 2 3 10 20 30\n4 5 6 200 190 180\n7 8 9 90 80 99\n", "x y z red green blue"),
    ("1,2,3,.5,.5,.6\n4,5,6,.1,.2,.1\n7,8,9,.9,.8,1.0\n", "x y z red green blue"),
    ("X;Y;Z;R;G;B;label\n1;2;3;10;20;30;5\n4;5;6;20;30;40;7\n", "x y z red green blue label"),
    ("//X Y Z Intensity\n1 2 3 -5\n4 5 6 7\n", "x y z intensity"),
    ("2\n1 2 3 -500 10 20 30\n4 5 6 70 20 30 40\n", "x y z intensity red green blue"),
    ("1 2 3 0 0 1\n4 5 6 0 1 0\n7 8 9 0.6 0.8 0\n", "x y z nx ny nz"),
    ("1 2 3\n4 5 6\n", "x y z"),
])
def test_columns_of_a_text_are_told_apart(text, names):
    assert list(read_text(np.frombuffer(text.encode(), np.uint8), "a").columns) == names.split()


@pytest.mark.parametrize("text", ["", "some words\nand more\n", "1 2\n3 4\n", "1 2 3\n4 5\n", "3\n1 2 3\n4 5 6\n",
                                  "a,b\n1,x\n"])
def test_a_text_that_is_no_table_of_points_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match="^a: ") as error:
        read_text(np.frombuffer(text.encode(), np.uint8), "a")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("unit", ["m", "mm"])
def test_what_was_seen_through_windows_changes_no_guess(tmp_path, unit):
    rng = np.random.default_rng(0)
    room = np.repeat(ROOM.points.astype(float), 2, 0)
    many = len(room) // 30
    room[::30][:many] = np.stack([rng.uniform(15, 50, many), *rng.uniform(-4, 4, (2, many))], 1)
    write_columns(tmp_path / "a.ply", dict(zip("xyz", (room / UNITS[unit]).T)))
    scan = read_scan(tmp_path / "a.ply")
    assert any(f"unit {unit} " in remark and "up z " in remark for remark in scan.remarks)
    assert scan.seen.all()
