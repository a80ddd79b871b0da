"""Scenes of a dataset root (`<split>.txt`, PLYs) as voxelised samples; the classes that `--dataset` names.

    dataset = DATASETS["Scannet200Voxelization2cmDataset"](config, split="train", training=True)
    sample = dataset[0]
"""
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from datasets.labels import raw_to_class
from datasets.ply import Scene, read_scene
from datasets.transforms import color_transforms, point_transforms
from datasets.voxelizer import Voxelizer

DEFAULT_VOXEL_SIZE = 0.02  # metres
LARGEST_RAW_ID = 1400  # ScanNet's own ids end below; one above, or below 0, comes from another label set


@dataclass
class Sample:
    """One voxelised scene.

    coordinates: (M, 3) int32, voxels. features: (M, 3) float32, colour. labels: (M,) int64 class index or ignore label.
    inverse: (N,) int64, row of `coordinates` of each point, and point_labels: (N,) int64 class index or ignore label,
    both in the file's vertex order; None in training, where points are not scored. point_labels is None, too, where
    the file has no labels (labels are all ignore label then). point_count: N.
    """
    name: str
    coordinates: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    inverse: np.ndarray | None
    point_labels: np.ndarray | None
    point_count: int


class SceneDataset(torch.utils.data.Dataset):
    """The scenes that `<config.scannet_path>/<split>.txt` lists, one relative path a line.

    training: augment, and want labels. The augmentation of a scene depends on config.seed, the epoch and the scene's
    index alone, so it is the same whatever process computes it; the epoch lies in shared memory, where `set_epoch`
    in the main process reaches running workers. config.cache_data keeps decoded scenes in memory, per process.

    Raises FileNotFoundError at construction if root, list or a listed scene is missing (lesson L21), and ValueError
    for an empty list, a scene name listed twice (outputs carry the name), and a wrong voxel size.
    """
    VOXEL_SIZE: float | None = None  # metres; None: what --voxel_size says, else 2 cm
    textual = False  # True: trained against text anchors (stage 1)

    def __init__(self, config: Namespace, split: str, training: bool):
        self.split = split
        self.training = training
        self.paths = read_split(config.scannet_path, split)
        self.voxel_size = self._choose_voxel_size(config.voxel_size)
        self.voxelizer = Voxelizer(self.voxel_size, config.ignore_label)
        self.move = point_transforms(config, self.voxel_size) if training else None
        self.recolor = color_transforms(config) if training else None
        self.ignore_label = config.ignore_label
        self.normalize_color = config.normalize_color
        self.seed = config.seed
        self._cache: dict[int, Scene] | None = {} if config.cache_data else None
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    @classmethod
    def _choose_voxel_size(cls, flag: float | None) -> float:
        if cls.VOXEL_SIZE is not None and flag is not None and flag != cls.VOXEL_SIZE:
            free = cls.__name__.replace("2cm", "")
            raise ValueError(f"--dataset {cls.__name__} is cut at {cls.VOXEL_SIZE} m, --voxel_size says {flag}: "
                             f"use --dataset {free} --voxel_size {flag}")
        return cls.VOXEL_SIZE or (DEFAULT_VOXEL_SIZE if flag is None else flag)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def names(self) -> list[str]:
        """Scene names in the order of the list."""
        return [path.stem for path in self.paths]

    def set_epoch(self, epoch: int) -> None:
        """Choose the augmentation of the samples that are asked for from now on, here and in worker processes."""
        self._epoch[0] = epoch

    def scene(self, index: int) -> Scene:
        """The scan as it lies on disk. Raises ValueError as `read_scene`, and for labels of another label set."""
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        scene = read_scene(self.paths[index])
        _check_labels(scene, self.paths[index], required=self.training)
        if self._cache is not None:
            self._cache[index] = scene
        return scene

    def __getitem__(self, index: int) -> Sample:
        scene = self.scene(index)
        points, colors = scene.points, scene.colors
        labels = None if scene.labels is None else raw_to_class(scene.labels, self.ignore_label)
        rng = np.random.default_rng([self.seed, int(self._epoch[0]), index])
        try:
            if self.training:
                points, colors, labels = self.move(points, colors, labels, rng)
            voxels = self.voxelizer(points, colors, labels)
        except ValueError as error:
            raise ValueError(f"{self.paths[index]}: {error}") from None
        features, voxel_labels = voxels.features, voxels.labels
        if self.training:
            _, features, _ = self.recolor(voxels.coordinates, features, voxel_labels, rng)
        if self.normalize_color:
            features = features / 255 - 0.5
        if voxel_labels is None:
            voxel_labels = np.full(len(voxels.coordinates), self.ignore_label, dtype=np.int64)
        return Sample(scene.name, voxels.coordinates, features.astype(np.float32, copy=False), voxel_labels,
                      None if self.training else voxels.inverse, None if self.training else labels, len(points))


class Scannet200VoxelizationDataset(SceneDataset):
    """Stages 2 and 3 and inference, at --voxel_size."""


class Scannet200Voxelization2cmDataset(Scannet200VoxelizationDataset):
    """Stages 2 and 3 and inference, at 2 cm (lesson L16)."""
    VOXEL_SIZE = 0.02


class Scannet200TextualDataset(SceneDataset):
    """Stage 1 at --voxel_size: the same scenes and labels, trained against text anchors."""
    textual = True


class Scannet200Textual2cmDataset(Scannet200TextualDataset):
    """Stage 1 at 2 cm."""
    VOXEL_SIZE = 0.02


DATASETS = {cls.__name__: cls for cls in (Scannet200VoxelizationDataset, Scannet200Voxelization2cmDataset,
                                          Scannet200TextualDataset, Scannet200Textual2cmDataset)}


def read_split(root: str | Path, split: str) -> list[Path]:
    """Paths of the scenes that `<root>/<split>.txt` lists, in its order. Raises as `SceneDataset`."""
    if not str(root):
        raise FileNotFoundError("no dataset: --scannet_path is empty; name a dataset folder, or " + _remedy("DATA"))
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such dataset folder; {_remedy(root)}")
    listing = root / f"{split}.txt"
    if not listing.is_file():
        raise FileNotFoundError(f"{listing}: the list of {split} scenes is missing; {_remedy(root)}")
    lines = [line.strip() for line in listing.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    paths = [root / line for line in lines if line]
    if not paths:
        raise ValueError(f"{listing}: lists no scene")
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]}: listed in {listing} but missing ({len(missing)} of {len(paths)} are); "
                                f"{_remedy(root)}")
    seen: set[str] = set()
    for path in paths:
        if path.stem in seen:
            raise ValueError(f"{listing}: scene {path.stem} is listed twice")
        seen.add(path.stem)
    return paths


def _remedy(root: str | Path) -> str:
    return f"make one with `python -m datasets.synthetic --out {root}`; README.md says how one of your own is laid out"


def _check_labels(scene: Scene, path: Path, required: bool) -> None:
    if scene.labels is None:
        if required:
            raise ValueError(f"{path}: has no label column; training needs one (raw ScanNet ids, 0 = unlabelled)")
        return
    wrong = (scene.labels < 0) | (scene.labels > LARGEST_RAW_ID)
    if wrong.any():
        vertex = int(np.argmax(wrong))
        raise ValueError(f"{path}: vertex {vertex} has label {scene.labels[vertex]}, outside ScanNet's label table "
                         "(raw ids as in config/scannet200_labels.csv, 0 = unlabelled)")
