"""Devices that fell silent or are not worn.

Silence counts from when the service last *received* a reading, so that a device which delivers last
week's buffer is not silent. A silence begins at its deadline, whether a tick or the next reading
brings it to light: the same readings give the same episodes however often `tick` is called.
"""

from __future__ import annotations

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


def receive(
    state: State,
    row: NDArray[np.int64],
    position: NDArray[np.int64],
    time_ms: NDArray[np.int64],
    received_ms: NDArray[np.int64],
    silence_after_ms: int,
) -> list[Placed]:
    """Note when readings came in; return silences that they end. Arguments are sorted by person."""
    first = np.flatnonzero(np.diff(row, prepend=-1))
    before = np.append(received_ms[:1], received_ms[:-1])
    before[first] = state.last_received_ms[row[first]]
    waited = (before != NEVER) & (received_ms - before > silence_after_ms)
    ends_silence = waited.copy()
    ends_silence[first] |= state.device_state[row[first]] == DeviceState.SILENT
    changes: list[Placed] = []
    for place in np.flatnonzero(ends_silence).tolist():
        latest = state.last_reading_ms[row[place]] if place in first else time_ms[place - 1]
        changes += _end_silence(
            state,
            int(row[place]),
            int(position[place]),
            int(before[place]) + silence_after_ms,
            int(received_ms[place]),
            int(latest),
        )
    ends = np.append(first[1:], len(row)) - 1
    state.last_received_ms[row[ends]] = np.maximum(
        state.last_received_ms[row[ends]], received_ms[ends]
    )
    state.last_reading_ms[row[ends]] = time_ms[ends]
    return changes


def tick(state: State, now_ms: int, silence_after_ms: int) -> list[EpisodeChange]:
    """Return the silences whose deadline has passed."""
    count = len(state)
    last = state.last_received_ms[:count]
    due = (last != NEVER) & (now_ms - last > silence_after_ms)
    due &= state.device_state[:count] == DeviceState.NOTHING
    return [
        _open(
            state, row, int(last[row]) + silence_after_ms, DeviceState.SILENT, _silence(state, row)
        )
        for row in np.flatnonzero(due).tolist()
    ]


def close_day(state: State, row: int, day: int, at_ms: int) -> EpisodeChange | None:
    """Return what a closed day says about wearing, from the sums of the open day."""
    worn = int(state.worn_s[row])
    if state.device_state[row] == DeviceState.NOT_WORN and worn > 0:
        return _close(state, row, at_ms, explain_not_worn(day))
    unworn = worn == 0 and state.reported_s[row] >= LEAST_REPORTED_S
    if unworn and state.device_state[row] == DeviceState.NOTHING:
        return _open(state, row, at_ms, DeviceState.NOT_WORN, explain_not_worn(day))
    return None


def _end_silence(
    state: State, row: int, position: int, deadline_ms: int, received_ms: int, latest_ms: int
) -> list[Placed]:
    changes = []
    why = _silence_since(state, row, latest_ms)
    if state.device_state[row] == DeviceState.NOTHING:
        changes.append(Placed(position, _open(state, row, deadline_ms, DeviceState.SILENT, why)))
    if state.device_state[row] == DeviceState.SILENT:
        changes.append(Placed(position, _close(state, row, received_ms, why)))
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
