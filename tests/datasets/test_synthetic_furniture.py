"""Large objects of synthetic scenes: every class builds sound, real-sized, seeded shapes."""
import numpy as np
import pytest

from datasets.label_sets import load_label_set
from datasets.synthetic.objects import appliances, furniture
from datasets.synthetic.objects.kinds import ROOMS

SCANNET200 = load_label_set()

KINDS = {**furniture.KINDS, **appliances.KINDS}
PLACES = {"floor", "against_wall", "on", "wall", "ceiling"}


def test_the_two_modules_share_no_class():
    assert not set(furniture.KINDS) & set(appliances.KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_kind_is_a_scannet_class_in_known_rooms_with_known_neighbours(name):
    kind = KINDS[name]
    assert name in SCANNET200.names
    assert kind.rooms and set(kind.rooms) <= set(ROOMS) and kind.place in PLACES
    assert set(kind.near) <= set(SCANNET200.names) and set(kind.carriers) <= set(SCANNET200.names)
    assert bool(kind.carriers) == (kind.place == "on")
    assert (kind.height != (0.0, 0.0)) == (kind.place == "wall")


@pytest.mark.parametrize("name", KINDS)
def test_shapes_are_sound_and_of_real_size(name):
    for seed in range(5):
        shape = KINDS[name].build(np.random.default_rng(seed))
        vertices, faces = shape.vertices, shape.faces
        assert np.isfinite(vertices).all() and shape.colors.shape == faces.shape
        assert faces.min() == 0 and faces.max() < len(vertices) and len(faces) < 8000
        low, high = vertices.min(0), vertices.max(0)
        assert ((high - low) > 0.03).all() and ((high - low) < 3.0).all()
        assert abs(low[2]) < 0.012
        if KINDS[name].place == "wall":
            assert high[1] <= 1e-6
        else:
            assert (np.abs(low + high)[:2] < 0.8 * (high - low)[:2]).all()  # the origin is well inside the footprint


@pytest.mark.parametrize("name", KINDS)
def test_supports_lie_on_the_shape_and_are_not_empty(name):
    for seed in range(5):
        shape = KINDS[name].build(np.random.default_rng(seed))
        low, high = shape.bounds
        for s in shape.supports:
            assert s.x0 < s.x1 and s.y0 < s.y1 and s.clearance > 0.03
            assert low[0] <= s.x0 and s.x1 <= high[0] and low[1] <= s.y0 and s.y1 <= high[1]
            assert low[2] < s.z <= high[2] + 0.03


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_fixes_the_object_and_another_seed_changes_it(name):
    first, again, other = (KINDS[name].build(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.vertices, again.vertices) and np.array_equal(first.colors, again.colors)
    assert first.vertices.shape != other.vertices.shape or not np.allclose(first.vertices, other.vertices)


@pytest.mark.parametrize(
    "name", ["table", "desk", "bed", "couch", "bookshelf", "shelf", "counter", "dresser", "nightstand"]
)
def test_what_should_carry_things_has_a_support(name):
    for seed in range(5):
        assert KINDS[name].build(np.random.default_rng(seed)).supports


@pytest.mark.parametrize("name", ["table", "desk", "dining table", "bookshelf", "kitchen counter", "tv stand"])
def test_supports_rest_on_a_face_and_have_the_clearance_they_say(name):
    for seed in range(3):
        shape = KINDS[name].build(np.random.default_rng(seed))
        boxes = shape.boxes
        for s in shape.supports:
            x, y = (s.x0 + s.x1) / 2, (s.y0 + s.y1) / 2
            over = boxes[(boxes[:, 0] < x) & (x < boxes[:, 3]) & (boxes[:, 1] < y) & (y < boxes[:, 4])]
            tops, bottoms = over[:, 5], over[:, 2]
            assert np.abs(tops - s.z).min() < 0.006
            assert not ((bottoms > s.z + 0.006) & (bottoms < s.z + s.clearance - 1e-6)).any()
