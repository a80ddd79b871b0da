"""The matrix of experiments. Run: python -m pytest tests/benchmarks/test_experiments.py"""
import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from benchmarks.experiments import __main__ as experiments
from benchmarks.experiments import findings, report
from benchmarks.experiments.cells import BUDGETS, CELLS, MATRIX, chain, jobs_of
from benchmarks.experiments.findings import FINDINGS, MARGIN, OTHERS, Effect, measure, over_seeds
from benchmarks.experiments.runner import ROOT, Runner
from benchmarks.experiments.supply import tail_supply
from config.config import get_config
from datasets.label_sets import load_label_set
from datasets.ply import Scene, write_scene

GROUPS = ("head", "head", "common", "tail")
TINY = dataclasses.replace(BUDGETS["minutes"], voxel_size=0.05, epochs=(1, 3, 1), seeds=1, other_seeds=1,
                           label_set=None, flags=BUDGETS["minutes"].flags.replace("Muon", "Adam"))


@pytest.mark.parametrize("budget", BUDGETS)
def test_every_cells_flags_are_flags_of_main(budget, tmp_path):
    runner = Runner(BUDGETS[budget], tmp_path, tmp_path)
    for cell in MATRIX:
        command, variables = runner.command(cell.name, 7)
        flags = command[command.index(f"{cell.name}-7") + 1:]
        config = get_config(["--dataset", runner.budget.datasets[cell.stage > 1], *flags])
        assert config.seed == 7 and config.save_confusion and config.max_epoch == runner.budget.epochs_of(cell)
        assert (variables["PRETRAINED_WEIGHTS"] == "none") == (cell.start is None)
    assert get_config(runner.budget.arguments(CELLS["ce-mixed"], 0)).mix_scenes == 0.8


def test_findings_have_five_seeds_the_rest_three_and_what_a_cell_starts_from_comes_first():
    jobs = jobs_of(BUDGETS["minutes"])
    assert len(jobs) == len(set(jobs)) == 77
    for finding in FINDINGS:
        for cell in {cell for pair in finding.pairs for cell in pair}:
            assert [seed for name, seed in jobs if name == cell] == [0, 1, 2, 3, 4]
    assert all(sum(name == cell.name for name, _ in jobs) >= 3 for cell in MATRIX)
    assert all(jobs.index((CELLS[name].start, seed)) < jobs.index((name, seed)) for name, seed in jobs
               if CELLS[name].start)
    assert {cell for _, *pair in OTHERS for cell in pair} <= set(CELLS)


def test_chosen_cells_come_with_what_they_start_from():
    assert jobs_of(BUDGETS["minutes"], ["focal-tuned"], [9]) == [("focal", 9), ("focal-tuned", 9)]
    assert chain("pretrained-ce-tuned-tail") == ["text", "pretrained-ce", "pretrained-ce-tuned-tail"]
    with pytest.raises(ValueError, match="--cells fcal: no such cell; there are ce, focal"):
        jobs_of(BUDGETS["minutes"], ["fcal"])


def effect(low: float, high: float, seeds: int = 5) -> Effect:
    columns = ("head", "common", "tail", "all")
    return Effect(tuple(range(seeds)), dict.fromkeys(columns, (low + high) / 2), dict.fromkeys(columns, low),
                  dict.fromkeys(columns, high))


@pytest.mark.parametrize("low,high,helps,does_not", [
    (0.01, 0.02, "confirmed", "contradicted"), (-0.02, -0.01, "contradicted", "confirmed"),
    (-0.02, 0.02, "undecided", "undecided"), (-0.02, MARGIN / 2, "undecided", "confirmed"),
])
def test_the_verdict_is_the_written_rule(low, high, helps, does_not):
    of = {finding.helps: finding for finding in FINDINGS}
    assert effect(low, high).verdict(of[True]) == helps and effect(low, high).verdict(of[False]) == does_not
    assert effect(low, high, seeds=2).verdict(of[True]) == "undecided"


def test_a_finding_of_two_columns_needs_both():
    focal = FINDINGS[0]
    assert focal.columns == ("common", "tail")
    mixed = effect(0.01, 0.02)
    mixed.low["common"] = -0.01
    assert mixed.verdict(focal) == "undecided"
    mixed.high["common"] = -0.005
    assert mixed.verdict(focal) == "contradicted"


def totals(hits: np.ndarray) -> np.ndarray:
    """(3, S, C) of 100 true and 100 predicted points of each class in each scene; hits: (S, C)."""
    return np.stack([hits, np.full_like(hits, 100), np.full_like(hits, 100)])


def test_what_seeds_have_in_common_cancels_in_the_paired_difference():
    rng, runs = np.random.default_rng(0), {}
    for seed in range(5):
        hits = np.tile(rng.integers(20, 70, size=4), (6, 1))  # a seed's own luck, much larger than the gain
        runs["ce", seed], runs["focal", seed] = totals(hits), totals(hits + [0, 0, 0, 5])
    found = measure([("ce", "focal")], runs, GROUPS)
    expected = np.mean([(h + 5) / (195 - h) - h / (200 - h) for h in (runs["ce", k][0, 0, 3] for k in range(5))])
    assert found.seeds == (0, 1, 2, 3, 4) and found.values["tail"] == pytest.approx(expected)
    assert found.values["head"] == found.low["head"] == found.high["head"] == 0
    assert 0 < found.low["tail"] < expected < found.high["tail"] < 2 * expected
    assert found.values["iou"].shape == (4,)


def test_a_difference_is_of_the_seeds_that_all_cells_have():
    runs = {(cell, seed): totals(np.full((3, 4), 50)) for cell, seeds in (("ce", 3), ("focal", 2)) for seed in
            range(seeds)}
    assert measure([("ce", "focal")], runs, GROUPS).seeds == (0, 1)
    assert measure([("ce", "text")], runs, GROUPS) is None


@pytest.mark.parametrize("seeds", [3, 5])
def test_draws_over_seeds_spread_as_a_mean_of_so_many_does(seeds):
    rng = np.random.default_rng(1)
    ours, theirs = [], []
    for _ in range(300):
        values = rng.standard_normal(seeds)
        chances = rng.dirichlet(np.ones(seeds), size=400)
        ours.append(over_seeds(np.tile(values, (400, 1)), chances).var())
        theirs.append(values.var(ddof=1) / seeds)
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.05)


def test_a_cell_that_fails_takes_along_only_what_starts_from_it(tmp_path, monkeypatch, capsys):
    begun = []

    def train(self, cell, seed):
        begun.append(cell)
        if cell == "text":
            raise ValueError("no memory")
        self.note(cell, seed).parent.mkdir(exist_ok=True)
        self.note(cell, seed).write_text("{}")

    monkeypatch.setattr(Runner, "train", train)
    runner = Runner(TINY, tmp_path, tmp_path, jobs=2)
    failed = runner.run([(name, 0) for name in ("text", "ce", "pretrained-ce", "pretrained-ce-tuned", "ce-tuned")])
    assert set(begun) == {"text", "ce", "ce-tuned"} and begun.index("ce") < begun.index("ce-tuned")
    assert failed == {("text", 0): "no memory", ("pretrained-ce", 0): "text, seed 0, failed",
                      ("pretrained-ce-tuned", 0): "pretrained-ce, seed 0, failed"}
    assert "2/5 ce-tuned, seed 0: done" in capsys.readouterr().out


def test_a_training_that_outlived_the_command_is_waited_for_and_not_begun_twice(tmp_path):
    runner = Runner(TINY, tmp_path / "nowhere", tmp_path)
    note = runner.note("ce", 0)
    note.parent.mkdir()
    with open(note.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=runner.train, args=("ce", 0))
        second.start()
        time.sleep(0.2)
        assert second.is_alive() and not runner.processes
        note.write_text("{}")
    second.join(10)
    assert not second.is_alive() and not note.with_suffix(".log").exists()


def made_of(runner: Runner, label_set, cells, seeds=3) -> None:
    """Finished runs of a runner, of chance scores."""
    rng = np.random.default_rng(0)
    for cell in cells:
        for seed in range(seeds):
            folder = runner.folder(cell, seed)
            folder.mkdir(parents=True)
            hits = rng.integers(20, 70, size=(6, len(label_set)))
            np.savez(folder / "confusion.npz", scenes=np.array([f"s{k}" for k in range(6)]), totals=totals(hits))
            runner.note(cell, seed).parent.mkdir(exist_ok=True)
            runner.note(cell, seed).write_text(json.dumps({"threads": 1, "seconds": 9.0, "processor_seconds": 4.0,
                                                           "version": "abc123"}))


def test_the_page_tells_what_is_done_and_what_is_not_and_names_no_folder_of_the_machine(tmp_path):
    label_set = load_label_set("rooms24")
    label_set.write(tmp_path / "data" / "label_set.csv")
    runner = Runner(BUDGETS["minutes"], tmp_path / "data", tmp_path / "out", jobs=2)
    made_of(runner, label_set, [cell.name for cell in MATRIX if not cell.name.startswith("pretrained-focal")])
    supply = {"scenes": 48, "voxels": 1000, "placed": 7, "skipped": 3, "tail": {"fan": 10, "bench": 20}}
    (tmp_path / "data" / "train.txt").write_text("train/a.ply\n")
    (tmp_path / "data" / "train").mkdir()
    (tmp_path / "data" / "train" / "a.ply").touch()
    (runner.out / "tail_supply.json").write_text(json.dumps(
        {"without": supply, "with": supply | {"tail": {"fan": 30, "bench": 30}}}))
    report.write_report(runner, "minutes", tmp_path / "page" / "RESULTS.md", tmp_path / "page" / "plots")
    text = (tmp_path / "page" / "RESULTS.md").read_text()
    assert "77 trainings, **48 of them done**" in text and findings.RULE in text and "Commit abc123" in text
    assert "**undecided**: not one seed of all its cells is done." in text  # focal's, of which half a pair lacks
    assert "30 labelled tail voxels without sampling (3.0 %" in text.replace("\n", " ") and "2.0 times as many" in text
    assert "7 of 10 instances found a place" in text and "| ce | 25.02 |  |" in text
    assert str(tmp_path) not in text and str(ROOT) not in text and "DATA_ROOT=DATA" in text
    plots = {path.name for path in (tmp_path / "page" / "plots").iterdir()}
    assert plots == {"pretraining.png", "tail-sampling-2.png", "mixing.png", "results.json"}
    rows = report.repeated(tmp_path / "page" / "plots" / "results.json", "ce", {"tail": 0.29, "all": 0.9})
    assert [row[-1] for row in rows] == [True, False]
    with pytest.raises(ValueError, match=r"has 0 seed\(s\) of cell focal-x"):
        report.repeated(tmp_path / "page" / "plots" / "results.json", "focal-x", {})


def test_the_page_refuses_cells_of_other_validation_scenes(tmp_path):
    label_set = load_label_set("rooms24")
    label_set.write(tmp_path / "label_set.csv")
    runner = Runner(BUDGETS["minutes"], tmp_path, tmp_path / "out")
    made_of(runner, label_set, ["ce", "focal"], seeds=1)
    np.savez(runner.folder("focal", 0) / "confusion.npz", scenes=np.array(["other"]), totals=np.zeros((3, 1, 24)))
    with pytest.raises(ValueError, match="other validation scenes than the other cells'"):
        report.read_runs(runner, jobs_of(runner.budget))


def test_tail_voxels_are_counted_with_and_without_sampling(tmp_path):
    label_set = load_label_set("rooms24")
    label_set.write(tmp_path / "label_set.csv")
    side = np.arange(0, 4, 0.05, dtype=np.float32)
    floor = np.stack([*np.meshgrid(side, side), np.zeros((80, 80), np.float32)], axis=-1).reshape(-1, 3)
    ceiling = floor + np.float32([0, 0, 2])
    points = np.concatenate([floor, ceiling])
    labels = np.repeat(label_set.ids[[label_set.index("floor"), label_set.index("ceiling")]], len(floor))
    write_scene(tmp_path / "train" / "a.ply", Scene("a", points, np.zeros(points.shape, np.uint8), labels))
    (tmp_path / "train.txt").write_text("train/a.ply\n")
    block = np.random.default_rng(0).random((400, 3)).astype(np.float32) - np.float32([0.5, 0.5, 0])
    bench = label_set.ids[label_set.index("bench")]
    write_scene(tmp_path / "train" / "train_instances" / "bench" / "bench_0.ply",
                Scene("b", block, np.zeros(block.shape, np.uint8), np.full(400, bench), np.ones(400, np.int32)))
    (tmp_path / "feature_data").mkdir()
    (tmp_path / "feature_data" / "instance_sampling_weights.json").write_text('{"bench": 1.0}')
    runner = Runner(dataclasses.replace(TINY, flags=TINY.flags.replace("--cache_data True", "")), tmp_path, tmp_path)
    counted = tail_supply(runner)
    assert counted["without"]["tail"]["bench"] == 0 and counted["with"]["tail"]["bench"] > 100
    assert counted["with"]["placed"] >= 1 and counted["without"]["placed"] == 0
    assert counted == tail_supply(runner)


@pytest.mark.slow
def test_a_matrix_that_was_killed_ends_with_the_same_scores(run_flags, tmp_path):
    whole, killed, again = (Runner(TINY, run_flags.root, tmp_path / name) for name in ("whole", "killed", "killed"))
    assert whole.run([("ce", 0)]) == {}
    first = threading.Thread(target=killed.run, args=([("ce", 0)],))
    first.start()
    while first.is_alive() and not (killed.folder("ce", 0) / "last.ckpt").is_file():
        time.sleep(0.02)
    os.killpg(killed.processes["ce", 0].pid, signal.SIGKILL)
    first.join()
    assert not killed.note("ce", 0).is_file()
    assert again.run([("ce", 0)]) == {}
    done = again.note("ce", 0).read_text()
    assert json.loads(done)["starts"] == 2 and "resumed " in again.note("ce", 0).with_suffix(".log").read_text()
    assert again.run([("ce", 0)]) == {} and again.note("ce", 0).read_text() == done  # what is done is not done again
    (runs, *_), (kept, *_) = (report.read_runs(runner, [("ce", 0)]) for runner in (whole, again))
    assert set(runs) == set(kept) == {("ce", 0)} and np.array_equal(runs["ce", 0], kept["ce", 0])


def test_relative_folders_of_the_command_mean_the_callers(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"data.train.txt: the list of train scenes is missing"):
        experiments.prepare(BUDGETS["minutes"], "data", tmp_path, 1)


@pytest.mark.slow
def test_the_script_runs_from_anywhere_and_says_which_cells_there_are(tmp_path):
    done = subprocess.run(["bash", str(ROOT / "experiments.sh"), "--cells", "fcal"], cwd=tmp_path, text=True,
                          env={**os.environ, "PYTHON": sys.executable}, capture_output=True)
    assert done.returncode == 1 and done.stderr.startswith("error: --cells fcal: no such cell; there are ce, focal")
    assert list(tmp_path.iterdir()) == []
