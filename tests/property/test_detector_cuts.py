"""The same readings give the same findings, however they were cut, mixed or interrupted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detect import DayResults, Detector, EpisodeChange, Findings, ReadingBatch
from detect.state import COLUMNS
from tests.numeric.minute_histories import SILENCE_S, ZONES, a_detector, a_history
from tidewell.local_time import DAY_MS, zone_table

QUARTERS = dict.fromkeys(ZONES, 900)
WHOLE = a_history(seed=112, days=46, periods_s=QUARTERS)
EVERY = np.arange(len(WHOLE))
GENERATE = (Phase.explicit, Phase.reuse, Phase.generate)
"""Not shrunk: each trial lives through six weeks, and a smaller one would be found in minutes."""
CUTS = st.lists(st.integers(1, len(WHOLE) - 1), max_size=30).map(sorted)


def run(detector: Detector, batch: ReadingBatch, cuts: Sequence[int]) -> list[Findings]:
    parts = np.split(np.arange(len(batch)), cuts)
    return [detector.update(batch.take(part)) for part in parts if len(part)]


def days_of(findings: Sequence[Findings]) -> DayResults:
    """Return all days, person by person; those of one person stay in their order."""
    days = DayResults.joined([one.days for one in findings])
    order = np.argsort(days.person_id, kind="stable")
    return DayResults(*(getattr(days, name)[order] for name in DayResults.__slots__))


def changes_of(findings: Sequence[Findings]) -> list[EpisodeChange]:
    changes = [change for one in findings for change in one.changes]
    return sorted(changes, key=lambda one: one.person_id)


def counts_of(findings: Sequence[Findings]) -> tuple[int, ...]:
    dropped = np.sum([one.dropped for one in findings if one.dropped], axis=0)
    late = sum(one.late_readings for one in findings)
    return late, sum(one.too_late_readings for one in findings), *dropped.tolist()


def assert_same_days(one: DayResults, other: DayResults) -> None:
    for name in DayResults.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def assert_same_state(one: Detector, other: Detector) -> None:
    for name in COLUMNS:
        mine, yours = (getattr(each._state, name)[: len(ZONES)] for each in (one, other))
        np.testing.assert_array_equal(mine, yours, err_msg=name)


def assert_same(left: Sequence[Findings], right: Sequence[Findings]) -> None:
    assert_same_days(days_of(left), days_of(right))
    assert changes_of(left) == changes_of(right)
    assert counts_of(left) == counts_of(right)


EXPECTED_DETECTOR = a_detector()
EXPECTED = [EXPECTED_DETECTOR.update(WHOLE)]


def test_the_history_is_worth_testing_on() -> None:
    days = EXPECTED[0].days
    assert len(days) > 120
    judged = Counter(zip(days.person_id.tolist(), days.day.tolist(), strict=True))
    assert sum(count > 1 for count in judged.values()) > 5, "days judged again"
    kinds = Counter((one.family.value, one.kind.value) for one in EXPECTED[0].changes)
    for kind in ("opened", "continued", "closed"):
        assert sum(kinds[name, kind] for name in ("illness", "withdrawal", "sleep")) > 0, kind
    assert kinds["device", "opened"] > 20
    assert kinds["device", "worsened"] > 0
    assert kinds["acute_load", "opened"] > 5
    late, too_late, *dropped = counts_of(EXPECTED)
    assert 0 < too_late < late
    assert sum(dropped) > 100


def test_batches_of_1_7_and_5000_give_identical_findings_and_memories() -> None:
    for size in (1, 7, 5_000):
        detector = a_detector()
        assert_same(run(detector, WHOLE, range(size, len(WHOLE), size)), EXPECTED)
        assert_same_state(detector, EXPECTED_DETECTOR)


@settings(max_examples=15, phases=GENERATE)
@given(CUTS)
def test_any_cuts_give_identical_findings_and_memories(cuts: list[int]) -> None:
    detector = a_detector()
    assert_same(run(detector, WHOLE, cuts), EXPECTED)
    assert_same_state(detector, EXPECTED_DETECTOR)


@settings(max_examples=10, phases=GENERATE)
@given(st.integers(0, 2**32 - 1), CUTS)
def test_people_may_come_in_any_order_among_each_other(seed: int, cuts: list[int]) -> None:
    mixed = np.random.default_rng(seed).permutation(len(WHOLE))
    order = np.empty_like(mixed)
    for person in ZONES:
        theirs = WHOLE.person_id == person
        order[np.sort(mixed[theirs])] = EVERY[theirs]
    detector = a_detector()
    assert_same(run(detector, WHOLE.take(order), cuts), EXPECTED)
    assert_same_state(detector, EXPECTED_DETECTOR)


@settings(max_examples=10, phases=GENERATE)
@given(st.integers(1, len(WHOLE) - 1))
def test_a_snapshot_in_the_middle_changes_nothing(cut: int) -> None:
    first = a_detector()
    before = first.update(WHOLE.take(EVERY[:cut]))
    second = Detector(SILENCE_S)
    zones = {person: zone_table(zone) for person, zone in ZONES.items()}
    second.restore(first.snapshot(list(ZONES)), zones)
    assert_same_state(second, first)
    after = second.update(WHOLE.take(EVERY[cut:]))
    assert_same([before, after], EXPECTED)
    assert_same_state(second, EXPECTED_DETECTOR)


def ticking(moments: Sequence[tuple[int, float]]) -> tuple[Detector, list[Findings]]:
    """Return what is found where time passes before some readings, up to a part of the pause."""
    detector, found = a_detector(), []
    cuts = sorted({place for place, _ in moments})
    parts = dict(zip([0, *cuts], np.split(EVERY, cuts), strict=True))
    for place, part in parts.items():
        came_ms, next_ms = (int(WHOLE.received_ms[one]) for one in (max(place - 1, 0), place))
        shares = sorted(share for at, share in moments if at == place)
        found += [detector.tick(came_ms + int(one * (next_ms - came_ms))) for one in shares]
        found.append(detector.update(WHOLE.take(part)))
    return detector, found


LONG_AFTER_MS = int(WHOLE.received_ms[-1]) + 30 * DAY_MS
PAUSES = np.flatnonzero(np.diff(WHOLE.received_ms, prepend=WHOLE.received_ms[0]) > 0)


@settings(max_examples=20, phases=GENERATE)
@given(
    st.lists(st.tuples(st.sampled_from(PAUSES.tolist()), st.floats(0, 1)), min_size=1, max_size=300)
)
def test_ticks_find_the_same_earlier_and_nothing_else(moments: list[tuple[int, float]]) -> None:
    expected_detector = a_detector()
    expected = [expected_detector.update(WHOLE), expected_detector.tick(LONG_AFTER_MS)]
    detector, found = ticking(moments)
    found.append(detector.tick(LONG_AFTER_MS))
    assert_same_days(days_of(found), days_of(expected))
    assert counts_of(found) == counts_of(expected)
    assert in_time(found) == in_time(expected)
    assert_same_state(detector, expected_detector)


def in_time(findings: Sequence[Findings]) -> list[EpisodeChange]:
    """Return changes by what decided them: a tick tells silences before days, a reading after."""
    changes = changes_of(findings)
    return sorted(changes, key=lambda one: (one.person_id, one.family.value, one.at_ms, one.kind))


def test_ticks_do_find_silences_and_days_before_the_next_reading_does() -> None:
    _, found = ticking([(place, 0.99) for place in PAUSES.tolist()])
    ticks = [one for one in found if not one.dropped]
    assert sum(len(one.days) for one in ticks) > 3
    assert sum(change.family.value == "device" for one in ticks for change in one.changes) > 10


def test_the_order_of_readings_of_one_person_does_matter() -> None:
    """Or the tests above would prove nothing about order."""
    backwards: NDArray[np.int64] = EVERY[::-1].copy()
    found = [a_detector().update(WHOLE.take(backwards))]
    assert len(days_of(found)) != len(days_of(EXPECTED))
