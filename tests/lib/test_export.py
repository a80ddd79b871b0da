"""Networks as folders: labels of the full network, one way to load them, the size limit, the card, one-line errors."""
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import lib.network_folder
from config.config import get_config
from datasets.label_sets import load_label_set
from datasets.scannet200 import DATASETS
from datasets.synthetic.dataset import Settings, make_scene
from lib.checkpoint import load_checkpoint, save_checkpoint
from lib.export import main as export_main
from lib.inference.networks import OF_A_NETWORK
from lib.predictor import Predictor
from lib.stages import build_stage, choose_label_set
from main import main

TEXT = ("--dataset", "Scannet200TextualDataset", "--embedding_loss_type", "contrast_ce")


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """The folder `weights` of a clone."""
    monkeypatch.setattr(lib.network_folder, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr("lib.inference.predictor.WEIGHTS", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def exported(run_flags, clone):
    """A function that trains a little, exports the run and returns the run's folder and the network's."""
    def export(*flags: str, name: str = "pretrained", options: tuple = ()) -> tuple[Path, Path]:
        assert main(run_flags("--max_epoch", "2", *flags)) == 0
        assert export_main([str(run_flags.run), "--out", str(clone / name), *options]) == 0
        return run_flags.run, clone / name
    return export


def test_half_precision_answers_as_the_full_network_does(exported):
    run, folder = exported()
    scene = make_scene(Settings(rooms="bedroom", room_scale=0.7), "val", 0)
    points, colors = scene.points[::3], scene.colors[::3]
    full, confidence = Predictor(run / "best.ckpt")(points, colors)
    half, about = Predictor(folder)(points, colors)
    assert len(np.unique(full)) > 1 and (full == half).mean() >= 0.999
    np.testing.assert_allclose(about, confidence, atol=0.01)
    files = sum(file.stat().st_size for file in folder.iterdir())
    assert files < 0.51 * 4 * sum(w.numel() for w in load_checkpoint(folder)["state_dict"].values())


def test_a_folder_its_file_and_its_name_load_as_the_checkpoint_does(exported, monkeypatch, tmp_path):
    run, folder = exported()
    full = load_checkpoint(run / "best.ckpt")
    for path in (folder, folder / "model.safetensors", "pretrained"):
        content = load_checkpoint(path)
        assert content["label_set"] == full["label_set"]
        assert content["config"].items() >= {k: full["config"][k] for k in ("model", "dataset", "voxel_size")}.items()
        weights = {key: value for key, value in full["state_dict"].items() if key.startswith("model.")}
        assert set(content["state_dict"]) == set(weights)
        for key, value in content["state_dict"].items():
            assert value.dtype == weights[key].dtype  # float32, counters of steps as they were
            torch.testing.assert_close(value, weights[key], rtol=1e-3, atol=1e-6)
    monkeypatch.chdir(tmp_path)
    shutil.copy(run / "best.ckpt", "pretrained")  # what lies here wins over the clone's
    assert "optimizer" in load_checkpoint("pretrained")


def test_a_network_brings_the_number_of_views_that_it_is_asked_from(exported, run_flags, monkeypatch):
    run, folder = exported(options=("--tta", "3"))
    assert len(Predictor.pretrained(is_cuda=False).views) == 3 and len(Predictor(folder, tta=1).views) == 1
    assert len(Predictor(run / "best.ckpt").views) == 1
    seen = []
    monkeypatch.setattr("lib.inference.predictor.views", lambda count: seen.append(count) or [])
    Predictor.of_config(get_config(["--config", str(folder / "config.yaml"), "--weights", str(folder), "--is_train",
                                    "False", "--scannet_path", str(run_flags.root)]))
    assert seen == [3]


def test_a_logit_adjustment_takes_the_share_of_the_training_points_off_each_logit(exported, clone, run_flags, capsys):
    run, plain = exported()
    (run_flags.root / "feature_data").mkdir()
    names = load_label_set().names
    points = np.arange(len(names)) % 7 * 10.0
    table = "".join(f"{name},{count}\n" for name, count in zip(names, points))
    (run_flags.root / "feature_data" / "statistics.csv").write_text("class,train_points\n" + table)
    assert export_main([str(run), "--out", str(clone / "adjusted"), "--logit_adjustment", "0.3"]) == 0
    before, after = (load_checkpoint(folder)["state_dict"] for folder in (plain, clone / "adjusted"))
    shares = np.where(points > 0, points, points.max()) / points.sum()
    moved = (after["model.final.bias"] - before["model.final.bias"]).flatten()
    np.testing.assert_allclose(moved, -0.3 * np.log(shares), atol=2e-3)
    assert all(torch.equal(before[key], after[key]) for key in before if key != "model.final.bias")
    assert "0.3 ln of each class's share" in (clone / "adjusted" / "MODEL_CARD.md").read_text()
    run, _ = exported(*TEXT, name="text")
    assert export_main([str(run), "--out", str(clone / "no"), "--logit_adjustment", "0.3"]) == 1
    assert "without a classifier to adjust" in capsys.readouterr().err and not (clone / "no").exists()


def test_inference_training_and_the_predictor_take_a_network_by_name(exported, run_flags, capsys):
    run, folder = exported()
    capsys.readouterr()
    inference = [*run_flags("--is_train", "False", "--visualize", "True", "--visualize_path", str(run / "v")),
                 "--weights"]
    assert main([*inference, "pretrained"]) == 0
    points = make_scene(Settings(rooms="bedroom"), "val", 0)
    labels = Predictor.pretrained(is_cuda=False)(points.points[:500], points.colors[:500])[0]
    assert np.array_equal(labels, Predictor(folder)(points.points[:500], points.colors[:500])[0])
    assert main([*inference, f"pretrained,{run / 'best.ckpt'}"]) == 0
    capsys.readouterr()
    assert main(run_flags("--max_epoch", "1", "--weights", "pretrained", "--log_dir", str(run) + "2")) == 0
    assert "pretrained: 200 of 200 weights loaded" in capsys.readouterr().out


def test_classes_of_ones_own_come_along_and_go_with_another_network(exported, run_flags):
    own = run_flags.root.parent / "own.csv"
    own.write_text("name,id\nfirst,1\nsecond,3\nthird,2\nfourth,7\n")
    run, folder = exported("--label_set", str(own))
    assert Predictor(folder).answers.names == ("first", "second", "third", "fourth")
    assert load_checkpoint(folder)["label_set"]["ids"] == [1, 3, 2, 7]
    assert "label_set" not in yaml.safe_load((folder / "config.yaml").read_text())
    exported()
    assert Predictor(folder).answers.same_classes(load_label_set()) and not (folder / "label_set.csv").exists()


def test_a_text_network_answers_queries_under_the_clones_name(exported, run_flags, hashed_encoder, clone, capsys,
                                                              monkeypatch):
    import query
    assert query.main([str(run_flags.root / "val/val0000_00.ply"), "bed", "--weights", "pretrained"]) == 1
    assert capsys.readouterr().err.startswith("error: weights/pretrained_text: this clone has no such network")
    _, folder = exported(*TEXT, name="pretrained_text")
    asked = []
    monkeypatch.setattr("lib.language.queries.ask", lambda finder, *more: asked.append(finder) or [])
    assert query.main([str(run_flags.root / "val/val0000_00.ply"), "bed", "--weights", "pretrained"]) == 0
    assert asked[0].config.voxel_size == 0.05 and asked[0].config.use_embedding_loss


def test_too_large_networks_are_refused_with_their_size_and_nothing_is_left(exported, run_flags, clone, monkeypatch,
                                                                           capsys):
    run, _ = exported()
    capsys.readouterr()
    monkeypatch.setattr("lib.export.export.__defaults__", ((), "", 10_000_000, 1, 0.0))
    assert export_main([str(run), "--out", str(clone / "pretrained")]) == 0  # takes the place of itself
    before = sorted(clone.rglob("*"))
    assert export_main([str(run), "--out", str(clone / "second")]) == 1
    line = capsys.readouterr().err
    assert "second: would take 8.3 MB in half precision, 8.3 MB lie beside it; networks in a clone have 10 MB" in line
    assert line.count("\n") == 1 and sorted(clone.rglob("*")) == before


def test_the_card_says_what_was_trained_on_what_and_how_well(exported, run_flags):
    sources = [{"name": "plain", "settings": None}, {"name": "made", "settings": {
        "train": 4, "val": 2, "seed": 5, "rooms": "living,bedroom", "furnished": True, "scanner": "fused"}}]
    (run_flags.root / "joined.json").write_text(json.dumps({"sources": sources}))
    (run_flags.root / "ATTRIBUTION.txt").write_text("Chair, by somebody\n")
    run, folder = exported("--color_dropout", "0.2", options=(
        "--scores", f"home={run_flags.run / 'scores.json'}", "--trained", "an hour on two cores"))
    card = (folder / "MODEL_CARD.md").read_text()
    for words in ("Res16UNet14S, 4.1 million weights, half precision, 8.", "| voxels | 5 cm |", "an hour on two cores",
                  "the 200 classes of label set scannet200", "- plain: to be filled in",
                  "furniture models, scanner `fused`", "seed 5, rooms living, bedroom",
                  "--color_dropout 0.2", ", at epoch ", "ATTRIBUTION.txt beside"):
        assert words in card
    accuracy = json.loads((run / "scores.json").read_text())["points"]["accuracy"]
    assert any(line.startswith("home") and f"{100 * accuracy:.1f}" in line for line in card.splitlines())
    assert str(run_flags.root.parent) not in card + (folder / "config.yaml").read_text()
    assert "generated rooms alone" not in card  # one source does not say so
    assert (folder / "ATTRIBUTION.txt").read_text() == "Chair, by somebody\n"


@pytest.mark.parametrize("damage,words", [
    (lambda folder: (folder / "model.safetensors").write_bytes(b"\x00" * 40), "model.safetensors: no safetensors file"),
    (lambda folder: (folder / "model.safetensors").write_bytes(
        (folder / "model.safetensors").read_bytes()[:-100]), "model.safetensors: no safetensors file"),
    (lambda folder: (folder / "config.yaml").unlink(), "config.yaml: is missing"),
    (lambda folder: (folder / "config.yaml").write_text("a: [1"), "config.yaml:"),
    (lambda folder: (folder / "config.yaml").write_text("- 1"), "config.yaml: is not a list"),
    (lambda folder: (folder / "config.yaml").write_text("label_set: nobody"), "label set nobody: there is none"),
])
def test_a_damaged_folder_is_one_line(tmp_path, damage, words):
    save_network(tmp_path / "net")
    damage(tmp_path / "net")
    with pytest.raises((ValueError, OSError), match=words):
        load_checkpoint(tmp_path / "net")


def save_network(folder: Path, **more: torch.Tensor) -> None:
    lib.network_folder.write_network(folder, {"model.a": torch.rand(30, 40), **more}, {"model": "Res16UNet14S"},
                                     load_label_set())


def test_weights_beyond_half_precision_are_refused(tmp_path):
    with pytest.raises(ValueError, match="model.b: holds weights that are not finite, or beyond"):
        save_network(tmp_path / "net", **{"model.b": torch.full((2, 2), 1e5)})
    save_network(tmp_path / "net", **{"model.b": torch.full((2,), 1e5)})  # of one axis: kept in float32
    assert load_checkpoint(tmp_path / "net")["state_dict"]["model.b"].tolist() == [1e5, 1e5]


def test_a_clone_without_the_network_says_so_in_one_line(clone, run_flags, capsys):
    for call in (lambda: Predictor.pretrained(), lambda: Predictor("pretrained")):
        with pytest.raises(FileNotFoundError, match="^weights/pretrained: this clone has no such network"):
            call()
    assert main(run_flags("--is_train", "False", "--weights", "pretrained")) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("config,words", [
    (None, "does not say the flags"),
    ({"use_embedding_loss": True, "text_encoder": "file:a.npz"}, "anchors from a file"),
])
def test_a_checkpoint_that_a_folder_could_not_run_is_refused(tmp_path, capsys, config, words):
    save_checkpoint(tmp_path / "a.ckpt", {"state_dict": {"model.a": torch.zeros(2)}, "config": config})
    assert export_main([str(tmp_path / "a.ckpt"), "--out", str(tmp_path / "weights/a")]) == 1
    assert words in capsys.readouterr().err and not (tmp_path / "weights").exists()


def test_the_networks_flags_are_those_that_decide_how_it_is_run(exported):
    _, folder = exported()
    flags = yaml.safe_load((folder / "config.yaml").read_text())
    assert set(flags) <= {*OF_A_NETWORK, "label_set"} and flags["label_set"] == "scannet200"
    assert not any("text" in name or "embedding" in name and flags[name] for name in flags)
    assert get_config(["--config", str(folder / "config.yaml")]).voxel_size == 0.05  # as inference.sh reads it


def test_the_networks_in_this_clone_load_with_todays_flags_and_have_25_mb():
    folders = [file.parent for file in lib.network_folder.WEIGHTS.glob("*/model.safetensors")]
    if not folders:
        pytest.skip("no network lies in this clone")
    for folder in folders:
        config = get_config(["--config", str(folder / "config.yaml"), "--is_train", "False", "--weights", str(folder)])
        assert config.dataset in DATASETS and (folder / "MODEL_CARD.md").is_file()
        build_stage(config, choose_label_set(config, stored := load_checkpoint(folder)), stored)
    assert sum(map(lib.network_folder.size_of, folders)) <= lib.network_folder.LARGEST
