"""What every test starts from: the repository root on the path, two torch threads, fixed seeds."""
import os
import random
import sys
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported: its kernels then run on the CPU
sys.path.insert(0, str(Path(__file__).resolve().parent))
torch.set_num_threads(2)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes seconds or gigabytes; leave out with -m 'not slow'")
    config.addinivalue_line("markers", "long: takes a minute; only with -m long, as .ci/run does")
    config.option.markexpr = config.option.markexpr or "not long"


@pytest.fixture(autouse=True)
def fixed_seed():
    """Seed every generator, so that a test's outcome does not depend on the tests before it."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def run_flags(tmp_path):
    """A function that gives the command line of a tiny run on the CPU: `run_flags("--max_epoch", "1")`.

    Its dataset: clouds of points in four classes that place and colour tell apart, four scenes to train on, two to
    validate, two unlabelled to test; none has instance ids.
    """
    from datasets.label_sets import load_label_set
    from datasets.ply import Scene, write_scene

    root = tmp_path / "data"
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        names = []
        for i in range(count):
            points = rng.random((500, 3)).astype(np.float32) * 0.6
            classes = (points[:, 0] > 0.3) + 2 * (points[:, 2] > 0.3)
            colors = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [200, 200, 40]], np.uint8)[classes]
            labels = load_label_set().ids[classes] if split != "test" else None
            write_scene(root / split / f"{split}{i:04d}_00.ply", Scene(f"{split}{i:04d}_00", points, colors, labels))
            names.append(f"{split}/{split}{i:04d}_00.ply\n")
        (root / f"{split}.txt").write_text("".join(names))

    def flags(*more: str) -> list[str]:
        return ["--scannet_path", str(root), "--log_dir", str(tmp_path / "run"), "--model", "Res16UNet14S",
                "--dataset", "Scannet200VoxelizationDataset", "--voxel_size", "0.05", "--batch_size", "2",
                "--num_workers", "0", "--num_val_workers", "0", "--optimizer", "Adam", "--lr", "0.01", *more]

    flags.root = root
    flags.run = tmp_path / "run"
    return flags
