"""The benchmark of recipes. Run: python -m pytest tests/benchmarks/test_recipes_benchmark.py"""
import json

import pytest

from benchmarks import recipes
from benchmarks.anchors import COLUMNS
from config.config import get_config

KEYS = list(COLUMNS.values())


def test_every_recipe_is_flags_that_the_base_lacks():
    base = vars(get_config(["--optimizer", "Muon", "--scheduler", "PolyLR"]))
    for name, flags in recipes.RECIPES.items():
        own = vars(get_config(["--optimizer", "Muon", "--scheduler", "PolyLR", *flags.split()]))
        assert (own != base) == (name != recipes.BASE), name


def test_the_table_has_means_spreads_and_gains_over_the_same_seeds_base():
    scores = {(recipes.BASE, 0): dict.fromkeys(KEYS, 0.10), ("balanced softmax", 0): dict.fromkeys(KEYS, 0.12),
              (recipes.BASE, 1): dict.fromkeys(KEYS, 0.20), ("balanced softmax", 1): dict.fromkeys(KEYS, 0.23)}
    lines = recipes.table(scores)
    assert lines[0] == "| recipe | seeds | accuracy | head | common | tail | all | tail - base | all - base |"
    assert lines[2] == "| base | 2 |" + " 15.00 ± 7.07 |" * 5 + "  |" * 2
    assert lines[3] == "| balanced softmax | 2 |" + " 17.50 ± 7.78 |" * 5 + " +2.50 ± 0.71 |" * 2


def test_a_recipes_flags_win_over_the_bases_and_what_is_complete_is_not_repeated(tmp_path, monkeypatch, capsys):
    lines = []

    def train(command, **_):
        lines.append(get_config(command[2:]))
        folder = command[command.index("--log_dir") + 1]
        with open(f"{folder}/scores.json", "w") as file:
            json.dump({"points": dict.fromkeys(KEYS, 0.5)}, file)
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr("benchmarks.anchors.subprocess.run", train)
    argv = ["--out", str(tmp_path), "--recipes", "base", "OneCycle", "with Lovász", "--seeds", "0"]
    assert recipes.main(argv) == 0 and recipes.main([*argv, "1"]) == 0
    assert [(c.scheduler, c.loss_type, c.seed) for c in lines] == [
        (scheduler, loss, seed) for seed in (0, 1) for scheduler, loss in (
            ("PolyLR", "cross_entropy"), ("OneCycleLR", "cross_entropy"), ("PolyLR", "cross_entropy+lovasz"))]
    assert capsys.readouterr().out.count("| OneCycle | 2 |") == 1


@pytest.mark.slow
def test_a_recipe_trains_and_is_scored(run_flags, tmp_path):
    options = ["--scannet_path", str(run_flags.root), "--out", str(tmp_path), "--epochs", "1", "--seeds", "0",
               "--recipes", "base", "with Lovász"]
    assert recipes.main(options) == 0
    assert len(list(tmp_path.rglob("scores.json"))) == 2
