"""Furniture models and the fused scanner: python -m pytest tests/datasets/test_synthetic_furnished.py"""
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.spatial import cKDTree

from datasets.label_sets import load_label_set
from datasets.ply import Scene, write_scene
from datasets.synthetic import dataset as dataset_module
from datasets.synthetic.__main__ import main
from datasets.synthetic.catalogue import CATALOGUE, draw_counts, plan_split, urgency
from datasets.synthetic.collision import Placed, collide, upright_boxes
from datasets.synthetic.dataset import Settings, build_dataset, furnished_room
from datasets.synthetic.figures import PARTS, figures, published
from datasets.synthetic.figures import main as figures_main
from datasets.synthetic.furnished import models as models_module
from datasets.synthetic.furnished import packages
from datasets.synthetic.furnished.catalogue import credits, furnished_catalogue, split_models
from datasets.synthetic.furnished.geometry import largest_rectangle
from datasets.synthetic.furnished.models import Entry, entries, load_library, other_colors, read_catalogue
from datasets.synthetic.furnished.obj import face_colors, read_obj
from datasets.synthetic.furnished.plans import draw_plan, shape_ceiling, walls_of
from datasets.synthetic.furnished.rooms import FURNITURE, LOOSE, build_furnished_room, crowded_counts
from datasets.synthetic.layout import Layout, furnish
from datasets.synthetic.objects.shapes import Shape
from datasets.synthetic.published import OBJECTS, SHARES
from datasets.synthetic.rooms import Room
from datasets.synthetic.scanners import fused
from datasets.synthetic.scanners.field import sizes_of_parts
from datasets.synthetic.scanners.path import Poses, drifted, within
from datasets.synthetic.scanners.sensor import measured_depth

CATALOGUE_TEXT = """
id#1=Test#stool
name#1=Stool
model#1=/test/stool.obj
width#1=40
depth#1=30
height#1=50
creator#1=Somebody
id#2=Test#other
name#2=Other
model#2=/test/stool.obj
width#2=20
depth#2=30
height#2=90
"""
# A board 2 wide, 4 high (y) and 1 deep, its front (z = 1) red, the rest textured: left half blue, right half green.
OBJ = """mtllib stool.mtl
v 0 0 0
v 2 0 0
v 2 4 0
v 0 4 0
v 0 0 1
v 2 0 1
v 2 4 1
v 0 4 1
vt 0.2 0.5
vt 0.8 0.5
usemtl front
f 5 6 7 8
usemtl photo
f 1/1 4/1 3/1 2/1
f -8/2 -4/2 -1/2 -5/2
f 4/2 8/2 7/2 3/2
f 2/2 3/2 7/2 6/2
f 1/2 2/2 6/2 5/2
"""
MTL = "newmtl front\nKd 1 0 0\nd 0.3\nnewmtl photo\nKd 1 1 1\nmap_Kd photo.png\n"


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library of two models and a table that maps them, instead of the real ones."""
    picture = np.zeros((4, 8, 3), np.uint8)
    picture[:, :4], picture[:, 4:] = (0, 0, 255), (0, 255, 0)
    photo = io.BytesIO()
    Image.fromarray(picture).save(photo, "png")
    path = tmp_path / "Scopia.sh3f"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", CATALOGUE_TEXT)
        archive.writestr("test/stool.obj", OBJ)
        archive.writestr("test/stool.mtl", MTL)
        archive.writestr("test/photo.png", photo.getvalue())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(packages, "ARCHIVES", {"Scopia": "Scopia.sh3f"})
    rows = (Entry("stool", "Scopia", "Test#stool", 0.0), Entry("stool", "Scopia", "Test#other", 90.0))
    monkeypatch.setattr(models_module, "entries", lambda: rows)
    return path


def test_obj_faces_have_their_material_or_their_texture_in_the_middle(library):
    with zipfile.ZipFile(library) as archive:
        mesh = read_obj(archive, "test/stool.obj", {})
    assert len(mesh.triangles) == 12 and [m["name"] for m in mesh.materials][1:] == ["front", "photo"]
    colors = face_colors(mesh)
    assert (colors[:2] == (255, 0, 0)).all() and (colors[2:4] == (0, 0, 255)).all()
    assert (colors[4:] == (0, 255, 0)).all()
    np.testing.assert_allclose(mesh.triangles[4, 0], (0, 0, 0))  # counted from the last vertex


def test_model_has_its_real_size_and_its_front_to_the_room(library):
    stool, other = load_library(library.parent)["stool"]
    kept = stool.arrays()
    np.testing.assert_allclose(np.ptp(kept["vertices"], axis=0), (0.4, 0.3, 0.5), atol=1e-5)
    assert kept["vertices"][:, 2].min() == 0
    front = kept["vertices"][kept["faces"][kept["clear"]]]  # the red face is of glass
    np.testing.assert_allclose(front[..., 1], -0.15, atol=1e-5)
    assert stool.credit == "Stool, by Somebody" and "Stool, by Somebody" in credits({"stool": [stool]})
    kept = other.arrays()  # turned by a quarter: the front now looks along x
    np.testing.assert_allclose(np.ptp(kept["vertices"], axis=0), (0.3, 0.2, 0.9), atol=1e-5)
    front = kept["vertices"][kept["faces"][kept["clear"]]]
    np.testing.assert_allclose(front[..., 0], 0.15, atol=1e-5)


def test_specimens_differ_in_size_and_colour_and_keep_their_boxes_around_them(library):
    stool = load_library(library.parent)["stool"][0]
    rng = np.random.default_rng(0)
    shapes = [stool.shape(rng, recolor=1.0) for _ in range(8)]
    sizes = np.array([np.ptp(shape.vertices, axis=0) for shape in shapes])
    assert (sizes.std(0) > 0.01).all() and (np.abs(sizes / (0.4, 0.3, 0.5) - 1) < 0.24).all()
    assert len({shape.colors.tobytes() for shape in shapes}) > 5
    for shape in shapes:
        low, high = shape.boxes[:, :3].min(0), shape.boxes[:, 3:].max(0)
        np.testing.assert_allclose(low, shape.vertices.min(0), atol=0.02)
        np.testing.assert_allclose(high, shape.vertices.max(0), atol=0.02)


def test_no_model_of_validation_occurs_in_training(library):
    models = load_library(library.parent)
    train, val = split_models(models["stool"], "train"), split_models(models["stool"], "val")
    assert {m.key for m in train}.isdisjoint(m.key for m in val) and len(train) == len(val) == 1
    assert split_models(models["stool"][:1], "val") == [] and len(split_models(models["stool"][:1], "train")) == 1
    catalogue = furnished_catalogue(models, "train")
    assert catalogue["stool"] != CATALOGUE["stool"] and catalogue["chair"] == CATALOGUE["chair"]


def test_every_mapped_class_can_be_placed():
    names = set(load_label_set().names)
    assert len(entries()) > 500
    assert {entry.name for entry in entries()} <= names
    assert {entry.name for entry in entries()} - set(CATALOGUE) == {"window", "door"}


def test_properties_are_read_by_their_number():
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", CATALOGUE_TEXT)
    rows = read_catalogue(zipfile.ZipFile(text), "Scopia")
    assert rows["Test#stool"]["width"] == "40" and rows["Test#other"]["height"] == "90"


def test_without_apt_one_line_names_the_remedy(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    command = ["--furnished", "--out", str(tmp_path / "set"), "--train", "1", "--val", "0", "--test", "0"]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "apt-get" in error and "--furniture" in error
    assert main([*command, "--furniture", str(tmp_path / "none")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(tmp_path / "none") in error
    assert not (tmp_path / "set").exists()


def test_largest_rectangle_as_counted_by_hand():
    free = np.array([[1, 1, 0, 1], [1, 1, 1, 1], [0, 1, 1, 1]], bool)
    assert largest_rectangle(free) == (1, 1, 3, 4)
    assert largest_rectangle(np.zeros((2, 2), bool)) == (0, 0, 0, 0)


def test_other_paint_keeps_light_and_dark_of_a_texture():
    colors = np.repeat(np.array([[60, 60, 60], [180, 180, 180]], np.uint8), 4, axis=0)
    for seed in range(6):
        painted = other_colors(np.random.default_rng(seed), colors, np.zeros(8, int)).astype(int)
        assert painted[:4].mean() < painted[4:].mean()


def test_depth_noise_grows_with_distance_squared():
    rng, full = np.random.default_rng(0), np.ones((90, 120))
    spread = []
    for z in (1.0, 3.0):
        seen = measured_depth(rng, z * full, full, 200 * full, 0 * full, 1.0)
        spread.append((seen[seen > 0] - z).std())
    assert 6 < spread[1] / spread[0] < 12


def test_glass_black_and_grazing_surfaces_give_holes():
    rng, full = np.random.default_rng(0), np.ones((90, 120))

    def lost(cosine=1.0, dark=200.0, shiny=0.0):
        return (measured_depth(rng, 2 * full, cosine * full, dark * full, shiny * full, 1.0) == 0).mean()

    assert lost() < 0.02 and min(lost(cosine=0.12), lost(dark=6.0), lost(shiny=0.9)) > 0.4


def test_spots_inside_the_walls_of_an_l_shaped_room():
    room = next(room for index in range(20) for room, _, _ in
                [furnished_room(Settings(20, 0, 0, rooms="living"), "train", index)] if room.notch)
    x, y = room.notch[:2]
    spots = np.array([[0.5, 0.5], [x + 0.3, y + 0.3], [0.05, 1.0], [-0.3, 1.0], [x - 0.3, y + 0.2]])
    assert within(room, spots).tolist() == [True, False, False, False, True]


def test_drift_is_zero_for_a_perfect_tracker_and_slow_otherwise():
    poses = Poses(np.zeros((60, 3)), np.tile(np.eye(3), (60, 1, 1)))
    still = drifted(np.random.default_rng(0), poses, 0.0)
    np.testing.assert_allclose(still.position, 0, atol=1e-12)
    np.testing.assert_allclose(still.rotation, poses.rotation, atol=1e-12)
    moved = drifted(np.random.default_rng(0), poses, 1.0)
    assert 0.005 < moved.position.std() < 0.03
    assert np.linalg.norm(np.diff(moved.position, axis=0), axis=1).mean() < 0.012
    np.testing.assert_allclose(moved.rotation @ moved.rotation.transpose(0, 2, 1), poses.rotation, atol=1e-9)


def test_parts_of_a_mesh_are_joined_by_edges_and_not_by_corners():
    fan = [(0, 1, 2), (2, 1, 3), (3, 4, 2)]  # a strip; then a triangle at its corner, two more, one alone
    triangles = np.array([*fan, (4, 5, 6), (7, 8, 9), (9, 8, 10), (11, 12, 13)])
    assert sizes_of_parts(triangles).tolist() == [3, 3, 3, 1, 2, 2, 1]
    order = np.random.default_rng(0).permutation(len(triangles))
    assert sizes_of_parts(triangles[order]).tolist() == [[3, 3, 3, 1, 2, 2, 1][k] for k in order]
    assert len(sizes_of_parts(triangles[:0])) == 0


@pytest.fixture
def few_frames(monkeypatch):
    pytest.importorskip("open3d", exc_type=ImportError)
    monkeypatch.setattr(fused, "FRAMES", (40, 41))


TINY = Settings(train=1, val=0, test=0, seed=2, room_scale=0.7, rooms="laundry", scanner="fused")


def test_fused_scan_lies_on_the_surfaces_it_is_labelled_by(few_frames):
    room, placed, rng = furnished_room(TINY, "train", 0)
    points, colors, labels, instances = fused.scan(rng, room, placed)
    pieces, scannet200 = room.pieces + placed, load_label_set()
    assert len(points) > 5000 and colors.std() > 10
    assert ((points > -0.3).all(1) & (points < np.array([room.width, room.depth, room.height]) + 0.3).all(1)).all()
    raw = scannet200.ids[scannet200.indices([piece.name for piece in pieces], "test")]
    some = instances > 0
    assert some.mean() > 0.97 and (labels[~some] == 0).all()
    np.testing.assert_array_equal(labels[some], raw[instances[some] - 1])
    floor = np.array([piece.name == "floor" for piece in pieces])[instances - 1] & some
    assert floor.sum() > 300 and np.abs(np.median(points[floor, 2])) < 0.03 and points[floor, 2].std() > 0.001


def test_a_fused_scan_that_drifted_off_keeps_its_labels(few_frames, monkeypatch):
    monkeypatch.setattr(fused, "drifted", lambda rng, poses, amount: Poses(poses.position + 0.1, poses.rotation))
    room, placed, rng = furnished_room(TINY, "train", 0)
    points, _, labels, _ = fused.scan(rng, room, placed)
    floor = labels == load_label_set().ids[load_label_set().index("floor")]
    assert (labels > 0).mean() > 0.97 and floor.sum() > 300
    assert np.median(points[floor, 2]) == pytest.approx(0.1, abs=0.03)


def test_a_fused_scan_has_no_black_specks(few_frames):
    room, placed, rng = furnished_room(TINY, "train", 0)
    points, colors, _, _ = fused.scan(rng, room, placed)
    luminance = colors.mean(1)
    around = np.median(luminance[cKDTree(points).query(points, k=12)[1]], axis=1)
    assert ((luminance < 0.4 * around) & (around > 40)).mean() < 0.003


def test_fused_scans_are_the_same_for_the_same_seed(few_frames):
    twice = [dataset_module.make_scene(TINY, "train", 0) for _ in range(2)]
    assert twice[0].points.tobytes() == twice[1].points.tobytes()
    assert twice[0].colors.tobytes() == twice[1].colors.tobytes()
    other = dataset_module.make_scene(replace(TINY, seed=3), "train", 0)
    assert other.points.tobytes() != twice[0].points.tobytes()


def test_a_fused_set_goes_on_where_it_was_cut_off(tmp_path, monkeypatch):
    settings = replace(TINY, train=3)
    made = []

    def scan(rng, room, placed):
        made.append(1)
        if len(made) == 3:
            raise KeyboardInterrupt
        points = rng.random((50, 3)).astype(np.float32)
        return points, np.zeros((50, 3), np.uint8), np.ones(50, np.int32), np.ones(50, np.int32)

    monkeypatch.setitem(dataset_module.SCANNERS, "fused", scan)
    with pytest.raises(KeyboardInterrupt):
        build_dataset(tmp_path / "set", settings)
    assert not (tmp_path / "set").exists() and len(list((tmp_path / "set.partial" / "train").glob("*.ply"))) == 2
    build_dataset(tmp_path / "set", settings)
    assert len(made) == 4  # the two that were there are not made again
    assert len((tmp_path / "set" / "train.txt").read_text().split()) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["set"]
    assert not any(path.name.startswith(".") for path in (tmp_path / "set").iterdir())


def furnished_rooms(count, kind="living", seed=0):
    """Furnished rooms without any model: (room, placed) each."""
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        plan = plan_split(index, 0, 1, [kind])[0]
        room = build_furnished_room(rng, kind, {"window", "curtain"}, 1.0, {})
        yield room, furnish(rng, room, crowded_counts(rng, plan), CATALOGUE, urgency_of(plan), careless=0.3)


def urgency_of(plan):
    return dict.fromkeys(CATALOGUE, 1) | urgency(plan)


def test_every_ceiling_fits_under_the_lowest_and_the_highest():
    for height in (2.3, 3.3):
        for seed in range(60):
            rng = np.random.default_rng(seed)
            plan = draw_plan(rng, "office", 1.0)
            room = Room("office", plan.width, plan.depth, height, walls_of(plan.outline))
            shape_ceiling(rng, room)
            for piece in room.pieces:
                z = piece.shape.mesh().vertices[:, 2]
                assert z.min() > 1.2 and z.max() <= height + 1e-6


def test_walls_close_around_plans_that_are_no_rectangles():
    corners = set()
    for seed in range(12):
        plan = draw_plan(np.random.default_rng(seed), "living", 1.0)
        walls = walls_of(plan.outline)
        for wall, following in zip(walls, walls[1:] + walls[:1]):
            np.testing.assert_allclose(wall.at(0.0), following.at(following.length), atol=1e-9)
        x, y = plan.outline.T
        area = (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2
        assert 0.5 * plan.width * plan.depth < area <= plan.width * plan.depth + 1e-9
        corners.add(len(walls))
    assert len(corners) > 3


def test_nothing_is_put_where_a_plan_has_no_room():
    refused = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        room = build_furnished_room(rng, "living", set(), 1.0, {})
        layout = Layout(rng, room, CATALOGUE)
        for x, y in rng.uniform(0.1, 0.9, (60, 2)) * (room.width, room.depth):
            if not within(room, np.array([[x, y]]), margin=0.0)[0]:
                refused += 1
                box = Shape().box((-0.03, -0.03, 0), (0.03, 0.03, 0.1), (0, 0, 0))
                assert not layout.put(Placed("box", box, np.array([x, y, 0.0]), 0.0))
    assert refused > 5


def test_furniture_stands_askew_only_where_it_may():
    room, placed = next(furnished_rooms(1))
    off = [abs(np.sin(2 * (p.yaw - room.walls[p.wall].yaw))) for p in placed if p.wall is not None]
    assert max(off) > 0.02
    careful = [p for p in furnish(np.random.default_rng(0), room, {"chair": 4, "bookshelf": 2, "couch": 1}, CATALOGUE,
                                  dict.fromkeys(CATALOGUE, 1)) if p.wall is not None]
    assert careful and all(p.yaw == room.walls[p.wall].yaw for p in careful)


def test_windows_have_panes_of_glass_and_walls_a_hole_there():
    room, _ = next(furnished_rooms(1))
    window = next(piece for piece in room.pieces if piece.name == "window")
    assert 0 < window.shape.clear.mean() < 1
    middle = window.world(window.shape.vertices[window.shape.faces[window.shape.clear]].reshape(-1, 3)).mean(0)
    walls = [p for p in room.pieces if p.name == "wall" and len(p.shape.boxes)]
    boxes = np.concatenate([upright_boxes(p.shape.boxes, p.position, p.yaw) for p in walls])
    probe = upright_boxes(np.array([[-0.05, -0.3, -0.05, 0.05, 0.3, 0.05]]), middle, window.yaw)
    assert not collide(probe, boxes)


@pytest.mark.parametrize("names", [FURNITURE, LOOSE])
def test_a_crowded_room_asks_for_more_than_a_plain_one(names):
    plan = plan_split(0, 0, 1, ["office"])[0]

    def asked(counts):
        return sum(n for seed in range(8) for name, n in counts(np.random.default_rng(seed), plan).items()
                   if name in names)

    assert asked(crowded_counts) > 1.3 * asked(draw_counts)


def test_figures_count_what_a_set_holds(tmp_path, capsys):
    points = np.zeros((100, 3), np.float32)
    points[:, 0] = np.repeat((0.05, 0.15, 0.25, 0.35), 25)
    label_set = load_label_set()
    names = ("wall", "floor", "armchair", "ceiling")
    labels = np.repeat(label_set.ids[label_set.indices(names, "test")], 25).astype(np.int32)
    instances = np.repeat((1, 2, 3, 4, 5), (25, 25, 20, 5, 25)).astype(np.int32)  # the fourth is too small to count
    write_scene(tmp_path / "train" / "a.ply", Scene("a", points, np.zeros((100, 3), np.uint8), labels, instances))
    (tmp_path / "train.txt").write_text("train/a.ply\n")
    (tmp_path / "val.txt").write_text("")
    found = figures(tmp_path)
    assert (found["rooms"], found["classes a room, mean"], found["objects a room, mean"]) == (1, 4, 4)
    assert found["ground m2, mean"] == pytest.approx(4 * 0.01)
    assert found["ceiling % of labelled"] == 25 and found["chair % of the 20"] == pytest.approx(100 / 3)
    assert figures_main([str(tmp_path)]) == 0
    assert "ScanNet" in capsys.readouterr().out


def test_published_figures_are_of_all_classes_and_shares_of_all():
    assert set(OBJECTS) == set(load_label_set().names) and sum(SHARES) == pytest.approx(100, abs=0.05)
    scannet = published()
    assert scannet["rank correlation with ScanNet"] == pytest.approx(1)
    assert 30 < scannet["furniture, these together %"] < 31
    assert sum(scannet[f"{name} % of the 20"] for name in PARTS) == pytest.approx(100)


def test_figures_of_other_classes_are_refused_in_one_line(tmp_path, capsys):
    load_label_set("scannet20").write(tmp_path / "label_set.csv")
    assert figures_main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path) in error and error.count("\n") == 1
