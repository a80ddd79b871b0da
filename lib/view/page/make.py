"""Scans to one HTML file: `save_page(make_page("outputs/RUN"), "run.html")`; opens without server or network.

web/ holds what is inlined: page.html, page.css and the scripts, in the order of SCRIPTS. Whatever comes from files is
in a JSON block that no HTML parser and no script reads as anything else, and becomes text nodes only; the page's policy
lets no script but its own run, and nothing be fetched.
"""
import base64
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.files import replacing
from datasets.label_sets import IGNORE_LABEL, LabelSet
from datasets.prediction_files import GroundTruth
from datasets.scans.read import ScanOptions
from lib.view.page.names import find_parts
from lib.view.page.pack import CODES, frame, has_rows, pack, used_classes
from lib.view.page.palette import safe_palette
from lib.view.page.scene import PageScene, find_page_scans, read_page_scene
from lib.view.panels import ERROR_COLORS, WALL_LIKE

WEB = Path(__file__).parent / "web"
SCRIPTS = ("data", "dom", "state", "style", "camera", "shaders", "draw", "stage", "classes", "bars", "overview", "main")
MAX_POINTS = 1_000_000  # of a scan
PAGE_POINTS = 8_000_000  # of all scans of a page: browsers open some 60 MB well


@dataclass
class Page:
    """html: what to write. scenes: the scans, in the page's order, to answer questions about. remarks: what to say."""
    html: str
    scenes: list[PageScene]
    remarks: list[str]


def make_page(path: str | Path, label_set: str | Path | None = None, options: ScanOptions | None = None,
              max_points: int = MAX_POINTS, add_heats: Callable[[PageScene], None] | None = None, served: str = "",
              say: Callable[[str], None] = lambda line: None, ground_truth: GroundTruth | None = None) -> Page:
    """The page of a file, a folder or a run. Raises FileNotFoundError and ValueError, one line.

    max_points: of a scan; fewer where there are many. add_heats: gives a scan its relevancies. served: the word that a
    local server wants to hear with questions; "" for a file. say: hears what is being done. ground_truth: where it is,
    if not in the files.
    """
    paths, remarks = find_page_scans(path)
    remarks += ground_truth.lacking(paths) if ground_truth else []
    each = min(max_points, max(PAGE_POINTS // len(paths), 1000))
    scenes, codes, blocks, abouts = [], [], [], []
    for number, (scan, name) in enumerate(zip(paths, _names(paths))):
        if len(paths) > 1:
            say(f"{number + 1}/{len(paths)} {name}")
        scene = read_page_scene(scan, each, label_set, options, len(paths) > 1, ground_truth)
        if scenes and not scene.panels.label_set.same_classes(scenes[0].panels.label_set):
            raise ValueError(f"{scan}: has the classes of another label set than {scenes[0].path.name}; give "
                             "--label_set, or files of one set")
        if add_heats is not None:
            add_heats(scene)
        codes.append(used_classes(scene))
        if len(codes[-1]) > CODES:
            scene.remarks.append(f"{len(codes[-1]) - CODES} of {len(codes[-1])} classes, those of fewest points, share "
                                 "a number and are drawn alike; figures are of each")
        if len(paths) > 1:
            for line in scene.remarks:
                say(f"    {line}")
        blocks.append(base64.b64encode(pack(scene, codes[-1])).decode())
        abouts.append(about_scene(scene, name, codes[-1]))
        scene.thumbnails = {}
        scenes.append(scene)
    label_set = scenes[0].panels.label_set
    content = {"title": Path(path).resolve().name if len(paths) > 1 else abouts[0]["name"], "served": served,
               "groups": list(label_set.group_names), "remarks": remarks, "errorColors": ERROR_COLORS,
               "classes": about_classes(label_set, sum(scene.confusion for scene in scenes)), "scenes": abouts}
    return Page(assemble(content, blocks), scenes, remarks + scenes[0].remarks * (len(scenes) == 1))


def save_page(page: Page, path: str | Path) -> None:
    """Write it to a file, never half of it."""
    with replacing(path, "wb") as file:
        file.write(page.html.encode())


def _names(paths: list[Path]) -> list[str]:
    """A name of each scan, all different."""
    stems = [path.stem for path in paths]
    return [stem if stems.count(stem) == 1 else path.name for path, stem in zip(paths, stems)]


def about_scene(scene: PageScene, name: str, codes: np.ndarray) -> dict:
    """What the page says of a scan beside its points; lengths in metres, heights and boxes from its lowest corner."""
    panels, (low, step) = scene.panels, frame(scene.panels.points)
    local = panels.points - low
    box = np.quantile(local, [0.001, 0.999], axis=0)  # strays do not count
    pairs = [[int(k) if k < len(panels.label_set) else IGNORE_LABEL for k in pair] + [int(scene.confusion[tuple(pair)])]
             for pair in np.argwhere(scene.confusion)]
    known = {layer: getattr(panels, layer) is not None for layer in ("prediction", "confidence", "truth")}
    labelled = int(scene.confusion[:-1].sum()) if known["prediction"] else 0
    return {
        "name": name, "file": scene.path.name, "total": scene.total, "kept": len(panels.points),
        "low": low.tolist(), "step": step, "spacing": scene.spacing, "box": box.tolist(), "floor": float(box[0, 2]),
        "tall": float(box[1, 2] - box[0, 2]), "reach": float(2 * np.linalg.norm(local.max(0)) + 1),
        "codes": codes.tolist(), "pairs": pairs, "remarks": scene.remarks,
        "accuracy": float(np.trace(scene.confusion[:-1, :-1]) / labelled) if labelled else None,
        "has": known | {"rows": has_rows(scene),
                        "best": 0 if scene.best is None else scene.best[0].shape[1]},
        "parts": {layer: find_parts(local, classes) for layer, classes in (
            ("prediction", panels.prediction), ("truth", panels.truth)) if classes is not None},
        "heats": [{"text": heat.text, "low": heat.low, "high": heat.high} for heat in scene.heats],
        "plan": {"cell": scene.cell, "corner": (scene.corner - low[:2]).tolist(), "width": scene.floor_plan.shape[0],
                 "height": scene.floor_plan.shape[1],
                 "bits": base64.b64encode(np.packbits(scene.floor_plan.T.ravel())).decode()},
        "thumbnails": {layer: _jpeg(picture) for layer, picture in scene.thumbnails.items()}}


def about_classes(label_set: LabelSet, confusion: np.ndarray) -> list[dict]:
    """Every class's name, group and colours; those with most points get the safe palette's most different ones."""
    order = np.argsort(-(confusion.sum(0) + confusion.sum(1))[:-1], kind="stable")
    safe = np.empty((len(label_set), 3), np.uint8)
    safe[order] = safe_palette(len(label_set))
    walls, ceilings = set(label_set.known(WALL_LIKE).tolist()), set(label_set.known(["ceiling"]).tolist())
    return [{"name": name, "group": group, "color": color, "safe": own, "wall": k in walls, "ceiling": k in ceilings}
            for k, (name, group, color, own) in enumerate(zip(label_set.names, label_set.groups,
                                                              label_set.colors.tolist(), safe.tolist()))]


def _jpeg(picture: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=82)
    return base64.b64encode(file.getvalue()).decode()


def to_script(content: object) -> str:
    """JSON that can stand in a script element: no `<` that could end it, nothing beyond ASCII."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")


def assemble(content: dict, blocks: list[str]) -> str:
    """The page. blocks: each scan's packed points in base64."""
    bodies = [f"// {name}.js\n{(WEB / f'{name}.js').read_text(encoding='utf-8')}" for name in SCRIPTS]
    script = '(() => {\n"use strict";\n' + "\n".join(bodies) + "})();\n"
    style = (WEB / "page.css").read_text(encoding="utf-8")
    reach = "self" if content["served"] else "none"
    policy = (f"default-src 'none'; script-src 'sha256-{_digest(script)}'; style-src 'sha256-{_digest(style)}'; "
              f"img-src data: blob:; connect-src '{reach}'; base-uri 'none'; form-action 'none'")
    points = "\n".join(f'<script type="text/plain" id="points-{i}">{block}</script>' for i, block in enumerate(blocks))
    parts = {"{POLICY}": policy, "{STYLE}": style, "{CONTENT}": to_script(content), "{POINTS}": points,
             "{SCRIPT}": script}
    text = (WEB / "page.html").read_text(encoding="utf-8")
    for mark, part in parts.items():  # in the template's order, each after the last: no part is searched for a mark
        before, text = text.split(mark)
        parts[mark] = before + part
    return "".join(parts.values()) + text


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
