"""Texts beyond the class names: any text in the space of the voxel features, and evaluation over chosen names.

`TextSpace("minilm", "name", linear).embed(["somewhere to sit"])`, `Vocabulary.of(["couch", "skateboard"], label_set)`.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.label_sets import LabelSet, label_set_of
from lib.language.anchors import center_anchors, embed_names, load_anchors
from lib.language.encoders import find_encoder


@dataclass(frozen=True)
class TextSpace:
    """The way of the class anchors from words to features, for any other text.

    encoder: as `load_anchors`; prompt: one of PROMPTS; linear: (D, W), the anchors' `width_map`; mean: (D,) of the
    class anchors where they were centred.
    """
    encoder: str
    prompt: str
    linear: Tensor
    mean: Tensor | None = None

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Texts in the space of the features, (N, W) float32 unit, comparable to them by cosine.

        Of file:PATH.npz, only the names in it can be asked for. Raises ValueError for an unknown or missing encoder, a
        text that a file does not hold, an empty text, and one that the map takes to nothing.
        """
        if not all(text.strip() for text in texts):
            raise ValueError("an empty text: nothing to look for; give words")
        if self.encoder.startswith("file:"):
            vectors = load_anchors(self.encoder, texts, "")  # nothing is cached of a file
        else:
            vectors = torch.from_numpy(embed_names(find_encoder(self.encoder), [[text] for text in texts], self.prompt))
        return self.place(vectors, texts)

    def place(self, vectors: Tensor, texts: Sequence[str]) -> Tensor:
        """The encoder's vectors (N, D) of texts in the space of the features, (N, W). Raises ValueError as `embed`."""
        if self.mean is not None:
            vectors = center_anchors(vectors, self.mean)
        vectors = vectors.to(self.linear) @ self.linear  # (N, W)
        lost = vectors.norm(dim=1) < 1e-6
        if lost.any():
            raise ValueError(f"{texts[int(lost.nonzero()[0])]!r}: has nothing in common with the class names")
        return F.normalize(vectors, dim=1).float()


@dataclass
class Vocabulary:
    """Names to choose from instead of a label set's: first those that it has, which are scored, then the others.

    classes: (K,) int64 class index of each name, -1 outside the set. scored: how many are in it. asked: the names as
    they were given.
    """
    names: tuple[str, ...]
    classes: Tensor
    scored: int
    label_set: LabelSet
    asked: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], label_set: LabelSet) -> "Vocabulary":
        """The vocabulary of distinct names. Raises ValueError for fewer than two."""
        if len(names) < 2:
            raise ValueError(f"--class_names {','.join(names)}: nothing to choose between, give two or more names")
        known = [name for name in names if name in label_set.names]
        others = [name for name in names if name not in label_set.names]
        classes = [label_set.index(name) for name in known] + [-1] * len(others)
        return cls((*known, *others), torch.tensor(classes), len(known), label_set, tuple(names))

    @property
    def others(self) -> tuple[str, ...]:
        """Names that can be predicted but, being outside the set, have no ground truth."""
        return self.names[self.scored:]

    def as_label_set(self) -> LabelSet:
        """What predictions are written in: the names with the set's ids where it has them all, else with ids of their
        own, 1, 2, ... as they were given."""
        own = label_set_of(self.asked, "own")
        places = [self.asked.index(name) for name in self.names]
        colors, ids, known = own.colors[places], own.ids[places], self.classes[:self.scored].numpy()
        colors[:self.scored] = self.label_set.colors[known]
        if not self.others:
            ids = self.label_set.ids[known]
        return LabelSet(own.name if self.others else self.label_set.name, self.names, ids, ("",) * len(self.names),
                        colors)

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of each scored name."""
        return tuple(self.label_set.groups[index] for index in self.classes[:self.scored].tolist())

    def targets(self, labels: Tensor, ignore_label: int) -> Tensor:
        """Place among the scored names of class labels (N,); the ignore label for classes that are not listed."""
        places = self._places(ignore_label).to(labels.device)
        return places[labels.masked_fill(labels == ignore_label, len(self.label_set))]

    def predictions(self, classes: Tensor) -> Tensor:
        """Place among the scored names of predicted classes (N,), `scored` for -1, a name outside the set."""
        return self._places(self.scored).to(classes.device)[classes]  # -1 finds the last entry

    def _places(self, otherwise: int) -> Tensor:
        """(C + 1,) place of each class, `otherwise` for those not listed and for the entry after the last class."""
        places = torch.full((len(self.label_set) + 1,), otherwise)
        places[self.classes[:self.scored]] = torch.arange(self.scored)
        return places


class SeenClasses(nn.Module):
    """A stage-1 loss over the anchors of the classes that are not held out, called with labels among all.

    Held-out names must not serve as negatives either: features would learn to keep away from them.
    """

    def __init__(self, build_loss, anchors: Tensor, held_out: np.ndarray, ignore_label: int):
        """build_loss: anchors (C', D) -> loss; anchors: (C, D) of all classes; held_out: (M,) class indices."""
        super().__init__()
        seen = np.setdiff1d(np.arange(len(anchors)), held_out)
        places = torch.full((len(anchors),), ignore_label)
        places[seen] = torch.arange(len(seen))
        self.loss, self.ignore_label = build_loss(anchors[seen]), ignore_label
        self.register_buffer("places", places, persistent=False)

    @property
    def terms(self) -> dict[str, Tensor]:
        """Parts of the last loss, where it has any."""
        return getattr(self.loss, "terms", {})

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        """features: (N, D); target: (N,) int64 class or ignore label, held-out classes being ignored. A scalar."""
        labelled = target != self.ignore_label
        return self.loss(features, torch.where(labelled, self.places[target.masked_fill(~labelled, 0)], target))
