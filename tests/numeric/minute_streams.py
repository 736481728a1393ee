"""Readings and memories for the tests of what happens within minutes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detect import moments as moments_module
from detect import quality, rhythm
from detect.moments import Moment, Moments, MomentState, moments
from detect.quality import Cleaned, clean
from detect.stream import Stream
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MONDAY_MS = 20_503 * DAY_MS
COLUMNS = {**rhythm.COLUMNS, **quality.COLUMNS, **moments_module.COLUMNS}


class Memory(MomentState):
    """The columns of rhythm, quality and moments for some people."""

    def __init__(self, people: int) -> None:
        for name, (dtype, shape, first) in COLUMNS.items():
            setattr(self, name, np.full((people, *shape), first, dtype))


def learned(people: int = 1, *, centre: float = 70, scale: float = 4, eda_days: int = 0) -> Memory:
    """Return people whose resting heart rate is known, the same at any hour."""
    memory = Memory(people)
    memory.heart_centre[:], memory.heart_scale[:] = centre, scale
    memory.eda_centre[:], memory.eda_scale[:] = 2, 0.5
    memory.heart_days[:], memory.eda_days[:] = 30, eda_days
    memory.heart_usual[:] = 0.9
    return memory


def assert_same_memory(one: Memory, other: Memory) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def stream_of(
    time_ms: NDArray[np.int64],
    values: NDArray[np.float32],
    *,
    row: NDArray[np.int64] | int = 0,
    received_ms: NDArray[np.int64] | None = None,
    period_s: int = 60,
) -> Stream:
    """Return readings in the order of their people; local time is UTC."""
    count = len(time_ms)
    rows = np.broadcast_to(np.asarray(row, np.int64), count)
    order = np.argsort(rows, kind="stable")
    received = time_ms + period_s * 1000 if received_ms is None else received_ms
    sorted_rows = rows[order]
    return Stream(
        order,
        sorted_rows,
        np.flatnonzero(np.diff(sorted_rows, prepend=-1)),
        time_ms[order],
        received[order],
        np.full(count, period_s, np.int64),
        time_ms[order],
        values[order],
    )


def values_of(count: int, **channels: float | NDArray[np.floating]) -> NDArray[np.float32]:
    """Return readings with these channels and no other: float32[count, channels]."""
    values = np.full((count, len(CHANNELS)), np.nan, np.float32)
    for name, value in channels.items():
        values[:, CHANNEL_INDEX[name]] = value
    return values


def minutes_of(
    count: int, *, from_ms: int = MONDAY_MS, **channels: float | NDArray[np.floating]
) -> Stream:
    """Return a reading a minute of one person, received at once."""
    time_ms = from_ms + np.arange(count, dtype=np.int64) * MINUTE_MS
    return stream_of(time_ms, values_of(count, **channels))


def run(memory: Memory, stream: Stream) -> tuple[Cleaned, Moments]:
    cleaned = clean(memory, stream)
    return cleaned, moments(memory, stream, cleaned)


def found(memory: Memory, stream: Stream) -> list[Moment]:
    return run(memory, stream)[1].found


def told(moments_found: list[Moment], from_ms: int = MONDAY_MS) -> list[tuple[str, int, int]]:
    """Return kind, start and moment in minutes from a moment."""
    return [
        (
            one.kind.value,
            (one.started_ms - from_ms) // MINUTE_MS,
            (one.at_ms - from_ms) // MINUTE_MS,
        )
        for one in moments_found
    ]
