"""The matrix of experiments, and RESULTS.md of it: bash experiments.sh [--budget minutes|hours|gpu] [--jobs 2]

    bash experiments.sh --results RESULTS.md --plots docs/experiments     # as the page in the clone was made
    bash experiments.sh --repeat ce                                       # one cell, a new seed, against that page

Stopped or killed, the same command goes on; what is done is not repeated. It goes through training_scripts/.
"""
import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.anchors import COLUMNS
from benchmarks.experiments.cells import BUDGETS, CELLS, chain, jobs_of
from benchmarks.experiments.report import read_runs, repeated, scores, write_report
from benchmarks.experiments.runner import ROOT, Runner
from benchmarks.experiments.scenes import KINDS, prepare
from config.command import command
from config.types import positive, whole

KNOWN = ROOT / "docs" / "experiments" / "results.json"


def repeat(runner: Runner, cell: str, seed: int) -> bool:
    """Run a cell with a seed and print where its scores fall; whether all are where a further seed's were expected."""
    failed = runner.run([(name, seed) for name in chain(cell)])
    if failed:
        raise ValueError("; ".join(failed.values()))
    runs, _, label_set = read_runs(runner, [(cell, seed)])
    found = scores(runs, label_set.groups)[cell, seed]
    rows = repeated(KNOWN, cell, {column: found[key] for column, key in COLUMNS.items()})
    for column, score, low, high, inside in rows:
        print(f"{cell}, seed {seed}: {column:8s} {100 * score:6.2f}, {'inside' if inside else 'OUTSIDE'} "
              f"[{100 * low:.2f}, {100 * high:.2f}]")
    return all(row[-1] for row in rows)


@command
def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code: 1 where a training failed, or a repeated cell fell outside."""
    parser = argparse.ArgumentParser(prog="experiments.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", default="minutes", choices=BUDGETS, help="epochs, voxels, network and seeds")
    parser.add_argument("--data", default=KINDS[0], metavar="|".join((*KINDS, "DIR")),
                        help="scenes to make, or a dataset root such as ScanNet200's")
    parser.add_argument("--jobs", type=positive, default=1, help="trainings side by side")
    parser.add_argument("--threads", type=positive, default=1, help="of each training")
    parser.add_argument("--cells", nargs="+", metavar="NAME", help=f"these alone, of {', '.join(CELLS)}")
    parser.add_argument("--seeds", nargs="+", type=whole, metavar="N", help="these alone")
    parser.add_argument("--out", type=Path, metavar="DIR", help="of the runs; default: outputs/experiments")
    parser.add_argument("--scenes", type=Path, metavar="DIR", help="of scenes that are made; default: data/experiments")
    parser.add_argument("--results", type=Path, metavar="FILE.md", help="default: RESULTS.md in the runs' folder")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="default: the folder `plots` beside the page")
    parser.add_argument("--report", action="store_true", help="write the page of what is done, train nothing")
    parser.add_argument("--repeat", metavar="CELL", help="run this cell with one new seed, into a folder of its own, "
                        "and say whether it falls where docs/experiments/results.json has it")
    options = parser.parse_args(arguments)
    budget = BUDGETS[options.budget]
    if options.budget == "gpu" and options.threads == 1:
        options.threads = max(1, os.cpu_count() // options.jobs)
    chosen = jobs_of(budget, options.cells or ([options.repeat] if options.repeat else None), options.seeds)
    scenes = (options.scenes or ROOT / "data" / "experiments") / options.budget
    data = prepare(budget, options.data, scenes, os.cpu_count())
    out = ((options.out or ROOT / "outputs" / "experiments") / options.budget).resolve()
    runner = Runner(budget, data, out, options.jobs, options.threads)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, runner.stop)
    if options.repeat:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out) as folder:
            runner.out = Path(folder)
            return int(not repeat(runner, options.repeat, options.seeds[0] if options.seeds else budget.seeds))
    failed = {} if options.report else runner.run(chosen)
    page = options.results or out / "RESULTS.md"
    write_report(runner, options.budget, page.resolve(), (options.plots or page.parent / "plots").resolve())
    print(f"{page}: written")
    for (cell, seed), reason in failed.items():
        print(f"{cell}, seed {seed}: {reason}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
