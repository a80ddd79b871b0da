"""Inference: every scene once, at every vertex, in order; bad input gives one line and leaves nothing behind."""
import json
import struct

import numpy as np
import pytest
import torch

import get_upload_txt
from benchmarks.scan_formats import variants
from config.config import get_config
from datasets.label_sets import load_label_set
from datasets.loader import build_loader
from datasets.ply import Scene, read_columns, read_scene, write_columns, write_scene
from datasets.scans.read import read_scan
from lib.checkpoint import save_checkpoint
from lib.inference import outputs
from lib.inference import predict as inference
from lib.inference.evaluation import evaluate
from lib.stages import build_stage, pick_device
from main import main
from models import build_model

SCANNET200 = load_label_set()


@pytest.fixture
def infer_flags(run_flags, tmp_path):
    path = tmp_path / "w.ckpt"
    model = build_model("Res16UNet14S", 3, 200)
    save_checkpoint(path, {"state_dict": {f"model.{k}": v for k, v in model.state_dict().items()}})

    def flags(*more):
        return run_flags("--is_train", "False", "--val_phase", "test", "--visualize", "True", "--visualize_path",
                         str(run_flags.run / "visualize"), "--weights", str(path), *more)

    flags.root, flags.run, flags.weights = run_flags.root, run_flags.run, path
    flags.out = run_flags.run / "visualize" / "fulleval"
    return flags


@pytest.mark.parametrize("batch", ["1", "2", "5"])
def test_L12_every_scene_is_written_once_under_its_own_name(infer_flags, batch):
    assert main(infer_flags("--val_batch_size", batch, "--val_phase", "val")) == 0
    assert sorted(p.name for p in infer_flags.out.iterdir()) == [
        "scenes.json", *(f"val000{i}_00{end}" for i in (0, 1) for end in (".ply", ".txt", "_objects.json"))]
    for name in ("val0000_00", "val0001_00"):
        scan = read_scene(infer_flags.root / "val" / f"{name}.ply")
        out = read_columns(infer_flags.out / f"{name}.ply")
        assert np.array_equal(np.stack([out[a] for a in "xyz"], 1), scan.points)
        assert np.array_equal(out["ground_truth"], scan.labels)
        assert np.array_equal(np.stack([out[f"input_{c}"] for c in ("red", "green", "blue")], 1), scan.colors)


def test_a_folder_lists_the_scenes_of_its_last_inference_once_it_has_ended(infer_flags, monkeypatch, tmp_path, capsys):
    def upload():
        arguments = [str(infer_flags.out), "--zip", str(tmp_path / "upload.zip"), "--dry_run"]
        return get_upload_txt.main(arguments), capsys.readouterr()

    assert main(infer_flags("--val_phase", "val")) == 0
    assert main(infer_flags()) == 0
    listed = json.loads((infer_flags.out / "scenes.json").read_text())
    assert listed == {"val_phase": "test", "weights": str(infer_flags.weights),
                      "scenes": ["test0000_00", "test0001_00"], "failed": {}}
    assert len(list(infer_flags.out.glob("*.txt"))) == 4
    code, printed = upload()
    assert code == 0 and "2 prediction files of --val_phase test, 1000 points" in printed.out

    def killed(folder, scan, found, answers):
        raise KeyboardInterrupt

    monkeypatch.setattr(inference, "write_prediction", killed)
    with pytest.raises(KeyboardInterrupt):
        main(infer_flags())
    code, printed = upload()
    assert code == 1 and printed.err.count("\n") == 1 and "scenes.json: is missing" in printed.err


def test_a_picture_is_never_without_its_prediction(infer_flags, monkeypatch, capsys):
    def killed(path, columns, faces):
        raise OSError(f"{path}: no space left")

    monkeypatch.setattr(outputs, "write_columns", killed)
    assert main(infer_flags()) == 1 and capsys.readouterr().err.count("no space left") == 2
    assert not list(infer_flags.out.glob("*.ply"))
    assert json.loads((infer_flags.out / "scenes.json").read_text())["scenes"] == []
    assert len((infer_flags.out / "test0000_00.txt").read_text().splitlines()) == 500


def test_L11_each_vertex_has_the_class_of_the_voxel_it_fell_into(infer_flags):
    assert main(infer_flags()) == 0
    config = get_config(infer_flags())
    device = pick_device(config)
    stage = build_stage(config, label_set=SCANNET200).to(device).eval()
    for batch in build_loader(config, "test", training=False, label_set=SCANNET200):
        with torch.no_grad():
            voxel_classes = stage.classes(stage(batch.to(device))).cpu().numpy()
        points = read_scene(infer_flags.root / "test" / f"{batch.scenes[0]}.ply").points
        cells = {tuple(c): k for c, k in zip(batch.coordinates[:, 1:].tolist(), voxel_classes)}
        expected = [cells[tuple(cell)] for cell in np.floor(points / np.float32(0.05)).astype(int)]
        out = read_columns(infer_flags.out / f"{batch.scenes[0]}.ply")
        ids = [int(line) for line in (infer_flags.out / f"{batch.scenes[0]}.txt").read_text().split()]
        assert SCANNET200.to_classes(ids).tolist() == expected and out["label"].tolist() == ids
        assert np.array_equal(np.stack([out[c] for c in ("red", "green", "blue")], 1), SCANNET200.colors[expected])


def test_L13_test_scenes_need_no_labels_and_get_no_score(infer_flags, capsys):
    assert main(infer_flags()) == 0
    printed = capsys.readouterr().out
    assert "unlabelled" in printed and "mIoU" not in printed
    assert "ground_truth" not in read_columns(infer_flags.out / "test0000_00.ply")


def test_L11_scores_come_from_the_label_column_wherever_it_stands(infer_flags):
    config = get_config(infer_flags("--val_phase", "val"))
    stage = build_stage(config, label_set=SCANNET200)

    def scores():
        return evaluate(stage, build_loader(config, "val", False, SCANNET200), torch.device("cpu")).scores()

    before = str(scores())
    for i in range(2):
        path = infer_flags.root / "val" / f"val{i:04d}_00.ply"
        columns = read_columns(path)
        label = columns.pop("label")
        write_columns(path, {"label": label, **columns, "last": np.zeros(len(label), np.int32)})
    assert str(scores()) == before


def test_scores_of_points_and_voxels_match_a_count_by_hand(infer_flags):
    config = get_config(infer_flags("--val_phase", "val"))
    stage, device = build_stage(config, label_set=SCANNET200), torch.device("cpu")
    predictions = {}
    evaluation = evaluate(stage, build_loader(config, "val", training=False, label_set=SCANNET200), device,
                          on_scene=lambda i, classes: predictions.update({i: classes}))
    hits = total = 0
    for i, classes in predictions.items():
        truth = SCANNET200.to_classes(read_scene(infer_flags.root / "val" / f"val{i:04d}_00.ply").labels)
        hits, total = hits + (classes == truth).sum(), total + len(truth)
    assert evaluation.scores()["points"]["accuracy"] == pytest.approx(hits / total)
    assert int(evaluation.points.counts.sum()) == total > int(evaluation.voxels.counts.sum())


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def drop_colors(path):
    columns = read_columns(path)
    write_columns(path, {name: columns[name] for name in columns if name != "green"})


def wrong_labels(path):
    scene = read_scene(path)
    write_scene(path, Scene(scene.name, scene.points, scene.colors, np.full(len(scene.points), 5000, np.int32)))


@pytest.mark.parametrize("spoil,words", [(truncate, "truncated"), (drop_colors, "colour"), (wrong_labels, "5000")])
def test_a_bad_scene_is_named_with_its_reason_and_the_others_are_done(infer_flags, capsys, spoil, words):
    path = infer_flags.root / "test" / "test0000_00.ply"
    spoil(path)
    assert main(infer_flags()) == 1
    error = next(line for line in capsys.readouterr().err.splitlines() if "error: " in line)
    assert str(path) in error and words in error
    assert sorted(p.name for p in infer_flags.out.iterdir()) == [
        "scenes.json", "test0001_00.ply", "test0001_00.txt", "test0001_00_objects.json"]
    listed = json.loads((infer_flags.out / "scenes.json").read_text())
    assert listed["scenes"] == ["test0001_00"] and words in listed["failed"]["test0000_00"]


def test_a_listed_scene_that_is_missing_costs_no_other(infer_flags, capsys):
    (infer_flags.root / "val" / "val0000_00.ply").unlink()
    assert main(infer_flags("--val_phase", "val")) == 1
    printed = capsys.readouterr()
    assert "val0000_00.ply: no such file" in printed.err and "Traceback" not in printed.err
    assert "scores in" in printed.out and (infer_flags.out / "val0001_00.ply").is_file()


def test_a_folder_without_lists_goes_on_and_files_of_one_stem_are_told_apart(infer_flags, capsys, tmp_path):
    folder = tmp_path / "scans"
    scene = read_scene(infer_flags.root / "val" / "val0000_00.ply")
    for name in ("a", "b", "c"):
        write_scene(folder / f"{name}.ply", scene)
    (folder / "b.PLY").write_bytes((folder / "b.ply").read_bytes())
    truncate(folder / "a.ply")
    assert main(infer_flags("--scannet_path", str(folder))) == 1
    printed = capsys.readouterr()
    assert "a.ply" in printed.err and "truncated" in printed.err and "Traceback" not in printed.err
    listed = json.loads((infer_flags.out / "scenes.json").read_text())
    assert sorted(listed["scenes"]) == ["b_PLY", "b_ply", "c"] and list(listed["failed"]) == ["a"]
    for name in listed["scenes"]:
        assert len((infer_flags.out / f"{name}.txt").read_text().splitlines()) == 500
    assert sorted(path.name for path in folder.iterdir()) == ["a.ply", "b.PLY", "b.ply", "c.ply"]  # nothing beside them


def test_nine_formats_and_three_bad_files_give_nine_results_and_three_reasons(infer_flags, capsys, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    scene = read_scene(infer_flags.root / "val" / "val0000_00.ply")
    formats = ("PLY, binary", "PLY, zipped", "PCD, binary", "text, room.xyz", "numpy, .npz", "LAS", "LAZ, UTM",
               "OBJ, vertex colours", "glTF, .glb")
    for name, file, write in variants(scene):
        if name in formats:
            write(folder / file)
    (folder / "cut.ply").write_bytes((folder / "room.ply").read_bytes()[:-7])
    (folder / "words.xyz").write_text("a room\nwith a table\n")
    (folder / "empty.e57").write_bytes(b"")
    assert main(infer_flags("--scannet_path", str(folder), "--unit", "m", "--up", "z")) == 1
    error = capsys.readouterr().err
    listed = json.loads((infer_flags.out / "scenes.json").read_text())
    assert sorted(listed["failed"]) == ["cut", "empty", "words"]
    assert len(listed["scenes"]) == 9
    for name, reason in listed["failed"].items():
        assert name in reason and "\n" not in reason and reason in error
    assert "Traceback" not in error
    for name in listed["scenes"]:
        assert len((infer_flags.out / f"{name}.txt").read_text().splitlines()) == 500
        assert (infer_flags.out / f"{name}.ply").is_file()


def test_an_error_of_a_format_library_costs_no_other_scan(infer_flags, capsys, monkeypatch):
    def read(path, options):
        if path.name.startswith("test0000"):
            raise struct.error("unpack requires a buffer of 8 bytes")
        return read_scan(path, options)

    monkeypatch.setattr(inference, "read_scan", read)
    assert main(infer_flags()) == 1
    assert "test0000_00.ply: error: unpack requires" in capsys.readouterr().err
    assert (infer_flags.out / "test0001_00.ply").is_file()


def test_a_scan_without_a_label_beside_labelled_ones_changes_no_score(infer_flags):
    def counts():
        return inference.run_inference(get_config(infer_flags("--val_phase", "val")))

    before = counts()
    columns = read_columns(infer_flags.root / "val" / "val0000_00.ply")
    for name, labels in (("none", None), ("zero", np.zeros(500, np.int32))):
        write_columns(infer_flags.root / "val" / f"{name}.ply", {k: v for k, v in columns.items() if k != "label"} | (
            {} if labels is None else {"label": labels}))
    with open(infer_flags.root / "val.txt", "a") as file:
        file.write("val/none.ply\nval/zero.ply\n")
    after = counts()
    assert torch.equal(before.points.counts, after.points.counts) and after.labelled and not after.failed
    assert torch.equal(before.voxels.counts, after.voxels.counts)


def test_scores_are_those_of_the_evaluation_in_training(infer_flags):
    config = get_config(infer_flags("--val_phase", "val"))
    stage = build_stage(config, label_set=SCANNET200)
    expected = evaluate(stage, build_loader(config, "val", False, SCANNET200), torch.device("cpu"))
    assert str(inference.run_inference(config).scores()) == str(expected.scores())


def test_what_was_guessed_of_a_scan_is_said_once(infer_flags, monkeypatch, capsys):
    def read(path, options):
        scan = read_scan(path, options)
        scan.remarks += ["millimetres (--unit)", "z is up (--up)", "z is up (--up)"]
        scan.warnings += ["millimetres (--unit)", "no colours"]
        return scan

    monkeypatch.setattr(inference, "read_scan", read)
    assert main(infer_flags()) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if "test0000_00: " in line]
    assert printed == ["warning: test0000_00: millimetres (--unit)", "test0000_00: z is up (--up)",
                       "warning: test0000_00: no colours"]


@pytest.mark.parametrize("more,words", [
    (["--weights", "nowhere.ckpt"], "nowhere.ckpt: no such checkpoint"),
    (["--model", "Res16UNet18S"], "weights of another network"),
    (["--scannet_path", "nowhere"], "nowhere: no such dataset folder"),
    (["--val_phase", "holdout"], "holdout.txt"),
    (["--dataset", "Nothing"], "Scannet200Voxelization2cmDataset"),
    (["--dataset", "Scannet200Voxelization2cmDataset"], "--voxel_size"),
])
def test_wrong_flags_stop_with_one_line_and_write_nothing(infer_flags, capsys, more, words):
    assert main(infer_flags(*more)) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error
    assert not infer_flags.run.exists()


def test_an_empty_folder_stops_with_one_line(infer_flags, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    assert main(infer_flags("--scannet_path", str(tmp_path / "empty"))) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "test.txt" in error
