"""The detector: two verbs, `update` for readings and `tick` for time that passes without any.

Promises: the findings depend on the readings in their order and on nothing else, so the same
readings cut into other batches give the same findings, and a detector restored from a snapshot
goes on bit for bit. It does no I/O and reads no clock. A NaN is "no value"; an infinity is refused.

Layers, each a module: `quality` (worn? believable?), `grid` (quarters of an hour), `moments` (what
cannot wait for the day to end), `features`, `baseline`, `families`, `episodes`, `explain`.

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
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect import days, device, episodes, grid, moments, notes, plan_limits, quality, rhythm
from detect.closing import PEOPLE_AT_ONCE, Closed, close_days, open_days
from detect.days import VERSION, JudgedDays, judge_days
from detect.episodes import Turn
from detect.findings import FAMILIES, DayResults, EpisodeChange, EpisodeKind, Findings
from detect.moment_changes import change_of
from detect.moments import Moment, MomentKind
from detect.placing import Placed, overdue, person_rows, place
from detect.plan_limits import Limit
from detect.policy import Policy
from detect.quality import REASONS
from detect.readings import ReadingBatch
from detect.state import State
from detect.stream import Stream
from detect.words import NoteKind
from tidewell.local_time import DAY_MS, NEVER, ZoneTable
from tidewell.vocabulary import Family

__all__ = ["VERSION", "Detector"]

_DEVICE_MOMENTS: Final = frozenset({MomentKind.DEVICE_REMOVED, MomentKind.DEVICE_RETURNED})


@dataclass(slots=True)
class _Gathered:
    """What a batch brings to light, before it is put in order."""

    days: list[tuple[NDArray[np.int64], DayResults]] = field(default_factory=list)
    changes: list[device.Placed] = field(default_factory=list)
    events: list[device.Event] = field(default_factory=list)
    late: int = 0
    too_late: int = 0
    too_late_days: list[tuple[int, int, int, int]] = field(default_factory=list)
    dropped: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(REASONS), np.int64))


class Detector:
    """What is usual for each person, and what has changed."""

    def __init__(self, silence_after_s: int, policy: Policy | None = None) -> None:
        self._silence_after_ms = silence_after_s * 1000
        self._policy = Policy() if policy is None else policy
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
        placed = place(state, batch, self._silence_after_ms)
        gathered = _Gathered(late=int(np.count_nonzero(placed.late)))
        silences = device.receive(
            state, placed.stream, placed.heard, placed.waited, self._silence_after_ms
        )
        for chosen in _rounds(placed):
            self._turn_pages(placed, chosen, gathered)
            gathered.events = _among(silences, placed, chosen)
            stream = self._take_in(placed, chosen, gathered)
            gathered.events += device.off_for_long(
                state, stream, gathered.events, self._silence_after_ms
            )
            # Between two closings: what is said about a removal rests on the days that closed.
            gathered.changes += device.turn(state, gathered.events)
        changes = sorted(gathered.changes, key=lambda one: one.position)
        return Findings(
            _in_order(gathered.days),
            tuple(one.change for one in changes),
            gathered.late,
            gathered.too_late,
            tuple(gathered.dropped.tolist()),
            tuple(gathered.too_late_days),
        )

    def tick(self, now_ms: int, counted_from_ms: Mapping[int, int] | None = None) -> Findings:
        """Return what the mere passing of time brings to light.

        Devices that fell silent, and the last day of a device that has been silent since.

        Args:
            counted_from_ms: per person, a moment before which silence does not count.
        """
        state = self._state
        silences = device.tick(state, now_ms, self._silence_after_ms, counted_from_ms or {})
        rows = overdue(state, now_ms, self._silence_after_ms)
        closed = self._close(rows, state.open_day[rows] + 1)
        found = [results for _, results, _ in closed]
        changes = [change for _, _, several in closed for _, change in several]
        return Findings(DayResults.joined(found), (*silences, *changes))

    def close_days(self) -> Findings:
        """Close the open day of everybody, as if the first reading of the next one had come."""
        rows = np.flatnonzero(self._state.open_day[: len(self._state)] != NEVER)
        closed = self._close(rows, self._state.open_day[rows] + 1)
        return Findings(
            DayResults.joined([results for _, results, _ in closed]),
            tuple(change for _, _, several in closed for _, change in several),
        )

    def score_days(
        self,
        person_id: NDArray[np.int64],
        day: NDArray[np.int64],
        features: NDArray[np.float32],
        worn_minutes: NDArray[np.int32] | None = None,
    ) -> Findings:
        """Score days whose features are known: one day of each person, later than their last.

        Args:
            person_id, day: int64[n]. features: float32[n, features], any of them NaN.
            worn_minutes: int32[n], -1 = not known, as is every day where none are given.

        Raises:
            ValueError: a person was never added, or a day is not later than their last one.
        """
        rows = person_rows(self._state, person_id)
        if len(np.unique(rows)) != len(rows) or (day <= self._state.last_closed_day[rows]).any():
            raise ValueError("the days of a person come one by one, each later than the one before")
        if worn_minutes is None:
            worn_minutes = np.full(len(rows), days.UNKNOWN_MINUTES, np.int32)
        found: list[DayResults] = []
        changes: list[EpisodeChange] = []
        for start in range(0, len(rows), PEOPLE_AT_ONCE):
            part = slice(start, start + PEOPLE_AT_ONCE)
            judged = judge_days(
                self._state, rows[part], day[part], features[part], worn_minutes[part], self._policy
            )
            found.append(judged.results)
            changes += [change for _, change in self._changes(rows[part], day[part], judged)]
        return Findings(DayResults.joined(found), tuple(changes))

    def note(self, person_id: int, kind: NoteKind, first_day: int, last_day: int) -> None:
        """Take down a note about some days (`detect.notes` says what each kind does).

        Raises:
            ValueError: the person was never added, or the days are the wrong way round.
        """
        notes.remember(self._state, self._row(person_id), kind, first_day, last_day)

    def unnote(self, person_id: int, kind: NoteKind, first_day: int, last_day: int) -> None:
        """Let a note that was taken back count no more, from here on.

        Raises:
            ValueError: the person was never added.
        """
        notes.forget(self._state, self._row(person_id), kind, first_day, last_day)

    def set_limits(self, person_id: int, limits: Sequence[Limit]) -> tuple[Limit, ...]:
        """Give a person the hard limits of their agreed plan, in place of those before.

        Returns those that were open and left the plan: nothing is said of them any more, and
        whoever keeps episodes ends theirs.

        Raises:
            ValueError: the person was never added, or a limit cannot be kept.
        """
        return plan_limits.set_limits(self._state, self._row(person_id), limits)

    def hear_outcome(self, person_id: int, family: Family, *, was_useful: bool) -> None:
        """Move a person's own threshold a little after a practitioner's answer, within bounds.

        Raises:
            ValueError: the person was never added.
        """
        episodes.hear(self._state, self._row(person_id), family, was_useful)

    def change_device_model(self, person_id: int) -> None:
        """Learn the measures that depend on the model of the device again.

        Raises:
            ValueError: the person was never added.
        """
        row = self._row(person_id)
        days.forget_device(self._state, row)
        rhythm.forget_eda(self._state, row)

    def set_back(self, at_ms: int) -> None:
        """Let nobody have been heard later than this: the clock was ahead, and is right again."""
        heard = self._state.last_received_ms[: len(self._state)]
        np.minimum(heard, at_ms, out=heard)

    def bytes_per_person(self) -> int:
        """Return what one person costs in memory."""
        return self._state.bytes_per_person()

    def snapshot(self, person_ids: Sequence[int]) -> bytes:
        """Return all that is remembered of these people, for `restore`."""
        return self._state.to_bytes([person for person in person_ids if self.knows(person)])

    def restore(self, block: bytes, zones: Mapping[int, ZoneTable]) -> None:
        """Take over what a snapshot remembered of the people in `zones`."""
        self._state.load(block, zones)

    def keep_only(self, person_ids: Sequence[int]) -> None:
        """Forget everybody but these people; what is known of them stays, bit for bit."""
        self._state.keep_only([person for person in person_ids if self.knows(person)])

    def _row(self, person_id: int) -> int:
        row = self._state.row_for(person_id)
        if row is None:
            raise ValueError(f"the detector does not know person {person_id}; add them first")
        return row

    def _turn_pages(self, placed: Placed, chosen: NDArray[np.int64], gathered: _Gathered) -> None:
        """Close the days that end before the chosen readings, and open those that begin."""
        state = self._state
        first = chosen[np.flatnonzero(np.diff(placed.stream.row[chosen], prepend=-1))]
        rows, day = placed.stream.row[first], placed.opens[first]
        before = state.open_day[rows]
        unopened = before == NEVER
        if unopened.any():
            open_days(state, rows[unopened], day[unopened])
        closes = np.flatnonzero(~unopened & (before < day))
        trigger = placed.stream.position[first]
        for at, results, changes in self._close(rows[closes], day[closes]):
            gathered.days.append((trigger[closes][at], results))
            gathered.changes += [
                device.Placed(int(trigger[closes][place]), change) for place, change in changes
            ]

    def _take_in(self, placed: Placed, chosen: NDArray[np.int64], gathered: _Gathered) -> Stream:
        state, stream = self._state, placed.stream.take(chosen)
        cleaned = quality.clean(state, stream)
        gathered.dropped += cleaned.counts
        for moment in moments.moments(state, stream, cleaned).found:
            self._hear(moment, gathered)
        day, late = placed.day[chosen], placed.late[chosen]
        left_out = grid.accumulate(
            state, stream.row, day, stream.local_ms, stream.time_ms, stream.period_s,
            cleaned.values, cleaned.on_body,
        )  # fmt: skip
        if left_out:
            gathered.too_late += left_out
            gathered.too_late_days += _too_late_days(state, stream.row, day)
        if late.any():
            row = stream.row[late]
            known = state.last_closed_day[row] == day[late]
            state.late_day[row[known]] = day[late][known]
        return stream

    def _hear(self, moment: Moment, gathered: _Gathered) -> None:
        if moment.kind in _DEVICE_MOMENTS:
            gathered.events.append(device.Moved(moment))
            return
        change = change_of(self._state, moment, self._policy)
        if change is not None:
            gathered.changes.append(device.Placed(moment.position, change))

    def _close(
        self, rows: NDArray[np.int64], next_day: NDArray[np.int64]
    ) -> list[tuple[NDArray[np.int64], DayResults, list[tuple[int, EpisodeChange]]]]:
        """Close days; return (places, results, changes by place) of each part, places in `rows`."""
        found = []
        for start in range(0, len(rows), PEOPLE_AT_ONCE):
            part = np.arange(start, min(start + PEOPLE_AT_ONCE, len(rows)))
            closed = close_days(self._state, rows[part], next_day[part], self._policy)
            found += self._answers(closed, rows, part)
        return found

    def _answers(
        self, closed: Closed, rows: NDArray[np.int64], part: NDArray[np.int64]
    ) -> list[tuple[NDArray[np.int64], DayResults, list[tuple[int, EpisodeChange]]]]:
        answers: list[tuple[NDArray[np.int64], DayResults, list[tuple[int, EpisodeChange]]]] = []
        for late in (closed.again, closed.passed):
            if late is not None:
                theirs = np.isin(self._state.person_id[rows[part]], late.person_id)
                answers.append((part[theirs], late, []))
        if closed.judged is not None:
            everybody = len(closed.rows) == len(part)
            places = part if everybody else part[np.isin(rows[part], closed.rows)]
            changes = self._changes(closed.rows, closed.day, closed.judged)
            placed = [(int(places[at]), change) for at, change in changes]
            answers.append((places, closed.judged.results, placed))
        return answers

    def _changes(
        self, rows: NDArray[np.int64], day: NDArray[np.int64], judged: JudgedDays
    ) -> list[tuple[int, EpisodeChange]]:
        ends_ms: dict[tuple[int, int], int] = {}
        found = []
        for turn in judged.turns:
            row, one_day = int(rows[turn.place]), int(day[turn.place])
            ends = int(self._state.zone_of[row]), one_day
            if ends not in ends_ms:
                ends_ms[ends] = self._state.zone(row).utc_ms((one_day + 1) * DAY_MS)
            found.append((turn.place, self._change(turn, row, one_day, ends_ms[ends], judged)))
        return found

    def _change(
        self, turn: Turn, row: int, one_day: int, at_ms: int, judged: JudgedDays
    ) -> EpisodeChange:
        at, family = turn.place, FAMILIES.index(turn.family)
        score = float(judged.judged.held[at, family])
        if turn.kind is EpisodeKind.OPENED:
            self._state.episode_opened_ms[row, family] = at_ms
        return EpisodeChange(
            person_id=int(judged.results.person_id[at]),
            family=turn.family,
            kind=turn.kind,
            opened_at_ms=int(self._state.episode_opened_ms[row, family]),
            at_ms=at_ms,
            level=turn.level,
            score=score if isfinite(score) else 0.0,
            explanation=days.explain_turn(self._state, row, turn, one_day, judged),
        )


def _rounds(placed: Placed) -> list[NDArray[np.int64]]:
    """Return, round by round, the places of the readings between two closings of each person."""
    last = int(placed.round.max())
    if last == 0:
        return [np.arange(len(placed.round))]
    order = np.argsort(placed.round, kind="stable")
    cuts = np.flatnonzero(np.diff(placed.round[order])) + 1
    return np.split(order, cuts)


def _among(
    silences: list[device.Event], placed: Placed, chosen: NDArray[np.int64]
) -> list[device.Event]:
    """Return the silences that the chosen readings end."""
    if not silences:
        return []
    positions = placed.stream.position[chosen]
    return [one for one in silences if one.position in positions]


def _too_late_days(
    state: State, row: NDArray[np.int64], day: NDArray[np.int64]
) -> list[tuple[int, int, int, int]]:
    """Return, per person, the first and last day of readings without a slot, and their number."""
    left_out = np.flatnonzero(state.grid_day[row, day % grid.SLOTS] != day)
    found = []
    for one in np.unique(row[left_out]).tolist():
        days_of_one = day[left_out[row[left_out] == one]]
        span = int(days_of_one.min()), int(days_of_one.max())
        found.append((int(state.person_id[one]), *span, len(days_of_one)))
    return found


def _in_order(found: list[tuple[NDArray[np.int64], DayResults]]) -> DayResults:
    """Return all days that closed, in the order of the readings that closed them."""
    if not found:
        return DayResults.empty()
    joined = DayResults.joined([results for _, results in found])
    order = np.argsort(np.concatenate([trigger for trigger, _ in found]), kind="stable")
    return DayResults(*(getattr(joined, name)[order] for name in DayResults.__slots__))
