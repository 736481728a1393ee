"""Virtual young people: what is usual for each of them, made up from a number.

They have a code instead of a name. Nobody real is behind any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

YOUNGEST: Final = 11
OLDEST: Final = 17
RESTING_LOW_BPM: Final = 55.0
RESTING_HIGH_BPM: Final = 80.0
PEOPLE_MAX: Final = 100_000
"""More virtual people than any children's service has; a typing error ends here."""

_PEOPLE_STREAM: Final = 0x70656F70
"""Keeps the numbers behind traits apart from those behind days, which share the seed."""


@dataclass(frozen=True, slots=True)
class PersonTraits:
    """What stays the same about a person from day to day.

    `number` and the seed of a run say everything else about them.
    """

    number: int
    label: str
    age_years: int
    resting_heart_rate_bpm: float
    hrv_rmssd_ms: float
    skin_temperature_awake_c: float
    eda_us: float
    spo2_percent: float
    respiration_asleep: float
    wake_school_min: float
    bed_school_min: float
    weekend_shift_min: float
    activity: float
    """1 is an ordinary amount of moving about; 1.6 somebody in every team, 0.6 rather at home."""
    sport_weekdays: frozenset[int]
    charges_at_min: int
    charges_every_days: int
    charge_takes_min: int
    night_off_chance: float


def build_virtual_people(count: int, seed: int) -> list[PersonTraits]:
    """Return this many people, the same ones for the same seed; more of them changes nobody.

    Example:
        >>> [person.label for person in build_virtual_people(2, 1)]
        ['Person 1', 'Person 2']
    """
    if not 1 <= count <= PEOPLE_MAX:
        raise ValueError(f"{count} people; expected 1 to {PEOPLE_MAX}")
    return [_build_person(number, seed) for number in range(1, count + 1)]


def _build_person(number: int, seed: int) -> PersonTraits:
    rng = np.random.default_rng([seed, _PEOPLE_STREAM, number])
    age = int(rng.integers(YOUNGEST, OLDEST + 1))
    older = (age - YOUNGEST) / (OLDEST - YOUNGEST)
    resting = float(np.clip(rng.normal(73 - 9 * older, 4), RESTING_LOW_BPM + 1, RESTING_HIGH_BPM))
    sports = rng.choice(5, size=int(rng.integers(0, 4)), replace=False)
    return PersonTraits(
        number=number,
        label=f"Person {number}",
        age_years=age,
        resting_heart_rate_bpm=resting,
        hrv_rmssd_ms=float(np.clip(rng.normal(68 - 0.8 * (resting - 65), 12), 30, 120)),
        skin_temperature_awake_c=float(rng.normal(32.3, 0.4)),
        eda_us=float(rng.lognormal(np.log(1.6), 0.4)),
        spo2_percent=float(rng.normal(97.6, 0.4)),
        respiration_asleep=float(rng.normal(17.0 - 1.8 * older, 0.9)),
        wake_school_min=float(rng.normal(6 * 60 + 55, 12)),
        bed_school_min=float(rng.normal(21 * 60 + 20 + 75 * older, 15)),
        weekend_shift_min=float(rng.uniform(50, 90 + 50 * older)),
        activity=float(np.clip(rng.lognormal(0.05, 0.22), 0.6, 1.6)),
        sport_weekdays=frozenset(sports.tolist()),
        charges_at_min=int(rng.choice([7 * 60 + 10, 18 * 60 + 30, 20 * 60])),
        charges_every_days=int(rng.integers(1, 4)),
        charge_takes_min=int(rng.integers(25, 70)),
        night_off_chance=float(rng.choice([0.0, 0.01, 0.03])),
    )
