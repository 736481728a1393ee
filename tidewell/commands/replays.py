"""One policy at work on stored days or readings, and the episodes that it makes of them.

What people told the detector (notes, outcomes, another device) is told again at its time. Promises:
the same stored rows give the same episodes. Never: writes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np

from detect import Detector, EpisodeChange, EpisodeKind, Findings, ReadingBatch
from detect.plan_limits import Limit
from detect.policy import DEFAULT_BUDGETS, Policy
from detect.words import NoteKind
from ingest.committing.signals import WAS_USEFUL, places_among
from tidewell.backtesting.comparison import Episode, Subject, Window
from tidewell.backtesting.store import StoredDays, StoredPerson, StoredReadings, StoredSignal
from tidewell.detection_policy import DetectionPolicy
from tidewell.local_time import DAY_MS, ZoneTable, day_number, zone_table
from tidewell.vocabulary import Family, Level


@dataclass(slots=True)
class _Open:
    opened_ms: int
    level: Level


@dataclass(slots=True)
class Book:
    """The episodes of a replay as they open and end; whose device is silent is not its matter."""

    zones: Mapping[int, ZoneTable]
    ended: list[Episode] = field(default_factory=list)
    _open: dict[tuple[int, Subject, Any, int], _Open] = field(default_factory=dict)

    def hear(self, changes: Iterable[EpisodeChange]) -> None:
        """Take changes in, in their order."""
        for change in changes:
            if change.family is Family.DEVICE:
                continue
            limit = change.explanation["limit"]
            about = Subject(change.family)
            if limit is not None:
                about = Subject(change.family, limit["channel"], limit["direction"])
            which = (change.person_id, about, limit and limit["limit"], change.opened_at_ms)
            known = self._open.setdefault(which, _Open(change.opened_at_ms, change.level))
            known.level = max(known.level, change.level, key=lambda level: level.rank)
            if change.kind is EpisodeKind.CLOSED:
                del self._open[which]
                self.ended.append(self._episode(change.person_id, about, known, change.at_ms))

    def episodes(self) -> list[Episode]:
        """Return all episodes; those that are still open have no end."""
        still_open = [
            self._episode(person_id, about, known, None)
            for (person_id, about, _, _), known in self._open.items()
        ]
        return [*self.ended, *still_open]

    def _episode(
        self, person_id: int, about: Subject, known: _Open, closed_ms: int | None
    ) -> Episode:
        # A day is judged at the midnight that ends it, which belongs to the next day.
        moment = np.array([known.opened_ms - 1])
        day = int(self.zones[person_id].local_ms(moment)[0]) // DAY_MS
        return Episode(person_id, about, known.opened_ms, day, closed_ms, known.level)


class Replay:
    """One policy at work on what is stored of some people."""

    def __init__(
        self, policy: DetectionPolicy, people: Sequence[StoredPerson], silence_after_s: int
    ) -> None:
        keywords = policy.keywords(DEFAULT_BUDGETS)
        self._detector = Detector(silence_after_s, Policy(**keywords))
        zones = {one.person_id: zone_table(one.timezone) for one in people}
        for person_id, zone in zones.items():
            self._detector.add_person(person_id, zone)
        self._zones = zones
        self.book = Book(zones)

    def set_limits(self, limits: Mapping[int, Sequence[Limit]]) -> None:
        """Give people the limits of their plans."""
        for person_id, several in limits.items():
            self._detector.set_limits(person_id, several)

    def take_days(self, days: StoredDays, signals: Sequence[StoredSignal], window: Window) -> int:
        """Judge days in their order; return how many of the window could be compared.

        What was told during a day or before it is known when that day is judged, at its end.
        """
        waiting = list(reversed([(self._local_day(one), one) for one in signals]))
        compared = 0
        for part in _by_day(days):
            day = int(days.day[part.start])
            while waiting and waiting[-1][0] <= day:
                tell(self._detector, waiting.pop()[1])
            found = self._detector.score_days(
                days.person_id[part], days.day[part], days.features[part]
            )
            self.book.hear(found.changes)
            compared += _compared(found, window)
        return compared

    def take_readings(
        self, block: StoredReadings, signals: Sequence[StoredSignal], window: Window
    ) -> int:
        """Take readings in, with what was told between them; return the days compared."""
        compared, start = 0, 0
        heard_ms = [heard_ms_of(one) for one in signals]
        for place, signal in zip(places_among(block.received_ms, heard_ms), signals, strict=True):
            compared += self._update(block, slice(start, place), window)
            tell(self._detector, signal)
            start = place
        return compared + self._update(block, slice(start, len(block)), window)

    def _update(self, block: StoredReadings, part: slice, window: Window) -> int:
        batch = ReadingBatch(
            block.person_id[part],
            block.time_ms[part],
            block.received_ms[part],
            block.period_s[part],
            block.values[part],
        )
        found = self._detector.update(batch)
        self.book.hear(found.changes)
        return _compared(found, window)

    def _local_day(self, signal: StoredSignal) -> int:
        moment = np.array([heard_ms_of(signal)])
        return int(self._zones[signal.person_id].local_ms(moment)[0]) // DAY_MS


def tell(detector: Detector, signal: StoredSignal) -> None:
    """Tell a detector what ingest had told it; what ingest wrote down can be read."""
    content = signal.content
    match signal.kind:
        case "note" | "note_taken_back":
            first, last = (date.fromisoformat(content[key]) for key in ("first_day", "last_day"))
            days = day_number(first), day_number(last)
            say = detector.note if signal.kind == "note" else detector.unnote
            say(signal.person_id, NoteKind(content["note"]), *days)
        case "outcome":
            useful = WAS_USEFUL[content["outcome"]]
            detector.hear_outcome(signal.person_id, Family(content["family"]), was_useful=useful)
        case "device_model":
            detector.change_device_model(signal.person_id)
        case _:
            raise AssertionError(f"no signal of kind {signal.kind} is read from the store")


def heard_ms_of(signal: StoredSignal) -> int:
    """Return when the detector was told, ms UTC."""
    return round(signal.heard_at.timestamp() * 1000)


def _by_day(days: StoredDays) -> Iterator[slice]:
    """Yield the rows of one day after the other."""
    if len(days):
        edges = [0, *(np.flatnonzero(np.diff(days.day)) + 1).tolist(), len(days)]
        for start, end in pairwise(edges):
            yield slice(start, end)


def _compared(found: Findings, window: Window) -> int:
    inside = (found.days.day >= window.first_day) & (found.days.day <= window.last_day)
    return int(np.count_nonzero(inside & ~np.isnan(found.days.score)))
