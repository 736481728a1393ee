"""Changes laid over real quiet days, for what no public recording has a label for.

A change starts on a seeded day of a real person's series and moves real values; missing days stay
missing. Its size is in the person's own spread (MAD, scaled to a standard deviation, of the days
before it), or in hours and shares. A found injection says that a change of that size is seen; it
does not say how often such a change is something that matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidewell.evaluation.metrics import QUIET_AFTER_DAYS, QUIET_BEFORE_DAYS
from tidewell.evaluation.people import PersonDays, seed_of
from tidewell.vocabulary import FEATURE_NAMES, Family

MAD_TO_SD: Final = 1.4826
PLACEMENTS: Final = 3
"""Starts for each person: more of them would say the same about the same few people."""
GRACE_DAYS: Final = 3
"""Days after the end in which a smoothed score may still say so."""
LEAST_PRESENT: Final = 0.6
"""Share of the changed days that must have a value: what was not measured cannot be found."""
JUST_BEFORE_DAYS: Final = 28
LEAST_JUST_BEFORE: Final = 0.5
"""Share of the days just before that must have a value: after a gap of weeks nothing is usual yet.

Where too little was measured just before, Tidewell gives no score at all and says so. That is how
it is meant to be, and it says nothing about how well a change is seen.
"""

BODY: Final = {
    "night_heart_rate": 2.0,
    "resting_heart_rate": 2.0,
    "night_hrv_rmssd": -2.0,
    "night_skin_temperature": 2.0,
    "night_respiratory_rate": 2.0,
    "night_spo2": -2.0,
}
"""Two spreads in the direction of an illness, on whatever of these a person's device measures."""


@dataclass(frozen=True, slots=True)
class Injection:
    """One kind of change.

    `spreads`: feature to shift in the person's own spread; `shifts`: feature to shift in its unit;
    `factors`: feature to what is left of it. `ramp`: the size grows evenly to its full height on
    the last day. `history_days` have to lie before the start; `budget` is the false episodes per
    person-month at which it is to be found.
    """

    name: str
    words: str
    family: Family
    days: int
    budget: float = 0.25
    history_days: int = 28
    ramp: bool = False
    spreads: tuple[tuple[str, float], ...] = ()
    shifts: tuple[tuple[str, float], ...] = ()
    factors: tuple[tuple[str, float], ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The features that it changes."""
        return tuple(name for name, _ in (*self.spreads, *self.shifts, *self.factors))


INJECTIONS: Final = (
    Injection(
        "body_step",
        "Every body channel 2 spreads towards illness, 7 days",
        Family.ILLNESS,
        7,
        spreads=tuple(BODY.items()),
    ),
    Injection(
        "heart_step",
        "Night heart rate alone 2 spreads up, 7 days",
        Family.ILLNESS,
        7,
        spreads=(("night_heart_rate", 2.0),),
    ),
    Injection(
        "body_ramp",
        "Every body channel, slowly to 2 spreads over 42 days",
        Family.DRIFT,
        42,
        budget=0.1,
        ramp=True,
        spreads=tuple(BODY.items()),
    ),
    Injection(
        "heart_ramp",
        "Night heart rate alone, slowly to 2 spreads over 42 days",
        Family.DRIFT,
        42,
        budget=0.1,
        ramp=True,
        spreads=(("night_heart_rate", 2.0),),
    ),
    Injection(
        "step_cut",
        "Steps cut by 60 %, 7 days",
        Family.WITHDRAWAL,
        7,
        factors=(("steps", 0.4),),
    ),
    Injection(
        "late_sleep",
        "Falling asleep and getting up 3 hours later, 7 days",
        Family.SLEEP,
        7,
        shifts=(("sleep_onset_h", 3.0), ("first_activity_h", 3.0), ("circadian_phase_h", 3.0)),
    ),
    Injection(
        "short_sleep",
        "Two hours less sleep, 4 days",
        Family.SLEEP,
        4,
        shifts=(("sleep_minutes", -120.0),),
    ),
)


@dataclass(frozen=True, slots=True)
class Placed:
    """An injection in a person's days: `original` is their place in the list that was given."""

    injection: Injection
    original: int
    start: int
    person: PersonDays

    @property
    def last(self) -> int:
        """The last day on which finding it counts."""
        return self.start + self.injection.days - 1 + GRACE_DAYS


def place_all(
    people: Sequence[PersonDays], seed: int, injections: Sequence[Injection] = INJECTIONS
) -> list[Placed]:
    """Return every injection at seeded starts in every person whose days allow it."""
    placed = []
    for original, person in enumerate(people):
        for number, injection in enumerate(injections):
            rng = np.random.default_rng([*seed_of(person.label, seed), number])
            possible = possible_starts(person, injection)
            drawn = rng.permutation(possible)[:PLACEMENTS]
            placed += [
                Placed(injection, original, start, inject(person, injection, start))
                for start in sorted(drawn.tolist())
            ]
    return placed


def possible_starts(person: PersonDays, injection: Injection) -> NDArray[np.int64]:
    """Return the days on which it may start: enough history, enough values, far from an onset."""
    columns = [FEATURE_NAMES.index(name) for name in injection.features]
    day = person.day[(~np.isnan(person.features[:, columns])).any(axis=1)]
    if not len(day):
        return np.empty(0, np.int64)
    starts = np.arange(day[0], day[-1] - injection.days - GRACE_DAYS + 2)
    before = np.searchsorted(day, starts)
    present = np.searchsorted(day, starts + injection.days) - before
    just_before = before - np.searchsorted(day, starts - JUST_BEFORE_DAYS)
    fits = (before >= injection.history_days) & (present >= LEAST_PRESENT * injection.days)
    fits &= just_before >= LEAST_JUST_BEFORE * JUST_BEFORE_DAYS
    if person.onset is not None:
        last = starts + injection.days - 1 + GRACE_DAYS
        fits &= (last < person.onset - QUIET_BEFORE_DAYS) | (
            starts > person.onset + QUIET_AFTER_DAYS
        )
    return starts[fits]


def inject(person: PersonDays, injection: Injection, start: int) -> PersonDays:
    """Return the person's days up to the end of the window, with the change in them."""
    kept = person.day < start + injection.days + GRACE_DAYS
    day, features = person.day[kept], person.features[kept].copy()
    since = day - start
    inside = (since >= 0) & (since < injection.days)
    strength = np.where(inside, (since + 1) / injection.days if injection.ramp else 1.0, 0.0)
    before = features[day < start]
    for name, size in injection.spreads:
        column = FEATURE_NAMES.index(name)
        features[:, column] += strength * size * spread_of(before[:, column])
    for name, shift in injection.shifts:
        features[:, FEATURE_NAMES.index(name)] += strength * shift
    for name, left in injection.factors:
        features[:, FEATURE_NAMES.index(name)] *= 1 - strength * (1 - left)
    return replace(person, day=day, features=np.maximum(features, 0))


def spread_of(values: NDArray[np.float32]) -> float:
    """Return the MAD of the valid values, scaled to a standard deviation; 0 of none.

    Example:
        >>> round(spread_of(np.array([1, 2, 3, 4, 100, np.nan], np.float32)), 4)
        1.4826
    """
    valid = values[~np.isnan(values)].astype(np.float64)
    if not len(valid):
        return 0.0
    return float(np.median(np.abs(valid - np.median(valid))) * MAD_TO_SD)


def without_half(person: PersonDays, seed: int) -> PersonDays:
    """Return the person with every day removed with a chance of one half."""
    kept = np.random.default_rng(seed_of(person.label, seed)).random(len(person.day)) < 0.5
    return replace(person, day=person.day[kept], features=person.features[kept])
