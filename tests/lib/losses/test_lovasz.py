"""Lovász-softmax against sets and a case by hand. Run: python -m pytest tests/lib/losses/test_lovasz.py"""
import itertools

import pytest
import torch

from lib.losses.lovasz import LovaszSoftmaxLoss, lovasz_gradient, lovasz_softmax


def jaccard_loss(wrong, inside):
    """1 - IoU of a class when the voxels of the set `wrong` are predicted wrongly, the others rightly."""
    truth = {i for i, is_inside in enumerate(inside) if is_inside}
    predicted = truth ^ wrong
    return 1 - len(truth & predicted) / len(truth | predicted)


def literal(logits, target):
    """The Lovász extension by its definition, sum_i m_i (Δ(the i + 1 worst) - Δ(the i worst)), mean over the classes
    that are present."""
    rows = [(row.softmax(0).tolist(), label) for row, label in zip(logits.double(), target.tolist()) if label != -1]
    losses = []
    for index in {label for _, label in rows}:
        inside = [label == index for _, label in rows]
        errors = [abs(is_inside - p[index]) for (p, _), is_inside in zip(rows, inside)]
        worst = sorted(range(len(rows)), key=lambda i: -errors[i])
        losses.append(sum(errors[i] * (jaccard_loss(set(worst[:k + 1]), inside) - jaccard_loss(set(worst[:k]), inside))
                          for k, i in enumerate(worst)))
    return sum(losses) / len(losses)


def case(voxels=30, classes=6):
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(voxels, classes, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.randint(-1, classes - 2, (voxels,), generator=generator)


def test_two_voxels_by_hand():
    logits = torch.tensor([[0.8, 0.2], [0.6, 0.4]]).log()
    # Class 0 has voxel 0 (error 0.2), voxel 1 (0.6) is not of it: wrong first is voxel 1, Δ = 1 - 1/2; both, Δ = 1.
    # Class 1 has voxel 1 (0.6), voxel 0 (0.2) is not of it: Δ of voxel 1 is 1 at once.
    assert lovasz_softmax(logits, torch.tensor([0, 1])).item() == pytest.approx((0.6 * 0.5 + 0.2 * 0.5 + 0.6) / 2)


def test_it_is_the_lovasz_extension_averaged_over_the_classes_that_are_present():
    logits, target = case()
    assert lovasz_softmax(logits, target).item() == pytest.approx(literal(logits.detach(), target), rel=1e-12)


def test_at_certain_predictions_it_is_one_minus_the_mean_iou():
    target = torch.tensor([0, 0, 1, 1, 2])
    for found in itertools.product(range(3), repeat=5):
        logits = torch.nn.functional.one_hot(torch.tensor(found), 3) * 200.0
        pairs = list(zip(found, target.tolist()))
        iou = [sum(a == b == c for a, b in pairs) / sum(c in pair for pair in pairs) for c in range(3)]
        assert lovasz_softmax(logits, target).item() == pytest.approx(1 - sum(iou) / 3, abs=1e-6)


def test_its_gradient_agrees_with_finite_differences():
    logits, target = case(voxels=8)
    assert torch.autograd.gradcheck(lambda x: lovasz_softmax(x, target), logits)


def test_a_million_voxels_lose_no_precision_in_what_each_adds():
    inside = torch.arange(1_000_000) % 3 == 0
    gradient = lovasz_gradient(inside)
    assert gradient.sum().item() == pytest.approx(1, abs=1e-12) and (gradient >= 0).all()


def test_ignored_voxels_change_nothing_and_get_a_gradient_of_exactly_zero():
    logits, target = case()
    loss = LovaszSoftmaxLoss()(logits, target)
    loss.backward()
    assert (target == -1).any() and (logits.grad[target == -1] == 0).all() and logits.grad.any()
    assert torch.equal(LovaszSoftmaxLoss()(logits[target != -1], target[target != -1]), loss)
    assert torch.equal(LovaszSoftmaxLoss(255)(logits, target.masked_fill(target == -1, 255)), loss)


@pytest.mark.parametrize("voxels", [0, 5])
def test_L6_nothing_labelled_gives_zero_and_a_zero_gradient(voxels):
    logits = torch.randn(voxels, 7, requires_grad=True)
    loss = LovaszSoftmaxLoss()(logits, torch.full((voxels,), -1))
    loss.backward()
    assert loss.item() == 0 and logits.grad.shape == (voxels, 7) and (logits.grad == 0).all()


def test_it_is_float32_inside_autocast():
    logits, target = case()
    low = logits.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = LovaszSoftmaxLoss()(low, target)
    loss.backward()
    assert loss.dtype == torch.float32 and low.grad.dtype == torch.bfloat16
    assert torch.equal(loss, LovaszSoftmaxLoss()(low.float(), target))
