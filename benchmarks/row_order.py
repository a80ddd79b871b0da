"""Does the order of a batch's rows matter? The same voxels as a scan has them, sorted, shuffled, in turn in one run:

    python -m benchmarks.row_order --model Res16UNet14S --voxels 46500
"""
import argparse
import os
from collections import defaultdict
from dataclasses import replace
from functools import partial
from statistics import median

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

import torch  # noqa: E402

from benchmarks.case import Case  # noqa: E402
from benchmarks.inputs import Input, make_inputs  # noqa: E402
from benchmarks.timing import seconds  # noqa: E402
from lib.memory import keep_freed_memory  # noqa: E402

CPU = torch.device("cpu")


def orders(batch: Input) -> dict[str, Input]:
    """The batch with its rows in each order, scene after scene but for the shuffled one."""
    keys = batch.coordinates.long() @ torch.tensor([2**48, 1, 2**16, 2**32])  # batch, then z, y, x
    found = {"as they come": torch.arange(len(keys)), "sorted by z, y, x": keys.argsort(),
             "shuffled": torch.randperm(len(keys), generator=torch.Generator().manual_seed(0))}
    return {name: replace(batch, coordinates=batch.coordinates[rows].contiguous(), features=batch.features[rows],
                          labels=batch.labels[rows]) for name, rows in found.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="Res16UNet14S")
    parser.add_argument("--voxels", type=int, default=46_500)
    parser.add_argument("--engine", default="cpu")
    parser.add_argument("--repeats", type=int, default=9, help="the table shows medians")
    options = parser.parse_args()
    keep_freed_memory()
    case = Case(options.engine, "float32", options.model, CPU)
    batches, times = orders(make_inputs(options.voxels, 1, CPU)[0]), defaultdict(list)
    for turn in range(options.repeats + 1):  # the first warms up
        for name, batch in batches.items():
            for what in ("infer", "train"):
                took = seconds(partial(getattr(case, what), batch), CPU)
                if turn:
                    times[name, what].append(took)
    print("| rows | forward ms | fwd+bwd ms | to the first |\n|---|---|---|---|")
    first = next(iter(batches))
    for name in batches:
        middle = [median(times[name, what]) for what in ("infer", "train")]
        ratios = [f"{value / median(times[first, what]):.3f}" for value, what in zip(middle, ("infer", "train"))]
        print(f"| {name} | {middle[0] * 1e3:.0f} | {middle[1] * 1e3:.0f} | {' / '.join(ratios)} |")


if __name__ == "__main__":
    main()
