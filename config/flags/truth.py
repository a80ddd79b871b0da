"""Where the truth of predictions lies, and how its labels are read: `lib.evaluate`, `visualize.py`."""
import argparse
from pathlib import Path


def add_flags(parser: argparse.ArgumentParser, required: bool = False) -> None:
    truth = parser.add_argument_group("ground truth")
    truth.add_argument("--gt", type=Path, required=required, metavar="ROOT",
                       help="dataset root, a folder of <scene>.txt or <scene>.ply, or one such file")
    truth.add_argument("--split", default="val", help="of the dataset root (default: %(default)s)")
    truth.add_argument("--label_ids", default="auto", metavar="NAME|FILE.csv",
                       help="what the ground truth's labels are, as main.py says")
