"""The door of the detector: what it refuses, what it costs, what comes late, what is agreed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from detect import DayResults, Detector, ReadingBatch
from detect.days import VERSION
from detect.plan_limits import LIMITS_MOST, Limit
from detect.state import COLUMNS, State
from detect.words import Direction, NoteKind
from tests.numeric.minute_histories import FIRST_MS, ZONES, a_detector, a_history
from tidewell.local_time import DAY_MS, zone_table
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS, FEATURE_NAMES, Family, Level

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
START_MS = 20_500 * DAY_MS
MOST_BYTES_PER_PERSON = 6_144
"""At 100,000 people the detector of one machine stays within 600 MB."""
HISTORY = a_history(7, 12, dict.fromkeys(ZONES, 900))


def alone() -> Detector:
    detector = Detector(silence_after_s=4 * 3_600)
    detector.add_person(1, zone_table("UTC"))
    return detector


def a_day(day: int, heart_rate: float = 60, received_ms: int | None = None) -> ReadingBatch:
    """Return a day of readings every quarter of an hour, received at once or at one moment."""
    time_ms = START_MS + day * DAY_MS + np.arange(96, dtype=np.int64) * 15 * MINUTE_MS
    values = np.full((96, len(CHANNELS)), np.nan, np.float32)
    values[:, CHANNEL_INDEX["heart_rate"]] = heart_rate + np.arange(96) % 7
    values[:, CHANNEL_INDEX["steps"]] = np.where(np.arange(96) % 8 == 5, 900, 0)
    received = time_ms + 900_000 if received_ms is None else np.full(96, received_ms)
    return ReadingBatch(np.ones(96, np.int64), time_ms, received, np.full(96, 900), values)


def changed(batch: ReadingBatch, **columns: np.ndarray[tuple[int, ...], np.dtype]) -> ReadingBatch:
    old = {name: getattr(batch, name) for name in ReadingBatch.__slots__}
    return ReadingBatch(**{**old, **columns})


def everything(detector: Detector) -> dict[str, bytes]:
    return {name: getattr(detector._state, name).tobytes() for name in COLUMNS}


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinity_is_refused_by_name(value: float) -> None:
    with pytest.raises(ValueError, match="infinite"):
        changed(a_day(0), values=np.full((96, len(CHANNELS)), value, np.float32))


@pytest.mark.parametrize("name", ["time_ms", "received_ms", "period_s"])
def test_columns_of_different_lengths_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="one length"):
        changed(a_day(0), **{name: np.array([1, 2])})


def test_values_of_too_few_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="values must be 96 x"):
        changed(a_day(0), values=a_day(0).values[:, :-1])


def test_a_batch_with_an_unknown_person_is_refused_before_anything_is_taken_in() -> None:
    detector = a_detector()
    detector.update(HISTORY.take(slice(0, 1_000)))
    before = everything(detector)
    people = HISTORY.person_id.copy()
    people[-1] = 999
    with pytest.raises(ValueError, match="does not know person 999"):
        detector.update(changed(HISTORY, person_id=people))
    assert everything(detector) == before
    assert not detector.knows(999)


@pytest.mark.parametrize("verb", ["note", "unnote", "limits", "outcome", "model", "days"])
def test_no_verb_takes_anything_in_about_a_stranger(verb: str) -> None:
    detector = alone()
    verbs: dict[str, Callable[[], object]] = {
        "note": lambda: detector.note(999, NoteKind.ILL, 1, 2),
        "unnote": lambda: detector.unnote(999, NoteKind.ILL, 1, 2),
        "limits": lambda: detector.set_limits(999, []),
        "outcome": lambda: detector.hear_outcome(999, Family.SLEEP, was_useful=True),
        "model": lambda: detector.change_device_model(999),
        "days": lambda: detector.score_days(
            np.array([999]), np.array([1]), np.zeros((1, len(FEATURE_NAMES)), np.float32)
        ),
    }
    before = everything(detector)
    with pytest.raises(ValueError, match="person 999"):
        verbs[verb]()
    assert everything(detector) == before


def test_days_that_are_not_later_than_the_last_are_refused() -> None:
    detector, row = alone(), np.full((1, len(FEATURE_NAMES)), 60, np.float32)
    detector.score_days(np.array([1]), np.array([20_000]), row)
    before = everything(detector)
    for people, days in (([1], [20_000]), ([1], [19_999]), ([1, 1], [20_001, 20_002])):
        with pytest.raises(ValueError, match="one by one"):
            detector.score_days(np.array(people), np.array(days), np.repeat(row, len(days), 0))
    assert everything(detector) == before


def test_a_person_costs_no_more_than_6_kb_and_the_columns_say_so() -> None:
    state = State()
    for person in range(1_000):
        state.add(person, zone_table("UTC"))
    held = sum(getattr(state, name).nbytes for name in COLUMNS) / len(state.person_id)
    assert held == state.bytes_per_person()
    assert 0 < state.bytes_per_person() <= MOST_BYTES_PER_PERSON


def test_a_longer_history_costs_no_more_memory() -> None:
    detector = a_detector()
    detector.update(HISTORY.take(slice(0, 500)))
    sizes = {name: len(column) for name, column in everything(detector).items()}
    detector.update(HISTORY.take(slice(500, len(HISTORY))))
    assert sizes == {name: len(column) for name, column in everything(detector).items()}


def test_a_night_is_the_more_unlike_the_higher_its_heart_rate() -> None:
    scores = []
    for more_bpm in (0, 2, 4, 8):
        detector = alone()
        for day in range(40):
            found = detector.update(a_day(day, 60 + day % 3 + more_bpm * (day >= 36)))
        scores.append(float(found.days.score[0]))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 0.5


def test_late_readings_go_to_their_own_day_which_is_judged_again_without_any_change() -> None:
    detector, back_ms = alone(), START_MS + 31 * DAY_MS + 2 * HOUR_MS
    for day in range(30):
        detector.update(a_day(day))
    morning, evening = np.arange(48), np.arange(48, 96)
    detector.update(a_day(30).take(morning))
    closing = detector.update(a_day(31).take(np.arange(12)))
    assert closing.days.day.tolist() == [20_530]
    open_before = everything(detector)["episode_level"]
    late = detector.update(a_day(30, 200, received_ms=back_ms).take(evening))
    assert (late.late_readings, late.too_late_readings) == (48, 0)
    assert (len(late.days), late.changes) == (0, ())
    again = detector.update(a_day(32).take(np.arange(1)))
    assert again.days.day.tolist() == [20_530, 20_531]
    assert {one.family for one in again.changes} <= {Family.DEVICE}
    assert everything(detector)["episode_level"] == open_before
    assert again.days.worn_minutes[0] == 2 * closing.days.worn_minutes[0] == 24 * 60
    steps = FEATURE_NAMES.index("steps")
    assert again.days.features[0, steps] == 2 * closing.days.features[0, steps]


def test_a_day_judged_again_with_nothing_else_in_it_is_found_to_be_the_same() -> None:
    detector = alone()
    found = [detector.update(a_day(day, 60 + 6 * (20 <= day < 30))) for day in range(39)]
    judged = DayResults.joined([one.days for one in found])
    empty = a_day(37, received_ms=START_MS + 38 * DAY_MS).take(np.arange(1))
    detector.update(changed(empty, values=np.full((1, len(CHANNELS)), np.nan, np.float32)))
    again = detector.update(a_day(39)).days
    assert again.day.tolist() == [20_537, 20_538]
    # Its night is known in sixteen bits only.
    np.testing.assert_allclose(again.family_scores[0], judged.family_scores[-1], atol=5e-3)


def test_readings_of_the_week_before_are_counted_as_too_late() -> None:
    detector = alone()
    for day in range(9):
        detector.update(a_day(day))
    late = detector.update(a_day(3, received_ms=START_MS + 9 * DAY_MS))
    assert (late.late_readings, late.too_late_readings) == (96, 96)
    assert len(late.days) == 0


def test_a_silent_device_does_not_leave_its_last_day_unjudged() -> None:
    detector = alone()
    detector.update(a_day(0))
    assert len(detector.tick(START_MS + DAY_MS + 4 * HOUR_MS - 1).days) == 0
    assert detector.tick(START_MS + DAY_MS + 5 * HOUR_MS).days.day.tolist() == [20_500]
    assert len(detector.tick(START_MS + 3 * DAY_MS).days) == 0


@pytest.mark.parametrize("order", [(0, 2), (0, 1, 2), (0, None, 2)])
def test_a_day_passed_over_has_room_for_its_late_readings(order: tuple[int | None, ...]) -> None:
    """However the day before the open one was passed: by a reading, or by a silence."""
    detector = alone()
    for day in order:
        if day is None:
            detector.tick(START_MS + DAY_MS + 6 * HOUR_MS)
        else:
            detector.update(a_day(day).take(np.arange(8)))
    late = detector.update(a_day(1, received_ms=START_MS + 2 * DAY_MS + 3 * HOUR_MS))
    assert (late.late_readings, late.too_late_readings) == (96, 0)


def test_a_day_passed_over_is_judged_in_its_place_and_changes_no_episode() -> None:
    detector = alone()
    for day in range(41):
        detector.update(a_day(day, 60 + 30 * (day >= 37)))
    lasting = detector.update(a_day(42).take(np.arange(8))).changes
    assert "continued" in {one.kind.value for one in lasting}
    came_ms = START_MS + 42 * DAY_MS + 3 * HOUR_MS
    silent = detector.update(a_day(41, 90, received_ms=came_ms))
    assert (len(silent.days), silent.changes) == (0, ())
    closing = detector.update(a_day(43).take(np.arange(1)))
    assert closing.days.day.tolist() == [20_541, 20_542]
    place = FEATURE_NAMES.index("steps")
    assert closing.days.features[0, place] == pytest.approx(12 * 900, rel=1e-3)
    assert closing.days.worn_minutes[0] == 24 * 60
    assert not np.isnan(closing.days.score[0])
    told_ms = {one.at_ms for one in closing.changes if one.family is not Family.DEVICE}
    assert told_ms == {START_MS + 43 * DAY_MS}, "the day that came late is no news"


LIMIT = Limit("heart_rate", Direction.ABOVE, 120, 5, Level.CHECK_NOW)


def minutes(count: int, heart_rate: float, from_minute: int = 0) -> ReadingBatch:
    time_ms = START_MS + (from_minute + np.arange(count, dtype=np.int64)) * MINUTE_MS
    values = np.full((count, len(CHANNELS)), np.nan, np.float32)
    values[:, CHANNEL_INDEX["heart_rate"]] = heart_rate + np.arange(count) % 3
    return ReadingBatch(
        np.ones(count, np.int64), time_ms, time_ms + MINUTE_MS, np.full(count, 60), values
    )


def test_a_limit_of_the_plan_is_said_at_the_reading_that_completes_it() -> None:
    detector = alone()
    detector.set_limits(1, [LIMIT])
    detector.update(minutes(30, 100))
    found = [detector.update(minutes(1, 130, 30 + minute)).changes for minute in range(10)]
    assert [len(one) for one in found] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    (change,) = found[4]
    assert (change.family, change.kind.value) == (Family.ACUTE_LOAD, "opened")
    assert change.level is Level.CHECK_NOW
    assert change.explanation["version"] == VERSION
    assert change.opened_at_ms <= change.at_ms <= START_MS + 35 * MINUTE_MS


def test_a_limit_ends_within_it_an_hour_after_it_began() -> None:
    detector = alone()
    detector.set_limits(1, [LIMIT])
    detector.update(minutes(10, 130))
    found = [detector.update(minutes(1, 100, 10 + minute)).changes for minute in range(60)]
    told = [(10 + minute, one.kind.value) for minute, many in enumerate(found) for one in many]
    assert told == [(60, "closed")]


def test_a_limit_that_left_the_plan_while_it_was_open_is_named() -> None:
    detector = alone()
    assert detector.set_limits(1, [LIMIT]) == ()
    detector.update(minutes(10, 130))
    assert detector.set_limits(1, []) == (LIMIT,)


def test_a_snapshot_from_before_a_column_was_added_begins_it_with_its_first_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detector = alone()
    detector.set_limits(1, [LIMIT])
    detector.update(minutes(10, 130))
    fewer = {name: column for name, column in COLUMNS.items() if name != "limit_return"}
    with monkeypatch.context() as patch:
        patch.setattr("detect.state.COLUMNS", fewer)
        block = detector.snapshot([1])
    detector._state.limit_return[0, 0] = 2
    detector.restore(block, {1: zone_table("UTC")})
    assert detector._state.limit_return[0].tolist() == [0, 0, 0, 0]
    assert detector._state.limit_ms[0, 0] == START_MS


def test_a_plan_of_five_limits_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 4"):
        alone().set_limits(1, [LIMIT] * (LIMITS_MOST + 1))


@pytest.mark.parametrize("days", [(5, 4), (5, 67)])
def test_a_note_the_wrong_way_round_or_of_months_is_refused(days: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="1 to 62 days"):
        alone().note(1, NoteKind.HOLIDAY, *days)


def test_someone_known_keeps_what_is_known_when_they_move_to_another_zone() -> None:
    detector = a_detector()
    detector.update(HISTORY)
    before = everything(detector)
    for person in ZONES:
        detector.add_person(person, zone_table("Asia/Kolkata"))
    assert everything(detector) == before
    assert FIRST_MS % DAY_MS == 0
