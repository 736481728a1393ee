"""What is usual at each time of day: how it is learned, borrowed and asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detect.baseline import is_weekend
from detect.rhythm import (
    CHARGING_FROM,
    DayBins,
    eda_residual_z,
    heart_residual_z,
    heart_usual_band,
    learn_day,
    phase_jump_h,
    usually_charging,
)
from tests.numeric.minute_streams import HOUR_MS, Memory, learned

ONE = np.array([0])
WEEKDAY = np.array([False])
NINE_MS = np.array([9 * HOUR_MS])


def a_day(heart: float = 70, *, people: int = 1) -> DayBins:
    """Return a day at rest, worn throughout."""
    full = np.ones((people, 96), np.float32)
    return DayBins(
        heart_mean=full * np.float32(heart),
        steps=full * 0,
        resting=np.ones((people, 96), np.bool_),
        worn_share=full,
        reported_share=np.ones((people, 24), np.float32),
        heart_share=full * np.float32(0.9),
        eda_hourly=np.full((people, 24), 2, np.float32),
        excluded=np.zeros(people, np.bool_),
    )


def taught(days: int, bins: DayBins) -> Memory:
    memory = Memory(1)
    for _ in range(days):
        learn_day(memory, ONE, WEEKDAY, bins)
    return memory


def z_of(memory: Memory, heart: float, local_ms: int = 9 * HOUR_MS, steps: float = 0) -> float:
    return float(
        heart_residual_z(
            memory, ONE, np.array([local_ms]), WEEKDAY, np.array([heart]), np.array([steps])
        )[0]
    )


def test_nothing_is_usual_before_five_days() -> None:
    assert np.isnan(z_of(taught(4, a_day()), 80))
    assert z_of(taught(5, a_day()), 80) > 1


def test_the_first_value_is_taken_and_one_odd_day_moves_at_most_one_step() -> None:
    memory = taught(30, a_day(70))
    assert memory.heart_centre[0, 0].tolist() == [70] * 48
    scale = float(memory.heart_scale[0, 0, 0])
    learn_day(memory, ONE, WEEKDAY, a_day(170))
    moved = memory.heart_centre[0, 0].astype(float) - 70
    assert (moved > 0).all()
    assert (moved <= 0.15 * scale + 0.07).all()


def test_a_lasting_change_is_learned() -> None:
    memory = taught(30, a_day(70))
    for _ in range(30):
        learn_day(memory, ONE, WEEKDAY, a_day(80))
    assert abs(float(memory.heart_centre[0, 0, 18]) - 80) < 1


def test_equal_days_never_bring_the_spread_below_its_floor() -> None:
    assert float(taught(200, a_day()).heart_scale[0, 0].min()) == 3.0
    assert float(taught(200, a_day()).eda_scale[0, 0].min()) == pytest.approx(0.05, abs=1e-4)


def test_the_spread_finds_the_spread_of_the_days() -> None:
    rng = np.random.default_rng(3)
    memory = Memory(1)
    for _ in range(400):
        bins = replace(a_day(), heart_mean=rng.normal(70, 10, (1, 96)).astype(np.float32))
        learn_day(memory, ONE, WEEKDAY, bins)
    # The mean of two quarters of an hour spreads by 10 / sqrt(2).
    assert float(np.median(memory.heart_scale[0, 0].astype(float))) == pytest.approx(7.1, rel=0.2)


@pytest.mark.parametrize("field", ["excluded", "worn_share", "resting", "heart_mean"])
def test_what_does_not_count_teaches_nothing_about_heart_rate(field: str) -> None:
    nothing = {
        "excluded": np.array([True]),
        "worn_share": np.full((1, 96), 0.4, np.float32),
        "resting": np.zeros((1, 96), np.bool_),
        "heart_mean": np.full((1, 96), np.nan, np.float32),
    }[field]
    memory = taught(8, replace(a_day(), **{field: nothing}))
    assert np.isnan(memory.heart_centre).all()
    assert memory.heart_days[0] == 0
    assert np.isnan(memory.heart_usual[0]) == (field in ("excluded", "worn_share"))


def test_an_unseen_half_hour_borrows_from_the_other_day_type_then_from_its_neighbours() -> None:
    memory = learned()
    memory.heart_centre[:] = np.nan
    memory.heart_centre[0, 1, 18] = 90
    memory.heart_centre[0, 0, 30] = 60
    hours = np.array([9.0, 15.5, 14.0, 12.0])
    centre, _ = heart_usual_band(
        memory,
        np.zeros(4, np.int64),
        (hours * HOUR_MS).astype(np.int64),
        np.zeros(4, np.bool_),
    )
    np.testing.assert_array_equal(centre, [90, 60, 60, np.nan])


def test_a_walk_is_set_against_the_rest_of_a_neighbouring_half_hour() -> None:
    bins = a_day(70)
    steps, heart, resting = bins.steps.copy(), bins.heart_mean.copy(), bins.resting.copy()
    steps[0, 40:46], heart[0, 40:46], resting[0, 40:46] = 600, 90, False
    walk = replace(bins, steps=steps, heart_mean=heart, resting=resting)
    memory = learned()
    memory.heart_centre[0, 0, 20:23] = np.nan
    memory.heart_centre[0, 1, 20:23] = [60, 60, np.nan]
    alone = learned()
    alone.heart_centre[0, 0, 20:23] = 60  # the last borrows from the weekend half an hour before
    learn_day(memory, ONE, WEEKDAY, walk)
    learn_day(alone, ONE, WEEKDAY, walk)
    assert memory.activity[0, 0] == alone.activity[0, 0] > 3


def test_neighbours_reach_across_midnight() -> None:
    memory = learned()
    memory.heart_centre[:] = np.nan
    memory.heart_centre[0, 0, 47] = 55
    assert heart_usual_band(memory, ONE, np.array([0]), WEEKDAY)[0][0] == 55


def test_weekdays_and_weekends_are_told_apart() -> None:
    memory = taught(6, a_day(70))
    for _ in range(6):
        learn_day(memory, ONE, ~WEEKDAY, a_day(60))
    assert z_of(memory, 70) == 0
    assert float(heart_residual_z(memory, ONE, NINE_MS, ~WEEKDAY, np.array([60.0]))[0]) == 0
    assert is_weekend(np.arange(7)).tolist() == [False, False, True, True, False, False, False]


def test_heart_rate_when_walking_is_learned_from_the_walks() -> None:
    bins = a_day(70)
    steps, heart = bins.steps.copy(), bins.heart_mean.copy()
    resting = bins.resting.copy()
    steps[0, 40:50], heart[0, 40:50], resting[0, 40:50] = 600, 70 + 5 * np.log1p(600), False
    memory = taught(30, replace(bins, steps=steps, heart_mean=heart, resting=resting))
    assert float(memory.activity[0, 0]) == pytest.approx(5, abs=0.3)
    assert abs(z_of(memory, 70 + 5 * float(np.log1p(300)), 20 * HOUR_MS, steps=300)) < 0.7
    assert z_of(memory, 70 + 5 * float(np.log1p(300)), 20 * HOUR_MS) > 5


def test_skin_conductance_is_learned_by_the_hour() -> None:
    memory = taught(6, a_day())
    z = eda_residual_z(memory, ONE, NINE_MS, WEEKDAY, np.array([4.0]))
    assert z[0] > 2
    assert np.isnan(eda_residual_z(Memory(1), ONE, NINE_MS, WEEKDAY, np.array([4.0]))[0])


def test_an_hour_is_for_charging_after_three_such_days_and_no_longer_after_four_others() -> None:
    bins = a_day()
    worn = bins.worn_share.copy()
    worn[0, 4 * 21 : 4 * 22] = 0
    charging = replace(bins, worn_share=worn)
    at_nine_pm = np.array([21 * HOUR_MS + 1])
    assert not usually_charging(taught(2, charging), ONE, at_nine_pm)[0]
    memory = taught(3, charging)
    assert usually_charging(memory, ONE, at_nine_pm)[0]
    assert np.flatnonzero(memory.charging[0] >= CHARGING_FROM).tolist() == [21]
    for _ in range(4):
        learn_day(memory, ONE, WEEKDAY, bins)
    assert not usually_charging(memory, ONE, at_nine_pm)[0]


def test_a_silent_hour_is_not_charging() -> None:
    nothing = np.zeros((1, 96), np.float32)
    memory = taught(9, replace(a_day(), worn_share=nothing, reported_share=nothing[:, :24]))
    assert memory.charging.max() == 0


def test_the_share_with_heart_rate_counts_worn_time_only() -> None:
    memory = taught(5, a_day())
    assert float(memory.heart_usual[0]) == pytest.approx(0.9, abs=0.01)
    table = replace(a_day(), worn_share=np.zeros((1, 96), np.float32), heart_share=a_day().steps)
    learn_day(memory, ONE, WEEKDAY, table)
    assert float(memory.heart_usual[0]) == pytest.approx(0.9, abs=0.01)


def test_people_learn_side_by_side_as_they_would_alone() -> None:
    rng = np.random.default_rng(5)
    together, alone = Memory(3), [Memory(1) for _ in range(3)]
    for day in range(12):
        heart = rng.normal(70, 9, (3, 96)).astype(np.float32)
        heart[rng.random(heart.shape) < 0.2] = np.nan
        bins = replace(a_day(people=3), heart_mean=heart, excluded=rng.random(3) < 0.2)
        weekend = np.full(3, day % 7 > 4)
        learn_day(together, np.array([2, 0, 1]), weekend, bins)
        for place, row in enumerate((2, 0, 1)):
            own = {name: getattr(bins, name)[place : place + 1] for name in DayBins.__slots__}
            learn_day(alone[row], ONE, weekend[:1], DayBins(**own))
    for row in range(3):
        for name in ("heart_centre", "heart_scale", "activity", "heart_days", "charging"):
            np.testing.assert_array_equal(
                getattr(together, name)[row], getattr(alone[row], name)[0], err_msg=name
            )


def test_a_phase_moves_the_short_way_round() -> None:
    before, after = np.array([23.0, 1.0, 15.0, np.nan]), np.array([2.0, 22.0, 15.0, 3.0])
    np.testing.assert_array_equal(phase_jump_h(before, after), [3, -3, 0, np.nan])
