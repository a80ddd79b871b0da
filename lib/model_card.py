"""MODEL_CARD.md of a network in the clone, from what its checkpoint and its dataset root say: `model_card(...)`.

What neither says is left as `to be filled in`; nothing of the machine that trained it is named.
"""
import json
import math
from pathlib import Path

from config.config import get_parser
from datasets.join import ATTRIBUTION, JOINED
from datasets.label_sets import LabelSet
from datasets.scannet200 import DATASETS
from lib.checkpoint import load_checkpoint, model_weights
from lib.metrics import table
from lib.network_folder import PRETRAINED

OPEN = "to be filled in"
NOT_OF_THE_RECIPE = ("config", "resume", "weights", "log_dir", "scannet_path", "label_set", "visualize",
                     "visualize_path", "category_weights", "instance_sampling_weights", "language_features_path",
                     "num_workers", "num_val_workers", "cache_data", "stat_freq", "is_cuda", "overwrite_weights")
GENERATED = """\
- Trained on generated rooms alone: what the generator does not make, it has not seen. Expect far fewer right answers on
  real scans than at home, most of all for rare classes, and for rooms that are not homes or offices.
"""
LIMITS = """\
- Large surfaces are taken for one another (wall, door, curtain, window), and so is upholstered furniture (sofa, bed,
  chair).
- Metres and z up are assumed; without colours it has shape alone to go by.
- How far its confidence can be trusted on real scans was not measured. No decision on which anyone's safety depends
  should rest on it."""


def model_card(name: str, content: dict, label_set: LabelSet, size: int, scores: list[tuple[str, dict]], trained: str,
               tta: int = 1, tau: float = 0.0) -> str:
    """The text. content: of the checkpoint; size: bytes of the network's files; scores: rows of figures, 0..1;
    tta, tau: as `lib.export.export`."""
    flags = content["config"]
    count = sum(value.numel() for value in model_weights(content, name)[0].values())
    voxels = DATASETS[flags["dataset"]].choose_voxel_size(flags.get("voxel_size"))
    stage = "1, against text" if flags.get("use_embedding_loss") else "3" if flags.get("classifier_only") else "2"
    figures = "\n".join(["```", table([(row, _numbers(values)) for row, values in scores]), "```",
                         "Percent of points and of IoU; groups by frequency in ScanNet."]) if scores else OPEN
    data, generated = _data(flags)
    adjusted = f"{tau:g} ln of each class's share of the training points, taken off its logit" if tau else "none"
    use = f"`DATA_ROOT=room.ply bash inference.sh {name}`, " if name == PRETRAINED else ""
    return f"""# Model card: {name}

Labels every point of an indoor scan. {use}`--weights {name}`. Written by `python -m lib.export`.

| | |
|---|---|
| network | {flags["model"]}, {count / 1e6:.1f} million weights, half precision, {size / 1e6:.1f} MB |
| voxels | {100 * voxels:g} cm |
| answers | the {len(label_set)} classes of label set {label_set.name} |
| stage | {stage} |
| asked from | {tta} view{'s' if tta > 1 else ''} of a scan, unless `--tta` says otherwise |
| logit adjustment | {adjusted} |
| trained | {trained or OPEN} |

## Data

{data}

## Recipe

Flags of `main.py` that are not its defaults:

{_recipe(content)}

## Figures

{figures}

## Limits

{GENERATED if generated else ''}{LIMITS}
"""


def _numbers(values: dict) -> dict[str, float]:
    return {key: math.nan if value is None else value for key, value in values.items()}


def _data(flags: dict) -> tuple[str, bool]:
    """What the dataset root says of its scenes and of their licence, and whether all were generated."""
    root = Path(str(flags.get("scannet_path")))
    sources = []
    for file, key in ((root / JOINED, "sources"), (root / "synthetic.json", None)):
        if file.is_file():
            read = json.loads(file.read_text(encoding="utf-8"))
            sources = read[key] if key else [{"name": root.name, **read}]
            break
    lines = []
    for source in sources:
        settings = source.get("settings")
        if not settings:
            lines.append(f"- {source['name']}: {OPEN}, its licence, too")
            continue
        kind = "furniture models" if settings.get("furnished") else "procedural furniture"
        lines.append(f"- {source['name']}: {settings['train']} generated scenes to train on, {settings['val']} to "
                     f"validate on, {kind}, scanner `{settings.get('scanner', 'quick')}`, seed {settings['seed']}, "
                     f"rooms {settings['rooms'].replace(',', ', ')}: `python -m datasets.synthetic`")
    if not sources:
        return f"{root.name}: {OPEN}, its licence, too", False
    generated = all(source.get("settings") for source in sources)
    if generated:
        lines += ["", "No scan of a real room and no image is in this data. The scenes are the project's own, under "
                  "its licence."]
    if (root / ATTRIBUTION).is_file():
        lines += ["", "Furniture models are of the Sweet Home 3D libraries (CC0, CC BY 3.0, GPL); their makers are "
                  f"named in {ATTRIBUTION} beside this file."]
    return "\n".join(lines), generated


def _recipe(content: dict) -> str:
    """A line for each stage that led to a checkpoint, as far as the files it started from are there."""
    defaults = vars(get_parser().parse_args([]))
    lines: list[str] = []
    seen: set[str] = set()
    while isinstance(flags := content.get("config"), dict):
        said = " ".join(f"--{name} {_word(value)}" for name, value in sorted(flags.items())
                        if name in defaults and name not in NOT_OF_THE_RECIPE and value != defaults[name])
        steps = f", at epoch {content['epoch']}, step {content['step']}" if {"epoch", "step"} <= set(content) else ""
        lines.insert(0, f"- `{said}`{steps}")
        before = flags.get("weights")
        if not before or before in seen or not Path(before).is_file():
            break
        seen.add(before)
        content = load_checkpoint(before)
    return "\n".join(lines)


def _word(value) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
