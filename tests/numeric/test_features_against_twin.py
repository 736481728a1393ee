"""The features of many people at once equal those of one person at a time, on awkward lives."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from detect.features import day_and_night, minutes_worn
from detect.sleep import remember_sleep
from tests.numeric.naive_features import Memory, NaivePerson, Reading
from tidewell.vocabulary import CHANNEL_INDEX, CHANNEL_NAMES, CHANNELS, FEATURE_NAMES

DAY_S = 86_400
FIRST_DAY = 20_000
DAYS = 8
PERIODS_S = (60, 60, 300, 40, 7, 900, 300, 60)
"""One for each person; the one with seven seconds lives fewer hours, or the twin takes too long."""
NO_SLEEP_STATE = (1, 2, 4, 6)
ONLY_STEPS = 7


def a_life(person: int, rng: np.random.Generator) -> list[Reading]:
    """Return readings of days with a night each, holes, sleep told or not, a device put away."""
    period_s = PERIODS_S[person]
    readings: list[Reading] = []
    for day in range(DAYS):
        bed_s = int(rng.normal(-1.5, 1.2) * 3_600)
        wake_s = int(rng.normal(7.5, 1.0) * 3_600)
        next_bed_s = DAY_S + int(rng.normal(-1.5, 1.0) * 3_600)
        hole = int(rng.integers(0, DAY_S)), int(rng.integers(6 * 3_600) * (rng.random() < 0.3))
        lying = int(rng.integers(0, DAY_S)), int(rng.integers(4 * 3_600) * (rng.random() < 0.3))
        hours = range(0, DAY_S, period_s) if period_s != 7 else range(0, 12 * 3_600, 7)
        for second in hours:
            if hole[0] <= second < sum(hole) or (day == 7 and person in {0, 3}):
                continue
            asleep = bed_s <= second < wake_s or second >= next_bed_s
            values = a_moment(second, asleep, period_s, rng)
            if person in NO_SLEEP_STATE:
                values.pop("sleep_state", None)
            if person == ONLY_STEPS:
                values = {"steps": values.get("steps", 0.0)}
            on_body = not lying[0] <= second < sum(lying)
            if person == ONLY_STEPS:
                on_body = values["steps"] > 0
            readings.append(Reading((FIRST_DAY + day) * DAY_S + second, period_s, values, on_body))
    return readings


def a_moment(
    second: int, asleep: bool, period_s: int, rng: np.random.Generator
) -> dict[str, float]:
    walking = not asleep and (second // 1_500) % 4 == 1
    steps = float(rng.integers(15, 90) if walking else rng.random() < 0.02)
    raw = {
        "heart_rate": rng.normal(58 if asleep else 74 + steps / 4, 4),
        "hrv_rmssd": rng.normal(60, 12),
        "skin_temperature": rng.normal(34 if asleep else 32, 0.5),
        "eda": rng.lognormal(0.5, 0.4),
        "steps": steps * period_s / 60 if asleep or walking else steps,
        "spo2": rng.normal(97, 0.8),
        "respiratory_rate": rng.normal(16, 1.5),
        "motion": rng.exponential(4 if asleep else 20),
        "sleep_state": float(rng.integers(1, 4)) if asleep and rng.random() < 0.95 else 0.0,
        "worn": 1.0,
    }
    kept = {name: value for name, value in raw.items() if rng.random() < 0.93}
    ranges = {channel.name: channel for channel in CHANNELS}
    return {
        name: float(np.float32(np.clip(value, ranges[name].low, ranges[name].high * 60)))
        for name, value in kept.items()
    }


def as_arrays(
    lives: list[list[Reading]], day: int
) -> tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], list[bool]
]:
    chosen = [
        (person, one)
        for person, life in enumerate(lives)
        for one in life
        if one.time_s // DAY_S == day
    ]
    values = np.full((len(chosen), len(CHANNEL_NAMES)), np.nan, np.float32)
    for place, (_, one) in enumerate(chosen):
        for name, value in one.values.items():
            values[place, CHANNEL_INDEX[name]] = value
    row = np.array([person for person, _ in chosen], np.int64)
    time_ms = np.array([one.time_s * 1000 for _, one in chosen], np.int64)
    period_s = np.array([one.period_s for _, one in chosen], np.int64)
    return row, time_ms, period_s, values, [one.on_body for _, one in chosen]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_feature_equals_that_of_the_naive_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lives = [a_life(person, rng) for person in range(len(PERIODS_S))]
    memory, twins = Memory(len(lives)), [NaivePerson() for _ in lives]
    rows = np.arange(len(lives))
    compared: Counter[str] = Counter()
    for day in range(FIRST_DAY, FIRST_DAY + DAYS):
        memory.open(day)
        row, time_ms, period_s, values, on_body = as_arrays(lives, day)
        assert memory.take_in(row, time_ms, period_s, values, np.array(on_body)) == 0
        features, sleep = day_and_night(memory, rows, np.full(len(rows), day))
        worn = minutes_worn(memory, rows, np.full(len(rows), day))
        remember_sleep(memory, rows, np.full(len(rows), day), sleep)
        for person, twin in enumerate(twins):
            since = (day - 1) * DAY_S
            today = [one for one in lives[person] if one.time_s // DAY_S == day]
            twin.readings = [one for one in twin.readings if one.time_s >= since] + today
            expected = twin.close(day)
            assert worn[person] == sum(one.period_s for one in today if one.on_body) // 60
            found = dict(zip(FEATURE_NAMES, features[person].tolist(), strict=True))
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-4, nan_ok=True)
            compared.update(name for name, value in expected.items() if not math.isnan(value))
    assert set(compared) == set(FEATURE_NAMES)
    assert min(compared.values()) >= 8, compared
