"""`python -m bench detect`: how fast the detector takes readings in and closes days.

Virtual people, ten channels each, one reading a minute in frames of an hour, as devices send them.
People are half in London and half in Auckland, so half of the readings are of the night. Measured
through the public methods of `Detector`.

Days are closed as they close in service: readings of a whole day and of the night before it, for
people who have more than four weeks behind them. To fill those days within minutes, the timed
people send epochs of a quarter of an hour; a day holds the same bins then, and costs the same.

In the same run, on the same core: two models of river, a plain Python loop, and one copy of the
bytes of the state, which no detector that touches its state can beat. `faster` and `times` are
the ratios to these, and say more than the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench import rivals
from bench.measuring import Figures, best_s, seconds_of
from detect import Detector, ReadingBatch
from tidewell.clock import monotonic_s
from tidewell.local_time import DAY_MS, zone_table
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS, FEATURE_NAMES

BATCH_ROWS: Final = 5_000
FRAME_MINUTES: Final = 60
FRAME_MS: Final = FRAME_MINUTES * 60_000
FIRST_MS: Final = 1_760_018_400_000
"""15:00 in London and 03:00 in Auckland: no day closes in the hours that are timed."""
ZONES: Final = ("Europe/London", "Pacific/Auckland")
SILENCE_AFTER_S: Final = 4 * 3_600
PRESENT: Final = 0.9
"""Share of values that are there; the others are "no value"."""
STILL: Final = 0.7
"""Share of minutes without a step."""
FIRST_DAY: Final = 20_000
EARLIER_DAYS: Final = 30
"""Days behind the timed one: the window of what is usual, 28 days, and its lag of two."""
EPOCH_S: Final = 900
EPOCHS: Final = 96
FILLED_DAYS: Final = 2
"""The day that closes, and the evening before it."""
FILLED_AT_ONCE: Final = 500
"""People whose day is made in one go, so that their readings fit into memory."""
NIGHT_BEGINS_H: Final = 22
NIGHT_ENDS_H: Final = 7
STEPS_OF_AN_EPOCH: Final = 15
"""A quarter of an hour at the pace of its minute, so that some of them are walks."""
PASSES: Final = 3


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    people: int
    frames: int
    closing_people: int
    rival_values: int


FULL: Final = Size(people=10_000, frames=3, closing_people=100_000, rival_values=30_000)
QUICK: Final = Size(people=200, frames=2, closing_people=1_000, rival_values=2_000)

_TYPICAL: Final = {
    "heart_rate": (75, 8),
    "hrv_rmssd": (45, 12),
    "skin_temperature": (33.5, 0.6),
    "eda": (2, 0.8),
    "steps": (40, 25),
    "spo2": (97, 0.8),
    "respiratory_rate": (15, 2),
    "motion": (60, 50),
    "sleep_state": (1, 1),
    "worn": (1, 0),
}
"""Middle and spread of each channel; cut to what the sensor can say."""


def run(*, quick: bool = False) -> Figures:
    """Return what the detector does in a second, and how that stands beside other ways."""
    size = QUICK if quick else FULL
    batches = readings(size, np.random.default_rng(1))
    update, update_s = _update(size, batches)
    closing, closing_s = _closing(size, np.random.default_rng(2))
    memory, copy_s = _memory(size)
    one_person_s = closing_s / size.closing_people
    floor = {
        "copy_of_the_state_ms": round(copy_s * 1e3, 2),
        "times_an_hour_of_everybody": round(update_s / size.frames / copy_s, 1),
        "times_day_closing": round(one_person_s * size.people / copy_s, 1),
    }
    return {
        "update": update,
        "day_closing": closing,
        "memory": memory,
        "memory_floor": floor,
        **_rivals(size, batches[0], float(update["values_per_second"])),
    }


def readings(size: Size, rng: np.random.Generator) -> list[ReadingBatch]:
    """Return hours of readings of all people in batches of 5,000 rows, frame after frame."""
    person = np.concatenate(
        [np.repeat(rng.permutation(size.people), FRAME_MINUTES) for _ in range(size.frames)]
    )
    frame = np.repeat(np.arange(size.frames), size.people * FRAME_MINUTES)
    minute = np.tile(np.arange(FRAME_MINUTES), size.people * size.frames)
    every = ReadingBatch(
        person_id=person,
        time_ms=FIRST_MS + frame * FRAME_MS + minute * 60_000,
        received_ms=FIRST_MS + (frame + 1) * FRAME_MS,
        period_s=np.full(len(person), 60),
        values=_values(len(person), rng),
    )
    return [
        every.take(slice(start, start + BATCH_ROWS)) for start in range(0, len(every), BATCH_ROWS)
    ]


def _values(rows: int, rng: np.random.Generator) -> NDArray[np.float32]:
    values = np.empty((rows, len(CHANNELS)), np.float32)
    for place, channel in enumerate(CHANNELS):
        middle, spread = _TYPICAL[channel.name]
        column = middle + spread * rng.standard_normal(rows, np.float32)
        values[:, place] = np.clip(column, channel.low, channel.high)
    values[rng.random(rows) < STILL, CHANNEL_INDEX["steps"]] = 0
    for name in ("steps", "sleep_state", "worn"):
        values[:, CHANNEL_INDEX[name]] = np.rint(values[:, CHANNEL_INDEX[name]])
    values[rng.random(values.shape, np.float32) > PRESENT] = np.nan
    return values


def _detector(people: int) -> Detector:
    detector = Detector(silence_after_s=SILENCE_AFTER_S)
    zones = [zone_table(name) for name in ZONES]
    for person in range(people):
        detector.add_person(person, zones[person % len(zones)])
    return detector


def _update(size: Size, batches: list[ReadingBatch]) -> tuple[Figures, float]:
    """Time every batch of some passes, each with an empty detector; the best pass counts."""
    passes = []
    for _ in range(PASSES):
        detector = _detector(size.people)
        passes.append([seconds_of(partial(detector.update, batch)) for batch in batches])
    best = min(passes, key=sum)
    total_s = sum(best)
    rows = sum(len(batch) for batch in batches)
    values = sum(int(np.count_nonzero(~np.isnan(batch.values))) for batch in batches)
    p50_s, p99_s = np.quantile(best, [0.5, 0.99]).tolist()
    return {
        "people": size.people,
        "rows": rows,
        "rows_per_second": round(rows / total_s),
        "values_per_second": round(values / total_s),
        "batch_rows": BATCH_ROWS,
        "batch_p50_ms": round(p50_s * 1e3, 2),
        "batch_p99_ms": round(p99_s * 1e3, 2),
    }, total_s


def _closing(size: Size, rng: np.random.Generator) -> tuple[Figures, float]:
    """Time the closing of the open day of everybody, in one call."""
    detector = _detector(size.closing_people)
    everybody = np.arange(size.closing_people)
    for day in range(FIRST_DAY - EARLIER_DAYS, FIRST_DAY):
        features = rng.normal(60, 3, (len(everybody), len(FEATURE_NAMES))).astype(np.float32)
        detector.score_days(everybody, np.full(len(everybody), day), features)
    for day in range(FIRST_DAY, FIRST_DAY + FILLED_DAYS):
        for start in range(0, len(everybody), FILLED_AT_ONCE):
            detector.update(_whole_day(everybody[start : start + FILLED_AT_ONCE], day, rng))
    started_s = monotonic_s()
    closed = detector.close_days()
    closing_s = monotonic_s() - started_s
    return {
        "people": len(closed.days),
        "features": len(FEATURE_NAMES),
        "share_of_features_known": round(float(np.mean(~np.isnan(closed.days.features))), 2),
        "seconds": round(closing_s, 3),
        "microseconds_a_person": round(closing_s / len(closed.days) * 1e6, 1),
        "people_per_second": round(len(closed.days) / closing_s),
    }, closing_s


def _whole_day(person: NDArray[np.int64], day: int, rng: np.random.Generator) -> ReadingBatch:
    """Return a local day of each person, with the sleep of a night in it."""
    epoch = np.tile(np.arange(EPOCHS), len(person))
    rows = np.repeat(person, EPOCHS)
    values = _values(len(rows), rng)
    hour = epoch * EPOCH_S // 3_600
    asleep = (hour < NIGHT_ENDS_H) | (hour >= NIGHT_BEGINS_H)
    for name, at_night in (("steps", 0), ("motion", 5), ("sleep_state", 1), ("heart_rate", 60)):
        values[asleep, CHANNEL_INDEX[name]] = at_night
    values[~asleep, CHANNEL_INDEX["sleep_state"]] = 0
    values[~asleep, CHANNEL_INDEX["steps"]] *= STEPS_OF_AN_EPOCH
    local_ms = day * DAY_MS + epoch * EPOCH_S * 1000
    shift_ms = np.array([zone_table(name).local_ms(local_ms[:1])[0] for name in ZONES])
    time_ms = local_ms - (shift_ms - local_ms[0])[rows % len(ZONES)]
    period_s = np.full(len(rows), EPOCH_S)
    return ReadingBatch(rows, time_ms, time_ms + EPOCH_S * 1000, period_s, values)


def _memory(size: Size) -> tuple[Figures, float]:
    """Return what a person costs, and how long one copy of everybody's bytes takes."""
    bytes_a_person = _detector(1).bytes_per_person()
    source = np.ones(bytes_a_person * size.people, np.uint8)
    target = np.zeros_like(source)
    copy_s = best_s(lambda: np.copyto(target, source))
    return {
        "bytes_a_person": bytes_a_person,
        "copied_gigabytes_per_second": round(len(source) / copy_s / 1e9, 1),
    }, copy_s


def _rivals(size: Size, batch: ReadingBatch, values_per_second: float) -> Figures:
    """Time the other ways on the first values of a batch; river's rows only where it is there."""
    rows = list(zip(batch.person_id.tolist(), batch.values.tolist(), strict=True))
    values = [
        (place, value) for _, row in rows for place, value in enumerate(row) if not np.isnan(value)
    ][: size.rival_values]
    used = rows[: size.rival_values // len(CHANNELS)]
    in_rows = int(np.count_nonzero(~np.isnan(batch.values[: len(used)])))
    works = {"python_loop": (rivals.python_loop(used), in_rows)}
    if (anomaly := rivals.river()) is not None:
        works |= {
            "river_half_space_trees": (rivals.half_space_trees(anomaly, values), len(values)),
            "river_gaussian_scorer": (rivals.gaussian_scorer(anomaly, values), len(values)),
        }
    missing = {} if anomaly else {"river": rivals.RIVER_IS_MISSING}
    return missing | {
        name: _rival(best_s(work, PASSES) / count, values_per_second)
        for name, (work, count) in works.items()
    }


def _rival(value_s: float, values_per_second: float) -> Figures:
    return {
        "values_per_second": round(1 / value_s),
        "microseconds_a_value": round(value_s * 1e6, 3),
        "update_is_times_faster": round(values_per_second * value_s, 1),
    }
