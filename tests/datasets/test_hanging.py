"""Where tail instances hang and stand in rooms of every shape and turn: flat, carried, inside, nothing before them."""
import json
import shutil

import numpy as np
import pytest

from datasets.hanging import squared_up
from datasets.instance_sampling import InstanceSampler
from datasets.label_sets import load_label_set
from datasets.ply import Scene, write_scene
from datasets.transforms import rotation_matrix

SCANNET200 = load_label_set()

RAW = dict(zip(SCANNET200.names, SCANNET200.ids.tolist()))
HEIGHT = 2.2
RECTANGLE = [(0, 0), (3, 0), (3, 4), (0, 4)]
L_SHAPE = [(0, 0), (4, 0), (4, 2), (2, 2), (2, 4), (0, 4)]
STEP = 0.02


def grid(a, b):
    """Points (N, 2) of a grid, (low, high) along each of two axes."""
    return np.stack(np.meshgrid(np.arange(*a, STEP), np.arange(*b, STEP), indexing="ij"), -1).reshape(-1, 2)


def level(x, y, z):
    """Points of a horizontal rectangle."""
    return np.insert(grid(x, y), 2, z, axis=1)


def upright(start, end, z=(0, HEIGHT)):
    """Points of an upright rectangle over the line from start to end."""
    start, end = np.array(start, float), np.array(end, float)
    length = np.linalg.norm(end - start)
    along, height = grid((0, length), z).T
    return np.column_stack([start + along[:, None] * (end - start) / length, height])


def within(outline, points, slack=0.0):
    """Which points (N, 2+) lie in the L-shape or rectangle, or less than `slack` outside."""
    (x1, y1), notch = np.max(outline, 0), outline[3] if len(outline) == 6 else None
    x, y = points[:, 0], points[:, 1]
    inside = (x > -slack) & (y > -slack) & (x < x1 + slack) & (y < y1 + slack)
    return inside if notch is None else inside & ((x < notch[0] + slack) | (y < notch[1] + slack))


def shell(outline):
    """Floor and walls of a room."""
    floor = level((0, np.max(outline)), (0, np.max(outline)), 0)
    walls = [upright(a, b) for a, b in zip(outline, outline[1:] + outline[:1])]
    return [("floor", floor[within(outline, floor)]), ("wall", np.concatenate(walls))]


def scene_of(parts, degrees=0.0):
    """A scan of (class, points), turned about z and with 3 mm of noise."""
    rng = np.random.default_rng(0)
    points = np.concatenate([p for _, p in parts])
    points = (points + rng.normal(0, 0.003, points.shape)) @ rotation_matrix(2, np.radians(degrees)).T
    labels = np.concatenate([np.full(len(p), RAW[name], np.int32) for name, p in parts])
    return Scene("room", points.astype(np.float32), np.full((len(points), 3), 99, np.uint8), labels,
                 np.zeros(len(points), np.int32))


def thing(size):
    """The surface of a box without bottom, centred, standing on 0."""
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    corners = [(-x, -y), (x, -y), (x, y), (-x, y)]
    sides = [upright(a, b, (0, z)) for a, b in zip(corners, corners[1:] + corners[:1])]
    return np.concatenate([*sides, level((-x, x), (-y, y), z)])


@pytest.fixture
def filled(tmp_path):
    """A function: puts one class of things, of a size or with given points, into a scene, again and again.

    Returns each placed thing's points, turned back by `degrees`, and how many were asked for.
    """
    def fill(name, size_or_points, scene, degrees=0.0, times=8, number=5, tries=50):
        points = thing(size_or_points) if isinstance(size_or_points, tuple) else size_or_points
        folder = tmp_path / f"train/train_instances/{name}"
        shutil.rmtree(folder, ignore_errors=True)
        write_scene(folder / f"{name}_{len(points)}.ply",  # instances that were read are kept by path
                    Scene(name, points.astype(np.float32), np.full(points.shape, 9, np.uint8),
                          np.full(len(points), RAW[name], np.int32)))
        weights = tmp_path / f"{name}.json"
        weights.write_text(json.dumps({name: 1.0}))
        sampler = InstanceSampler(tmp_path, SCANNET200, number, tries, weights_path=weights)
        things = []
        for seed in range(times):
            made, placed, _ = sampler(scene, np.random.default_rng(seed))
            new = slice(len(scene.points), None)
            back = made.points[new] @ rotation_matrix(2, np.radians(degrees)).astype(np.float32)
            things += [back[made.instances[new] == i + 1] for i in range(len(placed))]
        return things, times * number
    return fill


def wall_of(outline, points, thickness):
    """Number of the wall that the points lie flat on, on its inner side and within their own thickness; -1: none."""
    for number, (a, b) in enumerate(zip(outline, outline[1:] + outline[:1])):
        along = np.subtract(b, a) / np.linalg.norm(np.subtract(b, a))
        before, beside = (points[:, :2] - a) @ [-along[1], along[0]], (points[:, :2] - a) @ along
        if (before.min() > -0.005 and before.max() < thickness + 0.05 and beside.min() > -0.05
                and beside.max() < np.linalg.norm(np.subtract(b, a)) + 0.05):
            return number
    return -1


@pytest.mark.parametrize("degrees", [0, 10, 30, 45])
@pytest.mark.parametrize("outline", [RECTANGLE, L_SHAPE], ids=["rectangle", "L"])
def test_things_hang_flat_on_every_wall_inside_rooms_of_every_shape_and_turn(filled, outline, degrees):
    scene = scene_of(shell(outline), degrees)
    for name, size in (("picture", (0.6, 0.04, 0.4)), ("light switch", (0.07, 0.02, 0.07))):
        things, asked = filled(name, size, scene, degrees)
        assert len(things) >= 0.9 * asked, name
        walls = {wall_of(outline, points, 1.1 * size[1]) for points in things}
        assert walls == set(range(len(outline))), name
        assert all(points[:, 2].min() > 0 and points[:, 2].max() < HEIGHT for points in things)


@pytest.mark.parametrize("degrees", [0, 30])
def test_things_stand_inside_turned_and_L_shaped_rooms(filled, degrees):
    things, asked = filled("guitar", (0.5, 0.4, 1.0), scene_of(shell(L_SHAPE), degrees), degrees)
    assert len(things) >= 0.9 * asked
    assert all(within(L_SHAPE, points, slack=0.03).all() and abs(points[:, 2].min()) < 0.02 for points in things)


def test_what_is_cut_from_a_turned_scan_hangs_flat_too(filled):
    turned = thing((0.6, 0.04, 0.4)) @ rotation_matrix(2, np.radians(37)).T
    things, asked = filled("picture", turned, scene_of(shell(RECTANGLE)))
    assert len(things) >= 0.9 * asked and all(wall_of(RECTANGLE, points, 0.05) >= 0 for points in things)


def test_a_coat_rack_hangs_on_the_wall_if_it_is_shallow_and_else_stands(filled):
    scene = scene_of(shell(RECTANGLE))
    for size, stands in (((0.8, 0.1, 0.3), False), ((0.5, 0.5, 1.7), True)):
        things, asked = filled("coat rack", size, scene)
        assert len(things) >= 0.9 * asked
        for points in things:
            assert (abs(points[:, 2].min()) < 0.02) == stands
            assert stands or wall_of(RECTANGLE, points, 0.12) >= 0


def test_squaring_up_turns_the_narrow_side_along_y():
    for degrees in (0, 20, 45, 90, 133):
        points = (thing((0.5, 0.1, 0.3)) @ rotation_matrix(2, np.radians(degrees)).T).astype(np.float32)
        size = np.ptp(squared_up(points), axis=0)
        assert abs(size[0] - 0.5) < 0.03 and abs(size[1] - 0.1) < 0.03 and abs(size[2] - np.ptp(points[:, 2])) < 1e-6


def test_what_hangs_is_turned_and_never_mirrored(filled):
    flat = np.concatenate([upright((-0.3, 0), (0.3, 0), (0, 0.1)), upright((0.2, 0), (0.3, 0), (0.1, 0.4))])  # an L
    flat = np.concatenate([flat, upright((-0.3, 0.04), (-0.2, 0.04), (0, 0.1))])  # its thick end
    for outline_degrees in (0, 45):
        things, _ = filled("picture", flat, scene_of(shell(RECTANGLE), outline_degrees), outline_degrees)
        for points in things:
            points = points / np.ptp(points[:, 2]) * np.ptp(flat[:, 2])  # its own scale is taken out
            first, second = (p - p.mean(0) for p in (flat, points))
            u, _, v = np.linalg.svd(first.T @ second)
            assert np.linalg.det(u @ v) > 0 and np.abs(first @ (u @ v) - second).max() < 0.02


@pytest.mark.parametrize("degrees", [0, 45])
def test_nothing_hangs_without_wall_behind_its_corners_sides_and_middle(filled, degrees):
    hole = upright((0, 1.2), (0, 2.8), (0.8, 1.4))
    wall = upright((0, 0), (0, 4))
    open_ = (wall[:, 1] > 1.2) & (wall[:, 1] < 2.8) & (wall[:, 2] > 0.8) & (wall[:, 2] < 1.4)
    scene = scene_of([("floor", level((0, 3), (0, 4), 0)), ("wall", wall[~open_])], degrees)
    things, asked = filled("picture", (0.7, 0.04, 0.4), scene, degrees, times=20)
    assert 0.3 * asked < len(things)
    for points in things:
        low, high = points.min(0)[1:] + 0.08, points.max(0)[1:] - 0.08
        assert not ((hole[:, 1:] > low) & (hole[:, 1:] < high)).all(1).any()
        assert low[0] > 0.05 and high[0] < 3.95 and high[1] < HEIGHT - 0.05
    strip = scene_of([("floor", level((0, 3), (0, 4), 0)), ("wall", upright((0, 1), (0, 1.5)))], degrees)
    assert not filled("picture", (0.7, 0.04, 0.4), strip, degrees, times=2)[0]


def test_a_wide_thing_needs_wall_between_its_corners_and_its_middle_too(filled):
    wall = upright((0, 0), (0, 3))
    windows = (np.abs(np.abs(wall[:, 1] - 1.5) - 0.5) < 0.2) & (np.abs(wall[:, 2] - 1.1) < 0.7)  # two of them
    for gone, possible in ((windows, False), (np.zeros_like(windows), True)):
        scene = scene_of([("floor", level((0, 3), (0, 3), 0)), ("wall", wall[~gone])])
        assert bool(filled("board", (1.9, 0.03, 0.8), scene, times=2)[0]) == possible


def test_nothing_hangs_inside_a_wall_that_was_scanned_from_both_sides(filled):
    floors = np.concatenate([level((0, 3), (0, 2), 0), level((0, 3), (2.14, 4), 0)])
    scene = scene_of([("floor", floors), ("wall", np.concatenate([upright((0, 2), (3, 2)),
                                                                  upright((0, 2.14), (3, 2.14))]))])
    things, asked = filled("picture", (0.6, 0.03, 0.4), scene)
    assert len(things) >= 0.9 * asked
    sides = {(bool(points[:, 1].max() < 2.02), bool(points[:, 1].min() > 2.12)) for points in things}
    assert sides == {(True, False), (False, True)}


@pytest.mark.parametrize("name", ["wardrobe", "bookshelf"])  # of which one could carry something
def test_nothing_hangs_where_something_stands_or_hangs(filled, name):
    cupboard = np.concatenate([upright((0.06, 0.5), (0.06, 3.5), (0, 1.6)), level((0.06, 0.5), (0.5, 3.5), 1.6)])
    scene = scene_of([("floor", level((0, 3), (0, 4), 0)), ("wall", upright((0, 0), (0, 4))), (name, cupboard)])
    things, _ = filled("picture", (0.4, 0.03, 0.3), scene, times=15)
    assert len(things) > 20
    for points in things:
        beside = points[:, 1].max() < 0.52 or points[:, 1].min() > 3.48
        assert beside or points[:, 2].min() > 1.58
    boxes = [(p.min(0), p.max(0)) for p in filled("picture", (0.4, 0.03, 0.3), scene, times=1, number=20)[0]]
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[i + 1:]:
            assert not ((low < other_high - 0.01) & (other_low < high - 0.01)).all()


def test_things_hang_on_the_side_where_the_room_is_and_nowhere_without_one(filled):
    wall = ("wall", upright((0, 0), (3, 0)))
    for y, sign in (((0, 2), 1), ((-2, 0), -1)):
        things, asked = filled("picture", (0.5, 0.03, 0.4), scene_of([("floor", level((0, 3), y, 0)), wall]))
        assert len(things) >= 0.9 * asked and all((sign * points[:, 1] > -0.01).all() for points in things)
    far = scene_of([("floor", level((0, 3), (1.5, 2), 0)), wall])
    assert not filled("picture", (0.5, 0.03, 0.4), far, times=2)[0]


def test_most_of_what_a_thing_stands_on_is_there(filled):
    table = ("table", level((1, 1.6), (1, 1.6), 0.7))
    scene = scene_of([("floor", level((0, 0.1), (0, 0.1), 0)), table, ("ceiling", level((0, 3), (0, 3), HEIGHT))])
    things, asked = filled("tray", (0.45, 0.35, 0.05), scene, times=20, number=1)
    assert len(things) >= 0.6 * asked
    for points in things:
        assert within([(0, 0), (0.6, 0), (0.6, 0.6), (0, 0.6)], points - [1, 1, 0], slack=0.04).mean() > 0.6


def test_flat_things_do_not_lie_under_a_wall(filled):
    floor = level((0, 1.2), (0, 2), 0)
    scene = scene_of([("floor", floor), ("wall", upright((0.6, 0), (0.6, 2)))])
    things, asked = filled("tray", (0.4, 0.4, 0.04), scene, times=15, number=1)
    assert len(things) > 0.5 * asked
    assert all(points[:, 0].max() < 0.64 or points[:, 0].min() > 0.56 for points in things)


def test_a_thing_is_tried_as_often_as_asked(filled):
    chairs = ("chair", level((0, 3), (0, 3.6), 0.3))  # only a strip of floor is free
    scene = scene_of([("floor", level((0, 3), (0, 4), 0)), chairs, ("ceiling", level((0, 3), (0, 4), HEIGHT))])
    counts = [len(filled("guitar", (0.1, 0.1, 1.0), scene, times=40, number=1, tries=tries)[0]) for tries in (1, 50)]
    assert counts[0] < 10 and counts[1] >= 36
