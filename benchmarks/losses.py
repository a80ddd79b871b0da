"""What does a loss of stage 1 cost? Seconds and extra memory of a forward and backward pass, each loss on its own:

    python -m benchmarks.losses                                        # all, 200,000 voxels of 512 channels
    python -m benchmarks.losses --losses contrast l2 --voxels 50000 --width 96
"""
import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from lib.losses.negatives import frequency_weights, hard_weights
from lib.losses.text_contrast import AnchorCrossEntropy, AnchorL2, PointSupCon, TextContrastLoss

CLASSES = 200
LOSSES = {
    "contrast": TextContrastLoss,
    "contrast, code": lambda anchors: TextContrastLoss(anchors, form="code"),
    "contrast, frequency": lambda anchors: TextContrastLoss(
        anchors, negative_weights=frequency_weights(torch.rand(len(anchors)))),
    "contrast, hard": lambda anchors: TextContrastLoss(anchors, negative_weights=hard_weights(anchors, 0.07)),
    "contrast_ce": AnchorCrossEntropy,
    "l2": AnchorL2,
    "pointsupcon": PointSupCon,
}


def resident(field: str) -> int:
    """VmRSS, or its peak VmHWM, of this process in bytes. Linux only."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def measure(name: str, voxels: int, width: int) -> dict[str, float]:
    """Seconds, and bytes beyond the features (voxels, width) at the peak; the gradient of the features counts."""
    torch.manual_seed(0)
    loss = LOSSES[name](torch.nn.functional.normalize(torch.randn(CLASSES, width), dim=1))
    few = torch.randn(100, width, requires_grad=True)
    loss(few, torch.randint(-1, CLASSES, (100,))).backward()  # what a first call loads
    features = torch.empty(voxels, width).normal_().requires_grad_()
    target = torch.randint(-1, CLASSES, (voxels,))
    before, start = resident("VmRSS"), time.perf_counter()
    loss(features, target).backward()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes": resident("VmHWM") - before}


def measure_apart(name: str, voxels: int, width: int) -> dict[str, float]:
    """`measure` in a process of its own, since the peak of a process never falls."""
    command = [sys.executable, "-m", "benchmarks.losses", "--one", name, "--voxels", str(voxels), "--width", str(width)]
    root = Path(__file__).resolve().parent.parent
    return json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of the losses of stage 1.")
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), choices=LOSSES)
    parser.add_argument("--voxels", type=int, default=200_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--one", choices=LOSSES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.voxels, options.width)))
        return
    print(f"{options.voxels:,} voxels of {options.width} channels, float32")
    print(f"{'loss':22s}{'seconds':>9s}{'extra MB':>10s}")
    for name in options.losses:
        figures = measure_apart(name, options.voxels, options.width)
        print(f"{name:22s}{figures['seconds']:9.2f}{figures['bytes'] / 1e6:10.0f}")


if __name__ == "__main__":
    main()
