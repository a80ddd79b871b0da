"""Contact sheets of all mapped models, to look at: python -m datasets.synthetic.furnished.sheets --out FOLDER

Every cell shows a model from the front and a little from above, its class and row in models.csv below, its size in cm,
and its surfaces for other things in green.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

from config.command import command
from datasets.synthetic.furnished.models import Model, entries, load_library
from datasets.synthetic.objects.shapes import Support
from datasets.synthetic.scanners.casting import Caster

CELL, COLUMNS, ROWS = 150, 12, 7


def picture(model: Model, size: int = CELL) -> np.ndarray:
    """(size, size, 3) uint8: the model seen from its front (-y), from the left and above, by a parallel camera."""
    kept = model.arrays()
    vertices, supports = kept["vertices"].astype(float), [Support(*row) for row in kept["supports"]]
    low, high = vertices.min(0), vertices.max(0)
    middle, reach = (low + high) / 2, np.linalg.norm(high - low) / 2
    ahead = np.array([0.45, 0.8, -0.4]) / np.linalg.norm([0.45, 0.8, -0.4])
    right = np.cross(ahead, [0, 0, 1]) / np.linalg.norm(np.cross(ahead, [0, 0, 1]))
    u, v = np.meshgrid(np.linspace(-1, 1, size), np.linspace(1, -1, size))
    start = middle + reach * (u[..., None] * right + v[..., None] * np.cross(right, ahead) - 2 * ahead)
    caster = Caster(vertices[kept["faces"]])
    depth, face, normal = caster.cast(start.reshape(-1, 3), np.broadcast_to(ahead, (size * size, 3)))
    image = np.full((size * size, 3), 255.0)
    hit = face >= 0
    shade = 0.45 + 0.55 * np.abs(normal[hit] @ np.array([-0.3, -0.6, 0.74]))
    image[hit] = kept["colors"][face[hit]] * shade[:, None]
    point = start.reshape(-1, 3)[hit] + depth[hit, None] * ahead
    on = np.zeros(len(point), bool)
    for s in supports:
        on |= ((point[:, :2] > (s.x0, s.y0)) & (point[:, :2] < (s.x1, s.y1))).all(1) & (abs(point[:, 2] - s.z) < 0.015)
    image[np.flatnonzero(hit)[on]] = image[np.flatnonzero(hit)[on]] * 0.6 + np.array([0, 100, 0])
    return image.reshape(size, size, 3).astype(np.uint8)


@command
def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m datasets.synthetic.furnished.sheets", description=__doc__)
    parser.add_argument("--out", required=True, help="folder of the pictures")
    parser.add_argument("--furniture", help="folder with the Sweet Home 3D packages; fetched by apt where not given")
    options = parser.parse_args(arguments)
    library = load_library(options.furniture)
    row = {f"{e.library} {e.model}": k + 2 for k, e in enumerate(entries())}
    models = [model for name in sorted(library) for model in library[name]]
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    per = COLUMNS * ROWS
    for first in tqdm(range(0, len(models), per), "sheets"):
        sheet = Image.new("RGB", (COLUMNS * CELL, ROWS * (CELL + 24)), "white")
        draw = ImageDraw.Draw(sheet)
        for k, model in enumerate(models[first:first + per]):
            x, y = k % COLUMNS * CELL, k // COLUMNS * (CELL + 24)
            sheet.paste(Image.fromarray(picture(model)), (x, y))
            size = np.round(np.ptp(model.arrays()["vertices"], axis=0) * 100).astype(int)
            draw.text((x + 2, y + CELL), f"{row[model.key]} {model.name}", fill="black")
            draw.text((x + 2, y + CELL + 11), f"{size[0]}x{size[1]}x{size[2]} e{model.elevation:.2f}", fill="grey")
        sheet.save(out / f"models_{first // per:02d}.png")
    print(f"{out}: {len(models)} models of {len(library)} classes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
