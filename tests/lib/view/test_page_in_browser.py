"""The page in headless Chromium, opened from disk: it draws, its layers and lists work, a link brings the view back.

conftest.py says what they need. With PAGE_PICTURES=FOLDER the pictures that they take stay there, to be looked at.
"""
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.label_sets import label_set_of, load_label_set
from lib.live import make_server
from lib.view.page.make import make_page, save_page
from lib.view.page.scene import Heat
from tests.lib.view.browsing import drawn, middle_of, near_color, picture, until
from tests.lib.view.rooms import CHAIR, SCANNET200, TABLE, write_many_classes, write_prediction


def test_the_page_opens_from_disk_and_draws_its_layers(visit, room_page):
    page = visit(room_page, "scene=room&layers=prediction&theme=light")
    drawn(page)
    chair, wrong, heat = SCANNET200.colors[CHAIR], (213, 42, 36), (120, 5, 45)
    assert near_color(picture(page, "prediction"), chair).sum() > 500
    amounts = {}
    for layer, color in (("input", chair), ("truth", chair), ("error", wrong), ("confidence", chair), ("text", heat)):
        page.click(f"#tabs-0 [data-layer={layer}]")
        page.wait_for_timeout(350)
        assert page.get_attribute(f"#tabs-0 [data-layer={layer}]", "aria-pressed") == "true"
        amounts[layer] = near_color(picture(page, layer), color).sum()
    assert amounts["input"] < 50 and amounts["confidence"] < 50
    assert amounts["truth"] > 300 and amounts["error"] > 100 and amounts["text"] > 300
    page.keyboard.press("1")
    until(page, "document.querySelector('#tabs-0 [data-layer=input]').ariaPressed === 'true'")


def test_a_click_on_a_point_gives_its_class_truth_vertex_and_likeliest(visit, room_page):
    page = visit(room_page, "scene=room&layers=error&theme=light")
    drawn(page)
    x, y = middle_of(near_color(picture(page), (213, 42, 36)))
    page.mouse.click(x, y)
    page.wait_for_selector("#card:not([hidden])")
    words = page.inner_text("#card")
    picture(page, "card")
    assert "predicted\nchair" in words and "truth\ntable" in words and "wrong" in words and "40 %" in words
    assert "5 likeliest" in words and "vertex" in words and "“somewhere to sit”" in words
    place = [float(word) for word in words.split("x y z\n")[1].split(" m")[0].split()]
    assert 2.4 < place[0] <= 2.81 and 0.89 < place[1] < 1.61 and place[2] == pytest.approx(0.8, abs=1e-3)


def test_pointing_at_a_point_names_its_class(visit, room_page):
    page = visit(room_page, "scene=room&layers=prediction&theme=light")
    drawn(page)
    x, y = middle_of(near_color(picture(page), SCANNET200.colors[CHAIR]))
    page.mouse.move(x, y)
    page.wait_for_selector("#hover:not([hidden])")
    assert "chair predicted, 90 % sure" in page.inner_text("#hover").replace("\n", " ")


def test_a_class_is_found_shown_alone_and_hidden(visit, room_page):
    page = visit(room_page, "scene=room&layers=prediction&theme=light&others=gone")
    drawn(page)
    chair, floor = SCANNET200.colors[CHAIR], SCANNET200.colors[SCANNET200.index("floor")]
    page.fill("#find", "tab")
    assert page.locator("[data-class]").evaluate_all("rows => rows.map(row => row.dataset.class)") == ["table"]
    page.fill("#find", "piano")
    assert "Not in this scan" in page.inner_text("#class-rows")
    page.fill("#find", "")
    page.click("[data-class=chair] .name")
    page.wait_for_timeout(350)
    alone = picture(page, "only_chair")
    assert near_color(alone, chair).sum() > 500 and near_color(alone, floor).sum() == 0
    assert "is wrongly seen in" in page.inner_text(".open-row") and "table" in page.inner_text(".open-row")
    page.click(".open-row .confused")
    page.wait_for_timeout(350)
    assert 100 < near_color(picture(page), chair).sum() < 0.8 * near_color(alone, chair).sum()
    page.keyboard.press("Escape")
    page.click("[data-class=chair] .eye")
    page.wait_for_timeout(350)
    hidden = picture(page)
    assert near_color(hidden, chair).sum() == 0 and near_color(hidden, floor).sum() > 500


def test_figures_of_the_classes_are_those_of_the_scan(visit, room_page):
    page = visit(room_page, "scene=room")
    drawn(page)
    row = page.inner_text("[data-class=table]").split("\n")
    assert row[0] == "table" and row[1] == "324" and row[2] == row[3] == "50 %"


def test_the_address_brings_the_view_back(visit, room_page):
    page = visit(room_page, "scene=room&layers=prediction&theme=light")
    drawn(page)
    for key in ("ArrowLeft", "ArrowUp", "+", "["):
        page.keyboard.press(key)
    page.click("[data-class=chair] .name")
    page.click("[data-mode=two]")
    until(page, "location.hash.includes('only=chair') && location.hash.includes('mode=two')")
    page.wait_for_timeout(700)
    fragment, before = page.evaluate("location.hash.slice(1)"), picture(page)
    again = visit(room_page, fragment)
    drawn(again)
    again.wait_for_timeout(400)
    assert again.evaluate("location.hash.slice(1)") == fragment
    stage = np.s_[115:480, :520]
    assert (np.abs(picture(again)[stage].astype(int) - before[stage]).max(-1) > 24).mean() < 0.002


def test_an_address_of_something_else_does_no_harm(visit, room_page):
    page = visit(room_page, "scene=nowhere&layers=x,y&camera=1,2,NaN&only=<b>&hide=q&point=99999999&top=z&mode=%00")
    drawn(page)
    assert page.inner_text("#heading b") == "room" and page.is_hidden("#card")


def test_distance_between_two_clicks_is_measured(visit, room_page):
    page = visit(room_page, "scene=room&layers=truth&theme=light")
    drawn(page)
    page.keyboard.press("m")
    shot = picture(page)
    for color in (SCANNET200.colors[CHAIR], SCANNET200.colors[TABLE]):
        page.mouse.click(*middle_of(near_color(shot, color)))
    until(page, "document.querySelector('#legend').textContent.includes('distance')")
    picture(page, "measured")
    # From the middle of the chair's seat, (1.5, 1, 0.6), to that of the table, (2.45, 1.25, 0.8).
    assert float(page.inner_text("#legend").split()[1]) == pytest.approx(1.0, abs=0.15)


def test_the_picture_is_saved_with_a_caption(visit, room_page):
    page = visit(room_page, "scene=room&layers=prediction&theme=light")
    drawn(page)
    with page.expect_download() as waiting:
        page.keyboard.press("s")
    assert waiting.value.suggested_filename == "room_prediction.png"
    with Image.open(waiting.value.path()) as saved:
        pixels = np.asarray(saved.convert("RGB"))
        if os.environ.get("PAGE_PICTURES"):
            saved.save(Path(os.environ["PAGE_PICTURES"], "saved.png"))
    stage = page.locator("#scene").bounding_box()
    assert pixels.shape[1] == stage["width"] and pixels.shape[0] > stage["height"] + 40
    assert (np.abs(pixels[60:-40].astype(int) - SCANNET200.colors[CHAIR]).max(-1) <= 12).sum() > 500
    assert (pixels[:40] < 100).any() and (pixels[-30:] < 200).any()


def test_two_panes_turn_with_one_camera_and_a_wipe_shows_both(visit, room_page):
    page = visit(room_page, "scene=room&layers=truth,error&mode=wipe&theme=dark", (1100, 700))
    drawn(page)
    picture(page, "wipe_dark")
    page.keyboard.press("v")
    page.keyboard.press("v")
    until(page, "location.hash.includes('mode=two')")
    page.wait_for_timeout(350)
    picture(page, "two_dark")
    assert page.is_visible("#tabs-1")


def test_the_ceiling_is_cut_and_comes_back(visit, room_page):
    page = visit(room_page, "scene=room&layers=truth&theme=light&near=0")
    drawn(page)
    ceiling = SCANNET200.colors[SCANNET200.index("ceiling")]
    assert near_color(picture(page), ceiling).sum() < 20
    page.locator("#top").evaluate("slider => { slider.value = 1; slider.dispatchEvent(new Event('input')); }")
    page.wait_for_timeout(500)
    assert near_color(picture(page), ceiling).sum() > 1000


def test_a_phone_has_the_list_behind_a_button_and_letters_of_14_pixels(visit, room_page):
    page = visit(room_page, "scene=room&theme=light", (390, 780), has_touch=True, device_scale_factor=1)
    drawn(page)
    assert page.is_hidden("#classes")
    picture(page, "phone")
    page.click("#show-classes")
    page.wait_for_selector("[data-class=chair]")
    sizes = page.evaluate("[...document.querySelectorAll('.class-row span, .tabs button, #heading *')]"
                          ".map(each => parseFloat(getComputedStyle(each).fontSize))")
    picture(page, "phone_classes")
    assert min(sizes) >= 14
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#close-classes")
    page.touchscreen.tap(195, 460)
    page.wait_for_selector("#card:not([hidden])")
    assert "chair" in page.inner_text("#card")
    picture(page, "phone_card")


def test_a_folders_scans_are_sorted_and_opened(visit, folder_page):
    page = visit(folder_page, "theme=light")
    page.wait_for_selector(".scan")
    picture(page, "folder")
    page.select_option("#sort", "name")
    assert page.locator(".scan-name").all_inner_texts() == ["kitchen", "office"]
    page.fill("#find-all", "off")
    assert page.locator(".scan:visible").count() == 1
    page.click(".scan[data-name=office]")
    drawn(page)
    assert page.inner_text("#heading b") == "office"
    page.keyboard.press("n")
    page.wait_for_selector("body[data-scene=kitchen]")
    page.click("#back")
    page.wait_for_selector(".scan")


def test_a_cell_of_the_matrix_leads_to_its_points(visit, folder_page):
    page = visit(folder_page, "theme=light")
    page.click("[data-part=matrix]")
    page.click(".matrix [aria-label^='table taken for chair']")
    assert "in 2 of 2 scans" in page.inner_text("#pair")
    picture(page, "matrix")
    page.click("#pair [data-scene=office]")
    drawn(page)
    until(page, "new URLSearchParams(location.hash.slice(1)).get('pair') === 'table\\nchair'")
    assert "table taken for chair" in " ".join(page.inner_text("#filter").split())
    page.click("#back")
    page.click("[data-part=classes]")
    assert page.locator("tr[data-name=table]").inner_text().split("\t")[0].strip() == "table"


def test_classes_that_share_a_number_are_shown_together_and_a_line_says_so(visit, tmp_path):
    save_page(make_page(write_many_classes(tmp_path / "many", 300)), tmp_path / "a.html")
    page = visit(tmp_path / "a.html", "layers=prediction&theme=light&others=gone&names=no")
    drawn(page)
    assert "46 of 300 classes" in page.inner_text("#legend")
    shared = (140, 140, 140)
    before = near_color(picture(page), shared, 4).sum()
    page.fill("#find", "class 299")
    page.click("[data-class='class 299'] .name")
    page.wait_for_timeout(400)
    shot = picture(page, "many_classes")
    assert near_color(shot, shared, 4).sum() > 0.8 * before > 500
    assert near_color(shot, load_label_set(tmp_path / "many" / "label_set.csv").colors[0]).sum() == 0
    assert "class 299 or another rare class" in page.inner_text("#filter")


def test_hostile_names_and_comments_are_shown_and_not_run(visit, tmp_path):
    attack = "<img src=x onerror=document.title='broken'>"
    path = write_prediction(tmp_path, "a", spacing=0.2)
    data = path.read_bytes().replace(b"1.0\n", b"1.0\ncomment </script><script>document.title='broken'</script>\n", 1)
    hostile = tmp_path / "room'\"<svg onload=document.title='broken'>.ply"
    hostile.write_bytes(data)
    path.unlink()
    names = list(SCANNET200.names)
    names[CHAIR], names[TABLE] = attack, "</script><script>document.title='broken'</script>"
    label_set_of(names, "own").write(tmp_path / "label_set.csv")
    shutil.copy(hostile, tmp_path / "b.ply")
    out = tmp_path / "out.html"
    save_page(make_page(tmp_path, add_heats=lambda scene: scene.heats.append(
        Heat(attack, np.zeros(len(scene.panels.points)), 0.0, 1.0))), out)
    page = visit(out, "theme=light")
    page.wait_for_selector(".scan")
    for part in ("matrix", "classes", "scans"):
        page.click(f"[data-part={part}]")
    page.locator(".scan").nth(1).click()
    drawn(page)
    page.click("[data-layer=text]")
    page.wait_for_timeout(300)
    assert page.title() == tmp_path.name and page.locator("img, #app svg[onload]").count() == page.locator(
        ".scan img").count()
    assert page.locator("#app script").count() == 0 and attack in page.inner_text("#legend")
    assert attack in page.inner_text("#class-rows")


def test_a_served_page_asks_its_server(visit, tmp_path):
    class Echo:  # in place of a network
        def heat(self, scene, text):
            if text == "bad":
                raise ValueError("query bad: is refused")
            return Heat(text, (scene.panels.truth == CHAIR).astype(float), 0.0, 1.0)
    page_made = make_page(write_prediction(tmp_path, spacing=0.08), served="word")
    with make_server(page_made, "word", Echo()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = visit(f"http://127.0.0.1:{server.server_address[1]}/", "scene=room&layers=text&theme=light")
        drawn(page)
        page.fill("#ask", "a chair")
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#legend').textContent.includes('“a chair”')")
        page.wait_for_timeout(400)
        assert near_color(picture(page, "asked"), (120, 5, 45), 20).sum() > 200
        server.shutdown()
