"""Networks as folders, to lie in the clone: `weights/<name>/` with half-precision weights, flags and classes.

    write_network(folder, state_dict, flags, label_set);  read_network(folder) -> what a checkpoint holds

model.safetensors, config.yaml, label_set.csv unless the classes are built in. `python -m lib.export` makes one.
"""
import struct
from pathlib import Path

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from datasets.files import replacing
from datasets.label_sets import DEFAULT, HIGHEST_ID, LABEL_SET_FILE, LabelSet, load_label_set

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
PRETRAINED, PRETRAINED_TEXT = "pretrained", "pretrained_text"  # the clone's networks of stage 2 and of stage 1
MODEL_FILE, CONFIG_FILE = "model.safetensors", "config.yaml"
LARGEST = 25_000_000  # bytes of all networks in a clone


def find_network(path: str | Path) -> Path | None:
    """The folder of the network that `path` names: the folder, its model.safetensors, or, where there is no such file
    or folder, a name in the clone's `weights`. None for anything else, so for a checkpoint.

    Raises FileNotFoundError for one of the clone's own names where it is not there.
    """
    path = Path(path)
    if path.name == MODEL_FILE and path.is_file():
        return path.parent
    if path.exists():
        return path if (path / MODEL_FILE).is_file() else None
    named = WEIGHTS / path
    if len(path.parts) == 1 and (named / MODEL_FILE).is_file():
        return named
    if path.name in (PRETRAINED, PRETRAINED_TEXT) and WEIGHTS in (named.parent, path.absolute().parent):
        raise FileNotFoundError(f"{WEIGHTS.name}/{path.name}: this clone has no such network; name a checkpoint, or "
                                "train one as docs/inference.md says")
    return None


def read_network(folder: Path) -> dict:
    """`state_dict` in float32, `config` and `label_set`, as a checkpoint has them. Nothing in a file is run.

    Raises FileNotFoundError where a file is missing and ValueError for a damaged one, in one line.
    """
    weights, config = folder / MODEL_FILE, folder / CONFIG_FILE
    try:
        state = {key: value.float() if value.is_floating_point() else value
                 for key, value in load_file(weights).items()}
    except (SafetensorError, ValueError, KeyError, struct.error) as error:
        raise ValueError(f"{weights}: no safetensors file, or damaged ({' '.join(str(error).split())[:200]}); fetch it "
                         "again") from None
    if not config.is_file():
        raise FileNotFoundError(f"{config}: is missing, the flags to run {weights} with; copy the folder whole")
    try:
        flags = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{config}: {' '.join(str(error).split())}") from None
    if not isinstance(flags, dict):
        raise ValueError(f"{config}: is not a list of `flag: value` lines")
    table = folder / LABEL_SET_FILE
    label_set = load_label_set(table if table.is_file() else flags.get("label_set") or DEFAULT)
    return {"state_dict": state, "config": flags, "label_set": label_set.table()}


def write_network(folder: Path, state_dict: dict[str, Tensor], flags: dict, label_set: LabelSet) -> None:
    """Write a network that `read_network` reads: kernels in half precision, the rest, a thousandth of it, as it is.

    Raises ValueError for weights that half precision cannot hold.
    """
    state = {key: (value.half() if value.is_floating_point() and value.dim() > 1 else value).contiguous().clone()
             for key, value in state_dict.items()}
    for key, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(f"{key}: holds weights that are not finite, or beyond half precision's 65,504")
    built_in = label_set.name in HIGHEST_ID and load_label_set(label_set.name).same_classes(label_set)
    with replacing(folder / MODEL_FILE, "wb") as file:
        file.write(save(state, {"format": "pt"}))
    with replacing(folder / CONFIG_FILE) as file:
        yaml.safe_dump(flags | ({"label_set": label_set.name} if built_in else {}), file, sort_keys=True)
    if built_in:
        (folder / LABEL_SET_FILE).unlink(missing_ok=True)
    else:
        label_set.write(folder / LABEL_SET_FILE)


def size_of(folder: Path) -> int:
    """Bytes of a network's files."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
