"""Trainings on scenes of almost nothing: one point, one voxel, no label; in every stage, none may end the run."""
import numpy as np
import pytest
import torch

from datasets.ply import Scene, read_scene, write_scene
from lib.checkpoint import load_checkpoint
from main import main


def odd(root, kind):
    """Put an odd scene in place of the second training scene, and of the first to validate."""
    for path in (root / "train" / "train0001_00.ply", root / "val" / "val0000_00.ply"):
        scene = read_scene(path)
        if kind == "no label":
            scene.labels[:] = 0
        elif kind == "one point":
            scene = Scene(scene.name, scene.points[:1], scene.colors[:1], scene.labels[:1])
        elif kind == "one voxel":
            scene.points[:] = scene.points[:1]
        elif kind == "one point, no label":
            scene = Scene(scene.name, scene.points[:1], scene.colors[:1], np.zeros(1, np.int32))
        write_scene(path, scene)


@pytest.mark.parametrize("kind", ["no label", "one point", "one voxel", "one point, no label"])
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_an_odd_scene_ends_no_training_and_spoils_no_weight(run_flags, tmp_path, anchors_file, kind, stage):
    odd(run_flags.root, kind)
    more = ["--max_epoch", "2", "--batch_size", "1"]
    if stage == 1:
        more += ["--dataset", "Scannet200TextualDataset", "--language_features_path", anchors_file,
                 "--embedding_loss_type", "contrast_ce"]
    if stage == 3:
        assert main(run_flags("--max_epoch", "1", "--log_dir", str(tmp_path / "two"))) == 0
        more += ["--classifier_only", "True", "--weights", str(tmp_path / "two" / "last.ckpt")]
    assert main(run_flags(*more)) == 0
    weights = load_checkpoint(run_flags.run / "last.ckpt")["state_dict"]
    assert all(torch.isfinite(value).all() for value in weights.values())
