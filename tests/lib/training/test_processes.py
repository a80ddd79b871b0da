"""Several processes: they train, validate and predict as one does; one that dies ends all; resuming is exact."""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from datasets.ply import read_scene, write_scene
from lib import distributed, launch
from lib.checkpoint import load_checkpoint
from lib.training import replicas
from main import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def flags(run_flags):
    """`run_flags` over seven scenes to train on, of which one has no label, and five to test, of which one is damaged.

    Batches of six leave one scene to the last: of three processes two have none."""
    def copy(split, source, count):
        names = [f"{split}{i:04d}_00" for i in range(count)]
        for i, name in enumerate(names):
            if not (run_flags.root / split / f"{name}.ply").is_file():
                shutil.copy(run_flags.root / source / f"{source}{i % 2:04d}_00.ply",
                            run_flags.root / split / f"{name}.ply")
        (run_flags.root / f"{split}.txt").write_text("".join(f"{split}/{name}.ply\n" for name in names))

    copy("train", "train", 7)
    unlabelled = run_flags.root / "train" / "train0005_00.ply"
    scene = read_scene(unlabelled)
    scene.labels[:] = 0
    write_scene(unlabelled, scene)
    copy("test", "val", 5)
    (run_flags.root / "test" / "test0003_00.ply").write_bytes(b"ply\nno scan")
    return lambda *more: run_flags("--optimizer", "SGD", "--lr", "0.002", "--bn_momentum", "0.1", "--stat_freq", "1",
                                   *map(str, more))


def start(*words):
    return subprocess.Popen([sys.executable, "main.py", *map(str, words)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})


def run(*words):
    process = start(*words)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def losses(folder):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line["train/loss"] for line in lines if "train/loss" in line]


@pytest.mark.slow
def test_three_processes_train_and_infer_as_one(flags, tmp_path):
    common = flags("--max_epoch", 2, "--sync_batch_norm", True, "--drop_path", 0.3, "--ema_decay", 0.5,
                   "--clip_grad_norm", 1)
    assert main([*common, "--batch_size", "6", "--log_dir", str(tmp_path / "1")]) == 0
    code, out, _ = run(*common, "--batch_size", 2, "--log_dir", tmp_path / "3", "--num_gpu", 3)
    assert code == 0
    assert out.count("effective batch: 6 scenes (3 processes x --batch_size 2); learning rate 0.002 as given") == 1
    assert out.count("over gloo on the CPU, 1 thread(s) each") == 1
    one, three = losses(tmp_path / "1"), losses(tmp_path / "3")
    assert len(one) == 4 and one == pytest.approx(three, abs=1e-4)
    names = {path.name.split(".")[0] for path in (tmp_path / "3").iterdir()}
    assert names == {path.name.split(".")[0] for path in (tmp_path / "1").iterdir()}
    assert len(list((tmp_path / "3").glob("events*"))) == 1
    weights = [load_checkpoint(tmp_path / name / "last.ckpt")["state_dict"] for name in "13"]
    apart = max((weights[0][key] - weights[1][key]).abs().max() for key in weights[0])
    assert apart < 1e-3

    files = []
    for processes in (1, 3):
        words = ["--config", tmp_path / "1" / "config.yaml", "--is_train", False, "--weights", tmp_path / "1/last.ckpt",
                 "--val_phase", "test", "--visualize", True, "--visualize_path", tmp_path / f"seen{processes}",
                 "--log_dir", tmp_path / f"scores{processes}", "--save_confusion", True, "--num_gpu", processes]
        code, out, err = run(*words)
        assert code == 1 and err.count("error: ") == 1 and "test0003_00.ply" in err
        assert out.count("4 scenes in ") == 1
        files.append({path.relative_to(folder).as_posix(): path.read_bytes()
                      for folder in (tmp_path / f"seen{processes}", tmp_path / f"scores{processes}")
                      for path in folder.rglob("*") if path.is_file()})
    assert len(files[0]) == 4 * 3 + 3 and "confusion_test.npz" in files[0]
    listed = json.loads(files[1]["fulleval/scenes.json"])
    assert listed["scenes"] == ["test0000_00", "test0001_00", "test0002_00", "test0004_00"]
    assert list(listed["failed"]) == ["test0003_00"]
    assert [name for name in files[0] if files[0][name] != files[1].get(name)] == []


@pytest.mark.long
def test_a_killed_process_ends_all_and_a_signal_stops_all_and_resuming_both_is_exact(flags, tmp_path):
    common = flags("--batch_size", 1, "--num_gpu", 2, "--max_epoch", 5, "--drop_path", 0.3, "--val_epoch_freq", 5)
    assert run(*common, "--log_dir", tmp_path / "whole")[0] == 0
    cut = tmp_path / "cut"
    process = start(*common, "--log_dir", cut)
    wait_for(lambda: (cut / "last.ckpt").is_file())
    workers = children(process.pid)
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 60 and process.returncode == 1
    assert err.count("error: ") == 1 and "error: process 1 of 2 was killed by SIGKILL; the others were ended" in err
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), 5)

    before = load_checkpoint(cut / "last.ckpt")["step"]
    process = start("--resume", cut)
    wait_for(lambda: load_checkpoint(cut / "last.ckpt")["step"] > before)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out.count("stopped at step ") + out.count("step 20: validation") == 1
    assert run("--resume", cut)[0] == 0
    whole, again = (load_checkpoint(tmp_path / name / "last.ckpt") for name in ("whole", "cut"))
    assert whole["step"] == again["step"] == 20
    assert all(torch.equal(value, again["state_dict"][name]) for name, value in whole["state_dict"].items())


def wait_for(fact, seconds=200):
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.1)


def children(pid):
    """Processes that one has started from main.py, in the order of their numbers."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "main.py" in line]


@pytest.mark.parametrize("whose", [pytest.param("one", marks=pytest.mark.slow),
                                   pytest.param("all", marks=pytest.mark.long)])
def test_the_reason_of_a_failure_is_said_once(flags, run_flags, whose):
    scene = run_flags.root / "train" / "train0002_00.ply"
    if whose == "one":
        scene.write_bytes(b"ply\nno scan")
    code, _, err = run(*flags("--num_gpu", 2, "--batch_size", 1, *(["--weights", "nowhere.ckpt"] * (whose == "all"))))
    assert code == 1
    assert err.count("error: ") == 1 and "Traceback" not in err
    assert (str(scene) if whose == "one" else "error: nowhere.ckpt: no such checkpoint") in err


@pytest.mark.parametrize("codes,word", [
    ([1, distributed.LOST], ""), ([distributed.LOST, -signal.SIGTERM], ""),
    ([-signal.SIGKILL, distributed.LOST], "SIGKILL"), ([distributed.LOST, distributed.LOST], "on another machine")])
def test_the_launcher_names_what_no_process_could_say(codes, word, capsys):
    failures = {k: Namespace(exitcode=code, timestamp=k, local_rank=k) for k, code in enumerate(codes)}
    assert launch._say_why(failures, len(codes)) == 1
    said = capsys.readouterr().err
    assert word in said and said.count("error: ") == bool(word)


@pytest.mark.parametrize("lost_before,raised", [(0, SystemExit), (1, RuntimeError)])
def test_where_all_lose_each_other_the_last_says_how(monkeypatch, lost_before, raised):
    counts = {"lost": lost_before}

    class Store:
        def add(self, word, more):
            counts[word] = counts.get(word, 0) + more
            return counts[word]

    monkeypatch.setattr(distributed, "GRACE", 0)
    monkeypatch.setattr(distributed, "is_started", lambda: True)
    monkeypatch.setattr(distributed, "world", lambda: 2)
    monkeypatch.setattr(distributed, "_join", lambda _: Store())
    monkeypatch.setattr(distributed.dist, "destroy_process_group", lambda: None)
    with pytest.raises(raised), distributed.joined(False):
        raise RuntimeError("gloo: connect timed out")


@pytest.mark.parametrize("rule,factor", [("none", 1), ("linear", 8), ("sqrt", 8**0.5)])
def test_the_learning_rate_follows_the_effective_batch_by_rule(monkeypatch, rule, factor):
    monkeypatch.setattr(distributed, "world", lambda: 4)
    monkeypatch.setattr(distributed, "backend", lambda: "gloo")
    config = Namespace(lr=0.01, batch_size=3, iter_size=2, scale_lr=rule)
    assert replicas.learning_rate(config) == pytest.approx(0.01 * factor)
    line = replicas.about(config, torch.device("cpu"))
    assert "effective batch: 24 scenes (4 processes x --batch_size 3 x --iter_size 2)" in line
    assert f"learning rate {0.01 * factor:g}" in line and ("--scale_lr" in line) == (rule != "none")


@pytest.mark.parametrize("then,now,batch,goes_on,again", [
    (2, 2, 3, 3, 0), (2, 1, 3, 6, 0), (1, 2, 3, 1, 2), (3, 2, 1, 1, 2), (2, 1, 0, 0, 0)])
def test_an_epoch_of_another_number_of_processes_is_gone_on_with_and_none_of_its_scenes_is_left_out(
        monkeypatch, then, now, batch, goes_on, again):
    monkeypatch.setattr(distributed, "world", lambda: now)
    content = {"batch": batch, "processes": then}
    found, line = replicas.resumed_elsewhere(content, Namespace(batch_size=2, iter_size=1))
    assert found == goes_on and found * 2 * now + again == batch * 2 * then
    assert (f"changed: processes: {then} -> {now}: {2 * then} -> {2 * now} scenes in a batch" in line) == (then != now)
    assert (f"{again} scene(s) of this epoch come again" in line) == bool(again)


@pytest.mark.parametrize("settings,words", [({"NNODES": "two"}, "NNODES=two: give a whole number"),
                                            ({"NNODES": "2"}, "set MASTER_ADDR to the first machine's address")])
def test_machines_that_cannot_find_each_other_are_told_what_is_missing(monkeypatch, settings, words):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=words):
        launch.launch(["main.py"], 1)


def test_a_process_leaves_when_the_thread_that_talked_for_it_has_let_go_of_its_tensor(monkeypatch):
    held = []

    def all_reduce(tensor):
        held.append(torch.ones(1, requires_grad=True) * tensor)  # whose gradient needs the tensor: C++ holds it
        threading.Timer(0.3, held.clear).start()

    monkeypatch.setattr(distributed.dist, "all_reduce", all_reduce)
    distributed._leave()
    assert not held
