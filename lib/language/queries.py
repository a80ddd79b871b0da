"""Where in a scan is what a text describes? A stage-1 network's features against the text.

    finder = Finder("stage1.ckpt"); seen = finder.look("room.ply")
    heat = seen.relevancy(finder.embed(["somewhere to sit"])[0], finder.embed(["bed"]))   # (M,) of every voxel
"""
import json
import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from config.config import get_parser
from datasets.files import replacing
from datasets.geometry import connected
from datasets.label_sets import IGNORE_LABEL, load_label_set
from datasets.loader import collate
from datasets.ply import Scene, write_columns
from datasets.scannet200 import DATASETS, Sample
from datasets.scans.read import ScanOptions, read_scan, say
from datasets.transforms import NEUTRAL_COLOR
from datasets.voxelizer import Voxelizer
from lib.checkpoint import load_checkpoint, stored_label_set
from lib.language.relevancy import METHODS, NEGATIVES, by_names, lerf
from lib.stages import TextStage, build_stage, pick_device
from lib.view.render import heat_colors, usual_and_highest

SHARE = 0.7  # of the way from the scene's usual relevancy to its highest: where regions end
MIN_VOXELS = 10  # of a region
LONGEST = 500  # letters of a query; the encoder has an end
OVERRIDES = ("model", "voxel_size", "text_encoder", "learned_projection", "sparse_engine", "precision", "is_cuda",
             "unit", "up")


@dataclass
class Region:
    """Connected voxels that answer a query. score: mean relevancy of its points; center and size of its box, metres."""
    query: str
    score: float
    center: list[float]
    size: list[float]
    points: int


@dataclass
class Seen:
    """A scan and the network's features of it. scene: the P points that the network saw, in metres, z up.

    features: (M, D); voxels: (M, 3); inverse: (P,) voxel of each point.

    anchors: (C, D) unit, of the classes, by way of which texts are compared; names: (S, C, D) unit, ways to say
    each. None: as LERF does. temperature: of the features' cosines with the anchors.
    """
    scene: Scene
    features: Tensor
    voxels: np.ndarray
    inverse: np.ndarray
    anchors: Tensor | None = None
    names: Tensor | None = None
    temperature: float = 0.07

    def relevancy(self, query: Tensor, negatives: Tensor) -> np.ndarray:
        """Of every voxel, (M,) float32 in 0..1. query: (D,) unit; negatives: (K, D) unit, what it is not."""
        if self.anchors is None:
            return lerf(self.features, query, negatives).cpu().numpy()
        return by_names(self.beliefs, query, negatives, self.names).cpu().numpy()

    @cached_property
    def beliefs(self) -> Tensor:
        """(M, C) probability of each class name at each voxel."""
        cosines = torch.nn.functional.normalize(self.features, dim=1) @ self.anchors.T
        return cosines.div_(self.temperature).softmax(1)


class Finder:
    """A stage-1 network with the text encoder it was trained with."""

    def __init__(self, weights: str | Path, overrides: dict | None = None, method: str = METHODS[0]):
        """overrides: flags that differ from those the checkpoint was trained with; method: one of METHODS.

        Raises ValueError or FileNotFoundError for a file that is no stage-1 checkpoint, and as `build_stage`.
        """
        stored = load_checkpoint(weights)
        self.config = stage1_config(weights, stored.get("config"), overrides or {})
        self.device = pick_device(self.config)
        label_set = stored_label_set(stored, weights) or load_label_set()
        self.stage: TextStage = build_stage(self.config, label_set, stored).to(self.device).eval()
        self.method = method
        self.negatives = NEGATIVES if method == "lerf" else ()  # those that the method brings
        self.anchors = self.names = None
        if method == "names":
            self.anchors, self.names = self.stage.anchors, self.stage.names_and_synonyms()

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Texts (T, D) unit. Raises ValueError for an empty or too long one, and as `TextSpace.embed`."""
        for text in texts:
            if len(text) > LONGEST:
                raise ValueError(f"query {text[:30]!r}...: has {len(text)} letters, give at most {LONGEST}")
        return self.stage.embed(texts) if texts else self.stage.anchors[:0]

    @torch.no_grad()
    def look(self, path: str | Path) -> Seen:
        """Features of a scan, in any format. Raises FileNotFoundError and ValueError as `read_scan`."""
        voxel_size = DATASETS[self.config.dataset].choose_voxel_size(self.config.voxel_size)
        scan = read_scan(path, ScanOptions(self.config.unit, self.config.up, voxel_size, self.stage.label_set,
                                           as_input=True))
        say(scan)
        cloud = scan.cloud()
        voxels = Voxelizer(voxel_size, len(self.stage.label_set))(cloud.points, cloud.colors, None)
        colors = voxels.features / 255 - 0.5 if self.config.normalize_color else voxels.features
        batch = collate([Sample(scan.name, voxels.coordinates, colors.astype(np.float32, copy=False),
                                np.full(len(colors), IGNORE_LABEL), voxels.inverse, None, len(cloud.points))])
        features = self.stage(batch.to(self.device)).float()  # (M, D)
        labels = None
        if scan.labels is not None:
            labels = np.zeros(len(cloud.points), np.int32)
            labels[:int(scan.seen.sum())] = scan.labels[scan.seen]
        scene = Scene(scan.name, scan.placed(), cloud.colors, labels)
        return Seen(scene, features, voxels.coordinates, voxels.inverse, self.anchors, self.names,
                    self.config.contrast_temperature)


def stage1_config(weights: str | Path, stored: object, overrides: dict) -> Namespace:
    """Flags to run a stage-1 checkpoint with: the defaults, then `stored`, those it was trained with if it has them,
    then `overrides`."""
    config = get_parser().parse_args([])
    if isinstance(stored, dict):
        vars(config).update({name: value for name, value in stored.items() if name in vars(config)})
        fixed = DATASETS[config.dataset].VOXEL_SIZE if config.dataset in DATASETS else None
        config.voxel_size = fixed or config.voxel_size
    if not config.use_embedding_loss and "text_encoder" not in overrides:
        raise ValueError(f"{weights}: was not trained against text (no stage-1 checkpoint): give the best.ckpt of "
                         "training_scripts/text_representation_train.sh")
    vars(config).update(overrides)
    if "text_encoder" in overrides:
        config.language_features_path = None
    vars(config).update(weights=str(weights), is_train=False, use_embedding_loss=True, classifier_only=False,
                        resume=None, class_names=None, cache_data=False)
    return config


def regions(query: str, seen: Seen, values: np.ndarray, share: float = SHARE, min_voxels: int = MIN_VOXELS
            ) -> list[Region]:
    """Connected parts whose relevancy lies above `share` of the way from usual to highest, the best score first.

    values: (M,) relevancy of the voxels. Parts of fewer than `min_voxels` voxels are left out.
    """
    usual, highest = usual_and_highest(values[seen.inverse])
    chosen = np.flatnonzero(values >= usual + share * (highest - usual))
    part = np.full(len(values), -1)
    part[chosen] = connected(seen.voxels[chosen])
    sizes = np.bincount(part[chosen])
    of_point = part[seen.inverse]  # (P,)
    rows = np.argsort(of_point, kind="stable")[int((of_point < 0).sum()):]
    found = []
    for points in np.split(rows, np.flatnonzero(np.diff(of_point[rows])) + 1):
        if len(points) and sizes[of_point[points[0]]] >= min_voxels:
            low, high = seen.scene.points[points].min(0), seen.scene.points[points].max(0)
            found.append(Region(query, round(float(values[seen.inverse[points]].mean()), 4),
                                np.round((low + high) / 2, 3).tolist(), np.round(high - low, 3).tolist(), len(points)))
    return sorted(found, key=lambda region: -region.score)


def write_heat(path: Path, scene: Scene, values: np.ndarray) -> None:
    """Write a scan coloured by relevancy: `relevancy`, the scan's colours as input_red..., and its labels if any.

    values: (P,) relevancy of the points, in the file's order.
    """
    columns = dict(zip("xyz", scene.points.T))
    columns |= dict(zip(("red", "green", "blue"), heat_colors(values, *usual_and_highest(values)).T))
    columns |= {"relevancy": values.astype(np.float32)}
    colors = np.full(scene.points.shape, NEUTRAL_COLOR, np.uint8) if scene.colors is None else scene.colors
    columns |= dict(zip(("input_red", "input_green", "input_blue"), colors.T))
    if scene.labels is not None:
        columns |= {"ground_truth": scene.labels.astype(np.int32)}
    write_columns(path, columns)


def file_names(scene: str, queries: Sequence[str]) -> list[str]:
    """A file name without ending for each query, letters, digits and _ only after the scene's name, all different.

    A query's part has no __, so that scene a with "b c" and scene a_b with "c" do not share a file.
    """
    names: list[str] = []
    for query in queries:
        slug = re.sub(r"[^a-z0-9]+", "_", query.lower()).strip("_")[:60] or "query"
        name, number = f"{scene}__{slug}", 2
        while name in names:
            name, number = f"{scene}__{slug}_{number}", number + 1
        names.append(name)
    return names


def ask(finder: Finder, path: str | Path, queries: Sequence[str], negatives: Sequence[str], out: str | Path,
        share: float = SHARE) -> list[tuple[str, Path, list[Region]]]:
    """Answer every query about a scan: <out>/<scene>__<query>.ply each, and <out>/<scene>_regions.json.

    negatives: texts that are not meant. Returns (query, PLY, regions) of each. Raises as `Finder`, before anything is
    written.
    """
    negatives = list(dict.fromkeys([*finder.negatives, *negatives]))
    texts = finder.embed([*queries, *negatives])  # before the network runs: a wrong text need not wait
    seen = finder.look(path)
    answers, about = [], []
    for query, name, text in zip(queries, file_names(seen.scene.name, queries), texts):
        values = seen.relevancy(text, texts[len(queries):])
        usual, highest = usual_and_highest(values[seen.inverse])
        found = regions(query, seen, values, share)
        ply = Path(out) / f"{name}.ply"
        write_heat(ply, seen.scene, values[seen.inverse])
        answers.append((query, ply, found))
        about.append({"query": query, "usual": round(usual, 4), "highest": round(highest, 4),
                      "threshold": round(usual + share * (highest - usual), 4),
                      "regions": [asdict(region) for region in found]})
    with replacing(Path(out) / f"{seen.scene.name}_regions.json") as file:
        json.dump({"scene": str(path), "weights": finder.config.weights, "not": negatives,
                   "method": finder.method, "share": share, "queries": about}, file, indent=1)
    return answers
