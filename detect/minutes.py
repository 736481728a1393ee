"""From readings to the open day of each person: sums and histograms, nothing else.

A reading goes to the local day in which its epoch starts. A reading for a day that has already
closed for its person is late: it is counted, and it is stored, but it changes no finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect.readings import ReadingBatch
from detect.state import HEART_RATE_BINS, NEVER, State
from tidewell.local_time import DAY_MS
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS

HEART_RATE: Final = CHANNEL_INDEX["heart_rate"]
STEPS: Final = CHANNEL_INDEX["steps"]
WORN: Final = CHANNEL_INDEX["worn"]
LOWEST_BPM: Final = CHANNELS[HEART_RATE].low

NIGHT_ENDS_MS: Final = 7 * 3_600_000
"""The night is 00:00 to 07:00 local, the hours in which nearly every young person sleeps."""
STILL_BEFORE_REST_MS: Final = 12 * 60_000
"""Heart rate counts as resting 12 minutes after the last step.

As in Mishra et al., Nat Biomed Eng 4, 2020.
"""

_LIFT: Final = 2**43
"""Above any time in ms until the year 2248; leaves room for a million people in one batch."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Readings of a batch, sorted by person, with what the rounds need.

    Attributes:
        position: place of each reading in the batch. row: row of its person in the state.
        local_ms, day: its local time and day. resting: no step for 12 minutes.
        round: how many days of this person close in this batch before it; -1 for a late reading.
    """

    position: NDArray[np.int64]
    row: NDArray[np.int64]
    local_ms: NDArray[np.int64]
    day: NDArray[np.int64]
    resting: NDArray[np.bool_]
    round: NDArray[np.int64]


def place(state: State, batch: ReadingBatch) -> Placed:
    """Sort a batch by person, find its local days and resting minutes, move the step memory on."""
    rows_unsorted = person_rows(state, batch.person_id)
    position = np.argsort(rows_unsorted, kind="stable")
    row = rows_unsorted[position]
    time_ms = batch.time_ms[position]
    local_ms = _local_ms(state, row, time_ms)
    first = np.flatnonzero(np.diff(row, prepend=-1))
    day = local_ms // DAY_MS
    reached = _running_max(day, first, np.maximum(state.open_day[row[first]], 0))
    late = day < reached
    resting = _resting(state, row, time_ms, ~late & (batch.values[position, STEPS] > 0), first)
    opened_before = state.open_day[row[first]] != NEVER
    turns = np.diff(reached, prepend=-1) > 0
    turns[first] = opened_before & (reached[first] > state.open_day[row[first]])
    counted = np.cumsum(turns)
    rounds: NDArray[np.int64] = counted - np.repeat(
        counted[first] - turns[first], np.diff(np.append(first, len(row)))
    )
    return Placed(position, row, local_ms, day, resting, np.where(late, -1, rounds))


def accumulate(
    state: State, batch: ReadingBatch, placed: Placed, chosen: NDArray[np.int64]
) -> None:
    """Add the chosen readings (places in `placed`) to the open days of their people."""
    row = placed.row[chosen]
    values = batch.values[placed.position[chosen]]
    heart_rate, steps, worn = values[:, HEART_RATE], values[:, STEPS], values[:, WORN]
    has_heart, has_steps, has_flag = ~np.isnan(heart_rate), ~np.isnan(steps), ~np.isnan(worn)
    length_s = batch.period_s[placed.position[chosen]]
    np.add.at(state.reported_s, row, length_s)
    np.add.at(state.heart_s, row[has_heart], length_s[has_heart])
    np.add.at(state.wear_flag_s, row[has_flag], length_s[has_flag])
    on_body = np.where(has_flag, worn > 0, has_heart | (has_steps & (steps > 0)))
    np.add.at(state.worn_s, row[on_body], length_s[on_body])
    np.add.at(state.step_s, row[has_steps], length_s[has_steps])
    milli_steps = np.rint(steps[has_steps].astype(np.float64) * 1000).astype(np.int64)
    np.add.at(state.milli_steps, row[has_steps], milli_steps)
    night = placed.local_ms[chosen] % DAY_MS < NIGHT_ENDS_MS
    asleep = has_heart & night & placed.resting[chosen] & (on_body | ~has_flag)
    bins = np.floor((heart_rate[asleep] - LOWEST_BPM) * 2).astype(np.int64)
    place_in_night = (row[asleep], np.clip(bins, 0, HEART_RATE_BINS - 1))
    np.add.at(state.rest_heart_rate, place_in_night, length_s[asleep].astype(np.uint32))


def clear_day(state: State, rows: NDArray[np.int64]) -> None:
    """Empty the sums of the open day."""
    state.rest_heart_rate[rows] = 0
    for sums in (
        state.milli_steps,
        state.step_s,
        state.heart_s,
        state.worn_s,
        state.wear_flag_s,
        state.reported_s,
    ):
        sums[rows] = 0


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


def _running_max(
    values: NDArray[np.int64], first: NDArray[np.int64], seed: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the highest value so far within each person's stretch, starting from `seed`.

    People are kept apart by lifting each stretch above the one before it.
    """
    if not len(values):
        return values
    lift = np.zeros(len(values), np.int64)
    lift[first] = 1
    lift = np.cumsum(lift) * _LIFT
    seeded = np.maximum(values, 0)
    seeded[first] = np.maximum(seeded[first], seed)
    highest: NDArray[np.int64] = np.maximum.accumulate(seeded + lift) - lift
    return highest


def _resting(
    state: State,
    row: NDArray[np.int64],
    time_ms: NDArray[np.int64],
    moved: NDArray[np.bool_],
    first: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return where the last step was 12 minutes ago or more, and remember the last step."""
    people = row[first]
    last_step_ms = _running_max(
        np.where(moved, time_ms, 0), first, np.maximum(state.last_step_ms[people], 0)
    )
    ends = np.append(first[1:], len(row)) - 1
    state.last_step_ms[people] = np.where(last_step_ms[ends] > 0, last_step_ms[ends], NEVER)
    return time_ms - last_step_ms >= STILL_BEFORE_REST_MS
