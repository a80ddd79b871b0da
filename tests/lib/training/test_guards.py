"""Steps whose loss or gradients are no finite numbers leave no trace in a run but a line that names their scenes."""
import copy
import json
import os
import socket
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from torch import nn

from lib.checkpoint import load_checkpoint
from lib.training import trainer
from lib.training.guards import SKIPPED, StepGuard
from lib.training.readout import Readout
from lib.training.solvers import build_optimizer, clip_gradients, take_step
from main import main

ROOT = Path(__file__).resolve().parents[3]
NUMBERS = dict(lr=0.1, weight_decay=0.1, sgd_momentum=0.9, sgd_dampening=0.1, adam_beta1=0.9, adam_beta2=0.99)
NO_SCALE = torch.amp.GradScaler("cpu", enabled=False)


def small_stage():
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def states(stage, optimizer):
    """Everything that a step changes, as bytes."""
    flat = [*stage.state_dict().values()]
    for key in sorted(optimizer.state_dict()["state"]):
        flat += [value for value in optimizer.state_dict()["state"][key].values() if value is not None]
    return [value.clone() for value in flat]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Muon"])
@pytest.mark.parametrize("bad_step", [0, 2])
@pytest.mark.parametrize("clipped", [False, True])
def test_a_run_with_a_bad_step_is_the_run_without_it(name, bad_step, clipped):
    batches = [torch.randn(6, 3) for _ in range(5)]
    batches[bad_step][4, 1] = float("nan")
    start, ends = small_stage(), []
    for leave_out in (True, False):
        stage = copy.deepcopy(start)
        optimizer = build_optimizer(Namespace(optimizer=name, **NUMBERS), stage.parameters())
        guard = StepGuard(stage)
        for k, batch in enumerate(batches):
            if leave_out and k == bad_step:
                continue
            optimizer.zero_grad()
            loss = stage(batch).square().mean()
            loss.backward()
            bad = guard.judge(loss, optimizer, NO_SCALE)
            if clipped:
                clip_gradients(optimizer, NO_SCALE, 0.01)
            take_step(optimizer, NO_SCALE, bad)
            guard.settle(bad)
            assert bool(bad) == (k == bad_step)
        ends.append(states(stage, optimizer))
    assert len(ends[0]) == len(ends[1]) > 10 and all(torch.equal(a, b) for a, b in zip(*ends))


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_one_gradient_that_is_not_finite_makes_a_step_bad_though_its_loss_is(value):
    stage = small_stage()
    optimizer, guard = torch.optim.SGD(stage.parameters(), 0.1, fused=True), StepGuard(stage)
    loss = stage(torch.randn(4, 3)).square().mean()
    loss.backward()
    assert guard.judge(loss, optimizer, NO_SCALE) == 0
    stage[3].weight.grad[1, 2] = value
    assert guard.judge(loss, optimizer, NO_SCALE) == 1


def test_with_a_loss_scale_overflowing_gradients_are_the_scalers_and_a_loss_that_is_none_is_left_out():
    stage, scaler = small_stage(), torch.amp.GradScaler("cpu", init_scale=4.0)
    optimizer, guard = torch.optim.SGD(stage.parameters(), 0.1, fused=True), StepGuard(stage)
    for spoil, loss_value, bad in ((float("inf"), 1.0, 0), (1.0, float("nan"), 1), (1.0, float("inf"), 1)):
        before, scale = copy.deepcopy(stage.state_dict()), scaler.get_scale()
        optimizer.zero_grad()
        loss = stage(torch.randn(4, 3)).square().mean()
        scaler.scale(loss).backward()
        stage[0].weight.grad[0, 0] *= spoil
        assert guard.judge(loss * loss_value, optimizer, scaler) == bad
        take_step(optimizer, scaler, torch.tensor(float(bad)))
        guard.settle(torch.tensor(float(bad)))
        assert torch.equal(stage[0].weight, before["0.weight"]) and scaler.get_scale() == scale / 2
        assert torch.equal(stage[1].running_mean, before["1.running_mean"]) == bool(bad)


def spoil(monkeypatch, *scenes, late=False):
    """Let the loss of every batch with one of these scenes, of any without, be NaN; figures come late, as on a GPU."""
    original = trainer._loss

    def loss(run, batch):
        bad = not scenes or set(scenes) & set(batch.scenes)
        return original(run, batch) * (float("nan") if bad else 1.0)

    monkeypatch.setattr(trainer, "_loss", loss)
    monkeypatch.setattr(trainer, "Readout", lambda device: Readout(device, late=late))


@pytest.mark.parametrize("late", [False, True])
def test_a_scene_that_gives_nan_is_named_and_the_run_goes_on_and_resumes_exactly(run_flags, tmp_path, monkeypatch,
                                                                                 capsys, late):
    spoil(monkeypatch, "train0001_00", late=late)
    flags = ("--max_epoch", "2", "--ema_decay", "0.9", "--batch_size", "1", "--iter_size", "2", "--stat_freq", "1")
    assert main(run_flags(*flags)) == 0
    assert "the loss is nan at step" in capsys.readouterr().out
    whole = load_checkpoint(run_flags.run / "last.ckpt")
    assert (whole["step"], whole["skipped_steps"]) == (4, 2)
    assert all(torch.isfinite(value).all() for value in whole["state_dict"].values())
    lines = [json.loads(line) for line in (run_flags.run / SKIPPED).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1] and all(line["loss"] == "nan" for line in lines)
    assert all("train0001_00" in line["scenes"] and len(line["scenes"]) == 2 for line in lines)
    cut = tmp_path / "cut"
    assert main(run_flags(*flags, "--max_iter", "1", "--log_dir", str(cut))) == 0
    for step in ("3", "4"):
        assert main(("--resume", str(cut), "--max_iter", step)) == 0
    again = load_checkpoint(cut / "last.ckpt")
    assert all(torch.equal(value, again["state_dict"][name]) for name, value in whole["state_dict"].items())
    assert again["skipped_steps"] == 2 and (cut / SKIPPED).read_text() == (run_flags.run / SKIPPED).read_text()


@pytest.mark.parametrize("limit", [0, 2])
def test_more_bad_steps_in_a_row_than_allowed_end_the_run_with_one_line(run_flags, monkeypatch, capsys, limit):
    spoil(monkeypatch)
    assert main(run_flags("--max_epoch", "9", "--max_skipped_steps", str(limit))) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1 and f"the loss is nan at step {limit} (scenes train" in error[0] and "--lr 0.01" in error[0]
    assert len((run_flags.run / SKIPPED).read_text().splitlines()) == limit + 1


def test_a_resumed_run_forgets_the_skipped_steps_that_it_does_anew(run_flags, monkeypatch):
    assert main(run_flags("--max_epoch", "1")) == 0
    old = ('{"step": 1, "scenes": ["a"]}\n', '{"step": 7, "scenes": ["b"]}\n', '{"step": 8, "sce')
    (run_flags.run / SKIPPED).write_text("".join(old))
    assert main(("--resume", str(run_flags.run), "--max_epoch", "1")) == 0
    assert (run_flags.run / SKIPPED).read_text() == old[0]
    assert main(run_flags("--max_epoch", "1")) == 0
    assert not (run_flags.run / SKIPPED).exists()  # another run's


ON_A_PROCESS = """
import torch
from lib import distributed
from lib.training.guards import StepGuard
flags = []
with distributed.joined(use_gpu=False):
    for poisoned in (None, 1, 0):
        stage = torch.nn.Linear(2, 2)
        loss = stage(torch.ones(1, 2)).sum() * (float("nan") if poisoned == distributed.rank() else 1)
        loss.backward()
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        flags.append(int(StepGuard(stage).judge(loss, torch.optim.SGD(stage.parameters(), 0.1), scaler)))
    print(flags, file=distributed.own_output(), flush=True)
"""


def test_of_several_processes_all_leave_out_a_step_that_is_bad_on_one():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                   "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    processes = [subprocess.Popen([sys.executable, "-c", ON_A_PROCESS], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                                  env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in (0, 1)]
    assert [process.communicate(timeout=200)[0] for process in processes] == ["[0, 1, 1]\n"] * 2
