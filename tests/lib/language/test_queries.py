"""Queries: relevancy against LERF's formula, regions against a flood fill, and query.py from scan to files."""
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from datasets.label_sets import load_label_set
from datasets.ply import Scene, read_columns, read_scene
from datasets.scans.read import ScanOptions, read_scan
from lib import checkpoint, stages
from lib.checkpoint import load_checkpoint, save_checkpoint
from lib.language import anchors as text_anchors
from lib.language import queries as query
from lib.language.queries import Finder, Seen, file_names, regions
from lib.language.relevancy import METHODS, TEXT_TEMPERATURE, by_names, lerf
from lib.stages import build_stage
from lib.view.panels import read_panels
from lib.view.picture import draw_panels
from lib.view.render import HEAT, heat_colors
from main import main as train_main
from query import main
from tests.lib.conftest import hashed_vectors

SCANNET200 = load_label_set()

pytestmark = pytest.mark.usefixtures("hashed_encoder")


@pytest.fixture
def stage1(run_flags, tmp_path):
    """A checkpoint as a stage-1 training leaves it, and a scan."""
    from config.config import get_config
    flags = run_flags("--use_embedding_loss", "True", "--dataset", "Scannet200TextualDataset")
    config = get_config(flags)
    stage = build_stage(config, label_set=SCANNET200)
    save_checkpoint(tmp_path / "stage1.ckpt", {"state_dict": stage.state_dict(), "config": dict(vars(config))})
    return str(tmp_path / "stage1.ckpt"), str(run_flags.root / "val" / "val0000_00.ply"), run_flags


def test_relevancy_is_the_minimum_over_the_negatives_as_in_lerf():
    features, query, negatives = torch.randn(50, 8), F.normalize(torch.randn(8), dim=0), torch.randn(3, 8)
    negatives = F.normalize(negatives, dim=1)
    expected = []
    for feature in features:
        cosine = [float(feature @ other / feature.norm()) / 0.1 for other in (query, *negatives)]
        expected.append(min(np.exp(cosine[0]) / (np.exp(cosine[0]) + np.exp(n)) for n in cosine[1:]))
    torch.testing.assert_close(lerf(features, query, negatives), torch.tensor(expected).float(), rtol=0, atol=1e-5)


def test_relevancy_by_names_sums_over_the_names_and_takes_the_likeliest_negative_off():
    generator = torch.Generator().manual_seed(0)
    beliefs = torch.rand(20, 5, generator=generator).double().softmax(1)
    names = F.normalize(torch.randn(2, 5, 8, generator=generator).double(), dim=2)
    texts = F.normalize(torch.randn(3, 8, generator=generator).double(), dim=1)
    meant = []
    for text in texts:
        closest = [max(float(names[way, k] @ text) for way in range(2)) for k in range(5)]
        raw = [np.exp(cosine / TEXT_TEMPERATURE) for cosine in closest]
        meant.append([value / max(raw) for value in raw])  # the sum of a softmax cancels
    sums = [[sum(b * m for b, m in zip(row, text)) for text in meant] for row in beliefs.tolist()]
    np.testing.assert_allclose(by_names(beliefs, texts[0], texts[:0], names), [row[0] for row in sums], rtol=1e-9)
    np.testing.assert_allclose(by_names(beliefs, texts[0], texts[1:], names),
                               [max(0, row[0] - max(row[1:])) for row in sums], rtol=1e-9)


def test_beliefs_are_the_softmax_over_the_cosines_with_the_names():
    features, anchors = torch.randn(6, 4), F.normalize(torch.randn(3, 4), dim=1)
    seen = Seen(None, 7 * features, None, None, anchors, anchors[None], temperature=0.5)
    expected = [[np.exp(float(f @ a / f.norm()) / 0.5) for a in anchors] for f in features]
    np.testing.assert_allclose(seen.beliefs, np.array(expected) / np.sum(expected, axis=1, keepdims=True), rtol=1e-5)


def test_lerf_brings_its_own_negatives_to_those_asked_for(stage1, tmp_path):
    weights, path, _ = stage1
    assert main([path, "chair", "--weights", weights, "--method", "lerf", "--not", "air", "--out", str(tmp_path),
                 "--width", "200"]) == 0
    report = json.loads((tmp_path / "val0000_00_regions.json").read_text())
    assert report["not"] == ["object", "things", "stuff", "texture", "air"] and report["method"] == "lerf"


def seen_blocks():
    """Two cubes of 3^3 voxels at 10 cm, four points a voxel in mixed order, and a background plane."""
    cube = np.array(list(np.ndindex(3, 3, 3)))
    plane = np.array([(x, y, -5) for x in range(12) for y in range(12)])
    voxels = np.concatenate([cube, cube + (6, 0, 0), plane]).astype(np.int32)
    values = np.repeat([0.6, 0.8, 0.2], [27, 27, 144]).astype(np.float32)
    rng = np.random.default_rng(0)
    inverse = rng.permutation(np.repeat(np.arange(len(voxels)), 4))
    points = ((voxels[inverse] + rng.random((len(inverse), 3))) * 0.1).astype(np.float32)
    scene = Scene("blocks", points, np.zeros((len(points), 3), np.uint8))
    return Seen(scene, torch.zeros(len(voxels), 1), voxels, inverse), values


def test_regions_come_best_first_with_the_box_and_the_points_of_each():
    seen, values = seen_blocks()
    second, first = [seen.scene.points[np.isin(seen.inverse, np.arange(27) + 27 * k)] for k in (0, 1)]
    found = regions("block", seen, values, share=0.5)
    assert [r.points for r in found] == [108, 108] and [r.score for r in found] == [0.8, 0.6]
    for region, points in zip(found, (first, second)):
        np.testing.assert_allclose(region.size, np.ptp(points, axis=0), atol=1e-3)
        np.testing.assert_allclose(region.center, (points.min(0) + points.max(0)) / 2, atol=1e-3)


def test_the_share_decides_what_belongs_to_a_region_and_small_parts_are_left_out():
    seen, values = seen_blocks()
    assert [r.score for r in regions("block", seen, values, share=0.9)] == [0.8]
    assert regions("block", seen, values, share=0.5, min_voxels=28) == []


@pytest.mark.parametrize("method", METHODS)
def test_a_query_equal_to_a_class_name_ranks_that_class_first(stage1, method):
    finder = Finder(stage1[0], method=method)
    features = 3 * finder.stage.anchors  # a voxel of each class, as training wants them
    seen = Seen(None, features, None, None, finder.anchors, finder.names)
    negatives = finder.embed(["object", "things"])
    for name in ("couch", "refrigerator", "wall"):
        text = finder.embed([name])[0]
        torch.testing.assert_close(text, finder.stage.anchors[SCANNET200.names.index(name)], atol=1e-5, rtol=0)
        assert int(seen.relevancy(text, negatives).argmax()) == SCANNET200.names.index(name)


def test_a_learned_projection_is_taken_from_the_checkpoint_and_compares_at_the_encoders_width(run_flags, tmp_path):
    from config.config import get_config
    config = get_config(run_flags("--use_embedding_loss", "True", "--learned_projection", "True"))
    stage = build_stage(config, label_set=SCANNET200)
    save_checkpoint(tmp_path / "p.ckpt", {"state_dict": stage.state_dict(), "config": dict(vars(config))})
    finder = Finder(tmp_path / "p.ckpt")
    assert torch.equal(finder.stage.projection.weight, stage.projection.weight)
    np.testing.assert_allclose(finder.embed(["a b"]).cpu(), hashed_vectors(["a b"]), atol=1e-6)
    couch = SCANNET200.names.index("couch")
    mean = hashed_vectors(["couch", "sofa", "settee"]).mean(0)  # its synonyms in config/scannet200_synonyms.json
    np.testing.assert_allclose(finder.names[0, couch].cpu(), hashed_vectors(["couch"])[0], atol=1e-6)
    np.testing.assert_allclose(finder.names[1, couch].cpu(), mean / np.linalg.norm(mean), atol=1e-6)


def test_query_writes_a_row_for_every_vertex_in_the_scans_order_a_picture_and_the_places(stage1, tmp_path, capsys):
    weights, path, _ = stage1
    out = tmp_path / "out"
    assert main([path, "somewhere to sit", "Read?", "--weights", weights, "--not", "air", "--out", str(out),
                 "--width", "400", "--share", "0.2"]) == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "val0000_00__read.ply", "val0000_00__read.png", "val0000_00__somewhere_to_sit.ply",
        "val0000_00__somewhere_to_sit.png", "val0000_00_regions.json"]
    assert Image.open(out / "val0000_00__read.png").width == 400
    scan, heat = read_scene(path), read_columns(out / "val0000_00__somewhere_to_sit.ply")
    assert np.array_equal(np.stack([heat[a] for a in "xyz"], 1), scan.points)
    assert np.array_equal(np.stack([heat[f"input_{c}"] for c in ("red", "green", "blue")], 1), scan.colors)
    finder = Finder(weights)
    seen = finder.look(path)
    texts = finder.embed(["somewhere to sit", "air"])
    cells = {tuple(v): value for v, value in zip(seen.voxels.tolist(), seen.relevancy(texts[0], texts[1:]))}
    cloud = read_scan(path, ScanOptions(voxel_size=0.05)).cloud()
    expected = [cells[tuple(cell)] for cell in np.floor(cloud.points / np.float64(0.05)).astype(int).tolist()]
    assert heat["relevancy"].dtype == np.float32
    np.testing.assert_allclose(heat["relevancy"], expected, atol=1e-6)

    report = json.loads((out / "val0000_00_regions.json").read_text())
    assert report["not"] == ["air"] and report["method"] == "names"
    assert [q["query"] for q in report["queries"]] == ["somewhere to sit", "Read?"]
    found = report["queries"][1]["regions"]
    assert found and all(set(r) == {"query", "score", "center", "size", "points"} for r in found)
    assert [r["score"] for r in found] == sorted((r["score"] for r in found), reverse=True)
    assert f"{found[0]['score']:.3f}" in capsys.readouterr().out


def test_the_picture_of_a_heat_map_is_input_and_heat_with_a_scale_and_a_title_that_fits(stage1, tmp_path):
    weights, path, _ = stage1
    assert main([path, "chair", "--weights", weights, "--out", str(tmp_path), "--width", "300"]) == 0
    panels = read_panels(tmp_path / "val0000_00__chair.ply")
    heat = read_columns(tmp_path / "val0000_00__chair.ply")
    assert [title for title, _ in panels.pictures()] == ["input", "relevancy"]
    assert np.array_equal(panels.heat, np.stack([heat[c] for c in ("red", "green", "blue")], 1))
    assert np.array_equal(panels.input, read_scene(path).colors)
    sheet = np.asarray(draw_panels(tmp_path / "val0000_00__chair.ply", width=600, title="word " * 80))
    rows = [(np.abs(sheet.astype(int) - color).max(2) < 3).any(1).nonzero()[0][-1] for color in HEAT[[0, -1]]]
    assert rows[0] == rows[1] > 0.7 * len(sheet)  # both ends of the colour bar, below the panels
    assert (sheet[:, -5:] == 255).all()


def test_the_flags_of_the_training_come_from_the_checkpoint_and_the_command_line_wins(stage1):
    weights, path, _ = stage1
    assert Finder(weights).config.model == "Res16UNet14S" and Finder(weights).config.voxel_size == 0.05
    coarse = Finder(weights, {"voxel_size": 0.2})
    assert len(coarse.look(path).voxels) < len(Finder(weights).look(path).voxels)


def test_a_checkpoint_is_read_once(stage1, monkeypatch):
    read = []

    def counted(path):
        read.append(path)
        return load_checkpoint(path)

    for module in (checkpoint, query, stages):
        monkeypatch.setattr(module, "load_checkpoint", counted)
    Finder(stage1[0])
    assert read == [stage1[0]]


def test_unlabelled_scans_can_be_asked(stage1, tmp_path):
    weights, _, flags = stage1
    assert main([str(flags.root / "test" / "test0000_00.ply"), "chair", "--weights", weights, "--out",
                 str(tmp_path / "out"), "--width", "300"]) == 0
    assert "ground_truth" not in read_columns(tmp_path / "out" / "test0000_00__chair.ply")


def bad_checkpoint(tmp_path, **changes):
    content = load_checkpoint(tmp_path / "stage1.ckpt")
    save_checkpoint(tmp_path / "bad.ckpt", {**content, **changes})
    return str(tmp_path / "bad.ckpt")


@pytest.mark.parametrize("change,words", [
    (lambda t, s: {"scene": "nowhere.ply"}, "nowhere.ply: no such file"),
    (lambda t, s: {"scene": str(t)}, "is a folder"),
    (lambda t, s: {"scene": str(t / "stage1.ckpt")}, ".ckpt is not read; formats of a scan: .ply"),
    (lambda t, s: {"weights": "nowhere.ckpt"}, "nowhere.ckpt: no such checkpoint"),
    (lambda t, s: {"weights": bad_checkpoint(t, config={"use_embedding_loss": False})}, "no stage-1 checkpoint"),
    (lambda t, s: {"weights": bad_checkpoint(t, config=None)}, "no stage-1 checkpoint"),
    (lambda t, s: {"text": "  "}, "empty text"),
    (lambda t, s: {"text": "long " * 200}, "letters"),
    (lambda t, s: {"more": ["--model", "Res16UNet18S"]}, "weights of another network"),
    (lambda t, s: {"more": ["--text_encoder", "bert"]}, "bert"),
    (lambda t, s: {"more": ["--share", "2"]}, "--share 2"),
    (lambda t, s: {"more": ["--width", "1"]}, "--width 1"),
])
def test_what_a_user_can_mend_is_one_line_and_nothing_is_written(stage1, tmp_path, capsys, change, words):
    weights, scene, _ = stage1
    given = {"scene": scene, "text": "chair", "weights": weights, "more": [], **change(tmp_path, scene)}
    assert main([given["scene"], given["text"], "--weights", given["weights"], "--out", str(tmp_path / "out"),
                 *given["more"]]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and words in error
    assert not (tmp_path / "out").exists()


def test_file_encoders_know_the_texts_in_the_file_and_say_what_is_missing(stage1, tmp_path, capsys):
    weights, scene, _ = stage1
    names = [*SCANNET200.names, "object", "things", "stuff", "texture"]
    text_anchors.write_anchors(tmp_path / "a.npz", names, hashed_vectors(names))
    arguments = ["--weights", weights, "--out", str(tmp_path / "out"), "--text_encoder", f"file:{tmp_path}/a.npz"]
    assert main([scene, "chair", *arguments, "--width", "300"]) == 0
    assert main([scene, "somewhere to sit", *arguments]) == 1
    assert "somewhere to sit" in capsys.readouterr().err


def test_queries_that_differ_only_in_signs_get_files_of_their_own():
    assert file_names("s", ["A chair!", "a chair?", "椅子"]) == ["s__a_chair", "s__a_chair_2", "s__query"]


def test_scenes_whose_names_begin_alike_get_files_of_their_own():
    for text in ("c", "__c", "c d"):
        assert file_names("a", [f"b {text}"]) != file_names("a_b", [text])
        assert file_names("a", [f"b__{text}"]) != file_names("a__b", [text])


def test_heat_colours_darken_from_low_to_high_and_stay_at_the_ends():
    colors = heat_colors(np.linspace(0, 1, 50), 0.2, 0.8).astype(int)
    brightness = colors @ [0.299, 0.587, 0.114]
    assert (np.diff(brightness) <= 0.6).all() and brightness[0] - brightness[-1] > 100
    assert (colors[:10] == colors[0]).all() and (colors[-10:] == colors[-1]).all()


def test_a_trained_run_can_be_asked(run_flags, tmp_path):
    assert train_main(run_flags("--use_embedding_loss", "True", "--dataset", "Scannet200TextualDataset",
                                "--max_iter", "1")) == 0
    assert Finder(run_flags.run / "last.ckpt").stage.anchors.shape[0] == len(SCANNET200)
