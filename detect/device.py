"""Devices that fell silent or are not worn.

Silence counts from when the service last *received* a reading, so that a device which delivers last
week's buffer is not silent. A silence begins at its deadline, whether a tick or the next reading
brings it to light: the same readings give the same episodes however often `tick` is called.

Only one thing is open about a device at a time, so what opens first holds. Silences and closed days
are therefore gathered over a batch and take effect together, in the order of the readings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detect.explain import explain_not_worn, explain_silence
from detect.findings import EpisodeChange, EpisodeKind
from detect.state import NEVER, State
from tidewell.vocabulary import Family, Level

LEAST_REPORTED_S: Final = 10 * 3_600
"""A device that reported for ten hours of a day without being worn was on, and off the body."""


class DeviceState(IntEnum):
    """What is open about the device of a person."""

    NOTHING = 0
    SILENT = 1
    NOT_WORN = 2


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
class DayClosed:
    """A day closed on which the device was worn, or was on for long without being worn."""

    position: int
    row: int
    day: int
    at_ms: int
    was_worn: bool


Event = SilenceEnded | DayClosed


def receive(
    state: State,
    row: NDArray[np.int64],
    position: NDArray[np.int64],
    time_ms: NDArray[np.int64],
    received_ms: NDArray[np.int64],
    silence_after_ms: int,
) -> list[Event]:
    """Note when readings came in; return silences that they end. Arguments are sorted by person."""
    first = np.flatnonzero(np.diff(row, prepend=-1))
    before = np.append(received_ms[:1], received_ms[:-1])
    before[first] = state.last_received_ms[row[first]]
    waited = (before != NEVER) & (received_ms - before > silence_after_ms)
    ends_silence = waited.copy()
    ends_silence[first] |= state.device_state[row[first]] == DeviceState.SILENT
    events: list[Event] = []
    for place in np.flatnonzero(ends_silence).tolist():
        latest = state.last_reading_ms[row[place]] if place in first else time_ms[place - 1]
        events.append(
            SilenceEnded(
                int(position[place]),
                int(row[place]),
                int(before[place]) + silence_after_ms,
                int(received_ms[place]),
                int(latest),
            )
        )
    ends = np.append(first[1:], len(row)) - 1
    state.last_received_ms[row[ends]] = np.maximum(
        state.last_received_ms[row[ends]], received_ms[ends]
    )
    state.last_reading_ms[row[ends]] = time_ms[ends]
    return events


def tick(
    state: State, now_ms: int, silence_after_ms: int, counted_from_ms: Mapping[int, int]
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
        if (row := state.row_of.get(person_id)) is not None:
            last[row] = max(int(last[row]), from_ms)
    due = known & (now_ms - last > silence_after_ms)
    due &= state.device_state[:count] == DeviceState.NOTHING
    return [
        _open(
            state, row, int(last[row]) + silence_after_ms, DeviceState.SILENT, _silence(state, row)
        )
        for row in np.flatnonzero(due).tolist()
    ]


def close_day(state: State, position: int, row: int, day: int, at_ms: int) -> list[Event]:
    """Return what a closed day says about wearing, from the sums of the open day."""
    was_worn = int(state.worn_s[row]) > 0
    if not was_worn and state.reported_s[row] < LEAST_REPORTED_S:
        return []
    return [DayClosed(position, row, day, at_ms, was_worn)]


def turn(state: State, events: Sequence[Event]) -> list[Placed]:
    """Let the events of a batch take effect, reading by reading, and return what changed.

    A reading is heard before it closes a day.
    """
    ordered = sorted(events, key=lambda one: (one.position, isinstance(one, DayClosed)))
    return [
        Placed(event.position, change)
        for event in ordered
        for change in (
            _end_silence(state, event)
            if isinstance(event, SilenceEnded)
            else _turn_wear(state, event)
        )
    ]


def _turn_wear(state: State, event: DayClosed) -> list[EpisodeChange]:
    row, why = event.row, explain_not_worn(event.day)
    if event.was_worn and state.device_state[row] == DeviceState.NOT_WORN:
        return [_close(state, row, event.at_ms, why)]
    if not event.was_worn and state.device_state[row] == DeviceState.NOTHING:
        return [_open(state, row, event.at_ms, DeviceState.NOT_WORN, why)]
    return []


def _end_silence(state: State, event: SilenceEnded) -> list[EpisodeChange]:
    row, changes = event.row, []
    why = _silence_since(state, row, event.latest_ms)
    if state.device_state[row] == DeviceState.NOTHING:
        changes.append(_open(state, row, event.deadline_ms, DeviceState.SILENT, why))
    if state.device_state[row] == DeviceState.SILENT:
        changes.append(_close(state, row, event.received_ms, why))
    return changes


def _silence(state: State, row: int) -> dict[str, Any]:
    return _silence_since(state, row, int(state.last_reading_ms[row]))


def _silence_since(state: State, row: int, latest_ms: int) -> dict[str, Any]:
    local_ms = int(state.zone(row).local_ms(np.array([latest_ms]))[0])
    return explain_silence(datetime.fromtimestamp(local_ms / 1000, UTC))


def _open(
    state: State, row: int, at_ms: int, kind: DeviceState, why: dict[str, Any]
) -> EpisodeChange:
    state.device_state[row] = kind
    state.device_opened_ms[row] = at_ms
    return _change(state, row, EpisodeKind.OPENED, at_ms, why)


def _close(state: State, row: int, at_ms: int, why: dict[str, Any]) -> EpisodeChange:
    change = _change(state, row, EpisodeKind.CLOSED, at_ms, why)
    state.device_state[row] = DeviceState.NOTHING
    return change


def _change(
    state: State, row: int, kind: EpisodeKind, at_ms: int, why: dict[str, Any]
) -> EpisodeChange:
    return EpisodeChange(
        person_id=int(state.person_id[row]),
        family=Family.DEVICE,
        kind=kind,
        opened_at_ms=int(state.device_opened_ms[row]),
        at_ms=max(at_ms, int(state.device_opened_ms[row])),
        level=Level.FOR_REVIEW,
        score=0.0,
        explanation=why,
    )
