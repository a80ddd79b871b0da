"""Losses of stage 1, which pull voxel features to the text anchor of their class.

`TextContrastLoss(anchors)(features, target)`; `AnchorCrossEntropy` and `AnchorL2` are called alike.
All work on features @ anchors.T, N x C, and never on an N x negatives x D tensor. In float32, also inside autocast.
"""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.losses.segmentation import cross_entropy, full_precision, labelled_mean, no_autocast

FORMS = ("published", "code")


def anchor_cosines(features: Tensor, anchors: Tensor) -> Tensor:
    """Cosine of every feature with every anchor. features: (N, D) of any norm; anchors: (C, D) unit. Returns (N, C).

    The product is divided by the norm, not the features, which saves autograd an N x D copy. A zero feature gives 0.
    """
    norm = features.norm(dim=1, keepdim=True).clamp(min=1e-12)  # (N, 1)
    return (features @ anchors.T) / norm  # (N, C)


@torch.no_grad()
def nearest_anchor(features: Tensor, anchors: Tensor) -> Tensor:
    """Class of the anchor with the largest cosine. features: (N, D); anchors: (C, D) unit. Returns (N,) int64."""
    with no_autocast(features):
        return (full_precision(features) @ anchors.to(features.device, full_precision(features).dtype).T).argmax(1)


def uniform_negatives(
    target: Tensor, num_classes: int, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """`count` classes other than `target` for each voxel, uniform, each drawn independently. target: (N,) in [0, C).

    Returns (N, count) int64.
    """
    drawn = torch.randint(num_classes - 1, (len(target), count), generator=generator, device=target.device)
    return drawn + (drawn >= target[:, None])  # steps over the voxel's own class


class _AnchorLoss(nn.Module):
    """What the three losses share: unit anchors (C, D) that move with `.to(device)`, and the ignore label."""

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
                "fit the anchors to the backbone with lib.text_anchors.fit_width"
            )
        labelled = target != self.ignore_label
        features = full_precision(features)
        return features, self.anchors.to(features.dtype), target.masked_fill(~labelled, 0), labelled


class TextContrastLoss(_AnchorLoss):
    """Text-anchor contrastive loss of language-grounded pretraining (Rozenberszki et al., arXiv 2204.07761).

    With d_j = 1 - cos(f, a_j) and n negatives j drawn uniformly over the other classes, the mean over the labelled
    voxels of relu(d_y - pos_thresh) + neg_weight * negative, where negative is, by `form`,
      published: mean_j relu(neg_thresh - d_j), every negative pushed until it is far enough;
      code:      relu(neg_thresh - mean_j d_j), the negatives pushed until they are far enough on average.
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
        self.terms: dict[str, Tensor] = {}

    def forward(self, features: Tensor, target: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """features: (N, D) any float type; target: (N,) int64, class or ignore label. Returns a scalar.

        generator: source of the negatives, on the device of `target`; torch's global one if None.
        """
        with no_autocast(features):
            features, anchors, classes, labelled = self._prepare(features, target)
            negatives = uniform_negatives(classes, len(anchors), self.num_negatives, generator)  # (N, n)
            columns = torch.cat([classes[:, None], negatives], dim=1)  # (N, 1 + n)
            distance = 1 - anchor_cosines(features, anchors).gather(1, columns)  # (N, 1 + n)
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
        if not temperature > 0:
            raise ValueError(f"contrastive loss: temperature is {temperature}, give a number above 0")
        self.temperature = temperature

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
            product = (features @ anchors.T).gather(1, classes[:, None]).squeeze(1)  # (N,)
            return labelled_mean(features.square().sum(dim=1) - 2 * product + 1, labelled)
