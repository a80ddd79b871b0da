"""Types of flags: what a word of the command line or a value of a YAML file may be, else argparse's error."""
import argparse
import math


def str2bool(text: str) -> bool:
    """'True'/'False' in any case, as the training scripts write them; anything else is an error."""
    try:
        return {"true": True, "false": False}[str(text).lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither True nor False") from None


def int_list(text) -> list[int]:
    """'1,1,1,1' or '[120, 150]' -> list of integers."""
    items = text if isinstance(text, (list, tuple)) else str(text).strip("[] ").split(",")
    try:
        return [int(item) for item in items]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of integers such as 1,1,1,1") from None


def whole(text) -> int:
    """An integer of at least 0 that may be written as 1e7."""
    try:
        number = float(text)
        if number == int(number) >= 0:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")


def positive(text) -> int:
    """A whole number of at least 1."""
    number = whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be at least 1")
    return number


def above_zero(text) -> float:
    """A number above 0."""
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return float(text)


def share(text) -> float:
    """A number from 0 to 1."""
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return float(text)
