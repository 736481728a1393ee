"""Readings to their person, local day and turn: what closes when, before anything is added up.

A reading goes to the local day in which its epoch starts. A day closes with the first reading of a
later day. It also closes when the device fell silent and the day has been over for four hours by
the person's clock: a device that never comes back must not leave its last day unjudged. A reading
for a day that has closed is late; up to the day before the open one it still goes to its own
quarter of an hour, and that day is judged again at the next closing, or for the first time where it
had been passed over without a reading.

A device is heard through a reading that says something about now. A row without any value says
nothing, and one from more than a month ago is of a long absence or a wrong clock: neither keeps a
device from being called silent.

Promises: places depend on the readings in their order, never on how a batch was cut or on when
`tick` was called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect.readings import ReadingBatch
from detect.state import State
from detect.stream import Stream, before, before_among, highest_so_far, received_so_far
from tidewell.local_time import DAY_MS, NEVER

DAY_CLOSES_AFTER_MS: Final = 4 * 3_600_000
"""After midnight: a device that comes back late in the evening still finds its day open."""
CURRENT_WITHIN_MS: Final = DAY_MS
"""A device whose last reading was older than this on arrival delivers a past, and is not silent."""
HEARD_WITHIN_MS: Final = 30 * DAY_MS
"""What is older when it comes is of a long absence or a wrong clock: it says nothing of now."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Readings of a batch, sorted by person.

    Attributes:
        stream: the readings. day: local day of each.
        opens: the day that is open for its person once this reading has been heard.
        late: bool[n], for a day that has closed.
        round: how many days of this person close in this batch before it.
        heard: bool[n], it has a value and is of this month: the device is not silent.
        waited: bool[n], it came after more than the allowed time without one that was heard.
    """

    stream: Stream
    day: NDArray[np.int64]
    opens: NDArray[np.int64]
    late: NDArray[np.bool_]
    round: NDArray[np.int64]
    heard: NDArray[np.bool_]
    waited: NDArray[np.bool_]


def place(state: State, batch: ReadingBatch, silence_after_ms: int) -> Placed:
    """Sort a batch by person and find which days its readings are of, open and close.

    Raises:
        ValueError: a person was never added.
    """
    unsorted = person_rows(state, batch.person_id)
    position = np.argsort(unsorted, kind="stable")
    row, time_ms = unsorted[position], batch.time_ms[position]
    stream = Stream(
        position,
        row,
        np.flatnonzero(np.diff(row, prepend=-1)),
        time_ms,
        batch.received_ms[position],
        batch.period_s[position],
        _local_ms(state, row, time_ms),
        batch.values[position],
    )
    day = stream.local_ms // DAY_MS
    heard = _heard(stream)
    waited = _waited(state, stream, heard, silence_after_ms)
    open_day = np.maximum(state.open_day[stream.people], 0)
    opens = highest_so_far(stream, day, open_day)
    late = day < opens
    if waited.any():
        opens = _turned_by_silence(state, stream, day, opens, heard, waited)
        late = day < opens
    earlier = before(stream, opens, open_day)
    turns = (opens > earlier) & (earlier > 0)
    counted = np.cumsum(turns)
    rounds: NDArray[np.int64] = counted - (counted - turns)[stream.first][stream.stretch]
    return Placed(stream, day, opens, late, rounds, heard, waited)


def person_rows(state: State, person_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the state row of each reading.

    Raises:
        ValueError: a person was never added to the detector.
    """
    people, inverse = np.unique(person_id, return_inverse=True)
    if unknown := [person for person in people.tolist() if person not in state.row_of]:
        raise ValueError(f"the detector does not know person {unknown[0]}; add them first")
    rows = np.array([state.row_of[person] for person in people.tolist()], np.int64)
    return rows[inverse]


def overdue(state: State, now_ms: int, silence_after_ms: int) -> NDArray[np.int64]:
    """Return the rows whose open day is to be closed because the device fell silent."""
    count = len(state)
    received, latest = state.last_received_ms[:count], state.last_reading_ms[:count]
    silent = (received != NEVER) & (now_ms - received > silence_after_ms)
    silent &= (received - latest <= CURRENT_WITHIN_MS) & (state.open_day[:count] != NEVER)
    rows = np.flatnonzero(silent)
    day = state.open_day[rows]
    over = _local_day(state, rows, np.full(len(rows), now_ms)) > day
    return rows[over & (state.reported_s[rows, day % 2] > 0)]


def _local_day(
    state: State, row: NDArray[np.int64], now_ms: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the local day of four hours ago: what is before it is over."""
    days: NDArray[np.int64] = _local_ms(state, row, now_ms - DAY_CLOSES_AFTER_MS) // DAY_MS
    return days


def _heard(stream: Stream) -> NDArray[np.bool_]:
    has_value = ~np.isnan(stream.values).all(axis=1)
    heard: NDArray[np.bool_] = has_value & (stream.received_ms - stream.time_ms <= HEARD_WITHIN_MS)
    return heard


def _waited(
    state: State, stream: Stream, heard: NDArray[np.bool_], silence_after_ms: int
) -> NDArray[np.bool_]:
    seed = state.last_received_ms[stream.people]
    received_ms = received_so_far(stream, heard, seed)
    received = before_among(stream, received_ms, heard, seed)
    waited: NDArray[np.bool_] = (received != NEVER) & (received_ms - received > silence_after_ms)
    return waited


def _turned_by_silence(
    state: State,
    stream: Stream,
    day: NDArray[np.int64],
    opens: NDArray[np.int64],
    heard: NDArray[np.bool_],
    waited: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the open day after each reading where silences have closed days too.

    A day that holds no reading is not closed: there is nothing to judge in it.
    """
    turned = opens.copy()
    people = stream.people
    received_ms = received_so_far(stream, heard, state.last_received_ms[people])
    received = before_among(stream, received_ms, heard, state.last_received_ms[people])
    latest = before_among(stream, stream.time_ms, heard, state.last_reading_ms[people])
    is_over = _local_day(state, stream.row, received_ms)
    ends = stream.ends
    for place in np.flatnonzero(waited & (received - latest <= CURRENT_WITHIN_MS)).tolist():
        start, end = stream.first[stream.stretch[place]], ends[stream.stretch[place]]
        row = int(stream.row[place])
        held = int(state.open_day[row])
        open_before = int(turned[place - 1]) if place > start else held
        filled = bool((day[start:place] == open_before).any()) or (
            open_before == held != NEVER and bool(state.reported_s[row, held % 2] > 0)
        )
        if filled and is_over[place] > open_before:
            part = slice(place, end + 1)
            turned[part] = np.maximum(turned[part], open_before + 1)
    return turned


def _local_ms(
    state: State, row: NDArray[np.int64], time_ms: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return local times; the people of one zone are turned together."""
    zone = state.zone_of[row]
    local_ms = time_ms.copy()
    for place_of_zone in np.unique(zone).tolist():
        chosen = zone == place_of_zone
        local_ms[chosen] = state.zone_tables[place_of_zone].local_ms(time_ms[chosen])
    return local_ms
