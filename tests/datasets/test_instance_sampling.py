"""Tail instances in training scenes (lessons L7 to L10), and mixing: what every point keeps, and where things stand."""
import json
from pathlib import Path

import numpy as np
import pytest

from datasets.instance_sampling import CELL, InstanceSampler, Room, Surfaces
from datasets.label_sets import load_label_set
from datasets.mix3d import mix
from datasets.ply import Scene, write_scene
from datasets.scannet200 import Scannet200Voxelization2cmDataset
from datasets.transforms import color_transforms, point_transforms
from datasets.voxelizer import Voxelizer

SCANNET200 = load_label_set()

RAW = dict(zip(SCANNET200.names, SCANNET200.ids.tolist()))


def sheet(u, v, fixed, axis, step=0.02):
    """Points of an axis-aligned rectangle: u, v are (low, high) along the other two axes."""
    a, b = np.meshgrid(np.arange(*u, step), np.arange(*v, step), indexing="ij")
    return np.insert(np.stack([a.ravel(), b.ravel()], 1), axis, fixed, axis=1).astype(np.float32)


def room(with_table=True, name="room"):
    """3 x 3 m of floor, two walls, and a table with a book on it; colours tell points apart."""
    parts = [(sheet((0, 3), (0, 3), 0.0, 2), "floor"), (sheet((0, 3), (0, 2.2), 0.0, 0), "wall"),
             (sheet((0, 3), (0, 2.2), 3.0, 1), "wall")]
    if with_table:
        parts += [(sheet((1, 2), (1, 2), 0.7, 2), "table"), (sheet((1.3, 1.6), (1.3, 1.6), 0.74, 2), "book")]
    points = np.concatenate([p for p, _ in parts])
    labels = np.concatenate([np.full(len(p), RAW[c], np.int32) for p, c in parts])
    instances = np.concatenate([np.full(len(p), i + 1, np.int32) for i, (p, _) in enumerate(parts)])
    colors = np.random.default_rng(0).integers(0, 256, points.shape, dtype=np.uint8)
    return Scene(name, points, colors, labels, instances)


def box(size):
    """Surface points of a box, centred in x and y, standing on 0."""
    x, y, z = (s / 2 for s in size)
    faces = [sheet((-x, x), (-y, y), h, 2) for h in (0, 2 * z)] + [sheet((-x, x), (0, 2 * z), s, 1) for s in (-y, y)]
    return np.concatenate(faces + [sheet((-y, y), (0, 2 * z), s, 0) for s in (-x, x)])


SIZES = {"cup": (0.1, 0.1, 0.12), "guitar": (0.4, 0.3, 1.0), "clock": (0.3, 0.04, 0.3)}


@pytest.fixture
def root(tmp_path):
    """A dataset root with one instance each of a small, a tall and a hanging class."""
    for name, size in SIZES.items():
        points = box(size)
        write_scene(tmp_path / f"train/train_instances/{name}/{name}_0.ply",
                    Scene(name, points, np.full(points.shape, 100, np.uint8), np.full(len(points), RAW[name], np.int32),
                          np.full(len(points), 7, np.int32)))
    (tmp_path / "feature_data").mkdir()
    (tmp_path / "feature_data/instance_sampling_weights.json").write_text(json.dumps({n: 1 for n in SIZES}))
    write_scene(tmp_path / "train/room.ply", room())
    (tmp_path / "train.txt").write_text("train/room.ply\n")
    return tmp_path


def only(root, name):
    """A sampler of one class."""
    path = root / f"only_{name}.json"
    path.write_text(json.dumps({name: 1.0}))
    return InstanceSampler(root, weights_path=path, label_set=SCANNET200)


def inserted(scene, made):
    """The points of each inserted instance."""
    new = slice(len(scene.points), None)
    ids = made.instances[new]
    return [(made.points[new][ids == i], made.labels[new][ids == i]) for i in np.unique(ids)]


def test_L7_inserted_points_keep_their_label_and_get_a_fresh_instance_id(root):
    scene = room()
    made, placed, _ = InstanceSampler(root, label_set=SCANNET200)(scene, np.random.default_rng(1))
    assert len(placed) >= 4
    for name in ("points", "colors", "labels", "instances"):
        assert np.array_equal(getattr(made, name)[:len(scene.points)], getattr(scene, name)), name
    objects = inserted(scene, made)
    assert [SCANNET200.names[SCANNET200.to_classes(labels)[0]] for _, labels in objects] == placed
    assert all(len(np.unique(labels)) == 1 for _, labels in objects)
    assert set(np.unique(made.instances[len(scene.points):])) == set(range(6, 6 + len(placed)))


def test_L8_nothing_overlaps_and_everything_stays_inside(root):
    sampler = InstanceSampler(root, number=12, label_set=SCANNET200)
    for seed in range(15):
        scene = room()
        made, placed, skipped = sampler(scene, np.random.default_rng(seed))
        assert len(placed) + len(skipped) == 12
        low, high = scene.points.min(0), scene.points.max(0)
        objects = inserted(scene, made)
        for points, _ in objects:
            assert (points >= low - CELL).all() and (points <= high + CELL).all()
        boxes = [(points.min(0), points.max(0)) for points, _ in objects]
        for i, (points, _) in enumerate(objects):
            for j, (a, b) in enumerate(boxes):
                if i != j:  # no point well inside another's box
                    assert not ((points > a + CELL) & (points < b - CELL)).all(1).any()


def test_things_stand_on_what_carries_them(root):
    heights = set()
    for seed in range(40):
        scene = room()
        for name, allowed in (("cup", (0.0, 0.7)), ("guitar", (0.0,))):
            made, placed, _ = only(root, name)(scene, np.random.default_rng(seed))
            for points, _ in inserted(scene, made):
                bottom = float(points[:, 2].min())
                assert min(abs(bottom - h) for h in allowed) < 1e-3, (name, bottom)
                heights.add((name, round(bottom, 1)))
                if bottom > 0.5:  # on the table: over it, and not into the book
                    assert ((points[:, :2] > 0.9) & (points[:, :2] < 2.1)).all()
                    low, high = points[:, :2].min(0), points[:, :2].max(0)
                    assert (high < 1.3 + CELL).any() or (low > 1.6 - CELL).any()
    assert heights == {("cup", 0.0), ("cup", 0.7), ("guitar", 0.0)}


def test_pictures_and_clocks_hang_flat_on_walls(root):
    scene, axes, count = room(), set(), 0
    for seed in range(30):
        made, placed, _ = only(root, "clock")(scene, np.random.default_rng(seed))
        count += len(placed)
        for points, _ in inserted(scene, made):
            extent = np.ptp(points, axis=0)
            axis = int(extent[:2].argmin())
            wall = 0.0 if axis == 0 else 3.0
            axes.add(axis)
            assert extent[axis] < 0.06 and np.abs(points[:, axis] - wall).max() < 0.1 and points[:, 2].min() > 0
            assert (points[:, axis] > 0).all() if axis == 0 else (points[:, axis] < 3).all()
    assert axes == {0, 1} and count >= 0.9 * 30 * 5


def test_every_insertion_has_its_own_size_turn_light_and_example(root):
    for k, gray in ((0, 100), (1, 200)):  # two guitars, flat boards whose turn can be seen from above
        points = box((0.4, 0.02, 1.0))
        write_scene(root / f"train/train_instances/guitar/guitar_{k}.ply",
                    Scene("guitar", points, np.full(points.shape, gray, np.uint8),
                          np.full(len(points), RAW["guitar"], np.int32), np.full(len(points), 7, np.int32)))
    scene, heights, turns, grays = room(with_table=False), [], [], []
    sampler = only(root, "guitar")
    for seed in range(30):
        made, _, _ = sampler(scene, np.random.default_rng(seed))
        for points, _ in inserted(scene, made):
            heights.append(np.ptp(points[:, 2]))
            across = points[:, :2] - points[:, :2].mean(0)
            turns.append(np.arctan2(*np.linalg.svd(across, full_matrices=False)[2][0][::-1]) % np.pi)
        grays += np.unique(made.colors[len(scene.points):]).tolist()
    heights, tall = np.array(heights), np.ptp(box((0.4, 0.02, 1.0))[:, 2])
    assert 0.9 * tall <= heights.min() < 0.92 * tall and 1.08 * tall < heights.max() <= 1.1001 * tall
    assert np.histogram(turns, 4, (0, np.pi))[0].min() > 0.15 * len(turns)
    dark, light = [g for g in grays if g < 130], [g for g in grays if g > 130]
    assert 85 <= min(dark) < 88 and 112 < max(dark) <= 115 and 170 <= min(light) < 176 and 224 < max(light) <= 230


def test_L8_what_finds_no_place_is_skipped_and_counted(root):
    scene = room()
    scene.labels = np.full_like(scene.labels, RAW["wall"])  # no floor at all
    made, placed, skipped = only(root, "guitar")(scene, np.random.default_rng(0))
    assert not placed and skipped == ["guitar"] * 5 and len(made.points) == len(scene.points)


def test_L9_insertion_is_on_points_before_voxelisation(root, dataset_config):
    (root / "train.txt").write_text("train/room.ply\n")  # dataset_config's own scenes are listed there
    dataset_config.scannet_path, dataset_config.sample_tail_instances = str(root), True
    dataset_config.elastic_distortion = False
    dataset = Scannet200Voxelization2cmDataset(dataset_config, "train", training=True, label_set=SCANNET200)
    sample = dataset[0]
    plain = len(room().points)
    assert sample.point_count > plain and sample.placed
    assert {SCANNET200.names.index(name) for name in sample.placed} <= set(sample.labels.tolist())


@pytest.mark.parametrize("spoil,words", [
    (lambda root: (root / "feature_data/instance_sampling_weights.json").unlink(), "weights.json: missing"),
    (lambda root: [p.unlink() for p in root.glob("train/train_instances/cup/*")], "cup: holds no tail instance"),
    (lambda root: (root / "feature_data/instance_sampling_weights.json").write_text("{}"), "holds no tail instance"),
])
def test_L10_missing_files_name_the_command_that_builds_them(root, spoil, words):
    spoil(root)
    with pytest.raises(FileNotFoundError, match=words) as caught:
        InstanceSampler(root, label_set=SCANNET200)
    assert "datasets.preprocess.statistics" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text,words", [("[", "not a JSON file"), ('{"cup": -1}', "with a weight above 0"),
                                        ('{"cup": Infinity}', "with a weight above 0"),
                                        ('{"yeti": 1}', "is no class"), ("[1]", "holds a list")])
def test_bad_weights_are_named(root, text, words):
    path = root / "w.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        InstanceSampler(root, weights_path=path, label_set=SCANNET200)


def test_weights_choose_the_classes(root):
    path = root / "w.json"
    path.write_text(json.dumps({"cup": 3.0, "clock": 1.0}))
    sampler, counts = InstanceSampler(root, number=8, weights_path=path, label_set=SCANNET200), {"cup": 0, "clock": 0}
    for seed in range(40):
        _, placed, skipped = sampler(room(), np.random.default_rng(seed))
        for name in placed + skipped:
            counts[name] += 1
    assert abs(counts["cup"] / 320 - 0.75) < 0.08


def test_occupied_cells_are_found():
    scene = room()
    grid = Room(scene.points, scene.labels, Surfaces.of(SCANNET200))
    book = grid.cells(np.array([[1.45, 1.45, 0.74]], np.float32))[0]
    column, height = book[None, :2], book[2:]
    assert grid.blocked(column, height, height, Room.LOOSE)
    assert not grid.blocked(column, height + 2, height + 3, Room.ANY)


@pytest.mark.parametrize("metres", [3_000, 90_000])  # more cells than memory, than numbers
def test_a_scene_too_wide_to_place_things_in_says_so(root, metres):
    scene = room()
    scene.points[0] = metres
    with pytest.raises(ValueError, match="too wide to place tail instances .* --sample_tail_instances False") as error:
        InstanceSampler(root, label_set=SCANNET200)(scene, np.random.default_rng(0))
    assert "\n" not in str(error.value)


def tagged(scene):
    """A cloud whose colours number the points, so that each can be found again."""
    number = np.arange(len(scene.points))
    colors = np.stack([number % 251, number // 251 % 251, number // 251**2], 1).astype(np.float32)
    return scene.points, colors, SCANNET200.to_classes(scene.labels)


def number_of(colors):
    return (np.rint(colors) @ [1, 251, 251**2]).astype(int)


def test_every_point_keeps_its_label_through_augmentation_insertion_and_mixing(root, dataset_config):
    dataset_config.train_augmentation = True
    scene, other = room(), room(with_table=False)
    made, _, _ = InstanceSampler(root, label_set=SCANNET200)(scene, np.random.default_rng(3))
    rng = np.random.default_rng(0)
    clouds = []
    for s in (made, other):
        points, colors, labels = tagged(s)
        moved, same_colors, same_labels = point_transforms(dataset_config, 0.02)(points, colors, labels, rng)
        assert same_colors is colors and same_labels is labels and not np.array_equal(moved, points)
        clouds.append((moved, colors, labels))
    points, colors, labels = mix(*clouds, rng)
    numbers = number_of(colors)
    first = len(made.points)
    assert np.array_equal(numbers, np.concatenate([np.arange(first), np.arange(len(other.points))]))
    both = np.concatenate([made.labels, other.labels])
    assert np.array_equal(labels, SCANNET200.to_classes(both))
    voxels = Voxelizer(0.02, 200)(points, colors, labels)
    assert np.array_equal(np.floor(points / np.float64(0.02)).astype(np.int32), voxels.coordinates[voxels.inverse])
    recolored = color_transforms(dataset_config)(voxels.coordinates, voxels.features, None, rng)[1]
    assert recolored.shape == voxels.features.shape


def test_mixed_scenes_share_a_floor_and_keep_their_shape():
    first, second = tagged(room()), tagged(room(with_table=False))
    points, _, _ = mix(first, second, np.random.default_rng(0))
    a, b = points[:len(first[0])], points[len(first[0]):]
    assert np.abs(np.ptp(a, axis=0) - np.ptp(first[0], axis=0)).max() < 1e-4  # the first is only shifted
    assert np.abs((a.min(0) + a.max(0))[:2] / 2).max() <= 0.5 and abs(a[:, 2].min()) <= 0.5
    spread = [np.linalg.norm(cloud - cloud.mean(0), axis=1) for cloud in (b, second[0])]
    assert np.abs(spread[0] - spread[1]).max() < 1e-4  # the second is only turned
    assert not np.allclose(np.ptp(b, axis=0), np.ptp(second[0], axis=0), atol=0.01)


def test_mixed_scenes_are_shifted_and_turned_by_chance_within_their_ranges():
    square = np.array([[0, 0, 3], [2, 0, 3], [0, 2, 3], [2, 2, 3]], np.float32)
    cloud = (square, np.zeros_like(square), np.zeros(4, int))
    shifts, turns, tilts = [], [], []
    for seed in range(200):
        points = mix(cloud, cloud, np.random.default_rng(seed))[0]
        shifts.append(points[0] + [1, 1, 0])
        edge, side = points[5] - points[4], points[6] - points[4]
        turns.append(np.arctan2(edge[1], edge[0]))
        tilts.append(np.arccos(np.cross(edge, side)[2] / 4))
    shifts = np.array(shifts)
    assert (np.abs(shifts) <= 0.5 + 1e-6).all() and (shifts.min(0) < -0.45).all() and (shifts.max(0) > 0.45).all()
    assert min(turns) < -2.9 and max(turns) > 2.9
    assert np.pi / 24 < max(tilts) < 2 * np.pi / 24  # both tilts at most, where the turn between makes them one


def test_flags_reach_the_sampler(root, dataset_config):
    weights = root / "cups.json"
    weights.write_text('{"cup": 1}')
    dataset_config.scannet_path, dataset_config.sample_tail_instances = str(root), True
    dataset_config.num_instances_to_add, dataset_config.max_instance_placing_iterations = 3, 17
    dataset_config.instance_sampling_weights = str(weights)
    (root / "train.txt").write_text("train/room.ply\n")
    sampler = Scannet200Voxelization2cmDataset(dataset_config, "train", training=True, label_set=SCANNET200).sampler
    assert (sampler.number, sampler.tries, sampler.names) == (3, 17, ["cup"])
    assert Scannet200Voxelization2cmDataset(dataset_config, "train", False, SCANNET200).sampler is None


def test_the_flag_mixes_its_share_of_scenes(dataset_config):
    dataset_config.mix_scenes = 0.5
    dataset = Scannet200Voxelization2cmDataset(dataset_config, "train", training=True, label_set=SCANNET200)
    mixed = 0
    for epoch in range(20):
        dataset.set_epoch(epoch)
        for index in range(6):
            sample = dataset[index]
            mixed += "+" in sample.name
            assert ("+" in sample.name) == (sample.point_count > len(dataset.scene(index).points))
    assert 0.3 < mixed / 120 < 0.7
    dataset_config.scannet_path = str(Path(dataset_config.scannet_path))
    assert "+" not in Scannet200Voxelization2cmDataset(dataset_config, "val", False, SCANNET200)[0].name
