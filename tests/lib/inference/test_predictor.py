"""Predictor: the classes of `evaluate`, averages against literal ones, arrays in and out, no file, one-line errors."""
import builtins
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from config.config import get_config
from datasets.label_sets import load_label_set
from datasets.loader import Batch, build_loader
from datasets.ply import read_scene
from datasets.voxelizer import Voxelizer
from lib.checkpoint import load_checkpoint, save_checkpoint
from lib.inference.augment import views
from lib.inference.evaluation import evaluate
from lib.inference.networks import Network
from lib.memory import free_memory, is_out_of_memory
from lib.predictor import Predictor
from lib.stages import build_stage
from main import main

ROOT = Path(__file__).resolve().parents[3]
SCANNET200 = load_label_set()
STAGE1 = ("--use_embedding_loss", "True", "--dataset", "Scannet200TextualDataset", "--embedding_loss_type",
          "contrast_ce")


@pytest.fixture
def trained(run_flags, anchors_file):
    """A function: stage and seed -> (checkpoint of a short training, its flags)."""
    def train(stage: int = 2, seed: int = 0):
        flags = (*STAGE1, "--language_features_path", anchors_file) if stage == 1 else ()
        folder = run_flags.run.with_name(f"run{stage}{seed}")
        flags = run_flags(*flags, "--log_dir", str(folder), "--seed", str(seed))
        assert main([*flags, "--max_epoch", "3"]) == 0
        return folder / "best.ckpt", flags
    return train


def scan(run_flags, index=0):
    scene = read_scene(run_flags.root / "val" / f"val{index:04d}_00.ply")
    return scene.points, scene.colors


def literal(weights, flags, points, colors, view=None, voxel_size=0.05):
    """(P, C) probabilities by the stage alone, and its scores."""
    stage = build_stage(get_config([*flags, "--is_train", "False", "--weights", str(weights)]), SCANNET200).eval()
    voxels = Voxelizer(voxel_size, 200)(points if view is None else view(points, voxel_size), colors, None)
    batch = Batch(torch.from_numpy(np.insert(voxels.coordinates, 0, 0, axis=1)),
                  torch.from_numpy((voxels.features / 255 - 0.5).astype(np.float32)), None, None, None, [], [])
    with torch.no_grad():
        scores = stage.scores(stage(batch))
    return (scores / stage.temperature).softmax(1).numpy()[voxels.inverse]


@pytest.mark.parametrize("stage", [1, 2])
def test_labels_are_bit_for_bit_those_of_the_evaluation(run_flags, trained, stage):
    weights, flags = trained(stage)
    network = build_stage(get_config([*flags, "--is_train", "False", "--weights", str(weights)]), SCANNET200)
    found = {}
    evaluate(network, build_loader(get_config(flags), "val", False, SCANNET200), torch.device("cpu"),
             on_scene=lambda index, classes: found.update({index: classes}))
    predictor = Predictor(weights)
    for index, classes in found.items():
        labels, confidence = predictor(*scan(run_flags, index))
        assert np.array_equal(labels, SCANNET200.to_ids(classes)) and labels.dtype == np.int32
        expected = literal(weights, flags, *scan(run_flags, index))
        np.testing.assert_allclose(confidence, expected[np.arange(len(classes)), classes], rtol=1e-5)


def test_views_are_averaged_at_every_point(run_flags, trained):
    weights, flags = trained()
    points, colors = scan(run_flags)
    expected = np.mean([literal(weights, flags, points, colors, view) for view in views(3)], axis=0)
    predictor = Predictor(weights, tta=3)
    np.testing.assert_allclose(predictor.probabilities(points, colors), expected, atol=2e-3)
    labels, confidence = predictor(points, colors)
    assert (SCANNET200.to_classes(labels) == expected.argmax(1)).mean() > 0.99
    np.testing.assert_allclose(confidence, expected.max(1), atol=2e-3)


def test_several_networks_of_any_stage_and_voxel_size_are_averaged(run_flags, trained, tmp_path):
    (first, flags), (second, _), (text, text_flags) = trained(2, 0), trained(2, 1), trained(1)
    points, colors = scan(run_flags)
    each = [literal(first, flags, points, colors), literal(second, flags, points, colors),
            literal(text, text_flags, points, colors)]
    found = Predictor([first, second, text]).probabilities(points, colors)
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-5)
    assert np.abs(each[0] - each[1]).max() > 0.01
    content = load_checkpoint(second)
    content["config"]["voxel_size"] = 0.08
    save_checkpoint(tmp_path / "coarse.ckpt", content)
    coarse = literal(second, [*flags, "--voxel_size", "0.08"], points, colors, voxel_size=0.08)
    found = Predictor(f"{first},{tmp_path / 'coarse.ckpt'}").probabilities(points, colors)
    np.testing.assert_allclose(found, (each[0] + coarse) / 2, atol=2e-3)


def test_the_command_line_takes_several_weights_and_views(run_flags, trained, capsys):
    (first, flags), (second, _) = trained(2, 0), trained(2, 1)
    inference = [*flags, "--is_train", "False", "--visualize", "True", "--visualize_path", str(run_flags.run / "v"),
                 "--tta", "2", "--weights", f"{first},{second}"]
    assert main(inference) == 0
    ids = np.loadtxt(run_flags.run / "v" / "fulleval" / "val0000_00.txt", dtype=int)
    assert np.array_equal(ids, Predictor([first, second], tta=2)(*scan(run_flags))[0])
    assert main([*inference[:-1], f"{first},nowhere.ckpt"]) == 1
    assert "nowhere.ckpt: no such checkpoint" in capsys.readouterr().err


def test_networks_of_other_classes_do_not_answer_together(trained, tmp_path):
    weights, _ = trained()
    content = load_checkpoint(weights)
    content["label_set"]["names"][0] = "something else"
    save_checkpoint(tmp_path / "other.ckpt", content)
    with pytest.raises(ValueError, match="other.ckpt chooses among other classes"):
        Predictor([weights, tmp_path / "other.ckpt"])


def test_no_file_is_touched_after_construction(run_flags, trained, monkeypatch, tmp_path):
    points, colors = scan(run_flags)
    predictor = Predictor(trained()[0], tta=2)
    predictor(points, colors)  # the engine is built and loaded

    def refuse(*arguments, **_):
        raise AssertionError(f"opened {arguments[0]}")

    before = sorted(tmp_path.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr("lib.inference.predictor.free_memory", lambda device: 2**30)  # reads /proc
        for module, name in ((builtins, "open"), (io, "open"), (os, "open")):
            patch.setattr(module, name, refuse)
        labels, _ = predictor(points, colors)
    assert len(labels) == len(points) and sorted(tmp_path.rglob("*")) == before


def test_points_that_are_not_finite_are_unlabelled_and_change_no_other(run_flags, trained):
    points, colors = scan(run_flags)
    predictor = Predictor(trained()[0])
    labels, confidence = predictor(points, colors)
    spoilt = np.insert(points, [0, 7, 7], np.nan, axis=0)
    found, sure = predictor(spoilt, np.insert(colors, [0, 7, 7], 255, axis=0))
    good = np.isfinite(spoilt).all(1)
    assert (found[~good] == 0).all() and (sure[~good] == 0).all()
    assert np.array_equal(found[good], labels) and np.array_equal(sure[good], confidence)


def test_map_coordinates_keep_their_digits(run_flags, trained):
    points, colors = scan(run_flags)
    predictor = Predictor(trained()[0])
    away = points.astype(np.float64) + [4_500_000, 5_300_000, 0]
    assert (predictor(away, colors)[0] == predictor(points, colors)[0]).mean() > 0.99


def test_the_lines_in_the_readme_run_as_they_stand(run_flags, trained, monkeypatch):
    code = next(block for block in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
                if "Predictor" in block)
    monkeypatch.chdir(trained()[0].parent)
    points, colors = scan(run_flags)
    variables = {"points": points, "colors": colors}
    exec(code, variables)
    assert variables["labels"].shape == variables["confidence"].shape == (len(points),)
    assert set(variables["labels"]) <= set(variables["names"]) and variables["names"][2] == "chair"


def test_own_class_names_have_ids_of_their_own(run_flags, trained, hashed_encoder):
    weights, _ = trained(1)
    predictor = Predictor(weights, text_encoder="minilm", language_features_path=None,
                          class_names="round table,partition,carpet", learned_projection=False)
    labels, _ = predictor(*scan(run_flags))
    assert set(labels) <= {1, 2, 3} and len(set(labels)) > 1
    assert dict(zip(predictor.answers.ids.tolist(), predictor.answers.names)) == {
        1: "round table", 2: "partition", 3: "carpet"}


@pytest.mark.parametrize("arguments,words", [
    ((np.zeros((3, 2)), None), "give \\(N, 3\\) numbers"),
    ((np.zeros((3, 3)), np.zeros((3, 3))), "uint8"),
    ((np.zeros((3, 3)), np.zeros((2, 3), np.uint8)), "give \\(3, 3\\) uint8"),
    ((np.full((3, 3), np.nan), None), "none is finite"),
    ((np.zeros((0, 3)), None), "none is finite"),
])
def test_arrays_that_are_no_scan_are_refused(trained, arguments, words):
    predictor = Predictor(trained()[0])
    with pytest.raises(ValueError, match=words):
        predictor(*arguments)


@pytest.mark.parametrize("flags,words", [({"ttta": 8}, "no flag"), ({"tta": 0}, "at least 1"),
                                         ({"is_train": True}, "no flag"), ({"max_voxels": "many"}, "many"),
                                         ({"sparse_engine": "magic"}, "none of auto")])
def test_wrong_flags_are_refused(trained, flags, words):
    with pytest.raises(ValueError, match=words):
        Predictor(trained()[0], **flags)


class TooLarge(Network):
    def scores(self, coordinates, colors):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
                           "you tried to allocate 9000000000 bytes. Error code 12 (Cannot allocate memory)")


@pytest.mark.parametrize("max_voxels", ["auto", "0"])
def test_too_little_memory_is_one_line_that_names_the_flags(run_flags, trained, monkeypatch, capsys, max_voxels):
    weights, flags = trained()
    monkeypatch.setattr("lib.inference.networks.Network", TooLarge)
    assert main([*flags, "--is_train", "False", "--weights", str(weights), "--max_voxels", max_voxels]) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(error) == 2  # one for each scan
    assert "val0000_00.ply: out of memory at " in error[0] and "--max_voxels" in error[0] and "--voxel_size" in error[0]


def test_other_runtime_errors_are_not_taken_for_it(run_flags, trained, monkeypatch):
    def broken(self, coordinates, colors):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    predictor = Predictor(trained()[0])
    monkeypatch.setattr(Network, "scores", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        predictor(*scan(run_flags))
    assert not is_out_of_memory(ValueError("out of memory"))
    with pytest.raises(MemoryError) as refused:
        np.empty(2**60, np.uint8)
    assert is_out_of_memory(refused.value)


def test_tiles_follow_the_free_memory(trained, monkeypatch):
    predictor = Predictor(trained()[0])
    sizes = []
    for free in (2**28, 2**30, 2**40):
        monkeypatch.setattr("lib.inference.predictor.free_memory", lambda device, free=free: free)
        sizes.append(predictor.largest())
    assert sizes[0] * 3.9 < sizes[1] < sizes[2] < 10_000_000
    assert Predictor(trained()[0], max_voxels=1234).largest() == 1234


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="Linux")
def test_free_memory_is_bounded_by_ulimit(monkeypatch):
    import resource
    free = free_memory(torch.device("cpu"))
    assert 2**20 < free < 2**50
    taken = int(Path("/proc/self/status").read_text().split("VmSize:")[1].split()[0]) * 2**10
    monkeypatch.setattr(resource, "getrlimit", lambda what: (taken + 2**24, taken + 2**24))
    assert free_memory(torch.device("cpu")) <= 2**24
