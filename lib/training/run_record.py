"""What a run was made with, `run.json` in its folder: versions, machine, engine, state of the code, digest of the data.

One entry for each start, so also for each resume: {"starts": [{"time", "step", "command", "versions", ...}]}. A run
begun anew in an older one's folder adds to it, since that one's checkpoints stay until its own first. Flags are in
config.yaml.
"""
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import torch

from datasets.digest import digest_of
from datasets.files import replacing
from datasets.root_files import INSTANCES
from datasets.scannet200 import SceneDataset
from lib import distributed
from lib.execution import HALF, Execution
from lib.sparse.chooser import path_of

RECORD_FILE = "run.json"
ROOT = Path(__file__).resolve().parents[2]


def write_record(folder: Path, step: int, resumed: bool, device: torch.device, execution: Execution,
                 training: SceneDataset, validation: SceneDataset) -> None:
    """Write the entry of a start at `step`, behind those of earlier ones where the run is resumed; then a line is
    printed for each part of the dataset that is not what it was at the last one."""
    path, starts = Path(folder) / RECORD_FILE, []
    if path.is_file():
        try:
            starts = list(json.loads(path.read_text(encoding="utf-8"))["starts"])
        except (ValueError, KeyError, TypeError):
            print(f"warning: {path}: is damaged, and begun anew")
    dataset = describe_dataset(training, validation)
    if resumed and starts:
        for line in changes(starts[-1].get("dataset", {}), dataset):
            print(f"changed: {line}")
    starts.append({"time": time.strftime("%Y-%m-%d %H:%M:%S %z"), "step": step, "command": sys.argv,
                   "processes": distributed.world(), "engine": describe_engine(execution, device),
                   "machine": describe_machine(device), "versions": versions(), "git": git_state(),
                   "dataset": dataset})
    with replacing(path) as file:
        json.dump({"starts": starts}, file, indent=1)


def describe_dataset(training: SceneDataset, validation: SceneDataset) -> dict:
    """Digests of the two splits, of the tail instances where they are inserted, and of the label set."""
    root, classes = Path(training.root), training.label_set.table()
    classes = hashlib.blake2b(json.dumps(classes, sort_keys=True).encode(), digest_size=16).hexdigest()
    found = {"root": str(root.resolve()), "label_set": training.label_set.name, "label_set_digest": classes,
             training.split: digest_of(training.paths, root), validation.split: digest_of(validation.paths, root)}
    if training.sampler:
        found["tail instances"] = digest_of(sorted((root / INSTANCES).glob("*/*.ply")), root)
    return found


def changes(before: dict, now: dict) -> list[str]:
    """A line for each part of a dataset that differs from what it was; where it lies does not matter."""
    def said(part: dict) -> str:
        return f"{part['scenes']} files of {part['bytes'] / 1e6:,.1f} MB"

    lines = []
    for name, part in now.items():
        then = before.get(name)
        if isinstance(part, dict) and isinstance(then, dict) and part["digest"] != then.get("digest"):
            same = (then.get("scenes"), then.get("bytes")) == (part["scenes"], part["bytes"])
            lines.append(f"data: {name}: " + (f"the {said(part)} have other names or contents than at the last start"
                                              if same else f"{said(then)} at the last start, {said(part)} now"))
    if before.get("label_set_digest", now["label_set_digest"]) != now["label_set_digest"]:
        lines.append(f"data: label set: {before.get('label_set')} at the last start, {now['label_set']} now, with "
                     "other names, ids, groups or colours")
    return lines


def describe_engine(execution: Execution, device: torch.device) -> str:
    """What computes sparse convolutions: "cpu" (compiled), "gpu" (Triton), "reference" or MinkowskiEngine; where."""
    if hasattr(execution.engine, "set_engine"):
        path = path_of(torch.empty(0, device=device, dtype=HALF.get(execution.precision, torch.float32)))
        return f"lib.sparse, path {path.__name__.split('.')[-1]}, {execution.precision}"
    return f"{execution.engine.__name__} {getattr(execution.engine, '__version__', '')}, {execution.precision}"


def describe_machine(device: torch.device) -> dict[str, str | int | float | None]:
    """Names of the processor and of the GPU, and how many cores and threads there are."""
    processor = platform.processor() or platform.machine()
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        processor = found[1] if found else processor
    except OSError:  # not Linux
        pass
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"system": platform.platform(), "cpu": processor, "cores": os.cpu_count(),
            "threads": torch.get_num_threads(), "gpu": gpu}


def versions() -> dict[str, str | None]:
    """Of Python, of CUDA where torch has it, and of every package that requirements.txt names."""
    found = {"python": platform.python_version(), "cuda": torch.version.cuda}
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for name in dict.fromkeys(re.split(r"[=<>;\s\[]", line)[0] for line in lines if line.strip()[:1] not in ("", "#")):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def git_state() -> dict[str, str | list[str]] | None:
    """The commit that runs, and tracked files that differ from it; None where the code has no repository of its own."""
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True,
                              timeout=30).stdout

    try:
        if Path(git("rev-parse", "--show-toplevel").strip()).resolve() != ROOT:
            return None
        changed = [line[3:] for line in git("status", "--porcelain", "--untracked-files=no").splitlines()]
        return {"commit": git("rev-parse", "HEAD").strip(), "changed_files": changed}
    except (OSError, subprocess.SubprocessError):  # no git, or no repository
        return None
