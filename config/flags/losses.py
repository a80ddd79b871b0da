"""The losses of stages 2 and 3."""
import argparse
import re

from config.types import above_zero, below_one, str2bool, zero_or_more
from datasets.weighting import WEIGHTINGS

LOSSES = ("cross_entropy", "focal", "lovasz")


def loss_terms(text: str) -> dict[str, float]:
    """'focal+0.5*lovasz' -> {"focal": 1.0, "lovasz": 0.5}. argparse's error for anything else."""
    terms = {}
    for term in str(text).split("+"):
        found = re.fullmatch(r"\s*(?:([\d.]+(?:e-?\d+)?)\s*\*)?\s*(\w+)\s*", term)
        if not found or found[2] not in LOSSES:
            raise argparse.ArgumentTypeError(f"{text!r} is no sum of {', '.join(LOSSES)}, such as focal+0.5*lovasz")
        if found[2] in terms:
            raise argparse.ArgumentTypeError(f"{text!r} names {found[2]} twice")
        terms[found[2]] = above_zero(found[1] or 1.0)
    return terms


def loss_type(text: str) -> str:
    """A sum that `loss_terms` reads, as it is."""
    loss_terms(text)
    return str(text)


def add_flags(parser: argparse.ArgumentParser) -> None:
    loss = parser.add_argument_group("segmentation loss")
    loss.add_argument("--loss_type", type=loss_type, default="cross_entropy", metavar="LOSS[+WEIGHT*LOSS]",
                      help="cross_entropy, focal, lovasz (Lovász-softmax), or a sum such as focal+0.5*lovasz")
    loss.add_argument("--focal_gamma", type=zero_or_more, default=2.0)
    loss.add_argument("--label_smoothing", type=below_one, default=0.0, metavar="EPS",
                      help="cross_entropy: this share of every label goes to all classes alike")
    loss.add_argument("--logit_adjustment", type=zero_or_more, default=0.0, metavar="TAU",
                      help="cross_entropy and focal see, in training, logits plus TAU ln of each class's share of the "
                           "training points; 1: balanced softmax, 0: off")
    loss.add_argument("--weighted_cross_entropy", type=str2bool, default=False,
                      help="category weights in cross entropy")
    loss.add_argument("--category_weighting", default="effective", choices=tuple(WEIGHTINGS),
                      help="weights from the training points of each class, the dataset's feature_data/statistics.csv")
    loss.add_argument("--category_weights", metavar="FILE.json",
                      help="class name -> weight; wins over --category_weighting")
