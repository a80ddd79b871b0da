"""Text encoders against a transcription of OpenAI's text tower.

The tokenisation of the class names needs CLIP's vocabulary: `bash download.sh`, or `pip install --no-deps
open_clip_torch`. Everything else runs without any downloaded weights.
"""
import gzip
import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from datasets.label_sets import load_label_set
from lib.language import encoders as text_encoders
from lib.language.anchors import PROMPTS, load_anchors
from lib.language.encoders import DOWNLOADS, find_encoder
from lib.language.openai_clip import MERGES, VOCABULARY, build_tokenizer, find_vocabulary, load_text_tower

SCANNET200 = load_label_set()

ROOT = Path(__file__).resolve().parents[3]
transformers = pytest.importorskip("transformers")
TEXTS = ["chair", "a large office chair", "tv"]


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class ResidualAttentionBlock(nn.Module):
    """OpenAI's clip/model.py, transcribed."""

    def __init__(self, width, heads, mask):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(OrderedDict(
            c_fc=nn.Linear(width, 4 * width), gelu=QuickGELU(), c_proj=nn.Linear(4 * width, width)))
        self.ln_2 = nn.LayerNorm(width)
        self.mask = mask

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=self.mask)[0]
        return x + self.mlp(self.ln_2(x))


class TextTower(nn.Module):
    """The text half of OpenAI's CLIP, `encode_text` transcribed, under its names."""

    def __init__(self, width=128, layers=3, wide=48, vocabulary=49408, context=77):
        super().__init__()
        mask = torch.full((context, context), float("-inf")).triu_(1)
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.randn(context, width))
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.Sequential(
            *(ResidualAttentionBlock(width, width // 64, mask) for _ in range(layers)))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, wide) * 0.1)

    def forward(self, text):
        x = self.token_embedding(text) + self.positional_embedding
        x = self.transformer.resblocks(x.permute(1, 0, 2)).permute(1, 0, 2)
        x = self.ln_final(x)
        return x[torch.arange(x.shape[0]), text.argmax(dim=-1)] @ self.text_projection


@pytest.fixture(scope="module")
def tower():
    torch.manual_seed(0)
    tower = TextTower().eval()
    with torch.no_grad():
        for name, value in tower.named_parameters():
            if "ln_" in name or name.endswith("bias"):  # else ones and zeros, which hide an exchange
                value.add_(0.3 * torch.randn_like(value))
    return tower


@pytest.fixture(scope="module")
def weights(tower, tmp_path_factory):
    """Folder with the same tower as a state dict and as a TorchScript archive, and a vocabulary for both."""
    folder = tmp_path_factory.mktemp("clip")
    torch.save(tower.state_dict(), folder / "state.pt")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that tracing is out of fashion; OpenAI's files are made so
        torch.jit.trace(tower, _padded([[5, 6]]), check_trace=False).save(str(folder / "archive.pt"))
    _write_vocabulary(folder / VOCABULARY)
    return folder


def _padded(ids):
    """OpenAI's `tokenize`: start and end mark, zeros up to 77."""
    return torch.tensor([[49406, *row, 49407] + [0] * (75 - len(row)) for row in ids])


def _write_vocabulary(path):
    """Three merges that spell "chair", and as many between signs that no text of these tests has as CLIP's has."""
    signs = [chr(i) for i in [*range(161, 173), *range(174, 256), *range(256, 324)]]
    merges = ["c h", "ch a", "i r</w>"]
    merges += [f"{a} {b}{end}" for end in ("", "</w>") for a in signs for b in signs][: MERGES - len(merges)]
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        file.write("\n".join(["#version", *merges, "x y"]))


@pytest.mark.parametrize("file", ["state.pt", "archive.pt"])
def test_openai_weights_give_the_embeddings_of_openais_text_tower(weights, tower, file):
    model = load_text_tower(weights / file)
    rows = torch.randint(0, 49406, (4, 9), generator=torch.Generator().manual_seed(1)).tolist()
    rows[1], rows[2] = rows[1][:3], []
    with torch.no_grad():
        expected = tower(_padded(rows))
        ends_padded = torch.tensor([[49406, *row, *[49407] * (10 - len(row))] for row in rows])
        got = [model(input_ids=ids).text_embeds for ids in (_padded(rows), ends_padded)]
    assert expected.abs().mean() > 0.5
    for each in got:
        torch.testing.assert_close(each, expected, rtol=0, atol=1e-5)


def test_half_precision_weights_become_float32(weights, tower, tmp_path):
    torch.save({key: value.half() for key, value in tower.state_dict().items()}, tmp_path / "half.pt")
    assert {value.dtype for value in load_text_tower(tmp_path / "half.pt").parameters()} == {torch.float32}


@pytest.mark.parametrize("file", ["state.pt", "archive.pt"])
def test_a_clip_encoder_tokenises_embeds_and_normalises(weights, tower, file):
    encoder = find_encoder(f"clip:{weights / file}")
    got = encoder.encode(["Chair", "tv  chair"])
    t, v = ord("t") - 33, 256 + ord("v") - 33  # bytes that stand for themselves begin with "!"; word ends follow them
    cha, ir = 513, 514  # the second and the third merge
    with torch.no_grad():
        expected = F.normalize(tower(_padded([[cha, ir], [t, v, cha, ir]])), dim=1)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert encoder.name == f"clip:{file.removesuffix('.pt')}"


def test_texts_longer_than_the_context_are_cut(weights):
    encoder = find_encoder(f"clip:{weights}/state.pt")
    assert np.isfinite(encoder.encode(["chair " * 100])).all()


def test_more_texts_than_a_batch_come_back_in_order(weights, monkeypatch):
    encoder = find_encoder(f"clip:{weights}/state.pt")
    whole = encoder.encode(TEXTS)
    monkeypatch.setattr(text_encoders, "BATCH", 2)
    np.testing.assert_allclose(encoder.encode(TEXTS), whole, atol=1e-6)


def test_version_changes_with_the_weights_and_not_with_their_place(weights, tmp_path):
    content = (weights / "state.pt").read_bytes()
    _write_vocabulary(tmp_path / VOCABULARY)
    (tmp_path / "state.pt").write_bytes(content)
    first, moved = find_encoder(f"clip:{weights}/state.pt"), find_encoder(f"clip:{tmp_path}/state.pt")
    assert (first.name, first.version) == (moved.name, moved.version)
    (tmp_path / "state.pt").write_bytes(content[:-1] + b"?")
    assert find_encoder(f"clip:{tmp_path}/state.pt").version != first.version


vocabulary = find_vocabulary([DOWNLOADS])


@pytest.mark.skipif(vocabulary is None, reason="needs CLIP's vocabulary: bash download.sh, or "
                    "pip install --no-deps open_clip_torch")
def test_class_names_and_prompts_are_tokenised_as_by_openai():
    """The expected sum is that of the ids of OpenAI's SimpleTokenizer (open_clip 3.3.0, with ftfy)."""
    tokenizer = build_tokenizer(vocabulary)
    texts = [template.format(name) for prompt in ("name", "scene", "indoor") for template in PROMPTS[prompt]
             for name in SCANNET200.names]
    ids = tokenizer(texts)["input_ids"]
    assert ids[1] == [49406, 4269, 49407]  # chair
    assert hashlib.sha256(json.dumps(ids).encode()).hexdigest() == (
        "6c7d66ac34316409b5e5d0524308a3b935eea4750a37abc9bbbcd76942e8dce7")


def _word_tokenizer(**more):
    """A tokenizer of transformers with a token for each word of TEXTS."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = {word: i for i, word in enumerate(["<end>", "<unk>", *sorted(set(" ".join(TEXTS).split()))])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <end>", special_tokens=[("<end>", 0)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>", unk_token="<unk>", **more)


@pytest.fixture
def folder(tmp_path):
    """A folder as transformers writes it, with a tiny random text tower."""
    config = transformers.CLIPTextConfig(
        vocab_size=16, hidden_size=32, intermediate_size=64, projection_dim=24, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=10, eos_token_id=0, bos_token_id=0, pad_token_id=0)
    transformers.CLIPTextModelWithProjection(config).save_pretrained(tmp_path / "tiny")
    _word_tokenizer().save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_folder_of_transformers_gives_its_models_embeddings(folder):
    got = find_encoder(f"clip:{folder}").encode(TEXTS)
    model, tokenizer = transformers.CLIPTextModelWithProjection.from_pretrained(folder).eval(), _word_tokenizer()
    for text, row in zip(TEXTS, got, strict=True):
        with torch.no_grad():
            alone = model(**tokenizer(text, return_tensors="pt")).text_embeds  # no padding
        np.testing.assert_allclose(row, F.normalize(alone, dim=1)[0], atol=1e-5)


def test_a_folder_that_lacks_weights_is_refused_instead_of_filled_with_random_ones(folder):
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    del state["text_projection.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="1 weights of a CLIPTextModelWithProjection are missing, such as text_proj"):
        find_encoder(f"clip:{folder}").encode(TEXTS)


def test_siglip_gets_64_tokens_lower_case_and_no_mask(tmp_path):
    text = {"vocab_size": 16, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "max_position_embeddings": 64, "projection_size": 32}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    model = transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision)).eval()
    model.save_pretrained(tmp_path / "tiny")
    _word_tokenizer().save_pretrained(tmp_path / "tiny")
    got = find_encoder(f"siglip2:{tmp_path}/tiny").encode(["A large office chair", "tv"])
    ids = _word_tokenizer()(["a large office chair", "tv"])["input_ids"]
    padded = torch.tensor([row + [0] * (64 - len(row)) for row in ids])
    with torch.no_grad():
        expected = model.text_model(input_ids=padded).pooler_output
    np.testing.assert_allclose(got, F.normalize(expected, dim=1), atol=1e-5)


def _one_line(error, *words):
    assert "\n" not in str(error.value) and all(word in str(error.value) for word in words), str(error.value)


def test_missing_weights_say_how_to_get_them_and_that_minilm_works_without(tmp_path, monkeypatch):
    monkeypatch.setattr(text_encoders, "DOWNLOADS", tmp_path)
    for spec, words in {
        "clip:ViT-B/32": ("ViT-B-32.pt", "download.sh"), "clip:ViT-L/14": ("ViT-L-14.pt", "put OpenAI's file there"),
        "clip:mine.pt": ("mine.pt",), "clip:nobody/nothing": ("hf download nobody/nothing",),
        "siglip2:nobody/nothing": ("hf download nobody/nothing",), f"siglip2:{tmp_path}": ("no *.safetensors",),
    }.items():
        with pytest.raises(FileNotFoundError) as error:
            find_encoder(spec)
        _one_line(error, *words, "the encoder minilm works without")


def test_a_missing_vocabulary_says_how_to_get_it(weights, tmp_path, monkeypatch):
    (tmp_path / "state.pt").write_bytes((weights / "state.pt").read_bytes())
    monkeypatch.setattr(text_encoders, "DOWNLOADS", tmp_path)
    monkeypatch.setattr("lib.language.openai_clip.importlib.util.find_spec",
                        lambda name, find=text_encoders.importlib.util.find_spec: name not in ("clip", "open_clip")
                        and find(name) or None)
    with pytest.raises(FileNotFoundError) as error:
        find_encoder(f"clip:{tmp_path}/state.pt")
    _one_line(error, VOCABULARY, "download.sh", "pip install --no-deps open_clip_torch", "minilm works without")


@pytest.mark.parametrize(("write", "words"), [
    (lambda path: path.write_bytes(b"<html>"), "neither OpenAI's CLIP archive"),
    (lambda path: path.write_bytes(b"PK\x03\x04"), "neither OpenAI's CLIP archive"),
    (lambda path: torch.save({"ln_final.bias": torch.ones(3)}, path), "'text_projection' is missing"),
    (lambda path: torch.save(nn.Linear(2, 2), path), "neither OpenAI's CLIP archive"),  # a pickled module stays shut
    (lambda path: torch.save([1], path), "neither OpenAI's CLIP archive"),
])
def test_unreadable_weights_are_named_in_one_line(tmp_path, write, words):
    write(tmp_path / "bad.pt")
    with pytest.raises(ValueError) as error:
        load_text_tower(tmp_path / "bad.pt")
    _one_line(error, str(tmp_path / "bad.pt"), words)


class Touch:
    """An object whose unpickling makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_no_pickled_code_of_weights_is_run(tmp_path, folder):
    torch.save(Touch(tmp_path / "ran"), tmp_path / "bad.pt")
    with pytest.raises(ValueError, match="neither OpenAI's CLIP archive"):
        load_text_tower(tmp_path / "bad.pt")
    (folder / "model.safetensors").unlink()
    torch.save(Touch(tmp_path / "ran"), folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="transformers cannot read"):
        find_encoder(f"clip:{folder}").encode(TEXTS)
    assert not (tmp_path / "ran").exists()


def test_another_vocabulary_is_refused(tmp_path):
    for content in (b"<html>", gzip.compress(b"#version\na b\n")):
        (tmp_path / VOCABULARY).write_bytes(content)
        with pytest.raises(ValueError, match="not CLIP's vocabulary") as error:
            build_tokenizer(tmp_path / VOCABULARY)
        _one_line(error, str(tmp_path / VOCABULARY))


@pytest.mark.parametrize("spec", ["cilp", "cilp:ViT-B/32", "clip", "siglip2:", "minilm:small", ""])
def test_unknown_encoders_are_named_with_those_there_are(spec, tmp_path):
    with pytest.raises(ValueError, match="is unknown, give minilm, clip:.*siglip2:.*file:PATH.npz") as error:
        load_anchors(spec, SCANNET200.names, tmp_path)
    _one_line(error, repr(spec))


def test_clip_loads_beside_our_own_datasets_folder_without_torchvision_or_openais_package(weights, tmp_path):
    """transformers sees our `datasets` where it looks for Hugging Face's; a fresh process, as a user's."""
    code = (
        "import sys, datasets.label_sets\n"
        "from lib.language.anchors import load_anchors\n"
        f"anchors = load_anchors({f'clip:{weights}/state.pt'!r}, ['chair', 'tv'], {str(tmp_path)!r}, 'scene')\n"
        "assert anchors.shape == (2, 48)\n"
        "assert sys.modules['datasets'] is datasets and not hasattr(datasets, 'load_dataset')\n"
        "assert not {'torchvision', 'clip', 'open_clip'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
