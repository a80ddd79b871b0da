"""Names chosen instead of the 200 classes, and classes held out of training."""
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import get_upload_txt
from config.config import get_config
from datasets.label_sets import load_label_set, read_names
from datasets.loader import build_loader
from datasets.ply import read_scene
from lib.inference.evaluation import evaluate
from lib.language.zero_shot import SeenClasses, Vocabulary
from lib.losses.text_contrast import AnchorCrossEntropy, TextContrastLoss
from lib.stages import build_stage
from lib.view.panels import legend_entries, read_panels
from main import main

SCANNET200 = load_label_set()

pytestmark = pytest.mark.usefixtures("hashed_encoder")
STAGE1 = ("--use_embedding_loss", "True", "--dataset", "Scannet200TextualDataset")
USED = SCANNET200.names[:4]  # the classes of run_flags' scenes


def test_held_out_labels_never_reach_the_loss_and_are_scored_afterwards(run_flags, anchors_file, capsys, monkeypatch):
    held = [SCANNET200.names.index(name) for name in USED[1:3]]
    met = []
    call = TextContrastLoss.forward
    seen_names = [k for k in range(200) if k not in held]

    def watch(self, features, target, generator=None):
        met.extend(seen_names[k] for k in target[target >= 0].unique().tolist())
        return call(self, features, target, generator)

    monkeypatch.setattr(TextContrastLoss, "forward", watch)
    monkeypatch.setattr("lib.stages.warn_of_alike_anchors", lambda *_, **__: None)  # which asks the loss of all classes
    out = ",".join(USED[1:3])
    assert main(run_flags(*STAGE1, "--held_out_classes", out, "--max_epoch", "1")) == 0
    assert set(met) == {SCANNET200.names.index(name) for name in (USED[0], USED[3])}
    capsys.readouterr()
    monkeypatch.undo()
    assert main(run_flags(*STAGE1, "--is_train", "False", "--weights", str(run_flags.run / "last.ckpt"),
                          "--class_names", out, "--text_encoder", f"file:{anchors_file}")) == 0
    printed = capsys.readouterr().out
    for name in USED[1:3]:
        assert any(line.startswith(name) and "IoU" in line for line in printed.splitlines())
    assert not any(line.startswith(f"{USED[0]} ") for line in printed.splitlines())


def test_held_out_labels_are_ignored_in_training_and_its_validation_but_not_in_evaluation(run_flags):
    held = SCANNET200.indices([USED[1]], "")[0]
    for split, flags, expected in (("train", (), False), ("val", (), False), ("val", ("--is_train", "False"), True)):
        config = get_config(run_flags(*STAGE1, "--held_out_classes", USED[1], *flags))
        labels = torch.cat([batch.labels for batch in build_loader(config, split, split == "train", SCANNET200)])
        assert bool((labels == held).any()) is expected and (labels >= 0).any()


def test_a_loss_over_the_seen_classes_equals_the_loss_over_their_anchors():
    anchors, features = F.normalize(torch.randn(6, 5), dim=1), torch.randn(30, 5)
    target = torch.tensor([0, 1, 3, 5, -1] * 6)
    loss = SeenClasses(AnchorCrossEntropy, anchors, np.array([2, 4]), -1)
    places = {0: 0, 1: 1, 3: 2, 5: 3, -1: -1}
    expected = AnchorCrossEntropy(anchors[[0, 1, 3, 5]])(features, torch.tensor([places[k] for k in target.tolist()]))
    torch.testing.assert_close(loss(features, target), expected)


def test_held_out_names_are_no_negatives():
    anchors = torch.eye(4)
    pushed = []

    def watch_loss(seen):
        pushed.append(seen)
        return TextContrastLoss(seen)

    SeenClasses(watch_loss, anchors, np.array([1, 3]), -1)
    assert torch.equal(pushed[0], anchors[[0, 2]])


def test_all_200_names_choose_as_the_classes_do(run_flags):
    config = get_config(run_flags(*STAGE1, "--is_train", "False"))
    stage = build_stage(config, label_set=SCANNET200)
    output = torch.randn(500, stage.anchors.shape[1])
    before = stage.classes(output)
    stage.choose_from(SCANNET200.names[::-1])
    assert torch.equal(stage.classes(output), before)


def test_scores_over_names_ignore_other_ground_truth_and_count_outside_names_as_misses(run_flags):
    config = get_config(run_flags(*STAGE1, "--is_train", "False", "--class_names",
                                  f"skateboard,{USED[0]},surf board,{USED[2]}"))
    stage = build_stage(config, label_set=SCANNET200)
    predicted = {}
    evaluation = evaluate(stage, build_loader(config, "val", training=False, label_set=SCANNET200), torch.device("cpu"),
                          on_scene=lambda i, classes: predicted.update({i: classes}))
    truth = np.concatenate([SCANNET200.to_classes(read_scene(run_flags.root / "val" / f"val{i:04d}_00.ply").labels)
                            for i in predicted])
    found = np.concatenate(list(predicted.values()))
    listed = [SCANNET200.names.index(USED[0]), SCANNET200.names.index(USED[2])]
    counted = np.isin(truth, listed)
    assert set(np.unique(found)) <= {-1, *listed} and (found == -1).any()
    expected = [((truth == k) & (found == k)).sum() / (counted & ((truth == k) | (found == k))).sum() for k in listed]
    scores = evaluation.scores()["points"]
    assert scores["mIoU/present"] == pytest.approx(np.mean(expected)) == pytest.approx(scores["mIoU/2"])
    assert scores["accuracy"] == pytest.approx((found == truth)[counted].mean())


def test_names_outside_the_table_are_written_with_ids_of_their_own(run_flags, tmp_path, capsys):
    assert main(run_flags(*STAGE1, "--max_iter", "1")) == 0
    assert main(run_flags(*STAGE1, "--is_train", "False", "--weights", str(run_flags.run / "last.ckpt"),
                          "--visualize", "True", "--visualize_path", str(tmp_path / "v"), "--class_names",
                          f"skateboard,surf board,pogo stick,{USED[3]}")) == 0
    folder = tmp_path / "v" / "fulleval"
    listed = json.loads((folder / "classes.json").read_text())
    assert {int(k): row["name"] for k, row in listed.items()} == {1: "skateboard", 2: "surf board", 3: "pogo stick",
                                                                  4: USED[3]}
    assert listed["4"]["color"] == SCANNET200.colors[SCANNET200.names.index(USED[3])].tolist()
    stage = build_stage(get_config(run_flags(*STAGE1, "--is_train", "False", "--weights",
                                             str(run_flags.run / "last.ckpt"))), SCANNET200)
    stage.choose_from(["skateboard", "surf board", "pogo stick", USED[3]])
    order = [stage.vocabulary.asked.index(name) + 1 for name in stage.vocabulary.names]
    for batch in build_loader(get_config(run_flags(*STAGE1)), "val", training=False, label_set=SCANNET200):
        with torch.no_grad():
            nearest = stage.scores(stage.eval()(batch)).argmax(1)[batch.inverse].tolist()
        ids = [int(line) for line in (folder / f"{batch.scenes[0]}.txt").read_text().split()]
        assert ids == [order[k] for k in nearest] and len(set(ids)) > 1
        panels = read_panels(folder / f"{batch.scenes[0]}.ply")
        assert [panels.label_set.names[k] for k in panels.prediction] == [listed[str(k)]["name"] for k in ids]
        assert panels.truth.max() < 200 and (panels.truth >= 0).all()
        legend = dict(legend_entries(panels))
        assert all(legend[listed[str(k)]["name"]] == tuple(listed[str(k)]["color"]) for k in set(ids))
    assert "ids of its own, as classes.json lists them: skateboard, surf board, pogo stick" in capsys.readouterr().out
    assert get_upload_txt.main([str(folder), "--dry_run"]) == 1
    assert "classes of your own" in capsys.readouterr().err


def test_names_of_the_table_alone_keep_its_ids(run_flags, tmp_path):
    assert main(run_flags(*STAGE1, "--max_iter", "1")) == 0
    assert main(run_flags(*STAGE1, "--is_train", "False", "--weights", str(run_flags.run / "last.ckpt"),
                          "--visualize", "True", "--visualize_path", str(tmp_path / "v"), "--class_names",
                          f"{USED[3]},{USED[0]}")) == 0
    ids = {int(line) for line in (tmp_path / "v" / "fulleval" / "val0000_00.txt").read_text().split()}
    assert ids <= {SCANNET200.ids[SCANNET200.names.index(name)] for name in (USED[3], USED[0])}
    assert not (tmp_path / "v" / "fulleval" / "classes.json").exists()


def test_names_come_from_a_file_or_the_line(tmp_path):
    (tmp_path / "n.txt").write_text("Office  Chair\n\nwall\r\n")
    assert read_names(str(tmp_path / "n.txt"), "--x") == read_names(" office chair ,WALL,", "--x") == [
        "office chair", "wall"]
    vocabulary = Vocabulary.of(["pogo stick", "wall"], label_set=SCANNET200)
    assert vocabulary.names == ("wall", "pogo stick") and vocabulary.others == ("pogo stick",)


@pytest.mark.parametrize("flags,words", [
    (("--class_names", "a,b"), "--is_train False"),
    (("--is_train", "False", "--weights", "w", "--class_names", "chair,wall", "--use_embedding_loss", "False",
      "--dataset", "Scannet200VoxelizationDataset"), "--use_embedding_loss True"),
    (("--held_out_classes", "sofa"), "sofa not among"),
    (("--held_out_classes", " , "), "holds no name"),
    (("--held_out_classes", "chair,Chair"), "comes twice"),
    (("--held_out_classes", "nowhere.txt"), "nowhere.txt: no such file"),
])
def test_names_that_cannot_be_used_stop_with_one_line(run_flags, capsys, flags, words):
    assert main(run_flags(*STAGE1, *flags)) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and words in error


def test_a_single_name_leaves_nothing_to_choose(run_flags):
    with pytest.raises(ValueError, match="two or more"):
        build_stage(get_config(run_flags(*STAGE1, "--is_train", "False", "--class_names", "chair")), SCANNET200)
