"""What is done to training scenes."""
import argparse

from config.types import above_zero, share, str2bool, whole, zero_or_more


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
    augment.add_argument("--point_jitter", type=zero_or_more, default=0.0, metavar="M",
                         help="deviation of the noise on every coordinate, metres")
    augment.add_argument("--point_dropout", type=share, default=0.0, metavar="P",
                         help="of each scene a share of the points goes that is uniform in 0..P")
    augment.add_argument("--cutouts", type=whole, default=0, metavar="N",
                         help="0..N holes of 10 to 60 cm are cut into each scene")
    augment.add_argument("--normalize_color", type=str2bool, default=True, help="rgb / 255 - 0.5; False: rgb as it is")
