"""Does a run that was stopped and resumed end with the very same weights? `python -m benchmarks.resume [--only TEXT]`

Every loss of every stage with everything that draws at random or counts: one run without a stop and without a
validation before its end, and one that is stopped, validated and resumed after every step; one line a case, exit code 1
if any differ. Makes a small data set of generated rooms first (--data DIR keeps it, or names one).
"""
import argparse
import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from config.command import command
from datasets.label_sets import load_label_set
from datasets.synthetic.__main__ import main as generate
from lib.checkpoint import load_checkpoint, save_checkpoint
from lib.language.anchors import write_anchors
from lib.training.averaging import MOVED
from main import main as train
from models import build_model

MODEL = "Res16UNet14S"
SHORT = ("--model", MODEL, "--batch_size", "2", "--num_val_workers", "0", "--max_epoch", "2", "--optimizer", "Adam",
         "--lr", "0.01", "--scheduler", "MultiStepLR", "--multi_step_milestones", "1", "--is_cuda", "False")
TEXT = ("--dataset", "Scannet200TextualDataset", "--embedding_loss_type")
SEGMENTS = ("--dataset", "Scannet200VoxelizationDataset", "--loss_type")
LOSSES = {
    "1 contrast published": (*TEXT, "contrast"),
    "1 contrast code": (*TEXT, "contrast", "--contrast_form", "code"),
    "1 contrast hard": (*TEXT, "contrast", "--negative_sampling", "hard"),
    "1 contrast_ce": (*TEXT, "contrast_ce", "--learned_projection", "True"),
    "1 l2": (*TEXT, "l2"),
    "1 pointsupcon": (*TEXT, "pointsupcon", "--supcon_points", "256"),
    "2 cross_entropy": (*SEGMENTS, "cross_entropy"),
    "2 focal": (*SEGMENTS, "focal"),
    "2 cross_entropy+lovasz": (*SEGMENTS, "cross_entropy+0.5*lovasz", "--label_smoothing", "0.1",
                               "--logit_adjustment", "1"),
    "3 cross_entropy": (*SEGMENTS, "cross_entropy", "--classifier_only", "True"),
    "3 focal": (*SEGMENTS, "focal", "--classifier_only", "True"),
}
VARIANTS = {
    "plain": (),
    "mixing": ("--mix_scenes", "0.5"),
    "tail instances": ("--sample_tail_instances", "True"),
    "repeat factor": ("--scene_sampling", "repeat_factor", "--repeat_threshold", "0.5"),
    "accumulation": ("--iter_size", "2"),
    "2 workers": ("--num_workers", "2"),
    "average, clipping and drop path": ("--ema_decay", "0.9", "--clip_grad_norm", "0.1", "--drop_path", "0.5"),
}
VARIANTS["all at once"] = sum(VARIANTS.values(), ())


def stops_and_goes_on(flags: list[str], folder: Path) -> tuple[int, list[str]]:
    """Steps of the run, and what differs between its end without a stop and with one after every step: weights by
    name, "optimizer" or "scheduler", or the weights that the optimiser moves where averaged ones are saved."""
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        code = train([*flags, "--log_dir", str(folder / "whole"), "--val_epoch_freq", "1000"])
        if code == 0:
            whole = load_checkpoint(folder / "whole" / "last.ckpt")
            for step in range(1, whole["step"] + 1):
                run = ["--resume", str(folder / "cut")] if step > 1 else [*flags, "--log_dir", str(folder / "cut")]
                torch.manual_seed(step)  # a fresh process knows nothing of the one before
                code = code or train([*run, "--max_iter", str(step)])
    if code:
        raise ValueError(f"training failed: {quiet.getvalue().strip().splitlines()[-1]}")
    cut = load_checkpoint(folder / "cut" / "last.ckpt")
    differ = [name for name, value in whole["state_dict"].items() if not torch.equal(value, cut["state_dict"][name])]
    kinds = ("optimizer", "scheduler", MOVED)
    return whole["step"], differ + [kind for kind in kinds if not _same(whole.get(kind), cut.get(kind))]


def _same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    return a == b if not isinstance(a, list) else len(a) == len(b) and all(map(_same, a, b))


def files_to_start_from(folder: Path) -> dict[str, list[str]]:
    """Random anchors and weights in a folder; by the number of a stage, the flags that name them."""
    names = load_label_set().names
    write_anchors(folder / "anchors.npz", names, np.random.default_rng(0).standard_normal((len(names), 48)))
    weights = build_model(MODEL, 3, len(names)).state_dict()
    save_checkpoint(folder / "start.ckpt", {"state_dict": {f"model.{key}": value for key, value in weights.items()}})
    return {"1": ["--text_encoder", f"file:{folder / 'anchors.npz'}"], "2": [],
            "3": ["--weights", str(folder / "start.ckpt")]}


@command
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds it, such as `focal, mixing`")
    parser.add_argument("--data", metavar="DIR", help="dataset root, made where it is missing")
    options = parser.parse_args(argv)
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(options.data or Path(temporary) / "data")
        if not (data / "train.txt").is_file():
            generate(["--out", str(data), "--train", "5", "--val", "1", "--test", "1", "--rooms", "bathroom"])
        start = files_to_start_from(Path(temporary))
        common = [*SHORT, "--scannet_path", str(data), "--voxel_size", "0.25", "--num_workers", "0"]
        for loss, loss_flags in LOSSES.items():
            for variant, more in VARIANTS.items():
                name = f"stage {loss}, {variant}"
                if options.only not in name:
                    continue
                began = time.perf_counter()
                with tempfile.TemporaryDirectory() as folder:
                    steps, differ = stops_and_goes_on([*common, *loss_flags, *start[loss[0]], *more], Path(folder))
                failed += bool(differ)
                found = f"{len(differ)} DIFFER: {', '.join(differ[:3])}" if differ else "identical"
                print(f"{name:44s} {steps} steps  {found}  ({time.perf_counter() - began:.0f} s)", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
