"""Text anchors without an encoder: a file of random ones, and hashes of texts in place of MiniLM."""
import numpy as np
import pytest

from datasets.label_sets import load_label_set
from lib.language.anchors import write_anchors
from lib.language.encoders import Encoder, find_encoder

SCANNET200 = load_label_set()


@pytest.fixture
def anchors_file(tmp_path):
    """An NPZ of a random vector for each class, 48 wide."""
    vectors = np.random.default_rng(0).standard_normal((len(SCANNET200.names), 48))
    write_anchors(tmp_path / "anchors.npz", SCANNET200.names, vectors)
    return str(tmp_path / "anchors.npz")


def hashed_vectors(texts):
    """An encoder in place of MiniLM: a random unit vector of each text."""
    rows = [np.random.default_rng(list(text.encode())).standard_normal(48) for text in texts]
    return (np.stack(rows) / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def hashed_encoder(monkeypatch, tmp_path):
    """Let MiniLM be `hashed_vectors`, and keep its anchors with the test."""
    for module in ("lib.language.anchors", "lib.language.zero_shot"):
        monkeypatch.setattr(f"{module}.find_encoder", lambda spec: Encoder(spec, "test", hashed_vectors)
                            if spec == "minilm" else find_encoder(spec))
    monkeypatch.setattr("lib.stages.ANCHOR_CACHE", str(tmp_path / "anchors"))
