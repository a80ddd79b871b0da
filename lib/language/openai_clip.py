"""OpenAI's own CLIP files, for transformers: `load_text_tower("ViT-B-32.pt")`, `build_tokenizer(find_vocabulary([]))`.

Neither OpenAI's package nor torchvision is needed; of the weights, only those of the text tower are used.
"""
import gzip
import importlib.util
import os
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch

VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
MERGES = 49152 - 256 - 2  # of the 262,144 in the file; with 2 x 256 bytes and 2 marks they make 49,408 tokens
END_OF_TEXT = 49407
HEAD_WIDTH = 64
LAYER = "transformer.resblocks."


def find_vocabulary(folders: Sequence[Path]) -> Path | None:
    """The BPE vocabulary in one of `folders` or in an installed open_clip or clip, which is not imported."""
    specs = [importlib.util.find_spec(package) for package in ("open_clip", "clip")]
    folders = [*folders, *(Path(spec.origin).parent for spec in specs if spec is not None and spec.origin)]
    return next((folder / VOCABULARY for folder in folders if (folder / VOCABULARY).is_file()), None)


def build_tokenizer(vocabulary: Path):
    """transformers' CLIPTokenizer from OpenAI's list of merges.

    Gives OpenAI's ids for plain text; OpenAI's own also mends wrong encodings (ftfy) and HTML entities first. Raises
    ValueError for another file.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # see lib.language.encoders
    from transformers import CLIPTokenizer

    try:
        with gzip.open(vocabulary, "rt", encoding="utf-8") as file:
            lines = file.read().split("\n")[1:MERGES + 1]  # the first line is a version
        merges = [tuple(line.split()) for line in lines]
        if len(merges) != MERGES or any(len(merge) != 2 for merge in merges):
            raise ValueError(f"{len(merges)} merges")
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{vocabulary}: not CLIP's vocabulary ({error}); remove it, `bash download.sh` fetches it "
                         "again") from None
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]  # bytes that stand for themselves, as in GPT-2
    characters = [chr(byte) for byte in visible] + [chr(256 + i) for i in range(256 - len(visible))]
    tokens = [*characters, *(c + "</w>" for c in characters), *map("".join, merges),
              "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=merges)


def load_text_tower(path: str | Path):
    """transformers' CLIPTextModelWithProjection with the weights of OpenAI's file, float32, in evaluation mode.

    path: OpenAI's TorchScript archive, or a state dict with the same names. Raises ValueError for another file.
    """
    try:
        state = _read_state(path)
        return convert_text_tower(state)
    except KeyError as error:
        reason = f"{error} is missing"
    except (RuntimeError, ValueError, TypeError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
    raise ValueError(f"{path}: neither OpenAI's CLIP archive nor a state dict of it ({reason}); remove it, `bash "
                     "download.sh` fetches ViT-B-32.pt again")


def _read_state(path: str | Path) -> dict[str, torch.Tensor]:
    archive = zipfile.is_zipfile(path)
    if archive:
        with zipfile.ZipFile(path) as file:
            archive = any(name.endswith("/constants.pkl") for name in file.namelist())  # only TorchScript has it
    if archive:
        return torch.jit.load(path, map_location="cpu").state_dict()
    return torch.load(path, map_location="cpu", weights_only=True)


def convert_text_tower(state: dict[str, torch.Tensor]):
    """CLIPTextModelWithProjection from the text part of OpenAI's state dict. Raises KeyError for a missing weight."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    width, wide = state["text_projection"].shape
    layers = len({key.split(".")[2] for key in state if key.startswith(LAYER)})
    config = CLIPTextConfig(
        vocab_size=len(state["token_embedding.weight"]), hidden_size=width, projection_dim=wide,
        intermediate_size=len(state[f"{LAYER}0.mlp.c_fc.bias"]), num_hidden_layers=layers,
        num_attention_heads=width // HEAD_WIDTH, max_position_embeddings=len(state["positional_embedding"]),
        hidden_act="quick_gelu", eos_token_id=END_OF_TEXT)
    weights = {
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
        "text_model.final_layer_norm.weight": state["ln_final.weight"],
        "text_model.final_layer_norm.bias": state["ln_final.bias"],
        "text_projection.weight": state["text_projection"].T,  # OpenAI multiplies from the right
    }
    for layer in range(layers):
        for kind in ("weight", "bias"):
            old, new = f"{LAYER}{layer}.", f"text_model.encoder.layers.{layer}."
            queries_keys_values = state[f"{old}attn.in_proj_{kind}"].chunk(3)
            for name, part in zip(("q_proj", "k_proj", "v_proj"), queries_keys_values, strict=True):
                weights[f"{new}self_attn.{name}.{kind}"] = part
            weights[f"{new}self_attn.out_proj.{kind}"] = state[f"{old}attn.out_proj.{kind}"]
            weights[f"{new}mlp.fc1.{kind}"] = state[f"{old}mlp.c_fc.{kind}"]
            weights[f"{new}mlp.fc2.{kind}"] = state[f"{old}mlp.c_proj.{kind}"]
            weights[f"{new}layer_norm1.{kind}"] = state[f"{old}ln_1.{kind}"]
            weights[f"{new}layer_norm2.{kind}"] = state[f"{old}ln_2.{kind}"]
    model = CLIPTextModelWithProjection(config)
    # OpenAI's archive holds half precision. Contiguous copies: parts of in_proj share its memory.
    model.load_state_dict({key: value.float().contiguous() for key, value in weights.items()})
    return model.eval()
