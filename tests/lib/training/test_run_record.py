"""run.json: what a run was made with, an entry for each start; and whether its data is still the same."""
import json
import subprocess

import numpy as np
import pytest
import torch

from datasets.digest import BLOCK, BLOCKS, digest_of
from datasets.ply import read_scene, write_scene
from lib.training import run_record
from main import main


def starts(folder):
    return json.loads((folder / "run.json").read_text())["starts"]


def test_each_start_of_a_run_is_recorded_also_of_one_that_begins_anew(run_flags):
    assert main(run_flags("--max_epoch", "1")) == 0
    assert main(["--resume", str(run_flags.run), "--max_epoch", "2"]) == 0
    assert [start["step"] for start in starts(run_flags.run)] == [0, 2]
    start = starts(run_flags.run)[1]
    assert start["versions"]["torch"] == torch.__version__.split("+")[0] or start["versions"]["torch"]
    assert start["versions"]["numpy"] == np.__version__ and "python" in start["versions"]
    assert start["machine"]["cores"] > 0 and start["machine"]["gpu"] is None or torch.cuda.is_available()
    assert start["engine"].startswith("lib.sparse, path ") and start["engine"].endswith(", float32")
    assert (start["dataset"]["train"]["scenes"], start["dataset"]["val"]["scenes"]) == (4, 2)
    assert start["dataset"]["label_set"] == "scannet200"
    assert main(run_flags("--max_epoch", "1")) == 0
    assert [start["step"] for start in starts(run_flags.run)] == [0, 2, 0]


@pytest.mark.parametrize("what,line", [
    ("labels", "changed: data: train: the 4 files of 0.0 MB have other names or contents than at the last start\n"),
    ("list", "changed: data: val: 2 files of 0.0 MB at the last start, 1 files of 0.0 MB now\n"), (None, "")])
def test_data_that_has_changed_since_is_said_on_resuming(run_flags, capsys, what, line):
    assert main(run_flags("--max_epoch", "1")) == 0
    if what == "labels":
        path = run_flags.root / "train" / "train0002_00.ply"
        scene = read_scene(path)
        scene.labels[-1] = 0
        write_scene(path, scene)
    elif what == "list":
        (run_flags.root / "val.txt").write_text("val/val0001_00.ply\n")
    capsys.readouterr()
    assert main(["--resume", str(run_flags.run), "--max_epoch", "2"]) == 0
    said = [text for text in capsys.readouterr().out.splitlines(True) if "data: " in text]
    assert said == ([line] if line else [])


def test_a_damaged_record_is_said_and_begun_anew(run_flags, capsys):
    assert main(run_flags("--max_epoch", "1")) == 0
    (run_flags.run / "run.json").write_text('{"starts": [')
    assert main(["--resume", str(run_flags.run), "--max_epoch", "2"]) == 0
    assert "run.json: is damaged, and begun anew\n" in capsys.readouterr().out
    assert [start["step"] for start in starts(run_flags.run)] == [2]


def test_a_digest_tells_names_order_sizes_and_contents_but_not_where_the_data_lies(tmp_path):
    rng = np.random.default_rng(0)
    small, large = rng.bytes(1000), rng.bytes(3 * BLOCK * BLOCKS)

    def digest(place, names, first=small, second=large):
        folder = tmp_path / place
        folder.mkdir()
        for name, content in zip(names, (first, second)):
            (folder / name).write_bytes(content)
        return digest_of([folder / name for name in names], folder)["digest"]

    same = digest("a", ("x", "y"))
    assert digest("b", ("x", "y")) == same
    changed = small[:500] + bytes([small[500] ^ 1]) + small[501:]
    interleaved = np.frombuffer(large, np.uint8).copy()
    interleaved[::20] ^= 1  # a column of every point, such as its label
    others = [digest("c", ("x", "z")), digest("d", ("y", "x"), large, small), digest("e", ("x", "y"), changed),
              digest("f", ("x", "y"), small, interleaved.tobytes()), digest("g", ("x", "y"), small, large + b"0"),
              digest("h", ("x", "y"), small, large[:-1] + bytes([large[-1] ^ 1]))]
    assert same not in others and len(set(others)) == len(others)


def test_a_folder_of_arrays_counts_as_one_scene_with_all_its_files(tmp_path):
    (tmp_path / "scene").mkdir()
    for name in ("coord", "segment"):
        np.save(tmp_path / "scene" / f"{name}.npy", np.zeros(5))
    before = digest_of([tmp_path / "scene"], tmp_path)
    np.save(tmp_path / "scene" / "segment.npy", np.ones(5))
    after = digest_of([tmp_path / "scene"], tmp_path)
    assert before["scenes"] == 1 and before["bytes"] == after["bytes"] and before["digest"] != after["digest"]


def test_the_state_of_the_code_is_its_commit_and_the_files_that_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(run_record, "ROOT", tmp_path)
    assert run_record.git_state() is None  # in no repository, or in one of something else
    def git(*words):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a", *words], check=True,
                       capture_output=True)
    git("init")
    (tmp_path / "a.py").write_text("1")
    git("add", "a.py")
    git("commit", "-m", "first")
    commit = run_record.git_state()["commit"]
    assert len(commit) == 40 and run_record.git_state()["changed_files"] == []
    (tmp_path / "a.py").write_text("2")
    assert run_record.git_state() == {"commit": commit, "changed_files": ["a.py"]}
    (tmp_path / "inside").mkdir()  # a copy of the code in a repository of something else
    monkeypatch.setattr(run_record, "ROOT", tmp_path / "inside")
    assert run_record.git_state() is None
