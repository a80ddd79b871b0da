"""Every flag of the program: `get_config(argv)` parses them, `--config FILE.yaml` starts from a file, the line wins.

Names and defaults are LanguageGroundedSemseg's where a flag still means something; what was retired says so and stops.
"""
import argparse
import functools
import sys
from pathlib import Path

import yaml

from config.flags import CONCERNS
from config.retired import RETIRED
from datasets.files import replacing


def get_parser() -> argparse.ArgumentParser:
    """The parser, one group of flags per concern."""
    parser = argparse.ArgumentParser(
        prog="main.py", allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Trains and runs 3D semantic segmentation of indoor scenes on ScanNet200's 200 classes.")
    parser.add_argument("--config", metavar="FILE.yaml", help="flags to start from, as a run writes to config.yaml")
    for concern in CONCERNS:
        concern.add_flags(parser)
    return parser


def get_config(argv: list[str] | None = None) -> argparse.Namespace:
    """Flags of a command line (sys.argv's by default). Stops with one line for what cannot be meant."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = get_parser()
    parser.error = functools.partial(_stop, parser)  # its own prints all flags before the line that says what is wrong
    for word in argv:
        name = word.split("=")[0].removeprefix("--")
        if word.startswith("--") and name in RETIRED:
            _stop(parser, f"--{name} was retired: {RETIRED[name]}")
    file_only = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    file_only.add_argument("--config")
    path = file_only.parse_known_args(argv)[0].config
    if path:
        parser.set_defaults(**_read(parser, path))
    return parser.parse_args(argv)


def _read(parser: argparse.ArgumentParser, path: str) -> dict:
    """Values of a YAML file, each checked as if it had been given on the line."""
    actions = {action.dest: action for action in parser._actions}
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        _stop(parser, f"--config {path}: {' '.join(str(error).split())}")
    if not isinstance(values, dict):
        _stop(parser, f"--config {path}: is not a list of `flag: value` lines")
    for name, value in values.items():
        if name in RETIRED:
            _stop(parser, f"--config {path}: {name} was retired: {RETIRED[name]}")
        if name not in actions or name in ("help", "config"):
            _stop(parser, f"--config {path}: there is no flag --{name}")
        action = actions[name]
        if value is None and action.default is not None:
            _stop(parser, f"--config {path}: {name}: is empty; give a value, or leave the line out")
        if value is not None:
            try:
                value = action.type(value) if action.type else str(value)
            except (ValueError, TypeError, argparse.ArgumentTypeError) as error:
                _stop(parser, f"--config {path}: {name}: {error}")
            if action.choices and value not in action.choices:
                _stop(parser, f"--config {path}: {name}: {value!r} is none of {', '.join(map(str, action.choices))}")
        values[name] = value
    return values


def write_config(config: argparse.Namespace, path: Path) -> None:
    """Write every flag to a YAML file that `--config` reads."""
    values = {name: value for name, value in vars(config).items() if name != "config"}
    with replacing(path) as file:
        yaml.safe_dump(values, file, sort_keys=True, allow_unicode=True)


def _stop(parser: argparse.ArgumentParser, message: str):
    parser.exit(2, f"error: {message}\n")
