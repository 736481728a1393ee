"""Changes laid over days and minutes: their size, their place, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from tidewell.evaluation.injections import (
    GRACE_DAYS,
    INJECTIONS,
    PLACEMENTS,
    Injection,
    inject,
    place_all,
    possible_starts,
    without_half,
)
from tidewell.evaluation.minute_injections import (
    SHIFT_MS,
    OffKind,
    place_late_nights,
    place_removals,
)
from tidewell.evaluation.people import PersonDays, PersonMinutes
from tidewell.local_time import DAY_MS
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS, FEATURE_NAMES

STEPS = FEATURE_NAMES.index("steps")
HEART = FEATURE_NAMES.index("night_heart_rate")


def kind(name: str) -> Injection:
    return next(one for one in INJECTIONS if one.name == name)


def person(days: int = 100, onset: int | None = None) -> PersonDays:
    features = np.full((days, len(FEATURE_NAMES)), np.nan, np.float32)
    features[:, STEPS] = 8000
    features[:, HEART] = 60 + np.arange(days) % 3  # MAD 1
    return PersonDays("sam", np.arange(days, dtype=np.int64) + 1000, features, onset)


def minutes(days: int, onset: int | None = None) -> PersonMinutes:
    time_ms = np.arange(days * 1440, dtype=np.int64) * 60_000
    values = np.full((len(time_ms), len(CHANNELS)), np.nan, np.float32)
    values[:, CHANNEL_INDEX["heart_rate"]] = 70
    values[:, CHANNEL_INDEX["steps"]] = 2
    return PersonMinutes("sam", time_ms, values, onset)


def test_a_step_is_two_spreads_for_seven_days_and_nothing_else() -> None:
    before = person()
    after = inject(before, kind("heart_step"), 1050)
    count = 50 + 7 + GRACE_DAYS
    assert len(after.day) == count
    change = after.features[:, HEART] - before.features[:count, HEART]
    assert change.tolist() == pytest.approx([0] * 50 + [2 * 1.4826] * 7 + [0] * 3)
    assert (after.features[:, STEPS] == 8000).all()
    assert before.features[50, HEART] == 60 + 50 % 3


def test_a_ramp_reaches_its_height_on_its_last_day() -> None:
    after = inject(person(), kind("heart_ramp"), 1040)
    change = after.features[:, HEART] - person().features[: len(after.day), HEART]
    assert change[81] == pytest.approx(2 * 1.4826, rel=1e-5)
    assert change[40] == pytest.approx(change[81] / 42, rel=1e-3)
    assert change[82] == 0


def test_a_cut_leaves_two_fifths_and_missing_days_stay_missing() -> None:
    given = person()
    given.features[52, STEPS] = np.nan
    after = inject(given, kind("step_cut"), 1050).features[:, STEPS]
    assert after[49] == after[57] == 8000
    assert after[50] == pytest.approx(3200)
    assert np.isnan(after[52])


def test_a_change_starts_where_there_is_history_and_no_illness() -> None:
    assert possible_starts(person(), kind("step_cut"))[[0, -1]].tolist() == [1028, 1090]
    near = possible_starts(person(onset=1060), kind("step_cut"))
    assert near.max() == 1090
    assert not ((near + 9 >= 1046) & (near <= 1088)).any()
    assert len(possible_starts(person(), kind("short_sleep"))) == 0
    sparse = person()
    sparse.features[40:60, STEPS] = np.nan
    starts = possible_starts(sparse, kind("step_cut"))
    assert not set(range(1038, 1058)) & set(starts.tolist())


def test_no_change_starts_soon_after_weeks_without_a_value() -> None:
    back = person(150)
    back.features[50:80, [STEPS, HEART]] = np.nan
    starts = possible_starts(back, kind("step_cut"))
    after = starts[starts >= 1050]
    assert after.min() == 1080 + 14  # half of the 28 days before it are known again
    assert 1045 in starts


def test_places_depend_on_the_seed_and_the_person_only() -> None:
    other = PersonDays("kim", person().day, person().features)
    alone = [(one.injection.name, one.start) for one in place_all([person()], 1)]
    among = [
        (one.injection.name, one.start)
        for one in place_all([other, person()], 1)
        if one.original == 1
    ]
    assert alone == among
    assert len(alone) == 5 * PLACEMENTS  # every kind that touches heart rate or steps
    assert alone != [(one.injection.name, one.start) for one in place_all([person()], 2)]


def test_half_of_the_days_are_removed_the_same_ones_each_time() -> None:
    kept = without_half(person(1000), 1)
    assert 440 < len(kept.day) < 560
    assert kept.day.tolist() == without_half(person(1000), 1).day.tolist()
    assert (kept.features[:, HEART] == person(1000).features[kept.day - 1000, HEART]).all()


@pytest.mark.parametrize("off", list(OffKind))
def test_a_device_that_comes_off_reports_no_heart_and_cools(off: OffKind) -> None:
    given = minutes(25)
    for placed in place_removals([given], off, 1):
        after = placed.changed.time_ms >= placed.start_ms
        gone = placed.changed.values[after]
        assert 9 <= placed.start_ms % DAY_MS / 3_600_000 < 21
        assert placed.changed.time_ms[-1] == placed.last_ms
        assert len(gone) == 16
        assert np.isnan(gone[:, CHANNEL_INDEX["heart_rate"]]).all()
        assert (gone[:, CHANNEL_INDEX["steps"]] == 0).all()
        cooling = np.diff(gone[:, CHANNEL_INDEX["skin_temperature"]])
        assert np.isnan(cooling).all() if off is OffKind.HEART_AND_STEPS else (cooling < -0.2).all()
        assert (placed.plain.values[-1, CHANNEL_INDEX["heart_rate"]]) == 70
        same = np.array_equal(
            placed.plain.values[: np.count_nonzero(~after)],
            placed.changed.values[~after],
            equal_nan=True,
        )
        assert same
    assert np.isnan(given.values[:, CHANNEL_INDEX["skin_temperature"]]).all()


def test_a_late_week_is_three_hours_later_and_in_order() -> None:
    (placed, *_) = place_late_nights([minutes(50)], 1)
    time_ms = placed.changed.time_ms
    assert (np.diff(time_ms) > 0).all()
    gap = np.flatnonzero(np.diff(time_ms) > 60_000)
    assert time_ms[gap[0] + 1] - time_ms[gap[0]] == SHIFT_MS + 60_000
    assert time_ms[gap[0] + 1] - SHIFT_MS == placed.start_ms
    assert len(placed.plain.time_ms) - len(time_ms) == SHIFT_MS // 60_000
    assert place_late_nights([minutes(50, onset=40)], 1) == []
