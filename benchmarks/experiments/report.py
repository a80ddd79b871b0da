"""RESULTS.md of what is done, with its plots and results.json: `write_report(runner, path, plots)`."""
import json
import os
import platform
import shlex
from pathlib import Path

import numpy as np
import torch

from benchmarks.anchors import COLUMNS, mean_and_spread
from benchmarks.experiments.cells import BUDGETS, CELLS, MATRIX, chain, jobs_of
from benchmarks.experiments.explain import PLAIN, explain
from benchmarks.experiments.findings import DRAWS, FINDINGS, OTHERS, RULE, Effect, Finding, measure
from benchmarks.experiments.runner import ROOT, Job, Runner
from benchmarks.experiments.supply import tail_supply
from datasets.files import replacing
from datasets.label_sets import LabelSet, find_label_set
from datasets.scannet200 import read_split
from lib.metrics import iou_of, scores_of
from lib.training.run_record import describe_machine
from lib.view.iou_plot import draw_iou_by_points
from lib.view.picture import save_png

PLOT_WIDTH = 1000  # pixels
PUBLISHED = {"ce": "25.02", "pretrained-ce": "27.73", "pretrained-focal-tuned-tail": "28.87"}  # LanguageGroundedSemseg
Runs = dict[Job, np.ndarray]


def read_runs(runner: Runner, jobs: list[Job]) -> tuple[Runs, list[str], LabelSet]:
    """Totals (3, S, C) of every job that is done, the scenes' names, and the classes."""
    label_set, runs, scenes = find_label_set(None, runner.data), {}, []
    for job in jobs:
        if runner.note(*job).is_file():
            path = runner.folder(*job) / "confusion.npz"
            with np.load(path, allow_pickle=False) as file:
                order = np.argsort(file["scenes"])
                runs[job], found = file["totals"][:, order], file["scenes"][order].tolist()
            if scenes and found != scenes:
                raise ValueError(f"{path}: other validation scenes than the other cells'; remove {runner.out} to begin "
                                 "anew")
            scenes = found
    return runs, scenes, label_set


def scores(runs: Runs, groups: tuple[str, ...]) -> dict[Job, dict[str, float]]:
    """Scores of each run at every point of all scenes."""
    return {job: {key: float(value) for key, value in scores_of(*totals.sum(1), groups).items()}
            for job, totals in runs.items()}


def write_report(runner: Runner, budget: str, path: Path, plots: Path) -> None:
    """Write the page, and its plots and `results.json` to `plots`. Raises ValueError where nothing is done."""
    jobs = jobs_of(runner.budget)
    runs, scenes, label_set = read_runs(runner, jobs)
    if not runs:
        raise ValueError(f"{runner.out}: no training has ended yet, so there is nothing to report")
    points = next(iter(runs.values()))[1].sum(0)
    of = scores(runs, label_set.groups)
    notes = {job: json.loads(runner.note(*job).read_text(encoding="utf-8")) for job in runs}
    supply = tail_supply(runner)
    lines = [*_opening(runner, budget, jobs, runs, scenes, points, label_set, of, notes), *_table(of), *_rule()]
    plots.mkdir(parents=True, exist_ok=True)
    effects = {}
    plain = {pair: measure([pair], runs, label_set.groups) for pair in PLAIN}
    for finding in FINDINGS:
        effect = measure(finding.pairs, runs, label_set.groups)
        lines += ["", f"### {finding.title}", "", f"*{finding.claim}* Expected before: {finding.expected}", ""]
        if effect is None:
            lines.append("**undecided**: not one seed of all its cells is done.")
            continue
        effects[finding.key] = {"verdict": effect.verdict(finding), "seeds": len(effect.seeds)} | {
            column: [float(part[column]) for part in (effect.values, effect.low, effect.high)] for column in COLUMNS
            if column in effect.values}
        name = f"{finding.key}.png"
        save_png(_plot(finding, effect, runs, points, label_set), plots / name)
        lines += [f"**{effect.verdict(finding)}** ({len(effect.seeds)} seeds; decided by {', '.join(finding.columns)})",
                  "", *_effects([(" and ".join(f"`{b}` against `{a}`" for a, b in finding.pairs), effect)]), "",
                  explain(finding, effect, runs, notes, label_set, supply, plain), "",
                  f"![IoU by points of the class]({os.path.relpath(plots / name, path.parent)})"]
    found = [(title, measure([(base, other)], runs, label_set.groups)) for title, base, other in OTHERS]
    lines += ["", "## Other differences", "", *_effects([row for row in found if row[1]])]
    lines += [*_costs(runner, notes), *_commands(runner, budget), *_machine(notes), *_real(budget, of)]
    with replacing(path) as file:
        file.write("\n".join(lines) + "\n")
    content = {"budget": budget, "effects": effects, "cells": {
        cell: {str(seed): {column: of[cell, seed].get(key) for column, key in COLUMNS.items()}
               for name, seed in runs if name == cell} for cell in dict.fromkeys(name for name, _ in runs)}}
    with replacing(plots / "results.json") as file:
        json.dump(content, file, indent=1)


def _opening(runner: Runner, budget: str, jobs: list[Job], runs: Runs, scenes: list[str], points: np.ndarray,
             label_set: LabelSet, of: dict[Job, dict[str, float]], notes: dict[Job, dict]) -> list[str]:
    done = len(runs)
    words = "all done" if done == len(jobs) else f"**{done} of them done**: all that follows is of these alone"
    at = "2 cm" if runner.budget.voxel_size is None else f"{100 * runner.budget.voxel_size:g} cm"
    first, second, third = runner.budget.epochs
    sizes = {group: points[label_set.members(group)] for group in label_set.group_names}
    shares = ", ".join(f"{group} {len(each)} with {100 * each.sum() / points.sum():.1f} % of the points"
                       for group, each in sizes.items())
    return ["# Results of the experiments", "",
            "Written by `bash experiments.sh`, not by hand. The figures are of the scenes and the budget named here "
            "and say nothing of others; on ScanNet they would have to be measured (last section).", "",
            f"Budget `{budget}`: {runner.budget.model}, {at} voxels, {first} epochs of stage 1, {second} of stage 2, "
            f"{third} of stage 3, batches of {runner.budget.batch}. {len(jobs)} trainings, {words}. "
            f"Scored at {int(points.sum()):,} points of {len(scenes)} validation scenes, {len(label_set)} classes "
            f"({shares}). All figures are percent; mean ± standard deviation over seeds.", *_base(runner, of, notes)]


def _base(runner: Runner, of: dict[Job, dict[str, float]], notes: dict[Job, dict]) -> list[str]:
    """What the base cell needed for its tail."""
    seeds = [seed for name, seed in of if name == "ce"]
    if not seeds:
        return []
    scenes = runner.budget.epochs_of(CELLS["ce"]) * len(read_split(runner.data, "train"))
    tail = mean_and_spread([of["ce", seed].get(COLUMNS["tail"], np.nan) for seed in seeds], 2)
    spent = np.median([notes["ce", seed]["processor_seconds"] for seed in seeds])
    return ["", f"In the base cell `ce` the tail has {tail} after {scenes} scenes of training "
            f"({-(-scenes // runner.budget.batch)} steps), {spent:.0f} processor seconds."]


def _table(of: dict[Job, dict[str, float]]) -> list[str]:
    lines = ["", "## The table", "",
             "`ce` and `focal` are stage 2's loss; `pretrained` starts from stage 1, `longer` trains stage 2 as many "
             "epochs more instead; `tuned` is stage 3 (its loss that of stage 2), `tail` samples tail instances. "
             "`text` and `contrast` are stage 1 itself, by nearest anchor.", "",
             "| cell | seeds | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    for cell in MATRIX:
        seeds = [seed for name, seed in of if name == cell.name]
        if seeds:
            values = [mean_and_spread([of[cell.name, seed].get(key, np.nan) for seed in seeds], 2)
                      for key in COLUMNS.values()]
            lines.append(f"| {cell.name} | {len(seeds)} | {' | '.join(values)} |")
    return lines


def _rule() -> list[str]:
    return ["", "## Findings", "", "The rule, and what was expected, stood in `benchmarks/experiments/findings.py` "
            "before the first training of the matrix:", "", RULE]


def _effects(rows: list[tuple[str, Effect]]) -> list[str]:
    columns = [column for column in COLUMNS if any(column in effect.values for _, effect in rows)]
    lines = ["| difference | seeds | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for title, effect in rows:
        cells = [f"{100 * effect.values[c]:+.2f} [{100 * effect.low[c]:+.2f}, {100 * effect.high[c]:+.2f}]"
                 for c in columns]
        lines.append(f"| {title} | {len(effect.seeds)} | {' | '.join(cells)} |")
    return lines


def _plot(finding: Finding, effect: Effect, runs: Runs, points: np.ndarray, label_set: LabelSet):
    """Every class's IoU, mean over pairs and seeds: ring the base, dot the other."""
    base, other = (np.mean([iou_of(*runs[pair[side], seed].sum(1)) for pair in finding.pairs for seed in effect.seeds],
                           axis=0) for side in (0, 1))
    names = [" / ".join(pair[side] for pair in finding.pairs) for side in (0, 1)]
    return draw_iou_by_points(points, base, label_set.names, label_set.groups, None, other,
                              f"{finding.title}: ring {names[0]}, dot {names[1]}", PLOT_WIDTH).quantize(64)


def _costs(runner: Runner, notes: dict[Job, dict]) -> list[str]:
    usual = {cell.name: [np.median([note[key] for (name, _), note in notes.items() if name == cell.name])
                        for key in ("seconds", "processor_seconds")]
            for cell in MATRIX if any(name == cell.name for name, _ in notes)}
    total = sum(note["processor_seconds"] for note in notes.values())
    lines = ["", "## Cost", "", "Of one training, median over seeds, starting the program included. Seconds on the "
             f"clock are of a machine that other work shared; {total / 60:.0f} minutes of processor time in all.", "",
             "| cell | seconds | processor seconds | with what it starts from |", "|---|---|---|---|"]
    for name, (seconds, processor) in usual.items():
        whole = sum(usual[earlier][1] for earlier in chain(name) if earlier in usual)
        lines.append(f"| {name} | {seconds:.0f} | {processor:.1f} | {whole:.1f} |")
    return lines


def _commands(runner: Runner, budget: str) -> list[str]:
    lines = ["", "## Commands", "", "```bash", f"bash experiments.sh --budget {budget} --jobs {runner.jobs}",
             f"bash experiments.sh --budget {budget} --repeat ce    # one cell with a new seed, against this page",
             "```", "", "What it ran for seed 0, after `export " + _environment(runner) + "`:", "", "```bash"]
    common = shlex.join(runner.budget.common)
    lines.append(f'COMMON="{common}"')
    for cell in MATRIX:
        command, variables = runner.command(cell.name, 0)
        words = shlex.join(command).replace(common, "$COMMON")
        lines.append(_short(runner, f"PRETRAINED_WEIGHTS={variables['PRETRAINED_WEIGHTS']} {words}"))
    return [*lines, "```"]


def _environment(runner: Runner) -> str:
    variables = runner.command("ce", 0)[1] | {"OMP_NUM_THREADS": str(runner.threads)}
    del variables["PRETRAINED_WEIGHTS"]
    return _short(runner, " ".join(f"{name}={value}" for name, value in variables.items()))


def _short(runner: Runner, text: str) -> str:
    """Paths of the project as they are from its root, others by what they are."""
    for folder, name in ((ROOT, ""), (runner.data, "DATA/"), (runner.out, "OUT/")):
        text = text.replace(f"{folder}/", name).replace(str(folder), name.rstrip("/") or ".")
    return text


def _machine(notes: dict[Job, dict]) -> list[str]:
    machine = describe_machine(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    versions = sorted({note["version"] for note in notes.values()} - {""})
    commit = f"Commit {', '.join(versions)}; " if versions else ""
    threads = sorted({note["threads"] for note in notes.values()})
    return ["", "## Versions and hardware", "",
            f"{commit}Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}, "
            f"{platform.system()} {platform.machine()}; {machine['cores']} cores of {machine['cpu']}, "
            f"{machine['gpu'] or 'no GPU'}; "
            f"{', '.join(map(str, threads))} thread(s) for each training. Intervals: {DRAWS} draws, seeds 0 and 1."]


def _real(budget: str, of: dict[Job, dict[str, float]]) -> list[str]:
    """The same table for ScanNet200, to be filled by whoever has the scans and a GPU."""
    real = budget == "gpu"
    lines = ["", "## The same on ScanNet200", "", "For whoever has the scans and a GPU: "
             f"{BUDGETS['gpu'].model}, 2 cm, {BUDGETS['gpu'].epochs[1]} epochs. The command fills the columns; the "
             "published mIoU, over all 200 classes of the validation split, is LanguageGroundedSemseg's.", "",
             "```bash", "python -m datasets.preprocess.scannet200 --scannet RAW --out data/scannet200",
             "bash experiments.sh --budget gpu --data data/scannet200", "```", "",
             "| cell | published mIoU/200 | accuracy | head | common | tail | mIoU/200 |", "|---" * 7 + "|"]
    keys = ("accuracy", "mIoU/200/head", "mIoU/200/common", "mIoU/200/tail", "mIoU/200")
    for cell in MATRIX:
        seeds = [seed for name, seed in of if name == cell.name and real]
        values = [mean_and_spread([of[cell.name, seed].get(key, np.nan) for seed in seeds], 2) if seeds else ""
                  for key in keys]
        lines.append(f"| {cell.name} | {PUBLISHED.get(cell.name, '')} | {' | '.join(values)} |")
    return lines


def repeated(results: Path, cell: str, new: dict[str, float]) -> list[tuple[str, float, float, float, bool]]:
    """(column, score, low, high, whether inside) of a run with a new seed, against the seeds of results.json.

    Low to high: where 95 % of further seeds' scores fall, mean ± t s sqrt(1 + 1 / n), if they are normally distributed.
    Raises ValueError where the file has fewer than three seeds of the cell.
    """
    known = json.loads(results.read_text(encoding="utf-8"))["cells"].get(cell, {})
    if len(known) < 3:
        raise ValueError(f"{results}: has {len(known)} seed(s) of cell {cell}; three are needed to say where one more "
                         "falls")
    rows = []
    for column, score in new.items():
        values = np.array([seed[column] for seed in known.values()])
        wide = _student(len(values) - 1) * values.std(ddof=1) * np.sqrt(1 + 1 / len(values))
        low, high = values.mean() - wide, values.mean() + wide
        rows.append((column, score, low, high, bool(low <= score <= high)))
    return rows


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t."""
    table = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
    return table.get(freedom, 1.96 + 2.7 / freedom)


