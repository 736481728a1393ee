"""The detector: two verbs, `update` for readings and `tick` for time that passes without any.

Promises: the findings depend on the readings in their order and on nothing else, so the same
readings cut into other batches give the same findings, and a detector restored from a snapshot
goes on bit for bit. It does no I/O and reads no clock. A NaN is "no value"; an infinity is refused.

Example:
    >>> from tidewell.local_time import zone_table
    >>> detector = Detector(silence_after_s=4 * 3600)
    >>> detector.add_person(1, zone_table("Europe/London"))
    >>> values = np.full((1, 10), np.nan, np.float32); values[0, 0] = 61
    >>> time_ms = np.array([1_762_000_000_000])
    >>> batch = ReadingBatch(np.array([1]), time_ms, time_ms, np.array([60]), values)
    >>> findings = detector.update(batch)
    >>> len(findings.days), findings.changes
    (0, ())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detect import device
from detect.daily import ScoredDays, day_features, score_day
from detect.episodes import Turn, families_and_levels, turn_episodes
from detect.explain import explain_day, explain_end
from detect.findings import DayResults, EpisodeChange, EpisodeKind, Findings
from detect.minutes import Placed, accumulate, clear_day, person_rows, place
from detect.readings import ReadingBatch
from detect.state import NEVER, State
from tidewell.local_time import DAY_MS, ZoneTable

VERSION: Final = "1"
"""Raised whenever the same readings may give other findings.

A snapshot of another version is not used.
"""


class Detector:
    """What is usual for each person, and what has changed."""

    def __init__(self, silence_after_s: int) -> None:
        self._silence_after_ms = silence_after_s * 1000
        self._state = State()

    def add_person(self, person_id: int, zone: ZoneTable) -> None:
        """Make a person known; for one who is known already, only the time zone is taken over."""
        self._state.add(person_id, zone)

    def knows(self, person_id: int) -> bool:
        """Return whether this person was added."""
        return person_id in self._state.row_of

    def update(self, batch: ReadingBatch) -> Findings:
        """Take readings in and return what they bring to light.

        Raises:
            ValueError: a person was never added; nothing was taken in.
        """
        if not len(batch):
            return Findings(DayResults.empty(), ())
        state = self._state
        placed = place(state, batch)
        received_ms, time_ms = batch.received_ms[placed.position], batch.time_ms[placed.position]
        events = device.receive(
            state, placed.row, placed.position, time_ms, received_ms, self._silence_after_ms
        )
        found: list[device.Placed] = []
        days: list[tuple[NDArray[np.int64], DayResults]] = []
        for chosen in _rounds(placed):
            closing, next_day, trigger = self._turn_pages(placed, chosen)
            if len(closing):
                events += self._days_closed(closing, trigger)
                results, changes = self._close(closing, next_day)
                days.append((trigger, results))
                found += [device.Placed(int(trigger[at]), change) for at, change in changes]
            accumulate(state, batch, placed, chosen)
        found = sorted(device.turn(state, events) + found, key=lambda one: one.position)
        late = int(np.count_nonzero(placed.round < 0))
        return Findings(_in_order(days), tuple(one.change for one in found), late)

    def tick(self, now_ms: int, counted_from_ms: Mapping[int, int] | None = None) -> Findings:
        """Return what the mere passing of time brings to light: devices that fell silent.

        Args:
            counted_from_ms: per person, a moment before which silence does not count.
        """
        silences = device.tick(self._state, now_ms, self._silence_after_ms, counted_from_ms or {})
        return Findings(DayResults.empty(), tuple(silences))

    def score_days(
        self, person_id: NDArray[np.int64], day: NDArray[np.int64], features: NDArray[np.float32]
    ) -> Findings:
        """Score days whose features are known: one day of each person, later than their last.

        Raises:
            ValueError: a person was never added, or a day is not later than their last one.
        """
        rows = person_rows(self._state, person_id)
        if len(np.unique(rows)) != len(rows) or (day <= self._state.last_closed_day[rows]).any():
            raise ValueError("the days of a person come one by one, each later than the one before")
        results, changes = self._score(rows, day, features, np.zeros(len(rows), np.int32))
        return Findings(results, tuple(change for _, change in changes))

    def snapshot(self, person_ids: Sequence[int]) -> bytes:
        """Return all that is remembered of these people, for `restore`."""
        return self._state.to_bytes([person for person in person_ids if self.knows(person)])

    def restore(self, block: bytes, zones: Mapping[int, ZoneTable]) -> None:
        """Take over what a snapshot remembered of the people in `zones`."""
        self._state.load(block, zones)

    def _turn_pages(
        self, placed: Placed, chosen: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Open the day of the chosen readings for people who had none.

        Returns the rows whose earlier day closes, the day that follows, and the reading that
        did it.
        """
        first = chosen[np.flatnonzero(np.diff(placed.row[chosen], prepend=-1))]
        rows, day = placed.row[first], placed.day[first]
        before = self._state.open_day[rows]
        unopened = before == NEVER
        self._state.open_day[rows[unopened]] = day[unopened]
        closes = ~unopened & (before < day)
        return rows[closes], day[closes], placed.position[first[closes]]

    def _close(
        self, rows: NDArray[np.int64], next_day: NDArray[np.int64]
    ) -> tuple[DayResults, list[tuple[int, EpisodeChange]]]:
        state = self._state
        day = state.open_day[rows].copy()
        worn_minutes = (state.worn_s[rows] // 60).astype(np.int32)
        results, changes = self._score(rows, day, day_features(state, rows), worn_minutes)
        clear_day(state, rows)
        state.open_day[rows] = next_day
        return results, changes

    def _days_closed(
        self, rows: NDArray[np.int64], trigger: NDArray[np.int64]
    ) -> list[device.Event]:
        """Return what the days that close now say about wearing."""
        events: list[device.Event] = []
        for row, position in zip(rows.tolist(), trigger.tolist(), strict=True):
            day = int(self._state.open_day[row])
            events += device.close_day(self._state, position, row, day, self._day_end_ms(row, day))
        return events

    def _score(
        self,
        rows: NDArray[np.int64],
        day: NDArray[np.int64],
        features: NDArray[np.float32],
        worn_minutes: NDArray[np.int32],
    ) -> tuple[DayResults, list[tuple[int, EpisodeChange]]]:
        state = self._state
        scored = score_day(state, rows, day, features)
        family, level = families_and_levels(state, rows, scored)
        turns = turn_episodes(state, rows, day, scored, family, level)
        results = DayResults(
            state.person_id[rows].copy(),
            day.copy(),
            features,
            scored.usual.astype(np.float32),
            worn_minutes,
            scored.score.astype(np.float32),
            family,
            level,
        )
        return results, [
            (turn.place, self._change(turn, rows, day, results, scored)) for turn in turns
        ]

    def _change(
        self,
        turn: Turn,
        rows: NDArray[np.int64],
        day: NDArray[np.int64],
        results: DayResults,
        scored: ScoredDays,
    ) -> EpisodeChange:
        at, row, one_day = turn.place, int(rows[turn.place]), int(day[turn.place])
        at_ms = self._day_end_ms(row, one_day)
        if turn.kind is EpisodeKind.OPENED:
            self._state.episode_opened_ms[row] = at_ms
        return EpisodeChange(
            person_id=int(results.person_id[at]),
            family=turn.family,
            kind=turn.kind,
            opened_at_ms=int(self._state.episode_opened_ms[row]),
            at_ms=at_ms,
            level=turn.level,
            score=float(results.score[at]),
            explanation=self._explain(turn, row, one_day, results, scored),
        )

    def _explain(
        self, turn: Turn, row: int, day: int, results: DayResults, scored: ScoredDays
    ) -> dict[str, Any]:
        at = turn.place
        since = int(self._state.episode_since_day[row])
        since = day if since == NEVER else since
        features, usual = results.features[at], scored.usual[at]
        worn_minutes = int(results.worn_minutes[at])
        if turn.kind is EpisodeKind.CLOSED:
            return explain_end(turn.family, since, features, usual, worn_minutes)
        return explain_day(
            turn.family, since, day, features, usual, scored.contribution[at], worn_minutes
        )

    def _day_end_ms(self, row: int, day: int) -> int:
        return self._state.zone(row).utc_ms((day + 1) * DAY_MS)


def _rounds(placed: Placed) -> list[NDArray[np.int64]]:
    """Return, round by round, the places of the readings of one day of each person."""
    on_time = np.flatnonzero(placed.round >= 0)
    order = on_time[np.argsort(placed.round[on_time], kind="stable")]
    cuts = np.flatnonzero(np.diff(placed.round[order])) + 1
    return [part for part in np.split(order, cuts) if len(part)]


def _in_order(days: list[tuple[NDArray[np.int64], DayResults]]) -> DayResults:
    """Return all days that closed, in the order of the readings that closed them."""
    if not days:
        return DayResults.empty()
    joined = DayResults.joined([results for _, results in days])
    order = np.argsort(np.concatenate([trigger for trigger, _ in days]), kind="stable")
    return DayResults(*(getattr(joined, name)[order] for name in DayResults.__slots__))
