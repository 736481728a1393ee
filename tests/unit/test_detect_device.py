"""Devices that fell silent or are not worn: when it begins, when it ends, and what is said."""

from __future__ import annotations

import numpy as np
import pytest

from detect import Detector, EpisodeChange, ReadingBatch
from tidewell.local_time import zone_table
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS, Family, Level

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PERIOD_MS = 600_000
SILENCE_MS = 4 * HOUR_MS
START_MS = 20_500 * DAY_MS


def a_detector() -> Detector:
    detector = Detector(SILENCE_MS // 1000)
    detector.add_person(1, zone_table("UTC"))
    return detector


def readings(
    first_ms: int, count: int, *, worn: float = 1, received_ms: int | None = None
) -> ReadingBatch:
    """Return readings of ten minutes each, received at once or at one later moment."""
    time_ms = first_ms + np.arange(count, dtype=np.int64) * PERIOD_MS
    values = np.full((count, len(CHANNELS)), np.nan, np.float32)
    values[:, CHANNEL_INDEX["worn"]] = worn
    values[:, CHANNEL_INDEX["heart_rate"]] = 60 if worn else np.nan
    received = time_ms if received_ms is None else np.full(count, received_ms)
    return ReadingBatch(np.ones(count, np.int64), time_ms, received, np.full(count, 600), values)


def joined(*parts: ReadingBatch) -> ReadingBatch:
    return ReadingBatch(
        *(np.concatenate([getattr(one, name) for one in parts]) for name in ReadingBatch.__slots__)
    )


def told(changes: tuple[EpisodeChange, ...] | list[EpisodeChange]) -> list[tuple[str, int, int]]:
    for change in changes:
        assert change.family is Family.DEVICE
        assert change.level is Level.FOR_REVIEW
        assert change.opened_at_ms <= change.at_ms
    return [
        (change.kind.value, change.opened_at_ms - START_MS, change.at_ms - START_MS)
        for change in changes
    ]


def test_a_silence_begins_at_its_deadline_whoever_notices_it() -> None:
    deadline_ms = 5 * PERIOD_MS + SILENCE_MS
    ticking, reading = a_detector(), a_detector()
    for detector in (ticking, reading):
        assert detector.update(readings(START_MS, 6)).changes == ()
    assert told(ticking.tick(START_MS + 20 * HOUR_MS).changes) == [
        ("opened", deadline_ms, deadline_ms)
    ]
    back = readings(START_MS + 21 * HOUR_MS, 1)
    assert told(reading.update(back).changes) == [
        ("opened", deadline_ms, deadline_ms),
        ("closed", deadline_ms, 21 * HOUR_MS),
    ]
    assert told(ticking.update(back).changes) == [("closed", deadline_ms, 21 * HOUR_MS)]


@pytest.mark.parametrize(("late_ms", "silent"), [(0, False), (1, True)])
def test_a_device_is_silent_from_a_millisecond_after_its_time(late_ms: int, silent: bool) -> None:
    detector = a_detector()
    detector.update(readings(START_MS, 1))
    assert bool(detector.tick(START_MS + SILENCE_MS + late_ms).changes) is silent


def test_a_silence_is_said_once_however_often_time_passes() -> None:
    detector = a_detector()
    detector.update(readings(START_MS, 1))
    found = [detector.tick(START_MS + hour * HOUR_MS).changes for hour in range(100)]
    assert sum(len(one) for one in found) == 1


def test_a_person_whose_device_never_sent_anything_is_not_silent() -> None:
    assert a_detector().tick(START_MS).changes == ()


def test_a_buffer_of_last_week_is_no_silence() -> None:
    detector = a_detector()
    whole_week = readings(START_MS, 6 * 24 * 7, received_ms=START_MS + 7 * DAY_MS)
    assert detector.update(whole_week).changes == ()
    assert detector.tick(START_MS + 7 * DAY_MS + SILENCE_MS).changes == ()


def test_a_silence_says_when_the_last_reading_was_in_words() -> None:
    detector = a_detector()
    detector.update(readings(START_MS, 6))
    (change,) = detector.tick(START_MS + DAY_MS).changes
    sentence = change.explanation["sentence"]
    assert sentence.startswith("No readings have come since Monday 16 February, ")
    assert sentence.endswith(":50. The device may be off, flat or out of reach.")


def test_a_day_beside_the_bed_is_not_worn_and_ends_after_a_worn_day() -> None:
    detector = a_detector()
    changes = [
        *detector.update(readings(START_MS, 144, worn=0)).changes,
        *detector.update(readings(START_MS + DAY_MS, 144, worn=0)).changes,
        *detector.update(readings(START_MS + 2 * DAY_MS, 144)).changes,
        *detector.update(readings(START_MS + 3 * DAY_MS, 1)).changes,
    ]
    assert told(changes) == [("opened", DAY_MS, DAY_MS), ("closed", DAY_MS, 3 * DAY_MS)]


@pytest.mark.parametrize(("hours", "opens"), [(9, False), (10, True)])
def test_a_device_that_was_on_for_less_than_ten_hours_is_not_called_unworn(
    hours: int, opens: bool
) -> None:
    detector = a_detector()
    day = joined(
        readings(START_MS, 3 * hours, worn=0),
        readings(START_MS + 12 * HOUR_MS, 3 * hours, worn=0),
        readings(START_MS + DAY_MS, 1, worn=0),
    )
    found = [one for one in detector.update(day).changes if "not worn" in str(one.explanation)]
    assert bool(found) is opens


UNWORN_THEN_SILENT = joined(
    readings(START_MS, 144, worn=0),
    readings(START_MS + DAY_MS, 10, worn=0),
    readings(START_MS + DAY_MS + 12 * HOUR_MS, 3, worn=0),
)
WORN_AGAIN_THEN_SILENT = joined(
    readings(START_MS, 144, worn=0),
    readings(START_MS + DAY_MS, 144),
    readings(START_MS + 2 * DAY_MS, 10),
    readings(START_MS + 2 * DAY_MS + 12 * HOUR_MS, 3),
)


@pytest.mark.parametrize("history", [UNWORN_THEN_SILENT, WORN_AGAIN_THEN_SILENT])
@pytest.mark.parametrize("size", [7, 100, 5_000])
def test_a_silence_beside_a_day_not_worn_is_the_same_however_readings_are_cut(
    history: ReadingBatch, size: int
) -> None:
    def cut(length: int) -> list[EpisodeChange]:
        detector = a_detector()
        return [
            change
            for first in range(0, len(history), length)
            for change in detector.update(history.take(slice(first, first + length))).changes
        ]

    assert told(cut(size)) == told(cut(1))
