"""Inference: the .ply and .txt of every scan, and scores where there are labels; `main.py --is_train False`.

A scan that cannot be read, or that memory is too small for, is named with its reason; the others are done.
"""
import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from datasets.files import SCENE_LIST, replacing
from datasets.label_ids import LabelIds, looks_like
from datasets.label_sets import CLASSES_FILE, DEFAULT, IGNORE_LABEL, LABEL_SET_FILE, write_classes
from datasets.scans.read import ScanOptions, read_scan
from datasets.scans.scan import Scan
from datasets.scenes import is_dataset_root, list_scenes
from lib import distributed
from lib.inference.evaluation import Evaluation, write_scores
from lib.inference.outputs import write_prediction
from lib.inference.predictor import Prediction, Predictor

BAD_SCAN = (ValueError, OSError, MemoryError)


def run_inference(config: Namespace) -> Evaluation:
    """Evaluate `--weights` on `--val_phase`; with `--visualize True` also write every scene's prediction.

    The folder may hold other scenes of older runs: scenes.json lists those of this one, and is there once it has ended.
    Scans that failed are in the evaluation's and in scenes.json's `failed`. Raises ValueError or OSError for flags,
    networks and a dataset that cannot be used.
    """
    if not config.weights:
        raise ValueError("--is_train False needs a trained network: name it with --weights FILE.ckpt")
    predictor = Predictor.of_config(config)
    scenes = list_scenes(config.scannet_path, config.val_phase)
    folder = Path(config.visualize_path) / "fulleval"
    main = distributed.is_main()
    if config.visualize and main:
        _prepare(folder, predictor)
    distributed.barrier()
    own = dict(list(scenes.items())[distributed.rank()::distributed.world()])  # this process's
    single = predictor.views_and_networks == 1
    evaluation = Evaluation.of_stage(predictor.networks[0].stage, IGNORE_LABEL, ranked=single)
    written: list[str] = []
    options, label_ids = _options(config, predictor), LabelIds(config.label_ids, predictor.label_set)
    bar = tqdm(total=len(own), desc=config.val_phase, unit="scene", dynamic_ncols=True, leave=False, disable=not main)
    with bar:
        for name, scan in _read_ahead(own, options, label_ids):
            bar.set_postfix_str(name)
            try:
                if isinstance(scan, Exception):
                    raise scan
                _say(scan)
                found = _predict_and_score(scan, predictor, evaluation, config.save_probabilities)
                if config.visualize:
                    write_prediction(folder, scan, found, predictor.answers)
                written.append(name)
            except BAD_SCAN as error:
                evaluation.failed[name] = reason = _reason(error, scenes[name])
                tqdm.write(f"error: {reason}", file=sys.stderr)
            bar.update()
    evaluation.join()
    evaluation.failed = {name: evaluation.failed[name] for name in scenes if name in evaluation.failed}
    done = {name for names in distributed.gather(written) for name in names}
    written = [name for name in scenes if name in done]
    if not main:
        return evaluation
    if written:
        _report(config, evaluation)
    if config.visualize:
        with replacing(folder / SCENE_LIST) as file:
            json.dump({"val_phase": config.val_phase, "weights": str(config.weights), "scenes": written,
                       "failed": evaluation.failed}, file, indent=1)
        failed = f", {len(evaluation.failed)} failed" if evaluation.failed else ""
        print(f"{len(written)} scenes in {folder}{failed}")
    return evaluation


def _prepare(folder: Path, predictor: Predictor) -> None:
    """Before the first scene: what a folder says of an older run's goes, and what ids mean is written."""
    (folder / SCENE_LIST).unlink(missing_ok=True)
    if predictor.label_set.name == DEFAULT:
        (folder / LABEL_SET_FILE).unlink(missing_ok=True)
    else:
        predictor.label_set.write(folder / LABEL_SET_FILE)
    if predictor.vocabulary and predictor.vocabulary.others:
        write_classes(folder / CLASSES_FILE, predictor.answers)
    else:
        (folder / CLASSES_FILE).unlink(missing_ok=True)


def _options(config: Namespace, predictor: Predictor) -> ScanOptions:
    """How scans are read: in a dataset root, whose layout says metres, z up, nothing is guessed of them."""
    return ScanOptions(config.unit, config.up, predictor.voxel_size, predictor.label_set,
                       strict=is_dataset_root(config.scannet_path, config.val_phase), as_input=True)


def _read_ahead(scenes: dict[str, Path], options: ScanOptions, label_ids: LabelIds
                ) -> Iterator[tuple[str, Scan | Exception]]:
    """Every scan, or what is wrong with it; the next is read while one is worked on."""
    def read(name: str) -> Scan | Exception:
        try:
            scan = read_scan(scenes[name], options)
            scan.name = name
            if scan.labels is not None and not scenes[name].is_dir():  # Pointcept's are class indices, and so read
                _read_labels(scan, label_ids)
            return scan
        except BAD_SCAN as error:
            return error
        except Exception as error:  # whatever a format's library says of damage
            return ValueError(f"{type(error).__name__}: {error}")

    if not scenes:
        return
    with ThreadPoolExecutor(1) as reader:
        names = list(scenes)
        ahead = reader.submit(read, names[0])
        for name, following in zip(names, [*names[1:], None]):
            scan = ahead.result()
            ahead = reader.submit(read, following) if following is not None else None
            yield name, scan
            del scan


def _read_labels(scan: Scan, label_ids: LabelIds) -> None:
    """Take a scan's labels to ids of the label set; warn where they look like another table's."""
    seen = scan.seen
    table = label_ids.seen_elsewhere((scan.points[seen] - scan.origin) @ scan.axes.T, scan.labels[seen], scan.path)
    if table not in (None, "own"):
        scan.warnings.append(looks_like(table, label_ids.label_set))
    scan.labels = label_ids(scan.labels, scan.path)
    scan.remarks += label_ids.remarks([scan.path])


def _say(scan: Scan) -> None:
    """What was guessed or left out of a scan, each line once."""
    for line in dict.fromkeys(scan.remarks):
        tqdm.write(f"{'warning: ' if line in scan.warnings else ''}{scan.name}: {line}", distributed.own_output())
    for line in dict.fromkeys(line for line in scan.warnings if line not in scan.remarks):
        tqdm.write(f"warning: {scan.name}: {line}", distributed.own_output())


def _predict_and_score(scan: Scan, predictor: Predictor, evaluation: Evaluation, best: int) -> Prediction:
    """The prediction of a scan's cloud, which is counted where the scan has labels."""
    cloud, seen = scan.cloud(), scan.seen
    if not len(cloud.points):
        raise ValueError(f"{scan.path}: has no point that the network sees")
    truth, on_scores = None, None
    if scan.labels is not None:
        truth = np.full(len(cloud.points), IGNORE_LABEL)
        truth[:int(seen.sum())] = predictor.label_set.to_classes(scan.labels[seen])
    voxels = predictor.voxelizer(cloud.points, cloud.colors, truth)
    labelled = truth is not None and (truth != IGNORE_LABEL).any()
    if labelled and evaluation.retrieval:
        labels = torch.from_numpy(voxels.labels)

        def on_scores(rows: np.ndarray, scores: torch.Tensor) -> None:
            evaluation.retrieval.update(scores, labels[rows].to(scores.device))
    found = predictor.predict(cloud.points, cloud.colors, best, on_scores, voxels)
    if found.tiles > 1:
        tqdm.write(f"{scan.name}: {len(found.voxels):,} voxels in {found.tiles} tiles (--max_voxels)",
                   distributed.own_output())
    if labelled:
        def classes(answers: np.ndarray) -> torch.Tensor:
            answers = torch.from_numpy(answers)
            return answers if evaluation.vocabulary is None else evaluation.vocabulary.classes[answers]
        of_points = classes(found.classes), torch.from_numpy(truth)
        evaluation.count_scenes([scan.name], [len(truth)], *of_points, IGNORE_LABEL)
        evaluation.count(of_points, (classes(found.voxel_classes), torch.from_numpy(voxels.labels)), IGNORE_LABEL)
    return found


def _report(config: Namespace, evaluation: Evaluation) -> None:
    print(evaluation.report())
    if evaluation.vocabulary and evaluation.vocabulary.others:
        print(f"not in the label set, so predicted but not scored, and written with ids of its own, as {CLASSES_FILE} "
              f"lists them: {', '.join(evaluation.vocabulary.others)}")
    if evaluation.labelled:
        path = Path(config.log_dir) / f"scores_{config.val_phase}.json"
        write_scores(path, evaluation, config.save_confusion, weights=str(config.weights))
        print(f"scores in {path}")


def _reason(error: Exception, path: Path) -> str:
    """One line that names the file."""
    if isinstance(error, MemoryError):
        return f"{path}: out of memory; close other programs, or cut the scan in parts"
    text = " ".join(str(error).split()) or type(error).__name__
    return text if str(path) in text else f"{path}: {text}"
