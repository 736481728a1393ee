"""Histories that are hard to judge: lives of days with changes, gaps and notes of every kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidewell.vocabulary import FEATURE_NAMES

FIRST_DAY: Final = 20_000

_USUAL: Final = {
    # name: (middle, spread from day to day, more of it on a weekend)
    "night_heart_rate": (58, 1.6, 0.5),
    "resting_heart_rate": (66, 2.2, 0),
    "night_hrv_rmssd": (62, 9, 0),
    "night_skin_temperature": (34, 0.35, 0),
    "night_respiratory_rate": (15.5, 0.5, 0),
    "night_spo2": (97, 0.7, 0),
    "heart_rate_per_step": (38, 4, 0),
    "circadian_amplitude": (11, 1.6, 0),
    "circadian_phase_h": (15, 0.6, 0.8),
    "sleep_minutes": (500, 38, 55),
    "sleep_efficiency": (90, 2.2, 0),
    "sleep_onset_h": (10.4, 0.6, 1.1),
    "sleep_regularity": (62, 5, 0),
    "steps": (9_000, 2_400, -1_500),
    "longest_still_minutes": (110, 28, 25),
    "first_activity_h": (7.2, 0.6, 1.6),
    "eda_level": (2.2, 0.5, 0),
    "aroused_minutes": (16, 9, 0),
}
_CHANGES: Final[dict[str, dict[str, float]]] = {
    "illness": {
        "night_heart_rate": 7,
        "resting_heart_rate": 7,
        "night_hrv_rmssd": -22,
        "night_skin_temperature": 1.0,
        "night_respiratory_rate": 2.2,
        "night_spo2": -2,
        "steps": -6_000,
    },
    "sleep": {
        "sleep_minutes": -190,
        "sleep_efficiency": -9,
        "sleep_onset_h": 3.2,
        "sleep_regularity": -28,
        "circadian_phase_h": 2.2,
    },
    "withdrawal": {
        "steps": -7_200,
        "longest_still_minutes": 160,
        "first_activity_h": 3.4,
    },
    "acute_load": {"aroused_minutes": 110, "eda_level": 3.5},
    "travel": {"circadian_phase_h": 7, "sleep_onset_h": 6},
}
"""How far the measures go on the worst day of a change."""
_DRIFT: Final = {
    "night_heart_rate": 7,
    "resting_heart_rate": 8,
    "night_hrv_rmssd": -20,
    "circadian_amplitude": -5,
    "sleep_regularity": -16,
    "steps": -4_200,
}


@dataclass
class Life:
    """What happens to one person: features by day, and what others say about the days.

    `notes`, `outcomes` and `devices` are said on the day under which they stand, before it closes.
    """

    features: dict[int, dict[str, float]] = field(default_factory=dict)
    notes: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    outcomes: dict[int, tuple[str, bool]] = field(default_factory=dict)
    devices: set[int] = field(default_factory=set)


def a_life(rng: np.random.Generator, days: int, names: tuple[str, ...] = FEATURE_NAMES) -> Life:
    """Return a life with changes, gaps, channels that come and go, notes and answers."""
    life = Life()
    own = {name: middle + spread * rng.normal() for name, (middle, spread, _) in _USUAL.items()}
    change, ends, size = None, 0, 1.0
    drift_from = int(rng.integers(days // 2, days + 60))
    away: set[str] = set()
    next_day = 0
    for place in range(days):
        day = FIRST_DAY + place
        if place >= ends:
            begins = rng.random() < 0.07 and place > 25
            change = str(rng.choice(list(_CHANGES))) if begins else None
            ends = place + int(rng.integers(2, 34 if rng.random() < 0.2 else 9)) if begins else 0
            size = rng.uniform(0.35, 1.2)
        if rng.random() < 0.03:
            away = {name for name in names if rng.random() < 0.25}
        _say(life, day, rng)
        if place < next_day:
            continue
        if rng.random() < 0.03:
            next_day = place + int(rng.choice([1, 2, 3, 6, 9, 14, 40], p=[0.4, 0.2] + [0.08] * 5))
            continue
        shift = _CHANGES.get(change or "", {})
        slow = min(max((place - drift_from) / 25, 0), 1.4)
        measured = [name for name in names if name not in away and rng.random() > 0.04]
        if rng.random() < 0.02:
            measured = []
        life.features[day] = {
            name: _value(name, own[name], day, size * shift.get(name, 0), slow, rng)
            for name in measured
        }
    return life


def _value(
    name: str, own: float, day: int, shift: float, slow: float, rng: np.random.Generator
) -> float:
    _, spread, more = _USUAL[name]
    weekend = (day + 3) % 7 >= 5
    value = own + more * weekend + shift + slow * _DRIFT.get(name, 0) + spread * rng.standard_t(5)
    most = 100 if name in {"sleep_efficiency", "night_spo2", "sleep_regularity"} else 60_000
    return float(np.float32(min(max(value, 0), most)))


def _say(life: Life, day: int, rng: np.random.Generator) -> None:
    if rng.random() < 0.025:
        kind = str(rng.choice(["ill", "exams", "holiday", "someone_else", "other"]))
        first = day + int(rng.integers(-12, 4))
        life.notes[day] = kind, first, first + int(rng.integers(0, 6))
    if rng.random() < 0.04:
        families = ["illness", "sleep", "withdrawal", "acute_load", "drift"]
        life.outcomes[day] = str(rng.choice(families)), bool(rng.random() < 0.5)
    if rng.random() < 0.004:
        life.devices.add(day)


def as_row(features: dict[str, float]) -> NDArray[np.float32]:
    """Return features in the order of the vocabulary, NaN where there is none."""
    return np.array([features.get(name, np.nan) for name in FEATURE_NAMES], np.float32)
