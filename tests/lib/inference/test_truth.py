"""Inference's ground truth: labels of another table are read as what they are, by name or by flag, or warned of."""
import numpy as np
import pytest

from datasets.ply import read_columns, write_scene
from lib.checkpoint import save_checkpoint
from main import main
from models import build_model
from tests.datasets.test_label_ids import furnished, ids40, ids200


@pytest.mark.parametrize("name,flag,right,said", [
    ("room.labels.ply", "auto", True, "read by --label_ids nyu40"), ("room.ply", "nyu40", True, ""),
    ("room.ply", "auto", False, "warning: room: its labels look like another table's"), ("room.ply", "own", False, ""),
])
def test_ground_truth_with_nyu40_ids(run_flags, tmp_path, capsys, name, flag, right, said):
    model = build_model("Res16UNet14S", 3, 200)
    save_checkpoint(tmp_path / "w.ckpt", {"state_dict": {f"model.{k}": v for k, v in model.state_dict().items()}})
    write_scene(tmp_path / "scans" / name, furnished(ids40))
    out = tmp_path / "pictures"
    assert main(run_flags("--is_train", "False", "--weights", str(tmp_path / "w.ckpt"), "--visualize", "True",
                          "--visualize_path", str(out), "--label_ids", flag, "--scannet_path",
                          str(tmp_path / "scans"))) == 0
    printed = capsys.readouterr().out
    assert said in printed and ("another table" in printed) == said.startswith("warning")
    path, = (out / "fulleval").glob("*.ply")
    assert np.array_equal(read_columns(path)["ground_truth"], furnished(ids200 if right else ids40).labels)
