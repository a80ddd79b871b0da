"""What a validation looks like: bars of every class's IoU, what the worst classes are taken for, and a few of its
scenes with prediction beside ground truth.

    pictures = ValidationPictures(config, dataset, device)
    evaluation = evaluate(stage, loader, device, on_scene=pictures.keep)
    pictures.write(log, stage, evaluation, step)
"""
from argparse import Namespace
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from datasets.label_sets import IGNORE_LABEL, LabelSet
from datasets.loader import collate
from datasets.scannet200 import SceneDataset
from datasets.transforms import NEUTRAL_COLOR
from lib.inference.evaluation import Evaluation
from lib.training.run_log import RunLog
from lib.view.confusion_bars import draw_confusions
from lib.view.iou_bars import draw_iou_bars
from lib.view.panels import Panels, error_colors, legend_entries, open_room, point_accuracy
from lib.view.picture import compose, panel_size
from lib.view.render import Shaded, View, shade_points

WIDTH = 1000  # pixels
LARGER = 1.7  # words, since TensorBoard shows a picture at a third of its width until it is clicked
MOST_POINTS = 200_000  # of a scene that are drawn


@dataclass
class _Place:
    """What of a scene stays: a view, which of its points are in it, (V,), and the truth of all, (P,) class or -1."""
    view: Shaded
    rows: np.ndarray
    truth: np.ndarray | None


class ValidationPictures:
    """Pictures of the validation in TensorBoard, the same scenes each time: `number` of them, evenly over the list."""

    def __init__(self, config: Namespace, dataset: SceneDataset, device: torch.device):
        self.dataset, self.device = dataset, device
        number = min(config.val_pictures, len(dataset))
        self.indices = np.unique(np.linspace(0, len(dataset) - 1, number).astype(int)).tolist() if number else []
        self._places: dict[int, _Place] = {}
        self._found: dict[int, np.ndarray] = {}
        self._failed = False

    def keep(self, index: int, classes: np.ndarray) -> None:
        """Take what was predicted of a scene, by its index in the dataset; classes: (P,) in the file's order."""
        if index in self.indices:
            self._found[index] = classes

    def write(self, log: RunLog, stage: torch.nn.Module, evaluation: Evaluation, step: int) -> None:
        """Draw and log all. What goes wrong with a picture is said once: no training ends for it."""
        if self._failed or not log.writes:
            self._found.clear()
            return
        try:
            if evaluation.labelled:
                counts, names = evaluation.points.counts.numpy(), evaluation.names
                iou, groups = evaluation.points.iou(), evaluation.label_set.groups
                bars = draw_iou_bars(iou, counts.sum(1), names, groups,
                                     f"IoU of every class at step {step:,}")
                log.picture("validation/IoU_by_class", bars, step)
                log.picture("validation/worst_classes", draw_confusions(counts, iou, names, groups), step)
            for name, picture in self._scenes(stage, evaluation.failed):
                log.picture(f"scenes/{name}", picture, step, "JPEG")
        except Exception as error:  # a font, a scan, memory: whatever it is, the night's training is worth more
            self._failed = True
            tqdm.write(f"warning: no more pictures of the validation: {type(error).__name__}: "
                       f"{' '.join(str(error).split())[:200]}")

    def _scenes(self, stage: torch.nn.Module, failed: Collection[str] = ()) -> Iterator[tuple[str, Image.Image]]:
        """Each scene's name and picture. failed: scenes without a prediction."""
        for index in self.indices:
            name = self.dataset.names[index]
            if name in failed:
                continue
            found = self._found.pop(index) if index in self._found else self._predict(stage, index)
            if index not in self._places:
                self._places[index] = self._place(index)
            yield name, draw_scene(name, self._places[index], found, self.dataset.label_set)

    @torch.no_grad()
    def _predict(self, stage: torch.nn.Module, index: int) -> np.ndarray:
        """(P,) of a scene that another process has validated."""
        stage.eval()
        batch = collate([self.dataset[index]], ignore_label=self.dataset.ignore_label).to(self.device)
        return stage.classes(stage(batch))[batch.inverse].cpu().numpy()

    def _place(self, index: int) -> _Place:
        """What of a scene stays, which takes most of the time of its first picture."""
        scene, truth = self.dataset.scene(index), None
        if scene.labels is not None:
            truth = self.dataset.classes(scene.labels)
            truth = np.where(truth == self.dataset.ignore_label, IGNORE_LABEL, truth)
        return place(scene.points, truth, self.dataset.label_set)


def place(points: np.ndarray, truth: np.ndarray | None, label_set: LabelSet) -> _Place:
    """Choose a view. points: (P, 3) m; truth: (P,) class or -1."""
    colors, view = np.full(points.shape, NEUTRAL_COLOR, np.uint8), View()
    rows = np.flatnonzero(open_room(Panels("", points, colors, None, truth, label_set), view))
    if len(rows) > MOST_POINTS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_POINTS, replace=False))
    panels = 2 if truth is None else 3
    seen, shaded = shade_points(points[rows], view, panel_size(points[rows], view, WIDTH, panels)).visible()
    return _Place(shaded, rows[seen], truth)


def draw_scene(name: str, where: _Place, prediction: np.ndarray, label_set: LabelSet) -> Image.Image:
    """Prediction, ground truth, and what differs, side by side. prediction: (P,) class of all points of the scene."""
    found, truth = prediction[where.rows], where.truth
    there = None if truth is None else truth[where.rows]
    panels = Panels(name, np.empty((len(found), 3)), np.empty((len(found), 3)), found, there, label_set)
    parts, about = [("prediction", label_set.to_colors(found))], ""
    if truth is not None:
        parts += [("ground truth", label_set.to_colors(there)), ("right: grey, wrong: red", error_colors(found, there))]
        accuracy = point_accuracy(prediction, truth)
        about = "   unlabelled" if np.isnan(accuracy) else f"   {100 * accuracy:.1f} % of its points are right"
    painted = [(heading, where.view.paint(colors)) for heading, colors in parts]
    return compose(name, about, painted, WIDTH, legend_entries(panels), larger=LARGER)
