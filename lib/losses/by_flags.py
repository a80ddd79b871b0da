"""The loss that the flags choose: `segmentation_loss(config, names)`, `anchor_loss(config, anchors, names)`."""
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from config.flags.losses import loss_terms
from datasets.weighting import class_weights
from lib.losses.category_weights import load_category_weights
from lib.losses.cross_entropy import CrossEntropyLoss
from lib.losses.focal import FocalLoss
from lib.losses.logit_adjustment import LogitAdjustedLoss
from lib.losses.lovasz import LovaszSoftmaxLoss
from lib.losses.negatives import frequency_weights, hard_weights, load_class_points
from lib.losses.text_contrast import AnchorCrossEntropy, AnchorL2, PointSupCon, TextContrastLoss, loss_at_anchors
from lib.losses.weighted_sum import WeightedSum

STATISTICS = Path("feature_data") / "statistics.csv"  # in a dataset root
ALIKE = 0.05  # loss at the anchors themselves from which on they are said to be too alike


def anchor_loss(config: Namespace, anchors: Tensor, names: Sequence[str]) -> nn.Module:
    """The loss of --embedding_loss_type over the anchors of these classes."""
    if not config.contrast_temperature > 0:
        raise ValueError(f"--contrast_temperature {config.contrast_temperature}: give a number above 0")
    if config.embedding_loss_type == "contrast_ce":
        return AnchorCrossEntropy(anchors, config.contrast_temperature, config.ignore_label)
    if config.embedding_loss_type == "l2":
        return AnchorL2(anchors, config.ignore_label)
    if config.embedding_loss_type == "pointsupcon":
        return PointSupCon(anchors, config.contrast_temperature, config.supcon_points, config.ignore_label)
    weights = None
    if config.negative_sampling == "hard":
        weights = hard_weights(anchors, config.contrast_temperature)
    elif config.negative_sampling == "frequency" and config.is_train:
        weights = frequency_weights(load_class_points(Path(config.scannet_path) / STATISTICS, names))
    return TextContrastLoss(anchors, config.num_negative_samples, config.contrast_pos_thresh,
                            config.contrast_neg_thresh, config.contrast_neg_weight, config.contrast_form,
                            config.ignore_label, weights)


def warn_of_alike_anchors(config: Namespace, criterion: nn.Module, anchors: Tensor, centred: bool) -> None:
    """Say so where the relu contrast is far from 0 at the anchors themselves: then its minimum lies elsewhere."""
    value = loss_at_anchors(criterion, anchors)
    if value > ALIKE:
        unit = F.normalize(anchors, dim=1)
        mean = ((unit @ unit.T).sum() - len(unit)) / (len(unit) * (len(unit) - 1))
        remedy = f"give a smaller --contrast_neg_thresh than {config.contrast_neg_thresh:g}" if centred \
            else "subtract their mean with --center_anchors True"
        print(f"warning: text anchors are alike (mean cosine {mean:.2f}): where every feature lies on its own anchor "
              f"the loss is {value:.2f}, not 0, so features settle elsewhere; {remedy}")


def segmentation_loss(config: Namespace, names: Sequence[str]) -> nn.Module:
    """The loss of --loss_type over logits of these classes.

    Raises ValueError for flags of a loss that --loss_type does not name.
    """
    terms = loss_terms(config.loss_type)
    if config.label_smoothing and "cross_entropy" not in terms:
        raise ValueError(f"--label_smoothing {config.label_smoothing:g}: is cross_entropy's, which --loss_type "
                         f"{config.loss_type} does not name; leave it out, or add +cross_entropy")
    if config.logit_adjustment and terms.keys() == {"lovasz"}:
        raise ValueError(f"--logit_adjustment {config.logit_adjustment:g}: is cross_entropy's and focal's, of which "
                         "--loss_type lovasz names neither; leave it out, or add +cross_entropy")
    weighted = "focal" in terms or "cross_entropy" in terms and config.weighted_cross_entropy
    weights = _category_weights(config, names) if config.is_train and weighted else None
    losses = {name: _loss(config, name, weights) for name in terms}
    if config.logit_adjustment and config.is_train:
        points = load_class_points(Path(config.scannet_path) / STATISTICS, names, "leave out --logit_adjustment")
        losses |= {name: LogitAdjustedLoss(loss, points, config.logit_adjustment) for name, loss in losses.items()
                   if name != "lovasz"}  # which goes by the classes that are predicted
    if list(terms.values()) == [1.0]:
        return next(iter(losses.values()))
    return WeightedSum({name: (weight, losses[name]) for name, weight in terms.items()})


def _loss(config: Namespace, name: str, weights: Tensor | None) -> nn.Module:
    """One loss of `config.flags.losses.LOSSES`; weights: (C,) of the classes, for those that take them."""
    if name == "focal":
        return FocalLoss(config.ignore_label, weights, config.focal_gamma)
    if name == "lovasz":
        return LovaszSoftmaxLoss(config.ignore_label)
    return CrossEntropyLoss(config.ignore_label, weights if config.weighted_cross_entropy else None,
                            config.label_smoothing)


def _category_weights(config: Namespace, names: Sequence[str]) -> Tensor | None:
    """α of every class, (C,) float32: of the file --category_weights, else by --category_weighting from class points.

    A dataset root without statistics.csv may still hold the weights of `log` in category_weights.json.
    """
    if config.category_weights:
        return load_category_weights(config.category_weights, names)
    if config.category_weighting == "none":
        return None
    statistics = Path(config.scannet_path) / STATISTICS
    older = statistics.with_name("category_weights.json")
    if config.category_weighting == "log" and older.is_file() and not statistics.is_file():
        return load_category_weights(older, names)
    points = load_class_points(statistics, names, "name weights with --category_weights FILE.json")
    weights = class_weights(points.numpy(), config.category_weighting)
    occurring = points.numpy().nonzero()[0]
    least, most = (occurring[find(weights[occurring])] for find in (np.argmin, np.argmax))
    print(f"category weights, {config.category_weighting}: {weights[least]:.3g} ({names[least]}) "
          f"to {weights[most]:.3g} ({names[most]})")
    return torch.from_numpy(weights).float()
