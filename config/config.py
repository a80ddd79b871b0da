"""Every flag of the program: `get_config(argv)` parses them. `--resume RUN` starts from the flags of that run,
`--config FILE.yaml` from those of a file; the line wins.

Names and defaults are LanguageGroundedSemseg's where a flag still means something; what was retired says so and stops.
"""
import argparse
import functools
import sys
from pathlib import Path

import yaml

from config.flags import CONCERNS
from config.flags.data import TEXT_DATASETS
from config.flags.scans import join_axis
from config.flags.solver import MUON_WARMUP
from config.resume import flags_of_run, run_folder
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
    argv = join_axis(sys.argv[1:] if argv is None else argv)
    parser = get_parser()
    parser.error = functools.partial(_stop, parser)  # its own prints all flags before the line that says what is wrong
    for word in argv:
        name = word.split("=")[0].removeprefix("--")
        if word.startswith("--") and name in RETIRED:
            _stop(parser, f"--{name} was retired: {RETIRED[name]}")
    file_only = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    file_only.add_argument("--config")
    file_only.add_argument("--resume")
    files = file_only.parse_known_args(argv)[0]
    if files.resume:
        try:
            values, path = flags_of_run(files.resume)
        except (OSError, ValueError) as error:
            _stop(parser, f"--resume {files.resume}: {' '.join(str(error).split())}")
        parser.set_defaults(**_checked(parser, values, f"--resume {path}"))
        parser.set_defaults(log_dir=str(run_folder(files.resume)))
    if files.config:
        parser.set_defaults(**_read(parser, files.config))
    config = parser.parse_args(argv)
    _agree(parser, config)
    return config


def _agree(parser: argparse.ArgumentParser, config: argparse.Namespace) -> None:
    """Fill in what follows from other flags, and stop for values that each are right but not together."""
    if config.use_embedding_loss is None:
        config.use_embedding_loss = config.dataset in TEXT_DATASETS
    if config.dataset in TEXT_DATASETS and not config.use_embedding_loss:
        _stop(parser, f"--dataset {config.dataset} is stage 1's, --use_embedding_loss False says another: for stages 2 "
                      f"and 3 use --dataset {config.dataset.replace('Textual', 'Voxelization')}")
    if config.warmup_iters is None:
        config.warmup_iters = MUON_WARMUP if config.optimizer == "Muon" and config.scheduler != "OneCycleLR" else 0
    if config.dry_run and not config.is_train:
        _stop(parser, "--dry_run True plans a training, --is_train False runs a network: leave one of them out")
    if config.data_aug_scale_min > config.data_aug_scale_max:
        _stop(parser, f"--data_aug_scale_min {config.data_aug_scale_min} is above --data_aug_scale_max "
                      f"{config.data_aug_scale_max}: give the smaller one first")
    if config.scheduler == "ReduceLROnPlateau":
        if config.step_gamma == 1:
            _stop(parser, "--step_gamma 1.0 never lowers a learning rate: ReduceLROnPlateau needs one below 1")
        if config.scheduler_min_lr > config.lr:
            _stop(parser, f"--scheduler_min_lr {config.scheduler_min_lr} is above --lr {config.lr}: give a smaller one")


def _read(parser: argparse.ArgumentParser, path: str) -> dict:
    """Flags of a YAML file."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        _stop(parser, f"--config {path}: {' '.join(str(error).split())}")
    if not isinstance(values, dict):
        _stop(parser, f"--config {path}: is not a list of `flag: value` lines")
    return _checked(parser, values, f"--config {path}")


def _checked(parser: argparse.ArgumentParser, values: dict, where: str) -> dict:
    """Values of flags, each checked as if it had been given on the line. where: they came from."""
    actions = {action.dest: action for action in parser._actions}
    for name, value in values.items():
        if name in RETIRED:
            _stop(parser, f"{where}: {name} was retired: {RETIRED[name]}")
        if name not in actions or name in ("help", "config"):
            _stop(parser, f"{where}: there is no flag --{name}")
        action = actions[name]
        if value is None and action.default is not None:
            _stop(parser, f"{where}: {name}: is empty; give a value, or leave the line out")
        if value is not None:
            try:
                value = action.type(value) if action.type else str(value)
            except (ValueError, TypeError, argparse.ArgumentTypeError) as error:
                _stop(parser, f"{where}: {name}: {error}")
            if action.choices and value not in action.choices:
                _stop(parser, f"{where}: {name}: {value!r} is none of {', '.join(map(str, action.choices))}")
        values[name] = value
    return values


def write_config(config: argparse.Namespace, path: Path) -> None:
    """Write every flag to a YAML file that `--config` reads."""
    values = {name: value for name, value in vars(config).items() if name != "config"}
    with replacing(path) as file:
        yaml.safe_dump(values, file, sort_keys=True, allow_unicode=True)


def _stop(parser: argparse.ArgumentParser, message: str):
    parser.exit(2, f"error: {message}\n")
