"""Days with a known answer: every feature says what was put in, or that it cannot be said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from detect.features import day_and_night, day_features, minutes_worn
from detect.sleep import find_sleep, quantile, read_bins, remember_sleep
from firmware_sim.people import build_virtual_people
from firmware_sim.physiology import generate
from tests.numeric.naive_features import Memory
from tidewell.vocabulary import CHANNEL_INDEX, CHANNEL_NAMES, FEATURE_NAMES

DAY = 20_100
DAY_MS = 86_400_000
MINUTES = np.arange(-1_440, 1_440)
"""The day before and the day; 0 is the midnight between them."""
HOUR = 60
ASLEEP = (MINUTES >= -90) & (MINUTES < 7 * HOUR)


def during(low_h: float, high_h: float) -> NDArray[np.bool_]:
    return (low_h * HOUR <= MINUTES) & (high_h * HOUR > MINUTES)


def a_life() -> dict[str, NDArray[np.float64]]:
    """Return minutes of a calm life: in bed from 22:30 to 7:00, four walks, never off the body."""
    steps = np.zeros(len(MINUTES))
    for start in (8, 11, 14, 17):
        for day in (-1_440, 0):
            steps[during(day / HOUR + start, day / HOUR + start + 0.25)] = 60
    return {
        "heart_rate": np.where(ASLEEP, 60.0, 80.0) + 0.3 * steps,
        "steps": steps,
        "sleep_state": ASLEEP.astype(np.float64),
    }


def features(**channels: NDArray[np.float64] | float | None) -> dict[str, float]:
    """Return the features of the calm life with these channels put in, or taken out by None."""
    memory = Memory(1)
    put_in(memory, {**a_life(), **channels}, DAY)
    return named(day_features(memory, np.array([0]), np.array([DAY])))


def put_in(
    memory: Memory,
    channels: Mapping[str, NDArray[np.float64] | float | None],
    day: int,
    period_s: int = 60,
) -> None:
    memory.open(day - 1)
    memory.open(day)
    values = np.full((len(MINUTES), len(CHANNEL_NAMES)), np.nan, np.float32)
    for name, value in channels.items():
        if value is not None:
            values[:, CHANNEL_INDEX[name]] = value
    there = ~np.isnan(values).all(axis=1)
    time_ms = day * DAY_MS + MINUTES[there] * 60_000
    memory.take_in(np.zeros(len(time_ms), np.int64), time_ms, period_s, values[there])


def named(found: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, found[0].tolist(), strict=True))


def test_a_calm_day_says_what_was_put_in() -> None:
    found = features()
    assert found["night_heart_rate"] == 60
    assert found["resting_heart_rate"] == 80
    assert found["sleep_minutes"] == 510
    assert found["sleep_efficiency"] == 100
    assert found["sleep_onset_h"] == 10.5
    assert found["steps"] == 3_600
    assert found["longest_still_minutes"] == 165
    assert found["first_activity_h"] == 8
    assert found["heart_rate_per_step"] == pytest.approx(18 * math.log(1_001) / math.log(901))
    assert found["aroused_minutes"] == 0
    for name in ("night_hrv_rmssd", "night_spo2", "eda_level", "sleep_regularity"):
        assert math.isnan(found[name])


def test_a_day_without_readings_says_nothing() -> None:
    memory = Memory(1)
    rows, day = np.array([0]), np.array([DAY])
    assert np.isnan(day_features(memory, rows, day)).all()
    memory.open(DAY - 1)
    memory.open(DAY)
    assert np.isnan(day_features(memory, rows, day)).all()
    assert minutes_worn(memory, rows, day).tolist() == [0]


def test_readings_without_a_value_say_only_that_the_device_was_worn() -> None:
    memory = Memory(1)
    memory.open(DAY)
    rows, day = np.array([0]), np.array([DAY])
    nothing = np.full((1_440, len(CHANNEL_NAMES)), np.nan, np.float32)
    time_ms = DAY * DAY_MS + np.arange(1_440) * 60_000
    memory.take_in(np.zeros(1_440, np.int64), time_ms, 60, nothing)
    assert np.isnan(day_features(memory, rows, day)).all()
    assert minutes_worn(memory, rows, day).tolist() == [1_440]


def test_a_day_that_its_slot_does_not_hold_is_not_taken_for_another() -> None:
    memory = Memory(1)
    put_in(memory, {**a_life(), "hrv_rmssd": 60.0, "eda": 2.0}, DAY)
    later = np.array([DAY + 2])
    assert np.isnan(day_features(memory, np.array([0]), later)).all()
    assert minutes_worn(memory, np.array([0]), later).tolist() == [0]


def test_an_evening_of_three_days_ago_is_not_taken_for_last_night() -> None:
    channels = {**a_life(), "hrv_rmssd": np.where(ASLEEP, 60.0, 30.0)}
    memory, rows, day = Memory(1), np.array([0]), np.array([DAY])
    put_in(memory, channels, DAY - 2)
    memory.open(DAY)
    fresh = Memory(1)
    fresh.open(DAY)
    values = np.full((1_440, len(CHANNEL_NAMES)), np.nan, np.float32)
    for name, value in channels.items():
        values[:, CHANNEL_INDEX[name]] = value[MINUTES >= 0]
    for one in (memory, fresh):
        one.take_in(np.zeros(1_440, np.int64), DAY * DAY_MS + MINUTES[1_440:] * 60_000, 60, values)
    found = [day_features(one, rows, day) for one in (memory, fresh)]
    assert memory.grid_day[0, (DAY - 1) % 2] == DAY - 3
    assert np.array_equal(found[0], found[1], equal_nan=True)
    assert math.isnan(named(found[0])["sleep_minutes"])
    assert named(found[0])["night_hrv_rmssd"] == 60


def test_the_night_heart_is_the_low_tenth_of_resting_quarters() -> None:
    heart = np.where(ASLEEP, 70.0, 90.0)
    heart[during(2, 3)] = 50  # 4 of 34 quarters: the tenth lies at the middle of the fourth
    assert features(heart_rate=heart)["night_heart_rate"] == pytest.approx(50, abs=0.01)
    steps = a_life()["steps"]
    steps[during(2, 3)] = 1
    assert features(heart_rate=heart, steps=steps)["night_heart_rate"] == 70
    assert math.isnan(features(heart_rate=np.where(during(2, 2.9), 60, np.nan))["night_heart_rate"])


def test_without_sleep_the_night_is_midnight_to_seven() -> None:
    restless = np.where(during(0, 7), 66.0, 60.0)
    awake = features(heart_rate=restless, sleep_state=0.0)
    assert math.isnan(awake["sleep_minutes"])
    assert awake["night_heart_rate"] == 66


@pytest.mark.parametrize(
    ("feature", "channel", "asleep", "awake"),
    [
        ("night_hrv_rmssd", "hrv_rmssd", 64.0, 30.0),
        ("night_skin_temperature", "skin_temperature", 34.6, 31.0),
        ("night_respiratory_rate", "respiratory_rate", 15.5, 18.0),
        ("night_spo2", "spo2", 96.5, 99.0),
    ],
)
def test_the_hours_of_sleep_make_the_night_values(
    feature: str, channel: str, asleep: float, awake: float
) -> None:
    values = np.where(ASLEEP, asleep, awake)
    assert features(**{channel: values})[feature] == pytest.approx(asleep, abs=0.04)
    values[during(3, 4)] = awake  # one hour of something else moves no median
    assert features(**{channel: values})[feature] == pytest.approx(asleep, abs=0.04)
    two_hours = np.where(during(1, 3), asleep, np.nan)
    assert math.isnan(features(**{channel: two_hours})[feature])


def test_each_row_may_have_a_quantile_of_its_own() -> None:
    row = [3.0, math.nan, 1.0, 2.0, 5.0]
    found = quantile(np.array([row, row, [math.nan] * 5]), np.array([0.25, 0.5, 0.5]))
    assert np.array_equal(found, [1.75, 2.5, math.nan], equal_nan=True)


def test_oxygen_that_is_low_for_a_third_of_the_night_is_seen() -> None:
    values = np.where(during(3, 6), 91.0, 97.0)
    assert features(spo2=values)["night_spo2"] == pytest.approx(91, abs=0.1)


def test_skin_conductance_is_that_of_the_waking_hours() -> None:
    level = np.where(ASLEEP, 9.0, 1.44)
    assert features(eda=level)["eda_level"] == pytest.approx(1.44, abs=0.01)
    assert math.isnan(features(eda=np.where(during(9, 12), 1.44, np.nan))["eda_level"])


def test_a_cosine_is_found_again_with_a_third_of_it_missing() -> None:
    hour = (MINUTES / HOUR) % 24
    heart = 75 + 9.0 * np.cos((hour - 15.5) * np.pi / 12)
    found = features(heart_rate=heart, steps=0.0)
    assert found["circadian_amplitude"] == pytest.approx(9, abs=0.05)
    assert found["circadian_phase_h"] == pytest.approx(15.5, abs=0.05)
    holes = np.where((hour % 3) < 1, np.nan, heart)
    found = features(heart_rate=holes, steps=0.0)
    assert found["circadian_amplitude"] == pytest.approx(9, abs=0.1)
    assert found["circadian_phase_h"] == pytest.approx(15.5, abs=0.1)


def test_half_a_day_has_no_rhythm_and_a_flat_one_no_time_of_its_top() -> None:
    hour = (MINUTES / HOUR) % 24
    heart = 75 + 9.0 * np.cos((hour - 15.5) * np.pi / 12)
    assert math.isnan(
        features(heart_rate=np.where(hour < 16, heart, np.nan))["circadian_amplitude"]
    )
    flat = features(heart_rate=75 + 1.0 * np.cos((hour - 15.5) * np.pi / 12))
    assert flat["circadian_amplitude"] == pytest.approx(1, abs=0.2)
    assert math.isnan(flat["circadian_phase_h"])


def test_sleep_begins_within_the_bin_by_its_share() -> None:
    asleep = (during(-1.4, 6.9)).astype(np.float64)
    found = features(sleep_state=asleep)
    assert found["sleep_onset_h"] == pytest.approx(10.6, abs=0.01)
    assert found["sleep_minutes"] == pytest.approx(8.3 * 60, abs=1)
    broken = np.where(during(2, 3), 0.0, asleep)
    found = features(sleep_state=broken)
    assert found["sleep_minutes"] == pytest.approx(7.3 * 60, abs=1)
    assert found["sleep_efficiency"] == pytest.approx(100 * 7.3 / 8.3, abs=0.3)
    assert found["sleep_onset_h"] == pytest.approx(10.6, abs=0.01)


def test_a_night_whose_beginning_nobody_saw_has_no_length() -> None:
    unseen = during(-6, 0)
    seen = {name: np.where(unseen, np.nan, value) for name, value in a_life().items()}
    found = features(**seen)
    assert math.isnan(found["sleep_minutes"])
    assert math.isnan(found["sleep_onset_h"])
    assert found["night_heart_rate"] == 60


def test_of_two_equal_sleeps_the_earlier_one_is_the_night() -> None:
    asleep = (during(-5, -2) | during(2, 5)).astype(np.float64)
    found = features(sleep_state=asleep)
    assert found["sleep_onset_h"] == 7
    assert found["sleep_minutes"] == 180


def test_half_a_quarter_on_the_body_is_worn() -> None:
    memory, rows, day = Memory(1), np.array([0]), np.array([DAY])
    put_in(memory, a_life(), DAY, period_s=30)
    assert named(day_features(memory, rows, day))["longest_still_minutes"] == 165
    assert minutes_worn(memory, rows, day).tolist() == [720]


def test_a_nap_is_neither_the_night_nor_waking_rest() -> None:
    nap = during(13, 16)
    heart = np.where(ASLEEP, 60.0, np.where(nap, 55.0, 80.0))
    found = features(heart_rate=heart, sleep_state=(ASLEEP | nap).astype(float), steps=0.0)
    assert found["sleep_minutes"] == 510
    assert found["resting_heart_rate"] == 80
    assert found["longest_still_minutes"] == 360


def test_sleep_is_estimated_where_the_device_does_not_tell_it() -> None:
    heart = np.where(during(-2.5, 7), 58.0, 78.0)
    found = features(heart_rate=heart, sleep_state=None)
    assert found["sleep_onset_h"] == 9.5
    assert found["sleep_minutes"] == 570
    moving = np.where(during(-2.5, -1), 60.0, 2.0)
    found = features(heart_rate=heart, sleep_state=None, motion=moving)
    assert found["sleep_onset_h"] == 11
    lying_down = features(heart_rate=None, sleep_state=None, motion=2.0)
    assert math.isnan(lying_down["sleep_minutes"])


def test_the_estimate_comes_close_to_the_sleep_of_virtual_people() -> None:
    differences: list[float] = []
    for person in build_virtual_people(6, 5):
        first_ms = (DAY - 7) * DAY_MS
        time_ms = first_ms + np.arange(8 * 1_440) * 60_000
        told = generate(person, time_ms, "UTC", (), 5)
        hidden = told.copy()
        hidden[:, CHANNEL_INDEX["sleep_state"]] = np.nan
        pair = [sleep_of_each_day(time_ms, values) for values in (told, hidden)]
        differences += np.abs(pair[0] - pair[1])[~np.isnan(pair[0])].tolist()
    assert len(differences) >= 35
    assert np.percentile(differences, 90) <= 35
    assert np.median(differences) <= 15


def sleep_of_each_day(
    time_ms: NDArray[np.int64], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    memory, found = Memory(1), []
    for day in np.unique(time_ms // DAY_MS).tolist():
        memory.open(day)
        today = time_ms // DAY_MS == day
        on_body = values[today, CHANNEL_INDEX["worn"]] > 0
        memory.take_in(np.zeros(today.sum(), np.int64), time_ms[today], 60, values[today], on_body)
        one = day_features(memory, np.array([0]), np.array([day]))
        found.append(named(one)["sleep_minutes"])
    return np.array(found[1:], np.float32)


def test_the_same_sleep_every_night_is_regular_and_a_shifted_one_is_not() -> None:
    same = regularity_of([0] * 6)
    assert math.isnan(same[3])  # three comparisons are too few
    assert same[4] == same[5] == 100
    shifted = regularity_of([0, 0, 0, 0, 0, 180])
    # 3 of 24 hours differ at both ends of the sleep: 75 % agree on one of five days.
    assert shifted[5] == pytest.approx(2 * (400 + 75) / 5 - 100)


def regularity_of(later_min: list[int], skip: Sequence[int] = ()) -> list[float]:
    """Return the index of each day, with the sleep of each so many minutes later."""
    memory, found, rows = Memory(1), [], np.array([0])
    for number, minutes in enumerate(later_min):
        day = np.array([DAY + number])
        if number in skip:
            continue
        asleep = np.roll(ASLEEP, minutes).astype(np.float64)
        put_in(memory, a_life() | {"sleep_state": asleep}, int(day[0]))
        features_of_day, sleep = day_and_night(memory, rows, day)
        found.append(named(features_of_day)["sleep_regularity"])
        remember_sleep(memory, rows, day, sleep)
    return found


def test_a_missing_day_is_no_comparison() -> None:
    with_gap = regularity_of([0] * 9, skip=[5])
    # Neither the missing day nor the one after it has anything to be compared with.
    assert with_gap[4] == 100
    assert with_gap[-1] == 100
    alone = regularity_of([0] * 6, skip=[2])
    assert all(math.isnan(one) for one in alone)


def test_comparisons_of_a_week_ago_do_not_count_after_a_long_absence() -> None:
    found = regularity_of([0] * 13, skip=range(7, 12))
    assert found[6] == 100
    assert math.isnan(found[7])


def test_steps_need_eight_hours_of_wearing_or_a_device_that_counts_all_day() -> None:
    worn = np.where(during(9, 16.9), 70.0, np.nan)
    some = np.where(during(9, 16.9), 10.0, np.nan)
    assert math.isnan(features(heart_rate=worn, steps=some, sleep_state=None)["steps"])
    worn, some = (np.where(during(9, 17), one, np.nan) for one in (70.0, 10.0))
    assert features(heart_rate=worn, steps=some, sleep_state=None)["steps"] == 4_800


@pytest.mark.parametrize(
    ("hours", "steps", "said"), [(20, 3.0, True), (19, 3.0, False), (20, 0.0, False)]
)
def test_a_device_that_only_counts_steps_has_to_count_for_most_of_the_day(
    hours: int, steps: float, *, said: bool
) -> None:
    memory = Memory(1)
    memory.open(DAY)
    minutes = np.arange(hours * 60)
    values = np.full((len(minutes), len(CHANNEL_NAMES)), np.nan, np.float32)
    values[:, CHANNEL_INDEX["steps"]] = np.where(minutes < 60, steps, 0)
    on_body = values[:, CHANNEL_INDEX["steps"]] > 0
    time_ms = DAY * DAY_MS + minutes * 60_000
    memory.take_in(np.zeros(len(minutes), np.int64), time_ms, 60, values, on_body)
    found = named(day_features(memory, np.array([0]), np.array([DAY])))["steps"]
    assert found == 180 if said else math.isnan(found)


def test_stillness_ends_with_movement_and_at_eight_in_the_evening() -> None:
    steps = a_life()["steps"]
    steps[during(17, 18)] = 0
    assert features(steps=steps)["longest_still_minutes"] == 5.75 * 60
    fidgeting = np.where(during(15, 16), 90.0, 5.0)
    assert features(steps=steps, motion=fidgeting)["longest_still_minutes"] == 4 * 60


def test_the_first_activity_needs_a_morning_in_which_the_device_was_worn() -> None:
    steps = a_life()["steps"]
    steps[during(5.5, 5.75)] = 4
    assert features(steps=steps)["first_activity_h"] == 5.5
    assert features(steps=0.0)["first_activity_h"] == 7
    put_on_at_ten = {
        name: np.where(during(0, 10), np.nan, value) for name, value in a_life().items()
    }
    assert math.isnan(features(**put_on_at_ten)["first_activity_h"])


def test_a_walk_counts_against_the_same_days_rest() -> None:
    higher = features(heart_rate=a_life()["heart_rate"] + 12)
    assert higher["heart_rate_per_step"] == pytest.approx(features()["heart_rate_per_step"])
    two_walks = a_life()["steps"] * ~during(12, 24)
    assert math.isnan(features(steps=two_walks)["heart_rate_per_step"])


def test_tense_minutes_need_six_waking_hours_of_heart_rate() -> None:
    memory = Memory(1)
    put_in(memory, a_life(), DAY)
    memory.aroused_minutes[0, DAY % 2] = 34
    rows, day = np.array([0]), np.array([DAY])
    assert named(day_features(memory, rows, day))["aroused_minutes"] == 34
    short = np.where(during(8, 13.9), 80.0, np.nan)
    assert math.isnan(features(heart_rate=short)["aroused_minutes"])


def test_each_person_keeps_their_own_day_however_many_close_together() -> None:
    people = 2_050
    memory = Memory(people)
    put_in(memory, a_life(), DAY)
    for name in memory.columns:
        column = getattr(memory, name)
        column[1::2] = column[0]
    before = [getattr(memory, name).copy() for name in memory.columns]
    rows = np.arange(people)[::-1].copy()
    found = day_features(memory, rows, np.full(people, DAY))
    alone = day_features(memory, np.array([1]), np.array([DAY]))
    assert np.array_equal(
        found[rows % 2 == 1], np.repeat(alone, people // 2, axis=0), equal_nan=True
    )
    assert np.isnan(found[rows % 2 == 0][:-1]).all()
    after = [getattr(memory, name) for name in memory.columns]
    assert all(np.array_equal(one, two) for one, two in zip(before, after, strict=True))
    assert len(find_sleep(read_bins(memory, rows, np.full(people, DAY))).first) == people
