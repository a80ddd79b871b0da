"""Tail instances and mixed scenes."""
import argparse

from config.types import positive, share, str2bool, whole


def add_flags(parser: argparse.ArgumentParser) -> None:
    tail = parser.add_argument_group("tail instances and mixing")
    tail.add_argument("--sample_tail_instances", type=str2bool, default=False,
                      help="insert objects of tail classes into training scenes, where they could stand or hang")
    tail.add_argument("--num_instances_to_add", type=whole, default=5, help="a scene")
    tail.add_argument("--max_instance_placing_iterations", type=positive, default=50,
                      help="places tried for an instance before it is skipped")
    tail.add_argument("--instance_sampling_weights", metavar="FILE.json",
                      help="class name -> weight; default: the dataset's feature_data/instance_sampling_weights.json")
    tail.add_argument("--mix_scenes", type=share, default=0.0, metavar="P",
                      help="share of training scenes that are mixed with another (Mix3D)")
