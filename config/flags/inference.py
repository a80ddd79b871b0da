"""How predictions are made, and what is written beside them."""
import argparse

from config.types import positive, whole


def auto_or_whole(text) -> str | int:
    """'auto', or a whole number of 0 or more."""
    return "auto" if str(text).lower() == "auto" else whole(text)


def add_flags(parser: argparse.ArgumentParser) -> None:
    infer = parser.add_argument_group("inference", "with --is_train False")
    infer.add_argument("--tta", type=positive, default=1, metavar="N",
                       help="average over N views of a scan: turned, mirrored, scaled, the voxels elsewhere")
    infer.add_argument("--max_voxels", type=auto_or_whole, default="auto", metavar="auto|N",
                       help="a larger scan is cut into overlapping tiles of at most so many voxels; auto: by the free "
                            "memory; 0: never")
    infer.add_argument("--save_probabilities", type=whole, default=0, metavar="K",
                       help="with --visualize True: write <scene>.npz, the ids and probabilities of every point's K "
                            "likeliest classes")
