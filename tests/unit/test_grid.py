"""Readings go to their own quarter of an hour, once, whatever comes around them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detect.grid import (
    COLUMNS,
    HOURLY,
    HOURLY_INDEX,
    STEPS_MOST,
    STEPS_REPORTED,
    at_limit,
    hourly_mean,
    pair_share,
)
from tests.numeric.naive_features import Memory
from tidewell.vocabulary import CHANNEL_INDEX, CHANNEL_NAMES

DAY = 20_001
DAY_MS = 86_400_000
ONE = np.zeros(1, np.int64)


def a_memory(people: int = 1) -> Memory:
    memory = Memory(people)
    memory.open(DAY - 1)
    memory.open(DAY)
    return memory


def steps_of(memory: Memory) -> NDArray[np.uint16]:
    steps: NDArray[np.uint16] = memory.steps_counted[0, DAY % 2] & np.uint16(STEPS_MOST)
    return steps


def table(rows: int, **channels: float | list[float] | NDArray[np.float64]) -> NDArray[np.float32]:
    values = np.full((rows, len(CHANNEL_NAMES)), np.nan, np.float32)
    for name, value in channels.items():
        values[:, CHANNEL_INDEX[name]] = value
    return values


def at(second: int | NDArray[np.int64], day: int = DAY) -> NDArray[np.int64]:
    return np.atleast_1d(np.asarray(second, np.int64)) * 1000 + day * DAY_MS


def test_a_quarter_of_minutes_is_sixty_units_and_their_sum() -> None:
    memory = a_memory()
    minutes = np.arange(15) * 60 + 8 * 3_600
    values = table(15, heart_rate=list(range(60, 75)), steps=10.0, motion=[26.9] * 5 + [27.0] * 10)
    memory.take_in(np.zeros(15, np.int64), at(minutes), 60, values)
    slot = DAY % 2
    assert memory.heart_sum[0, slot, 32] == 4 * sum(range(60, 75))
    assert memory.heart_units[0, slot, 32] == memory.worn_units[0, slot, 32] == 60
    assert steps_of(memory)[32] == 150
    assert memory.still_moving[0, slot, 32] == 5 << 4 | 10
    assert memory.asleep_awake.sum() == 0
    for column in (memory.heart_units, memory.steps_counted, memory.still_moving):
        assert column.sum() == column[0, slot, 32]
    assert memory.reported_minutes.sum() == memory.reported_minutes[0, slot, 8] == 15
    assert memory.milli_steps[0, slot] == 150_000
    assert memory.worn_s[0, slot] == memory.step_s[0, slot] == 900
    assert memory.heart_seen[0].tolist() == [slot == 0, slot == 1]
    assert not memory.wear_told.any()


@pytest.mark.parametrize("period_s", [1, 2, 4, 7, 15, 25, 60, 90, 900])
def test_a_gapless_hour_counts_the_same_at_any_sampling(period_s: int) -> None:
    memory = a_memory()
    seconds = np.arange(0, 3_600 - 3_600 % period_s, period_s)
    values = table(len(seconds), heart_rate=70.0, spo2=97.0, steps=1.0)
    memory.take_in(np.zeros(len(seconds), np.int64), at(seconds), period_s, values)
    end_s = int(seconds[-1]) + period_s
    assert memory.heart_units[0, DAY % 2].sum() == end_s // 15
    assert memory.hour_count[0, DAY % 2, HOURLY_INDEX["spo2"]].sum() == end_s // 60
    assert steps_of(memory).sum() == len(seconds)
    assert memory.reported_minutes[0, DAY % 2].sum() == end_s // 60
    assert memory.reported_s[0, DAY % 2] == len(seconds) * period_s


def test_an_epoch_of_an_hour_is_laid_over_the_quarters_that_it_covers() -> None:
    memory = a_memory()
    values = table(1, heart_rate=66.4, steps=101.0, sleep_state=1.0, spo2=96.0)
    memory.take_in(ONE, at(3_600 + 300), 3_600, values)
    slot = DAY % 2
    assert memory.heart_units[0, slot, 3:10].tolist() == [0, 40, 60, 60, 60, 20, 0]
    assert memory.heart_sum[0, slot, 4] == 66 * 40
    assert memory.asleep_awake[0, slot, 4:9].tolist() == [160, 240, 240, 240, 80]
    assert steps_of(memory)[4:9].tolist() == [17, 25, 25, 26, 8]
    assert memory.hour_count[0, slot, HOURLY_INDEX["spo2"], 1:3].tolist() == [55, 5]
    assert memory.reported_minutes[0, slot, 1:3].tolist() == [55, 5]
    assert memory.milli_steps[0, slot] == 101_000
    assert memory.worn_s[0, slot] == memory.reported_s[0, slot] == 3_600


def test_a_quarter_that_starts_within_a_bin_stays_in_it() -> None:
    memory = a_memory()
    memory.take_in(ONE, at(600), 900, table(1, heart_rate=66.4, steps=7.0))
    assert memory.heart_units[0, DAY % 2, :3].tolist() == [60, 0, 0]
    assert steps_of(memory)[:3].tolist() == [7, 0, 0]


def test_of_an_epoch_over_midnight_only_the_steps_behind_it_stay() -> None:
    memory = a_memory()
    memory.open(DAY + 1)
    memory.take_in(ONE, at(86_400 - 1_800), 3_600, table(1, heart_rate=70.0, steps=40.0))
    assert memory.heart_units[0, DAY % 2, 93:].tolist() == [0, 60, 60]
    assert not memory.reported_s[0, (DAY + 1) % 2]
    assert memory.reported_s[0, DAY % 2] == 1_800
    assert steps_of(memory)[93:].tolist() == [0, 10, 30]
    assert memory.milli_steps[0, DAY % 2] == 40_000


def test_a_late_reading_goes_to_its_own_day_and_one_without_a_slot_is_counted_out() -> None:
    memory = a_memory()
    row = np.zeros(4, np.int64)
    time_ms = np.concatenate([at(60, DAY - 2), at(60, DAY - 1), at(60, DAY), at(60, DAY + 1)])
    assert memory.take_in(row, time_ms, 60, table(4, heart_rate=[50, 60, 70, 80])) == 2
    assert memory.heart_sum[0, (DAY - 1) % 2, 0] == 240
    assert memory.heart_sum[0, DAY % 2, 0] == 280


def test_clearing_a_day_takes_the_slot_of_the_one_before_the_last_and_leaves_the_other() -> None:
    memory = a_memory(2)
    for day in (DAY - 1, DAY):
        memory.take_in(
            np.arange(2), np.repeat(at(60, day), 2), 60, table(2, heart_rate=61.0, eda=2.0)
        )
    memory.open(DAY + 1)
    assert memory.grid_day[0, DAY % 2] == DAY
    assert memory.grid_day[0, (DAY + 1) % 2] == DAY + 1
    for name in COLUMNS:
        if name != "grid_day":
            assert not getattr(memory, name)[:, (DAY + 1) % 2].any()
    assert memory.heart_sum[:, DAY % 2, 0].tolist() == [244, 244]


def test_off_the_body_only_reporting_counts() -> None:
    memory = a_memory()
    values = table(1, **dict.fromkeys(CHANNEL_NAMES, 20.0))
    memory.take_in(ONE, at(0), 60, values, np.array([False]))
    filled = {name for name in COLUMNS if getattr(memory, name)[0, DAY % 2].any()}
    assert filled == {"grid_day", "reported_minutes", "reported_s", "step_s", "wear_told"}


def test_a_reading_without_values_is_reported_and_worn_and_nothing_else() -> None:
    memory = a_memory()
    memory.take_in(ONE, at(0), 60, table(1))
    filled = {name for name in COLUMNS if getattr(memory, name)[0, DAY % 2].any()}
    assert filled == {"grid_day", "reported_minutes", "reported_s", "worn_units", "worn_s"}


def test_nothing_at_all_changes_nothing() -> None:
    memory = a_memory()
    none = np.empty(0, np.int64)
    assert memory.take_in(none, none, 60, table(0)) == 0
    assert memory.same_as(a_memory())


def test_many_devices_fill_a_count_and_never_wrap_it() -> None:
    memory = a_memory()
    seconds = np.tile(np.arange(60) * 60, 300)
    values = table(
        len(seconds), heart_rate=250.0, steps=400.0, skin_temperature=45.0, worn=1.0,
        motion=500.0, sleep_state=2.0,
    )  # fmt: skip
    for part in np.array_split(np.arange(len(seconds)), 7):
        memory.take_in(np.zeros(len(part), np.int64), at(seconds[part]), 60, values[part])
    slot = DAY % 2
    assert (memory.heart_sum[0, slot, :4] == 65_535).all()
    assert (memory.heart_units[0, slot, :4] == 255).all()
    assert (memory.steps_counted[0, slot, :4] == 65_535).all()
    assert (steps_of(memory)[:4] == STEPS_MOST).all()
    assert (memory.still_moving[0, slot, :4] == 15).all()
    assert (memory.asleep_awake[0, slot, :4] == 240).all()
    assert memory.reported_minutes[0, slot, 0] == 255
    assert at_limit(memory.worn_units)[0, slot, :4].all()
    warm = HOURLY_INDEX["skin_temperature"]
    total, count = memory.hour_sum[0, slot, warm], memory.hour_count[0, slot, warm]
    assert (total[0], count[0]) == (65_535, 255)
    assert np.isnan(hourly_mean(total, count, warm)).all()
    assert memory.milli_steps[0, slot] == 2**32 - 1  # 7,200,000 steps, said as "at least"


def test_two_devices_that_disagree_about_sleep_meet_in_the_middle() -> None:
    memory = a_memory()
    told = np.array([1.0] * 20 + [0.0] * 10)
    memory.take_in(
        np.zeros(30, np.int64), at(np.arange(30) % 15 * 60), 60, table(30, sleep_state=told)
    )
    share, minutes = pair_share(memory.asleep_awake[0, DAY % 2, :1])
    assert (share[0], minutes[0]) == (np.float32(0.6), 25)


def test_steps_of_a_reading_too_short_for_a_unit_count_and_report_nothing() -> None:
    memory = a_memory()
    memory.take_in(ONE, at(1), 3, table(1, steps=5.0))
    assert memory.steps_counted[0, DAY % 2, 0] == 5
    memory.take_in(ONE, at(15), 60, table(1, steps=0.0))
    assert memory.steps_counted[0, DAY % 2, 0] == 5 | STEPS_REPORTED


def test_two_devices_at_the_top_of_every_range_still_fit() -> None:
    memory = a_memory()
    seconds = np.tile(np.arange(60) * 60, 2)
    top = {"hrv_rmssd": 400.0, "skin_temperature": 45.0, "respiratory_rate": 80.0}
    top |= {"spo2": 100.0, "eda": 100.0, "heart_rate": 250.0}
    memory.take_in(np.zeros(120, np.int64), at(seconds), 60, table(120, **top))
    assert not at_limit(memory.heart_sum).any()
    for place, channel in enumerate(HOURLY):
        total, count = (c[0, DAY % 2, place] for c in (memory.hour_sum, memory.hour_count))
        assert hourly_mean(total, count, place)[0] == pytest.approx(top[channel.name])


@given(
    values=st.lists(st.floats(0, 1), min_size=60, max_size=60),
    place=st.sampled_from(range(len(HOURLY))),
)
def test_the_mean_of_an_hour_is_that_of_its_minutes(values: list[float], place: int) -> None:
    low, high = {"hrv_rmssd": (5, 200), "skin_temperature": (20, 40), "eda": (0.5, 0.6)}.get(
        HOURLY[place].name, (60, 80)
    )
    minutes = low + (high - low) * np.array(values)
    memory = a_memory()
    named = {HOURLY[place].name: minutes}
    memory.take_in(np.zeros(60, np.int64), at(np.arange(60) * 60), 60, table(60, **named))
    mean = hourly_mean(
        memory.hour_sum[0, DAY % 2, place], memory.hour_count[0, DAY % 2, place], place
    )
    step = 1 / HOURLY[place].scale
    assert mean[0] == pytest.approx(np.mean(minutes), abs=step)
    assert np.isnan(mean[1:]).all()


@st.composite
def a_batch(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    seed, rows = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 120))
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 100, (rows, len(CHANNEL_NAMES))).astype(np.float32)
    values[rng.random(values.shape) < draw(st.sampled_from([0.0, 0.4, 0.97]))] = np.nan
    time_ms = (
        (DAY - 2) * DAY_MS + rng.integers(0, 4 * 96, rows) * 900_000 + rng.integers(0, 7, rows)
    )
    return rng.integers(0, 3, rows), time_ms, values


@given(batch=a_batch(), seed=st.integers(0, 2**32 - 1))
def test_neither_cutting_nor_shuffling_changes_a_column(
    batch: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]], seed: int
) -> None:
    row, time_ms, values = batch
    rng = np.random.default_rng(seed)
    period_s = rng.choice([1, 15, 60, 300, 3_600], len(row)).astype(np.int64)
    worn = rng.random(len(row)) < 0.8
    whole, cut = a_memory(3), a_memory(3)
    left_out = whole.take_in(row, time_ms, period_s, values, worn)
    order = rng.permutation(len(row))
    parts = np.split(order, np.sort(rng.integers(0, len(row), 3)))
    for part in parts:
        left_out -= cut.take_in(row[part], time_ms[part], period_s[part], values[part], worn[part])
    assert left_out == 0
    assert whole.same_as(cut)
    assert whole.reported_s.sum() > 0 or not (np.abs(time_ms // DAY_MS - DAY + 0.5) < 1).any()
