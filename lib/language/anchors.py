"""Text anchors: a unit vector for each class name, from a text encoder or from a file, cached.

`load_anchors("minilm", label_set.names, "feature_data")`, then `fit_width(anchors, backbone_width)`; docs/anchors.md.
`python -m lib.language.anchors --encoder minilm --prompt name --out anchors.npz --png s.png` writes and draws them.
`--encoder file:PATH.npz` takes any file with `names` (C',) strings and `embeddings` (C', D).
"""
import argparse
import hashlib
import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from config.command import command
from datasets.files import replacing
from datasets.label_sets import DEFAULT, load_label_set
from lib.language.encoders import Encoder, find_encoder, unit

SHOWN = ("wall", "chair", "shower curtain", "tv", "toilet", "keyboard")
SYNONYMS = Path(__file__).resolve().parents[2] / "config" / "scannet200_synonyms.json"
SHARED = 0.6  # mean cosine; docs/anchors.md: CLIP and SigLIP2 0.78 and more, MiniLM with any prompt at most 0.47
PROMPTS = {
    "name": ("{}",),
    "scene": ("a {} in a scene",),
    # Those of CLIP's 80 templates for ImageNet (Radford et al., 2021) that say something of an object in a room:
    # no drawings, toys or tattoos, and no spoilt pictures.
    "indoor": (
        "a photo of a {}.", "a photo of the {}.", "a photo of one {}.", "a photo of many {}.", "a photo of my {}.",
        "a photo of a small {}.", "a photo of a large {}.", "a photo of a clean {}.", "a close-up photo of a {}.",
        "a cropped photo of a {}.", "a bright photo of a {}.", "a dark photo of a {}.", "a rendering of a {}.",
    ),
}


def load_anchors(encoder: str, class_names: Sequence[str], cache_dir: str | Path, prompt: str = "name",
                 synonyms: bool = False, center: bool = False) -> torch.Tensor:
    """Anchor of each class, (C, D) float32 with unit norm, in the order of `class_names`.

    encoder: file:PATH.npz, or a text encoder (`find_encoder`), whose anchors are kept in `cache_dir` under a hash of
    all that decides them. prompt: a key of PROMPTS; synonyms: average each name with its synonyms; center: see
    `center_anchors`. Raises ValueError or OSError for an encoder, a prompt or a file that cannot be used.
    """
    if prompt not in PROMPTS:
        raise ValueError(f"text prompt {prompt!r} is unknown, give {', '.join(PROMPTS)}")
    if encoder.startswith("file:"):
        if prompt != "name" or synonyms:
            raise ValueError(f"{encoder}: its vectors are made already; prompts and synonyms need a text encoder")
        anchors = torch.from_numpy(read_anchors(encoder.removeprefix("file:"), class_names))
        return center_anchors(anchors) if center else anchors
    found = find_encoder(encoder)
    names = add_synonyms(class_names) if synonyms else [[name] for name in class_names]
    decides = [found.name, found.version, PROMPTS[prompt], list(class_names), names, center]
    key = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]
    cached = Path(cache_dir) / f"{re.sub('[^A-Za-z0-9._-]+', '-', found.name)}_{key}.npz"
    if not cached.is_file():
        anchors = torch.from_numpy(embed_names(found, names, prompt))
        write_anchors(cached, class_names, (center_anchors(anchors) if center else anchors).numpy())
    return torch.from_numpy(read_anchors(cached, class_names))


def embed_names(encoder: Encoder, names: Sequence[Sequence[str]], prompt: str = "name") -> np.ndarray:
    """One unit vector for each group of names: the mean over its names and the prompt's templates of unit vectors.

    names: C groups of at least one name. Returns (C, D) float32.
    """
    texts = [[template.format(name) for name in group for template in PROMPTS[prompt]] for group in names]
    vectors = encoder.encode([text for group in texts for text in group]).astype(np.float64)  # (texts, D)
    starts = np.cumsum([0, *(len(group) for group in texts[:-1])])
    return unit(np.add.reduceat(vectors, starts, axis=0), f"text encoder {encoder.name}")


def add_synonyms(class_names: Sequence[str]) -> list[list[str]]:
    """Each name with its synonyms of config/scannet200_synonyms.json behind it."""
    known = json.loads(SYNONYMS.read_text(encoding="utf-8"))
    return [[name, *known.get(name, ())] for name in class_names]


def center_anchors(anchors: torch.Tensor, mean: torch.Tensor | None = None) -> torch.Tensor:
    """Unit vectors of (C, D) after the mean over all classes was subtracted, which all names of an encoder share.

    mean: (D,) of other anchors; with the class anchors' own, before they were centred, queries move as they did.
    """
    mean = anchors.mean(0) if mean is None else mean
    return torch.from_numpy(unit((anchors - mean).numpy(), "centred text anchors"))


def share_a_direction(anchors: torch.Tensor) -> bool:
    """Whether anchors (C, D) unit want centring: their mean cosine is over SHARED, as CLIP's and SigLIP2's is."""
    return len(anchors) > 1 and mean_cosine(anchors) > SHARED


def mean_cosine(anchors: torch.Tensor) -> float:
    """Mean cosine of two different ones of (C, D) unit anchors."""
    count = len(anchors)
    return (float(anchors.double().sum(0).square().sum()) - count) / (count * (count - 1))


def read_anchors(path: str | Path, class_names: Sequence[str]) -> np.ndarray:
    """Rows of `class_names` from an NPZ with `names` (C',) and `embeddings` (C', D). Returns (C, D) float32, unit.

    Raises FileNotFoundError, or ValueError for a pickle, a file of another make, or a class that is not in it.
    """
    path = Path(path)
    if path.suffix in (".pkl", ".pickle"):
        raise ValueError(
            f"{path}: pickles are not read; `python -m datasets.preprocess.convert_pickle {path} --out FILE.npz` makes "
            "an npz of the original's, numpy.savez(PATH, names=names, embeddings=embeddings) of any"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; `python -m lib.language.anchors --out {path}` "
                                "writes text anchors")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, embeddings = [str(name) for name in arrays["names"]], np.asarray(arrays["embeddings"], np.float32)
        if embeddings.ndim != 2 or len(embeddings) != len(names):
            raise ValueError(f"{len(names)} names for embeddings of shape {embeddings.shape}")
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path}: not an npz of string array `names` (C,) and float array `embeddings` (C, D) ({reason}); "
            f"`python -m lib.language.anchors --out {path}` writes one"
        ) from None
    rows = {name: row for row, name in enumerate(names)}
    missing = [name for name in class_names if name not in rows]
    if missing:
        raise ValueError(
            f"{path}: {len(missing)} of {len(class_names)} classes are not in it, such as {', '.join(missing[:3])}"
        )
    return unit(embeddings[[rows[name] for name in class_names]], path)


def write_anchors(path: str | Path, names: Sequence[str], embeddings: np.ndarray) -> None:
    """Write an NPZ that `read_anchors` reads, in one move, making its folder. embeddings: (C, D)."""
    with replacing(path, "wb") as file:
        np.savez(file, names=np.array(names, dtype=str), embeddings=np.asarray(embeddings, dtype=np.float32))


def fit_width(anchors: torch.Tensor, width: int, seed: int = 0) -> torch.Tensor:
    """Anchors (C, D) mapped to (C, width) by `width_map`, float32 unit norm, so that their cosines are kept.

    Exact where width is at least the rank of the anchors, so for every width >= min(C, D); below it, cosines are those
    of the best approximation of that rank (Eckart-Young).
    """
    if anchors.shape[1] == width:
        return anchors.float()
    vectors = anchors.double().cpu().numpy() @ _width_map(anchors, width, seed)
    return torch.from_numpy(unit(vectors, f"text anchors at width {width}")).to(anchors.device)


def width_map(anchors: torch.Tensor, width: int, seed: int = 0) -> torch.Tensor:
    """The linear map (D, width) float32 by which `fit_width` brings these anchors (C, D) to a backbone's width.

    Other vectors of the same encoder, such as queries (N, D), follow with `queries @ width_map(anchors, width)` and
    unit norm. Where D > width, their part outside the anchors' directions is lost.
    """
    return torch.from_numpy(_width_map(anchors, width, seed)).to(anchors.device, torch.float32)


def _width_map(anchors: torch.Tensor, width: int, seed: int) -> np.ndarray:
    """(D, width) float64. Wider: zeros are appended and a random rotation (fixed by the seed) spreads the anchors over
    all channels. Narrower: the directions that keep most of their length, uncentred principal components."""
    wide = anchors.shape[1]
    matrix = np.eye(wide)
    if wide > width:
        axes = np.linalg.svd(anchors.double().cpu().numpy(), full_matrices=False)[2][:width]  # (min(C, D, width), D)
        # The sign of an axis is LAPACK's choice; fixed here, anchors are the same on every machine.
        largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], axis=1)
        matrix = (axes * np.sign(largest)).T  # (D, min(C, D, width))
    if matrix.shape[1] < width:
        gaussian = np.random.default_rng(seed).standard_normal((width, width))
        rotation, upper = np.linalg.qr(gaussian)
        rotation *= np.sign(np.diag(upper))  # makes the factor unique, and uniform over rotations and reflections
        matrix = matrix @ rotation[: matrix.shape[1]]  # the padding's zeros meet the other rows
    return matrix


def nearest_names(anchors: torch.Tensor, names: Sequence[str], count: int = 3) -> dict[str, list[tuple[str, float]]]:
    """The `count` other names with the largest cosine, and the cosine, for every name. anchors: (C, D) unit."""
    cosines = anchors @ anchors.T  # (C, C)
    cosines.fill_diagonal_(-2)
    values, order = cosines.topk(min(count, len(names) - 1), dim=1)
    return {
        name: [(names[other], value) for other, value in zip(order[row].tolist(), values[row].tolist(), strict=True)]
        for row, name in enumerate(names)
    }


def describe(anchors: torch.Tensor) -> str:
    """How close two different anchors are on average, and how many pairs are closer than the contrast loss asks by
    default (a cosine distance of 0.6). anchors: (C, D) unit."""
    row, column = torch.triu_indices(len(anchors), len(anchors), offset=1)
    cosines = (anchors @ anchors.T)[row, column]
    close = 100 * (cosines > 0.4).float().mean()
    return f"mean cosine of two {cosines.mean():.3f}, above 0.4 for {close:.1f} % of pairs"


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: write and draw the anchors of a label set's classes, print nearest names. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Text anchors of the class names of a label set.")
    parser.add_argument("--encoder", default="minilm",
                        help="minilm, clip:ViT-B/32, clip:PATH, siglip2:FOLDER or file:PATH.npz; see docs/anchors.md")
    parser.add_argument("--prompt", default="name", choices=PROMPTS, help="what is made of a name")
    parser.add_argument("--synonyms", action="store_true", help=f"average names with those of config/{SYNONYMS.name}")
    parser.add_argument("--center", action="store_true", help="subtract the mean over the classes")
    parser.add_argument("--out", required=True, metavar="FILE.npz", help="names (C,), embeddings (C, D)")
    parser.add_argument("--label_set", default=DEFAULT, metavar="NAME|FILE.csv", help="default: %(default)s")
    parser.add_argument("--png", metavar="FILE.png", help="picture of all cosines, ordered head, common, tail")
    options = parser.parse_args(arguments)
    label_set = load_label_set(options.label_set)
    names = label_set.names
    with tempfile.TemporaryDirectory() as scratch:
        anchors = load_anchors(options.encoder, names, scratch, options.prompt, options.synonyms,
                               options.center)
    write_anchors(options.out, names, anchors.numpy())
    if options.png:
        from lib.view.similarity import draw_similarity

        title = f"{options.encoder.split('/')[-1]}, prompt {options.prompt}" + (
            ", synonyms" * options.synonyms + ", centred" * options.center)
        with replacing(options.png, "wb") as file:
            draw_similarity(anchors.numpy(), names, label_set.groups, title).save(file, format="PNG", optimize=True)
    print(f"{options.out}: {len(anchors)} anchors, {anchors.shape[1]} wide, {describe(anchors)}")
    nearest = nearest_names(anchors, names)
    for name in [name for name in SHOWN if name in names] or names[:6]:
        print(f"{name:16s}" + ", ".join(f"{other} {cosine:.2f}" for other, cosine in nearest[name]))


if __name__ == "__main__":
    sys.exit(main())
