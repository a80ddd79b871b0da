"""Negatives of the text contrast are drawn with the probabilities that they claim, and are never the own class."""
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from datasets.label_sets import load_label_set
from lib.losses.negatives import (
    draw_negatives,
    frequency_weights,
    hard_weights,
    load_class_points,
    negative_table,
    uniform_negatives,
)

SCANNET200 = load_label_set()

POINTS = torch.tensor([5.0, 0, 100, 20, 1, 0, 30])
ANCHORS = F.normalize(torch.randn(7, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64), dim=1)


def _probabilities(kind: str) -> torch.Tensor:
    """(C, C), row y: the probability of each negative of class y, by a loop over the definition."""
    rows = []
    for y in range(7):
        weights = {"uniform": torch.ones(7), "frequency": POINTS.clone(),
                   "hard": torch.exp(ANCHORS @ ANCHORS[y] / 0.4)}[kind].double()
        weights[y] = 0
        rows.append(weights / weights.sum())
    return torch.stack(rows)


TABLES = {"uniform": None, "frequency": negative_table(frequency_weights(POINTS)),
          "hard": negative_table(hard_weights(ANCHORS, 0.4))}


@pytest.mark.parametrize("kind", TABLES)
def test_negatives_follow_their_probabilities_and_are_never_the_own_class(kind):
    target = torch.arange(7).repeat_interleave(20_000)
    drawn = draw_negatives(target, 7, 3, TABLES[kind], torch.Generator().manual_seed(0))
    assert drawn.shape == (140_000, 3) and drawn.dtype == torch.int64
    assert ((drawn >= 0) & (drawn < 7)).all() and (drawn != target[:, None]).all()
    counts = torch.bincount((target[:, None] * 7 + drawn).flatten(), minlength=49).reshape(7, 7).double()
    expected = 60_000 * _probabilities(kind)
    possible = expected > 0
    assert (counts[~possible] == 0).all()  # what has no training point is never drawn
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum().item()
    freedom = int(possible.sum()) - 7
    assert abs(chi_square - freedom) < 5 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("kind", TABLES)
def test_the_negatives_of_a_voxel_are_drawn_independently(kind):
    drawn = draw_negatives(torch.full((50_000,), 3), 7, 2, TABLES[kind], torch.Generator().manual_seed(0))
    pairs = torch.bincount(drawn[:, 0] * 7 + drawn[:, 1], minlength=49).reshape(7, 7) / 50_000
    single = _probabilities(kind)[3]
    assert (pairs - single[:, None] * single).abs().max() < 0.01


@pytest.mark.parametrize("lowest", [True, False])
def test_the_ends_of_the_unit_interval_stay_in_the_row_of_the_voxel(lowest, monkeypatch):
    end = 0.0 if lowest else 1 - 2.0**-53
    monkeypatch.setattr(torch, "rand", lambda *shape, dtype, **_: torch.full(shape, end, dtype=dtype))
    target = torch.arange(200)
    table = negative_table(frequency_weights(torch.rand(200, dtype=torch.float64) + 1))
    drawn = draw_negatives(target, 200, 2, table)
    expected = (target == 0).long() if lowest else 199 - (target == 199).long()
    assert torch.equal(drawn, expected[:, None].expand(200, 2))


def test_a_class_whose_alternatives_all_lack_points_draws_uniformly():
    table = negative_table(frequency_weights(torch.tensor([0.0, 9, 0, 0])))
    drawn = draw_negatives(torch.ones(9000, dtype=torch.int64), 4, 1, table, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn.flatten(), minlength=4)
    assert counts[1] == 0 and (counts[[0, 2, 3]] - 3000).abs().max() < 300


def test_hard_negatives_of_a_low_temperature_are_the_most_similar_class():
    anchors = F.normalize(torch.tensor([[1.0, 0], [0.9, 0.2], [-1, 0.1], [0, 1]]), dim=1)
    drawn = draw_negatives(torch.arange(4), 4, 50, negative_table(hard_weights(anchors, 1e-4)))
    assert torch.equal(drawn, torch.tensor([1, 0, 3, 1])[:, None].expand(4, 50))


def test_negatives_are_drawn_without_a_tensor_of_voxels_by_classes():
    target = torch.randint(200, (20_000,))
    table = negative_table(hard_weights(F.normalize(torch.randn(200, 16), dim=1), 0.07))
    shapes = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            shapes.append(out.numel())
            return out

    for chosen in (None, table):
        with Watch():
            draw_negatives(target, 200, 3, chosen)
    assert shapes and max(shapes) == 60_000


def test_uniform_negatives_come_from_the_generator_given():
    target = torch.randint(9, (100,))
    first, second = (uniform_negatives(target, 9, 3, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("weights", [torch.ones(3, 4), torch.ones(1, 1), -torch.ones(3, 3),
                                     torch.full((3, 3), float("nan"))])
def test_wrong_weights_of_negatives_are_refused(weights):
    with pytest.raises(ValueError, match="negative sampling"):
        negative_table(weights)


def _statistics(path, points):
    path.write_text("class,group,train_scenes,train_points\n"
                    + "".join(f'"{name}",head,1,{count}\n' for name, count in points.items()))
    return path


def test_class_points_are_read_in_the_order_of_the_classes(tmp_path):
    points = {name: k for k, name in enumerate(SCANNET200.names)}
    path = _statistics(tmp_path / "statistics.csv", dict(reversed(points.items())))
    assert load_class_points(path, SCANNET200.names).tolist() == list(range(200))


@pytest.mark.parametrize("content,words", [
    (None, "no class frequencies there"),
    ("class,points\nwall,3\n", "not a table"),
    ("class,train_points\nwall,many\n", "not a table"),
    ("class,train_points\nwall\n", "not a table"),
    ("class,train_points\nwall,3\n", "1 classes are not in it, such as chair"),
    ("class,train_points\nwall,3\nchair,-1\n", "0 or more"),
    ("class,train_points\nwall,0\nchair,0\n", "not all 0"),
])
def test_statistics_that_cannot_be_used_are_named_with_the_remedy(tmp_path, content, words):
    path = tmp_path / "statistics.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FileNotFoundError if content is None else ValueError) as error:
        load_class_points(path, ["wall", "chair"])
    message = str(error.value)
    assert message.startswith(str(path)) and words in message and "\n" not in message
    assert "--negative_sampling uniform" in message
