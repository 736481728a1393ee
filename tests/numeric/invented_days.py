"""Invented people and their days: their own level, a week, days that resemble the day before, gaps.

Nothing here was measured on anybody. Every person has an own level and an own spread for each
measure; days follow each other (a tired day makes the next one likelier), measures of one thing
move together, weekends differ, and ten to thirty days in a hundred are missing. All of it comes
from a seed. What is laid over the days of a person is said in their own spreads, as the tests say
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect import Detector, EpisodeChange, ReadingBatch
from detect.findings import FAMILIES
from detect.policy import Policy
from tidewell.local_time import DAY_MS, zone_table
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES, Family

FIRST_DAY: Final = 20_003
SILENCE_MS: Final = 4 * 3_600_000
LIKE_YESTERDAY: Final = 0.35
"""Correlation of a day with the one before."""
LIKE_LAST_WEEK: Final = 0.93
WANDERS: Final = 0.25
"""Share of the variance that comes and goes over weeks, which makes quiet people hard to judge."""
TAIL: Final = 5
"""Degrees of freedom of Student's t: odd days are commoner than in a normal sample."""
LOST_CHANNEL: Final = 0.04

BODY: Final = (
    "night_heart_rate",
    "resting_heart_rate",
    "night_hrv_rmssd",
    "night_skin_temperature",
    "night_respiratory_rate",
)
BASIC: Final = ("night_heart_rate", "steps")


@dataclass(frozen=True, slots=True)
class Kind:
    """How one measure goes in the middle person.

    `middle` and `between` are level and how far people differ in it, `spread` is from day to day
    and `weekend` what a weekend adds, both in logarithms where `log`. `common` says how much it
    shares with the other measures of its `group`, +1 all of it, -1 all of it the other way.
    """

    middle: float
    between: float
    spread: float
    group: str
    common: float
    weekend: float = 0.0
    log: bool = False
    most: float = 60_000.0


KINDS: Final = {
    "night_heart_rate": Kind(60, 6, 1.8, "body", 0.65),
    "resting_heart_rate": Kind(70, 6, 2.5, "body", 0.65),
    "night_hrv_rmssd": Kind(55, 0.3, 0.18, "body", -0.6, log=True),
    "night_skin_temperature": Kind(34, 0.6, 0.35, "body", 0.3),
    "night_respiratory_rate": Kind(15.5, 1.5, 0.6, "body", 0.4),
    "night_spo2": Kind(96.5, 0.6, 0.7, "body", -0.1, most=100),
    "heart_rate_per_step": Kind(38, 5, 4.5, "body", 0.3),
    "circadian_amplitude": Kind(11, 2, 1.8, "body", -0.2),
    "circadian_phase_h": Kind(15, 0.8, 0.45, "night", 0.5),
    "sleep_minutes": Kind(480, 35, 45, "night", -0.6, weekend=40),
    "sleep_efficiency": Kind(90, 2.5, 2.3, "night", -0.2, most=100),
    "sleep_onset_h": Kind(10.5, 0.8, 0.7, "night", 0.7, weekend=0.8),
    "sleep_regularity": Kind(62, 7, 5, "night", -0.2, most=100),
    "steps": Kind(8_500, 0.35, 0.4, "movement", 0.7, weekend=-0.15, log=True),
    "longest_still_minutes": Kind(110, 0.25, 0.32, "movement", -0.7, weekend=0.15, log=True),
    "first_activity_h": Kind(7.2, 0.7, 0.8, "movement", -0.4, weekend=1.4),
    "eda_level": Kind(2.2, 0.4, 0.22, "tension", 0.5, log=True),
    "aroused_minutes": Kind(14, 0.4, 0.6, "tension", 0.5, log=True),
}
GROUPS: Final = tuple(dict.fromkeys(kind.group for kind in KINDS.values()))
assert tuple(KINDS) == FEATURE_NAMES

Cube = NDArray[np.float64]
"""float64[people, days, features] on the scale on which a measure varies, NaN = missing."""


@dataclass(frozen=True, slots=True)
class People:
    """Days of people, and how far each of them varies: float64[people, features]."""

    values: Cube
    spread: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    def shifted(self, spreads: Mapping[str, NDArray[np.float64] | float], first: int) -> People:
        """Return these people with so many of their own spreads laid over days from `first` on.

        A value is one number for each of the days, or one number for all that follow.
        """
        values = self.values.copy()
        for name, sizes in spreads.items():
            place = FEATURE_NAMES.index(name)
            by_day = np.atleast_1d(np.asarray(sizes, np.float64))
            days = slice(first, first + len(by_day)) if np.ndim(sizes) else slice(first, None)
            values[:, days, place] += by_day[None, :] * self.spread[:, place, None]
        return People(values, self.spread)

    def moved(self, by: Mapping[str, float], first: int, days: int) -> People:
        """Return these people with an amount added, in logarithms where a measure has them."""
        values = self.values.copy()
        for name, amount in by.items():
            values[:, first : first + days, FEATURE_NAMES.index(name)] += amount
        return People(values, self.spread)

    def only(self, names: tuple[str, ...]) -> People:
        """Return these people measured in a few ways only."""
        values = self.values.copy()
        values[:, :, [name not in names for name in FEATURE_NAMES]] = np.nan
        return People(values, self.spread)

    def features(self) -> NDArray[np.float32]:
        """Return the days in each measure's own unit: float32[people, days, features]."""
        is_log = np.array([kind.log for kind in KINDS.values()])
        most = np.array([kind.most for kind in KINDS.values()])
        plain = np.where(is_log, np.exp(np.where(is_log, self.values, 0.0)), self.values)
        least = np.where(np.isnan(plain), np.nan, 0.0)
        return np.fmin(np.maximum(plain, least), np.where(np.isnan(plain), np.nan, most)).astype(
            np.float32
        )


def invented_people(seed: int, people: int, days: int) -> People:
    """Return so many people, quiet ones: nothing happens to them but life."""
    rng = np.random.default_rng(seed)
    noise = _noise(rng, people, days)
    middle = np.array([np.log(k.middle) if k.log else k.middle for k in KINDS.values()])
    between = np.array([kind.between for kind in KINDS.values()])
    weekend = np.array([kind.weekend for kind in KINDS.values()])
    count = len(KINDS)
    spread = np.array([kind.spread for kind in KINDS.values()]) * np.exp(
        rng.normal(0, 0.25, (people, count))
    )
    level = middle + between * rng.normal(size=(people, count))
    is_weekend = (np.arange(FIRST_DAY, FIRST_DAY + days) + 3) % 7 >= 5
    own_week = weekend * rng.normal(1, 0.5, (people, count))
    values = level[:, None] + spread[:, None] * noise
    values += own_week[:, None] * is_weekend[None, :, None]
    values[rng.random(values.shape) < LOST_CHANNEL] = np.nan
    values[_lost_days(rng, people, days)] = np.nan
    return People(values, spread)


def _noise(rng: np.random.Generator, people: int, days: int) -> Cube:
    """Return noise of one spread: like the day before, and like the other measures of its group."""
    common = np.array([kind.common for kind in KINDS.values()])
    group = np.array([GROUPS.index(kind.group) for kind in KINDS.values()])
    scale = np.sqrt((TAIL - 2) / TAIL)
    own = scale * rng.standard_t(TAIL, (people, days, len(KINDS)))
    shared = scale * rng.standard_t(TAIL, (people, days, len(GROUPS)))
    noise = np.sqrt(1 - common**2) * own + common * shared[:, :, group]
    fast = _following(noise, LIKE_YESTERDAY)
    slow = _following(rng.normal(size=noise.shape), LIKE_LAST_WEEK)
    mixed: Cube = np.sqrt(1 - WANDERS) * fast + np.sqrt(WANDERS) * slow
    return mixed


def _following(fresh: Cube, like_before: float) -> Cube:
    """Return noise of the same spread in which a day is like the one before."""
    found = fresh.copy()
    for day in range(1, found.shape[1]):
        new = np.sqrt(1 - like_before**2) * fresh[:, day]
        found[:, day] = like_before * found[:, day - 1] + new
    return found


def _lost_days(rng: np.random.Generator, people: int, days: int) -> NDArray[np.bool_]:
    """Return which days are missing: singly and in runs of up to three, 10 to 30 in a hundred."""
    begins = rng.random((people, days)) < rng.uniform(0.05, 0.18, (people, 1))
    length = rng.integers(1, 4, (people, days))
    lost = begins.copy()
    for ahead in (1, 2):
        lost[:, ahead:] |= begins[:, :-ahead] & (length[:, :-ahead] > ahead)
    return lost


@dataclass(frozen=True, slots=True)
class Found:
    """What a detector said of people and days.

    Attributes:
        scores: float32[people, days, families]. score: float32[people, days].
        level: int8[people, days]; NaN and 0 where there was no day.
        opened: bool[people, days, families], an episode opened.
        changes: all of them, in order.
    """

    scores: NDArray[np.float32]
    score: NDArray[np.float32]
    level: NDArray[np.int8]
    opened: NDArray[np.bool_]
    changes: tuple[EpisodeChange, ...]

    def share(self, family: Family | None, first: int, days: int) -> float:
        """Return the share of people for whom an episode (of a family) opened in these days."""
        window = self.opened[:, first : first + days]
        chosen = window if family is None else window[:, :, FAMILIES.index(family)]
        return float(chosen.reshape(len(window), -1).any(axis=1).mean())

    def reached(self, family: Family, first: int, days: int) -> float:
        """Return the share of people whose score of a family reached 1 in these days."""
        window = self.scores[:, first : first + days, FAMILIES.index(family)]
        return float((window >= 1).any(axis=1).mean())

    def people(self, part: slice) -> Found:
        """Return what was said of some of the people; `changes` are not divided."""
        return Found(
            self.scores[part], self.score[part], self.level[part], self.opened[part], self.changes
        )


def of_the_body(spreads: float, days: int) -> dict[str, NDArray[np.float64]]:
    """Return five measures of the body, each so much worse for so many days."""
    return {
        name: np.full(days, spreads * (-1 if name == "night_hrv_rmssd" else 1)) for name in BODY
    }


def detector_of(people: int, policy: Policy | None = None) -> Detector:
    """Return a detector that knows people 0, 1, and so on."""
    detector = Detector(silence_after_s=SILENCE_MS // 1000, policy=policy)
    for person in range(people):
        detector.add_person(person, zone_table("UTC"))
    return detector


def judged(people: People, policy: Policy | None = None) -> Found:
    """Let a detector judge all days, one after the other; days without any value never come."""
    features = people.features()
    count, days, _ = features.shape
    detector = detector_of(count, policy)
    scores = np.full((count, days, len(FAMILIES)), np.nan, np.float32)
    score = np.full((count, days), np.nan, np.float32)
    level = np.zeros((count, days), np.int8)
    opened = np.zeros((count, days, len(FAMILIES)), np.bool_)
    changes: list[EpisodeChange] = []
    for place in range(days):
        there = np.flatnonzero(~np.isnan(features[:, place]).all(axis=1))
        day = np.full(len(there), FIRST_DAY + place)
        found = detector.score_days(there, day, features[there, place])
        scores[there, place], score[there, place] = found.days.family_scores, found.days.score
        level[there, place] = found.days.level
        changes += found.changes
    for one in changes:
        if one.kind == "opened":
            place = one.at_ms // DAY_MS - 1 - FIRST_DAY
            opened[one.person_id, place, FAMILIES.index(one.family)] = True
    return Found(scores, score, level, opened, tuple(changes))


def together(*groups: People) -> People:
    """Return several groups as one."""
    return People(
        np.concatenate([group.values for group in groups]),
        np.concatenate([group.spread for group in groups]),
    )


def worn_minutes(
    seed: int, people: int, channels: tuple[str, ...], *, taken_off: bool
) -> tuple[ReadingBatch, NDArray[np.int64]]:
    """Return two days of minutes, in the order in which they came, and when a device came off.

    It comes off at some time of the second day, once for each person; the minute is counted from
    1970. What the body gives is missing from then on, the device lies still and cools down.
    """
    rng = np.random.default_rng(seed)
    minutes = 2 * 1440
    time_ms = FIRST_DAY * DAY_MS + np.arange(minutes, dtype=np.int64) * 60_000
    off_at = 1440 + rng.integers(8 * 60, 20 * 60, people)
    values = np.full((people, minutes, len(CHANNEL_NAMES)), np.nan, np.float32)
    for person in range(people):
        lived = _minutes_of(rng, minutes, int(off_at[person]) if taken_off else minutes)
        for name in channels:
            values[person, :, CHANNEL_NAMES.index(name)] = lived[name]
    batch = ReadingBatch(
        np.repeat(np.arange(people), minutes),
        np.tile(time_ms, people),
        np.tile(time_ms + 61_000, people),
        np.full(people * minutes, 60),
        values.reshape(people * minutes, -1),
    )
    order = np.argsort(batch.received_ms, kind="stable")
    return batch.take(order), FIRST_DAY * 1440 + off_at


def _minutes_of(
    rng: np.random.Generator, minutes: int, off_at: int
) -> dict[str, NDArray[np.float64]]:
    minute = np.arange(minutes)
    hour, off = minute % 1440 / 60, minute >= off_at
    asleep = (hour < 7) | (hour >= 22.5)
    walking = ~asleep & ~off & (rng.random(minutes) < 0.3)
    steps = np.where(walking, rng.integers(20, 90, minutes), 0.0)
    heart_rate = np.where(asleep, 57, 74) + steps / 6 + rng.normal(0, 2, minutes)
    moving = np.where(walking, 200, np.where(asleep, 12, 40)) + rng.normal(0, 4, minutes)
    lying = 2 + rng.normal(0, 0.3, minutes)
    cooling = 22 + 11.5 * np.exp(-np.maximum(minute - off_at, 0) / 8)
    return {
        "heart_rate": np.where(off, np.nan, heart_rate),
        "steps": steps,
        "motion": np.where(off, lying, moving),
        "skin_temperature": np.where(off, cooling, 33.5) + rng.normal(0, 0.05, minutes),
        "worn": np.where(off, 0.0, 1.0),
    }
