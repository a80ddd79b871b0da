"""Checkpoints: one file a step, written whole or not at all, read without executing anything in it.

Weights lie under `state_dict` with keys `model.<name>`, so LanguageGroundedSemseg's Lightning checkpoints load as well.
"""
import pickle
import struct
import warnings
import zlib
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from datasets.label_sets import LabelSet, load_label_set
from lib.checkpoint_files import check_sum
from lib.checkpoint_files import save_checkpoint as save_checkpoint
from lib.network_folder import find_network, read_network

PREFIX = "model."
# What the order, the batches and the samples of an epoch depend on, beside the list of scenes.
EPOCH_FLAGS = ("batch_size", "iter_size", "seed", "scene_sampling", "repeat_threshold",
               "dataset", "voxel_size", "train_limit_numpoints", "ignore_label", "normalize_color", "held_out_classes",
               "label_ids", "sample_tail_instances", "num_instances_to_add", "max_instance_placing_iterations",
               "instance_sampling_weights", "mix_scenes", "train_augmentation", "elastic_distortion",
               "data_aug_color_trans_ratio", "data_aug_color_jitter_std", "color_dropout", "data_aug_scale_min",
               "data_aug_scale_max", "max_scene_voxels", "point_jitter", "point_dropout", "cutouts")
CLASSIFIER = "final."  # prefix of the weights whose last axis is the classes
SHOWN = 3  # keys of a kind in a one-line report; more are printed before it

# Classes that Lightning's checkpoints name beside the weights, in settings and as keys of callbacks. They are never
# imported: whatever a file makes of them becomes an empty or plain dictionary (`_Inert`).
_LIGHTNING = ("pytorch_lightning", "lightning.pytorch")
_CALLBACKS = ("model_checkpoint.ModelCheckpoint", "early_stopping.EarlyStopping", "lr_monitor.LearningRateMonitor")
INERT = (
    "argparse.Namespace",
    *(f"{package}.utilities.parsing.AttributeDict" for package in _LIGHTNING),
    "lightning_fabric.utilities.data.AttributeDict", "lightning.fabric.utilities.data.AttributeDict",
    *(f"{package}.callbacks.{callback}" for package in _LIGHTNING for callback in _CALLBACKS),
    *(f"{module}.{kind}" for module in ("pathlib", "pathlib._local")
      for kind in ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
)


class _Inert:
    """Stands for every class of `INERT` while a file is read. Making one gives an empty OrderedDict, the one type that
    PyTorch's restricted reader fills both with items and with attributes; arguments are dropped."""

    def __new__(cls, *_args, **_options) -> OrderedDict:
        return OrderedDict()


def load_checkpoint(path: str | Path) -> dict:
    """Read a checkpoint to the CPU with `weights_only`; classes of `INERT` become dictionaries, others are refused.

    A folder that `lib.export` wrote, its model.safetensors, or its name in the clone's weights/, gives the same
    dictionary, of what it has.

    Raises FileNotFoundError, or ValueError for anything else, a checksum that is not that of the file's bytes included.
    Nothing in the file is run or imported.
    """
    path = Path(path)
    if folder := find_network(path):
        return read_network(folder)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name a checkpoint in it, such as {path / 'best.ckpt'}")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint; training writes best.ckpt and last.ckpt to its --log_dir")
    check_sum(path)
    try:
        with warnings.catch_warnings(), safe_globals([(_Inert, name) for name in INERT]):
            warnings.simplefilter("ignore")  # about the pickle protocol of a file that is then refused, or read
            unsafe = _unsafe_names(path)
            content = None if unsafe else torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError,
            TypeError, AssertionError, OverflowError, struct.error) as error:  # by the damage
        reason = _reason(error)
        raise ValueError(f"{path}: not a checkpoint of tensors and plain values, or damaged ({reason})") from None
    if unsafe:
        raise ValueError(f"{path}: refused, nothing in it was run: it asks for {', '.join(unsafe[:SHOWN])}"
                         f"{', ...' if len(unsafe) > SHOWN else ''}, which is neither weights nor settings; "
                         "ask for a file with nothing but its `state_dict`")
    if not isinstance(content, dict):
        raise ValueError(f"{path}: not a checkpoint, it holds a {type(content).__name__}")
    return _plain(content)


def _unsafe_names(path: Path) -> list[str]:
    """What a checkpoint asks for beyond what may be read, found without reading it; printable, at most 100 long.

    Nothing for files of PyTorch before 1.6, which `torch.load` itself then reads, and refuses, one by one.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"PK\x03\x04":  # a zip archive
            return []
    return sorted(name.encode("unicode_escape").decode()[:100] for name in get_unsafe_globals_in_checkpoint(path))


def _reason(error: Exception) -> str:
    """What went wrong, in a line. PyTorch wraps it in advice to read the file unprotected, which is left out."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    told = [line for line in lines if "GLOBAL " in line or "WeightsUnpickler error: " in line]
    line = (told or lines)[0].rpartition("WeightsUnpickler error: ")[2].split(" Please ")[0][:200]
    return "not in PyTorch's format" if not line or line.startswith("Weights only load failed") else line


def _plain(content: dict) -> dict:
    """Its items in a plain dictionary: a file can give an OrderedDict attributes that hide its methods."""
    return dict(dict.items(content))


def later_checkpoints(folder: Path, step: int) -> list[str]:
    """Names of a folder's whole checkpoints beyond a step: of a run that is not gone on with."""
    later = []
    for file in folder.glob("*.ckpt"):
        with suppress(ValueError, OSError):
            if load_checkpoint(file).get("step", -1) > step:
                later.append(file.name)
    return later


def newest_checkpoint(path: str | Path) -> Path:
    """The checkpoint to resume from: the file itself, or of a folder the one with the highest step (lesson L19).

    Damaged ones are passed over, and named. Raises ValueError where there is no other.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    files = list(path.glob("*.ckpt"))
    if not files:
        raise FileNotFoundError(f"{path}: no .ckpt file to resume from")
    whole, damaged = [], []
    for file in files:
        try:
            whole.append((load_checkpoint(file).get("step", -1), file.stat().st_mtime, file))
        except ValueError as error:
            damaged.append(str(error).partition("; take another")[0])
    if not whole:
        raise ValueError(f"{path}: holds no checkpoint that is whole: {'; '.join(damaged)}")
    step, _, newest = max(whole)
    for line in damaged:
        print(f"warning: {line}; going on from {newest}, step {step}")
    return newest


def fingerprint(scenes: Sequence[str]) -> list[int]:
    """How many scenes, and a checksum of their names in their order."""
    return [len(scenes), zlib.crc32("\n".join(scenes).encode())]


def check_same_epoch(content: dict, path: str | Path, config: Namespace, scenes: Sequence[str]) -> None:
    """Raises ValueError if a checkpoint was written inside an epoch that these flags and training scenes (their names)
    would draw in another order, divide or make otherwise: its position would repeat some scenes and leave out others,
    or the epoch would be neither the one nor the other."""
    stored = content.get("config")
    if not content.get("batch") or not isinstance(stored, dict):
        return
    anew = f"or start anew from its weights with --weights {path}"
    for name in EPOCH_FLAGS:
        then, now = stored.get(name), getattr(config, name)
        if name in stored and then != now:
            raise ValueError(f"{path}: it stopped inside an epoch with --{name} {then}, which --{name} {now} cannot go "
                             f"on with: resume with --{name} {then}, {anew}")
    now = fingerprint(scenes)
    then = content.get("scenes", now)
    then = then if isinstance(then, list) else [then, now[1]]  # earlier checkpoints have the number alone
    if then != now:
        others = f"{now[0]}" if then[0] != now[0] else "others, or in another order"
        raise ValueError(f"{path}: it stopped inside an epoch of {then[0]} scenes, and --train_phase "
                         f"{config.train_phase} of --scannet_path {config.scannet_path} has {others}: resume with the "
                         f"same scenes, {anew}")


def model_weights(content: dict, path: str | Path) -> tuple[dict[str, Tensor], list[str]]:
    """Network weights of a checkpoint by the network's own names, whether stored with the `model.` prefix or bare.

    Also the names of other entries of a prefixed checkpoint, which are not the network's: a projection, a loss's
    buffers.
    """
    weights = content.get("state_dict", content)
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in dict.values(weights)) or not weights:
        raise ValueError(f"{path}: holds no weights (a dictionary `state_dict` of tensors)")
    weights = _plain(weights)
    if not all(isinstance(key, str) for key in weights):
        raise ValueError(f"{path}: holds weights without names (`state_dict` must be {{name: tensor}})")
    network = {key.removeprefix(PREFIX): value for key, value in weights.items() if key.startswith(PREFIX)}
    return (network, [key for key in weights if not key.startswith(PREFIX)]) if network else (weights, [])


def from_text_stage(content: dict) -> bool:
    """Whether stage 1 wrote a checkpoint, ours or LanguageGroundedSemseg's: so say its settings."""
    settings = (content.get("config"), content.get("hyper_parameters"))
    values = [dict.get(part, "use_embedding_loss") for part in settings if isinstance(part, dict)]
    return any(value is True or isinstance(value, str) and value.lower() == "true" for value in values)


def stored_label_set(content: dict, path: str | Path) -> LabelSet | None:
    """The classes that a checkpoint's network was trained on; None where it does not say (LanguageGroundedSemseg's).

    Checkpoints of before label sets hold a table of names and ids, which is ScanNet200's.
    """
    table = content.get("label_set")
    if isinstance(table, dict):
        return LabelSet.from_table(table, path)
    return load_label_set() if isinstance(content.get("label_table"), dict) else None


def load_weights(model: nn.Module, path: str | Path, lenient: bool = False,
                 untrained_by_text_stage: Sequence[str] = (), content: dict | None = None,
                 label_set: LabelSet | None = None) -> str:
    """Load a checkpoint's weights into a network; returns a report of what was loaded, what is new, what was left.

    untrained_by_text_stage: weights, by prefix, that are not taken from a checkpoint of stage 1: they stay as they are.
    content: what the checkpoint holds, where it was read already. label_set: the network's classes; where the
    checkpoint has others, its last layer is taken over class by class where names agree.
    Raises ValueError that lists every key that is missing, unexpected or of another shape (lesson L18), unless
    `lenient`, which loads what fits and reports the rest.
    """
    content = load_checkpoint(path) if content is None else content
    weights, beside = model_weights(content, path)
    own = model.state_dict()
    new = []
    if untrained_by_text_stage and from_text_stage(content):
        new = [key for key in own if key.startswith(tuple(untrained_by_text_stage))]
        weights = {key: value for key, value in weights.items() if not key.startswith(tuple(untrained_by_text_stage))}
    classes = ""
    if label_set is not None and not new:
        weights, classes = _by_class_name(weights, own, stored_label_set(content, path), label_set)
    reshaped = [key for key in own if key in weights and weights[key].shape != own[key].shape]
    problems = {
        "missing": [key for key in own if key not in weights and key not in new],
        "unexpected": [key for key in weights if key not in own],
        "of another shape": [f"{key} {tuple(weights[key].shape)} instead of {tuple(own[key].shape)}"
                             for key in reshaped],
    }
    fitting = {key: value for key, value in weights.items() if key in own and key not in reshaped}
    everything = {"new, as stage 1 does not train them": new, **problems, "beside the network": beside}
    found = _listed(problems)
    for what, keys in everything.items():
        if len(keys) > SHOWN:
            print(f"{path}: {what}: {', '.join(keys)}")
    if found and not lenient:
        raise ValueError(f"{path}: weights of another network ({found}); choose its --model, "
                         "or load what fits with --lenient_weight_loading True")
    if not fitting:
        raise ValueError(f"{path}: not one weight fits this network ({found})")
    model.load_state_dict(fitting, strict=False)
    rest = _listed(everything)
    return f"{path}: {len(fitting)} of {len(own)} weights loaded" + (f"; {rest}" if rest else "") + classes


def _by_class_name(weights: dict[str, Tensor], own: dict[str, Tensor], stored: LabelSet | None, label_set: LabelSet
                   ) -> tuple[dict[str, Tensor], str]:
    """Weights with a last layer for `label_set`: columns of classes that both sets name, the network's own for others.

    Returns the weights and what to say of it, nothing where the sets have the same classes in the same order.
    """
    if stored is None or stored.names == label_set.names:
        return weights, ""
    shared = [name for name in label_set.names if name in stored.names]
    here, there = ([group.index(name) for name in shared] for group in (label_set, stored))
    changed = {}
    for key in own:
        if key.startswith(CLASSIFIER) and key in weights and weights[key].shape[-1] == len(stored):
            changed[key] = own[key].clone()
            changed[key][..., here] = weights[key][..., there].to(own[key])
    if not changed:
        return weights, ""
    rest = [name for name in label_set.names if name not in stored.names]
    report = f"; last layer: {len(shared)} of {len(label_set)} classes taken over by name from {stored.name}"
    if rest:
        report += f", new: {', '.join(rest[:10])}{', ...' if len(rest) > 10 else ''}"
    return weights | changed, report


def _listed(keys_by_kind: dict[str, list[str]]) -> str:
    """ "2 missing: a, b; 9 unexpected: c, d, e, ..." on one line."""
    return "; ".join(f"{len(keys)} {what}: {', '.join(keys[:SHOWN])}{', ...' if len(keys) > SHOWN else ''}"
                     for what, keys in keys_by_kind.items() if keys)
