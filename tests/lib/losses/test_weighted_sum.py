"""Sums of losses, and what `--loss_type` may say."""
import argparse

import pytest
import torch

from config.flags.losses import loss_terms
from lib.losses.cross_entropy import CrossEntropyLoss
from lib.losses.focal import FocalLoss
from lib.losses.lovasz import LovaszSoftmaxLoss
from lib.losses.weighted_sum import WeightedSum


def test_a_sum_is_its_losses_times_their_weights_and_keeps_each():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, 5, generator=generator, requires_grad=True)
    target = torch.randint(-1, 5, (20,), generator=generator)
    losses = {"focal": (1.0, FocalLoss()), "lovasz": (0.5, LovaszSoftmaxLoss())}
    total = WeightedSum(losses)
    value = total(logits, target)
    focal, lovasz = (loss(logits, target) for _, loss in losses.values())
    assert value.item() == pytest.approx((focal + 0.5 * lovasz).item())
    assert {name: term.item() for name, term in total.terms.items()} == {"focal": focal.item(), "lovasz": lovasz.item()}
    assert torch.equal(total(logits, torch.full((20,), -1)), torch.tensor(0.0))
    assert not WeightedSum({"cross_entropy": (1.0, CrossEntropyLoss())}).eval().losses["cross_entropy"].training


@pytest.mark.parametrize("text,terms", [
    ("focal", {"focal": 1}), ("focal+lovasz", {"focal": 1, "lovasz": 1}),
    ("1.0*cross_entropy + 0.5*lovasz", {"cross_entropy": 1, "lovasz": 0.5}), ("1e-2*lovasz", {"lovasz": 0.01})])
def test_loss_type_is_a_sum(text, terms):
    assert loss_terms(text) == terms


@pytest.mark.parametrize("text", ["", "hinge", "focal+", "focal-lovasz", "0*focal", "-1*focal", "focal+focal",
                                  "nan*focal", "1.2.3*focal", "focal*0.5"])
def test_what_is_no_sum_of_losses_is_named(text):
    with pytest.raises(argparse.ArgumentTypeError, match="focal|" + "hinge|'' is no sum|'0' is|1.2.3"):
        loss_terms(text)
