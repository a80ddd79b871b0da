"""The networks that answer together: `load_networks(config)`, one for each checkpoint of `--weights A.ckpt,B.ckpt`."""
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from datasets.label_sets import LabelSet
from datasets.loader import Batch
from datasets.scannet200 import DATASETS
from lib.checkpoint import load_checkpoint, stored_label_set
from lib.stages import SegmentationStage, TextStage, build_stage, choose_label_set, pick_device, read_weights_of
from models.res16unet import Architecture

# What a checkpoint's own settings decide of how it is run, where several are run together.
OF_A_NETWORK = ("model", "conv1_kernel_size", "dilations", "dataset", "voxel_size", "normalize_color",
                "use_embedding_loss", "classifier_only", "text_encoder", "language_features_path", "text_prompt",
                "text_synonyms", "center_anchors", "learned_projection", "contrast_temperature")


@dataclass
class Network:
    """A stage, ready to answer. voxel_size: metres; normalize_color: whether colours are rgb / 255 - 0.5."""
    stage: TextStage | SegmentationStage
    voxel_size: float
    normalize_color: bool
    device: torch.device

    @torch.no_grad()
    def scores(self, coordinates: np.ndarray, colors: np.ndarray) -> Tensor:
        """(N, K) float32, logits or cosines, on the device. coordinates: (N, 3) int32 voxels; colors: (N, 3) 0..255."""
        features = (colors / 255 - 0.5 if self.normalize_color else colors).astype(np.float32, copy=False)
        batch = Batch(torch.from_numpy(np.insert(coordinates, 0, 0, axis=1)), torch.from_numpy(features), None, None,
                      None, [], [])
        return self.stage.scores(self.stage(batch.to(self.device)))

    def probabilities(self, scores: Tensor) -> Tensor:
        """(N, K) of scores (N, K)."""
        return (scores / self.stage.temperature).softmax(1)

    def bytes_of_a_voxel(self, classes: int) -> int:
        """As the function of that name."""
        return bytes_of_a_voxel(self.stage.model.architecture, classes)


def bytes_of_a_voxel(architecture: Architecture, classes: int) -> int:
    """About what a voxel takes at the peak of a forward pass, in its last residual block, where voxels are most.

    7.5 times the block's channels are alive at once, its kernel maps included: a fit to what was measured of five
    networks, 4 to 22 % above each; `python -m benchmarks.tiles --memory` measures them.
    """
    last = architecture.planes[7] * architecture.block.EXPANSION
    return round(4 * (architecture.init_dim + 7.5 * last + classes))


def load_networks(config: Namespace) -> tuple[LabelSet, list[Network]]:
    """The label set that all speak of, and the networks, on their device.

    The first is run by `config`, the others by the settings in their checkpoints where these hold any. Raises as
    `build_stage`, and ValueError where two do not choose among the same classes.
    """
    label_set, networks = None, []
    device = pick_device(config)
    for path in weights_of(config.weights):
        stored = read_weights_of(Namespace(**{**vars(config), "weights": path})) if not networks else \
            load_checkpoint(path)
        own = Namespace(**{**vars(config), "weights": path, **(_own_flags(stored) if networks else {})})
        if label_set is None:
            label_set = choose_label_set(own, stored)
        elif not own.use_embedding_loss and not (stored_label_set(stored, path) or label_set).same_classes(label_set):
            raise ValueError(f"--weights: {path} chooses among other classes ({stored_label_set(stored, path).name}) "
                             f"than {networks[0][0]} ({label_set.name}); only networks of the same classes answer "
                             "together")
        if own.dataset not in DATASETS:
            raise ValueError(f"--dataset {own.dataset}: choose from {', '.join(DATASETS)}")
        size = DATASETS[own.dataset].choose_voxel_size(own.voxel_size)
        stage = build_stage(own, label_set, stored).to(device).eval()
        networks.append((path, Network(stage, size, own.normalize_color, device)))
    return label_set, [network for _, network in networks]


def weights_of(flag: str) -> list[str]:
    """The checkpoints that `--weights` names: "A.ckpt,B.ckpt", or one, whose name may hold a comma."""
    return [flag] if Path(flag).exists() else [part.strip() for part in str(flag).split(",") if part.strip()]


def _own_flags(stored: dict) -> dict:
    flags = stored.get("config")
    return {name: flags[name] for name in OF_A_NETWORK if name in flags} if isinstance(flags, dict) else {}
