"""Checkpoints: one file a step, written whole or not at all, read without executing anything in it.

Weights lie under `state_dict` with keys `model.<name>`, so LanguageGroundedSemseg's Lightning checkpoints load as well.
"""
import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from datasets.files import replacing

PREFIX = "model."
SHOWN = 3  # keys of a kind in a one-line report; more are printed before it


def save_checkpoint(path: str | Path, content: dict) -> None:
    """Write a dictionary of tensors and plain values; the file takes its name only when it is complete."""
    with replacing(path, "wb") as file:
        torch.save(content, file)


def load_checkpoint(path: str | Path) -> dict:
    """Read a checkpoint to the CPU with `weights_only`. Raises FileNotFoundError, or ValueError for anything else."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name a checkpoint in it, such as {path / 'best.ckpt'}")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint; training writes best.ckpt and last.ckpt to its --log_dir")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path}: not a checkpoint of tensors and plain values, or damaged ({reason})") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: not a checkpoint, it holds a {type(content).__name__}")
    return content


def newest_checkpoint(path: str | Path) -> Path:
    """The checkpoint to resume from: the file itself, or of a folder the one with the highest step (lesson L19)."""
    path = Path(path)
    if not path.is_dir():
        return path
    files = list(path.glob("*.ckpt"))
    if not files:
        raise FileNotFoundError(f"{path}: no .ckpt file to resume from")
    return max(files, key=lambda file: (load_checkpoint(file).get("step", -1), file.stat().st_mtime))


def model_weights(content: dict, path: str | Path) -> dict[str, Tensor]:
    """Network weights of a checkpoint by the network's own names, whether stored with the `model.` prefix or bare.

    Other entries of a prefixed checkpoint (a projection, a loss's buffers) are not the network's and are left out.
    """
    weights = content.get("state_dict", content)
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()) or not weights:
        raise ValueError(f"{path}: holds no weights (a dictionary `state_dict` of tensors)")
    if any(key.startswith(PREFIX) for key in weights):
        return {key.removeprefix(PREFIX): value for key, value in weights.items() if key.startswith(PREFIX)}
    return weights


def load_weights(model: nn.Module, path: str | Path, lenient: bool = False) -> str:
    """Load a checkpoint's weights into a network; returns a report of what was loaded and what was not.

    Raises ValueError that lists every key that is missing, unexpected or of another shape (lesson L18), unless
    `lenient`, which loads what fits and reports the rest.
    """
    weights = model_weights(load_checkpoint(path), path)
    own = model.state_dict()
    reshaped = [key for key in own if key in weights and weights[key].shape != own[key].shape]
    problems = {
        "missing": [key for key in own if key not in weights],
        "unexpected": [key for key in weights if key not in own],
        "of another shape": [f"{key} {tuple(weights[key].shape)} instead of {tuple(own[key].shape)}"
                             for key in reshaped],
    }
    fitting = {key: value for key, value in weights.items() if key in own and key not in reshaped}
    found = "; ".join(f"{len(keys)} {what}: {', '.join(keys[:SHOWN])}{', ...' if len(keys) > SHOWN else ''}"
                      for what, keys in problems.items() if keys)
    for what, keys in problems.items():
        if len(keys) > SHOWN:
            print(f"{path}: {what}: {', '.join(keys)}")
    if found and not lenient:
        raise ValueError(f"{path}: weights of another network ({found}); choose its --model, "
                         "or load what fits with --lenient_weight_loading True")
    if not fitting:
        raise ValueError(f"{path}: not one weight fits this network ({found})")
    model.load_state_dict(fitting, strict=False)
    return f"{path}: {len(fitting)} of {len(own)} weights loaded" + (f"; {found}" if found else "")
