"""Scenes of a dataset root (`<split>.txt`, PLYs) as voxelised samples; the classes that `--dataset` names.

    dataset = DATASETS["Scannet200Voxelization2cmDataset"](config, split="train", training=True, label_set=label_set)
    sample = dataset[0]
"""
import functools
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from datasets.cropping import around_a_label
from datasets.instance_sampling import InstanceSampler
from datasets.label_ids import LabelIds
from datasets.label_sets import LabelSet, read_names
from datasets.mix3d import mix
from datasets.npy_scene import DecodedScenes
from datasets.ply import Scene
from datasets.scans.read import check_kind, read_strictly, scans_in
from datasets.thinning import kept_rows
from datasets.transforms import Cloud, color_transforms, point_transforms
from datasets.voxelizer import Voxelizer

DEFAULT_VOXEL_SIZE = 0.02  # metres
CROP = 1  # of the numbers drawn for a sample, those of --max_scene_voxels


@dataclass
class Sample:
    """One voxelised scene.

    coordinates: (M, 3) int32, voxels. features: (M, 3) float32, colour. labels: (M,) int64 class index or ignore label.
    inverse: (N,) int64, row of `coordinates` of each point, and point_labels: (N,) int64 class index or ignore label,
    both in the file's vertex order; None in training, where points are not scored. point_labels is None, too, where
    the file has no labels (labels are all ignore label then). point_count: N. placed, skipped: classes of the tail
    instances that were inserted, and of those that found no place.
    """
    name: str
    coordinates: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    inverse: np.ndarray | None
    point_labels: np.ndarray | None
    point_count: int
    placed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


class SceneDataset(torch.utils.data.Dataset):
    """The scenes that `<config.scannet_path>/<split>.txt` lists, one relative path a line.

    training: augment, and want labels. The augmentation of a scene depends on config.seed, the epoch, the scene's index
    and, for a scene that comes again in an epoch, dataset[index, times before], on these times alone, so it is the same
    whatever process computes it; the epoch lies in shared memory, where `set_epoch` in the main process reaches running
    workers. repeats: (N,) how often scenes come in relation to each other, or None; those to mix with come so, too.
    config.max_scene_voxels: what has more is cropped, in training; config.point_dropout and config.cutouts leave points
    out before (thinning.py). config.cache_data keeps decoded scenes memory-mapped
    beside the scans.

    Raises FileNotFoundError at construction if root, list or a listed scene is missing (lesson L21), and ValueError
    for an empty list, a scene name listed twice (outputs carry the name), a wrong voxel size, and an ignore label that
    is a class.
    """
    VOXEL_SIZE: float | None = None  # metres; None: what --voxel_size says, else 2 cm
    textual = False  # True: trained against text anchors (stage 1)

    def __init__(self, config: Namespace, split: str, training: bool, label_set: LabelSet):
        self.split, self.root, self.label_set = split, config.scannet_path, label_set
        self.training = training
        self.paths = read_split(config.scannet_path, split)
        self.voxel_size = self.choose_voxel_size(config.voxel_size)
        if 0 <= config.ignore_label < len(label_set):
            raise ValueError(f"--ignore_label {config.ignore_label}: is the class "
                             f"{label_set.names[config.ignore_label]}; give a number outside 0..{len(label_set) - 1}")
        self.voxelizer = Voxelizer(self.voxel_size, len(label_set), config.ignore_label)
        self.move = point_transforms(config, self.voxel_size) if training else None
        self.recolor = color_transforms(config) if training else None
        self.ignore_label = config.ignore_label
        self.normalize_color = config.normalize_color
        self.color_dropout = config.color_dropout
        self.seed = config.seed
        self.mix_scenes = config.mix_scenes if training else 0.0
        self.max_voxels = config.max_scene_voxels if training else 0
        augment, missed = training and config.train_augmentation, (config.point_dropout, config.cutouts)
        self.thinning = missed if augment and any(missed) else None
        self.sampler = _instance_sampler(config, label_set) if training and config.sample_tail_instances else None
        self.held_out = _held_out(config, label_set)
        self.label_ids = LabelIds(config.label_ids, label_set)
        folder = decoded_folder(config.scannet_path)
        self._decoded = DecodedScenes(folder, self.label_ids.key()) if config.cache_data else None
        self.repeats: np.ndarray | None = None
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    @classmethod
    def choose_voxel_size(cls, flag: float | None) -> float:
        """Metres, by --voxel_size. Raises ValueError where the class fixes another."""
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
        """The scan as it lies on disk.

        Raises ValueError as `read_scene`, for labels of another label set, and in training for a scan without labels,
        or without colours where there is no --color_dropout.
        """
        path = self.paths[index]
        read = functools.partial(read_scan, label_set=self.label_set, label_ids=self.label_ids)
        scene = self._decoded.get(path, read) if self._decoded else read(path)
        if self.training and scene.labels is None:
            raise ValueError(f"{path}: has no label column; training needs one (ids of label set "
                             f"{self.label_set.name}, {self.label_set.unlabelled_id} = unlabelled)")
        if self.training and scene.colors is None and not self.color_dropout:
            raise ValueError(f"{path}: has no colours; to train on it say --color_dropout P above 0 (0.2, say), which "
                             "also takes them from a share P of the other scenes, or leave it out of the list")
        return scene

    def __getitem__(self, index: int | tuple[int, int]) -> Sample:
        index, before = index if isinstance(index, tuple) else (index, 0)
        rng = np.random.default_rng([self.seed, int(self._epoch[0]), index] + [before] * (before > 0))
        try:
            name, (points, colors, labels), placed, skipped = self._cloud(index, rng)
            if self.mix_scenes and rng.random() < self.mix_scenes:
                other = self._partner(rng)
                other_name, cloud, more_placed, more_skipped = self._cloud(other, rng)
                points, colors, labels = mix((points, colors, labels), cloud, rng)
                name, placed, skipped = f"{name}+{other_name}", placed + more_placed, skipped + more_skipped
            voxels = self.voxelizer(points, colors, labels)
            if self.max_voxels:  # by numbers of its own, whatever else is drawn for the sample
                crop = np.random.default_rng([self.seed, int(self._epoch[0]), index, before, CROP])
                voxels = voxels.of_rows(around_a_label(voxels.coordinates, voxels.labels, self.max_voxels, crop,
                                                       self.ignore_label))
        except ValueError as error:
            path = str(self.paths[index])
            raise ValueError(str(error) if path in str(error) else f"{path}: {error}") from None
        features, voxel_labels = voxels.features, voxels.labels
        if self.training and colors is not None:
            _, features, _ = self.recolor(voxels.coordinates, features, voxel_labels, rng)
        if self.normalize_color:
            features = features / 255 - 0.5
        if voxel_labels is None:
            voxel_labels = np.full(len(voxels.coordinates), self.ignore_label, dtype=np.int64)
        return Sample(name, voxels.coordinates, features.astype(np.float32, copy=False), voxel_labels,
                      None if self.training else voxels.inverse, None if self.training else labels, len(points),
                      placed, skipped)

    def classes(self, labels: np.ndarray) -> np.ndarray:
        """Class index or ignore label of each id (N,), with --held_out_classes ignored."""
        classes = self.label_set.to_classes(labels, self.ignore_label)
        if len(self.held_out):
            classes[np.isin(classes, self.held_out)] = self.ignore_label
        return classes

    def _partner(self, rng: np.random.Generator) -> int:
        """A scene to mix with."""
        if self.repeats is None:
            return int(rng.integers(len(self)))
        return int(rng.choice(len(self), p=self.repeats / self.repeats.sum()))

    def _cloud(self, index: int, rng: np.random.Generator) -> tuple[str, Cloud, list[str], list[str]]:
        """A scene's name and points with class labels; in training moved, with instances inserted, and which."""
        scene, placed, skipped = self.scene(index), [], []
        if self.training and self.sampler:
            scene, placed, skipped = self.sampler(scene, rng)
        labels = None if scene.labels is None else self.classes(scene.labels)
        cloud = (scene.points, scene.colors, labels)
        if self.thinning:  # by numbers of its own; before the rest, which costs less then
            rows = kept_rows(scene.points, rng.spawn(1)[0], *self.thinning)
            cloud = tuple(None if part is None else part[rows] for part in cloud)
        return scene.name, self.move(*cloud, rng) if self.training else cloud, placed, skipped


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


def read_split(root: str | Path, split: str, missing_ok: bool = False) -> list[Path]:
    """Paths of a split's scenes: those that `<root>/<split>.txt` lists, in its order; without a list, Pointcept's scene
    folders `<root>/<split>/*/coord.npy`, or, to run a network on, the scans in `<root>`, or a single one as `root`.

    missing_ok: what a list names need not be there. Raises as `SceneDataset`.
    """
    if not str(root):
        raise FileNotFoundError("no dataset: --scannet_path is empty; name a dataset folder, or " + _remedy("DATA"))
    root = Path(root)
    if root.is_file():
        check_kind(root)
        return [root]
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such dataset folder; {_remedy(root)}")
    listing = root / f"{split}.txt"
    if listing.is_file():
        paths = _listed(root, listing, missing_ok)
    else:
        paths = sorted(file.parent for file in root.glob(f"{split}/*/coord.npy")) or (
            [] if split == "train" else scans_in(root))
        if not paths:
            raise FileNotFoundError(f"{listing}: the list of {split} scenes is missing; {_remedy(root)}")
    seen: set[str] = set()
    for path in paths:
        if path.stem in seen:
            raise ValueError(f"{listing}: scene {path.stem} is listed twice")
        seen.add(path.stem)
    return paths


def _listed(root: Path, listing: Path, missing_ok: bool) -> list[Path]:
    lines = [line.strip() for line in listing.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    paths = [root / line for line in lines if line]
    if not paths:
        raise ValueError(f"{listing}: lists no scene")
    missing = [path for path in paths if not path.exists()]
    if missing and not (missing_ok and len(missing) < len(paths)):
        raise FileNotFoundError(f"{missing[0]}: listed in {listing} but missing ({len(missing)} of {len(paths)} are); "
                                f"{_remedy(root)}")
    return paths


def read_scan(path: Path, label_set: LabelSet, label_ids: LabelIds | None = None) -> Scene:
    """A scan of a dataset root, in any format, nothing guessed, with colours or without; its labels are ids of the set.

    label_ids: what a file's labels are, "auto" where it is None; Pointcept's are class indices. Raises as `read_scene`,
    `read_npy_scene` and `LabelIds`.
    """
    scene = read_strictly(path, label_set)
    if scene.labels is not None and not path.is_dir():
        scene.labels = (label_ids or LabelIds("auto", label_set))(scene.labels, path)
    return scene


def decoded_folder(root: str | Path) -> Path:
    """Where --cache_data keeps decoded scenes of a dataset root."""
    root = Path(root)
    return (root if root.is_dir() else root.parent) / ".decoded"


def _instance_sampler(config: Namespace, label_set: LabelSet) -> InstanceSampler:
    return InstanceSampler(config.scannet_path, label_set, config.num_instances_to_add,
                           config.max_instance_placing_iterations, config.instance_sampling_weights)


def _held_out(config: Namespace, label_set: LabelSet) -> np.ndarray:
    """Classes whose labels a training, its validation included, must not see; evaluation afterwards sees them."""
    if not (config.is_train and config.held_out_classes):
        return np.empty(0, np.int64)
    return label_set.indices(read_names(config.held_out_classes, "--held_out_classes"), "--held_out_classes")


def _remedy(root: str | Path) -> str:
    return (f"make one with `python -m datasets.preprocess.scannet200 --scannet RAW --out {root}` from ScanNet or "
            f"`python -m datasets.synthetic --out {root}`; docs/data.md says how one of your own is laid out")
