"""Evaluation and inference: classes at every original vertex, scores, and the .ply and .txt of every scene.

`evaluate(stage, loader, device)` gives scores; `run_inference(config)` is `main.py --is_train False`.
"""
import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from datasets.files import SCENE_LIST, replacing
from datasets.labels import COLORS, GROUPS, NUM_CLASSES, UNLABELLED_COLOR, class_to_raw
from datasets.loader import SceneLoader, build_loader
from datasets.ply import Scene, write_columns
from lib.metrics import ConfusionMatrix, table
from lib.prefetch import Prefetcher
from lib.retrieval import Retrieval, retrieval_table
from lib.stages import TextStage, build_stage, pick_device
from lib.zero_shot import Vocabulary


@dataclass
class Evaluation:
    """Confusion over original points and over voxels, the mean loss over labelled voxels' batches, and for a stage
    with text anchors how voxels rank the own one.

    vocabulary: the names that were chosen from and scored, instead of the 200 classes.
    """
    points: ConfusionMatrix
    voxels: ConfusionMatrix
    retrieval: Retrieval | None = None
    losses: list[float] = field(default_factory=list)
    labelled: bool = False
    vocabulary: Vocabulary | None = None

    @property
    def loss(self) -> float:
        return float(np.mean(self.losses)) if self.losses else float("nan")

    def scores(self) -> dict[str, dict[str, float]]:
        """{"points": scores, "voxels": scores} as `ConfusionMatrix.scores`; "retrieval" as `Retrieval.scores`."""
        groups = self.vocabulary.groups if self.vocabulary else GROUPS
        scores = {"points": self.points.scores(groups), "voxels": self.voxels.scores(groups)}
        return scores | {"retrieval": self.retrieval.scores(GROUPS)} if self.retrieval else scores

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


@torch.no_grad()
def evaluate(stage: torch.nn.Module, loader: SceneLoader, device: torch.device, description: str = "evaluate",
             on_scene: Callable[[int, np.ndarray], None] | None = None) -> Evaluation:
    """Run a stage over a loader of unaugmented scenes.

    on_scene: called once for every scene with its index in the dataset and its classes (P,) at the original vertices,
    in the file's order: each point takes the class of the voxel it fell into, by the exact inverse index (L11, L12).
    Where the stage chooses from a vocabulary, only its names in the label table are scored; all other ground truth is
    ignored.
    """
    stage.eval()
    ignore_label = loader.dataset.ignore_label
    vocabulary = stage.vocabulary
    retrieval = None
    if vocabulary is None:
        matrices = (ConfusionMatrix(NUM_CLASSES, ignore_label) for _ in range(2))
        if isinstance(stage, TextStage):
            retrieval = Retrieval(NUM_CLASSES, ignore_label)
    else:
        matrices = (ConfusionMatrix(vocabulary.scored, ignore_label, others=1) for _ in range(2))
    result = Evaluation(*matrices, retrieval, vocabulary=vocabulary)
    done = 0
    losses = []  # on the device: nothing of a batch is waited for but what is to be written
    batches = Prefetcher(loader, device, stage.execution.engine)
    for batch in tqdm(batches, desc=description, unit="batch", dynamic_ncols=True, leave=False):
        output = stage(batch)
        classes = stage.classes(output)  # (N,)
        point_classes = classes[batch.inverse]  # (P,)
        if batch.labelled:
            pairs = [(point_classes, batch.point_labels), (classes, batch.labels)]
            if vocabulary:
                pairs = [(vocabulary.predictions(found), vocabulary.targets(truth, ignore_label))
                         for found, truth in pairs]
            result.points.update(*pairs[0])
            result.voxels.update(*pairs[1])
            if retrieval:
                retrieval.update(stage.cosines(output), batch.labels)
            losses.append(stage.criterion(output, batch.labels))
        if on_scene:
            for scene_classes in np.split(point_classes.cpu().numpy(), np.cumsum(batch.point_counts)[:-1]):
                on_scene(done, scene_classes)
                done += 1
    result.labelled = bool(result.points.counts.any())
    result.losses = torch.stack(losses).tolist() if losses else []
    return result


def write_prediction(folder: Path, scene: Scene, classes: np.ndarray) -> None:
    """Write `<scene>.txt`, a raw ScanNet id a line in vertex order, and then `<scene>.ply`, coloured by prediction.

    classes: (P,) class indices, -1 for a name outside the label table: grey, id 0. The PLY also keeps the scan's
    colours and, where known, its ground truth.
    """
    raw = class_to_raw(classes)
    with replacing(folder / f"{scene.name}.txt") as file:
        file.write("\n".join(map(str, raw.tolist())) + "\n")
    columns = dict(zip("xyz", scene.points.T))
    colors = np.where((classes < 0)[:, None], UNLABELLED_COLOR, COLORS[classes]).astype(np.uint8)
    columns |= dict(zip(("red", "green", "blue"), colors.T))
    columns |= {"label": raw}
    columns |= dict(zip(("input_red", "input_green", "input_blue"), scene.colors.T))
    if scene.labels is not None:
        columns |= {"ground_truth": scene.labels.astype(np.int32)}
    write_columns(folder / f"{scene.name}.ply", columns)


def write_scores(path: Path, evaluation: Evaluation, **about) -> None:
    """Write an evaluation as JSON, with what else is to be remembered of it; NaN becomes null."""
    scores = {kind: {key: value if np.isfinite(value) else None for key, value in values.items()}
              for kind, values in evaluation.scores().items()}
    with replacing(path) as file:
        json.dump({**about, **scores}, file, indent=1)


def run_inference(config: Namespace) -> Evaluation:
    """Evaluate `--weights` on `--val_phase`; with `--visualize True` also write every scene's prediction.

    The folder may hold other scenes of older runs: scenes.json lists those of this one, and is there once it has ended.
    """
    if not config.weights:
        raise ValueError("--is_train False needs a trained network: name it with --weights FILE.ckpt")
    loader = build_loader(config, config.val_phase, training=False)
    device = pick_device(config)
    stage = build_stage(config).to(device)
    folder = Path(config.visualize_path) / "fulleval"
    dataset, written = loader.dataset, []

    def write(index: int, classes: np.ndarray) -> None:
        scene = dataset.scene(index)
        write_prediction(folder, scene, classes)
        written.append(scene.name)

    if config.visualize:
        (folder / SCENE_LIST).unlink(missing_ok=True)
    evaluation = evaluate(stage, loader, device, config.val_phase, write if config.visualize else None)
    print(evaluation.report())
    if stage.vocabulary and stage.vocabulary.others:
        print(f"not in the label table, so predicted but not scored, and id 0: {', '.join(stage.vocabulary.others)}")
    if evaluation.labelled:
        path = Path(config.log_dir) / f"scores_{config.val_phase}.json"
        write_scores(path, evaluation, weights=str(config.weights))
        print(f"scores in {path}")
    if config.visualize:
        with replacing(folder / SCENE_LIST) as file:
            json.dump({"val_phase": config.val_phase, "weights": str(config.weights), "scenes": written}, file,
                      indent=1)
        print(f"{len(dataset)} scenes in {folder}")
    return evaluation
