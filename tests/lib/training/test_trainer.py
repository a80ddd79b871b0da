"""The training loop: it learns, resumes exactly, accumulates gradients, survives unlabelled batches and signals."""
import json
import os
import signal

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from config.config import get_config
from datasets.ply import read_scene, write_scene
from lib.checkpoint import load_checkpoint
from lib.training import solvers, step_log, trainer
from lib.training.readout import Readout
from lib.training.run_log import RunLog
from main import main


def weights(folder, name="last.ckpt"):
    return load_checkpoint(folder / name)["state_dict"]


def same(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


def test_a_few_epochs_learn_the_toy_classes_and_leave_the_promised_files(run_flags, capsys):
    assert main(run_flags("--max_epoch", "8", "--train_augmentation", "False", "--bn_momentum", "0.3")) == 0
    scores = json.loads((run_flags.run / "scores.json").read_text())
    assert scores["points"]["accuracy"] > 0.9 and scores["points"]["mIoU/present"] > 0.8
    assert scores["points"]["mIoU/200"] == pytest.approx(scores["points"]["mIoU/present"] * 4 / 200)
    names = {path.name for path in run_flags.run.iterdir()}
    assert {"config.yaml", "best.ckpt", "last.ckpt", "scores.json"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    content = load_checkpoint(run_flags.run / "last.ckpt")
    assert content["epoch"] == 8 and content["step"] == 16 and content["label_table"]["wall"] == 1
    assert content["config"]["model"] == "Res16UNet14S"


def test_scores_by_class_and_the_confusion_matrix_are_kept_and_agree(run_flags):
    assert main(run_flags("--max_epoch", "1", "--save_confusion", "True")) == 0
    scores = json.loads((run_flags.run / "scores.json").read_text())
    with np.load(run_flags.run / "confusion.npz", allow_pickle=False) as file:
        counts, names, scenes, totals = file["counts"], file["names"].tolist(), file["scenes"].tolist(), file["totals"]
    assert scenes == ["val0000_00", "val0001_00"] and totals.shape == (3, 2, 200)
    assert (totals[1].sum(1) == 500).all() and (totals[2].sum(1) == 500).all()  # of the truth, predicted: every point
    assert totals.sum(1).tolist() == [np.diag(counts).tolist(), counts.sum(1).tolist(), counts.sum(0).tolist()]
    classes = scores["classes"]
    assert list(classes) == names and counts.shape == (200, 200) and counts.sum() == 1000  # 2 scenes of 500 points
    assert [classes[name]["points"] for name in names] == counts.sum(1).tolist()
    present = [values["iou"] for values in classes.values() if values["points"]]
    assert len(present) == 4 and np.mean(present) == pytest.approx(scores["points"]["mIoU/present"])
    wall = classes["wall"]
    assert wall["group"] == "head" and wall["recall"] == pytest.approx(counts[0, 0] / counts[0].sum())
    assert all(values["iou"] is None for values in classes.values() if not values["points"])
    assert main(run_flags("--max_epoch", "1")) == 0
    assert not (run_flags.run / "confusion.npz").exists()  # an older run's is not left beside a newer one's scores


def test_L19_a_resumed_run_ends_with_the_very_same_weights(run_flags, tmp_path):
    common = ["--scheduler", "PolyLR", "--max_epoch", "3"]
    assert main(run_flags(*common)) == 0
    whole = weights(run_flags.run)
    part = ["--log_dir", str(tmp_path / "part")]
    assert main(run_flags("--scheduler", "PolyLR", "--max_epoch", "3", "--max_iter", "10000000", *part)) == 0
    # stop inside the second epoch, after its first of two batches, then go on
    run = trainer.Training(get_config(run_flags(*common, "--log_dir", str(tmp_path / "cut"))))
    run.stopping = False
    steps = iter([False, False, True])
    original = run.scheduler.step_iteration
    run.scheduler.step_iteration = lambda: (original(), setattr(run, "stopping", next(steps, True)))
    with RunLog(tmp_path / "cut") as writer:
        trainer.train_one_epoch(run, writer)
        trainer.validate(run, writer)
        trainer.train_one_epoch(run, writer)
    run.save("last.ckpt")
    assert (run.progress.epoch, run.progress.batch, run.progress.step) == (1, 1, 3)
    torch.manual_seed(999)
    assert main(run_flags(*common, "--log_dir", str(tmp_path / "cut"), "--resume", str(tmp_path / "cut"))) == 0
    assert same(whole, weights(tmp_path / "cut")) and same(whole, weights(tmp_path / "part"))


def signal_at_step(monkeypatch, number):
    """Let SIGTERM come during this step, and never again."""
    original, coming = step_log._log, [number]

    def log(writer, step, figures):
        original(writer, step, figures)
        if coming == [step.number]:
            os.kill(os.getpid(), signal.SIGTERM)
            coming.clear()

    monkeypatch.setattr(step_log, "_log", log)
    monkeypatch.setattr(trainer, "Readout", lambda device: Readout(device, late=False))  # a GPU's log is a step late


# The learning rate falls after the second epoch; epochs have two steps.
FALLING = ("--scheduler", "MultiStepLR", "--multi_step_milestones", "2", "--max_epoch", "3", "--stat_freq", "1")


def test_L19_a_signal_in_the_last_step_of_an_epoch_ends_the_epoch_and_resuming_is_exact(run_flags, tmp_path,
                                                                                        monkeypatch, capsys):
    assert main(run_flags(*FALLING)) == 0
    whole = load_checkpoint(run_flags.run / "last.ckpt")
    part = tmp_path / "part"
    signal_at_step(monkeypatch, 2)
    assert main(run_flags(*FALLING, "--log_dir", str(part))) == 0
    assert f"stopped at step 2; go on with --resume {part}" in capsys.readouterr().out
    stopped = load_checkpoint(part / "last.ckpt")
    assert stopped["scheduler"]["inner"]["last_epoch"] == 1 and stopped["best"] >= 0
    assert load_checkpoint(part / "best.ckpt")["step"] == 2  # validated before it stopped
    assert main(run_flags(*FALLING, "--log_dir", str(part), "--resume", str(part))) == 0
    again = load_checkpoint(part / "last.ckpt")
    assert whole["scheduler"] == again["scheduler"] and whole["scheduler"]["inner"]["last_epoch"] == 3
    assert same(whole["state_dict"], again["state_dict"])


def test_L19_a_run_that_ended_at_max_iter_inside_an_epoch_is_extended_exactly(run_flags, tmp_path, capsys):
    assert main(run_flags(*FALLING)) == 0
    whole = load_checkpoint(run_flags.run / "last.ckpt")
    part = ("--log_dir", str(tmp_path / "part"))
    assert main(run_flags(*FALLING, *part, "--max_iter", "3")) == 0
    assert load_checkpoint(tmp_path / "part" / "last.ckpt")["scheduler"]["inner"]["last_epoch"] == 1
    assert "epoch 1, step 3: validation loss" in capsys.readouterr().out
    capsys.readouterr()
    assert main(run_flags(*FALLING, *part, "--resume", part[1])) == 0  # --max_iter is the run's, too
    assert "nothing left to train" in capsys.readouterr().out
    assert main(run_flags(*FALLING, *part, "--resume", part[1], "--max_iter", "100")) == 0
    assert "changed: max_iter: 3 -> 100\n" in capsys.readouterr().out
    again = load_checkpoint(tmp_path / "part" / "last.ckpt")
    assert whole["scheduler"] == again["scheduler"] and same(whole["state_dict"], again["state_dict"])


@pytest.mark.parametrize("flag,then,now", [("batch_size", "2", "4"), ("batch_size", "2", "1"), ("seed", "42", "7"),
                                           ("iter_size", "1", "2"), ("scene_sampling", "uniform", "repeat_factor"),
                                           ("repeat_threshold", "0.1", "0.5"), ("mix_scenes", "0.0", "0.5"),
                                           ("elastic_distortion", "True", "False")])
def test_L19_inside_an_epoch_flags_that_move_its_position_are_named(run_flags, monkeypatch, capsys, flag, then, now):
    signal_at_step(monkeypatch, 1)
    assert main(run_flags()) == 0
    capsys.readouterr()
    path = run_flags.run / "last.ckpt"
    changed = ("--resume", str(run_flags.run), "--max_epoch", "1", f"--{flag}", now)
    assert main(run_flags(*changed)) == 1
    error = capsys.readouterr().err
    assert error == (f"error: {path}: it stopped inside an epoch with --{flag} {then}, which --{flag} {now} cannot go "
                     f"on with: resume with --{flag} {then}, or start anew from its weights with --weights {path}\n")
    assert main(run_flags("--resume", str(run_flags.run), "--max_epoch", "1")) == 0
    assert main(run_flags(*changed, "--max_epoch", "2")) == 0  # between epochs they are free


def test_L19_inside_an_epoch_another_number_of_scenes_is_refused(run_flags, monkeypatch, capsys):
    signal_at_step(monkeypatch, 1)
    assert main(run_flags()) == 0
    scenes = (run_flags.root / "train.txt").read_text()
    (run_flags.root / "train.txt").write_text(scenes.replace("train/train0003", "val/val0001"))
    assert main(run_flags("--resume", str(run_flags.run), "--max_epoch", "1")) == 1
    assert "has others" in capsys.readouterr().err
    (run_flags.root / "train.txt").write_text(scenes + "val/val0000_00.ply\n")
    assert main(run_flags("--resume", str(run_flags.run), "--max_epoch", "1")) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "inside an epoch of 4 scenes" in error and "--weights" in error
    assert f"--train_phase train of --scannet_path {run_flags.root} has 5" in error


def test_L19_a_resumed_fp16_run_keeps_its_loss_scale_and_ends_with_the_very_same_weights(run_flags, tmp_path,
                                                                                           monkeypatch):
    build = trainer.build_scaler

    def too_high(config, device):  # the first steps overflow, the others do not
        scaler = build(config, device)
        scaler.load_state_dict({**scaler.state_dict(), "scale": 2.0**19})
        return scaler

    monkeypatch.setattr(trainer, "build_scaler", too_high)
    flags = ("--precision", "fp16", "--scheduler", "PolyLR", "--optimizer", "SGD", "--stat_freq", "1")
    assert main(run_flags("--max_epoch", "2", *flags)) == 0
    whole = load_checkpoint(run_flags.run / "last.ckpt")
    assert whole["step"] == 4  # skipped steps count, so that the schedule ends when the data does
    assert 0 < whole["scaler"]["_growth_tracker"] < 4
    part = ["--log_dir", str(tmp_path / "part")]
    run = trainer.Training(get_config(run_flags("--max_epoch", "2", *flags, *part)))
    with RunLog(tmp_path / "part") as writer:
        trainer.train_one_epoch(run, writer)
        trainer.validate(run, writer)
    run.save("last.ckpt")
    assert main(run_flags("--max_epoch", "2", *flags, *part, "--resume", str(tmp_path / "part"))) == 0
    again = load_checkpoint(tmp_path / "part" / "last.ckpt")
    assert same(whole["state_dict"], again["state_dict"]) and whole["scaler"] == again["scaler"]


def test_gradients_that_overflow_at_any_loss_scale_stop_with_one_line(run_flags, monkeypatch, capsys):
    monkeypatch.setattr(trainer, "build_scaler", lambda config, device: torch.amp.GradScaler(
        device.type, init_scale=2.0, enabled=True))
    original = trainer.take_step

    def overflowing(optimizer, scaler, bad):
        optimizer.param_groups[0]["params"][0].grad.fill_(float("inf"))
        original(optimizer, scaler, bad)

    monkeypatch.setattr(trainer, "take_step", overflowing)
    assert main(run_flags("--max_epoch", "3")) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: gradients overflow float16 even with loss scale 0.5 at step 2 (scenes train")


def test_accumulated_gradients_step_once_for_several_batches(run_flags):
    assert main(run_flags("--max_epoch", "2", "--batch_size", "1", "--iter_size", "3")) == 0
    content = load_checkpoint(run_flags.run / "last.ckpt")
    assert content["step"] == 4  # four batches an epoch: groups of three and one


def test_accumulation_equals_the_mean_of_the_batches_losses(run_flags):
    config = get_config(run_flags("--batch_size", "1", "--iter_size", "4", "--optimizer", "SGD", "--lr", "0",
                                  "--classifier_only", "False", "--bn_momentum", "0"))
    run = trainer.Training(config)
    gradients = []
    run.optimizer.step = lambda: gradients.append(run.stage.model.final.kernel.grad.clone())
    with RunLog(run.folder) as writer:
        trainer.train_one_epoch(run, writer)
    run.train_loader.set_epoch(0)
    batches = [batch.to(run.device) for batch in run.train_loader]
    losses = [run.stage.criterion(run.stage(batch), batch.labels) for batch in batches]
    (sum(losses) / 4).backward()
    torch.testing.assert_close(gradients, [run.stage.model.final.kernel.grad])


def test_lambda_weighs_the_loss_of_stage_1(run_flags, anchors_file):
    def gradient(weight):
        run = trainer.Training(get_config(run_flags(
            "--dataset", "Scannet200TextualDataset", "--language_features_path", anchors_file, "--embedding_loss_type",
            "contrast_ce", "--embedding_loss_lambda", weight, "--batch_size", "4")))
        gradients = []
        run.optimizer.step = lambda: gradients.append(run.stage.model.conv0p1s1.kernel.grad.clone())
        with RunLog(run.folder) as writer:
            trainer.train_one_epoch(run, writer)
        return gradients[0]

    torch.testing.assert_close(gradient("0.25") * 4, gradient("1"))


def test_after_a_validation_batch_norm_trains_on(run_flags):
    run = trainer.Training(get_config(run_flags("--max_epoch", "1")))
    with RunLog(run.folder) as writer:
        trainer.validate(run, writer)
        before = run.stage.model.bn0.bn.running_mean.clone()
        trainer.train_one_epoch(run, writer)
    assert run.stage.training and not torch.equal(run.stage.model.bn0.bn.running_mean, before)


def unlabel(root, scenes):
    for name in scenes:
        path = root / "train" / f"{name}.ply"
        scene = read_scene(path)
        scene.labels[:] = 0
        write_scene(path, scene)


def test_L6_a_batch_without_labels_gives_no_gradient_and_is_counted(run_flags):
    config = get_config(run_flags("--max_epoch", "1", "--weight_decay", "0", "--optimizer", "SGD"))
    run = trainer.Training(config)
    unlabel(run_flags.root, [f"train{i:04d}_00" for i in range(4)])  # after the check that there are labels at all
    before = {name: p.detach().clone() for name, p in run.stage.named_parameters()}
    with RunLog(run.folder) as writer:
        trainer.train_one_epoch(run, writer)
    assert run.progress.unlabelled_batches == 2 and run.progress.step == 2
    assert all(torch.equal(before[name], p) for name, p in run.stage.named_parameters())


def test_a_loss_that_is_not_finite_stops_the_training_and_names_the_scenes(run_flags, capsys):
    assert main(run_flags("--lr", "1e30", "--optimizer", "SGD", "--max_epoch", "30")) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: the loss is") and "train000" in error and "--lr" in error


def test_the_first_signal_stops_after_a_step_with_a_checkpoint_to_resume(run_flags, monkeypatch, capsys):
    config = get_config(run_flags("--max_epoch", "50"))
    signal_at_step(monkeypatch, 1)
    trainer.train(config)
    assert load_checkpoint(run_flags.run / "last.ckpt")["step"] == 1
    assert "--resume" in capsys.readouterr().out
    assert main(run_flags("--resume", str(run_flags.run), "--max_epoch", "1")) == 0
    assert load_checkpoint(run_flags.run / "last.ckpt")["step"] == 2


def test_muon_leaves_the_classifier_and_the_projection_to_adamw(run_flags, anchors_file):
    config = get_config(run_flags("--optimizer", "Muon", "--use_embedding_loss", "True", "--language_features_path",
                                  anchors_file, "--learned_projection", "True"))
    run = trainer.Training(config)
    run.stage.model.final.requires_grad_(True)
    heads = [parameter for name, parameter in run.stage.named_parameters() if name.startswith(trainer.HEADS)]
    assert sorted(p.ndim for p in heads) == [1, 2, 2, 2]  # two biases, one of them (1, C), and two kernels
    kernels, others = (group["params"] for group in run.optimizer.param_groups)
    assert {p.ndim for p in kernels} == {2, 3} and not {id(p) for p in kernels} & {id(p) for p in heads}
    assert {p.ndim for p in others if not any(p is head for head in heads)} == {1}


def test_the_best_checkpoint_is_the_one_of_highest_miou_over_points_and_present_classes(run_flags, monkeypatch):
    script = iter([(0.5, 0.1, 0.1), (0.4, 0.9, 0.1), (0.3, 0.1, 0.9), (0.6, 0.2, 0.2)])

    class Scripted:
        labelled, loss = True, 1.0

        def scores(self):
            return {"points": {"mIoU/present": self.values[0], "mIoU/200": self.values[1], "accuracy": 1.0},
                    "voxels": {"mIoU/present": self.values[2], "mIoU/200": self.values[1], "accuracy": 1.0}}

        def classes(self):
            return {}

        def report(self):
            return ""

    def evaluate(*_):
        evaluation = Scripted()
        evaluation.values = next(script)
        return evaluation

    monkeypatch.setattr(trainer, "evaluate", evaluate)
    steps = []
    write = trainer.save_checkpoint
    monkeypatch.setattr(trainer, "save_checkpoint", lambda path, content: (
        write(path, content), steps.append(content["step"]) if path.name == "best.ckpt" else None))
    assert main(run_flags("--max_epoch", "4")) == 0
    assert steps == [2, 8]
    assert load_checkpoint(run_flags.run / "best.ckpt")["best"] == 0.6


def test_resuming_applies_the_lines_numbers_and_names_what_they_change(run_flags, capsys):
    assert main(run_flags("--max_epoch", "1")) == 0
    flags = ("--resume", str(run_flags.run), "--max_epoch", "2", "--lr", "0.001", "--weight_decay", "0.5")
    capsys.readouterr()
    assert main(flags) == 0  # network, data and all else are the run's
    printed = capsys.readouterr().out
    for line in ("lr: 0.01 -> 0.001", "weight_decay: 0.0001 -> 0.5", "max_epoch: 1 -> 2"):
        assert f"changed: {line}\n" in printed
    assert printed.count("changed: ") == 3
    (group,) = load_checkpoint(run_flags.run / "last.ckpt")["optimizer"]["param_groups"]
    assert (group["lr"], group["weight_decay"]) == (0.001, 0.5)
    assert main(("--resume", str(run_flags.run), "--optimizer", "SGD")) == 1
    assert "resume with --optimizer Adam" in capsys.readouterr().err


def test_only_due_validations_count_towards_the_patience_of_a_plateau(run_flags, monkeypatch):
    watched = []
    monkeypatch.setattr(solvers.Scheduler, "step_epoch", lambda self, score=None: watched.append(score is not None))
    assert main(run_flags("--max_epoch", "3", "--val_epoch_freq", "2", "--scheduler", "ReduceLROnPlateau")) == 0
    assert watched == [False, True, False]  # the last is validated because the run ends there, which may be extended


def test_a_new_runs_first_checkpoint_takes_the_place_of_an_older_runs_files_and_not_before(run_flags, monkeypatch):
    def files():
        return {p.name for p in run_flags.run.iterdir() if p.suffix == ".ckpt" or p.name == "scores.json"}

    assert main(run_flags("--max_epoch", "2")) == 0
    record = json.loads((run_flags.run / "run.json").read_text())["starts"]
    (run_flags.run / "last.ckpt").rename(run_flags.run / "kept.ckpt")  # a name that training never writes
    old = {name: (run_flags.run / name).read_bytes() for name in files()}
    again = ("--weights", str(run_flags.run / "best.ckpt"), "--stat_freq", "1")
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "_loss", lambda run, batch: run.stage(batch).sum() * float("nan"))
        assert main(run_flags(*again, "--max_skipped_steps", "0")) == 1
    assert {name: (run_flags.run / name).read_bytes() for name in files()} == old
    assert json.loads((run_flags.run / "run.json").read_text())["starts"][:-1] == record  # what made them is still said
    signal_at_step(monkeypatch, 1)
    assert main(run_flags(*again)) == 0
    assert files() == {"last.ckpt", "kept.ckpt"}  # nothing of the new run is validated yet
    (run_flags.run / "kept.ckpt").unlink()
    assert main(run_flags("--resume", str(run_flags.run), "--max_epoch", "1")) == 0
    assert files() == {"last.ckpt", "best.ckpt", "scores.json"}
    assert load_checkpoint(run_flags.run / "last.ckpt")["step"] == 2
    assert load_checkpoint(run_flags.run / "best.ckpt")["step"] == 2


@pytest.mark.parametrize("fits", [0, 1])
def test_a_new_runs_best_checkpoint_is_never_beside_an_older_runs_last(run_flags, monkeypatch, capsys, fits):
    assert main(run_flags("--max_epoch", "2")) == 0
    write, room = trainer.save_checkpoint, [True] * fits

    def full_disk(path, content):
        if path.name == "last.ckpt" and (not room or not room.pop()):
            raise OSError(f"{path}: no space left")
        write(path, content)

    monkeypatch.setattr(trainer, "save_checkpoint", full_disk)
    assert main(run_flags("--max_epoch", "1")) == 1
    steps = {path.name: load_checkpoint(path)["step"] for path in run_flags.run.glob("*.ckpt")}
    assert steps["last.ckpt"] == (2 if fits else 4) and (steps["best.ckpt"] == 2 or not fits)
    if fits:
        assert json.loads((run_flags.run / "scores.json").read_text())["step"] == 2


def test_L19_a_run_that_was_killed_in_its_validation_goes_on_exactly_with_that(run_flags, tmp_path, monkeypatch):
    assert main(run_flags(*FALLING)) == 0
    whole = load_checkpoint(run_flags.run / "last.ckpt")
    part, validate, killed = tmp_path / "part", trainer.validate, [2, 3]

    def die(run, writer):
        if run.progress.epoch in killed:
            killed.remove(run.progress.epoch)
            raise KeyboardInterrupt
        return validate(run, writer)

    monkeypatch.setattr(trainer, "validate", die)
    with pytest.raises(KeyboardInterrupt):
        main(run_flags(*FALLING, "--log_dir", str(part)))
    stopped = load_checkpoint(part / "last.ckpt")
    assert (stopped["step"], stopped["epoch"], stopped["scheduler"]["inner"]["last_epoch"]) == (4, 2, 1)
    with pytest.raises(KeyboardInterrupt):
        main(("--resume", str(part)))  # of the last epoch
    assert main(("--resume", str(part))) == 0
    again = load_checkpoint(part / "last.ckpt")
    assert whole["scheduler"] == again["scheduler"] and same(whole["state_dict"], again["state_dict"])
    assert (whole["step"], whole["best"]) == (again["step"], again["best"])


def test_a_run_resumed_after_a_crash_logs_no_step_twice(run_flags):
    every = ("--stat_freq", "1")
    assert main(run_flags(*every, "--max_epoch", "1")) == 0
    saved = (run_flags.run / "last.ckpt").read_bytes()
    assert main(run_flags(*every, "--max_epoch", "2", "--resume", str(run_flags.run))) == 0
    (run_flags.run / "last.ckpt").write_bytes(saved)  # as a kill just before the second epoch's checkpoint leaves it
    assert main(run_flags(*every, "--max_epoch", "2", "--resume", str(run_flags.run / "last.ckpt"))) == 0
    events = EventAccumulator(str(run_flags.run)).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4]
    assert [event.step for event in events.Scalars("val/loss")] == [2, 4]


def test_resuming_another_network_and_overwriting_unasked_stop_with_one_line(run_flags, capsys):
    assert main(run_flags("--max_epoch", "1")) == 0
    capsys.readouterr()
    assert main(run_flags("--resume", str(run_flags.run), "--model", "Res16UNet18S")) == 1
    assert "last.ckpt: --resume needs" in capsys.readouterr().err
    assert main(run_flags("--overwrite_weights", "False")) == 1
    assert "holds checkpoints already" in capsys.readouterr().err


def test_L21_missing_files_stop_at_once_with_path_and_command(run_flags, capsys, tmp_path):
    (run_flags.root / "val" / "val0001_00.ply").unlink()
    for flags in (run_flags(), run_flags("--scannet_path", str(tmp_path / "nowhere"))):
        assert main(flags) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "python -m datasets.synthetic" in error
    assert not run_flags.run.exists()


@pytest.mark.parametrize("scheduler", ["StepLR", "MultiStepLR", "SquaredLR", "ExpLR", "CosineAnnealingLR",
                                       "OneCycleLR", "ReduceLROnPlateau"])
def test_every_schedule_runs_in_the_loop(run_flags, scheduler):
    assert main(run_flags("--max_iter", "1", "--scheduler", scheduler)) == 0


def test_the_norm_of_clipped_gradients_and_each_loss_of_a_sum_are_logged(run_flags):
    flags = ("--clip_grad_norm", "1e-6", "--optimizer", "SGD", "--lr", "0.1", "--sgd_momentum", "0",
             "--weight_decay", "0")
    assert main(run_flags("--max_iter", "1", "--loss_type", "cross_entropy+lovasz", "--iter_size", "2", *flags)) == 0
    events = EventAccumulator(str(run_flags.run)).Reload()
    (norm,), (total,), (one,), (other,) = (events.Scalars(f"train/{name}") for name in (
        "gradient_norm", "loss", "cross_entropy", "lovasz"))
    assert norm.value > 0.01 and one.value > 1 > other.value > 0 and total.value == pytest.approx(
        one.value + other.value, rel=0.2)  # the terms are those of the last of two batches
    start = trainer.Training(get_config(run_flags(*flags))).stage.state_dict()
    moved = sum(float((value - start[name]).square().sum()) for name, value in weights(run_flags.run).items()
                if "running" not in name and "tracked" not in name)
    assert moved ** 0.5 < 1e-6  # the length of a step, lr times at most 1e-6, and what float32 rounds
