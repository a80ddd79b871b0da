"""What a scan's file leaves open. `join_axis` lets `--up -y` be written as it is said."""
import argparse
from collections.abc import Sequence

UNITS = ("auto", "m", "cm", "mm", "inch", "foot")
UPS = ("auto", "z", "y", "x", "-z", "-y", "-x")


def add_flags(parser: argparse.ArgumentParser) -> None:
    scans = parser.add_argument_group("scans", "of one's own; a dataset root has metres, z up")
    scans.add_argument("--unit", choices=UNITS, default="auto", help="of coordinates; auto: guessed, and said")
    scans.add_argument("--up", choices=UPS, default="auto", help="the file's axis that points at the ceiling; auto: "
                       "guessed, and said; all others also leave tilt and the directions of walls as they are")


def join_axis(argv: Sequence[str]) -> list[str]:
    """`--up -y` as one word, since argparse takes -y for a flag."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] == "--up" and word in UPS:
            joined[-1] = f"--up={word}"
        else:
            joined.append(word)
    return joined
