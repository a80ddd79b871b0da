"""Pictures of scenes: rasteriser against a loop, panels, legend, errors."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import visualize
from datasets.label_sets import load_label_set
from datasets.ply import write_columns
from datasets.scans.read import ScanOptions
from datasets.transforms import NEUTRAL_COLOR
from lib.view import picture
from lib.view.panels import legend_entries, open_room, point_accuracy, read_panels
from lib.view.picture import draw_panels
from lib.view.render import LARGEST_SPLAT, View, rasterise, render_points

SCANNET200 = load_label_set()

ROOT = Path(__file__).resolve().parent.parent
CHAIR, WALL, FLOOR, CEILING = (SCANNET200.names.index(name) for name in ("chair", "wall", "floor", "ceiling"))


def room(spacing: float = 0.08) -> tuple[np.ndarray, np.ndarray]:
    """An empty 3 x 2 x 2.5 m room with a block in the middle: points (N, 3), classes (N,)."""
    def plane(axis, value, size, name):
        u, v = np.meshgrid(*(np.arange(0, s + 1e-6, spacing) for s in size))
        points = np.insert(np.stack([u.ravel(), v.ravel()], 1), axis, value, axis=1)
        return points, np.full(len(points), name)
    parts = [plane(2, 0, (3, 2), FLOOR), plane(2, 2.5, (3, 2), CEILING), plane(0, 0, (2, 2.5), WALL),
             plane(0, 3, (2, 2.5), WALL), plane(1, 0, (3, 2.5), WALL), plane(1, 2, (3, 2.5), WALL)]
    block = plane(2, 0.8, (0.5, 0.5), CHAIR)
    parts.append((block[0] + (1.2, 0.8, 0), block[1]))
    return tuple(np.concatenate(column) for column in zip(*parts))


def scene_file(path: Path, kind: str) -> Path:
    """kind: "bare" (no labels), "scene" (labels), "output" (prediction), "scored" (prediction and ground truth)."""
    points, classes = room()
    columns = {name: points[:, i].astype(np.float32) for i, name in enumerate("xyz")}
    grey = np.full(len(points), 200, np.uint8)
    prefix = "input_" if kind in ("output", "scored") else ""
    columns |= {prefix + name: grey for name in ("red", "green", "blue")}
    if kind != "bare":
        columns["label"] = SCANNET200.to_ids(classes)
    if kind == "scored":
        columns["ground_truth"] = SCANNET200.to_ids(np.where(classes == CHAIR, FLOOR, classes))
    write_columns(path, columns)
    return path


def test_rasteriser_matches_a_loop_over_points_and_pixels():
    points = np.random.default_rng(1).uniform(0, 1, (40, 3))
    view, (width, height), radius = View(30, 40), (48, 36), 0.06
    index, depth, scale = rasterise(points, view, (width, height), radius)
    projected = points @ view.axes.T
    center = (projected.min(0) + projected.max(0)) / 2
    expected = np.full((height, width), -1)
    nearest = np.full((height, width), np.inf)
    for i, (x, y, z) in enumerate(projected):
        column, row = int((x - center[0]) * scale + width / 2), int(height / 2 - (y - center[1]) * scale)
        for r in range(height):
            for c in range(width):
                away = np.hypot(r - row, c - column) / scale
                if away <= radius and z + 2 * away ** 2 / radius < nearest[r, c]:
                    nearest[r, c], expected[r, c] = z + 2 * away ** 2 / radius, i
    assert (expected >= 0).sum() > 200
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(depth[index >= 0], projected[index[index >= 0], 2] - projected[:, 2].min())
    assert np.isinf(depth[index < 0]).all()


@pytest.mark.parametrize("count", [1, 5])
def test_a_few_points_do_not_fill_the_picture(count):
    points = np.random.default_rng(0).uniform(0, 0.1, (count, 3))
    index, _, scale = rasterise(points, View(), (1600, 1200), 0.02)
    assert 0.02 * scale == LARGEST_SPLAT and set(np.unique(index)) <= {-1, *range(count)}
    assert 0 < (index >= 0).sum() <= count * 4 * (LARGEST_SPLAT + 1) ** 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_nearer_surface_hides_the_farther_one(order):
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 30), np.linspace(0, 1, 30)), -1).reshape(-1, 2)
    sheets = [np.column_stack([grid, np.full(900, z)]) for z in (0.0, 1.0)]
    colors = [np.tile(np.uint8(c), (900, 1)) for c in ((255, 0, 0), (0, 0, 255))]
    picture = render_points(np.concatenate([sheets[i] for i in order]), np.concatenate([colors[i] for i in order]),
                            View(-90, 90), (60, 60))
    assert picture.shape == (60, 60, 3) and picture.dtype == np.uint8
    center = picture[10:50, 10:50].reshape(-1, 3)
    assert (center[:, 2] > 150).all() and (center[:, 0] < 20).all()  # seen from above, the upper, blue sheet


@pytest.mark.parametrize("kind, panels", [("bare", 1), ("scene", 2), ("output", 2), ("scored", 3)])
def test_png_has_one_panel_for_each_thing_known(tmp_path, kind, panels):
    picture = np.asarray(draw_panels(scene_file(tmp_path / "a.ply", kind), width=900))
    assert picture.shape[1] == 900
    drawn = (picture[70:250] < 250).any((0, 2))  # columns of the picture with something in them
    starts = np.flatnonzero(np.diff(np.concatenate([[0], drawn.astype(int)])) == 1)
    assert len(starts) == panels
    pitch = (900 - 9 * (panels + 1)) // panels + 9
    np.testing.assert_array_equal(np.diff(starts), pitch)


def test_legend_names_every_class_of_prediction_and_ground_truth_by_point_count(tmp_path):
    panels = read_panels(scene_file(tmp_path / "a.ply", "scored"))
    panels.truth[:3] = -1
    entries = legend_entries(panels)
    assert [name for name, _ in entries] == ["wall", "floor", "ceiling", "chair", "unlabelled"]
    assert entries[0][1] == tuple(SCANNET200.colors[WALL]) and entries[-1][1] == (100, 100, 100)


def test_legend_that_does_not_fit_says_how_many_are_left_out(tmp_path, monkeypatch):
    written = []
    real = picture.ImageDraw.ImageDraw.text
    monkeypatch.setattr(picture.ImageDraw.ImageDraw, "text",
                        lambda self, at, text, **style: (written.append(text), real(self, at, text, **style)))
    grid = np.random.default_rng(0).uniform(0, 1, (200, 3)).astype(np.float32)
    columns = {name: grid[:, i] for i, name in enumerate("xyz")}
    columns |= {name: np.zeros(200, np.uint8) for name in ("red", "green", "blue")}
    write_columns(tmp_path / "all.ply", columns | {"label": SCANNET200.to_ids(np.arange(200))})
    draw_panels(tmp_path / "all.ply", width=1000, keep_ceiling=True)
    names = [text for text in written if text in SCANNET200.names]
    assert 20 <= len(names) < 200 and f"+{200 - len(names)} more" in written


def test_title_gives_accuracy_over_labelled_points():
    prediction, truth = np.array([1, 2, 3, 4]), np.array([1, 2, 4, -1])
    assert point_accuracy(prediction, truth) == pytest.approx(2 / 3)
    assert np.isnan(point_accuracy(prediction, np.full(4, -1)))


@pytest.mark.parametrize("kind", ["bare", "output", "scene"])
def test_room_is_opened_towards_the_camera(tmp_path, kind):
    panels = read_panels(scene_file(tmp_path / "a.ply", kind))
    keep = open_room(panels, View(azimuth=-90, elevation=45))  # camera at low y
    x, y, z = panels.points.T
    upper = (z > 0.3) & (z < 2.3) & (x > 0.5) & (x < 2.5)
    assert not keep[(z > 2.45) & (x > 0.2) & (x < 2.8) & (y > 0.2) & (y < 1.8)].any()
    assert not keep[upper & (y < 0.01)].any()
    assert keep[upper & (y > 1.9)].all()
    assert keep[(z < 0.01) & (y > 0.5)].all() and keep[np.isclose(z, 0.8) & (x > 1.1) & (x < 1.8) & (y > .7)].all()


def test_large_scene_is_drawn_from_a_part_of_its_points(tmp_path):
    few = draw_panels(scene_file(tmp_path / "a.ply", "bare"), width=300, max_points=50)
    assert few.size[0] == 300


def run(*arguments, **environment) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run([sys.executable, ROOT / "visualize.py", *map(str, arguments)], capture_output=True, text=True,
                          check=False, env=kept | environment, cwd=ROOT)


def test_command_writes_a_png_without_display(tmp_path):
    result = run(scene_file(tmp_path / "a.ply", "scored"), "--png", tmp_path / "new" / "a.png", "--width", 400)
    assert result.returncode == 0, result.stderr
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.size[0] == 400
    assert os.listdir(tmp_path / "new") == ["a.png"]


def bad_file(folder: Path, kind: str) -> Path:
    path = folder / "bad.ply"
    if kind == "truncated":
        path.write_bytes(scene_file(folder / "a.ply", "scene").read_bytes()[:5000])
    elif kind == "no PLY":
        path.write_text("hello\n")
    elif kind == "text":
        path = folder / "bad.txt"
        path.write_text("1\n2\n")
    elif kind != "missing":
        columns = {name: np.zeros(3, np.float32) for name in "xyz"}
        if kind == "all NaN":
            columns["y"][:] = np.nan
        write_columns(path, {k: v[:0] for k, v in columns.items()} if kind == "empty" else columns)
    return path


@pytest.mark.parametrize("kind", ["missing", "truncated", "no PLY", "text", "all NaN", "empty"])
def test_bad_file_gives_one_line_and_no_picture(tmp_path, capsys, kind):
    path = bad_file(tmp_path, kind)
    before = sorted(os.listdir(tmp_path))
    assert visualize.main([str(path), "--png", str(tmp_path / "out.png")]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and printed.err.startswith(f"error: {path}")
    assert sorted(os.listdir(tmp_path)) == before


def test_a_scan_in_millimetres_with_y_up_a_nan_and_no_colours_is_drawn_as_the_room_and_said(tmp_path, capsys):
    points, _ = room()
    turned = points[:, [0, 2, 1]] * [1000, 1000, -1000]  # y up
    turned[7] = np.nan
    write_columns(tmp_path / "a.ply", dict(zip("xyz", turned.T)))
    panels = read_panels(tmp_path / "a.ply", options=ScanOptions("mm", "y"))
    np.testing.assert_allclose(panels.points, np.delete(points, 7, 0), atol=1e-5)
    assert (panels.input == int(NEUTRAL_COLOR)).all()
    assert visualize.main([str(tmp_path / "a.ply"), "--png", str(tmp_path / "a.png"), "--width", "300", "--unit", "mm",
                           "--up", "y"]) == 0
    error = capsys.readouterr().err
    assert "unit mm, up y" in error and "has no colours" in error and "1 of" in error


def test_window_without_open3d_says_why_and_names_png(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    assert visualize.main([str(scene_file(tmp_path / "a.ply", "output"))]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "open3d" in error and "libusb-1.0-0" in error and "--png" in error


def test_window_without_display_names_png(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", object())
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert visualize.main([str(scene_file(tmp_path / "a.ply", "output"))]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "display" in error and "--png" in error
