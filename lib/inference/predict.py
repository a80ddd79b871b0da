"""Inference: the .ply and .txt of every scene, and scores where there are labels; `main.py --is_train False`."""
import json
from argparse import Namespace
from pathlib import Path

import numpy as np

from datasets.files import SCENE_LIST, replacing
from datasets.label_sets import DEFAULT, LABEL_SET_FILE, LabelSet
from datasets.loader import build_loader
from datasets.ply import Scene, write_columns
from datasets.transforms import NEUTRAL_COLOR
from lib.inference.evaluation import Evaluation, evaluate, write_scores
from lib.stages import build_stage, choose_label_set, pick_device, read_weights_of


def write_prediction(folder: Path, scene: Scene, classes: np.ndarray, label_set: LabelSet) -> None:
    """Write `<scene>.txt`, the id of a class a line in vertex order, and then `<scene>.ply`, coloured by prediction.

    classes: (P,) class indices, -1 for a name outside the label set: grey, unlabelled. The PLY also keeps the scan's
    colours and, where known, its ground truth.
    """
    ids = label_set.to_ids(classes)
    with replacing(folder / f"{scene.name}.txt") as file:
        file.write("\n".join(map(str, ids.tolist())) + "\n")
    columns = dict(zip("xyz", scene.points.T))
    columns |= dict(zip(("red", "green", "blue"), label_set.to_colors(classes).T))
    columns |= {"label": ids}
    colors = np.full(scene.points.shape, NEUTRAL_COLOR, np.uint8) if scene.colors is None else scene.colors
    columns |= dict(zip(("input_red", "input_green", "input_blue"), colors.T))
    if scene.labels is not None:
        columns |= {"ground_truth": scene.labels.astype(np.int32)}
    write_columns(folder / f"{scene.name}.ply", columns)


def run_inference(config: Namespace) -> Evaluation:
    """Evaluate `--weights` on `--val_phase`; with `--visualize True` also write every scene's prediction.

    The folder may hold other scenes of older runs: scenes.json lists those of this one, and is there once it has ended.
    """
    if not config.weights:
        raise ValueError("--is_train False needs a trained network: name it with --weights FILE.ckpt")
    stored = read_weights_of(config)
    label_set = choose_label_set(config, stored)
    loader = build_loader(config, config.val_phase, training=False, label_set=label_set)
    device = pick_device(config)
    stage = build_stage(config, label_set, stored).to(device)
    folder = Path(config.visualize_path) / "fulleval"
    dataset, written = loader.dataset, []

    def write(index: int, classes: np.ndarray) -> None:
        scene = dataset.scene(index)
        write_prediction(folder, scene, classes, label_set)
        written.append(scene.name)

    if config.visualize:
        (folder / SCENE_LIST).unlink(missing_ok=True)
        if label_set.name == DEFAULT:
            (folder / LABEL_SET_FILE).unlink(missing_ok=True)
        else:
            label_set.write(folder / LABEL_SET_FILE)
    evaluation = evaluate(stage, loader, device, config.val_phase, write if config.visualize else None)
    print(evaluation.report())
    if stage.vocabulary and stage.vocabulary.others:
        print(f"not in the label set, so predicted but not scored, and id 0: {', '.join(stage.vocabulary.others)}")
    if evaluation.labelled:
        path = Path(config.log_dir) / f"scores_{config.val_phase}.json"
        write_scores(path, evaluation, config.save_confusion, weights=str(config.weights))
        print(f"scores in {path}")
    if config.visualize:
        with replacing(folder / SCENE_LIST) as file:
            json.dump({"val_phase": config.val_phase, "weights": str(config.weights), "scenes": written}, file,
                      indent=1)
        print(f"{len(dataset)} scenes in {folder}")
    return evaluation
