"""What a training says of its speed: by an invented clock."""
from argparse import Namespace

import pytest
import torch

from lib.training import throughput
from lib.training.throughput import Watched

CPU = torch.device("cpu")


def watched(monkeypatch, moments, warm_up=0, batches=3):
    clock = iter(moments)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(clock))
    return Watched([Namespace(scenes=["a", "b"], features=[0] * 7, lent=False)] * batches, CPU, warm_up)


def test_waiting_for_data_is_told_from_computing(monkeypatch):
    batches = watched(monkeypatch, [0.0, 1.0, 5.0, 5.5, 9.0, 9.25, 12.0, 13.0])
    assert len(list(batches)) == 3  # the end is asked for, too
    speed = batches.speed()
    assert (speed.seconds, speed.waited, speed.batches, speed.scenes, speed.voxels) == (13.0, 1.75, 3, 6, 21)


def test_batches_of_the_warm_up_count_for_nothing(monkeypatch):
    batches = watched(monkeypatch, [0.0, 5.0, 5.5, 9.0, 9.25, 12.0, 13.0], warm_up=1)
    list(batches)
    speed = batches.speed()
    assert (speed.seconds, speed.waited, speed.scenes) == (8.0, 0.75, 4)


def test_figures_are_of_what_came_since_the_last_ones(monkeypatch):
    batches = watched(monkeypatch, [0.0, 1.0, 4.0, 4.0, 20.0, 21.0, 24.0, 28.0], batches=1)
    list(batches)
    first = batches.figures()
    list(batches)
    second = batches.figures()
    assert (first["scenes_per_s"], first["wait_share"]) == (0.5, 0.25)
    assert (second["scenes_per_s"], second["voxels_per_s"], second["wait_share"]) == (0.25, 0.875, 0.125)
    assert second["peak_GB"] == pytest.approx(first["peak_GB"], abs=0.5) and second["peak_GB"] > 0.05
    assert list(batches.figures()) == ["peak_GB"]  # nothing came
