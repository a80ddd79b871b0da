"""The average of weights: by hand, validated and saved in place of the weights, and gone on with to the bit."""
import json

import pytest
import torch
from torch import nn

from benchmarks.resume import files_to_start_from
from lib.checkpoint import load_checkpoint
from lib.training import trainer
from lib.training.averaging import MOVED, Average
from main import main


class Stage(nn.Module):
    """A weight, batch norm's statistics and a frozen weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.frozen = nn.Parameter(torch.tensor([0.1]), requires_grad=False)
        self.bn = nn.BatchNorm1d(1)

    def become(self, value):
        with torch.no_grad():
            self.weight.fill_(value)
            self.bn.running_mean.fill_(10 * value)
            self.bn.num_batches_tracked.fill_(int(value))


def test_three_steps_by_hand():
    stage = Stage()
    average = Average(stage, 0.15)
    for step, value in enumerate((1.0, 2.0, 3.0)):  # d = 1/10, then 2/11 and 3/12, at most 0.15
        stage.become(value)
        average.update(stage, step)
    first = 0.1 * 0 + 0.9 * 1
    expected = 0.15 * (0.15 * first + 0.85 * 2) + 0.85 * 3
    states = average.states(stage)
    assert states["state_dict"]["weight"].item() == pytest.approx(expected)
    assert states["state_dict"]["bn.running_mean"].item() == pytest.approx(10 * expected)
    assert states["state_dict"]["bn.num_batches_tracked"] == 3 and states[MOVED]["weight"].item() == 3
    assert torch.equal(states["state_dict"]["frozen"], torch.tensor([0.1]))


def test_inside_the_stage_has_the_average_and_after_it_its_own_to_the_bit_though_something_is_raised():
    stage = Stage()
    average = Average(stage, 0.9)
    stage.become(1 / 3)
    average.update(stage, 1000)
    for _ in range(2):
        with pytest.raises(KeyError), average.in_place(stage):
            assert stage.weight.item() == pytest.approx(0.1 / 3)
            assert stage.bn.running_mean.item() == pytest.approx(1 / 3)
            raise KeyError
        assert stage.weight.item() == torch.tensor(1 / 3).item()


def test_without_a_decay_nothing_is_kept():
    stage = Stage()
    average = Average(stage, 0.0)
    stage.become(1.0)
    average.update(stage, 0)
    assert average.states(stage).keys() == {"state_dict"}
    with average.in_place(stage):
        assert stage.weight.item() == 1


def test_what_is_validated_and_what_checkpoints_give_is_the_average(run_flags, monkeypatch):
    seen = []
    evaluate = trainer.evaluate
    monkeypatch.setattr(trainer, "evaluate", lambda stage, *rest: seen.append(
        {name: value.clone() for name, value in stage.state_dict().items()}) or evaluate(stage, *rest))
    assert main(run_flags("--max_epoch", "2", "--ema_decay", "0.9", "--bn_momentum", "0.3")) == 0
    content = load_checkpoint(run_flags.run / "last.ckpt")
    own, mean = content[MOVED], content["state_dict"]
    assert all(torch.equal(seen[-1][name], value) for name, value in mean.items())
    changed = {name for name in own if not torch.equal(own[name], mean[name])}
    assert {name for name in own if own[name].is_floating_point()} == changed  # batch norm's statistics, too
    scores = json.loads((run_flags.run / "scores.json").read_text())["points"]
    best = load_checkpoint(run_flags.run / "best.ckpt")
    assert main(run_flags("--is_train", "False", "--val_phase", "val", "--weights", str(run_flags.run / "best.ckpt"),
                          "--log_dir", str(run_flags.run / "again"))) == 0
    again = json.loads(next((run_flags.run / "again").rglob("scores*.json")).read_text())["points"]
    assert best["step"] and again["accuracy"] == scores["accuracy"]


def test_stage_3s_frozen_layers_are_those_it_started_from_to_the_bit(run_flags, tmp_path):
    start = files_to_start_from(tmp_path)["3"]
    assert main(run_flags("--max_epoch", "2", "--ema_decay", "0.9", "--classifier_only", "True", *start)) == 0
    before = load_checkpoint(start[1])["state_dict"]
    content = load_checkpoint(run_flags.run / "last.ckpt")
    for name, value in before.items():
        assert torch.equal(content["state_dict"][name], value) != name.startswith("model.final."), name
        assert torch.equal(content["state_dict"][name], content[MOVED][name]) != name.startswith("model.final."), name


@pytest.mark.parametrize("then,now", [("0", "0.9"), ("0.9", "0")])
def test_an_average_begins_at_the_weights_and_ends_with_them_and_the_change_is_said(run_flags, capsys, then, now):
    assert main(run_flags("--max_epoch", "1", "--ema_decay", then)) == 0
    stored = load_checkpoint(run_flags.run / "last.ckpt")
    capsys.readouterr()
    assert main(["--resume", str(run_flags.run), "--max_epoch", "2", "--ema_decay", now, "--lr", "0"]) == 0
    assert f"changed: ema_decay: {float(then)} -> {float(now)}\n" in capsys.readouterr().out
    content = load_checkpoint(run_flags.run / "last.ckpt")
    own = stored.get(MOVED, stored["state_dict"])
    assert (MOVED in content) == (now != "0")
    for name in own:
        if "running" not in name and "tracked" not in name:
            assert torch.equal(content["state_dict"][name], own[name]), name  # as the learning rate is 0
