"""Points in, labels out: `Predictor("best.ckpt")(points, colors) -> labels, confidence`. No file is touched.

One way for all: a scan is cut into tiles, in each every network looks at every view, their answers are averaged, tiles
are blended, and of every row only the best is kept. Rows are voxels where all answers are about the same voxels (one
view; the same voxel size), else points.
"""
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from config.config import get_parser
from datasets.label_sets import LabelSet
from datasets.voxelizer import COORDINATE_LIMIT, Voxelizer, Voxels
from lib import distributed
from lib.checkpoint import load_checkpoint
from lib.inference.augment import View, views
from lib.inference.networks import load_networks, weights_of
from lib.inference.tiles import Blend, Tile, cut
from lib.memory import free_memory, is_out_of_memory
from lib.network_folder import PRETRAINED, WEIGHTS
from lib.sparse.quantize import vote

CHUNK = 1 << 16  # rows whose probabilities are looked at together
SHARE_OF_FREE = 0.5  # of the free memory, for the network
MOST = 6.5 * 2**30  # bytes on a CPU, for the network and the scan: larger tiles would hardly be faster
BYTES_OF_A_POINT = 250  # of a large scan, with what tiles leave behind in the heap; `benchmarks.tiles --files` measures
OF_TRAINING = ("is_train", "resume", "weights", "log_dir", "scannet_path", "label_set", "cache_data", "class_names",
               "max_voxels", "save_probabilities")  # settings in a checkpoint that say nothing of how to predict

OnScores = Callable[[np.ndarray, Tensor], None]


@dataclass
class Prediction:
    """Of P points in V voxels. classes: (P,) place among the names; confidence: (P,) float32, its probability.

    best, probabilities: (P, K) int32 and float16, the K likeliest, the best first. voxels: (V, 3) int32 in voxels from
    the points' origin, inverse: (P,) int64, voxel of each point, voxel_classes: (V,) int64. tiles: how many there were.
    """
    classes: np.ndarray
    confidence: np.ndarray
    best: np.ndarray
    probabilities: np.ndarray
    voxels: np.ndarray
    inverse: np.ndarray
    voxel_classes: np.ndarray
    tiles: int


class Predictor:
    """A trained network of any stage, or several whose probabilities are averaged.

    label_set: of the first network. answers: what is predicted, names, ids and colours; with --class_names these.
    """

    def __init__(self, checkpoint: str | Path | list[str | Path], **flags):
        """checkpoint: one or more, as `--weights`. flags: of main.py, which win over those the checkpoint was trained
        with: tta=8, max_voxels=500_000, class_names="couch,lava lamp", is_cuda=False, ...

        Raises ValueError or OSError, one line, for an unknown flag and as `load_networks`.
        """
        paths = checkpoint if isinstance(checkpoint, list | tuple) else [checkpoint]
        self._take(_config_of(",".join(map(str, paths)), flags))

    @classmethod
    def pretrained(cls, **flags) -> "Predictor":
        """The network that lies in the clone, `weights/pretrained`. Raises FileNotFoundError where there is none."""
        return cls(WEIGHTS / PRETRAINED, **flags)

    @classmethod
    def of_config(cls, config: Namespace) -> "Predictor":
        """By the flags of main.py alone."""
        predictor = cls.__new__(cls)
        predictor._take(config)
        return predictor

    def _take(self, config: Namespace) -> None:
        self.label_set, self.networks = load_networks(config)
        self.views = views(config.tta)
        self.max_voxels = config.max_voxels
        vocabularies = {network.stage.vocabulary.names for network in self.networks if network.stage.vocabulary}
        self.vocabulary = self.networks[0].stage.vocabulary if vocabularies else None
        self.answers: LabelSet = self.vocabulary.as_label_set() if self.vocabulary else self.label_set

    @property
    def voxel_size(self) -> float:
        """Metres, of the first network."""
        return self.networks[0].voxel_size

    def __call__(self, points: np.ndarray, colors: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """labels (N,) int32 ids, and confidence (N,) float32, the probability of each, 0..1.

        points: (N, 3) metres, z up; colors: (N, 3) uint8 or None. Points that are not finite get the unlabelled id, at
        confidence 0. Raises ValueError for other shapes and types, no point, and a scan that memory is too small for.
        """
        points, colors, finite = _checked(points, colors)
        found = self.predict(points[finite], None if colors is None else colors[finite])
        classes, confidence = np.full(len(points), -1), np.zeros(len(points), np.float32)
        classes[finite], confidence[finite] = found.classes, found.confidence
        return self.answers.to_ids(classes), confidence

    def probabilities(self, points: np.ndarray, colors: np.ndarray | None = None) -> np.ndarray:
        """(N, K) float32 of every name of `answers`, in its order; 0 where a point is not finite. Raises as a call."""
        points, colors, finite = _checked(points, colors)
        kept: list[tuple[np.ndarray, np.ndarray]] = []
        found = self.predict(points[finite], None if colors is None else colors[finite],
                             on_scores=lambda rows, scores: kept.append((rows, self._shares(scores).cpu().numpy())))
        of_rows = np.empty((sum(len(rows) for rows, _ in kept), len(self.answers)), np.float32)
        for rows, shares in kept:
            of_rows[rows] = shares
        result = np.zeros((len(points), len(self.answers)), np.float32)
        result[finite] = of_rows[found.inverse] if self._of_voxels else of_rows
        return result

    def predict(self, points: np.ndarray, colors: np.ndarray | None, best: int = 0, on_scores: OnScores | None = None,
                voxels: Voxels | None = None) -> Prediction:
        """Everything about finite points. best: K, how many classes to keep of each.

        on_scores: called with rows (n,) and their final scores (n, K), each row once: logits, cosines or, of several
        answers, probabilities. voxels: of the points at `voxel_size`, where they are known. Raises as a call.
        """
        try:
            if voxels is None:
                voxels = self.voxelizer(points, colors, None)
            return self._predict(points, colors, voxels, min(best, len(self.answers)), on_scores)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            size = f"{len(points):,} points" if voxels is None else f"{len(voxels.coordinates):,} voxels"
            raise ValueError(f"out of memory at {size}: give a --max_voxels below {self.largest(len(points)):,}, or a "
                             "larger --voxel_size for a network trained at it; fewer --tta and --weights need less, too"
                             ) from None

    @property
    def voxelizer(self) -> Voxelizer:
        """Of the first network, for points as they are."""
        return Voxelizer(self.voxel_size, len(self.label_set))

    def largest(self, points: int = 0) -> int:
        """Voxels of the largest tile of a scan of so many points, by --max_voxels and the free memory."""
        if self.max_voxels != "auto":
            return self.max_voxels or COORDINATE_LIMIT**2
        device = self.networks[0].device
        free = free_memory(device)
        budget = MOST if free is None else SHARE_OF_FREE * free
        budget /= distributed.on_this_machine()
        if device.type != "cuda":
            budget = min(budget, max(MOST - BYTES_OF_A_POINT * points, MOST / 4))
        need = max(network.bytes_of_a_voxel(len(self.answers)) for network in self.networks)
        if not self._of_voxels:
            need += 2 * len(self.answers) * self.views_and_networks
        return max(int(budget / need), 10_000)

    @property
    def views_and_networks(self) -> int:
        """How many answers are averaged."""
        return len(self.views) * len(self.networks)

    @property
    def _of_voxels(self) -> bool:
        """Whether rows are voxels."""
        return len(self.views) == 1 and len({network.voxel_size for network in self.networks}) == 1

    def _shares(self, scores: Tensor) -> Tensor:
        """Probabilities of final scores."""
        return self.networks[0].probabilities(scores) if self.views_and_networks == 1 else scores

    def _predict(self, points: np.ndarray, colors: np.ndarray | None, voxels: Voxels, best: int,
                 on_scores: OnScores | None) -> Prediction:
        rows = len(voxels.coordinates) if self._of_voxels else len(points)
        classes, confidence = np.zeros(rows, np.int64), np.zeros(rows, np.float32)
        likeliest, shares_of = np.zeros((rows, best), np.int32), np.zeros((rows, best), np.float16)

        def finish(which: np.ndarray, scores: Tensor) -> None:
            for start in range(0, len(which), CHUNK):
                part, some = which[start:start + CHUNK], scores[start:start + CHUNK]
                found, shares = some.argmax(1), self._shares(some)
                classes[part] = found.cpu().numpy()
                confidence[part] = shares.gather(1, found[:, None])[:, 0].cpu().numpy()
                if best:
                    top = some.topk(best, dim=1).indices
                    top = torch.where(top == found[:, None], top[:, :1], top)  # of equal ones `found` comes first
                    top[:, 0] = found
                    likeliest[part] = top.cpu().numpy()
                    shares_of[part] = shares.gather(1, top).half().cpu().numpy()
                if on_scores:
                    on_scores(part, some)

        blend, tiles = Blend(), 0
        of_voxel = None if self._of_voxels else _points_by_voxel(voxels)
        for tile in cut(voxels.coordinates, self.largest(len(points))):
            tiles += 1
            parts = self._of_tile(tile, voxels) if self._of_voxels else self._of_points(tile, points, colors, *of_voxel)
            for which, weights, scores in parts:
                for done, values in blend.add(which, weights, scores):
                    finish(done, values)
        if self._of_voxels:
            at = voxels.inverse
            return Prediction(classes[at], confidence[at], likeliest[at], shares_of[at], voxels.coordinates,
                              voxels.inverse, classes, tiles)
        of_voxels = vote(classes, voxels.inverse, len(voxels.coordinates), len(self.answers))
        return Prediction(classes, confidence, likeliest, shares_of, voxels.coordinates, voxels.inverse, of_voxels,
                          tiles)

    def _of_tile(self, tile: Tile, voxels: Voxels) -> Iterator[tuple[np.ndarray, np.ndarray, Tensor]]:
        """(voxels, weights, scores) of a tile that all networks see alike."""
        seen = voxels.coordinates[tile.rows], voxels.features[tile.rows]
        answered = torch.from_numpy(tile.answered)
        if self.views_and_networks == 1:
            scores = self.networks[0].scores(*seen)
        else:
            scores = sum(network.probabilities(network.scores(*seen)) for network in self.networks)
            scores /= len(self.networks)
        whole = len(answered) == len(scores)
        yield tile.rows[tile.answered], tile.weights, scores if whole else scores[answered.to(scores.device)]

    def _of_points(self, tile: Tile, points: np.ndarray, colors: np.ndarray | None, order: np.ndarray,
                   starts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, Tensor]]:
        """(points, weights, probabilities) of a tile, by every view of every network.

        order, starts: as `_points_by_voxel`."""
        counts = np.diff(starts)[tile.rows]
        weight = np.zeros(len(tile.rows), np.float32)
        weight[tile.answered] = tile.weights
        seen = order[np.repeat(starts[tile.rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())]
        ascending = np.argsort(seen)
        seen, weight = seen[ascending], np.repeat(weight, counts)[ascending]
        near, near_colors = points[seen], None if colors is None else colors[seen]
        answers = [(probabilities.half(), torch.from_numpy(inverse).to(probabilities.device))
                   for view in self.views for inverse, probabilities in self._by_view(view, near, near_colors)]
        for whole in (True, False):  # the overlaps in one piece: what is kept of them is copied for each
            chosen = np.flatnonzero(weight >= 1 if whole else (weight > 0) & (weight < 1))
            for part in np.split(chosen, range(CHUNK, len(chosen), CHUNK)) if whole else [chosen]:
                if len(part):
                    at = torch.from_numpy(part).to(answers[0][1].device)
                    mean = sum(shares[inverse[at]].float() for shares, inverse in answers) / len(answers)
                    yield seen[part], weight[part], mean

    def _by_view(self, view: View, points: np.ndarray, colors: np.ndarray | None
                 ) -> Iterator[tuple[np.ndarray, Tensor]]:
        """(inverse, probabilities of the voxels) by every network."""
        cut_up: dict[float, Voxels] = {}
        for network in self.networks:
            if network.voxel_size not in cut_up:
                cut_up[network.voxel_size] = Voxelizer(network.voxel_size, len(self.label_set))(
                    view(points, network.voxel_size), colors, None)
            voxels = cut_up[network.voxel_size]
            yield voxels.inverse, network.probabilities(network.scores(voxels.coordinates, voxels.features))


def _points_by_voxel(voxels: Voxels) -> tuple[np.ndarray, np.ndarray]:
    """Points (P,) in the order of their voxels, and where each voxel's begin, (V + 1,)."""
    counts = np.bincount(voxels.inverse, minlength=len(voxels.coordinates))
    return np.argsort(voxels.inverse, kind="stable"), np.concatenate([[0], np.cumsum(counts)])


def _checked(points: np.ndarray, colors: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Points near the origin, colours, and which points are finite, (N,) bool."""
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        raise ValueError(f"points: {points.shape} {points.dtype}, give (N, 3) numbers, metres")
    if colors is not None and (np.shape(colors) != points.shape or np.asarray(colors).dtype != np.uint8):
        raise ValueError(f"colors: {np.shape(colors)} {np.asarray(colors).dtype}, give {points.shape} uint8, or None")
    finite = np.isfinite(points).all(1)
    if not finite.any():
        raise ValueError("points: none is finite, so there is nothing to predict")
    if np.abs(points[finite]).max() > 10_000:  # map coordinates: whole kilometres less, so that voxels can be numbered
        points = points - np.median(points[finite], axis=0).round(-3)
    return points, None if colors is None else np.asarray(colors), finite


def _config_of(weights: str, flags: dict) -> Namespace:
    """The defaults, then what the (first) checkpoint was trained with, then `flags`, each checked as on the line."""
    parser = get_parser()
    actions = {action.dest: action for action in parser._actions if action.dest not in ("help", "config")}
    config = parser.parse_args([])
    stored = load_checkpoint(weights_of(weights)[0]).get("config")
    if isinstance(stored, dict):
        vars(config).update({name: value for name, value in stored.items()
                             if name in actions and name not in OF_TRAINING})
    vars(config).update(weights=weights, is_train=False, scannet_path=weights)
    for name, value in flags.items():
        if name not in actions or name in OF_TRAINING[:4]:
            raise ValueError(f"{name}: is no flag that a Predictor takes; `python main.py --help` lists flags")
        action = actions[name]
        try:
            value = action.type(value) if action.type and value is not None else value
        except (ValueError, TypeError, ArgumentTypeError) as error:
            raise ValueError(f"{name}: {error}") from None
        if action.choices and value not in action.choices:
            raise ValueError(f"{name}: {value!r} is none of {', '.join(map(str, action.choices))}")
        setattr(config, name, value)
    if config.use_embedding_loss is None:
        config.use_embedding_loss = "Textual" in config.dataset
    return config
