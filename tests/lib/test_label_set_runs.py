"""Runs on another label set than ScanNet200: what checkpoints carry, what is taken over, what is refused."""
import csv
import json

import numpy as np
import pytest
import torch

from datasets.label_sets import load_label_set
from datasets.ply import read_columns, read_scene, write_scene
from get_upload_txt import main as upload
from lib.checkpoint import load_checkpoint, stored_label_set
from lib.language.anchors import write_anchors
from lib.view.panels import read_panels
from main import main

SCANNET200 = load_label_set()
OWN = "name,id,group\nground,0,large\nseat,7,large\nwall,3,small\npot,40,small\n"
NAMES = ("ground", "seat", "wall", "pot")


@pytest.fixture
def own_flags(run_flags):
    """`run_flags` whose root is of an own set of four classes, one of which ScanNet200 has, too."""
    (run_flags.root / "label_set.csv").write_text(OWN)
    own = load_label_set(run_flags.root / "label_set.csv")
    for path in run_flags.root.glob("*/*.ply"):
        scene = read_scene(path)
        if scene.labels is not None:
            scene.labels = own.to_ids(SCANNET200.to_classes(scene.labels))
            write_scene(path, scene)
    return run_flags


def infer(flags, weights, out, *more):
    return main([*flags("--is_train", "False", "--weights", str(weights), "--visualize", "True", "--visualize_path",
                        str(out), "--val_phase", "val"), *more])


def test_a_run_on_an_own_set_learns_it_and_everything_after_it_speaks_of_it(own_flags, tmp_path, capsys):
    assert main(own_flags("--max_epoch", "6")) == 0
    own, content = load_label_set(own_flags.root / "label_set.csv"), load_checkpoint(own_flags.run / "best.ckpt")
    assert content["state_dict"]["model.final.kernel"].shape[-1] == 4
    assert stored_label_set(content, "").same_classes(own)
    scores = json.loads((own_flags.run / "scores.json").read_text())
    assert "mIoU/4/small" in scores["points"] and set(scores["classes"]) == set(NAMES)
    (own_flags.root / "label_set.csv").unlink()  # the checkpoint says it
    assert infer(own_flags, own_flags.run / "best.ckpt", tmp_path / "out") == 0
    folder = tmp_path / "out" / "fulleval"
    predicted = np.concatenate([np.loadtxt(folder / f"val000{i}_00.txt", dtype=int) for i in (0, 1)])
    truth = np.concatenate([read_columns(own_flags.root / "val" / f"val000{i}_00.ply")["label"] for i in (0, 1)])
    assert set(predicted) <= {0, 7, 3, 40} and (predicted == truth).mean() > 0.4
    assert (predicted == truth).mean() == pytest.approx(scores["points"]["accuracy"])
    panels = read_panels(folder / "val0000_00.ply")
    assert panels.label_set.names == NAMES and np.array_equal(own.to_ids(panels.truth), truth[:500])
    assert upload([str(folder), "--dry_run"]) == 0
    assert upload([str(folder), "--dry_run", "--label_set", "scannet20"]) == 1
    assert "another set than --label_set scannet20" in capsys.readouterr().err


def test_a_network_of_another_set_is_refused_with_both_names(own_flags, tmp_path, capsys):
    assert main(own_flags("--max_epoch", "1")) == 0
    (own_flags.root / "label_set.csv").unlink()
    assert infer(own_flags, own_flags.run / "last.ckpt", tmp_path / "out", "--label_set", "scannet20") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "the 4 classes of label set" in error and "the 20 of scannet20" in error
    assert main(own_flags("--resume", str(own_flags.run), "--max_epoch", "2", "--label_set", "scannet200")) == 1
    assert "start from its weights with --weights" in capsys.readouterr().err


def test_the_last_layer_is_taken_over_class_by_class_where_names_agree(own_flags, tmp_path, capsys):
    assert main(own_flags("--max_epoch", "1")) == 0
    start = load_checkpoint(own_flags.run / "last.ckpt")["state_dict"]
    (tmp_path / "more.csv").write_text("name,id\nwall,3\nbucket,5\nground,0\n")
    (own_flags.root / "label_set.csv").write_text((tmp_path / "more.csv").read_text())
    flags = own_flags("--max_iter", "1", "--lr", "1e-12", "--weights", str(own_flags.run / "last.ckpt"), "--log_dir",
                      str(tmp_path / "next"))
    assert main(flags) == 0
    assert "last layer: 2 of 3 classes taken over by name from data, new: bucket" in capsys.readouterr().out
    after = load_checkpoint(tmp_path / "next" / "last.ckpt")["state_dict"]
    for new, old in ((0, 2), (2, 0)):
        for key in ("model.final.kernel", "model.final.bias"):
            assert torch.allclose(after[key][..., new], start[key][..., old], atol=1e-6)
    assert torch.allclose(after["model.conv0p1s1.kernel"], start["model.conv0p1s1.kernel"], atol=1e-6)


def test_a_stage_1_network_takes_a_new_set_by_its_names(own_flags, tmp_path, capsys):
    """Anchors of the first four classes of both sets are the same vectors, so both choose alike."""
    vectors = np.linalg.qr(np.random.default_rng(0).standard_normal((64, 64)))[0][:5]
    write_anchors(tmp_path / "anchors.npz", [*NAMES, "tree"], vectors)
    text = ("--dataset", "Scannet200TextualDataset", "--use_embedding_loss", "True", "--language_features_path",
            str(tmp_path / "anchors.npz"), "--embedding_loss_type", "contrast_ce")
    assert main(own_flags("--max_epoch", "8", *text)) == 0
    assert infer(own_flags, own_flags.run / "best.ckpt", tmp_path / "a", *text) == 0
    (tmp_path / "new.csv").write_text("name,id\ntree,1\npot,2\nwall,3\nseat,4\nground,5\n")
    (own_flags.root / "label_set.csv").write_text((tmp_path / "new.csv").read_text())
    of_the_run = str(own_flags.run / "label_set.csv")  # as its config.yaml says; the data say another
    assert infer(own_flags, own_flags.run / "best.ckpt", tmp_path / "b", *text, "--label_set", of_the_run) == 0
    assert "by its names; the network was trained on those of data" in capsys.readouterr().out
    (own_flags.root / "label_set.csv").unlink()
    assert infer(own_flags, own_flags.run / "best.ckpt", tmp_path / "c", *text, "--label_set",
                 str(tmp_path / "new.csv")) == 0
    first, second, third = (np.loadtxt(tmp_path / name / "fulleval" / "val0000_00.txt", dtype=int) for name in "abc")
    assert np.array_equal(second, third)
    same = {0: 5, 7: 4, 3: 3, 40: 2}
    assert np.mean([same[old] == new for old, new in zip(first, second)]) > 0.99
    with open(tmp_path / "b" / "fulleval" / "label_set.csv", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)][0] == "tree"
