"""The same readings give the same findings, however they were cut into batches."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detect import DayResults, Detector, EpisodeChange, Findings, ReadingBatch
from tidewell.local_time import zone_table
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS

PEOPLE = (3, 11, 4)
ZONES = ("Europe/London", "UTC", "America/Los_Angeles")
MINUTE_MS = 60_000
START_MS = 1_760_000_000_000 // 86_400_000 * 86_400_000


def a_history(seed: int, days: int, every_minutes: int) -> ReadingBatch:
    """Three people with an odd week, gaps, late rows and a silence, in one committed order."""
    rng = np.random.default_rng(seed)
    times, people, received, values = [], [], [], []
    for place, person in enumerate(PEOPLE):
        time_ms = START_MS + np.arange(0, days * 1440, every_minutes) * MINUTE_MS
        time_ms = time_ms[rng.random(len(time_ms)) > 0.05]
        row = np.full((len(time_ms), len(CHANNELS)), np.nan, np.float32)
        hour = time_ms // 3_600_000 % 24
        odd = (time_ms - START_MS > (days - 6) * 86_400_000) * (place < 2)
        row[:, CHANNEL_INDEX["heart_rate"]] = (
            60 + 10 * (hour > 7) + 9 * odd + rng.normal(0, 2, len(time_ms))
        )
        busy = (hour > 8) & (rng.random(len(time_ms)) < 0.4)
        row[:, CHANNEL_INDEX["steps"]] = np.where(
            busy, rng.integers(1, 90, len(time_ms)) / (1 + 3 * odd), 0
        )
        row[rng.random(row.shape) < 0.02] = np.nan
        times.append(time_ms)
        people.append(np.full(len(time_ms), person))
        received.append(
            time_ms + 1_000 + (place == 1) * (time_ms > START_MS + 86_400_000) * 30_000_000
        )
        values.append(row)
    order = np.argsort(np.concatenate(received), kind="stable")
    late = rng.integers(0, len(order), 20)
    order = np.concatenate([np.delete(order, late), order[late]])
    arrival = np.sort(np.concatenate(received))[: len(order)]
    return ReadingBatch(
        np.concatenate(people)[order],
        np.concatenate(times)[order],
        arrival,
        np.full(len(order), 60 * every_minutes),
        np.concatenate(values)[order],
    )


def new_detector() -> Detector:
    detector = Detector(silence_after_s=4 * 3_600)
    for person, zone in zip(PEOPLE, ZONES, strict=True):
        detector.add_person(person, zone_table(zone))
    return detector


def run(detector: Detector, batch: ReadingBatch, cuts: NDArray[np.int64]) -> list[Findings]:
    parts = np.split(np.arange(len(batch)), cuts)
    return [detector.update(batch.take(part)) for part in parts if len(part)]


def everything(findings: list[Findings]) -> tuple[DayResults, list[EpisodeChange], int]:
    days = DayResults.joined([one.days for one in findings])
    changes = [change for one in findings for change in one.changes]
    return days, changes, sum(one.late_readings for one in findings)


def assert_same(left: list[Findings], right: list[Findings]) -> None:
    (days, changes, late), (other_days, other_changes, other_late) = (
        everything(left),
        everything(right),
    )
    for name in DayResults.__slots__:
        np.testing.assert_array_equal(getattr(days, name), getattr(other_days, name), err_msg=name)
    assert changes == other_changes
    assert late == other_late


WHOLE = a_history(seed=1, days=45, every_minutes=15)


def test_the_history_is_worth_testing_on() -> None:
    days, changes, late = everything([new_detector().update(WHOLE)])
    assert len(days) > 120
    assert {change.family.value for change in changes} >= {"illness", "device"}
    assert {change.kind.value for change in changes} >= {"opened", "continued", "closed"}
    assert late > 0


def test_batches_of_1_7_and_5000_give_identical_findings() -> None:
    whole = [new_detector().update(WHOLE)]
    for size in (1, 7, 5_000):
        assert_same(whole, run(new_detector(), WHOLE, np.arange(size, len(WHOLE), size)))


@settings(max_examples=15)
@given(
    st.lists(st.integers(1, len(WHOLE) - 1), max_size=30).map(
        lambda cuts: np.array(sorted(cuts), np.int64)
    )
)
def test_any_cuts_give_identical_findings(cuts: NDArray[np.int64]) -> None:
    assert_same([new_detector().update(WHOLE)], run(new_detector(), WHOLE, cuts))


@settings(max_examples=10)
@given(st.integers(1, len(WHOLE) - 1))
def test_a_snapshot_in_the_middle_changes_nothing(cut: int) -> None:
    rows = np.arange(len(WHOLE))
    first = new_detector()
    before = first.update(WHOLE.take(rows[:cut]))
    second = Detector(silence_after_s=4 * 3_600)
    zones = {person: zone_table(zone) for person, zone in zip(PEOPLE, ZONES, strict=True)}
    second.restore(first.snapshot(PEOPLE), zones)
    after = second.update(WHOLE.take(rows[cut:]))
    assert_same([new_detector().update(WHOLE)], [before, after])
    assert second.snapshot(PEOPLE) != first.snapshot(PEOPLE)


@settings(max_examples=10)
@given(st.lists(st.integers(1, len(WHOLE) - 1), min_size=1, max_size=5).map(sorted))
def test_ticks_in_between_bring_the_same_episodes_forward_and_no_others(cuts: list[int]) -> None:
    ticking = new_detector()
    seen: list[EpisodeChange] = []
    for part in np.split(np.arange(len(WHOLE)), cuts):
        if len(part):
            batch = WHOLE.take(part)
            seen += ticking.tick(int(batch.received_ms[0]) - 1).changes
            seen += ticking.update(batch).changes
    _, expected, _ = everything([new_detector().update(WHOLE)])

    def key(change: EpisodeChange) -> tuple[int, str, int, str]:
        return (change.person_id, change.family.value, change.at_ms, change.kind.value)

    assert sorted(map(key, seen)) == sorted(map(key, expected))
