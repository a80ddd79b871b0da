"""The paragraph under each finding: why, as far as the data tells. Every figure is of the runs or the data."""
from collections.abc import Mapping

import numpy as np

from benchmarks.experiments.findings import Effect, Finding
from datasets.label_sets import LabelSet

MOST = 4  # classes named as gaining or losing
LEAST = 0.001  # of IoU: less is no change


PLAIN = (("ce", "pretrained-ce"), ("ce", "longer-ce"))  # pairs whose differences are told


def explain(finding: Finding, effect: Effect, runs: Mapping, notes: Mapping, label_set: LabelSet, supply: dict,
            plain: Mapping[tuple[str, str], Effect | None]) -> str:
    """One paragraph. notes: cost of each (cell, seed). supply: as `tail_supply`. plain: the effects of `PLAIN`."""
    parts = []
    if finding.key.startswith("tail-sampling"):
        parts.append(_supply(supply))
    if finding.key == "tail-sampling":
        parts.append("Only the classifier's weights can answer to them: the features below are frozen.")
    if finding.key == "pretraining":
        parts.append(_costs(notes))
        if all(plain.get(pair) for pair in PLAIN):
            ours, theirs = (100 * float(plain[pair].values["all"]) for pair in PLAIN)
            parts.append(f"To `ce`, with stage 2 as long, stage 1 adds {ours:+.1f} points over all classes, the extra "
                         f"epochs of stage 2 add {theirs:+.1f}, each over the seeds that have both cells.")
        if effect.low["all"] > 0 or effect.high["all"] < 0:
            parts.append("Here an epoch spent on text anchors gives "
                         f"{'more' if effect.low['all'] > 0 else 'less'} than one spent on the classes themselves.")
        else:
            parts.append("Which of the two is the better use of the time these seeds and scenes do not tell.")
    tail = label_set.members(label_set.tail_group) if label_set.group_names else np.arange(len(label_set))
    before, after = (_habits(runs, finding, effect, side, tail) for side in (0, 1))
    parts.append(f"Of the tail's points {_percent(before['recall'])} are found without and {_percent(after['recall'])} "
                 f"with; of those called tail {_percent(before['precision'])} and {_percent(after['precision'])} are "
                 f"right; for each point of the tail {before['called']:.2f} and {after['called']:.2f} are called so: "
                 f"{_trade(before, after)}.")
    parts.append(_classes(effect, label_set))
    return " ".join(parts)


def _trade(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """What recall and precision say of the change."""
    found, right = (after[key] > before[key] for key in ("recall", "precision"))
    if found and right:
        return "the tail is found more often and more reliably, so it is told apart better"
    if found:
        return "the tail is named more often, which finds more of it at the price of more false alarms"
    if right:
        return "the tail is named less often, and then more often rightly"
    return "the tail is found less often and less reliably"


def _supply(supply: dict) -> str:
    without, with_ = supply["without"], supply["with"]
    few, many = sum(without["tail"].values()), sum(with_["tail"].values())
    each = [with_["tail"][name] / max(count, 1) for name, count in without["tail"].items()]
    return (f"In one epoch of {without['scenes']} scenes the network sees {few:,} labelled tail voxels without "
            f"sampling ({_percent(few / without['voxels'])} of all) and {many:,} with it "
            f"({_percent(many / with_['voxels'])}), {many / max(few, 1):.1f} times as many, from {min(each):.1f} to "
            f"{max(each):.1f} times by class; "
            f"{with_['placed']} of {with_['placed'] + with_['skipped']} instances found a place.")


def _costs(notes: Mapping) -> str:
    def seconds(cell: str) -> float:
        return float(np.median([note["processor_seconds"] for (name, _), note in notes.items() if name == cell] or [0]))
    return (f"Stage 1 takes {seconds('text'):.0f} processor seconds and stage 2 after it "
            f"{seconds('pretrained-ce'):.0f}; stage 2 that is longer by stage 1's epochs takes "
            f"{seconds('longer-ce'):.0f}, stage 2 alone {seconds('ce'):.0f}.")


def _habits(runs: Mapping, finding: Finding, effect: Effect, side: int, tail: np.ndarray) -> dict[str, float]:
    """Recall, precision and points called tail per point of it, pooled over the tail's classes, pairs and seeds."""
    hit, true, called = sum(runs[pair[side], seed].sum(1)[:, tail].sum(1)
                            for pair in finding.pairs for seed in effect.seeds)
    return {"recall": hit / max(true, 1), "precision": hit / max(called, 1), "called": called / max(true, 1)}


def _classes(effect: Effect, label_set: LabelSet) -> str:
    """Which classes gained most and lost most; a star where the interval leaves 0 out."""
    change, low, high = (of["iou"] for of in (effect.values, effect.low, effect.high))

    def listed(rows: list[int]) -> str:
        return ", ".join(f"{label_set.names[c]} {100 * change[c]:+.1f}{'*' if low[c] > 0 or high[c] < 0 else ''}"
                         for c in rows) or "none"
    known = [c for c in np.argsort(change) if np.isfinite(change[c])]
    gained = [c for c in reversed(known) if change[c] > LEAST][:MOST]
    lost = [c for c in known if change[c] < -LEAST][:MOST]
    sentences = [f"Gained most: {listed(gained)}; lost most: {listed(lost)} (points of IoU; *: the interval leaves 0 "
                 "out)."]
    for group in label_set.group_names:
        of = [c for c in label_set.members(group) if np.isfinite(change[c])]
        up, down = sum(low[c] > 0 for c in of), sum(high[c] < 0 for c in of)
        sentences.append(f"{group}: {up} of {len(of)} classes up, {down} down." if up or down else
                         f"{group}: no class clearly up or down.")
    return " ".join(sentences)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
