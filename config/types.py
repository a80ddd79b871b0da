"""Types of flags: what a word of the command line or a value of a YAML file may be, else argparse's error."""
import argparse
import math
from collections.abc import Callable


def str2bool(text: str) -> bool:
    """'True'/'False' in any case, as the training scripts write them; anything else is an error."""
    try:
        return {"true": True, "false": False}[str(text).lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither True nor False") from None


def int_list(text) -> list[int]:
    """'1,1,1,1' or '[120, 150]' -> list of whole numbers of at least 1."""
    items = text if isinstance(text, (list, tuple)) else str(text).strip("[] ").split(",")
    try:
        return [positive(item) for item in items]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of integers such as 1,1,1,1") from None


def ascending(text) -> list[int]:
    """As `int_list`, each larger than the one before."""
    items = int_list(text)
    if sorted(set(items)) != items:
        raise argparse.ArgumentTypeError(f"{text!r} must ascend, such as 120,150")
    return items


def whole(text) -> int:
    """An integer of at least 0 that may be written as 1e7."""
    try:
        number = float(text)
        if number == int(number) >= 0 and not isinstance(text, bool):
            return int(number)
    except (ValueError, TypeError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")


def positive(text) -> int:
    """A whole number of at least 1."""
    number = whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be at least 1")
    return number


def _number(words: str, allowed: Callable[[float], bool]) -> Callable[[object], float]:
    """A type for finite numbers that are `allowed`; NaN is in no range. words: what it says of others."""
    def number(text) -> float:
        try:
            value = math.nan if isinstance(text, bool) else float(text)
        except (ValueError, TypeError):
            value = math.nan
        if not (math.isfinite(value) and allowed(value)):
            raise argparse.ArgumentTypeError(f"{text!r} is not {words}")
        return value
    return number


above_zero = _number("a number above 0", lambda value: value > 0)
zero_or_more = _number("a number of 0 or more", lambda value: value >= 0)
share = _number("a number from 0 to 1", lambda value: 0 <= value <= 1)
below_one = _number("a number from 0 to below 1", lambda value: 0 <= value < 1)
factor = _number("a number above 0, at most 1", lambda value: 0 < value <= 1)
cosine_distance = _number("a cosine distance, from 0 to 2", lambda value: 0 <= value <= 2)
