"""Small objects of synthetic scenes: every class builds sound, real-sized, seeded shapes that stand on something."""

import pickle

import numpy as np
import pytest

from datasets.label_sets import load_label_set
from datasets.synthetic.objects import appliances, furniture
from datasets.synthetic.objects.kinds import ROOMS
from datasets.synthetic.objects.tabletop import KINDS

SCANNET200 = load_label_set()

LARGE = {**furniture.KINDS, **appliances.KINDS}


def test_small_classes_are_not_also_large_ones():
    assert not set(KINDS) & set(LARGE)


@pytest.mark.parametrize("name", KINDS)
def test_small_kind_is_a_scannet_class_in_known_rooms_on_known_carriers(name):
    kind = KINDS[name]
    assert name in SCANNET200.names
    assert kind.rooms and set(kind.rooms) <= set(ROOMS) and kind.place in {"floor", "against_wall", "on"}
    assert set(kind.carriers) <= set(SCANNET200.names) and bool(kind.carriers) == (kind.place == "on")


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.place == "on"])
def test_some_carrier_in_a_room_of_the_kind_has_room_for_it(name):
    kind = KINDS[name]
    if "floor" in kind.carriers:
        return
    shape = kind.build(np.random.default_rng(0))
    width, depth, height = np.ptp(shape.vertices, axis=0)
    carriers = [c for c in kind.carriers if c in LARGE and set(LARGE[c].rooms) & set(kind.rooms)]
    assert any(
        max(s.x1 - s.x0, s.y1 - s.y0) >= max(width, depth)
        and min(s.x1 - s.x0, s.y1 - s.y0) >= min(width, depth)
        and s.clearance >= height
        for c in carriers
        for seed in range(3)
        for s in LARGE[c].build(np.random.default_rng(seed)).supports
    )


@pytest.mark.parametrize("name", KINDS)
def test_small_shapes_are_sound_of_real_size_and_stand_centred_on_their_base(name):
    for seed in range(6):
        shape = KINDS[name].build(np.random.default_rng(seed))
        vertices, faces = shape.vertices, shape.faces
        assert np.isfinite(vertices).all() and shape.colors.shape == faces.shape
        assert faces.min() == 0 and faces.max() < len(vertices) and len(faces) < 4000
        low, high = vertices.min(0), vertices.max(0)
        assert ((high - low) > 0.009).all() and ((high - low) < 2.0).all()
        assert abs(low[2]) < 1e-6 and np.abs(low + high)[:2].max() < 1e-6
        assert len(shape.boxes) and (shape.boxes[:, 3:] - shape.boxes[:, :3] >= 0).all()


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_fixes_the_small_object_and_another_changes_it_in_another_process_too(name):
    build = pickle.loads(pickle.dumps(KINDS[name].build))
    first, again, other = (
        KINDS[name].build(np.random.default_rng(3)),
        *(build(np.random.default_rng(s)) for s in (3, 4)),
    )
    assert np.array_equal(first.vertices, again.vertices) and np.array_equal(first.colors, again.colors)
    assert first.vertices.shape != other.vertices.shape or not np.allclose(first.vertices, other.vertices)
