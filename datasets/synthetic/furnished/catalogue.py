"""The generator's catalogue with furniture models in it: `furnished_catalogue(library, "train")`.

Of a class with several models, a part is kept for validation and never occurs in training.
"""
import hashlib
from dataclasses import replace

import numpy as np

from datasets.synthetic.catalogue import CATALOGUE
from datasets.synthetic.furnished.models import Model
from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.shapes import Shape

VAL_SHARE = 0.25  # of a class's models
HUNG = 0.15  # m above the floor: what the catalogue puts higher hangs on a wall, and what is above OVERHEAD, overhead
OVERHEAD = 1.2
SHALLOW = 0.65  # m; what is deeper does not hang on a wall
TALL = 0.75  # m; what is taller does not stand on a table
ALWAYS_HUNG = {"range hood"}  # their catalogues give no height


def split_models(models: list[Model], split: str) -> list[Model]:
    """A class's models of a split, by their names alone. Training has all where there is one only."""
    order = sorted(models, key=lambda m: hashlib.sha256(m.key.encode()).digest())
    held = min(max(1, round(VAL_SHARE * len(order))), len(order) - 1)
    return order[held:] if split == "train" else order[:held]


def furnished_catalogue(library: dict[str, list[Model]], split: str) -> dict[str, Kind]:
    """CATALOGUE, its kinds built from a split's models more often the more there are, else as before."""
    catalogue = dict(CATALOGUE)
    for name, models in library.items():
        mine = split_models(models, split)
        if name in CATALOGUE and mine:
            catalogue[name] = replace(CATALOGUE[name], build=_builder(CATALOGUE[name], mine))
    return catalogue


def _builder(kind: Kind, models: list[Model]):
    chance = min(0.85, len(models) / (len(models) + 1.5))

    def build(rng: np.random.Generator) -> Shape:
        if rng.random() > chance:
            return kind.build(rng)
        return placeable(models[rng.integers(len(models))], kind, rng)

    return build


def placeable(model: Model, kind: Kind, rng: np.random.Generator) -> Shape:
    """A specimen of a model that knows where it goes, where that is not where its kind goes."""
    shape = model.shape(rng)
    size = np.ptp(shape.vertices, axis=0)
    place = kind.place
    if place in ("floor", "against_wall", "on") and model.elevation > HUNG and size[1] < SHALLOW:
        place = "ceiling" if model.elevation > OVERHEAD and place != "against_wall" and kind.place != "on" else "wall"
    elif place == "on" and size[2] > TALL:
        place = "floor"
    elif place == "wall" and size[1] > 0.35 and model.elevation <= HUNG and model.name not in ALWAYS_HUNG:
        place = "against_wall"
    if place == "wall":
        shape.move((0, -shape.vertices[:, 1].max(), 0))
        if model.elevation > HUNG:
            low = model.elevation + float(rng.uniform(-0.05, 0.1))
            shape.height = (low, low + 0.05)
    shape.place = place if place != kind.place else None
    return shape


def credits(library: dict[str, list[Model]]) -> str:
    """What a data set made with the models has to say of their makers."""
    lines = ["The furniture of these scenes includes models of the Sweet Home 3D libraries "
             "(https://www.sweethome3d.com), scaled, recoloured and scanned.",
             "Licences by library: BlendSwap-CC-0 CC0; BlendSwap-CC-BY and Scopia CC BY 3.0; KatorLegaz and Reallusion "
             "CC BY 3.0 US; default CC BY 3.0, or GPL 2 or later.", "Model, maker, (library and identifier):", ""]
    rows = {f"{model.credit} ({model.key})" for models in library.values() for model in models}
    return "\n".join(lines + sorted(rows)) + "\n"
