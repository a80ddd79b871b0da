"""Fingers on the page, as a touch screen sends them: one turns, two move and zoom, a tap chooses."""
import numpy as np
import pytest

from tests.lib.view.browsing import drawn

PHONE = {"size": (500, 800), "has_touch": True}


class Fingers:
    """Fingers on the stage of a page. Places are in pixels from the stage's upper left corner."""

    def __init__(self, page):
        self.devtools = page.context.new_cdp_session(page)
        box = page.locator("#scene").bounding_box()
        self.corner, self.size = np.array([box["x"], box["y"]]), np.array([box["width"], box["height"]])
        self.places = {}

    def down(self, finger: int, place) -> None:
        self.places[finger] = np.asarray(place, float)
        self._send("touchStart")

    def move(self, ends: dict, steps: int = 6) -> None:
        """Fingers to where they shall be, all at once, step by step."""
        starts = dict(self.places)
        for step in range(1, steps + 1):
            self.places |= {finger: starts[finger] + (np.asarray(end) - starts[finger]) * step / steps
                            for finger, end in ends.items()}
            self._send("touchMove")

    def up(self, finger: int) -> None:
        self._send("touchEnd", {finger: self.places.pop(finger)})  # of the end, those that go are said

    def _send(self, kind: str, places: dict | None = None) -> None:
        points = [dict(zip("xy", (place + self.corner).tolist()), id=finger)
                  for finger, place in (places or self.places).items()]
        self.devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def camera_of(page) -> dict:
    return page.evaluate("scanPage.view.camera")


def under(camera: dict, place, low, high) -> np.ndarray:
    """Where in the scan, as far away as the camera's target, a place on the pane from `low` to `high` (pixels) lies."""
    a, e = np.radians([camera["azimuth"], camera["elevation"]])
    right, forward = np.array([-np.sin(a), np.cos(a), 0]), -np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e),
                                                                      np.sin(e)])
    wide, tall = np.subtract(high, low)
    metres = 2 * camera["distance"] * np.tan(np.radians(20)) / min(wide, tall)
    x, y = np.subtract(place, np.add(low, high) / 2) * metres
    return np.array(camera["target"]) + x * right - y * np.cross(right, forward)


def test_one_finger_turns_about_the_target(visit, room_page):
    page = visit(room_page, "scene=room&layers=truth&theme=light", **PHONE)
    drawn(page)
    before, fingers = camera_of(page), Fingers(page)
    fingers.down(0, (200, 300))
    fingers.move({0: (300, 260)})
    fingers.up(0)
    after = camera_of(page)
    assert after["azimuth"] == pytest.approx(before["azimuth"] - 35) and after["target"] == before["target"]
    assert after["elevation"] == pytest.approx(before["elevation"] - 14) and after["distance"] == before["distance"]
    assert page.is_hidden("#card")


@pytest.mark.parametrize("mode", ["one", "two"])
@pytest.mark.parametrize("starts, ends", [
    ([(300, 300), (400, 300)], [(250, 300), (450, 300)]), ([(260, 250), (420, 430)], [(300, 330), (380, 420)]),
    ([(300, 300), (400, 340)], [(330, 380), (430, 420)])], ids=["apart", "together", "moved"])
def test_what_is_between_two_fingers_stays_there_and_grows_with_their_distance(visit, room_page, mode, starts, ends):
    page = visit(room_page, f"scene=room&layers=truth,error&mode={mode}&theme=light", **PHONE)
    drawn(page)
    before, fingers = camera_of(page), Fingers(page)
    for finger, place in enumerate(starts):
        fingers.down(finger, place)
    fingers.move(dict(enumerate(ends)))
    for finger in (0, 1):
        fingers.up(finger)
    after, apart = camera_of(page), [np.linalg.norm(np.subtract(*places)) for places in (starts, ends)]
    assert after["distance"] * apart[1] == pytest.approx(before["distance"] * apart[0])
    assert (after["azimuth"], after["elevation"]) == (before["azimuth"], before["elevation"])
    pane = (0 if mode == "one" else fingers.size[0] / 2, 0), fingers.size
    np.testing.assert_allclose(under(after, np.mean(ends, 0), *pane), under(before, np.mean(starts, 0), *pane),
                               atol=2e-3)  # a quarter of a pixel
    assert page.is_hidden("#card")


def test_a_finger_that_stays_turns_from_where_it_is_and_a_third_does_nothing(visit, room_page):
    page = visit(room_page, "scene=room&layers=truth&theme=light", **PHONE)
    drawn(page)
    fingers = Fingers(page)
    for finger in range(3):
        fingers.down(finger, (150 + 100 * finger, 300))
    before = camera_of(page)
    fingers.move({0: (180, 200), 1: (250, 420), 2: (300, 300)})
    assert camera_of(page) == before
    fingers.up(2)
    fingers.up(0)
    fingers.move({1: (290, 420)})
    fingers.up(1)
    after = camera_of(page)
    assert after["azimuth"] == pytest.approx(before["azimuth"] - 14)
    assert (after["distance"], after["target"]) == (before["distance"], before["target"])


def test_a_tap_with_one_finger_chooses_a_point_and_with_two_none(visit, room_page):
    page = visit(room_page, "scene=room&layers=truth&theme=light", **PHONE)
    drawn(page)
    fingers = Fingers(page)
    middle = fingers.size / 2
    for finger in (0, 1):
        fingers.down(finger, middle + (60 * finger, 0))
    for finger in (0, 1):
        fingers.up(finger)
    page.wait_for_timeout(200)
    assert page.is_hidden("#card")
    fingers.down(0, middle)
    fingers.up(0)
    page.wait_for_selector("#card:not([hidden])")
