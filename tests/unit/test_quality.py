"""What is dropped, and when a device is off the body."""

from __future__ import annotations

import numpy as np
import pytest

from detect.quality import REASONS, Cleaned, QualityReason, clean
from tests.numeric.minute_streams import (
    MINUTE_MS,
    MONDAY_MS,
    Memory,
    learned,
    minutes_of,
    stream_of,
    values_of,
)
from tidewell.local_time import NEVER
from tidewell.vocabulary import CHANNEL_INDEX

NAN = np.nan


def count(cleaned: Cleaned, reason: QualityReason) -> int:
    return int(cleaned.counts[REASONS.index(reason)])


def heart_left(*heart: float, period_ms: int = MINUTE_MS) -> list[bool]:
    """Return which of these heart rates are left, one a minute."""
    time_ms = MONDAY_MS + np.arange(len(heart), dtype=np.int64) * period_ms
    stream = stream_of(time_ms, values_of(len(heart), heart_rate=np.array(heart)))
    left = clean(learned(), stream).values[:, CHANNEL_INDEX["heart_rate"]]
    return [bool(one) for one in ~np.isnan(left)]


def varying(length: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 60 + np.arange(length) % 7 / 2.0


def test_a_lonely_jump_is_dropped_and_what_follows_is_kept() -> None:
    assert heart_left(70, 71, 150, 72, 71) == [True, True, False, True, True]


def test_three_jumps_in_agreement_are_believed_again() -> None:
    kept = heart_left(70, 150, 152, 149, 151, period_ms=10_000)
    assert kept == [True, False, False, True, True]
    kept = heart_left(70, 150, 240, 149, 71, period_ms=10_000)
    assert kept == [True, False, False, False, True]


def test_a_jump_after_more_than_a_minute_is_no_jump() -> None:
    assert heart_left(70, 150, 70, period_ms=MINUTE_MS + 1) == [True, True, True]
    assert heart_left(70, NAN, 150) == [True, False, True]


def test_the_given_values_are_never_written_to() -> None:
    stream = minutes_of(3, heart_rate=np.array([70, 150, 70]))
    cleaned = clean(learned(), stream)
    assert stream.values[1, CHANNEL_INDEX["heart_rate"]] == 150
    assert count(cleaned, QualityReason.HEART_RATE_JUMP) == 1
    quiet = minutes_of(3, heart_rate=70)
    assert clean(learned(), quiet).values is quiet.values


def test_a_heart_rate_that_stands_still_for_half_an_hour_is_dropped() -> None:
    heart = np.concatenate([varying(80), np.full(60, 66.6), varying(10)])
    left = clean(learned(), minutes_of(len(heart), heart_rate=heart)).values
    kept = ~np.isnan(left[:, CHANNEL_INDEX["heart_rate"]])
    assert np.flatnonzero(~kept).tolist() == list(range(80 + 31, 140))


def test_a_device_that_always_repeats_itself_is_believed() -> None:
    heart = np.repeat(varying(6), 60)
    assert clean(learned(), minutes_of(360, heart_rate=heart)).counts.sum() == 0


@pytest.mark.parametrize("channel", ["skin_temperature", "eda"])
def test_a_slow_channel_is_dropped_after_three_hours_without_a_change(channel: str) -> None:
    stream = minutes_of(200, heart_rate=varying(200))
    stream.values[:, CHANNEL_INDEX[channel]] = 20
    left = clean(learned(), stream).values[:, CHANNEL_INDEX[channel]]
    assert np.flatnonzero(np.isnan(left)).tolist() == list(range(181, 200))


def test_a_hole_ends_a_flat_line() -> None:
    times = np.concatenate([np.arange(170), np.arange(181, 300)])
    values = values_of(len(times), heart_rate=varying(len(times)), eda=2.0)
    stream = stream_of(MONDAY_MS + times * MINUTE_MS, values)
    assert clean(learned(), stream).counts.sum() == 0


def test_no_value_stays_no_value() -> None:
    cleaned = clean(learned(), minutes_of(5, heart_rate=NAN, steps=NAN))
    assert np.isnan(cleaned.values).all()
    assert not cleaned.on_time.any()
    assert not cleaned.on_body.any()


def test_the_worn_flag_decides_at_once_and_says_since_when() -> None:
    worn = np.array([1, 1, 0, 0, 1])
    cleaned = clean(learned(), minutes_of(5, heart_rate=70, worn=worn))
    assert cleaned.on_body.tolist() == [True, True, False, False, True]
    since = [MONDAY_MS + 2 * MINUTE_MS] * 2
    assert cleaned.off_since_ms.tolist() == [NEVER, NEVER, *since, NEVER]


def test_without_a_flag_heart_rate_or_steps_are_on_the_body() -> None:
    memory = Memory(1)
    heart, steps = np.array([70, NAN, NAN, 70]), np.array([0, 0, 12, NAN])
    cleaned = clean(memory, minutes_of(4, heart_rate=heart, steps=steps))
    assert cleaned.on_body.tolist() == [True, False, True, True]
    assert not cleaned.off.any()


@pytest.mark.parametrize(("usual", "expected"), [(0.9, [10, 11]), (0.2, []), (NAN, [])])
def test_ten_minutes_without_a_usual_heart_rate_are_off_the_body(
    usual: float, expected: list[int]
) -> None:
    memory = learned()
    memory.heart_usual[:] = usual
    cleaned = clean(memory, minutes_of(12, heart_rate=NAN, steps=0))
    assert np.flatnonzero(cleaned.off).tolist() == expected
    assert count(cleaned, QualityReason.NO_HEART_RATE) == len(expected)
    if expected:
        assert cleaned.off_since_ms[expected[0]] == MONDAY_MS


def test_a_heart_rate_that_was_switched_off_is_no_device_that_was_taken_off() -> None:
    memory = learned()
    memory.heart_usual[:] = 0.9
    still = minutes_of(60, heart_rate=NAN, steps=0, motion=5.0, worn=1.0)
    assert not clean(memory, still).off.any()
    memory = learned()
    memory.heart_usual[:] = 0.9
    unknown = minutes_of(60, heart_rate=NAN, steps=0, motion=5.0)
    assert clean(memory, unknown).off.any(), "without its own word the old rule holds"


def test_steps_without_heart_rate_are_on_the_body() -> None:
    cleaned = clean(learned(), minutes_of(40, heart_rate=NAN, steps=20))
    assert cleaned.on_body.all()


def cooling(minutes: int, a_minute: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return ten warm minutes and then a fall."""
    return np.concatenate([np.full(10, 33.0), 33.0 - a_minute * np.arange(1, minutes + 1)])


@pytest.mark.parametrize(
    ("a_minute", "motion", "steps", "off"),
    [
        (0.26, 3, 0, True),
        (0.26, NAN, NAN, True),
        (0.2, 3, 0, False),
        (0.4, 60, 0, False),
        (0.4, 3, 9, False),
    ],
)
def test_a_still_device_that_cools_fast_is_off_the_body(
    a_minute: float, motion: float, steps: float, off: bool
) -> None:
    stream = minutes_of(
        20, heart_rate=70, skin_temperature=cooling(10, a_minute), motion=motion, steps=steps
    )
    cleaned = clean(learned(), stream)
    expected = list(range(14, 20)) if off else []
    assert np.flatnonzero(cleaned.off).tolist() == expected
    assert count(cleaned, QualityReason.COOLING) == len(expected)


def test_cooling_ends_when_it_is_warm_again_or_walks() -> None:
    temperature = np.concatenate([cooling(10, 0.5), [28.0, 30.0, 31.9, 32.1, 33.0]])
    warm = clean(learned(), minutes_of(25, heart_rate=70, skin_temperature=temperature, steps=0))
    assert np.flatnonzero(warm.off).tolist() == list(range(12, 23))
    steps = np.where(np.arange(25) == 16, 30, 0)
    cold = np.concatenate([cooling(10, 0.5), np.full(5, 28.0)])
    walk = clean(learned(), minutes_of(25, heart_rate=70, skin_temperature=cold, steps=steps))
    assert 16 not in np.flatnonzero(walk.off)
    assert np.flatnonzero(walk.off)[:4].tolist() == [12, 13, 14, 15]


def test_an_accelerometer_that_lies_still_without_heart_rate_is_off_the_body() -> None:
    memory = learned()
    memory.heart_usual[:] = NAN
    cleaned = clean(memory, minutes_of(40, motion=np.arange(40) % 2 + 3.0))
    assert np.flatnonzero(cleaned.off).tolist() == list(range(30, 40))
    assert count(cleaned, QualityReason.FLAT_MOTION) == 10
    asleep = clean(Memory(1), minutes_of(40, motion=np.arange(40) % 3 * 2 + 3.0))
    assert not asleep.off.any()


def test_what_comes_late_takes_no_part_but_keeps_its_own_flag() -> None:
    times = MONDAY_MS + np.array([0, 10, 5, 10, 11]) * MINUTE_MS
    values = values_of(
        5, heart_rate=np.array([70, 70, 200, 70, 70]), worn=np.array([1, 1, 1, 0, 1])
    )
    memory = learned()
    cleaned = clean(memory, stream_of(times, values))
    assert cleaned.on_time.tolist() == [True, True, False, False, True]
    assert cleaned.on_body.tolist() == [True, True, True, False, True]
    assert cleaned.values[2, 0] == 200
    assert memory.latest_ms[0] == times[4]
    assert memory.believed_value[0] == 70


def test_people_do_not_see_each_other() -> None:
    time_ms = MONDAY_MS + np.repeat(np.arange(3), 2) * MINUTE_MS
    heart = np.array([60, 180, 61, 181, 62, 182])
    stream = stream_of(time_ms, values_of(6, heart_rate=heart), row=np.array([0, 1] * 3))
    assert clean(learned(2), stream).counts.sum() == 0


def test_every_reason_has_a_place_in_the_counts() -> None:
    assert len(REASONS) == len(QualityReason) == len(clean(learned(), minutes_of(1)).counts)
    assert len(clean(learned(), minutes_of(0)).counts) == len(REASONS)
