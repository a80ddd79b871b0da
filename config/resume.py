"""The flags that `--resume` goes on with: those of the run, from its config.yaml or else from its newest checkpoint."""
from pathlib import Path

import yaml

OF_THE_CALL = ("config", "resume", "dry_run")  # say how a run was started, not what it is
# What a run did whose files are older than the flag.
BEFORE = {"category_weighting": "log", "label_smoothing": 0.0, "logit_adjustment": 0.0, "clip_grad_norm": 0.0,
          "ema_decay": 0.0, "drop_path": 0.0, "sync_batch_norm": False, "scale_lr": "none", "max_scene_voxels": 0,
          "point_jitter": 0.0, "point_dropout": 0.0, "cutouts": 0}


def run_folder(resume: str) -> Path:
    """The folder of the run that `--resume DIR|FILE.ckpt` names."""
    path = Path(resume)
    return path.parent if path.is_file() or path.suffix == ".ckpt" and not path.is_dir() else path


def flags_of_run(resume: str) -> tuple[dict, Path | None]:
    """Its flags and the file they were found in; none where there is neither file, which the training then says.

    Raises ValueError for a file that does not hold them, and what reading a checkpoint raises.
    """
    path = run_folder(resume) / "config.yaml"
    if path.is_file():
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise ValueError(f"{path}: {error}") from None
    else:
        if not (list(Path(resume).glob("*.ckpt")) if Path(resume).is_dir() else Path(resume).is_file()):
            return {}, None
        from lib.checkpoint import load_checkpoint, newest_checkpoint  # needs torch, as a config.yaml does not
        path = newest_checkpoint(resume)
        values = load_checkpoint(path).get("config", {})
    if not isinstance(values, dict):
        raise ValueError(f"{path}: holds no flags of a run")
    return BEFORE | {name: value for name, value in values.items() if name not in OF_THE_CALL}, path


def changed_flags(stored: dict, now: dict) -> list[str]:
    """ "lr: 0.05 -> 0.001" for every flag that a checkpoint was written with another value of."""
    stored = BEFORE | stored
    return [f"{name}: {stored[name]} -> {value}" for name, value in sorted(now.items())
            if name in stored and name not in OF_THE_CALL and stored[name] != value]
