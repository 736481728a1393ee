"""What the slow twin knows of the measures: the numbers of the docstrings, copied by hand.

Nothing here is taken from `detect`: a number that is changed there has to be changed here as well,
by somebody who meant it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rule:
    """How one measure is compared; `worse` is +1, -1, or 0 where either way is odd."""

    floor: float
    cohort: float
    worse: int
    most: float
    log: bool = False
    weekly: bool = False
    body: bool = False
    device: bool = False


RULES: Final = {
    "night_heart_rate": Rule(1.0, 1.8, 1, 4, body=True),
    "resting_heart_rate": Rule(1.0, 2.5, 1, 4, body=True),
    "night_hrv_rmssd": Rule(0.1, 0.2, -1, 4, log=True, body=True, device=True),
    "night_skin_temperature": Rule(0.2, 0.4, 1, 4, body=True, device=True),
    "night_respiratory_rate": Rule(0.3, 0.6, 1, 4, body=True),
    "night_spo2": Rule(0.5, 1.0, -1, 4, body=True, device=True),
    "heart_rate_per_step": Rule(2.0, 5.0, 1, 4, body=True),
    "circadian_amplitude": Rule(1.0, 2.0, -1, 3),
    "circadian_phase_h": Rule(0.3, 0.8, 0, 3),
    "sleep_minutes": Rule(15.0, 50.0, 0, 3, weekly=True),
    "sleep_efficiency": Rule(1.0, 2.5, -1, 3),
    "sleep_onset_h": Rule(0.25, 0.8, 0, 3, weekly=True),
    "sleep_regularity": Rule(2.0, 6.0, -1, 3),
    "steps": Rule(0.2, 0.45, -1, 2, log=True, weekly=True),
    "longest_still_minutes": Rule(0.15, 0.35, 1, 2, log=True, weekly=True),
    "first_activity_h": Rule(0.3, 1.0, 1, 2, weekly=True),
    "eda_level": Rule(0.1, 0.25, 1, 3, log=True, device=True),
    "aroused_minutes": Rule(1.5, 1.5, 1, 3, log=True),
}
BODY: Final = {name for name, rule in RULES.items() if rule.body}

ILLNESS_WEIGHTS: Final = {
    "night_heart_rate": 1.0,
    "resting_heart_rate": 0.7,
    "night_hrv_rmssd": 0.7,
    "night_skin_temperature": 1.0,
    "night_respiratory_rate": 0.7,
    "night_spo2": 0.5,
    "heart_rate_per_step": 0.5,
    "steps": 1.0,
}
WEIGHTS: Final = {
    "illness": ILLNESS_WEIGHTS,
    "body": {name: weight for name, weight in ILLNESS_WEIGHTS.items() if name != "steps"},
    "pair": {"night_heart_rate": 1.0, "steps": 1.0},
    "steps": {"steps": 1.0},
    "timing": {"sleep_onset_h": 1.0, "first_activity_h": 0.7, "circadian_phase_h": 0.5},
    "length": {"sleep_minutes": 1.0, "sleep_efficiency": 0.7},
    "sleep": {
        "sleep_minutes": 1.0,
        "sleep_efficiency": 0.7,
        "sleep_onset_h": 1.0,
        "sleep_regularity": 1.0,
        "circadian_phase_h": 0.5,
    },
    "withdrawal": {"steps": 1.0, "longest_still_minutes": 0.7, "first_activity_h": 0.5},
    "acute_load": {"aroused_minutes": 1.0, "eda_level": 0.7},
    "drift": {
        "night_heart_rate": 1.0,
        "resting_heart_rate": 1.0,
        "night_hrv_rmssd": 0.7,
        "night_skin_temperature": 0.5,
        "night_respiratory_rate": 0.7,
        "circadian_amplitude": 0.7,
        "circadian_phase_h": 0.5,
        "sleep_minutes": 0.7,
        "sleep_efficiency": 0.5,
        "sleep_onset_h": 0.7,
        "sleep_regularity": 0.7,
        "steps": 1.0,
        "longest_still_minutes": 0.5,
        "first_activity_h": 0.5,
    },
}
SMOOTHING: Final = {
    "illness": 0.3,
    "body": 0.3,
    "withdrawal": 0.25,
    "acute_load": 0.3,
    "pair": 0.3,
    "steps": 0.25,
}

_TOGETHER: Final = {
    ("night_heart_rate", "night_hrv_rmssd"): -0.5,
    ("night_heart_rate", "night_skin_temperature"): 0.2,
    ("night_heart_rate", "night_respiratory_rate"): 0.3,
    ("night_heart_rate", "steps"): 0.1,
    ("night_hrv_rmssd", "night_skin_temperature"): -0.1,
    ("night_hrv_rmssd", "night_respiratory_rate"): -0.2,
    ("night_hrv_rmssd", "sleep_minutes"): 0.2,
    ("night_skin_temperature", "night_respiratory_rate"): 0.2,
    ("night_skin_temperature", "night_spo2"): -0.1,
    ("night_respiratory_rate", "night_spo2"): -0.1,
    ("night_respiratory_rate", "sleep_efficiency"): -0.1,
    ("night_heart_rate", "resting_heart_rate"): 0.6,
    ("night_hrv_rmssd", "resting_heart_rate"): -0.4,
    ("resting_heart_rate", "heart_rate_per_step"): 0.3,
    ("sleep_minutes", "sleep_onset_h"): -0.5,
    ("sleep_onset_h", "circadian_phase_h"): 0.4,
    ("sleep_onset_h", "first_activity_h"): 0.4,
    ("steps", "longest_still_minutes"): -0.6,
    ("steps", "first_activity_h"): -0.3,
    ("aroused_minutes", "eda_level"): 0.3,
}

_WITHDRAWAL_TAIL: Final = ((0.1656, 0.4517, 0.7316, 0.9330, 1.1700), 0.2069, -0.018, 0.240)
TAILS: Final = {
    "illness": ((0.3324, 0.7873, 1.3111, 1.6052, 1.9374), 0.3953, 0.188, 0.200),
    "sleep": ((0.5996, 0.8983, 1.2374, 1.4627, 1.8607), 0.2378, 0.135, 0.185),
    "withdrawal": _WITHDRAWAL_TAIL,
    "acute_load": _WITHDRAWAL_TAIL,
    "drift": ((0.7155, 1.2541, 1.8007, 2.0764, 2.4786), 1.4725, -0.500, 0.280),
}
"""Quantiles 50, 75, 90, 95, 98; scale and shape of what lies above; episodes for each such day."""
BUDGETS: Final = {
    "illness": 0.20,
    "sleep": 0.20,
    "withdrawal": 0.35,
    "acute_load": 0.15,
    "drift": 0.10,
}
FAMILIES: Final[tuple[str, ...]] = ("illness", "sleep", "withdrawal", "acute_load", "drift")


def together(one: str, other: str) -> float:
    """Return how two measures go together, turned so that more is worse in both."""
    if one == other:
        return 1.0
    plain = _TOGETHER.get((one, other), _TOGETHER.get((other, one), 0.0))
    return plain * RULES[one].worse * RULES[other].worse


def threshold(family: str, share: float = 1.0) -> float:
    """Return the score above which there are as many episodes a month as the budget allows."""
    knots, scale, shape, episodes_a_day = TAILS[family]
    days_a_month = 30.44
    rare = share * BUDGETS[family] / days_a_month / episodes_a_day
    if rare < 0.02:
        return float(knots[-1] + scale / shape * ((rare / 0.02) ** -shape - 1))
    quantiles = (0.5, 0.75, 0.9, 0.95, 0.98)
    place = max(index for index in range(4) if quantiles[index] <= 1 - rare)
    low, high = quantiles[place], quantiles[place + 1]
    part = (1 - rare - low) / (high - low)
    return knots[place] * (1 - part) + knots[place + 1] * part


REVIEW: Final = {family: threshold(family) for family in FAMILIES}
CHECK_TODAY: Final = {family: threshold(family, 0.5) / REVIEW[family] for family in FAMILIES}

assert all(math.isfinite(one) for one in (*REVIEW.values(), *CHECK_TODAY.values()))
