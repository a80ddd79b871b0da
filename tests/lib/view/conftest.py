"""Pages in headless Chromium, opened from disk: `page = visit(room_page, "scene=room")`.

Needs Debian's chromium (or CHROMIUM=/path) and `pip install playwright`; tests that take `visit` are skipped without.
"""
import os
import shutil
from pathlib import Path

import pytest

from lib.view.page.make import make_page, save_page
from lib.view.page.scene import Heat
from tests.lib.view.browsing import WAIT
from tests.lib.view.rooms import CHAIR, write_prediction

FLAGS = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
         "--ignore-gpu-blocklist")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs `pip install playwright`")
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, (
        "chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("needs chromium, as apt-get install chromium brings it")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def room_page(tmp_path_factory) -> Path:
    """A page of one room with the five likeliest classes and a heat map."""
    folder = tmp_path_factory.mktemp("room")

    def add_heat(scene):
        scene.heats.append(Heat("somewhere to sit", (scene.panels.truth == CHAIR) * 0.8 + 0.1, 0.1, 0.9))
    save_page(make_page(write_prediction(folder, best=5), add_heats=add_heat), folder / "room.html")
    return folder / "room.html"


@pytest.fixture(scope="session")
def folder_page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rooms")
    for name in ("kitchen", "office"):
        write_prediction(folder, name, spacing=0.07)
    save_page(make_page(folder), folder / "rooms.html")
    return folder / "rooms.html"


@pytest.fixture
def visit(browser):
    """A function that opens a page from disk, without a network; whatever the page logs as an error fails the test."""
    errors, contexts = [], []

    def open_page(path: Path | str, fragment: str = "", size: tuple[int, int] = (900, 620), **more):
        context = browser.new_context(viewport=dict(zip(("width", "height"), size)), **more)
        contexts.append(context)
        context.set_default_timeout(WAIT)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: errors.append(request.url)
                if not request.url.startswith(("file:", "data:", "blob:", "http://127.0.0.1")) else None)
        page.goto((path if isinstance(path, str) else path.as_uri()) + ("#" + fragment if fragment else ""))
        return page
    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
