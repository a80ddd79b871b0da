"""What tests do with an open page: wait, look at its picture. With PAGE_PICTURES=FOLDER named ones stay there."""
import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

WAIT = 90_000  # ms; other work may share the cores


def drawn(page) -> None:
    """Waits until a scan is drawn, and nothing moves."""
    page.wait_for_selector("body[data-drawn]")
    page.wait_for_timeout(350)


def until(page, expression: str) -> None:
    """Waits until the page says true; its policy lets no text be run inside it, so it is asked from outside."""
    for _ in range(WAIT // 100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never came true: {expression}")


def picture(page, name: str = "") -> np.ndarray:
    """(H, W, 3) uint8 of the page."""
    data = page.screenshot()
    if name and os.environ.get("PAGE_PICTURES"):
        Path(os.environ["PAGE_PICTURES"]).mkdir(parents=True, exist_ok=True)
        Path(os.environ["PAGE_PICTURES"], f"{name}.png").write_bytes(data)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def near_color(shot: np.ndarray, color, within: int = 12) -> np.ndarray:
    """(H, W) bool: where the stage shows a colour; what stands over it is left out."""
    found = (np.abs(shot.astype(int) - np.asarray(color)).max(-1) <= within)
    found[:115] = found[480:] = False
    found[:, 520:] = False
    return found


def middle_of(where: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(where)
    assert len(rows) > 50
    k = np.argmin(np.hypot(rows - np.median(rows), columns - np.median(columns)))
    return int(columns[k]), int(rows[k])
