"""The two commands that touch a user's files: get_upload_txt.py and val_split.py."""
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import get_upload_txt
import val_split

ROOT = Path(__file__).resolve().parent.parent


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


@pytest.fixture
def fulleval(tmp_path):
    folder = tmp_path / "run" / "visualize" / "fulleval"
    (folder / "deeper").mkdir(parents=True)
    for name in ("scene0000_00", "scene0001_00"):
        (folder / f"{name}.txt").write_text("1\n2\n1191\n")
        (folder / f"{name}.ply").write_bytes(b"ply")
    (folder / "scenes.json").write_text('{"val_phase": "test", "scenes": ["scene0000_00", "scene0001_00"]}')
    for other in ("notes.md", "best.ckpt", "deeper/kept.ply", "../beside.ply", "../../model.ckpt", "ply"):
        (folder / other).write_bytes(b"keep")
    return folder


def test_L15_only_ply_files_directly_in_the_folder_go(fulleval, tmp_path, capsys):
    before = tree(tmp_path)
    assert get_upload_txt.main([str(fulleval), "--dry_run", "--zip", str(tmp_path / "o.zip")]) == 0
    shown = capsys.readouterr().out
    assert tree(tmp_path) == before
    assert shown.count("would remove") == 2 and str(fulleval / "scene0001_00.ply") in shown
    assert get_upload_txt.main([str(fulleval)]) == 0
    gone = set(before) - set(tree(tmp_path))
    assert gone == {f"run/visualize/fulleval/scene000{i}_00.ply" for i in (0, 1)}
    assert all(before[name] == content for name, content in tree(tmp_path).items())


def test_L15_the_zip_holds_the_txt_files_flat(fulleval, tmp_path):
    assert get_upload_txt.main([str(fulleval), "--zip", str(tmp_path / "new" / "upload.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "new" / "upload.zip") as archive:
        assert archive.namelist() == ["scene0000_00.txt", "scene0001_00.txt"]
        assert archive.read("scene0000_00.txt") == b"1\n2\n1191\n"
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_the_zip_holds_the_scenes_of_the_last_inference_and_no_others(fulleval, tmp_path, capsys):
    (fulleval / "scene0009_00.txt").write_text("of an older run, and damaged")
    out = tmp_path / "o.zip"
    assert get_upload_txt.main([str(fulleval), "--zip", str(out)]) == 0
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["scene0000_00.txt", "scene0001_00.txt"]
    assert "2 prediction files of --val_phase test" in capsys.readouterr().out


@pytest.mark.parametrize("spoil,words", [
    (lambda folder: (folder / "scenes.json").unlink(), "scenes.json: is missing"),
    (lambda folder: (folder / "scenes.json").write_text("[]"), "scenes.json: is damaged"),
    (lambda folder: (folder / "scenes.json").write_text('{"scenes": '), "scenes.json: is damaged"),
    (lambda folder: (folder / "scene0001_00.txt").unlink(), "scene0001_00.txt: is missing"),
])
def test_an_inference_that_is_not_whole_is_not_packed(fulleval, tmp_path, capsys, spoil, words):
    spoil(fulleval)
    before = tree(tmp_path)
    assert get_upload_txt.main([str(fulleval), "--zip", str(tmp_path / "o.zip")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error and "run inference.sh again" in error
    assert tree(tmp_path) == before
    assert get_upload_txt.main([str(fulleval)]) == 0  # without a zip nothing is taken for complete


@pytest.mark.parametrize("text, line", [("1\nchair\n", 2), ("1\n2\n2.0\n", 3), ("0\n", 1), ("1\n\n2\n", 2),
                                        ("1\n12\n", 2), ("-1\n", 1), ("1 2\n", 1)])
def test_L15_a_prediction_that_is_no_known_id_stops_before_anything_goes(fulleval, tmp_path, capsys, text, line):
    (fulleval / "scene0001_00.txt").write_text(text)
    before = tree(tmp_path)
    assert get_upload_txt.main([str(fulleval), "--zip", str(tmp_path / "o.zip")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"scene0001_00.txt: line {line}:" in error
    assert tree(tmp_path) == before


def test_L15_wrong_folders_are_refused(fulleval, tmp_path, capsys):
    before = tree(tmp_path)
    for folder in (tmp_path / "nowhere", fulleval / "deeper", fulleval / "scene0000_00.ply"):
        assert get_upload_txt.main([str(folder)]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and str(folder) in error
    (fulleval / "scene0000_00.txt").write_text("")
    assert get_upload_txt.main([str(fulleval)]) == 1 and "is empty" in capsys.readouterr().err
    (fulleval / "scene0000_00.txt").write_text("1\n2\n1191\n")
    assert tree(tmp_path) == before


@pytest.fixture
def dataset(tmp_path):
    lines = [f"train/scene{room:04d}_{scan:02d}.ply" for room in range(10) for scan in range(1 + room % 3)]
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "val.txt").write_text("val/scene0100_00.ply\n")
    return tmp_path, lines


def test_val_split_moves_n_scenes_and_keeps_rooms_together(dataset):
    root, lines = dataset
    for count in (1, 2, 5, len(lines) - 1):
        stay, moved = val_split.split(lines, count, 42)
        assert len(moved) == count and sorted(stay + moved) == sorted(lines)
        assert not {val_split.room(line) for line in stay} & {val_split.room(line) for line in moved}
    assert val_split.main([str(root), "5"]) == 0
    train, val = ((root / f"{name}.txt").read_text().splitlines() for name in ("train", "val"))
    assert val[0] == "val/scene0100_00.ply" and len(val) == 6 and sorted(train + val[1:]) == sorted(lines)
    assert sorted(p.name for p in root.iterdir()) == ["train.txt", "val.txt"]


def test_val_split_says_that_statistics_are_those_of_before(dataset, capsys):
    root, _ = dataset
    assert val_split.main([str(root), "2"]) == 0 and "statistics" not in capsys.readouterr().out
    (root / "train" / "train_instances").mkdir(parents=True)
    assert val_split.main([str(root), "2"]) == 0
    assert f"python -m datasets.preprocess.statistics {root}" in capsys.readouterr().out


def test_val_split_takes_names_that_are_not_scannets_for_rooms_of_their_own_unless_told(dataset, capsys):
    root, _ = dataset
    offices = [f"train/office_{k}.ply" for k in range(1, 11)]
    (root / "train.txt").write_text("\n".join(offices) + "\n")
    assert val_split.main([str(root), "3", "--group_by", r"(.+)_\d+"]) == 1  # all of one room
    assert "whole rooms" in capsys.readouterr().err
    pairs = re.compile(r"_([1-5])$|_([6-9]|10)$")
    assert {val_split.room(line, pairs) for line in offices} == {*"12345", *(f"office_{k}" for k in range(6, 11))}
    assert val_split.main([str(root), "3"]) == 0
    assert "10 scans of 10 rooms, by ScanNet's names" in capsys.readouterr().out
    assert len((root / "train.txt").read_text().split()) == 7
    (root / "train.txt").write_text("a_x1\na_x2\nb_x1\nb_x2\nscene0000_00\nscene0000_01\n")
    assert val_split.main([str(root), "2", "--group_by", "^[^_]+_"]) == 0
    assert "6 scans of 3 rooms, by --group_by ^[^_]+_: a_ (2 scans)" in capsys.readouterr().out


def test_val_split_depends_on_the_seed_alone(dataset):
    _, lines = dataset
    assert val_split.split(lines, 5, 42) == val_split.split(lines, 5, 42)
    assert len({tuple(val_split.split(lines, 5, seed)[1]) for seed in range(8)}) > 3


def test_val_split_refuses_bad_input_and_leaves_the_lists(dataset, capsys):
    root, lines = dataset
    before = tree(root)
    for arguments in ([str(root), "0"], [str(root), "-3"], [str(root), str(len(lines))], [str(root / "no"), "2"],
                      [str(root), "2", "--seed", "-1"], [str(root), "2", "--group_by", "(office"]):
        assert val_split.main(arguments) == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert tree(root) == before
    (root / "train.txt").write_text("".join(f"a/scene000{k // 2}_0{k % 2}.ply\n" for k in range(4)))
    assert val_split.main([str(root), "3"]) == 1 and "whole rooms" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["get_upload_txt.py", "val_split.py"])
def test_the_commands_run_from_a_shell(script, tmp_path):
    result = subprocess.run([sys.executable, str(ROOT / script), str(tmp_path / "none"), *["3"] * (script[0] == "v")],
                            capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 1 and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
