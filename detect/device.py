"""Devices that fell silent or were taken off.

Silence counts from when the service last *received* a reading, so that a device which delivers last
week's buffer is not silent. Rows without any value, and those that a wrong clock dated long ago, do
not count (`detect.placing`): a device that sends nothing else is silent. A silence begins at its
deadline, whether a tick or the next reading brings it to light: the same readings give the same
episodes however often `tick` is called.

A removal is known within minutes and asks for nothing (level *usual*): devices come off to shower,
to charge, to be left alone. It asks for review once the device has been off the body, and on, for
as long as a silence is allowed to last.

Only one thing is open about a device at a time, so what opens first holds. Silences and removals
(`detect.moments`) are therefore gathered over a batch and take effect together, in the order of the
readings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.days import VERSION
from detect.explain import explain_removed, explain_returned, explain_silence
from detect.findings import LEVELS, EpisodeChange, EpisodeKind
from detect.moments import Moment, MomentKind
from detect.rhythm import CHARGING_FROM, RhythmState
from detect.stream import Stream, before, received_so_far
from tidewell.local_time import NEVER, ZoneTable, local_moment
from tidewell.vocabulary import Family, Level

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    "last_received_ms": (np.int64, (), NEVER),
    "last_reading_ms": (np.int64, (), NEVER),
    "device_state": (np.int8, (), 0),
    "device_opened_ms": (np.int64, (), NEVER),
    "device_level": (np.int8, (), 0),
    "off_since_ms": (np.int64, (), NEVER),
}


class DeviceMemory(RhythmState):
    """When readings last came, and what is open about the device (`DeviceState`)."""

    person_id: NDArray[np.int64]
    last_received_ms: NDArray[np.int64]
    last_reading_ms: NDArray[np.int64]
    device_state: NDArray[np.int8]
    device_opened_ms: NDArray[np.int64]
    device_level: NDArray[np.int8]
    off_since_ms: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many people there are."""
        raise NotImplementedError

    def zone(self, row: int) -> ZoneTable:
        """Return the time zone of the person in a row."""
        raise NotImplementedError

    def row_for(self, person_id: int) -> int | None:
        """Return the row of a person, None where they are not known."""
        raise NotImplementedError


class DeviceState(IntEnum):
    """What is open about the device of a person."""

    NOTHING = 0
    SILENT = 1
    REMOVED = 2


@dataclass(frozen=True, slots=True)
class Placed:
    """A change, and the place in the batch of the reading that brought it."""

    position: int
    change: EpisodeChange


@dataclass(frozen=True, slots=True)
class SilenceEnded:
    """A reading came after more than the allowed time without any."""

    position: int
    row: int
    deadline_ms: int
    received_ms: int
    latest_ms: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A device was taken off, or is on the body again."""

    moment: Moment

    @property
    def position(self) -> int:
        """Place in the batch of the reading that decided it."""
        return self.moment.position


@dataclass(frozen=True, slots=True)
class OffForLong:
    """A device has been on, and off the body, for as long as a silence may last."""

    position: int
    row: int
    at_ms: int


Event = SilenceEnded | Moved | OffForLong


def receive(
    state: DeviceMemory,
    stream: Stream,
    heard: NDArray[np.bool_],
    waited: NDArray[np.bool_],
    silence_after_ms: int,
) -> list[Event]:
    """Note when readings came in; return silences that they end.

    Args:
        heard, waited: bool[n], as `detect.placing.Placed` has them.
    """
    if not heard.all():
        stream, waited = stream.take(heard), waited[heard]
        if not len(stream):
            return []
    seed = state.last_received_ms[stream.people]
    received_ms = received_so_far(stream, np.ones(len(stream), np.bool_), seed)
    received = before(stream, received_ms, seed)
    latest = before(stream, stream.time_ms, state.last_reading_ms[stream.people])
    ends_silence = waited.copy()
    ends_silence[stream.first] |= state.device_state[stream.people] == DeviceState.SILENT
    events: list[Event] = [
        SilenceEnded(
            int(stream.position[place]),
            int(stream.row[place]),
            int(received[place]) + silence_after_ms,
            int(received_ms[place]),
            int(latest[place]),
        )
        for place in np.flatnonzero(ends_silence).tolist()
    ]
    people, ends = stream.people, stream.ends
    state.last_received_ms[people] = received_ms[ends]
    state.last_reading_ms[people] = stream.time_ms[ends]
    return events


def off_for_long(
    state: DeviceMemory, stream: Stream, events: Sequence[Event], silence_after_ms: int
) -> list[Event]:
    """Return when removals have lasted long enough to ask for review, reading by reading."""
    found: list[Event] = []
    moments = [one.moment for one in events if isinstance(one, Moved)]
    usual = LEVELS.index(Level.USUAL)
    for person in np.flatnonzero(state.device_state[stream.people] == DeviceState.REMOVED).tolist():
        row, start = int(stream.people[person]), int(stream.first[person])
        if state.device_level[row] == usual:
            opened_ms = int(state.device_opened_ms[row])
            found += _off_until(stream, row, start, opened_ms, moments, silence_after_ms)
    for moment in moments:
        if moment.kind is MomentKind.DEVICE_REMOVED:
            start = _place_of(stream, moment)
            found += _off_until(stream, moment.row, start, moment.at_ms, moments, silence_after_ms)
    return found


def _off_until(
    stream: Stream,
    row: int,
    start: int,
    opened_ms: int,
    moments: Sequence[Moment],
    silence_after_ms: int,
) -> list[Event]:
    """Return when one removal has lasted long enough, if it does before the device is back."""
    ends = [_place_of(stream, one) for one in moments if one.row == row and _is_return(one)]
    stop = int(np.searchsorted(stream.row, row + 1))
    end = min([place for place in ends if place >= start] + [stop])
    late = np.flatnonzero(stream.time_ms[start:end] - opened_ms >= silence_after_ms)
    if not len(late):
        return []
    place = start + int(late[0])
    return [OffForLong(int(stream.position[place]), row, int(stream.time_ms[place]))]


def _is_return(moment: Moment) -> bool:
    return moment.kind is MomentKind.DEVICE_RETURNED


def _place_of(stream: Stream, moment: Moment) -> int:
    """Return the place in the sorted stream of the reading that decided a moment."""
    start, end = np.searchsorted(stream.row, [moment.row, moment.row + 1]).tolist()
    return int(start + np.searchsorted(stream.position[start:end], moment.position))


def tick(
    state: DeviceMemory, now_ms: int, silence_after_ms: int, counted_from_ms: Mapping[int, int]
) -> list[EpisodeChange]:
    """Return the silences whose deadline has passed.

    Args:
        counted_from_ms: per person, a moment before which silence does not count: a pause, a time
            without a device. A moment in the future means that nothing is expected of them now.
    """
    count = len(state)
    last = state.last_received_ms[:count].copy()
    known = last != NEVER
    for person_id, from_ms in counted_from_ms.items():
        if (row := state.row_for(person_id)) is not None:
            last[row] = max(int(last[row]), from_ms)
    due = known & (now_ms - last > silence_after_ms)
    changes = []
    for row in np.flatnonzero(due).tolist():
        at_ms = int(last[row]) + silence_after_ms
        if state.device_state[row] == DeviceState.NOTHING:
            changes.append(_open(state, row, at_ms, DeviceState.SILENT, _silence(state, row)))
        elif _is_just_off(state, row):
            changes.append(_ask_for_review(state, row, at_ms))
    return changes


def turn(state: DeviceMemory, events: Sequence[Event]) -> list[Placed]:
    """Let the events of a batch take effect, reading by reading, and return what changed.

    A reading ends a silence before it says where the device is, and how long it has been there.
    """
    order = (SilenceEnded, Moved, OffForLong)
    ordered = sorted(events, key=lambda one: (one.position, order.index(type(one))))
    return [
        Placed(event.position, change) for event in ordered for change in _changes(state, event)
    ]


def _changes(state: DeviceMemory, event: Event) -> list[EpisodeChange]:
    if isinstance(event, SilenceEnded):
        return _end_silence(state, event)
    if isinstance(event, Moved):
        return _turn_wear(state, event.moment)
    return _off_for_long(state, event)


def _off_for_long(state: DeviceMemory, event: OffForLong) -> list[EpisodeChange]:
    if not _is_just_off(state, event.row):
        return []
    return [_ask_for_review(state, event.row, event.at_ms)]


def _is_just_off(state: DeviceMemory, row: int) -> bool:
    """Return whether the device is off the body and nobody has been asked to look yet."""
    is_removed = state.device_state[row] == DeviceState.REMOVED
    return bool(is_removed and state.device_level[row] == LEVELS.index(Level.USUAL))


def _ask_for_review(state: DeviceMemory, row: int, at_ms: int) -> EpisodeChange:
    state.device_level[row] = LEVELS.index(Level.FOR_REVIEW)
    off_since = local_moment(state.zone(row), int(state.off_since_ms[row]))
    why = explain_removed(off_since, _charging_hours(state, row), VERSION)
    return _change(state, row, EpisodeKind.WORSENED, at_ms, why)


def _turn_wear(state: DeviceMemory, moment: Moment) -> list[EpisodeChange]:
    row, taken_off = moment.row, local_moment(state.zone(moment.row), moment.started_ms)
    if moment.kind is MomentKind.DEVICE_REMOVED:
        if state.device_state[row] != DeviceState.NOTHING:
            return []
        why = explain_removed(taken_off, _charging_hours(state, row), VERSION)
        change = _open(state, row, moment.at_ms, DeviceState.REMOVED, why)
        state.off_since_ms[row] = moment.started_ms
        return [change]
    if state.device_state[row] != DeviceState.REMOVED:
        return []
    why = explain_returned(taken_off, local_moment(state.zone(row), moment.at_ms), VERSION)
    return [_close(state, row, moment.at_ms, why)]


def _charging_hours(state: DeviceMemory, row: int) -> list[int]:
    return np.flatnonzero(state.charging[row] >= CHARGING_FROM).tolist()


def _end_silence(state: DeviceMemory, event: SilenceEnded) -> list[EpisodeChange]:
    row, changes = event.row, []
    why = _silence_since(state, row, event.latest_ms)
    if state.device_state[row] == DeviceState.NOTHING:
        changes.append(_open(state, row, event.deadline_ms, DeviceState.SILENT, why))
    elif _is_just_off(state, row):
        changes.append(_ask_for_review(state, row, event.deadline_ms))
    if state.device_state[row] == DeviceState.SILENT:
        changes.append(_close(state, row, event.received_ms, why))
    return changes


def _silence(state: DeviceMemory, row: int) -> dict[str, Any]:
    return _silence_since(state, row, int(state.last_reading_ms[row]))


def _silence_since(state: DeviceMemory, row: int, latest_ms: int) -> dict[str, Any]:
    return explain_silence(local_moment(state.zone(row), latest_ms), VERSION)


def _open(
    state: DeviceMemory, row: int, at_ms: int, kind: DeviceState, why: dict[str, Any]
) -> EpisodeChange:
    level = Level.USUAL if kind is DeviceState.REMOVED else Level.FOR_REVIEW
    state.device_state[row] = kind
    state.device_opened_ms[row] = at_ms
    state.device_level[row] = LEVELS.index(level)
    return _change(state, row, EpisodeKind.OPENED, at_ms, why)


def _close(state: DeviceMemory, row: int, at_ms: int, why: dict[str, Any]) -> EpisodeChange:
    change = _change(state, row, EpisodeKind.CLOSED, at_ms, why)
    state.device_state[row] = DeviceState.NOTHING
    return change


def _change(
    state: DeviceMemory, row: int, kind: EpisodeKind, at_ms: int, why: dict[str, Any]
) -> EpisodeChange:
    return EpisodeChange(
        person_id=int(state.person_id[row]),
        family=Family.DEVICE,
        kind=kind,
        opened_at_ms=int(state.device_opened_ms[row]),
        at_ms=max(at_ms, int(state.device_opened_ms[row])),
        level=LEVELS[int(state.device_level[row])],
        score=0.0,
        explanation=why,
    )
