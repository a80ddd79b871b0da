"""The three stages: which parameters each trains, with which loss, and how its output becomes classes.

`stage = build_stage(config)`, then `output = stage(batch)`, `stage.criterion(output, batch.labels)`,
`stage.classes(output)`. One trainer and one inference serve all of them.
"""
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.labels import CLASS_NAMES, NUM_CLASSES, class_indices, read_names
from datasets.loader import Batch
from lib.checkpoint import load_checkpoint, load_weights
from lib.execution import Execution, build_execution
from lib.losses.segmentation import CrossEntropyLoss, FocalLoss, load_category_weights
from lib.losses.text_contrast import AnchorCrossEntropy, AnchorL2, TextContrastLoss, nearest_anchor
from lib.text_anchors import fit_width, load_anchors, width_map
from lib.zero_shot import SeenClasses, Vocabulary, embed_texts
from models import Res16UNet, build_model

ANCHOR_CACHE = "feature_data"
PROJECTION = "projection."  # prefix of its weights in a checkpoint
INPUT_CHANNELS = 3  # red green blue


class TextStage(nn.Module):
    """Stage 1, language-grounded pretraining: voxel features move towards the text anchor of their class.

    `final` is not trained. With a projection, features are mapped to the anchors' width by a linear layer first.
    anchors: (C, D) unit, of the 200 classes. encoder and linear (D', D): what makes features comparable to any text.
    """
    name = "stage 1, language-grounded pretraining"
    vocabulary: Vocabulary | None = None

    def __init__(self, model: Res16UNet, criterion: nn.Module, execution: Execution, anchors: Tensor, encoder: str,
                 linear: Tensor, projection: nn.Linear | None = None):
        super().__init__()
        self.model, self.criterion, self.execution, self.projection = model, criterion, execution, projection
        self.encoder, self.linear = encoder, linear
        self.register_buffer("anchors", F.normalize(anchors, dim=1), persistent=False)
        model.final.requires_grad_(False)

    def forward(self, batch: Batch) -> Tensor:
        """Features (N, D), D the anchors' width."""
        features = self.execution(self.model.features, batch)
        return features if self.projection is None else self.projection(features)

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Texts (T, D) unit, on the features' device: to compare with `forward`'s output by cosine."""
        return embed_texts(texts, self.encoder, self.linear).to(self.anchors.device)

    def choose_from(self, names: Sequence[str]) -> None:
        """Let `classes` choose among these names instead of the 200 classes'."""
        self.vocabulary = Vocabulary.of(names)
        self.anchors = self.embed(self.vocabulary.names)

    def classes(self, output: Tensor) -> Tensor:
        """(N,) class of the nearest anchor by cosine; -1 for a name outside the label table."""
        nearest = nearest_anchor(output, self.anchors)
        return nearest if self.vocabulary is None else self.vocabulary.classes.to(nearest.device)[nearest]


class SegmentationStage(nn.Module):
    """Stage 2, all of the network on class logits; stage 3 (`classifier_only`), only its last layer."""
    vocabulary = None

    def __init__(self, model: Res16UNet, criterion: nn.Module, execution: Execution, classifier_only: bool = False):
        super().__init__()
        self.model, self.criterion, self.execution = model, criterion, execution
        self.classifier_only = classifier_only
        self.name = "stage 3, classifier fine-tuning" if classifier_only else "stage 2, segmentation"
        if classifier_only:
            model.requires_grad_(False)
            model.final.requires_grad_(True)

    def train(self, mode: bool = True) -> "SegmentationStage":
        """As usual, except that a frozen backbone keeps its batch-norm statistics too (lesson L4)."""
        super().train(mode)
        if self.classifier_only:
            self.model.eval()
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Logits (N, 200)."""
        return self.execution(self.model, batch)

    def classes(self, output: Tensor) -> Tensor:
        """(N,) class of the largest logit."""
        return output.argmax(1)


def build_stage(config: Namespace) -> TextStage | SegmentationStage:
    """The stage that the flags select, on the CPU, with `--weights` loaded. Prints what was loaded.

    Raises ValueError or OSError for flags, weights, anchors or category weights that cannot be used.
    """
    if config.classifier_only and config.use_embedding_loss:
        raise ValueError("--classifier_only and --use_embedding_loss exclude each other: stage 1 leaves `final` alone")
    if len(config.dilations) != 4:
        raise ValueError(f"--dilations {config.dilations}: needs four, one for each encoder stage")
    if config.classifier_only and config.is_train and not (config.weights or config.resume):
        raise ValueError("--classifier_only True trains the last layer of a trained network: name it with --weights")
    if config.class_names and (config.is_train or not config.use_embedding_loss):
        raise ValueError("--class_names chooses among text anchors: it needs --is_train False, a stage-1 checkpoint "
                         "and --use_embedding_loss True")
    execution = build_execution(config.sparse_engine, config.precision)
    model = build_model(config.model, INPUT_CHANNELS, NUM_CLASSES, execution.engine,
                        conv1_kernel_size=config.conv1_kernel_size, dilations=tuple(config.dilations),
                        bn_momentum=config.bn_momentum, activation_checkpointing=config.activation_checkpointing)
    if config.weights:
        print(load_weights(model, config.weights, config.lenient_weight_loading))
    if config.use_embedding_loss:
        return _text_stage(config, model, execution)
    return SegmentationStage(model, _segmentation_loss(config), execution, config.classifier_only)


def _text_stage(config: Namespace, model: Res16UNet, execution: Execution) -> TextStage:
    encoder = f"file:{config.language_features_path}" if config.language_features_path else config.text_encoder
    encoded = load_anchors(encoder, CLASS_NAMES, ANCHOR_CACHE)
    projection = None
    if config.learned_projection:
        projection = nn.Linear(model.feature_channels, encoded.shape[1])
        _load_projection(projection, config)
    width = encoded.shape[1] if projection else model.feature_channels
    anchors = fit_width(encoded, width)
    if config.is_train and config.held_out_classes:
        held_out = class_indices(read_names(config.held_out_classes, "--held_out_classes"), "--held_out_classes")
        criterion = SeenClasses(partial(_anchor_loss, config), anchors, held_out, config.ignore_label)
    else:
        criterion = _anchor_loss(config, anchors)
    stage = TextStage(model, criterion, execution, anchors, encoder, width_map(encoded, width), projection)
    if config.class_names:
        stage.choose_from(read_names(config.class_names, "--class_names"))
    return stage


def _anchor_loss(config: Namespace, anchors: Tensor) -> nn.Module:
    if config.embedding_loss_type == "contrast":
        return TextContrastLoss(anchors, config.num_negative_samples, config.contrast_pos_thresh,
                                config.contrast_neg_thresh, config.contrast_neg_weight, config.contrast_form,
                                config.ignore_label)
    if config.embedding_loss_type == "contrast_ce":
        return AnchorCrossEntropy(anchors, ignore_label=config.ignore_label)
    return AnchorL2(anchors, config.ignore_label)


def _load_projection(projection: nn.Linear, config: Namespace) -> None:
    """Take the projection from `--weights` too, where it holds one for anchors of this width."""
    stored = load_checkpoint(config.weights).get("state_dict", {}) if config.weights else {}
    own = {key: stored.get(f"{PROJECTION}{key}") for key in projection.state_dict()}
    if all(value is not None and value.shape == projection.state_dict()[key].shape for key, value in own.items()):
        projection.load_state_dict(own)
    elif not config.is_train:
        raise ValueError(f"{config.weights}: holds no projection to anchors {projection.out_features} wide; "
                         "evaluate it with the --text_encoder it was trained with")


def _segmentation_loss(config: Namespace) -> nn.Module:
    weighted = config.loss_type == "focal" or config.weighted_cross_entropy
    weights = None
    if config.is_train and weighted:
        path = config.category_weights or Path(config.scannet_path) / "feature_data" / "category_weights.json"
        weights = load_category_weights(path, CLASS_NAMES)
    if config.loss_type == "focal":
        return FocalLoss(config.ignore_label, weights, config.focal_gamma)
    return CrossEntropyLoss(config.ignore_label, weights)


def pick_device(config: Namespace) -> torch.device:
    """The GPU where there is one and `--is_cuda` does not forbid it, else the CPU (lesson L20)."""
    return torch.device("cuda" if config.is_cuda and torch.cuda.is_available() else "cpu")
