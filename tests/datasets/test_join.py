"""Dataset roots joined: every scene under a name of its own, labels as they were, sources and makers named."""
import json
import shutil

import numpy as np
import pytest

from datasets.join import main
from datasets.label_sets import load_label_set
from datasets.ply import read_scene
from datasets.scannet200 import read_split


@pytest.fixture
def roots(run_flags, tmp_path):
    """Two roots with the same names of scenes."""
    shutil.copytree(run_flags.root, tmp_path / "other")
    (tmp_path / "other" / "synthetic.json").write_text(json.dumps({"settings": {"train": 4}, "summary": {}}))
    (tmp_path / "other" / "ATTRIBUTION.txt").write_text("Chair, by somebody\n")
    return run_flags.root, tmp_path / "other"


def test_scenes_of_all_roots_are_listed_under_names_of_their_own(roots, tmp_path, capsys):
    out = tmp_path / "joined"
    for _ in range(2):  # again: the same
        assert main([*map(str, roots), "--out", str(out)]) == 0
        assert "train 8, val 4, test 4 scenes" in capsys.readouterr().out
    paths = read_split(out, "train")
    assert [path.stem for path in paths] == [f"{root.name}_train000{k}_00" for root in roots for k in range(4)]
    for path, source in zip(paths, [*read_split(roots[0], "train"), *read_split(roots[1], "train")]):
        assert np.array_equal(read_scene(path).labels, read_scene(source).labels) and path.samefile(source)
    assert json.loads((out / "joined.json").read_text())["sources"] == [
        {"name": "data", "settings": None}, {"name": "other", "settings": {"train": 4}}]
    assert (out / "ATTRIBUTION.txt").read_text() == "Chair, by somebody\n"


def test_a_scene_made_anew_takes_the_place_of_the_older_one(roots, tmp_path):
    out = tmp_path / "joined"
    assert main([*map(str, roots), "--out", str(out)]) == 0
    scene = roots[0] / "train" / "train0000_00.ply"
    scene.unlink()
    shutil.copy(roots[0] / "train" / "train0001_00.ply", scene)
    assert main([*map(str, roots), "--out", str(out)]) == 0
    assert (out / "train" / "data_train0000_00.ply").read_bytes() == scene.read_bytes()


def test_roots_of_one_name_or_of_other_classes_are_one_line(roots, tmp_path, capsys):
    assert main([str(roots[0]), str(roots[0]), "--out", str(tmp_path / "joined")]) == 1
    assert "which must differ; rename one" in capsys.readouterr().err
    load_label_set("scannet20").write(roots[1] / "label_set.csv")
    assert main([*map(str, roots), "--out", str(tmp_path / "joined")]) == 1
    line = capsys.readouterr().err
    assert "its classes are not those of" in line and line.count("\n") == 1
    assert not (tmp_path / "joined").exists()
