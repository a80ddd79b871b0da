"""Worker processes: one that dies names its scene; signals to the whole job leave them at work."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datasets import workers
from datasets.label_sets import load_label_set
from datasets.loader import build_loader
from datasets.scannet200 import SceneDataset
from datasets.workers import naming_the_dead
from main import main

SCANNET200 = load_label_set()
original = SceneDataset.__getitem__


def killed_over(monkeypatch, scene, number):
    """Let a worker process that comes to this scene die of a signal."""
    parent = os.getpid()

    def getitem(self, index):
        if self.paths[index].stem == scene and os.getpid() != parent:
            os.kill(os.getpid(), number)
            time.sleep(60)
        return original(self, index)

    monkeypatch.setattr(SceneDataset, "__getitem__", getitem)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_names_the_scene_it_had_in_hand(dataset_config, monkeypatch, number):
    killed_over(monkeypatch, "train0003_00", number)
    dataset_config.num_workers = 2
    loader = build_loader(dataset_config, "train", training=True, label_set=SCANNET200)
    other = build_loader(dataset_config, "val", training=False, label_set=SCANNET200)
    said = r"train0003_00\.ply: the worker process that was reading it is killed by signal"
    with pytest.raises(ChildProcessError, match=said) as error, naming_the_dead(other, loader):
        list(loader)
    assert "\n" not in str(error.value) and "--num_workers" in str(error.value)


def test_a_training_whose_worker_dies_ends_with_one_line_and_its_checkpoint_is_whole(run_flags, monkeypatch, capsys):
    assert main(run_flags("--max_epoch", "1")) == 0
    before = (run_flags.run / "last.ckpt").read_bytes()
    killed_over(monkeypatch, "train0002_00", signal.SIGKILL)
    capsys.readouterr()
    assert main(("--resume", str(run_flags.run), "--max_epoch", "2", "--num_workers", "1")) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1 and "train0002_00.ply: the worker process that was reading it" in error[0]
    assert (run_flags.run / "last.ckpt").read_bytes() == before


def test_memory_that_ends_while_a_scene_is_read_is_one_line(dataset_config, monkeypatch):
    def getitem(self, index):
        raise MemoryError

    monkeypatch.setattr(SceneDataset, "__getitem__", getitem)
    for dataset_config.num_workers in (0, 1):
        with pytest.raises(ValueError, match=r"train000\d_00.ply: out of memory while it was read"):
            list(build_loader(dataset_config, "train", training=True, label_set=SCANNET200))


def test_workers_outlive_the_signals_of_a_scheduler_for_a_while():
    code = ("import time; from datasets import workers; workers.GRACE = 2; workers.ignore_signals_of_the_parent(); "
            "print('ready', flush=True); time.sleep(60)")
    root = Path(workers.__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "ready\n"
        for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM):
            worker.send_signal(number)
        time.sleep(0.5)
        assert worker.poll() is None
        assert worker.wait(30) == -signal.SIGALRM
