"""Things on walls and ceilings of synthetic scenes: every class builds sound, real-sized, seeded shapes."""
import pickle

import numpy as np
import pytest

from datasets.label_sets import load_label_set
from datasets.synthetic.objects import appliances, furniture, tabletop
from datasets.synthetic.objects.hung import KINDS
from datasets.synthetic.objects.kinds import ROOMS

SCANNET200 = load_label_set()

ON_WALLS = [name for name, kind in KINDS.items() if kind.place == "wall"]


def test_hung_classes_are_not_also_standing_ones():
    assert not set(KINDS) & {*furniture.KINDS, *appliances.KINDS, *tabletop.KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_hung_kind_is_a_scannet_class_in_known_rooms_at_a_height_that_suits_its_place(name):
    kind = KINDS[name]
    assert name in SCANNET200.names
    assert kind.rooms and set(kind.rooms) <= set(ROOMS) and kind.place in {"wall", "ceiling"} and not kind.carriers
    low, high = kind.height
    assert 0 < low < high < 2.4 if kind.place == "wall" else low == high == 0


@pytest.mark.parametrize("name", KINDS)
def test_hung_shapes_are_sound_of_real_size_with_their_base_at_zero(name):
    for seed in range(8):
        shape = KINDS[name].build(np.random.default_rng(seed))
        vertices, faces = shape.vertices, shape.faces
        assert np.isfinite(vertices).all() and shape.colors.shape == faces.shape
        assert faces.min() == 0 and faces.max() < len(vertices) and len(faces) < 4000
        size = np.ptp(vertices, axis=0)
        assert (size > 0.015).all() and (size < 3.0).all() and abs(vertices[:, 2].min()) < 1e-6
        for s in shape.supports:
            assert (shape.bounds[0] <= (s.x0, s.y0, 0)).all() and (shape.bounds[1] >= (s.x1, s.y1, s.z - 1e-9)).all()


@pytest.mark.parametrize("name", ON_WALLS)
def test_wall_shapes_lie_in_front_of_the_wall_and_fit_between_floor_and_ceiling(name):
    for seed in range(8):
        shape = KINDS[name].build(np.random.default_rng(seed))
        assert abs(shape.vertices[:, 1].max()) < 1e-6
        assert KINDS[name].height[0] + np.ptp(shape.vertices[:, 2]) < 2.4


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ON_WALLS])
def test_a_solid_part_of_a_ceiling_shape_touches_the_ceiling(name):
    for seed in range(8):
        shape = KINDS[name].build(np.random.default_rng(seed))
        assert shape.bounds[1, 2] == pytest.approx(shape.vertices[:, 2].max(), abs=0.01)


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_fixes_the_hung_object_and_another_changes_it_in_another_process_too(name):
    build = pickle.loads(pickle.dumps(KINDS[name].build))
    first = KINDS[name].build(np.random.default_rng(3))
    again, other = (build(np.random.default_rng(s)) for s in (3, 4))
    assert np.array_equal(first.vertices, again.vertices) and np.array_equal(first.colors, again.colors)
    assert first.vertices.shape != other.vertices.shape or not np.allclose(first.vertices, other.vertices)
