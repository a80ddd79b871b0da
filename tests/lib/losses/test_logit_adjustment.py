"""Logit adjustment against the formula of the balanced softmax."""
import math

import pytest
import torch

from lib.losses.cross_entropy import CrossEntropyLoss
from lib.losses.logit_adjustment import LogitAdjustedLoss, log_shares

POINTS = torch.tensor([80.0, 15.0, 5.0])


def case():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(20, 3, generator=generator), torch.randint(-1, 3, (20,), generator=generator)


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_cross_entropy_becomes_the_softmax_weighted_by_class_shares_to_the_tau(tau):
    logits, target = case()
    shares = [0.8, 0.15, 0.05]
    terms = []
    for row, y in zip(logits.tolist(), target.tolist()):
        mass = [share**tau * math.exp(value) for share, value in zip(shares, row)]
        terms += [-math.log(mass[y] / sum(mass))] if y >= 0 else []
    loss = LogitAdjustedLoss(CrossEntropyLoss(), POINTS, tau)(logits, target)
    assert loss.item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_evaluation_sees_the_logits_as_they_are():
    logits, target = case()
    loss = LogitAdjustedLoss(CrossEntropyLoss(), POINTS).eval()
    assert torch.equal(loss(logits, target), CrossEntropyLoss()(logits, target))
    assert not torch.equal(loss.train()(logits, target), CrossEntropyLoss()(logits, target))


def test_a_class_without_points_is_pushed_down_as_the_commonest_and_nothing_is_infinite():
    shares = log_shares(torch.tensor([90.0, 0.0, 10.0]))
    assert shares.tolist() == pytest.approx([math.log(0.9), math.log(0.9), math.log(0.1)])
    logits = torch.zeros(1, 3, requires_grad=True)
    LogitAdjustedLoss(CrossEntropyLoss(), torch.tensor([90.0, 0.0, 10.0]))(logits, torch.tensor([0])).backward()
    assert logits.grad[0, 1].item() == pytest.approx(0.9 / 1.9)


@pytest.mark.parametrize("voxels", [0, 5])
def test_L6_nothing_labelled_gives_zero_and_a_zero_gradient(voxels):
    logits = torch.randn(voxels, 3, requires_grad=True)
    loss = LogitAdjustedLoss(CrossEntropyLoss(), POINTS)(logits, torch.full((voxels,), -1))
    loss.backward()
    assert loss.item() == 0 and logits.grad.shape == (voxels, 3) and (logits.grad == 0).all()


def test_it_is_float32_inside_autocast():
    logits, target = case()
    loss = LogitAdjustedLoss(CrossEntropyLoss(), POINTS)
    low = logits.bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(low, target)
    value.backward()
    assert value.dtype == torch.float32 and low.grad.dtype == torch.bfloat16
    assert torch.equal(value, loss(low.float(), target))
