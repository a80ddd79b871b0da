"""The benchmark of category weightings. Run: python -m pytest tests/benchmarks/test_category_weights_benchmark.py"""
import pytest
import torch

from benchmarks import category_weights
from config.config import get_config
from datasets.label_sets import load_label_set
from lib.checkpoint import load_checkpoint, save_checkpoint
from lib.inference.evaluation import evaluate
from lib.stages import pick_device
from lib.training.trainer import Training, train
from models import build_model

SCANNET200 = load_label_set()


def test_classifiers_trained_side_by_side_are_main_pys(run_flags, tmp_path):
    statistics = run_flags.root / "feature_data" / "statistics.csv"
    statistics.parent.mkdir()
    rows = [f"{name},{10 ** (6 - k) if k < 4 else 0}" for k, name in enumerate(SCANNET200.names)]
    statistics.write_text("\n".join(["class,train_points", *rows]))
    model = build_model("Res16UNet14S", 3, len(SCANNET200))
    save_checkpoint(tmp_path / "w.ckpt", {"state_dict": {f"model.{k}": v for k, v in model.state_dict().items()}})
    common = ["--weights", str(tmp_path / "w.ckpt"), "--classifier_only", "True", "--max_epoch", "2",
              "--optimizer", "Muon", "--scheduler", "PolyLR", "--val_epoch_freq", "9", "--warmup_iters", "2"]
    names = ("none", "inverse_sqrt")
    configs = {name: get_config(run_flags(*common, *category_weights.LOSSES[name])) for name in names}
    stages = category_weights.train_classifiers(configs)
    scores = category_weights.score_classifiers(configs["none"], stages)
    kernels = [stage.model.final.kernel for stage in stages.values()]
    assert not torch.allclose(*kernels, atol=1e-3)
    for name, kernel in zip(names, kernels):
        config = get_config(run_flags(*common, *category_weights.LOSSES[name], "--overwrite_weights", "True"))
        train(config)
        expected = load_checkpoint(run_flags.run / "last.ckpt")["state_dict"]["model.final.kernel"]
        assert torch.allclose(kernel, expected, atol=1e-5)
        run = Training(config)
        found = evaluate(stages[name], run.val_loader, pick_device(config)).scores()["points"]
        assert scores[name] == pytest.approx(found, nan_ok=True)
