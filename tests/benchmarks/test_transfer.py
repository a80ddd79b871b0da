"""The benchmark of transfer between sources. Run: python -m pytest tests/benchmarks/test_transfer.py"""
import json

import pytest

from benchmarks import transfer
from benchmarks.anchors import COLUMNS
from config.config import get_config
from datasets.scannet200 import read_split

KEYS = list(COLUMNS.values())


def test_every_change_is_flags_that_the_base_lacks():
    base = vars(get_config(["--optimizer", "Muon", "--elastic_distortion", "False"]))
    for name, flags in transfer.CHANGES.items():
        own = vars(get_config(["--optimizer", "Muon", "--elastic_distortion", "False", *flags.split()]))
        assert (own != base) == (name != transfer.BASE), name


def test_the_table_has_gains_at_home_and_away_over_the_base_of_the_same_source_and_seed():
    def found(a, b):
        return {"a": dict.fromkeys(KEYS, a), "b": dict.fromkeys(KEYS, b)}
    scores = {(transfer.BASE, "a", 0): found(0.5, 0.3), (transfer.BASE, "b", 0): found(0.2, 0.6),
              ("EMA 0.99", "a", 0): found(0.6, 0.3), ("EMA 0.99", "b", 0): found(0.3, 0.6)}
    lines = transfer.table(scores)
    assert lines[0] == ("| change | a → a | a → b | b → a | b → b | home: accuracy | home: all | away: accuracy | "
                        "away: all |")
    assert lines[2] == "| base | 50.0, 50.0 | 30.0, 30.0 | 20.0, 20.0 | 60.0, 60.0 |  |  |  |  |"
    gain = "+5.0 ± 7.1"  # at home +10 and 0, away 0 and +10
    assert lines[3] == f"| EMA 0.99 | 60.0, 60.0 | 30.0, 30.0 | 30.0, 30.0 | 60.0, 60.0 | {' | '.join([gain] * 4)} |"


@pytest.mark.slow
def test_a_change_trains_at_home_and_is_scored_away(run_flags, tmp_path):
    other = tmp_path / "other"
    other.symlink_to(run_flags.root)
    argv = ["--sources", str(run_flags.root), str(other), "--out", str(tmp_path / "out"), "--epochs", "1", "--seeds",
            "0", "--changes", "half the scenes, twice the epochs", "--scenes", "2", "--val_scenes", "1"]
    assert transfer.main(argv) == 1  # a link is the same folder
    other.unlink()
    other.mkdir()
    for split in ("train", "val"):
        (other / f"{split}.txt").write_text("".join(f"{path}\n" for path in read_split(run_flags.root, split)))
    assert transfer.main(argv) == 0
    scores = sorted((tmp_path / "out").rglob("scores*.json"))
    assert len(scores) == 8 and all("mIoU/present" in json.loads(path.read_text())["points"] for path in scores)
    half = read_split(tmp_path / "out" / "roots" / "other", "half")
    assert half == read_split(tmp_path / "out" / "roots" / "other", "train")[:1]
