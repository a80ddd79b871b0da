"""Evaluation of a stage over a loader of scenes: `evaluate(stage, loader, device)` scores every original vertex."""
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from datasets.files import replacing
from datasets.label_sets import LabelSet
from datasets.loader import SceneLoader
from lib import distributed
from lib.language.retrieval import Retrieval, retrieval_table
from lib.language.zero_shot import Vocabulary
from lib.memory import is_out_of_memory
from lib.metrics import ConfusionMatrix, table
from lib.prefetch import Prefetcher
from lib.stages import TextStage


@dataclass
class Evaluation:
    """Confusion over original points and over voxels, the mean loss over labelled voxels' batches, and for a stage
    with text anchors how voxels rank the own one.

    vocabulary: the names that were chosen from and scored, instead of the label set's. scenes: name -> (3, C) int64,
    original points of each class that are right, of the ground truth, and predicted. failed: scenes that could not be
    evaluated, and why.
    """
    points: ConfusionMatrix
    voxels: ConfusionMatrix
    label_set: LabelSet
    retrieval: Retrieval | None = None
    losses: list[float] = field(default_factory=list)
    labelled: bool = False
    vocabulary: Vocabulary | None = None
    scenes: dict[str, Tensor] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_stage(cls, stage: torch.nn.Module, ignore_label: int, ranked: bool = True) -> "Evaluation":
        """With nothing counted yet. ranked: let a stage with text anchors rank them, too."""
        classes_of, vocabulary, retrieval = len(stage.label_set), stage.vocabulary, None
        if vocabulary is None:
            matrices = (ConfusionMatrix(classes_of, ignore_label) for _ in range(2))
            if ranked and isinstance(stage, TextStage):
                retrieval = Retrieval(classes_of, ignore_label)
        else:
            matrices = (ConfusionMatrix(vocabulary.scored, ignore_label, others=1) for _ in range(2))
        return cls(*matrices, stage.label_set, retrieval, vocabulary=vocabulary)

    def count(self, of_points: tuple[Tensor, Tensor], of_voxels: tuple[Tensor, Tensor], ignore_label: int) -> None:
        """Count what was predicted (class of the label set, -1 for a name outside) for what is there (class or ignore
        label), two (N,) each."""
        for matrix, (found, truth) in ((self.points, of_points), (self.voxels, of_voxels)):
            if self.vocabulary:
                found = self.vocabulary.predictions(found)
                truth = self.vocabulary.targets(truth, ignore_label)
            matrix.update(found, truth)

    def count_scenes(self, names: Sequence[str], sizes: Sequence[int], found: Tensor, truth: Tensor, ignore_label: int
                     ) -> None:
        """Note each scene's totals. sizes: points of each; found, truth: (P,) of all, as `count` takes them."""
        if self.vocabulary:
            found, truth = self.vocabulary.predictions(found), self.vocabulary.targets(truth, ignore_label)
        for name, ours, theirs in zip(names, found.split(list(sizes)), truth.split(list(sizes)), strict=True):
            self.scenes[name] = scene_totals(ours, theirs, len(self.names), ignore_label)

    def join(self) -> None:
        """Take in what the other processes counted, of other scenes; losses in their order, scenes by name."""
        self.points.add_processes()
        self.voxels.add_processes()
        if self.retrieval:
            self.retrieval.sums = distributed.add_up(self.retrieval.sums.cpu())
        of_each = distributed.gather([self.losses, self.failed, {k: v.tolist() for k, v in self.scenes.items()}])
        longest = max(len(losses) for losses, _, _ in of_each)
        self.losses = [losses[k] for k in range(longest) for losses, _, _ in of_each if k < len(losses)]
        self.failed = {name: reason for _, failed, _ in of_each for name, reason in failed.items()}
        totals = {name: torch.tensor(rows) for _, _, scenes in of_each for name, rows in scenes.items()}
        self.scenes = dict(sorted(totals.items()))
        self.labelled = bool(self.points.counts.any())

    @property
    def loss(self) -> float:
        return float(np.mean(self.losses)) if self.losses else float("nan")

    def scores(self) -> dict[str, dict[str, float]]:
        """{"points": scores, "voxels": scores} as `ConfusionMatrix.scores`; "retrieval" as `Retrieval.scores`."""
        groups = self.vocabulary.groups if self.vocabulary else self.label_set.groups
        scores = {"points": self.points.scores(groups), "voxels": self.voxels.scores(groups)}
        return scores | {"retrieval": self.retrieval.scores(self.label_set.groups)} if self.retrieval else scores

    @property
    def names(self) -> list[str]:
        """Of the classes scored, in the order of the confusion matrices' rows."""
        return list(self.vocabulary.names[:self.vocabulary.scored] if self.vocabulary else self.label_set.names)

    def classes(self) -> dict[str, dict]:
        """`ConfusionMatrix.per_class` over original points."""
        groups = self.vocabulary.groups if self.vocabulary else self.label_set.groups
        return self.points.per_class(self.names, groups)

    def report(self) -> str:
        """The tables to print, or "unlabelled" (lesson L13)."""
        if not self.labelled:
            return "unlabelled: no scores"
        scores = self.scores()
        report = table([(kind, scores[kind]) for kind in ("points", "voxels")])
        if self.retrieval:
            report += f"\n{retrieval_table(scores['retrieval'])}"
        if self.vocabulary:
            rows = zip(self.vocabulary.names, self.points.iou(), self.points.counts.sum(1).tolist())
            report += "\n" + "\n".join(f"{name:24s} IoU {100 * iou:5.1f} over {count:,} points" if count else
                                       f"{name:24s} not in these scenes" for name, iou, count in rows)
        return report


def scene_totals(found: Tensor, truth: Tensor, classes: int, ignore_label: int) -> Tensor:
    """(3, C) int64 of a scene's points (P,) with a class: right, true and predicted ones of each. Waits for no GPU."""
    labelled = truth != ignore_label
    totals = torch.zeros(3, classes + 1, dtype=torch.int64, device=truth.device)  # the last column: what is no class
    for row, (of, counted) in enumerate(((truth, labelled & (found == truth)), (truth, labelled), (found, labelled))):
        totals[row].index_add_(0, torch.where(counted & (of >= 0) & (of < classes), of, classes), counted.long())
    return totals[:, :classes]


@torch.no_grad()
def evaluate(stage: torch.nn.Module, loader: SceneLoader, device: torch.device, description: str = "evaluate",
             on_scene: Callable[[int, np.ndarray], None] | None = None) -> Evaluation:
    """Run a stage over a loader of unaugmented scenes.

    on_scene: called once for every scene with its index in the dataset and its classes (P,) at the original vertices,
    in the file's order: each point takes the class of the voxel it fell into, by the exact inverse index (L11, L12).
    Where the stage chooses from a vocabulary, only its names in the label set are scored; all other ground truth is
    ignored. Scenes that memory is too small for are left out, named, and in the evaluation's `failed`. Of several
    processes each runs over its loader's share, and all get the evaluation of the whole.
    """
    stage.eval()
    ignore_label = loader.dataset.ignore_label
    result = Evaluation.of_stage(stage, ignore_label)
    place = {name: index for index, name in enumerate(loader.dataset.names)}
    losses = []  # on the device: nothing of a batch is waited for but what is to be written
    batches = Prefetcher(loader, device, stage.execution.engine)
    for batch in tqdm(batches, desc=description, unit="batch", dynamic_ncols=True, leave=False,
                      disable=not distributed.is_main()):
        try:
            output = stage(batch)
            classes = stage.classes(output)  # (N,)
            point_classes = classes[batch.inverse]  # (P,)
            cosines = stage.cosines(output) if result.retrieval and batch.labelled else None
            loss = stage.criterion(output, batch.labels) if batch.labelled else None
        except (MemoryError, RuntimeError) as error:  # a scene less in the scores, rather than a run
            if not is_out_of_memory(error):
                raise
            reason = f"not scored, out of memory at {len(batch.coordinates):,} voxels"
            result.failed |= dict.fromkeys(batch.scenes, reason)
            continue
        if batch.labelled:
            result.count((point_classes, batch.point_labels), (classes, batch.labels), ignore_label)
            result.count_scenes(batch.scenes, batch.point_counts, point_classes, batch.point_labels, ignore_label)
            if result.retrieval:
                result.retrieval.update(cosines, batch.labels)
            losses.append(loss)
        if on_scene:
            of_scenes = np.split(point_classes.cpu().numpy(), np.cumsum(batch.point_counts)[:-1])
            for name, scene_classes in zip(batch.scenes, of_scenes, strict=True):
                on_scene(place[name], scene_classes)
    result.losses = torch.stack(losses).tolist() if losses else []
    result.join()
    for name, reason in result.failed.items():
        tqdm.write(f"warning: {name}: {reason}")
    return result


def write_scores(path: Path, evaluation: Evaluation, confusion: bool = False, **about) -> None:
    """Write an evaluation as JSON, with what else is to be remembered of it; NaN becomes null.

    Keys: about, "points" and "voxels" (scores), "classes" (name -> figures). confusion: beside scores.json goes
    confusion.npz with `counts` (C, C) int64, true class by predicted class (and a last column for names outside the
    label table), over original points, `names` (C,), and of every scene by `scenes` (S,), its name, `totals` (3, S, C)
    int64, as `lib.inference.bootstrap` takes them; without it an older one goes.
    """
    scores = {kind: _without_nan(values) for kind, values in evaluation.scores().items()}
    scores["classes"] = {name: _without_nan(values) for name, values in evaluation.classes().items()}
    with replacing(path) as file:
        json.dump({**about, **scores}, file, indent=1)
    beside = path.with_name(f"{path.stem.replace('scores', 'confusion')}.npz")
    if confusion:
        with replacing(beside, "wb") as file:
            counts, totals = evaluation.points.counts.numpy(), [t.cpu().numpy() for t in evaluation.scenes.values()]
            np.savez_compressed(file, counts=counts, names=np.array(evaluation.names),
                                scenes=np.array(list(evaluation.scenes), dtype=str), totals=np.stack(totals, axis=1))
    else:
        beside.unlink(missing_ok=True)


def _without_nan(values: dict) -> dict:
    return {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in values.items()}
