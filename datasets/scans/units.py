"""How long a scan's unit is: `guess_unit(probe, turn, hint)`; rooms are some metres wide and some 2.5 m high."""
import numpy as np

from datasets.scans.directions import Probe

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "foot": 0.3048}  # in metres
USUAL = {"m": 0.0, "mm": -2.2, "cm": -2.8, "inch": -3.3, "foot": -3.3}  # as logarithms
SAID = -4.0  # more, for others than the unit that the format's rules name
# Median and spread (of the logarithm) of what is measured, in metres. Height: of walls and what they enclose; spacing:
# of the points of scanners and depth cameras.
HEIGHT, WIDTH, SPACING = (2.5, 0.35), (5.0, 0.8), (0.012, 1.0)
STRANGE = -8.0  # no measure counts for less: a hall or a single thing is no proof
SURE = 0.9


def guess_unit(probe: Probe, turn: np.ndarray, hint: str | None) -> tuple[float, str, str]:
    """Metres of one unit, what was taken in words, and what makes it doubtful ("": nothing).

    turn: (3, 3) to z up. hint: the unit that the format's rules name, or None.
    """
    low, high = np.quantile(probe.points @ turn.T, [0.002, 0.998], axis=0)
    extent = np.maximum(high - low, 1e-300)
    score = {}
    for unit, metres in UNITS.items():
        score[unit] = USUAL[unit] + (0 if hint in (None, unit) else SAID) + _fits(extent[2] * metres, *HEIGHT) + _fits(
            max(extent[0], extent[1]) * metres, *WIDTH)
        if probe.spacing:
            score[unit] += _fits(probe.spacing * metres, *SPACING)
    chance = np.exp(np.array(list(score.values())) - max(score.values()))
    chance /= chance.sum()
    order = np.argsort(-chance)
    unit, other = (list(UNITS)[i] for i in order[:2])
    size = " x ".join(f"{side * UNITS[unit]:.1f}" for side in extent)
    doubt = "" if chance[order[0]] > SURE else f"{other} has {100 * chance[order[1]]:.0f} %"
    if not doubt and not 0.3 < max(extent) * UNITS[unit] < 200:
        doubt = "neither unit makes it a room"
    return UNITS[unit], f"unit {unit} ({size} m)", doubt


def _fits(value: float, middle: float, spread: float) -> float:
    """Logarithm of how usual a measure is."""
    return max(STRANGE, -0.5 * (np.log(max(value, 1e-300) / middle) / spread) ** 2)
