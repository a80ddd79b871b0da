"""A trained network as a folder for the clone: `python -m lib.export RUN_OR_CHECKPOINT --out weights/pretrained`

Half-precision model.safetensors, the config.yaml to run it with, and MODEL_CARD.md (`lib/model_card.py`). All networks
beside each other have 25 MB. `bash inference.sh pretrained` and `--weights pretrained` then take it.
"""
import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from torch import Tensor

from config.command import command
from config.types import positive, zero_or_more
from datasets.join import ATTRIBUTION
from datasets.label_sets import LabelSet, load_label_set
from lib.checkpoint import PREFIX, load_checkpoint, model_weights, stored_label_set
from lib.inference.networks import OF_A_NETWORK
from lib.losses.by_flags import STATISTICS
from lib.losses.logit_adjustment import log_shares
from lib.losses.negatives import load_class_points
from lib.metrics import read_scores
from lib.model_card import model_card
from lib.network_folder import LARGEST, MODEL_FILE, size_of, write_network
from lib.stages import PROJECTION

OF_TEXT = ("text_encoder", "language_features_path", "text_prompt", "text_synonyms", "center_anchors",
           "learned_projection", "contrast_temperature")  # flags that stage 1 alone reads


def export(source: Path, out: Path, scores: list[tuple[str, dict]] = (), trained: str = "", largest: int = LARGEST,
           tta: int = 1, tau: float = 0.0) -> int:
    """Write the network of a checkpoint, or of a run's best one, to a folder; returns the bytes of its files.

    scores: (name, scores) rows for the card. trained: time and hardware, for the card. largest: bytes, of all networks
    in the folder that `out` is in. tta: views that `inference.sh` and Predictor average unless they are told otherwise.
    tau: of a logit adjustment after training (Menon et al., arXiv 2007.07314, eq. 9), by the run's training points.
    Raises ValueError for a checkpoint that cannot be run by itself, and where all would be larger; nothing is written
    then.
    """
    path = next((source / name for name in ("best.ckpt", "last.ckpt") if (source / name).is_file()), source)
    content = load_checkpoint(path)
    model_weights(content, path)
    flags = content.get("config")
    if not isinstance(flags, dict):
        raise ValueError(f"{path}: does not say the flags it was trained with, so a folder of it could not be run")
    if flags.get("use_embedding_loss") and (flags.get("language_features_path")
                                            or str(flags.get("text_encoder")).startswith("file:")):
        raise ValueError(f"{path}: was trained against text anchors from a file, which a clone does not have; train it "
                         "with a --text_encoder that does without one")
    own = {name: flags[name] for name in OF_A_NETWORK
           if name in flags and (flags.get("use_embedding_loss") or name not in OF_TEXT)}
    if tta > 1:
        own["tta"] = tta
    weights = {key: value for key, value in content["state_dict"].items() if key.startswith((PREFIX, PROJECTION))}
    label_set = stored_label_set(content, path) or load_label_set()
    root = Path(str(flags.get("scannet_path")))
    if tau:
        if flags.get("use_embedding_loss"):
            raise ValueError(f"{path}: is of stage 1, without a classifier to adjust: leave out --logit_adjustment")
        adjust(weights, root, label_set, tau)
    beside = sum(size_of(folder) for folder in out.parent.glob("*")
                 if (folder / MODEL_FILE).is_file() and folder.absolute() != out.absolute())
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        stage = Path(temporary)
        write_network(stage, weights, own, label_set)
        credits = root / ATTRIBUTION
        if credits.is_file():
            shutil.copyfile(credits, stage / ATTRIBUTION)
        card = model_card(out.name, content, label_set, size_of(stage), scores, trained, tta, tau)
        (stage / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        size = size_of(stage)
        if size + beside > largest:
            others = f", {beside / 1e6:.1f} MB lie beside it" if beside else ""
            raise ValueError(f"{out}: would take {size / 1e6:.1f} MB in half precision{others}; networks in a clone "
                             f"have {largest / 1e6:.0f} MB in all: train a smaller --model, such as Res16UNet14S")
        out.mkdir(exist_ok=True)
        for file in out.iterdir():  # of an older network, lest its classes be taken for this one's
            if file.is_file() and not (stage / file.name).is_file():
                file.unlink()
        for file in stage.iterdir():
            file.replace(out / file.name)
    return size


def adjust(weights: dict[str, Tensor], root: Path, label_set: LabelSet, tau: float) -> None:
    """Take tau times the ln of each class's share of a root's training points off a classifier's bias, in place.

    Raises as `load_class_points`.
    """
    bias = PREFIX + "final.bias"
    points = load_class_points(root / STATISTICS, label_set.names, "leave out --logit_adjustment")
    weights[bias] = weights[bias] - tau * log_shares(points).to(weights[bias]).view_as(weights[bias])


@command
def main(arguments: list[str] | None = None) -> None:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lib.export", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("source", type=Path, metavar="RUN_OR_CHECKPOINT", help="a run's folder, or a .ckpt")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="what is in it is replaced")
    parser.add_argument("--scores", nargs="+", action="extend", default=[], metavar="[NAME=]scores.json",
                        help="figures for the card, a row each")
    parser.add_argument("--trained", default="", metavar="TEXT", help="time and hardware, for the card")
    parser.add_argument("--tta", type=positive, default=1, metavar="N",
                        help="views that inference averages where it is not told otherwise")
    parser.add_argument("--logit_adjustment", type=zero_or_more, default=0.0, metavar="TAU",
                        help="rarer classes are answered more often: TAU ln of a class's share of the training points "
                             "is taken off its logit")
    options = parser.parse_args(arguments)
    rows = [read_scores(argument, "points") for argument in options.scores]
    size = export(options.source, options.out, rows, options.trained, tta=options.tta,
                  tau=options.logit_adjustment)
    print(f"{options.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
