"""Devices that fell silent or were taken off: when it begins, grows and ends, and what is said."""

from __future__ import annotations

import numpy as np
import pytest

from detect import Detector, EpisodeChange, ReadingBatch
from detect.days import VERSION
from tidewell.local_time import zone_table
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS, Family, Level

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
PERIOD_MS = 10 * MINUTE_MS
SILENCE_MS = 4 * HOUR_MS
START_MS = 20_500 * DAY_MS
Told = tuple[str, str, float, float]


def a_detector() -> Detector:
    detector = Detector(SILENCE_MS // 1000)
    detector.add_person(1, zone_table("UTC"))
    return detector


def readings(
    from_h: float, hours: float, *, worn: bool = True, received_h: float | None = None
) -> ReadingBatch:
    """Return readings of ten minutes each, received at once or at one later moment."""
    time_ms = np.arange(from_h * HOUR_MS, (from_h + hours) * HOUR_MS, PERIOD_MS).astype(np.int64)
    time_ms += START_MS
    count = len(time_ms)
    values = np.full((count, len(CHANNELS)), np.nan, np.float32)
    values[:, CHANNEL_INDEX["worn"]] = worn
    values[:, CHANNEL_INDEX["heart_rate"]] = 60 if worn else np.nan
    received = time_ms + PERIOD_MS
    if received_h is not None:
        received = np.full(count, START_MS + round(received_h * HOUR_MS))
    return ReadingBatch(np.ones(count, np.int64), time_ms, received, np.full(count, 600), values)


def joined(*parts: ReadingBatch) -> ReadingBatch:
    return ReadingBatch(
        *(np.concatenate([getattr(one, name) for one in parts]) for name in ReadingBatch.__slots__)
    )


def told(*changes: EpisodeChange) -> list[Told]:
    """Return kind, level, and the hours of opening and of the change."""
    for change in changes:
        assert change.explanation["version"] == VERSION
        assert change.family is Family.DEVICE
        assert change.opened_at_ms <= change.at_ms
    return [
        (
            change.kind.value,
            change.level.value,
            round((change.opened_at_ms - START_MS) / HOUR_MS, 2),
            round((change.at_ms - START_MS) / HOUR_MS, 2),
        )
        for change in changes
    ]


TAKEN_OFF = joined(readings(0, 2), readings(2, 6, worn=False), readings(8, 1))
"""Worn until two, off for six hours, worn again from eight; known ten minutes after each."""
OFF: Told = ("opened", "usual", 2.17, 2.17)
FOR_LONG: Told = ("worsened", "for_review", 2.17, 6.17)
BACK: Told = ("closed", "for_review", 2.17, 8.17)


def test_a_removal_is_known_within_minutes_and_asks_for_nothing() -> None:
    found = a_detector().update(TAKEN_OFF.take(slice(0, 14))).changes
    assert told(*found) == [OFF]


def test_a_device_off_for_four_hours_asks_for_review() -> None:
    found = a_detector().update(TAKEN_OFF.take(slice(0, 48))).changes
    assert told(*found) == [OFF, FOR_LONG]


def test_a_device_that_is_back_ends_its_removal() -> None:
    assert told(*a_detector().update(TAKEN_OFF).changes) == [OFF, FOR_LONG, BACK]


def test_a_removal_that_ends_in_time_never_asks_for_review() -> None:
    shower = joined(readings(0, 2), readings(2, 1, worn=False), readings(3, 9))
    found = told(*a_detector().update(shower).changes)
    assert found == [OFF, ("closed", "usual", 2.17, 3.17)]


def test_the_second_long_removal_of_a_batch_asks_for_review_as_the_first_did() -> None:
    again = joined(TAKEN_OFF, readings(9, 5, worn=False), readings(14, 1))
    found = told(*a_detector().update(again).changes)
    assert [kind for kind, *_ in found] == 2 * ["opened", "worsened", "closed"]
    assert found[4] == ("worsened", "for_review", 9.17, 13.17)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_removals_are_the_same_however_readings_are_cut(size: int) -> None:
    lasting = joined(TAKEN_OFF, readings(9, 5, worn=False), readings(14, 1))
    detector = a_detector()
    parts = [lasting.take(slice(at, at + size)) for at in range(0, len(lasting), size)]
    found = [change for part in parts for change in detector.update(part).changes]
    assert told(*found) == told(*a_detector().update(lasting).changes)


def test_a_silence_begins_at_its_deadline_whoever_notices_it() -> None:
    ticking, reading = a_detector(), a_detector()
    for detector in (ticking, reading):
        assert detector.update(readings(0, 1)).changes == ()
    opened, closed = ("opened", "for_review", 5, 5), ("closed", "for_review", 5, 21.17)
    assert told(*ticking.tick(START_MS + 20 * HOUR_MS).changes) == [opened]
    back = readings(21, 0.1)
    assert told(*reading.update(back).changes) == [opened, closed]
    assert told(*ticking.update(back).changes) == [closed]


@pytest.mark.parametrize(("late_ms", "silent"), [(0, False), (1, True)])
def test_a_device_is_silent_from_a_millisecond_after_its_time(late_ms: int, silent: bool) -> None:
    detector = a_detector()
    detector.update(readings(0, 0.1))
    last_ms = START_MS + PERIOD_MS
    assert bool(detector.tick(last_ms + SILENCE_MS + late_ms).changes) is silent


def test_a_silence_is_said_once_however_often_time_passes() -> None:
    detector = a_detector()
    detector.update(readings(0, 0.1))
    found = [detector.tick(START_MS + hour * HOUR_MS).changes for hour in range(100)]
    assert sum(len(one) for one in found) == 1


def test_a_person_whose_device_never_sent_anything_is_not_silent() -> None:
    assert a_detector().tick(START_MS).changes == ()


def test_a_pause_is_no_silence() -> None:
    detector = a_detector()
    detector.update(readings(0, 1))
    paused_until = {1: START_MS + 30 * HOUR_MS}
    assert detector.tick(START_MS + 20 * HOUR_MS, paused_until).changes == ()
    assert detector.tick(START_MS + 34 * HOUR_MS, paused_until).changes == ()
    assert len(detector.tick(START_MS + 35 * HOUR_MS, paused_until).changes) == 1


def test_a_buffer_of_last_week_is_no_silence() -> None:
    detector = a_detector()
    assert detector.update(readings(0, 168, received_h=168)).changes == ()
    assert detector.tick(START_MS + 168 * HOUR_MS + SILENCE_MS).changes == ()


def without_values(batch: ReadingBatch) -> ReadingBatch:
    empty = np.full_like(batch.values, np.nan)
    return ReadingBatch(batch.person_id, batch.time_ms, batch.received_ms, batch.period_s, empty)


def long_ago(batch: ReadingBatch, days: float) -> ReadingBatch:
    """Return readings of now that a wrong clock dated many days back."""
    time_ms = batch.time_ms - round(days * DAY_MS)
    return ReadingBatch(batch.person_id, time_ms, batch.received_ms, batch.period_s, batch.values)


@pytest.mark.parametrize("days_back", [None, 365, 30.01])
def test_rows_that_say_nothing_of_now_keep_no_device_from_being_silent(
    days_back: float | None,
) -> None:
    detector = a_detector()
    detector.update(readings(0, 1))
    rows = readings(1, 8)
    said = without_values(rows) if days_back is None else long_ago(rows, days_back)
    assert told(*detector.update(said).changes) == []
    silent = ("opened", "for_review", 5, 5)
    assert told(*detector.tick(START_MS + 9 * HOUR_MS).changes) == [silent]
    assert told(*detector.update(said).changes) == [], "and do not end a silence"
    back = detector.update(readings(10, 0.1)).changes
    assert told(*back) == [("closed", "for_review", 5, 10.17)]


def test_rows_without_a_value_between_readings_change_nothing_about_silence() -> None:
    mixed = joined(readings(0, 1), without_values(readings(1, 3)), readings(4, 1))
    detector = a_detector()
    assert told(*detector.update(mixed).changes) == []
    assert told(*detector.tick(START_MS + 9 * HOUR_MS).changes) == []
    assert len(detector.tick(START_MS + 9 * HOUR_MS + 1).changes) == 1


def test_a_buffer_of_four_weeks_is_heard() -> None:
    detector = a_detector()
    detector.update(long_ago(readings(0, 1), 28))
    assert len(detector.tick(START_MS + 6 * HOUR_MS).changes) == 1


def test_one_thing_is_open_about_a_device_at_a_time() -> None:
    detector = a_detector()
    detector.update(joined(readings(0, 2), readings(2, 1, worn=False)))
    changes = detector.tick(START_MS + 30 * HOUR_MS).changes
    assert [change.kind.value for change in changes] == ["worsened"]
    assert changes[0].level is Level.FOR_REVIEW
    assert detector.tick(START_MS + 31 * HOUR_MS).changes == ()


def test_a_removal_learned_from_an_old_buffer_is_not_told_as_news() -> None:
    buffer = joined(readings(0, 2, received_h=9), readings(2, 6, worn=False, received_h=9))
    assert a_detector().update(buffer).changes == ()


def test_a_silence_says_when_the_last_reading_was_in_words() -> None:
    detector = a_detector()
    detector.update(readings(0, 1))
    (change,) = detector.tick(START_MS + DAY_MS).changes
    sentence = change.explanation["sentence"]
    assert sentence.startswith("No readings have come since Monday 16 February, ")
    assert sentence.endswith(":50. The device may be off, flat or out of reach.")


def test_a_removal_says_since_when_in_words() -> None:
    changes = a_detector().update(TAKEN_OFF).changes
    assert (
        changes[0]
        .explanation["sentence"]
        .startswith("The device was taken off on Monday 16 February, ")
    )
