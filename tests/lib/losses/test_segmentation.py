"""Cross entropy and focal loss against literal loops. Run: python -m pytest tests/lib/losses/test_segmentation.py"""
import json
import math

import pytest
import torch
import torch.nn.functional as F

from lib.losses.category_weights import load_category_weights
from lib.losses.cross_entropy import CrossEntropyLoss, cross_entropy
from lib.losses.focal import FocalLoss


def _case(dtype=torch.float64, voxels=40, classes=7):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(voxels, classes, generator=generator, dtype=dtype)
    target = torch.randint(-1, classes, (voxels,), generator=generator)
    weights = torch.rand(classes, generator=generator, dtype=dtype) + 0.1
    assert (target == -1).any()
    return logits.requires_grad_(), target, weights


def _literal(logits, target, weights, gamma):
    """The formula, voxel by voxel."""
    total, count = 0.0, 0
    for row, label in zip(logits.tolist(), target.tolist(), strict=True):
        if label == -1:
            continue
        p = math.exp(row[label]) / sum(math.exp(value) for value in row)
        total += -weights[label].item() * (1 - p) ** gamma * math.log(p)
        count += 1
    return total / count


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_equals_the_formula(gamma):
    logits, target, weights = _case()
    loss = FocalLoss(class_weights=weights, gamma=gamma)(logits, target)
    assert loss.item() == pytest.approx(_literal(logits, target, weights, gamma), rel=1e-12)


def test_cross_entropy_equals_the_formula_with_weights_and_torch_without():
    logits, target, weights = _case()
    loss = CrossEntropyLoss(class_weights=weights)(logits, target)
    assert loss.item() == pytest.approx(_literal(logits, target, weights, 0.0), rel=1e-12)
    torch.testing.assert_close(cross_entropy(logits, target, -1), F.cross_entropy(logits, target, ignore_index=-1))


def test_focal_gamma_is_2_by_default():
    logits, target, weights = _case()
    loss = FocalLoss()(logits, target)
    assert loss.item() == pytest.approx(_literal(logits, target, torch.ones(7), 2.0), rel=1e-12)


def test_focal_gradient_agrees_with_finite_differences():
    logits, target, weights = _case(voxels=8)
    assert torch.autograd.gradcheck(lambda x: FocalLoss(class_weights=weights)(x, target), logits)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_gradient_is_finite_where_the_network_is_certain(gamma):
    logits = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    FocalLoss(gamma=gamma)(logits, torch.tensor([0, 0])).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("kind", [CrossEntropyLoss, FocalLoss])
@pytest.mark.parametrize("weighted", [False, True])
def test_L3_the_mean_is_over_labelled_voxels(kind, weighted):
    logits, target, weights = _case()
    loss = kind(class_weights=weights if weighted else None)
    labelled = target != -1
    padded = torch.cat([logits, torch.randn(500, 7, dtype=logits.dtype)])
    padded_target = torch.cat([target, torch.full((500,), -1)])
    expected = loss(logits[labelled], target[labelled])
    torch.testing.assert_close(loss(logits, target), expected)
    torch.testing.assert_close(loss(padded, padded_target), expected)


@pytest.mark.parametrize("kind", [CrossEntropyLoss, FocalLoss])
def test_L2_ignored_voxels_get_a_gradient_of_exactly_zero(kind):
    logits, target, weights = _case()
    kind(class_weights=weights)(logits, target).backward()
    assert (logits.grad[target == -1] == 0).all()
    assert (logits.grad[target != -1] != 0).any(dim=1).all()


@pytest.mark.parametrize("kind", [CrossEntropyLoss, FocalLoss])
@pytest.mark.parametrize("voxels", [0, 5])
def test_L6_nothing_labelled_gives_zero_and_a_zero_gradient(kind, voxels):
    logits = torch.randn(voxels, 7, requires_grad=True)
    loss = kind(class_weights=torch.ones(7))(logits, torch.full((voxels,), -1))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.shape == (voxels, 7) and (logits.grad == 0).all()


@pytest.mark.parametrize("kind", [CrossEntropyLoss, FocalLoss])
def test_losses_are_float32_inside_autocast(kind):
    logits, target, weights = _case(dtype=torch.float32)
    low = logits.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = kind(class_weights=weights)(low, target)
    loss.backward()
    assert loss.dtype == torch.float32 and low.grad.dtype == torch.bfloat16
    assert torch.equal(loss, kind(class_weights=weights)(low.float(), target))


def test_another_ignore_label_is_kept_out():
    logits, target, _ = _case()
    other = target.masked_fill(target == -1, 255)
    assert torch.equal(CrossEntropyLoss(ignore_label=255)(logits, other), CrossEntropyLoss()(logits, target))


def test_category_weights_follow_the_class_order_and_default_to_1(tmp_path):
    path = tmp_path / "weights.json"
    path.write_text(json.dumps({"door": 2, "wall": 0.25}))
    weights = load_category_weights(path, ["wall", "chair", "door"])
    assert weights.dtype == torch.float32 and weights.tolist() == [0.25, 1.0, 2.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"sofaa": 1, "wall": 1}', "sofaa"),
        ('{"wall": "much"}', "'much'"),
        ('{"wall": -1}', "-1"),
        ('{"wall": NaN}', "nan"),
        ("[1, 2]", "list"),
        ("{", "not a JSON file"),
    ],
)
def test_bad_category_weights_are_named_in_one_line(tmp_path, text, words):
    path = tmp_path / "weights.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=words) as error:
        load_category_weights(path, ["wall"])
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_L10_missing_category_weights_name_the_command_that_builds_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m datasets.preprocess.statistics DIR") as error:
        load_category_weights(tmp_path / "none.json", ["wall"])
    assert "none.json" in str(error.value) and "\n" not in str(error.value)


def test_pickled_category_weights_are_refused_unread(tmp_path):
    (tmp_path / "weights.pkl").write_bytes(b"not even a pickle")
    with pytest.raises(ValueError, match="pickles are not read"):
        load_category_weights(tmp_path / "weights.pkl", ["wall"])


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_smoothed_labels_share_with_all_classes_as_torchs_do_and_in_training_alone(smoothing):
    logits, target, weights = _case()
    loss = CrossEntropyLoss(smoothing=smoothing)
    expected = F.cross_entropy(logits, target, ignore_index=-1, label_smoothing=smoothing)
    torch.testing.assert_close(loss(logits, target), expected, rtol=1e-12, atol=0)
    assert torch.equal(loss.eval()(logits, target), CrossEntropyLoss()(logits, target))
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, target, -1, weights, smoothing), logits)


def test_the_weight_of_a_class_scales_its_voxels_smoothed_loss():
    logits = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).log()
    loss = CrossEntropyLoss(class_weights=torch.tensor([1.0, 3.0, 1.0], dtype=torch.float64), smoothing=0.3)
    expected = -3 * (0.8 * math.log(0.2) + 0.1 * math.log(0.7) + 0.1 * math.log(0.1))
    assert loss(logits, torch.tensor([1])).item() == pytest.approx(expected, rel=1e-12)


def test_L6_nothing_labelled_gives_zero_and_a_zero_gradient_with_smoothing():
    logits = torch.randn(5, 7, requires_grad=True)
    loss = CrossEntropyLoss(smoothing=0.1)(logits, torch.full((5,), -1))
    loss.backward()
    assert loss.item() == 0 and (logits.grad == 0).all()
