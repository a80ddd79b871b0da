"""The loss that the flags choose: `segmentation_loss(config, names)`, `anchor_loss(config, anchors, names)`."""
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.weighting import class_weights
from lib.losses.negatives import frequency_weights, hard_weights, load_class_points
from lib.losses.segmentation import CrossEntropyLoss, FocalLoss, load_category_weights
from lib.losses.text_contrast import AnchorCrossEntropy, AnchorL2, PointSupCon, TextContrastLoss, loss_at_anchors

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
    """The loss of --loss_type over logits of these classes."""
    weighted = config.loss_type == "focal" or config.weighted_cross_entropy
    weights = _category_weights(config, names) if config.is_train and weighted else None
    if config.loss_type == "focal":
        return FocalLoss(config.ignore_label, weights, config.focal_gamma)
    return CrossEntropyLoss(config.ignore_label, weights)


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
