"""The detector equals its naive twin on random and awkward histories, and keeps its limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from detect import DayResults, Detector, EpisodeChange, ReadingBatch
from detect.findings import FAMILIES, LEVELS, NO_FAMILY
from detect.state import COLUMNS, State
from tests.numeric.histories import (
    AUTUMN,
    DAY_MS,
    SPRING,
    ZONES,
    a_history,
    merged,
    one_by_one,
    usual_life,
)
from tests.numeric.naive import Change, Day, NaiveDetector
from tidewell.local_time import day_date, day_number, zone_table
from tidewell.vocabulary import CHANNELS

SILENCE_S = 4 * 3_600
MOST_BYTES_PER_PERSON = 6_144
"""At 100,000 people the detector of one machine stays within 600 MB."""

CASES = [
    pytest.param(1, SPRING, 58, id="spring"),
    pytest.param(2, AUTUMN, 58, id="autumn"),
    pytest.param(3, SPRING + timedelta(hours=7, minutes=3), 80, id="longer than the window"),
    pytest.param(4, datetime(2019, 12, 20, tzinfo=SPRING.tzinfo), 40, id="over a leap day"),
]


def new_detector(zones: dict[int, str] = ZONES) -> Detector:
    detector = Detector(SILENCE_S)
    for person, zone in zones.items():
        detector.add_person(person, zone_table(zone))
    return detector


def flat_days(days: list[Day]) -> dict[tuple[int, int], tuple[object, ...]]:
    found: dict[tuple[int, int], tuple[object, ...]] = {}
    for one in days:
        decided = (one.worn_minutes, one.family, one.level)
        found[one.person, day_number(one.day)] = decided
    assert len(found) == len(days)
    return found


def decided_days(days: DayResults) -> dict[tuple[int, int], tuple[object, ...]]:
    found: dict[tuple[int, int], tuple[object, ...]] = {}
    for place in range(len(days)):
        family = int(days.family[place])
        found[int(days.person_id[place]), int(days.day[place])] = (
            int(days.worn_minutes[place]),
            "" if family == NO_FAMILY else FAMILIES[family].value,
            int(days.level[place]),
        )
    assert len(found) == len(days)
    return found


def numbers(days: list[Day]) -> NDArray[np.float64]:
    """Return what is compared as numbers, in the order of person and day."""
    ordered = sorted(days, key=lambda one: (one.person, one.day))
    return np.array(
        [(*one.features, *one.usual[0], *one.usual[1], one.score) for one in ordered], np.float64
    )


def numbers_of(days: DayResults) -> NDArray[np.float64]:
    order = np.lexsort((days.day, days.person_id))
    parts = [days.features, days.usual.reshape(len(days), -1), days.score[:, None]]
    return np.concatenate(parts, axis=1)[order].astype(np.float64)


def plain(change: EpisodeChange) -> Change:
    """Return a change as the twin says it."""
    return Change(
        change.person_id,
        change.family.value,
        change.kind.value,
        change.opened_at_ms,
        change.at_ms,
        LEVELS.index(change.level),
        change.score,
    )


def by_person(changes: Sequence[Change]) -> list[Change]:
    """Return changes person by person; those of one person stay in their order."""
    return sorted(changes, key=lambda one: one.person)


def assert_same_changes(fast: list[Change], slow: list[Change]) -> None:
    fast, slow = by_person(fast), by_person(slow)
    assert [astuple(one)[:-1] for one in fast] == [astuple(one)[:-1] for one in slow]
    np.testing.assert_allclose(
        [one.score for one in fast], [one.score for one in slow], rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(("seed", "start", "days"), CASES)
def test_the_detector_equals_its_naive_twin(seed: int, start: datetime, days: int) -> None:
    batch = a_history(seed, start, days)
    slow = NaiveDetector(SILENCE_S, ZONES)
    slow.update(one_by_one(batch))
    fast = new_detector().update(batch)
    assert fast.late_readings == slow.late
    assert decided_days(fast.days) == flat_days(slow.days)
    np.testing.assert_allclose(numbers_of(fast.days), numbers(slow.days), rtol=2e-5, atol=2e-5)
    assert_same_changes([plain(one) for one in fast.changes], slow.changes)


def test_the_histories_are_hard_enough() -> None:
    """Every kind of change, late readings, days without a score: or the twin proves little."""
    slow = NaiveDetector(SILENCE_S, ZONES)
    slow.update(one_by_one(a_history(1, SPRING, 58)))
    kinds = Counter((one.family, one.kind) for one in slow.changes)
    body = [("illness", kind) for kind in ("opened", "continued", "closed")]
    device = [("device", kind) for kind in ("opened", "closed")]
    for wanted in (*body, ("withdrawal", "opened"), *device):
        assert kinds[wanted], wanted
    assert slow.late > 1_000
    scored = [not np.isnan(one.score) for one in slow.days]
    assert sum(scored) > 200
    assert scored.count(False) > 100


def test_a_strong_change_soon_after_another_opens_before_a_week_has_passed() -> None:
    stream = usual_life(np.random.default_rng(4), SPRING, 58, change_from=35, length=5)
    day = (stream.time_ms - stream.time_ms[0]) // DAY_MS
    stream.values[day >= 47, 0] += 8
    stream.values[day >= 47, 1] /= 4
    batch = merged({1: stream})
    slow = NaiveDetector(SILENCE_S, ZONES)
    slow.update(one_by_one(batch))
    changes = [plain(one) for one in new_detector().update(batch).changes]
    assert_same_changes(changes, slow.changes)
    opened, closed, again = [one for one in changes if one.kind in {"opened", "closed"}][:3]
    assert (opened.kind, closed.kind, again.kind) == ("opened", "closed", "opened")
    assert again.level == 2, "check today"
    assert again.at_ms - closed.at_ms < 8 * DAY_MS


def test_batches_of_any_size_equal_the_twin_too() -> None:
    batch = a_history(5, SPRING, 40)
    slow = NaiveDetector(SILENCE_S, ZONES)
    slow.update(one_by_one(batch))
    for size in (1, 7, 5_000):
        detector = new_detector()
        changes = []
        for first in range(0, len(batch), size):
            found = detector.update(batch.take(slice(first, first + size)))
            changes += [plain(one) for one in found.changes]
        assert_same_changes(changes, slow.changes)


def test_ticks_bring_silences_to_light_as_the_twin_does() -> None:
    batch = a_history(6, AUTUMN, 20)
    fast, slow = new_detector(), NaiveDetector(SILENCE_S, ZONES)
    changes: list[Change] = []
    for first in range(0, len(batch), 211):
        part = batch.take(slice(first, first + 211))
        now_ms = int(part.received_ms[0]) - 1
        changes += [plain(one) for one in fast.tick(now_ms).changes]
        changes += [plain(one) for one in fast.update(part).changes]
        slow.tick(now_ms)
        slow.update(one_by_one(part))
    end_ms = int(batch.received_ms[-1]) + 30 * DAY_MS
    last = fast.tick(end_ms).changes
    slow.tick(end_ms)
    assert last
    assert_same_changes(changes + [plain(one) for one in last], slow.changes)


def test_a_person_without_any_value_never_scores_and_never_raises_a_change_of_their_own() -> None:
    found = new_detector().update(a_history(1, SPRING, 58))
    theirs = found.days.person_id == 5
    assert theirs.sum() > 50
    assert np.isnan(found.days.score[theirs]).all()
    assert np.isnan(found.days.features[theirs]).all()
    assert {one.family.value for one in found.changes if one.person_id == 5} == {"device"}


def one_reading(**more: float) -> ReadingBatch:
    values = np.full((1, len(CHANNELS)), np.nan, np.float32)
    values[0, 0] = more.get("heart_rate", 60)
    person = np.array([int(more.get("person", 1))])
    time_ms = np.array([1_770_000_000_000])
    return ReadingBatch(person, time_ms, time_ms, np.array([60]), values)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinity_is_refused_by_name(value: float) -> None:
    with pytest.raises(ValueError, match="infinite"):
        one_reading(heart_rate=value)


@pytest.mark.parametrize("name", ["time_ms", "received_ms", "period_s"])
def test_columns_of_different_lengths_are_refused(name: str) -> None:
    one = one_reading()
    columns = {slot: getattr(one, slot) for slot in ReadingBatch.__slots__}
    with pytest.raises(ValueError, match="one length"):
        ReadingBatch(**{**columns, name: np.array([1, 2])})
    with pytest.raises(ValueError, match="values must be 1 x"):
        ReadingBatch(**{**columns, "values": columns["values"][:, :-1]})


def test_a_batch_with_an_unknown_person_is_refused_before_anything_is_taken_in() -> None:
    history = a_history(1, SPRING, 20)
    detector = new_detector()
    detector.update(history)
    before = {name: getattr(detector._state, name).copy() for name in COLUMNS}
    strangers = ReadingBatch(
        np.where(np.arange(len(history)) == len(history) - 1, 999, history.person_id),
        history.time_ms + 20 * DAY_MS,
        history.received_ms + 20 * DAY_MS,
        history.period_s,
        history.values,
    )
    with pytest.raises(ValueError, match="does not know person 999"):
        detector.update(strangers)
    for name, column in before.items():
        np.testing.assert_array_equal(getattr(detector._state, name), column, err_msg=name)
    assert not detector.knows(999)


def test_a_person_costs_no_more_than_6_kb_and_the_columns_say_so() -> None:
    state = State()
    for person in range(1_000):
        state.add(person, zone_table("UTC"))
    held = sum(getattr(state, name).nbytes for name in COLUMNS) / len(state.person_id)
    assert held == state.bytes_per_person()
    assert 0 < state.bytes_per_person() <= MOST_BYTES_PER_PERSON


def test_a_long_history_costs_no_more_memory_than_a_short_one() -> None:
    detector = new_detector()
    detector.update(a_history(1, SPRING, 10))
    sizes = {name: getattr(detector._state, name).nbytes for name in COLUMNS}
    detector.update(a_history(1, SPRING + timedelta(days=200), 60))
    assert sizes == {name: getattr(detector._state, name).nbytes for name in COLUMNS}


@pytest.mark.parametrize("seed", range(5))
def test_the_more_unlike_a_night_is_the_higher_is_its_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream = usual_life(rng, SPRING, 50, change_from=50)
    last_nights = stream.time_ms > stream.time_ms[-1] - 4 * DAY_MS
    scores = []
    for more_bpm in (0, 1, 2, 4, 8):
        values = stream.values.copy()
        values[last_nights, 0] += more_bpm
        raised = type(stream)(stream.time_ms, stream.delay_ms, values)
        days = new_detector().update(merged({1: raised})).days
        scores.append(days.score[-3:].tolist())
    per_day = list(zip(*scores, strict=True))
    for one_day in per_day:
        assert list(one_day) == sorted(one_day)
    assert per_day[-1][-1] > per_day[-1][0] + 0.5


def test_the_fewer_steps_a_day_has_the_higher_is_its_score() -> None:
    stream = usual_life(np.random.default_rng(7), SPRING, 50, change_from=50)
    last_days = stream.time_ms > stream.time_ms[-1] - 4 * DAY_MS
    scores = []
    for part in (1.0, 0.8, 0.5, 0.2, 0.0):
        values = stream.values.copy()
        values[last_days, 1] *= part
        lowered = type(stream)(stream.time_ms, stream.delay_ms, values)
        scores.append(float(new_detector().update(merged({1: lowered})).days.score[-1]))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 1


def test_late_readings_change_no_finding() -> None:
    stream = usual_life(np.random.default_rng(3), SPRING, 50, change_from=41)
    whole = merged({1: stream})
    before = new_detector().update(whole)
    old = whole.take(slice(0, len(whole) // 2))
    again = ReadingBatch(
        old.person_id,
        old.time_ms,
        np.full(len(old), int(whole.received_ms[-1])),
        old.period_s,
        old.values + 50,
    )
    detector = new_detector()
    first = detector.update(whole)
    late = detector.update(again)
    assert late.late_readings == len(again)
    assert (len(late.days), late.changes) == (0, ())
    assert first.changes == before.changes


def test_days_from_a_file_are_scored_as_the_same_days_from_minutes() -> None:
    batch = merged({1: usual_life(np.random.default_rng(2), SPRING, 58, change_from=50)})
    lived = new_detector().update(batch).days
    detector = new_detector()
    scores = [
        detector.score_days(lived.person_id[[place]], lived.day[[place]], lived.features[[place]])
        for place in range(len(lived))
    ]
    read = DayResults.joined([one.days for one in scores])
    np.testing.assert_array_equal(read.score, lived.score)
    np.testing.assert_array_equal(read.level, lived.level)
    assert day_date(int(read.day[0])) == SPRING.date()
