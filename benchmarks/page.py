"""What does a page of a large scan cost? Size of the file, seconds to make and to open it, frames a second in software.

    python -m benchmarks.page --points 1000000

A room with 40 boxes in it, whose surfaces are sampled row by row with some noise, is written as inference would, made
into a page, and opened from disk in headless Chromium (Debian's chromium and `pip install playwright`), which draws on
the processor, with SwiftShader: a graphics card is not measured here.
"""
import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from config.command import command
from datasets.label_sets import load_label_set
from datasets.ply import write_columns
from lib.view.page.make import make_page, save_page

FLAGS = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
         "--ignore-gpu-blocklist")


def make_room(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """About `count` points (N, 3) of an 8 x 6 x 2.7 m room with boxes, and a class index each (N,)."""
    rng, label_set = np.random.default_rng(seed), load_label_set()
    corners = np.column_stack([rng.uniform(0.2, 7, 40), rng.uniform(0.2, 5, 40), np.zeros(40)])
    sizes = rng.uniform(0.2, 1.1, (40, 3))
    boxes = [(np.zeros(3), np.array([8, 6, 2.7])), *zip(corners, sizes)]
    classes = [None, *rng.choice(len(label_set), 40, replace=False)]
    area = sum(2 * (s[0] * s[1] + s[1] * s[2] + s[0] * s[2]) for _, s in boxes)
    spacing, parts, labels = np.sqrt(area / count), [], []
    for (corner, size), label in zip(boxes, classes):
        for axis in range(3):
            u, v = (k for k in range(3) if k != axis)
            grid = np.stack(np.meshgrid(np.arange(0, size[u], spacing), np.arange(0, size[v], spacing)), -1)
            for end in (0, size[axis]):
                face = np.zeros((*grid.shape[:2], 3))
                face[..., [u, v]], face[..., axis] = grid, end
                parts.append(corner + face.reshape(-1, 3))
                wall = label_set.index("wall" if axis < 2 else "ceiling" if end else "floor")
                labels.append(np.full(len(parts[-1]), wall if label is None else label))
    points = np.concatenate(parts)
    return points + rng.normal(0, 0.2 * spacing, points.shape), np.concatenate(labels)


def write_room(path: Path, count: int) -> int:
    """A prediction of such a room, wrong in patches. Returns its points."""
    rng, label_set = np.random.default_rng(1), load_label_set()
    points, classes = make_room(count)
    patch = np.floor(points / 0.5).astype(np.int64) @ [1, 100, 10000]
    wrong = patch % 7 == 0
    prediction = np.where(wrong, (classes + 1 + patch % 5) % len(label_set), classes)
    light = np.clip(rng.normal(150 + 60 * np.sin(points), 8), 0, 255).astype(np.uint8)
    columns = dict(zip("xyz", points.astype(np.float32).T)) | dict(zip(("red", "green", "blue"),
                                                                       label_set.to_colors(prediction).T))
    columns |= {"label": label_set.to_ids(prediction), "ground_truth": label_set.to_ids(classes),
                "confidence": np.clip(rng.normal(np.where(wrong, 0.5, 0.9), 0.1), 0, 1).astype(np.float32)}
    write_columns(path, columns | {f"input_{name}": light[:, i] for i, name in enumerate(("red", "green", "blue"))})
    return len(points)


def measure(page_file: Path, size: tuple[int, int], seconds: float) -> dict[str, float]:
    """Opens a page and turns its scan."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise ValueError("benchmarks.page: needs `pip install playwright`") from None
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise ValueError("benchmarks.page: needs chromium, as apt-get install chromium brings it")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport=dict(zip(("width", "height"), size)))
        page.set_default_timeout(120_000)
        start = time.perf_counter()
        page.goto(page_file.as_uri())
        page.wait_for_selector("body[data-drawn]")
        found = {"opened": time.perf_counter() - start}
        page.wait_for_timeout(1000)
        found["whole"] = page.evaluate("""() => {
            const {renderer, style} = scanPage, start = performance.now();
            for (let i = 0; i < 3; i++) { renderer().draw(false, style()); renderer().pick(9, 9); }
            return (performance.now() - start) / 3;
        }""")
        turn = """seconds => new Promise(done => {
            const {renderer, view, move} = scanPage, start = performance.now(), first = renderer().frames;
            const step = () => {
                if (performance.now() - start > 1000 * seconds)
                    return done([(renderer().frames - first) / seconds, renderer().drawnPoints]);
                move({...view.camera, azimuth: view.camera.azimuth + 2});
                requestAnimationFrame(step);
            };
            step();
        })"""
        page.evaluate(turn, 2 * seconds)  # finds how many points it can draw
        found["frames"], found["drawn"] = page.evaluate(turn, seconds)
        browser.close()
    return found


@command
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=float, default=1e6)
    parser.add_argument("--size", default="1400x860", metavar="WxH", help="of the window (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="of turning")
    options = parser.parse_args(arguments)
    size = tuple(int(part) for part in options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        scan, out = Path(folder) / "room.ply", Path(folder) / "room.html"
        points = write_room(scan, int(options.points))
        start = time.perf_counter()
        save_page(make_page(scan, max_points=points), out)
        made, bytes_of_page = time.perf_counter() - start, out.stat().st_size
        found = measure(out, size, options.seconds)
    print(f"{points:,} points: {bytes_of_page / 1e6:.1f} MB ({bytes_of_page / points:.1f} bytes a point in base64), "
          f"made in {made:.1f} s, drawn {found['opened']:.1f} s after it is opened; in software at {options.size}: "
          f"{found['whole']:.0f} ms a picture of all points, {found['frames']:.1f} frames a second while it turns, "
          f"with {int(found['drawn']):,} points each")


if __name__ == "__main__":
    sys.exit(main())
