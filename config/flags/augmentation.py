"""What is done to training scenes."""
import argparse

from config.types import above_zero, share, str2bool


def add_flags(parser: argparse.ArgumentParser) -> None:
    augment = parser.add_argument_group("augmentation")
    augment.add_argument("--train_augmentation", type=str2bool, default=True)
    augment.add_argument("--elastic_distortion", type=str2bool, default=True)
    augment.add_argument("--data_aug_color_trans_ratio", type=share, default=0.10)
    augment.add_argument("--data_aug_color_jitter_std", type=share, default=0.05)
    augment.add_argument("--data_aug_scale_min", type=above_zero, default=0.9)
    augment.add_argument("--data_aug_scale_max", type=above_zero, default=1.1)
    augment.add_argument("--color_dropout", type=share, default=0.0, metavar="P",
                         help="share of training scenes that lose their colours, all mid-grey then, as a scan without "
                              "colours is to the network; above 0, scans without are trained on, too")
    augment.add_argument("--normalize_color", type=str2bool, default=True, help="rgb / 255 - 0.5; False: rgb as it is")
