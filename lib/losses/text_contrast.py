"""Losses of stage 1, which pull voxel features to the text anchor of their class.

`TextContrastLoss(anchors)(features, target)`; `AnchorCrossEntropy`, `AnchorL2` and `PointSupCon` are called alike.
All work on features @ anchors.T, N x C, and never on an N x negatives x D tensor. In float32, also inside autocast.
"""
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lib.losses.common import full_precision, labelled_mean, no_autocast
from lib.losses.cross_entropy import cross_entropy
from lib.losses.negatives import draw_negatives, negative_table
from lib.losses.own_rows import draw

FORMS = ("published", "code")
SMALLEST_NORM = 1e-12


class _Cosines(torch.autograd.Function):
    """features @ anchors.T over the features' norm, of all columns or of those given. The gradient of the features is
    the only N x D tensor it makes, where autograd of matmul and norm makes three."""

    @staticmethod
    def forward(ctx, features: Tensor, anchors: Tensor, columns: Tensor | None) -> Tensor:
        norm = features.norm(dim=1, keepdim=True)  # (N, 1)
        product = features @ anchors.T  # (N, C)
        if columns is not None:
            product = product.gather(1, columns)  # (N, K)
        cosines = product.div_(norm.clamp(min=SMALLEST_NORM))
        ctx.save_for_backward(features, anchors, columns, norm, cosines)
        return cosines

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        features, anchors, columns, norm, cosines = ctx.saved_tensors
        scaled = grad / norm.clamp(min=SMALLEST_NORM)  # (N, K)
        # d cos_j / d f = (a_j - cos_j f / |f|) / |f|; below the smallest norm, a_j / that norm.
        along = (scaled * cosines).sum(dim=1, keepdim=True).div_(norm.clamp(min=SMALLEST_NORM))
        along.masked_fill_(norm < SMALLEST_NORM, 0)
        if columns is not None:
            scaled = scaled.new_zeros(len(features), len(anchors)).scatter_add_(1, columns, scaled)  # (N, C)
        return (scaled @ anchors).addcmul_(features, along, value=-1), None, None


def anchor_cosines(features: Tensor, anchors: Tensor, columns: Tensor | None = None) -> Tensor:
    """Cosine of every feature with every anchor, or with those of `columns`. No gradient goes to the anchors.

    features: (N, D) of any norm; anchors: (C, D) unit; columns: (N, K) int64, may repeat. Returns (N, C) or (N, K).
    A zero feature gives 0.
    """
    return _Cosines.apply(features, anchors, columns)


class _SquaredDistance(torch.autograd.Function):
    """|f - a_y|^2 of every voxel, a_y of unit norm. Only its gradient, 2 (f - a_y), is N x D."""

    @staticmethod
    def forward(ctx, features: Tensor, anchors: Tensor, classes: Tensor) -> Tensor:
        ctx.save_for_backward(features, anchors, classes)
        product = (features @ anchors.T).gather(1, classes[:, None]).squeeze(1)  # (N,)
        return features.norm(dim=1).square_() - 2 * product + 1

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        features, anchors, classes = ctx.saved_tensors
        return anchors[classes].sub_(features).mul_(-2 * grad[:, None]), None, None


@torch.no_grad()
def nearest_anchor(features: Tensor, anchors: Tensor) -> Tensor:
    """Class of the anchor with the largest cosine. features: (N, D); anchors: (C, D) unit. Returns (N,) int64."""
    with no_autocast(features):
        return (full_precision(features) @ anchors.to(features.device, full_precision(features).dtype).T).argmax(1)


@torch.no_grad()
def loss_at_anchors(loss: nn.Module, anchors: Tensor, draws: int = 50) -> float:
    """What a loss over these anchors (C, D) is for features that all lie on their own anchor, when evaluated."""
    mode = loss.training
    target = torch.arange(len(anchors), device=anchors.device).repeat(draws)
    value = loss.eval()(anchors[target], target).item()
    loss.train(mode)
    return value


class _AnchorLoss(nn.Module):
    """What the losses share: unit anchors (C, D) that move with `.to(device)`, and the ignore label."""

    def __init__(self, anchors: Tensor, ignore_label: int = -1):
        super().__init__()
        if anchors.ndim != 2 or len(anchors) < 2:
            raise ValueError(f"text anchors have shape {tuple(anchors.shape)}, give (classes >= 2, width)")
        self.ignore_label = ignore_label
        self.register_buffer("anchors", F.normalize(full_precision(anchors), dim=1), persistent=False)

    def _prepare(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features and anchors of one full-precision type, class with 0 where unlabelled (N,), labelled (N,) bool."""
        if features.ndim != 2 or features.shape[1] != self.anchors.shape[1]:
            raise ValueError(
                f"features have shape {tuple(features.shape)} but the text anchors are {self.anchors.shape[1]} wide; "
                "fit the anchors to the backbone with lib.language.anchors.fit_width"
            )
        labelled = target != self.ignore_label
        features = full_precision(features)
        return features, self.anchors.to(features.dtype), target.masked_fill(~labelled, 0), labelled

    def _source(self, generator: torch.Generator | None, device: torch.device) -> torch.Generator | None:
        """What a call draws from: the generator given, else in training torch's global one. In evaluation one of its
        own, the same in every call: the figure depends on the features alone, and training's randomness stays as it is.
        """
        return generator if generator or self.training else torch.Generator(device).manual_seed(0)


def _positive_temperature(temperature: float) -> float:
    if not temperature > 0:
        raise ValueError(f"contrastive loss: temperature is {temperature}, give a number above 0")
    return temperature


class TextContrastLoss(_AnchorLoss):
    """Text-anchor contrastive loss of language-grounded pretraining (Rozenberszki et al., arXiv 2204.07761).

    With d_j = 1 - cos(f, a_j) and n negatives j drawn over the other classes, the mean over the labelled voxels of
    relu(d_y - pos_thresh) + neg_weight * negative, where negative is, by `form`,
      published: mean_j relu(neg_thresh - d_j), every negative pushed until it is far enough;
      code:      relu(neg_thresh - mean_j d_j), the negatives pushed until they are far enough on average.
    negative_weights: (C, C), of class j as a negative of class y (`lib.losses.negatives`); None draws uniformly.
    After a call, `terms` holds the two means, "positive" and "negative" (before neg_weight), detached.
    """

    def __init__(
        self,
        anchors: Tensor,
        num_negatives: int = 3,
        pos_thresh: float = 0.0,
        neg_thresh: float = 0.6,
        neg_weight: float = 1.0,
        form: str = "published",
        ignore_label: int = -1,
        negative_weights: Tensor | None = None,
    ):
        super().__init__(anchors, ignore_label)
        if form not in FORMS:
            raise ValueError(f"contrastive loss: form {form!r} is unknown, give one of {', '.join(FORMS)}")
        if num_negatives < 1:
            raise ValueError(f"contrastive loss: num_negatives is {num_negatives}, give 1 or more")
        self.num_negatives = num_negatives
        self.pos_thresh = pos_thresh
        self.neg_thresh = neg_thresh
        self.neg_weight = neg_weight
        self.form = form
        table = None if negative_weights is None else negative_table(negative_weights)
        self.register_buffer("negative_table", table, persistent=False)
        self.terms: dict[str, Tensor] = {}

    def forward(self, features: Tensor, target: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """features: (N, D) any float type; target: (N,) int64, class or ignore label. Returns a scalar.

        generator: source of the negatives, on the device of `target`; if None, as `_source`.
        """
        with no_autocast(features):
            features, anchors, classes, labelled = self._prepare(features, target)
            source = self._source(generator, target.device)
            negatives = draw_negatives(classes, len(anchors), self.num_negatives, self.negative_table, source)
            columns = torch.cat([classes[:, None], negatives], dim=1)  # (N, 1 + n)
            distance = 1 - anchor_cosines(features, anchors, columns)  # (N, 1 + n)
            positive = F.relu(distance[:, 0] - self.pos_thresh)  # (N,)
            if self.form == "published":
                negative = F.relu(self.neg_thresh - distance[:, 1:]).mean(dim=1)  # (N,)
            else:
                negative = F.relu(self.neg_thresh - distance[:, 1:].mean(dim=1))  # (N,)
            positive, negative = labelled_mean(positive, labelled), labelled_mean(negative, labelled)
            self.terms = {"positive": positive.detach(), "negative": negative.detach()}
            return positive + self.neg_weight * negative


class AnchorCrossEntropy(_AnchorLoss):
    """`contrast_ce`: cross entropy over cos(f, a_j) / temperature, all C anchors being candidates."""

    def __init__(self, anchors: Tensor, temperature: float = 0.07, ignore_label: int = -1):
        super().__init__(anchors, ignore_label)
        self.temperature = _positive_temperature(temperature)

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        """features: (N, D) any float type; target: (N,) int64, class or ignore label. Returns a scalar."""
        with no_autocast(features):
            features, anchors, _, _ = self._prepare(features, target)
            return cross_entropy(anchor_cosines(features, anchors) / self.temperature, target, self.ignore_label)


class AnchorL2(_AnchorLoss):
    """`l2`: mean over the labelled voxels of |f - a_y|², f as it is and a_y of unit norm."""

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        """features: (N, D) any float type; target: (N,) int64, class or ignore label. Returns a scalar."""
        with no_autocast(features):
            features, anchors, classes, labelled = self._prepare(features, target)
            return labelled_mean(_SquaredDistance.apply(features, anchors, classes), labelled)


class PointSupCon(_AnchorLoss):
    """`pointsupcon`: supervised contrastive loss between voxels (Khosla et al., NeurIPS 2020, eq. 2, L_out).

    Of up to `points` labelled voxels drawn from the batch, with unit features z, positives P(i), the others of voxel
    i's class, and A(i), all others: the mean over voxels with a positive of
    -1/|P(i)| sum_{p in P(i)} log(exp(z_i . z_p / t) / sum_{a in A(i)} exp(z_i . z_a / t)).
    The anchors do not enter; they are kept to evaluate by the nearest.
    """

    def __init__(self, anchors: Tensor, temperature: float = 0.07, points: int = 1024, ignore_label: int = -1):
        super().__init__(anchors, ignore_label)
        if points < 2:
            raise ValueError(f"contrastive loss: --supcon_points is {points}, give 2 or more to compare")
        self.temperature = _positive_temperature(temperature)
        self.points = points

    def forward(self, features: Tensor, target: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """features: (N, D) any float type; target: (N,) int64, class or ignore label. Returns a scalar.

        generator: chooses the voxels, on the device of `target`; if None, as `_source`.
        """
        with no_autocast(features):
            features, _, _, labelled = self._prepare(features, target)
            # The first of a random order, labelled voxels before others: a GPU need not say how many there are.
            source = self._source(generator, target.device)
            place = draw(len(target), lambda rows: torch.rand(rows, generator=source, device=target.device))
            place = place.masked_fill(~labelled, 2)
            chosen = place.topk(min(self.points, len(target)), largest=False).indices  # (M,)
            unit, labelled = F.normalize(features[chosen], dim=1), labelled[chosen]  # (M, D), (M,)
            classes = target[chosen]
            logits = unit @ unit.T / self.temperature  # (M, M)
            itself = torch.eye(len(chosen), dtype=torch.bool, device=chosen.device)
            # Finite: of a voxel alone the logarithm below would be of an empty sum.
            logits = logits.masked_fill(itself | ~labelled, torch.finfo(logits.dtype).min / 2)
            positive = (classes[:, None] == classes) & ~itself & labelled & labelled[:, None]  # (M, M)
            count = positive.sum(dim=1)
            mean = logits.masked_fill(~positive, 0).sum(dim=1) / count.clamp(min=1)  # (M,)
            return labelled_mean(logits.logsumexp(dim=1) - mean, count > 0)
