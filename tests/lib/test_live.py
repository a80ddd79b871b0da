"""Pages that ask: relevancy of each of the page's points, and a server that only its own page may ask."""
import http.client
import json
import threading

import numpy as np
import pytest

import visualize
from config.config import get_config
from datasets.label_sets import load_label_set
from datasets.ply import read_columns, write_columns
from datasets.scans.read import ScanOptions, read_scan
from lib.checkpoint import save_checkpoint
from lib.live import Asker, make_server
from lib.stages import build_stage
from lib.view.page.make import make_page
from lib.view.page.pack import heat_bytes
from lib.view.page.scene import Heat, read_page_scene
from tests.lib.view.rooms import write_prediction
from tests.lib.view.test_page import content_of, unpack

pytestmark = pytest.mark.usefixtures("hashed_encoder")


@pytest.fixture
def stage1(run_flags, tmp_path) -> str:
    config = get_config(run_flags("--use_embedding_loss", "True", "--dataset", "Scannet200TextualDataset"))
    stage = build_stage(config, label_set=load_label_set())
    save_checkpoint(tmp_path / "stage1.ckpt", {"state_dict": stage.state_dict(), "config": dict(vars(config))})
    return str(tmp_path / "stage1.ckpt")


def test_relevancies_stand_at_the_pages_points(stage1, tmp_path):
    path = write_prediction(tmp_path, spacing=0.1)
    whole, part = read_page_scene(path, 10**6), read_page_scene(path, 300)
    asker = Asker(stage1)
    seen = asker.finder.look(path)
    values = seen.relevancy(asker.finder.embed(["a chair"])[0], asker.negatives)[seen.inverse]
    assert np.ptp(values) > 0
    for scene in (whole, part):
        heat = Asker(stage1).heat(scene, "a chair")
        np.testing.assert_array_equal(heat.values, values[scene.kept])
        assert heat.low == pytest.approx(np.median(values), abs=1e-6)
    assert len(asker.heat(part, "a chair").values) == 300


def test_the_network_sees_the_scans_colours_not_those_of_its_prediction(tmp_path):
    path = write_prediction(tmp_path, spacing=0.2)
    columns = read_columns(path)
    scan = read_scan(path, ScanOptions(as_input=True))
    np.testing.assert_array_equal(scan.colors[:, 0], columns["input_red"])
    np.testing.assert_array_equal(scan.labels, columns["ground_truth"])
    assert (read_scan(path).colors[:, 0] != columns["input_red"]).any()


def test_features_of_a_prediction_are_those_of_its_scan(stage1, tmp_path):
    path = write_prediction(tmp_path, spacing=0.1)
    columns = read_columns(path)
    write_columns(tmp_path / "scan.ply", {name: columns[name] for name in "xyz"} | {
        name: columns[f"input_{name}"] for name in ("red", "green", "blue")})
    finder = Asker(stage1).finder
    np.testing.assert_array_equal(finder.look(path).features, finder.look(tmp_path / "scan.ply").features)


def test_texts_of_the_command_line_are_in_the_page(stage1, tmp_path):
    out = tmp_path / "page.html"
    assert visualize.main([str(write_prediction(tmp_path, spacing=0.1)), "--html", str(out), "--weights", stage1,
                           "--ask", "a chair", "a <b>table</b>"]) == 0
    html = out.read_text()
    assert [heat["text"] for heat in content_of(html)["scenes"][0]["heats"]] == ["a chair", "a <b>table</b>"]
    heats = unpack(html)["heats"]
    assert len(heats) == 2 and all(np.ptp(heat) > 100 for heat in heats) and content_of(html)["served"] == ""


class Echo:
    """In place of a network: how far right each point is."""

    def heat(self, scene, text):
        if text == "bad":
            raise ValueError("query 'bad': is refused")
        return Heat(text, scene.panels.points[:, 0], 0.0, 3.0)


@pytest.fixture
def served(tmp_path):
    page = make_page(write_prediction(tmp_path, spacing=0.2), served="word")
    with make_server(page, "word", Echo()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield page, server.server_address[1]
        server.shutdown()


def send(port: int, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, bytes, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    found = answer.status, answer.read(), dict(answer.headers)
    connection.close()
    return found


def test_the_server_gives_its_page_and_answers_it(served):
    page, port = served
    status, body, _ = send(port, "GET", "/")
    assert status == 200 and body == page.html.encode() and b"connect-src 'self'" in body
    status, body, headers = send(port, "POST", "/ask", json.dumps({"scene": 0, "text": "a"}), X_Page="word")
    assert status == 200 and (float(headers["X-Low"]), float(headers["X-High"])) == (0.0, 3.0)
    np.testing.assert_array_equal(np.frombuffer(body, np.uint8), heat_bytes(Echo().heat(page.scenes[0], "a")))


@pytest.mark.parametrize("method, path, body, headers, status", [
    ("POST", "/ask", '{"scene": 0, "text": "a"}', {}, 403),
    ("POST", "/ask", '{"scene": 0, "text": "a"}', {"X_Page": "other"}, 403),
    ("POST", "/ask", '{"scene": 0, "text": "a"}', {"X_Page": "word", "Host": "evil.example:80"}, 404),
    ("GET", "/", None, {"Host": "evil.example:80"}, 404),
    ("GET", "/../../etc/passwd", None, {}, 404),
    ("POST", "/ask", '{"scene": 9, "text": "a"}', {"X_Page": "word"}, 400),
    ("POST", "/ask", '{"scene": true, "text": "a"}', {"X_Page": "word"}, 400),
    ("POST", "/ask", '{"scene": 0, "text": 5}', {"X_Page": "word"}, 400),
    ("POST", "/ask", "[]", {"X_Page": "word"}, 400),
    ("POST", "/ask", '{"scene": 0, "text": "%s"}' % ("a" * 20_000), {"X_Page": "word"}, 400),
    ("POST", "/ask", '{"scene": 0, "text": "bad"}', {"X_Page": "word"}, 400),
])
def test_the_server_refuses_whatever_is_not_its_pages_question(served, method, path, body, headers, status):
    found, words, _ = send(served[1], method, path, body, **headers)
    assert found == status and len(words) < 400 and b"\n" not in words
    assert send(served[1], "GET", "/")[0] == 200  # and goes on


def test_the_server_listens_at_the_loopback_address_unless_told_otherwise(served, tmp_path):
    with make_server(make_page(write_prediction(tmp_path, "b", spacing=0.2)), "", None) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_a_page_without_a_network_is_served_and_answers_nothing(tmp_path):
    page = make_page(write_prediction(tmp_path, spacing=0.2))
    with make_server(page, "", None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert send(server.server_address[1], "GET", "/")[0] == 200
        assert send(server.server_address[1], "POST", "/ask", "{}", X_Page="")[0] == 404
        server.shutdown()
