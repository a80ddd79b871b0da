"""Pictures of a validation: whose, in which order, of what, and that no training ends for one."""
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from config.config import get_config
from datasets.label_sets import load_label_set
from lib.checkpoint import load_checkpoint
from lib.metrics import iou_of
from lib.training import pictures, trainer
from lib.view import confusion_bars, iou_bars
from main import main

LABELS = load_label_set()


def logged(folder):
    events = EventAccumulator(str(folder), size_guidance={"images": 0})
    events.Reload()
    return {name: [event.step for event in events.Images(name)] for name in events.Tags()["images"]}


def test_every_validation_logs_bars_and_the_same_scenes(run_flags):
    assert main(run_flags("--max_epoch", "2", "--val_pictures", "1")) == 0
    assert logged(run_flags.run) == {"validation/IoU_by_class": [2, 4], "validation/worst_classes": [2, 4],
                                     "scenes/val0000_00": [2, 4]}


def test_no_scenes_are_drawn_where_none_are_wanted_and_no_more_than_there_are(run_flags):
    def names(number):
        run = trainer.Training(get_config(run_flags("--val_pictures", number)))
        return [run.val_loader.dataset.names[index] for index in run.pictures.indices]

    assert names("0") == [] and names("9") == ["val0000_00", "val0001_00"]


def test_pictures_change_no_weight(run_flags, tmp_path):
    states = []
    for number in ("0", "2"):
        folder = str(tmp_path / number)
        assert main(run_flags("--max_epoch", "2", "--val_pictures", number, "--log_dir", folder)) == 0
        states.append(load_checkpoint(f"{folder}/last.ckpt")["state_dict"])
    assert all((states[0][name] == states[1][name]).all() for name in states[0])


def test_a_picture_that_fails_is_said_once_and_the_training_goes_on(run_flags, monkeypatch, capsys):
    def fail(*_):
        raise OSError("no font")

    monkeypatch.setattr(pictures, "draw_confusions", fail)
    assert main(run_flags("--max_epoch", "3")) == 0
    assert capsys.readouterr().out.count("no more pictures of the validation: OSError: no font\n") == 1


def test_a_scene_that_another_process_validated_gets_the_same_picture(run_flags):
    run = trainer.Training(get_config(run_flags("--val_pictures", "1")))
    trainer.evaluate(run.stage, run.val_loader, run.device, "", run.pictures.keep)
    (name, here), = run.pictures._scenes(run.stage)
    (_, elsewhere), = run.pictures._scenes(run.stage)  # nothing was kept: it is predicted
    assert name == "val0000_00" and np.array_equal(np.asarray(here), np.asarray(elsewhere))


def test_evaluation_names_a_scene_by_its_place_in_the_list_also_where_it_sees_only_some(run_flags):
    run = trainer.Training(get_config(run_flags()))
    found = {}
    trainer.evaluate(run.stage, run.val_loader, run.device, "", found.__setitem__)
    run.val_loader.batch_sampler.world, run.val_loader.batch_sampler.rank = 2, 1  # the second of two processes
    part = {}
    trainer.evaluate(run.stage, run.val_loader, run.device, "", part.__setitem__)
    assert sorted(found) == [0, 1] and list(part) == [1] and np.array_equal(part[1], found[1])


def test_wrong_points_are_red_and_right_ones_grey():
    points = np.stack(np.meshgrid(np.arange(40), np.arange(40)), -1).reshape(-1, 2) * 0.02
    points = np.column_stack([points, np.zeros(len(points))]).astype(np.float32)
    truth = np.full(len(points), LABELS.index("floor"))
    where = pictures.place(points, truth, LABELS)
    def mean(prediction):  # of the third panel
        picture = np.asarray(pictures.draw_scene("s", where, prediction, LABELS)).astype(int)
        panel = picture[60:picture.shape[0] - 60, 820:]
        return panel[(panel < 250).any(-1)].mean(0)

    grey, red = mean(truth), mean(np.full(len(points), LABELS.index("wall")))
    assert np.ptp(grey) < 15 and red[0] > 1.5 * red[1:].max()


def test_bars_run_from_the_highest_iou_down_and_leave_out_absent_classes(monkeypatch):
    written = []
    draw = iou_bars.ImageDraw.ImageDraw
    original = draw.text
    monkeypatch.setattr(draw, "text", lambda self, at, text, *more, **named: (
        written.append(text), original(self, at, text, *more, **named))[0])
    iou = np.array([0.25, np.nan, 0.75, 0.5, 0.0])
    iou_bars.draw_iou_bars(iou, np.array([9, 0, 9, 9, 9]), list("abcde"), ["head", "head", "tail", "tail", "head"])
    assert [text for text in written if text in "abcde" and text] == ["c", "d", "a", "e"]
    assert {"head: mean 12.5 % of 2 classes", "tail: mean 62.5 % of 2 classes"} < set(written)
    assert "IoU in percent; 1 of 5 classes are not in these scenes" in written


def test_the_worst_classes_come_first_the_larger_of_equals_before_and_absent_ones_never():
    counts = np.array([[8, 2, 0, 0], [5, 0, 0, 0], [0, 0, 0, 0], [9, 0, 0, 0]])
    true, predicted = counts.sum(1), counts.sum(0)
    iou = iou_of(np.diag(counts), true, predicted)
    assert confusion_bars.worst_classes(true, iou, 9).tolist() == [3, 1, 0]
    assert confusion_bars.worst_classes(true, iou, 2).tolist() == [3, 1]


@pytest.mark.parametrize("counts", [np.zeros((3, 3), int), np.eye(3, 4, dtype=int) + np.eye(3, 4, 1, dtype=int)])
def test_nothing_labelled_and_points_outside_the_set_are_drawn_too(counts):
    names, groups = list("abc"), ["", "", ""]
    iou = np.where(counts.sum(1) > 0, 0.5, np.nan)
    for picture in (iou_bars.draw_iou_bars(iou, counts.sum(1), names, groups),
                    confusion_bars.draw_confusions(counts, iou, names, groups)):
        assert isinstance(picture, Image.Image) and picture.width > 300
