"""The losses of stages 2 and 3."""
import argparse

from config.types import str2bool, zero_or_more
from datasets.weighting import WEIGHTINGS


def add_flags(parser: argparse.ArgumentParser) -> None:
    loss = parser.add_argument_group("segmentation loss")
    loss.add_argument("--loss_type", default="cross_entropy", choices=("cross_entropy", "focal"))
    loss.add_argument("--focal_gamma", type=zero_or_more, default=2.0)
    loss.add_argument("--weighted_cross_entropy", type=str2bool, default=False,
                      help="category weights in cross entropy")
    loss.add_argument("--category_weighting", default="effective", choices=tuple(WEIGHTINGS),
                      help="weights from the training points of each class, the dataset's feature_data/statistics.csv")
    loss.add_argument("--category_weights", metavar="FILE.json",
                      help="class name -> weight; wins over --category_weighting")
