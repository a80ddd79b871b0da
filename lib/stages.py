"""The three stages: which parameters each trains, with which loss, and how its output becomes classes.

`stage = build_stage(config, label_set)`, then `output = stage(batch)`, `stage.criterion(output, batch.labels)`,
`stage.classes(output)`. One trainer and one inference serve all of them.
"""
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.label_sets import LABEL_SET_FILE, LabelSet, find_label_set, load_label_set, read_names
from datasets.loader import Batch
from lib.checkpoint import from_text_stage, load_checkpoint, load_weights, stored_label_set
from lib.execution import Execution, build_execution
from lib.language.anchors import fit_width, load_anchors, share_a_direction, width_map
from lib.language.zero_shot import SeenClasses, TextSpace, Vocabulary
from lib.losses.by_flags import anchor_loss, segmentation_loss, warn_of_alike_anchors
from lib.losses.text_contrast import anchor_cosines, nearest_anchor
from models import Res16UNet, build_model

ANCHOR_CACHE = "feature_data"
PROJECTION = "projection."  # prefix of its weights in a checkpoint
UNTRAINED_BY_TEXT_STAGE = ("final.",)
HEADS = ("model.final.", PROJECTION)  # prefixes of a stage's parameters that end in classes or anchors
INPUT_CHANNELS = 3  # red green blue


class TextStage(nn.Module):
    """Stage 1, language-grounded pretraining: voxel features move towards the text anchor of their class.

    `final` is not trained. With a projection, features are mapped to the anchors' width by a linear layer first.
    anchors: (C, D) unit, of label_set's classes; space: what makes features comparable to any text.
    """
    name = "stage 1, language-grounded pretraining"
    vocabulary: Vocabulary | None = None

    def __init__(self, model: Res16UNet, criterion: nn.Module, execution: Execution, anchors: Tensor, space: TextSpace,
                 label_set: LabelSet, projection: nn.Linear | None = None, temperature: float = 0.07):
        """temperature: of the cosines, where they are to be probabilities."""
        super().__init__()
        self.label_set, self.temperature = label_set, temperature
        self.model, self.criterion, self.execution, self.projection = model, criterion, execution, projection
        self.space = space
        self.register_buffer("anchors", F.normalize(anchors, dim=1), persistent=False)
        model.final.requires_grad_(False)

    def forward(self, batch: Batch) -> Tensor:
        """Features (N, D), D the anchors' width."""
        features = self.execution(self.model.features, batch)
        return features if self.projection is None else self.projection(features)

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Texts (T, D) unit, on the features' device: to compare with `forward`'s output by cosine."""
        return self.space.embed(texts).to(self.anchors.device)

    def names_and_synonyms(self) -> Tensor:
        """(2, C, D) unit, every class name as it is and averaged with its synonyms, to compare with `embed`.

        Of file:PATH.npz, which has the class names alone, (1, C, D).
        """
        if self.space.encoder.startswith("file:"):
            return self.anchors[None]
        vectors = load_anchors(self.space.encoder, self.label_set.names, ANCHOR_CACHE, self.space.prompt,
                               synonyms=True)
        return torch.stack([self.anchors, self.space.place(vectors, self.label_set.names).to(self.anchors.device)])

    def choose_from(self, names: Sequence[str]) -> None:
        """Let `classes` choose among these names instead of the label set's."""
        self.vocabulary = Vocabulary.of(names, self.label_set)
        self.anchors = self.embed(self.vocabulary.names)

    def classes(self, output: Tensor) -> Tensor:
        """(N,) class of the nearest anchor by cosine; -1 for a name outside the label set."""
        nearest = nearest_anchor(output, self.anchors)
        return nearest if self.vocabulary is None else self.vocabulary.classes.to(nearest.device)[nearest]

    def scores(self, output: Tensor) -> Tensor:
        """(N, K) by which names are chosen, those of the vocabulary or of the label set: cosines."""
        return self.cosines(output)

    def cosines(self, output: Tensor) -> Tensor:
        """(N, C) cosine of every voxel's feature with the anchor of every class."""
        return anchor_cosines(output, self.anchors.to(output.dtype))


class SegmentationStage(nn.Module):
    """Stage 2, all of the network on class logits; stage 3 (`classifier_only`), only its last layer."""
    vocabulary = None
    temperature = 1.0

    def __init__(self, model: Res16UNet, criterion: nn.Module, execution: Execution, label_set: LabelSet,
                 classifier_only: bool = False):
        super().__init__()
        self.label_set = label_set
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
        """Logits (N, C)."""
        return self.execution(self.model, batch)

    def classes(self, output: Tensor) -> Tensor:
        """(N,) class of the largest logit."""
        return output.argmax(1)

    def scores(self, output: Tensor) -> Tensor:
        """(N, C) by which classes are chosen: the logits."""
        return output


def check_flags(config: Namespace) -> None:
    """Raises ValueError for flags of the stage that exclude each other."""
    if config.classifier_only and config.use_embedding_loss:
        raise ValueError("--classifier_only and --use_embedding_loss exclude each other: stage 1 leaves `final` alone")
    if len(config.dilations) != 4:
        raise ValueError(f"--dilations {config.dilations}: needs four, one for each encoder stage")
    if config.classifier_only and config.is_train and not (config.weights or config.resume):
        raise ValueError("--classifier_only True trains the last layer of a trained network: name it with --weights")
    if config.class_names and (config.is_train or not config.use_embedding_loss):
        raise ValueError("--class_names chooses among text anchors: it needs --is_train False, a stage-1 checkpoint "
                         "and --use_embedding_loss True")


def read_weights_of(config: Namespace) -> dict:
    """What `--weights` holds; nothing without, and for a resumed training, whose own checkpoint holds all.

    Raises ValueError for flags of the stage that exclude each other, before a file is read.
    """
    check_flags(config)
    return load_checkpoint(config.weights) if config.weights and not (config.is_train and config.resume) else {}


def choose_label_set(config: Namespace, stored: dict) -> LabelSet:
    """The classes that a run speaks of.

    In training those of --label_set, else of the dataset root, else ScanNet200's; otherwise the network's own (stored:
    what `--weights` holds), which flag and root must agree with. Only a stage-1 network, which chooses among names,
    takes any. Raises ValueError where they disagree, and as `load_label_set`.
    """
    if config.is_train:
        return find_label_set(config.label_set, config.scannet_path)
    network = stored_label_set(stored, config.weights) or load_label_set()
    flag = config.label_set  # the run's own config.yaml names the network's
    if flag is not None and load_label_set(flag).same_classes(network):
        flag = None
    asked = find_label_set(flag, config.scannet_path)
    said = flag is not None or (Path(config.scannet_path) / LABEL_SET_FILE).is_file()
    if not said or asked.same_classes(network):
        return network
    if config.use_embedding_loss:
        print(f"label set {asked.name}: by its names; the network was trained on those of {network.name}")
        return asked
    raise ValueError(f"{config.weights}: chooses among the {len(network)} classes of label set {network.name}, not the "
                     f"{len(asked)} of {asked.name}, which --label_set or the data ask for: train it on them, starting "
                     "from these weights, or take a stage-1 network, which needs no training for new names")


def build_stage(config: Namespace, label_set: LabelSet, stored: dict | None = None) -> TextStage | SegmentationStage:
    """The stage that the flags select, on the CPU, with `--weights` loaded. Prints what was loaded.

    A resumed training does without `--weights`: its own checkpoint holds them all.
    stored: what `--weights` holds, where it was read already.
    Raises ValueError or OSError for flags, weights, anchors or category weights that cannot be used.
    """
    check_flags(config)
    stored = read_weights_of(config) if stored is None else stored
    execution = build_execution(config.sparse_engine, config.precision)
    model = build_model(config.model, INPUT_CHANNELS, _outputs(config, stored, label_set), execution.engine,
                        conv1_kernel_size=config.conv1_kernel_size, dilations=tuple(config.dilations),
                        bn_momentum=config.bn_momentum, activation_checkpointing=config.activation_checkpointing,
                        drop_path=config.drop_path)
    if stored:
        if not (config.is_train or config.use_embedding_loss) and from_text_stage(stored):
            raise ValueError(f"{config.weights}: comes from stage 1, which does not train the last layer; evaluate by "
                             "its text anchors with --use_embedding_loss True")
        untrained = () if config.use_embedding_loss else UNTRAINED_BY_TEXT_STAGE
        print(load_weights(model, config.weights, config.lenient_weight_loading, untrained, stored,
                           label_set if config.is_train else None))
    if config.use_embedding_loss:
        return _text_stage(config, model, execution, stored, label_set)
    return SegmentationStage(model, segmentation_loss(config, label_set.names), execution, label_set,
                             config.classifier_only)


def _outputs(config: Namespace, stored: dict, label_set: LabelSet) -> int:
    """Classes of the network's last layer: a stage-1 network, which does not use it, keeps that of its training."""
    network = None if config.is_train else stored_label_set(stored, config.weights)
    return len(network or label_set)


def _text_stage(config: Namespace, model: Res16UNet, execution: Execution, stored: dict, label_set: LabelSet
                ) -> TextStage:
    trained = None if config.is_train else stored_label_set(stored, config.weights)
    trained = trained or label_set  # whose names decide how texts come to the features' width
    encoder = f"file:{config.language_features_path}" if config.language_features_path else config.text_encoder
    named = (encoder, trained.names, ANCHOR_CACHE, config.text_prompt, config.text_synonyms)
    encoded, mean = load_anchors(*named, False), None
    if share_a_direction(encoded) if config.center_anchors == "auto" else config.center_anchors:
        encoded, mean = load_anchors(*named, True), encoded.mean(0)
    projection = None
    if config.learned_projection:
        projection = nn.Linear(model.feature_channels, encoded.shape[1])
        _load_projection(projection, stored, config)
    width = encoded.shape[1] if projection else model.feature_channels
    anchors = fit_width(encoded, width)
    space = TextSpace(encoder, config.text_prompt, width_map(encoded, width), mean)
    if not trained.same_classes(label_set):
        anchors = space.embed(label_set.names)
    if config.is_train and config.held_out_classes:
        held_out = label_set.indices(read_names(config.held_out_classes, "--held_out_classes"), "--held_out_classes")
        seen = np.setdiff1d(np.arange(len(label_set)), held_out)
        loss = partial(anchor_loss, config, names=[label_set.names[k] for k in seen])
        criterion = SeenClasses(loss, anchors, held_out, config.ignore_label)
    else:
        criterion = anchor_loss(config, anchors, label_set.names)
    if config.is_train and config.embedding_loss_type == "contrast":
        warn_of_alike_anchors(config, criterion, anchors, centred=mean is not None)
    stage = TextStage(model, criterion, execution, anchors, space, label_set, projection,
                      config.contrast_temperature)
    if config.class_names:
        stage.choose_from(read_names(config.class_names, "--class_names"))
    return stage


def _load_projection(projection: nn.Linear, stored: dict, config: Namespace) -> None:
    """Take the projection from what `--weights` holds too, where there is one for anchors of this width."""
    own = {key: dict.get(stored.get("state_dict", {}), f"{PROJECTION}{key}") for key in projection.state_dict()}
    if all(value is not None and value.shape == projection.state_dict()[key].shape for key, value in own.items()):
        projection.load_state_dict(own)
        print(f"{config.weights}: projection to the anchors loaded")
    elif not config.is_train:
        raise ValueError(f"{config.weights}: holds no projection to anchors {projection.out_features} wide; "
                         "evaluate it with the --text_encoder it was trained with")
    elif stored:
        print(f"{config.weights}: holds no projection to anchors {projection.out_features} wide, it starts anew")


def pick_device(config: Namespace) -> torch.device:
    """The GPU where there is one and `--is_cuda` does not forbid it, else the CPU (lesson L20)."""
    return torch.device("cuda" if config.is_cuda and torch.cuda.is_available() else "cpu")
