"""Histories of readings that are hard to score: one awkward person for each way to go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect import ReadingBatch
from tests.numeric.naive import Reading
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS

DAY_MS: Final = 86_400_000
PERIOD_S: Final = 600
HEART_RATE, STEPS, WORN = (CHANNEL_INDEX[name] for name in ("heart_rate", "steps", "worn"))
SPRING: Final = datetime(2026, 2, 20, tzinfo=UTC)
AUTUMN: Final = datetime(2026, 9, 20, tzinfo=UTC)
ZONES: Final = {
    1: "Europe/London",
    22: "America/Havana",  # its clocks change at midnight
    3: "America/Santiago",  # and here the day before becomes longer
    14: "Australia/Lord_Howe",  # by half an hour
    5: "Asia/Kolkata",
    6: "America/Los_Angeles",
    17: "Pacific/Auckland",
    8: "UTC",
}

Columns = NDArray[np.float64]


@dataclass(frozen=True)
class Stream:
    """What the devices of one person sent: time, delay until it came, heart rate, steps, worn."""

    time_ms: NDArray[np.int64]
    delay_ms: NDArray[np.int64]
    values: Columns


def usual_life(
    rng: np.random.Generator, start: datetime, days: int, *, change_from: int, length: int = 6
) -> Stream:
    """Days and nights with noise, and some days of a higher heart rate and fewer steps."""
    start_ms = round(start.timestamp()) * 1000
    time_ms = start_ms + np.arange(0, days * DAY_MS, PERIOD_S * 1000, dtype=np.int64)
    time_ms = time_ms[rng.random(len(time_ms)) > 0.05]
    day = (time_ms - start_ms) // DAY_MS
    changed = (day >= change_from) & (day < change_from + length)
    by_day = rng.random(len(time_ms)) < 0.5
    values = np.full((len(time_ms), 3), np.nan)
    values[:, 0] = 58 + 12 * by_day + rng.normal(0, 2, len(time_ms)) + 8 * changed
    values[:, 1] = np.where(by_day, rng.integers(0, 900, len(time_ms)), 0) / (1 + 3 * changed)
    values[rng.random(values.shape) < 0.03] = np.nan
    return Stream(time_ms, np.full(len(time_ms), 1_500, np.int64), values)


def constant(rng: np.random.Generator, start: datetime, days: int) -> Stream:
    """The same heart rate and steps for ever, and then a jump: a spread of nothing."""
    stream = usual_life(rng, start, days, change_from=days)
    late = stream.time_ms > stream.time_ms[-1] - 5 * DAY_MS
    stream.values[:, 0] = np.where(late, 62, 60)
    stream.values[:, 1] = np.where(late, 10, 20)
    return stream


def with_gaps(rng: np.random.Generator, start: datetime, days: int) -> Stream:
    """Four days without anything, then a hundred: the slots of old days come round again."""
    stream = usual_life(rng, start, days, change_from=days // 2 - 3)
    day = (stream.time_ms - stream.time_ms[0]) // DAY_MS
    moved = stream.time_ms + (day >= 8) * 4 * DAY_MS + (day >= days // 2) * 100 * DAY_MS
    return Stream(moved, stream.delay_ms, stream.values)


def only_steps(rng: np.random.Generator, start: datetime, days: int) -> Stream:
    stream = usual_life(rng, start, days, change_from=days - 8)
    stream.values[:, 0] = np.nan
    return stream


def nothing(rng: np.random.Generator, start: datetime, days: int) -> Stream:
    stream = usual_life(rng, start, days, change_from=days)
    stream.values[:] = np.nan
    return stream


def with_wear_flag(rng: np.random.Generator, start: datetime, days: int) -> Stream:
    """Hours and whole days beside the bed, half-worn epochs, silences of half a day."""
    stream = usual_life(rng, start, days, change_from=days - 7)
    day = (stream.time_ms - stream.time_ms[0]) // DAY_MS
    off_days = np.isin(day, rng.choice(days, days // 5, replace=False))
    stream.values[:, 2] = np.where(off_days | (rng.random(len(day)) < 0.2), 0, rng.random(len(day)))
    stream.values[rng.random(len(day)) < 0.05, 2] = np.nan
    stream.values[off_days] = (np.nan, 0, 0)
    kept = np.ones(len(day), np.bool_)
    for first in rng.choice(len(day) - 80, 5, replace=False).tolist():
        kept[first : first + 70] = False
    return Stream(stream.time_ms[kept], stream.delay_ms[kept], stream.values[kept])


def two_devices(rng: np.random.Generator, start: datetime, days: int) -> Stream:
    """One device sends at once; the other one keeps a day and a half back, again and again."""
    one = usual_life(rng, start, days, change_from=days - 6)
    other = usual_life(rng, start, days, change_from=days - 6)
    held_ms = 36 * 3_600_000
    first_ms = int(other.time_ms[0])
    sent_ms = first_ms + -(-(other.time_ms - first_ms) // held_ms) * held_ms
    return Stream(
        np.concatenate([one.time_ms, other.time_ms + 123]),
        np.concatenate([one.delay_ms, sent_ms - other.time_ms]),
        np.concatenate([one.values, other.values]),
    )


def chaos(rng: np.random.Generator, start: datetime, days: int) -> Stream:
    """Any numbers at any time, edges of bins and ranges far outside included."""
    stream = usual_life(rng, start, days, change_from=days)
    count = len(stream.time_ms)
    stream.values[:, 0] = rng.choice([0, 19.9, 20, 20.5, 60.499996, 249.9, 250, 5e5, np.nan], count)
    stream.values[:, 1] = rng.choice([0, 0, 0.0004, 0.0006, 400, 1e6, np.nan], count)
    jitter_ms = rng.integers(-3 * DAY_MS, 3 * DAY_MS, count) * (rng.random(count) < 0.02)
    delay_ms = rng.integers(0, 8 * 3_600_000, count) * (rng.random(count) < 0.1)
    return Stream(stream.time_ms + jitter_ms, delay_ms, stream.values)


def a_history(seed: int, start: datetime, days: int) -> ReadingBatch:
    """Return the readings of one person of each kind, in the order in which they came."""
    rng = np.random.default_rng(seed)
    kinds = (constant, with_gaps, only_steps, nothing, with_wear_flag, two_devices, chaos)
    streams = [usual_life(rng, start, days, change_from=days - 9)]
    streams += [kind(rng, start, days) for kind in kinds]
    return merged(dict(zip(ZONES, streams, strict=True)))


def merged(streams: dict[int, Stream]) -> ReadingBatch:
    """Return streams as one batch."""
    people = [np.full(len(one.time_ms), person) for person, one in streams.items()]
    time_ms = np.concatenate([one.time_ms for one in streams.values()])
    received_ms = time_ms + np.concatenate([one.delay_ms for one in streams.values()])
    columns = np.concatenate([one.values for one in streams.values()]).astype(np.float32)
    order = np.argsort(received_ms, kind="stable")
    values = np.full((len(order), len(CHANNELS)), np.nan, np.float32)
    for place, channel in enumerate((HEART_RATE, STEPS, WORN)):
        values[:, channel] = columns[order, place]
    return ReadingBatch(
        np.concatenate(people)[order],
        time_ms[order],
        received_ms[order],
        np.full(len(order), PERIOD_S),
        values,
    )


def one_by_one(batch: ReadingBatch) -> list[Reading]:
    """Return a batch as readings of the naive twin."""
    columns = [batch.person_id, batch.time_ms, batch.received_ms, batch.period_s]
    integers = [column.tolist() for column in columns]
    values = [batch.values[:, channel].tolist() for channel in (HEART_RATE, STEPS, WORN)]
    return [Reading(*row) for row in zip(*integers, *values, strict=True)]
