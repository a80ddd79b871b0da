"""Weights of the classes from a file: `load_category_weights(path, names)`."""
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from datasets.statistics import read_weights

BUILD_COMMAND = "python -m datasets.preprocess.statistics DIR"


def load_category_weights(path: str | Path, class_names: Sequence[str]) -> Tensor:
    """α of every class from a JSON object {class name: weight}. Returns (C,) float32 in the order of `class_names`.

    A class that the file leaves out gets 1, the neutral weight: the file is made from the training scenes, so such a
    class has no training voxel and its weight only scales its share of a validation loss.
    Raises FileNotFoundError, and ValueError for anything but such an object, an unknown name or a bad weight.
    """
    path = Path(path)
    try:
        weights = read_weights(path, "category weights", f"; `{BUILD_COMMAND}` writes one")
    except (FileNotFoundError, IsADirectoryError):
        raise FileNotFoundError(
            f"{path}: no category weights there; `{BUILD_COMMAND}` writes DIR/feature_data/category_weights.json"
        ) from None
    unknown = sorted(set(weights) - set(class_names))
    if unknown:
        raise ValueError(f"{path}: {len(unknown)} names are not in the label table: {', '.join(unknown[:5])}")
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ValueError(f"{path}: weight of {name!r} is {weight!r}, give a number of 0 or more")
    return torch.tensor([float(weights.get(name, 1.0)) for name in class_names], dtype=torch.float32)
