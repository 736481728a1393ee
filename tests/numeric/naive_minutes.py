"""The slow twin of what stands between readings and days: whose day it is, and when it closes.

One person, one reading at a time, written from the docstrings of `detect.placing`, `detect.closing`
and `detect.grid`. It keeps the readings themselves; the features are those of `naive_features`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.numeric.naive_features import NaivePerson, Reading

HOUR_S = 3_600
DAY_S = 24 * HOUR_S
SILENCE_S = 4 * HOUR_S
HEARD_WITHIN_S = 30 * DAY_S


@dataclass(frozen=True)
class Sent:
    """A reading as it came; times in ms UTC."""

    time_ms: int
    received_ms: int
    period_s: int
    values: dict[str, float]


@dataclass(frozen=True)
class ClosedDay:
    """A day that closed, or the one before it with what came late.

    `again`: it had closed before; `passed`: it had been passed over, and all of it came late.
    """

    day: int
    again: bool
    passed: bool
    features: dict[str, float]
    worn_minutes: int


@dataclass
class NaiveMinutes:
    """One person's readings on their way into days."""

    zone: ZoneInfo
    kept: dict[int, list[Reading]] = field(default_factory=dict)
    open_day: int | None = None
    judged: int | None = None
    to_judge_again: int | None = None
    last: Sent | None = None
    person: NaivePerson = field(default_factory=NaivePerson)
    late: int = 0
    too_late: int = 0
    closed: list[ClosedDay] = field(default_factory=list)

    def hear(self, sent: Sent) -> None:
        """Take a reading in, in the order in which they came."""
        if self.last is not None and sent.received_ms - self.last.received_ms > SILENCE_S * 1000:
            self._end_silence(sent)
        if sent.values and sent.received_ms - sent.time_ms <= HEARD_WITHIN_S * 1000:
            self.last = sent
        local_s = self._local_s(sent.time_ms)
        day = local_s // DAY_S
        if self.open_day is None:
            self._open(day)
        elif day > self.open_day:
            self._close()
            self._open(day)
        if self.open_day is not None and day < self.open_day:
            self.late += 1
            self.too_late += day not in self.kept
            if day == self.judged:
                self.to_judge_again = day
        if day in self.kept:
            reading = Reading(local_s, sent.period_s, sent.values, on_body(sent.values))
            self.kept[day].append(reading)

    def _end_silence(self, sent: Sent) -> None:
        """Close a day that was over for four hours when the silence was, if it held anything."""
        assert self.last is not None
        assert self.open_day is not None
        if self.last.received_ms - self.last.time_ms > DAY_S * 1000:
            return
        over = self._local_s(sent.received_ms - 4 * HOUR_S * 1000) // DAY_S
        if over > self.open_day and self.kept[self.open_day]:
            self._close()
            self._open(self.open_day + 1)

    def _open(self, day: int) -> None:
        """There is room for the open day and for the one before it."""
        self.kept = {day: [], day - 1: self.kept.get(day - 1, [])}
        self.open_day = day

    def _close(self) -> None:
        assert self.open_day is not None
        if self.to_judge_again is not None and self.to_judge_again == self.judged:
            self._describe(self.to_judge_again, again=True)
        self.to_judge_again = None
        before = self.open_day - 1
        if self.kept.get(before) and (self.judged is None or self.judged < before):
            self._describe(before, again=False, passed=True)
            self.judged = before
        if self.kept[self.open_day]:
            self._describe(self.open_day, again=False)
            self.judged = self.open_day

    def _describe(self, day: int, *, again: bool, passed: bool = False) -> None:
        evening = [] if again else self.kept.get(day - 1, [])
        today = self.kept.get(day, [])
        self.person.readings = [*evening, *today]
        nights = dict(self.person.nights)
        features = self.person.close(day)
        if again:
            self.person.nights = nights
        worn_s = sum(one.period_s for one in today if one.on_body)
        known = {name: value for name, value in features.items() if not math.isnan(value)}
        self.closed.append(ClosedDay(day, again, passed, known, worn_s // 60))

    def _local_s(self, time_ms: int) -> int:
        """Return what a clock in the zone shows, in seconds since 1970 on that clock."""
        there = datetime.fromtimestamp(time_ms // 1000, UTC).astimezone(self.zone)
        return round(there.replace(tzinfo=UTC).timestamp())


def on_body(values: dict[str, float]) -> bool:
    """Where nothing else speaks against it: the flag, or else a heart or a step."""
    if "worn" in values:
        return values["worn"] > 0
    return "heart_rate" in values or values.get("steps", 0.0) > 0
