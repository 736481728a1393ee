"""Readings of people whose devices behave as devices do: gaps, buffers, silences, wrong order.

Three people in three time zones, across the change of the clocks. One wears a device that measures
everything and says when it is worn; one has a heart rate, steps and movement only, and sends from
buffers; one is silent for hours and days, and some of what it sent comes a day later or a week.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detect import Detector, ReadingBatch
from detect.plan_limits import Limit
from detect.words import Direction, NoteKind
from tidewell.local_time import DAY_MS, zone_table
from tidewell.vocabulary import CHANNEL_NAMES, Level

HOUR_MS: Final = 3_600_000
SILENCE_S: Final = 4 * 3_600
ZONES: Final = {3: "Europe/London", 11: "America/St_Johns", 4: "UTC"}
FIRST_MS: Final = round(datetime(2026, 10, 1, tzinfo=UTC).timestamp()) * 1000
"""The clocks of London go back on the 25th, those of St John's a week later."""
PASSED_OVER: Final = (9, 21, 34)
COUNTED: Final = {
    3: CHANNEL_NAMES,
    11: ("heart_rate", "steps", "motion"),
    4: ("heart_rate", "steps", "skin_temperature", "worn"),
}


def a_history(seed: int, days: int, periods_s: dict[int, int]) -> ReadingBatch:
    """Return what came in, in the order in which it came; `periods_s` is per person."""
    rng = np.random.default_rng(seed)
    people, times, received, values = [], [], [], []
    for person, zone in ZONES.items():
        time_ms = FIRST_MS + np.arange(0, days * DAY_MS, periods_s[person] * 1000, dtype=np.int64)
        time_ms = time_ms[_sent(rng, time_ms, days, gaps=12 if person == 4 else 4)]
        people.append(np.full(len(time_ms), person))
        times.append(time_ms)
        received.append(_received(rng, time_ms, periods_s[person], person))
        if person == 4:
            _pass_over(time_ms, received[-1])
        local_ms = zone_table(zone).local_ms(time_ms)
        values.append(_values(rng, local_ms, days, COUNTED[person], periods_s[person]))
        if person == 4:
            _empty(np.random.default_rng(seed + 1_000), time_ms, values[-1])
    order = np.argsort(np.concatenate(received), kind="stable")
    person_id = np.concatenate(people)[order]
    return ReadingBatch(
        person_id,
        np.concatenate(times)[order],
        np.concatenate(received)[order],
        np.array([periods_s[person] for person in person_id.tolist()]),
        np.concatenate(values)[order],
    )


def _pass_over(time_ms: NDArray[np.int64], received: NDArray[np.int64]) -> None:
    """Let whole days come when the morning after has begun to come."""
    for day in PASSED_OVER:
        begins = FIRST_MS + day * DAY_MS
        inside = (time_ms >= begins) & (time_ms < begins + DAY_MS)
        received[inside] = np.maximum(received[inside], begins + DAY_MS + 10 * HOUR_MS)


def _empty(
    rng: np.random.Generator, time_ms: NDArray[np.int64], values: NDArray[np.float32]
) -> None:
    """Leave rows without a value where a device sends and measures nothing, for up to a day."""
    for _ in range(3):
        begins = int(rng.choice(time_ms))
        hours = int(rng.choice([3, 7, 26]))
        values[(time_ms >= begins) & (time_ms < begins + hours * HOUR_MS)] = np.nan


def _sent(
    rng: np.random.Generator, time_ms: NDArray[np.int64], days: int, gaps: int
) -> NDArray[np.bool_]:
    """Return which readings were ever made: single ones are missing, and hours, and days."""
    kept = rng.random(len(time_ms)) > 0.02
    for _ in range(gaps):
        begins = FIRST_MS + int(rng.integers(0, days * DAY_MS))
        length = int(rng.choice([2, 5, 7, 11, 30, 60], p=[0.2, 0.2, 0.2, 0.2, 0.1, 0.1])) * HOUR_MS
        kept &= (time_ms < begins) | (time_ms >= begins + length)
    return kept


def _received(
    rng: np.random.Generator, time_ms: NDArray[np.int64], period_s: int, person: int
) -> NDArray[np.int64]:
    received = time_ms + period_s * 1000 + rng.integers(500, 5_000, len(time_ms))
    if person == 3:
        return received
    for _ in range(8):  # buffers: nothing comes for hours, then all of it at once
        begins = int(rng.choice(time_ms))
        ends = begins + int(rng.integers(1, 26)) * HOUR_MS
        inside = (time_ms >= begins) & (time_ms < ends)
        received[inside] = np.maximum(received[inside], ends)
    late = rng.random(len(time_ms)) < 0.03
    received[late] += rng.integers(0, 34 * HOUR_MS, np.count_nonzero(late))
    lost = rng.random(len(time_ms)) < 0.004
    received[lost] += rng.integers(3 * DAY_MS, 8 * DAY_MS, np.count_nonzero(lost))
    return received


def _values(
    rng: np.random.Generator,
    local_ms: NDArray[np.int64],
    days: int,
    counted: tuple[str, ...],
    period_s: int,
) -> NDArray[np.float32]:
    """Return days and nights with an odd week before the end; nothing that looks like a fault."""
    count, hour = len(local_ms), local_ms % DAY_MS / HOUR_MS
    day = (local_ms - local_ms[0]) // DAY_MS
    odd = (day >= days - 14) & (day < days - 9)
    asleep = (hour < 7) | (hour >= 22.5)
    off = np.zeros(count, np.bool_)
    for begins in rng.integers(0, count, 9).tolist():  # beside the bed, for up to ten hours
        off[begins : begins + int(rng.integers(2, 36_000 // period_s))] = True
    walking = ~asleep & (rng.random(count) < 0.35)
    steps = np.where(walking, rng.integers(20, 90, count) * period_s / 60, 0) / (1 + 4 * odd)
    tense = ~asleep & (rng.random(count) < 0.008)
    raw = {
        "heart_rate": np.where(asleep, 57, 74) + steps / 90 + 10 * odd * asleep + 30 * tense,
        "hrv_rmssd": 60 - 20 * odd,
        "skin_temperature": np.where(asleep, 33.5, 33) + 0.7 * odd,
        "eda": 2.0 + 2 * tense,
        "steps": np.rint(steps),
        "spo2": 97 - odd,
        "respiratory_rate": 15 + 2 * odd,
        "motion": np.where(asleep, 16, 60),
        "sleep_state": np.where(asleep & (rng.random(count) < 0.93), 2, 0),
        "worn": ~off,
    }
    noise = {"heart_rate": 2, "hrv_rmssd": 7, "skin_temperature": 0.1, "eda": 0.3, "spo2": 0.5}
    values = np.full((count, len(CHANNEL_NAMES)), np.nan, np.float32)
    for name in counted:
        column = np.asarray(raw[name], float) + rng.normal(0, 1, count) * noise.get(name, 0)
        if name not in {"worn", "heart_rate", "steps"}:
            column[rng.random(count) < 0.03] = np.nan
        values[:, CHANNEL_NAMES.index(name)] = column
    on_body = ("heart_rate", "hrv_rmssd", "skin_temperature", "eda", "spo2", "respiratory_rate")
    for name in on_body:
        values[off, CHANNEL_NAMES.index(name)] = np.nan
    values[off, CHANNEL_NAMES.index("steps")] = 0
    return values


def a_detector() -> Detector:
    """Return a detector that knows these people, a plan of one, and notes of another."""
    detector = Detector(SILENCE_S)
    for person, zone in ZONES.items():
        detector.add_person(person, zone_table(zone))
    first_day = FIRST_MS // DAY_MS
    high = Limit("heart_rate", Direction.ABOVE, 100, 15, Level.CHECK_TODAY)
    detector.set_limits(3, [high])
    detector.note(11, NoteKind.SOMEONE_ELSE, first_day + 20, first_day + 21)
    detector.note(4, NoteKind.ILL, first_day + 15, first_day + 17)
    return detector
