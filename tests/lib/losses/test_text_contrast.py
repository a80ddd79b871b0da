"""Text-anchor losses against a literal N x n x D form. Run: python -m pytest tests/lib/losses/test_text_contrast.py"""
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.losses import LOSSES, measure_apart
from lib.language.zero_shot import SeenClasses
from lib.losses.negatives import draw_negatives, hard_weights, negative_table
from lib.losses.text_contrast import AnchorCrossEntropy, AnchorL2, PointSupCon, TextContrastLoss, nearest_anchor

ALL = [
    lambda anchors: TextContrastLoss(anchors, form="published"),
    lambda anchors: TextContrastLoss(anchors, form="code"),
    lambda anchors: TextContrastLoss(anchors, negative_weights=hard_weights(F.normalize(anchors, dim=1), 0.07)),
    AnchorCrossEntropy,
    AnchorL2,
    PointSupCon,
]
ALL_NAMES = ["published", "code", "hard", "contrast_ce", "l2", "pointsupcon"]


def _case(dtype=torch.float64, voxels=60, classes=11, width=16):
    generator = torch.Generator().manual_seed(1)
    anchors = F.normalize(torch.randn(classes, width, generator=generator, dtype=dtype), dim=1)
    features = 2 * torch.randn(voxels, width, generator=generator, dtype=dtype)
    target = torch.randint(-1, classes, (voxels,), generator=generator)
    features[: voxels // 2] += 3 * anchors[target[: voxels // 2]]  # near their anchor, so that some terms are clipped
    assert (target == -1).any()
    return features.requires_grad_(), anchors, target


def _literal(features, anchors, target, negatives, form, pos_thresh, neg_thresh, neg_weight):
    """The loss as the earlier codes wrote it: an N x D tensor of positives and an N x n x D tensor of negatives."""
    features, target, negatives = features[target != -1], target[target != -1], negatives[target != -1]
    positive_anchors = anchors[target]  # (N, D)
    negative_anchors = anchors[negatives]  # (N, n, D)
    positive = F.relu(1 - F.cosine_similarity(features, positive_anchors, dim=1) - pos_thresh)  # (N,)
    distance = 1 - F.cosine_similarity(features[:, None, :], negative_anchors, dim=2)  # (N, n)
    total = 0
    for voxel in range(len(features)):
        if form == "published":
            negative = sum(F.relu(neg_thresh - d) for d in distance[voxel]) / len(distance[voxel])
        else:
            negative = F.relu(neg_thresh - sum(distance[voxel]) / len(distance[voxel]))
        total = total + positive[voxel] + neg_weight * negative
    return total / len(features)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("form", ["published", "code"])
def test_L1_the_gathered_product_equals_the_literal_tensors_in_value_and_gradient(form, hard):
    features, anchors, target = _case()
    weights = hard_weights(anchors, 0.2) if hard else None
    loss = TextContrastLoss(anchors, 4, pos_thresh=0.3, neg_thresh=0.9, neg_weight=0.7, form=form,
                            negative_weights=weights)
    value = loss(features, target, torch.Generator().manual_seed(5))
    (gradient,) = torch.autograd.grad(value, features)
    table = negative_table(weights) if hard else None
    negatives = draw_negatives(target.clamp(min=0), 11, 4, table, torch.Generator().manual_seed(5))
    expected = _literal(features, anchors, target, negatives, form, 0.3, 0.9, 0.7)
    (expected_gradient,) = torch.autograd.grad(expected, features)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("build", ALL[:-1], ids=ALL_NAMES[:-1])
def test_L1_no_tensor_larger_than_the_product_is_kept_for_backward(build):
    features, anchors, target = _case(torch.float32, voxels=500, classes=20, width=64)
    loss, kept = build(anchors), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append((t.data_ptr(), t.numel())) or t, lambda t: t):
        loss(features, target)
    copies = [size for pointer, size in kept if pointer not in (features.data_ptr(), loss.anchors.data_ptr())]
    assert max(copies) <= 500 * 20  # N x C; N x D would be 500 * 64


def test_published_and_code_forms_differ_where_one_negative_is_near_and_another_far():
    anchors = torch.tensor([[0.0, 0, 1], [1, 0, 0], [-1, 0, 0]])
    features = torch.tensor([[1.0, 0, 0]])  # distances 1 to its own anchor, 0 and 2 to the others
    published = TextContrastLoss(anchors, 1000, form="published")
    code = TextContrastLoss(anchors, 1000, form="code")
    published(features, torch.tensor([0]), torch.Generator().manual_seed(0))
    code(features, torch.tensor([0]), torch.Generator().manual_seed(0))
    assert published.terms["negative"].item() == pytest.approx(0.3, abs=0.03)  # mean of 0.6 and 0
    assert code.terms["negative"].item() == 0  # the mean distance is 1, beyond 0.6
    assert published.terms["positive"].item() == code.terms["positive"].item() == pytest.approx(1)


@pytest.mark.parametrize("form", ["published", "code"])
def test_L2_ignored_voxels_add_exactly_zero_to_every_term(form):
    features, anchors, target = _case()
    loss = TextContrastLoss(anchors, form=form)
    value = loss(features, target, torch.Generator().manual_seed(2))
    terms = dict(loss.terms)
    value.backward()
    assert (features.grad[target == -1] == 0).all()
    other = features.detach().clone()
    other[target == -1] = 1000 * torch.randn_like(other[target == -1])
    assert torch.equal(loss(other, target, torch.Generator().manual_seed(2)), value)
    assert loss.terms == terms
    torch.testing.assert_close(terms["positive"] + terms["negative"], value.detach())
    assert not any(term.requires_grad for term in terms.values())


@pytest.mark.parametrize("build", ALL[:-1], ids=ALL_NAMES[:-1])
def test_L3_the_mean_of_anchor_losses_is_over_labelled_voxels(build):
    _, anchors, _ = _case()
    features = torch.randn(1, 16, dtype=torch.float64).expand(30, 16)
    loss = build(anchors[:2])  # one other class, so the negatives are not random
    target = torch.zeros(30, dtype=torch.int64)
    expected = loss(features, target)
    target[7:] = -1
    torch.testing.assert_close(loss(features, target), expected)


@pytest.mark.parametrize("build", ALL, ids=ALL_NAMES)
@pytest.mark.parametrize("voxels", [0, 5])
def test_L6_anchor_losses_are_zero_with_zero_gradient_where_nothing_is_labelled(build, voxels):
    features = torch.randn(voxels, 16)
    if voxels:
        features[0] = 0  # a norm of 0 must not make the gradient NaN
    features.requires_grad_()
    loss = build(torch.randn(11, 16))(features, torch.full((voxels,), -1))
    loss.backward()
    assert loss.item() == 0
    assert features.grad.shape == (voxels, 16) and (features.grad == 0).all()


@pytest.mark.parametrize("build", ALL, ids=ALL_NAMES)
def test_a_zero_feature_has_a_finite_gradient(build):
    features = torch.zeros(3, 16, requires_grad=True)
    build(torch.randn(11, 16))(features, torch.tensor([0, 4, 10])).backward()
    assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize("build", ALL, ids=ALL_NAMES)
def test_anchor_losses_are_float32_inside_autocast(build):
    features, anchors, target = _case(torch.float32)
    loss = build(anchors)
    torch.manual_seed(3)
    expected = loss(features.detach().bfloat16().float(), target)
    torch.manual_seed(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(features.detach().bfloat16(), target)
    assert value.dtype == torch.float32 and torch.equal(value, expected)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_contrast_ce_equals_cross_entropy_over_cosines_in_value_and_gradient(temperature):
    features, anchors, target = _case()
    cosines = F.cosine_similarity(features[:, None, :], anchors[None], dim=2)
    expected = F.cross_entropy(cosines / temperature, target, ignore_index=-1)
    value = AnchorCrossEntropy(anchors, temperature)(features, target)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-14)
    pair = [torch.autograd.grad(loss, features)[0] for loss in (value, expected)]
    torch.testing.assert_close(*pair, rtol=1e-10, atol=1e-14)


def _literal_supcon(features, target, temperature):
    """Khosla et al., eq. 2, written out: a sum for every anchor voxel, positive and other voxel."""
    z = features / features.norm(dim=1, keepdim=True)
    losses = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positives = [p for p in others if target[p] == target[i]]
        if positives:
            denominator = sum(torch.exp(z[i] @ z[a] / temperature) for a in others)
            terms = [torch.log(torch.exp(z[i] @ z[p] / temperature) / denominator) for p in positives]
            losses.append(-sum(terms) / len(positives))
    return sum(losses) / len(losses)


def test_pointsupcon_equals_the_written_out_formula_in_value_and_gradient():
    features, anchors, target = _case(voxels=20)
    assert (torch.bincount(target[target >= 0]) == 1).any()  # a voxel without a positive is among them
    value = PointSupCon(anchors, temperature=0.3)(features, target)
    expected = _literal_supcon(features[target != -1], target[target != -1], 0.3)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-14)
    pair = [torch.autograd.grad(loss, features)[0] for loss in (value, expected)]
    torch.testing.assert_close(*pair, rtol=1e-10, atol=1e-14)


def test_pointsupcon_compares_as_many_labelled_voxels_as_it_may_and_draws_them_anew():
    features, anchors, target = _case(voxels=200)
    loss, seen = PointSupCon(anchors, points=20), []
    for seed in range(3):
        (gradient,) = torch.autograd.grad(loss(features, target, torch.Generator().manual_seed(seed)), features)
        seen.append((gradient != 0).any(dim=1))
        assert 2 <= seen[-1].sum() <= 20 and not seen[-1][target == -1].any()
    assert not torch.equal(seen[0], seen[1])


@pytest.mark.parametrize("target", [[], [3], [0, 1, 2], [-1, 4, -1, 5], [-1, -1]])
def test_L6_pointsupcon_without_two_voxels_of_a_class_is_zero_with_a_zero_gradient(target):
    features = torch.randn(len(target), 16, requires_grad=True)
    loss = PointSupCon(torch.randn(11, 16))(features, torch.tensor(target, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0 and features.grad.shape == (len(target), 16) and (features.grad == 0).all()


@pytest.mark.parametrize("build", [AnchorCrossEntropy, AnchorL2, PointSupCon])
def test_L2_ignored_voxels_add_exactly_zero_to_the_other_losses(build):
    features, anchors, target = _case()
    loss = build(anchors)
    value = loss(features, target)
    value.backward()
    assert (features.grad[target == -1] == 0).all()
    other = features.detach().clone()
    other[target == -1] = 1000 * torch.randn_like(other[target == -1])
    assert torch.equal(loss(other, target), value)
    # A sum over labelled voxels alone may add in another order, so the last bits may differ.
    torch.testing.assert_close(loss(features[target != -1], target[target != -1]), value, rtol=1e-12, atol=0)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", LOSSES)
def test_L1_200000_voxels_of_512_channels_take_less_than_1500_MB_beyond_the_features(name):
    extra = measure_apart(name, 200_000, 512)["bytes"]
    assert 200_000 * 512 * 4 * 0.9 < extra < 1.5e9  # the gradient alone is 410 MB


def test_l2_equals_the_squared_distance_in_value_and_gradient():
    features, anchors, target = _case()
    labelled = target != -1
    expected = (features[labelled] - anchors[target[labelled]]).square().sum(1).mean()
    value = AnchorL2(anchors)(features, target)
    torch.testing.assert_close(value, expected)
    pair = [torch.autograd.grad(loss, features)[0] for loss in (value, expected)]
    torch.testing.assert_close(*pair)


def test_nearest_anchor_is_the_largest_cosine_whatever_the_norm():
    features, anchors, _ = _case()
    cosines = F.cosine_similarity(features[:, None, :], anchors[None], dim=2)
    assert torch.equal(nearest_anchor(features, anchors), cosines.argmax(1))
    assert torch.equal(nearest_anchor(anchors * 17, anchors), torch.arange(11))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: TextContrastLoss(a, form="paper"), "published, code"),
        (lambda a: TextContrastLoss(a, num_negatives=0), "num_negatives is 0"),
        (lambda a: TextContrastLoss(a[:1]), "shape"),
        (lambda a: PointSupCon(a, points=1), "--supcon_points is 1"),
        (lambda a: PointSupCon(a, temperature=-1), "temperature is -1"),
        (lambda a: AnchorCrossEntropy(a, temperature=0), "temperature is 0"),
        (lambda a: AnchorL2(a)(torch.zeros(4, 9), torch.zeros(4, dtype=torch.int64)), "fit_width"),
    ],
)
def test_wrong_options_of_anchor_losses_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(torch.randn(11, 16))


@pytest.mark.parametrize("build", [*ALL, lambda anchors: SeenClasses(PointSupCon, anchors, np.array([3]), -1)],
                         ids=[*ALL_NAMES, "held_out"])
def test_an_evaluated_loss_is_the_same_every_time_and_draws_nothing_of_the_global_generator(build):
    features, anchors, target = _case(voxels=3000)  # more labelled ones than pointsupcon compares
    loss = build(anchors).eval()
    before = torch.get_rng_state()
    first = loss(features, target)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(loss(features, target), first)
    loss.train()
    drawn = {loss(features, target).item() for _ in range(3)}
    assert (len(drawn) == 1) == isinstance(loss, AnchorCrossEntropy | AnchorL2)  # training still draws anew
