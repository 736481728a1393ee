"""How a virtual young person spends a day: when they sleep, what they walk, when the device is off.

Everything about a day comes from (seed, person, day) and from nothing else, so that a minute is the
same whichever stretch of time is asked for. Minutes count from the day's local midnight; a bedtime
after midnight is more than 1,440.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from firmware_sim.people import PersonTraits

DAY_MIN: Final = 1_440
SATURDAY: Final = 5
_EPOCH_WEEKDAY: Final = 3
"""1970-01-01, day 0, was a Thursday."""
AWAKE, LIGHT, DEEP, REM = 0, 1, 2, 3
DAILY_LOG_SD: Final = 0.30
"""With the bouts' own chance, a person's daily steps spread with a log-sd of about 0.35."""
NIGHTLY_HEART_RATE_SD_BPM: Final = 1.75
"""From one night to the next, as wearables show it: 1.5 to 2 bpm after averaging over the night."""


class Stream(IntEnum):
    """Independent streams of chance within a day, so that one more draw moves nothing else."""

    LEVEL = 1
    PLAN = 2
    NIGHT = 3
    BOUTS = 4
    NOISE = 5
    WEAR = 6
    ARTEFACTS = 7


@dataclass(frozen=True, slots=True)
class Pull:
    """How a scenario pulls at one day as a whole."""

    log_activity: float = 0.0
    bed_later_min: float = 0.0
    wake_later_min: float = 0.0
    awakenings: float = 0.0


@dataclass(frozen=True, slots=True)
class DayPlan:
    """When the person wakes in the morning of this day and goes to bed at its end."""

    wake_min: int
    bed_min: int


@dataclass(frozen=True, slots=True)
class DayKey:
    """Which day of whom: all that a day's chance depends on."""

    seed: int
    person: int
    day: int
    away: int
    """0 at home; another number in another time zone, whose days are other days."""

    def rng(self, stream: Stream) -> np.random.Generator:
        """Return the day's own generator for one purpose."""
        return np.random.default_rng(
            [self.seed, self.person, self.day + 1_000_000, self.away, stream]
        )

    def moved(self, days: int) -> DayKey:
        """Return the key of a day before or after."""
        return DayKey(self.seed, self.person, self.day + days, self.away)

    @property
    def weekday(self) -> int:
        """Return 0 for Monday up to 6 for Sunday."""
        return (self.day + _EPOCH_WEEKDAY) % 7


def levels(key: DayKey) -> NDArray[np.float64]:
    """Return how this day differs from others: heart rate, log HRV, temperature, log steps."""
    rng = key.rng(Stream.LEVEL)
    spread = [NIGHTLY_HEART_RATE_SD_BPM, 0.09, 0.15, DAILY_LOG_SD]
    return np.clip(rng.standard_normal(4), -2.8, 2.8) * spread


def plan_day(traits: PersonTraits, key: DayKey, pull: Pull) -> DayPlan:
    """Return when the person wakes and goes to bed on this day."""
    rng = key.rng(Stream.PLAN)
    lie_in = traits.weekend_shift_min if key.weekday >= SATURDAY else 0.0
    late = 0.6 * traits.weekend_shift_min if key.weekday in {4, SATURDAY} else 0.0
    wake = traits.wake_school_min + lie_in + pull.wake_later_min + rng.normal(0, 12 + 0.2 * lie_in)
    bed = traits.bed_school_min + late + pull.bed_later_min + rng.normal(0, 20 + 0.2 * late)
    return DayPlan(int(np.clip(wake, 300, 780)), int(np.clip(bed, 1_170, 1_640)))


def sleep_night(key: DayKey, length_min: int, awakenings: float) -> NDArray[np.int8]:
    """Return the sleep states from lights out to waking up.

    Cycles of about 90 minutes: deep sleep early in the night, dreams towards the morning, and brief
    awakenings that nobody remembers.
    """
    rng = key.rng(Stream.NIGHT)
    states: list[int] = [AWAKE]
    lengths: list[int] = [int(rng.gamma(4.0, 3.5)) + round(4 * awakenings)]
    deep_min, rem_min = 42.0, 9.0
    while sum(lengths) < length_min:
        cycle = rng.normal(91, 8)
        deep = max(0.0, deep_min + rng.normal(0, 5))
        rem = max(4.0, rem_min + rng.normal(0, 4))
        light = max(10.0, cycle - deep - rem)
        states += [LIGHT, DEEP, LIGHT, REM]
        lengths += [round(0.55 * light), round(deep), round(0.45 * light), round(rem)]
        deep_min, rem_min = deep_min * 0.55, min(rem_min + 9, 36)
    night = np.repeat(np.array(states, dtype=np.int8), lengths)[:length_min]
    for start in rng.integers(20, max(21, length_min), size=int(rng.poisson(3 + 2.2 * awakenings))):
        night[start : start + int(rng.integers(1, 4 + round(3 * awakenings)))] = AWAKE
    return night


def sleep_of_day(
    traits: PersonTraits, key: DayKey, pulls: tuple[Pull, Pull, Pull]
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return sleep state and "in bed" for each minute of the day; pulls: day before, this, next."""
    before = plan_day(traits, key.moved(-1), pulls[0])
    today = plan_day(traits, key, pulls[1])
    after = plan_day(traits, key.moved(1), pulls[2])
    state = np.zeros(DAY_MIN, dtype=np.int8)
    in_bed = np.zeros(DAY_MIN, dtype=np.bool_)
    nights = (
        (key, before.bed_min - DAY_MIN, today.wake_min, pulls[1]),
        (key.moved(1), today.bed_min, after.wake_min + DAY_MIN, pulls[2]),
    )
    for night_key, bed, wake, pull in nights:
        night = sleep_night(night_key, wake - bed, pull.awakenings)
        first, last = max(bed, 0), min(wake, DAY_MIN)
        if first < last:
            state[first:last] = night[first - bed : last - bed]
            in_bed[first:last] = True
    return state, in_bed


def steps_of_day(
    traits: PersonTraits, key: DayKey, pull: Pull, in_bed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the steps of each minute: walks, sport, and the few steps of being at home."""
    rng = key.rng(Stream.BOUTS)
    much = traits.activity * np.exp(levels(key)[3] + pull.log_activity)
    steps = np.zeros(DAY_MIN)
    for start, length, cadence in _bouts(traits, key, rng, much):
        end = min(start + max(1, round(length)), DAY_MIN)
        here = np.maximum(rng.normal(cadence, 9, size=max(0, end - start)), 20)
        steps[start:end] = np.where(rng.random(len(here)) < 0.93, here, here * 0.3)
    pottering = (rng.random(DAY_MIN) < 0.16 * min(much, 2.5)) & (steps == 0)
    steps += pottering * rng.gamma(1.4, 11.0, DAY_MIN)
    nightly = in_bed & (rng.random(DAY_MIN) > 0.004)
    steps[nightly] = 0
    return np.minimum(np.round(steps), 230)


def _bouts(
    traits: PersonTraits, key: DayKey, rng: np.random.Generator, much: float
) -> list[tuple[int, float, float]]:
    """Return (start, minutes, steps a minute) of what a day of school or of free time holds."""
    if key.weekday < SATURDAY:
        usual = [
            (8 * 60 + 12, 17.0, 108.0),
            (10 * 60 + 40, 8.0, 75.0),
            (12 * 60 + 35, 16.0, 72.0),
            (15 * 60 + 25, 19.0, 106.0),
            (17 * 60 + 30, 14.0, 92.0),
        ]
        if key.weekday in traits.sport_weekdays:
            usual.append((16 * 60 + 40, 38.0, 138.0))
    else:
        usual = [
            (11 * 60 + 20, 16.0, 90.0),
            (14 * 60 + 10, 34.0, 96.0),
            (16 * 60 + 50, 20.0, 104.0),
            (19 * 60 + 20, 9.0, 88.0),
        ]
    jitter = rng.normal(0, 9 if key.weekday < SATURDAY else 40, size=len(usual))
    lengths = rng.lognormal(0, 0.3, size=len(usual)) * much
    return [
        (int(np.clip(start + shift, 0, DAY_MIN - 1)), minutes * factor, cadence)
        for (start, minutes, cadence), shift, factor in zip(usual, jitter, lengths, strict=True)
    ]


def worn_of_day(traits: PersonTraits, key: DayKey, in_bed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether the device is on the body: off for charging, and on some nights left aside."""
    rng = key.rng(Stream.WEAR)
    worn = np.ones(DAY_MIN, dtype=np.bool_)
    tonight_off = rng.random() < traits.night_off_chance
    shift, takes = rng.normal(0, 15), rng.normal(traits.charge_takes_min, 6)
    if (key.day + traits.number) % traits.charges_every_days == 0:
        start = round(traits.charges_at_min + shift)
        worn[start : start + max(8, round(takes))] = False
    evening = np.arange(DAY_MIN) >= DAY_MIN // 2
    if tonight_off:
        worn[in_bed & evening] = False
    if key.moved(-1).rng(Stream.WEAR).random() < traits.night_off_chance:
        worn[in_bed & ~evening] = False
    return worn
