"""The detector's slow twin: one reading at a time, plain Python, nothing clever.

It is written from the docstrings of `detect`, with `zoneinfo`, `statistics` and loops over days,
so that it can be read at a glance and shares no arithmetic with the fast path. Explanations are
left out. Thresholds are repeated here as numbers: a twin that imported them would agree with a
slip of the pen.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

HOUR_S: Final = 3_600
TWELVE_MINUTES_MS: Final = 720_000
NIGHT, STEPS = 0, 1
NAN: Final = math.nan


@dataclass(frozen=True)
class Reading:
    person: int
    time_ms: int
    received_ms: int
    period_s: int
    heart_rate: float
    steps: float
    worn: float


@dataclass(frozen=True)
class Day:
    person: int
    day: date
    features: tuple[float, float]
    usual: tuple[tuple[float, float, float], tuple[float, float, float]]
    worn_minutes: int
    score: float
    family: str
    level: int


@dataclass(frozen=True)
class Change:
    person: int
    family: str
    kind: str
    opened_at_ms: int
    at_ms: int
    level: int
    score: float


@dataclass
class OpenDay:
    day: date
    rest: list[tuple[float, int]] = field(default_factory=list)
    steps: float = 0.0
    step_s: int = 0
    heart_s: int = 0
    worn_s: int = 0
    wear_flag_s: int = 0
    reported_s: int = 0


@dataclass
class Person:
    number: int
    zone: ZoneInfo
    open: OpenDay | None = None
    last_step_ms: int | None = None
    compared: dict[date, tuple[float, float]] = field(default_factory=dict)
    last_closed: date | None = None
    smoothed: float = 0.0
    smoothed_night: float = 0.0
    episode: str = ""
    episode_level: int = 0
    episode_opened_ms: int = 0
    days_below: int = 0
    rest_until: date = date.min
    last_received_ms: int | None = None
    device: str = ""
    device_opened_ms: int = 0


class NaiveDetector:
    """Takes readings one by one; `days`, `changes` and `late` are what it found."""

    def __init__(self, silence_after_s: int, zones: dict[int, str]) -> None:
        self.silence_after_ms = silence_after_s * 1000
        self.people = {number: Person(number, ZoneInfo(name)) for number, name in zones.items()}
        self.days: list[Day] = []
        self.changes: list[Change] = []
        self.late = 0

    def update(self, readings: Iterable[Reading]) -> None:
        for reading in readings:
            self.take(self.people[reading.person], reading)

    def take(self, person: Person, reading: Reading) -> None:
        self.hear(person, reading.received_ms)
        shown = local_clock(person.zone, reading.time_ms)
        if person.open is None:
            person.open = OpenDay(shown.date())
        if shown.date() < person.open.day:
            self.late += 1
            return
        if shown.date() > person.open.day:
            self.close(person)
            person.open = OpenDay(shown.date())
        if reading.steps > 0:
            person.last_step_ms = max(person.last_step_ms or 0, reading.time_ms)
        add(person.open, reading, at_night=shown.hour < 7, resting=is_resting(person, reading))

    def hear(self, person: Person, received_ms: int) -> None:
        """A silence begins at its deadline and ends with the next reading."""
        last_ms = person.last_received_ms
        if last_ms is not None and received_ms - last_ms > self.silence_after_ms:
            self.fall_silent(person, last_ms)
        if person.device == "silent":
            self.change_device(person, "closed", received_ms)
        person.last_received_ms = max(received_ms, last_ms or 0)

    def tick(self, now_ms: int) -> None:
        for person in self.people.values():
            last_ms = person.last_received_ms
            if last_ms is not None and now_ms - last_ms > self.silence_after_ms:
                self.fall_silent(person, last_ms)

    def fall_silent(self, person: Person, last_ms: int) -> None:
        if person.device == "":
            person.device, person.device_opened_ms = "silent", last_ms + self.silence_after_ms
            self.change_device(person, "opened", person.device_opened_ms)

    def change_device(self, person: Person, kind: str, at_ms: int) -> None:
        opened_ms = person.device_opened_ms
        self.changes.append(
            Change(person.number, "device", kind, opened_ms, max(at_ms, opened_ms), 1, 0.0)
        )
        if kind == "closed":
            person.device = ""

    def close(self, person: Person) -> None:
        closing = person.open
        assert closing is not None
        end_ms = midnight_ms(person.zone, closing.day + timedelta(days=1))
        if person.device == "not worn" and closing.worn_s > 0:
            self.change_device(person, "closed", end_ms)
        elif person.device == "" and not closing.worn_s and closing.reported_s >= 10 * HOUR_S:
            person.device, person.device_opened_ms = "not worn", end_ms
            self.change_device(person, "opened", end_ms)
        features = (night_heart_rate(closing.rest), steps_of(closing))
        self.score(person, closing.day, features, closing.worn_s // 60)

    def score(
        self, person: Person, day: date, features: tuple[float, float], worn_minutes: int
    ) -> None:
        for _ in range((day - person.last_closed).days - 1 if person.last_closed else 0):
            person.smoothed *= 0.9
            person.smoothed_night *= 0.9
        night, steps = features
        logarithm = NAN if math.isnan(steps) else math.log1p(steps)
        compared = (float(np.float32(night)), float(np.float32(logarithm)))
        centre_0, spread_0 = usual_of(person, day, NIGHT, floor=1.0)
        centre_1, spread_1 = usual_of(person, day, STEPS, floor=0.2)
        z = (
            clipped((compared[NIGHT] - centre_0) / spread_0),
            clipped(-(compared[STEPS] - centre_1) / spread_1),
        )
        there = [one for one in z if not math.isnan(one)]
        today = sum(there) / math.sqrt(len(there)) if there else NAN
        person.smoothed = follow(person.smoothed, today)
        person.smoothed_night = follow(person.smoothed_night, z[NIGHT])
        person.compared[day] = compared
        person.last_closed = day
        score = person.smoothed if there else NAN
        level = 0 if math.isnan(score) else (score >= 1.6) + (score >= 2.4)
        body = "illness" if person.smoothed_night >= 0.5 else "withdrawal"
        family = body if score >= 1.0 else ""
        usual = (band(centre_0, spread_0), band_of_steps(centre_1, spread_1))
        number = person.number
        self.days.append(Day(number, day, features, usual, worn_minutes, score, family, level))
        if there:
            self.turn_episode(person, day, score, family, level)

    def turn_episode(
        self, person: Person, day: date, score: float, family: str, level: int
    ) -> None:
        at_ms = midnight_ms(person.zone, day + timedelta(days=1))
        if person.episode:
            kind = self.go_on(person, day, score, level)
        elif (
            level and (day > person.rest_until or level >= 2) and compared_days(person, day, 3) >= 2
        ):
            person.episode, person.episode_level, person.days_below = family, level, 0
            person.episode_opened_ms, kind = at_ms, "opened"
        else:
            kind = ""
        if kind:
            self.changes.append(
                Change(
                    person.number,
                    person.episode,
                    kind,
                    person.episode_opened_ms,
                    at_ms,
                    person.episode_level,
                    score,
                )
            )
        if kind == "closed":
            person.episode = ""

    def go_on(self, person: Person, day: date, score: float, level: int) -> str:
        if score < 0.96:
            person.days_below += 1
            if person.days_below < 2:
                return ""
            person.rest_until = day + timedelta(days=7)
            return "closed"
        person.days_below = 0
        worse = level > person.episode_level
        person.episode_level = max(level, person.episode_level)
        return "worsened" if worse else "continued"


def local_clock(zone: ZoneInfo, time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms // 1000, UTC).astimezone(zone)


def midnight_ms(zone: ZoneInfo, day: date) -> int:
    """When a day began on the local clock, or would have where a change skipped midnight."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000


def is_resting(person: Person, reading: Reading) -> bool:
    last_ms = person.last_step_ms
    return last_ms is None or reading.time_ms - last_ms >= TWELVE_MINUTES_MS


def add(day: OpenDay, reading: Reading, *, at_night: bool, resting: bool) -> None:
    has_heart = not math.isnan(reading.heart_rate)
    has_steps = not math.isnan(reading.steps)
    has_flag = not math.isnan(reading.worn)
    on_body = reading.worn > 0 if has_flag else has_heart or (has_steps and reading.steps > 0)
    day.reported_s += reading.period_s
    day.heart_s += reading.period_s * has_heart
    day.wear_flag_s += reading.period_s * has_flag
    day.worn_s += reading.period_s * on_body
    if has_steps:
        day.step_s += reading.period_s
        day.steps += round(reading.steps * 1000) / 1000
    if has_heart and at_night and resting and (on_body or not has_flag):
        day.rest.append((reading.heart_rate, reading.period_s))


def night_heart_rate(rest: list[tuple[float, int]]) -> float:
    """The 10th percentile over seconds, each reading spread evenly over its half beat."""
    seconds = sum(period_s for _, period_s in rest)
    if seconds < HOUR_S:
        return NAN
    in_bin: dict[int, int] = {}
    for heart_rate, period_s in rest:
        place = min(max(math.floor((heart_rate - 20) * 2), 0), 459)
        in_bin[place] = in_bin.get(place, 0) + period_s
    below, wanted = 0, seconds / 10
    for place in sorted(in_bin):
        if below + in_bin[place] >= wanted:
            return 20 + (place + (wanted - below) / in_bin[place]) / 2
        below += in_bin[place]
    raise AssertionError("a tenth of the seconds lies below no bin")


def steps_of(day: OpenDay) -> float:
    if not day.step_s:
        return NAN
    if day.worn_s >= 8 * HOUR_S:
        return day.steps
    steps_only = not day.heart_s and not day.wear_flag_s
    return day.steps if steps_only and day.step_s >= 20 * HOUR_S and day.steps > 0 else NAN


def usual_of(person: Person, day: date, feature: int, floor: float) -> tuple[float, float]:
    """Median and spread of days 3 to 30 before, where at least ten of them are known."""
    window = [person.compared.get(day - timedelta(days=ago), (NAN, NAN)) for ago in range(3, 31)]
    known = [one[feature] for one in window if not math.isnan(one[feature])]
    if len(known) < 10:
        return NAN, NAN
    centre = statistics.median(known)
    spread = 1.4826 * statistics.median([abs(one - centre) for one in known])
    return centre, max(spread, floor)


def compared_days(person: Person, day: date, count: int) -> int:
    """How many of the last days have any feature."""
    last = [person.compared.get(day - timedelta(days=ago), (NAN, NAN)) for ago in range(count)]
    return sum(not all(math.isnan(one) for one in features) for features in last)


def clipped(value: float) -> float:
    return value if math.isnan(value) else min(4.0, max(-4.0, value))


def follow(before: float, today: float) -> float:
    return 0.9 * before if math.isnan(today) else 0.6 * before + 0.4 * today


def band(centre: float, spread: float) -> tuple[float, float, float]:
    return centre, centre - 1.2816 * spread, centre + 1.2816 * spread


def band_of_steps(centre: float, spread: float) -> tuple[float, float, float]:
    low, high = centre - 1.2816 * spread, centre + 1.2816 * spread
    return math.expm1(centre), math.expm1(low), math.expm1(high)
