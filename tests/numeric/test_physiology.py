"""Virtual young people against what is known of real ones, and against themselves."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from firmware_sim.blocks import DAY_MS, MINUTE_MS
from firmware_sim.people import PersonTraits, build_virtual_people
from firmware_sim.physiology import generate
from firmware_sim.scenarios import SENTENCES, Scenario, ScenarioName, intensity, usual_scenario
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 11
DAYS = 56
START_MS = 1_767_571_200_000
"""Monday 2026-01-05, 00:00 in London: winter time, no change of clocks within eight weeks."""
TIME_MS = START_MS + np.arange(DAYS * 1_440, dtype=np.int64) * MINUTE_MS
PEOPLE = build_virtual_people(8, SEED)
MINUTE_OF_DAY = np.tile(np.arange(1_440), DAYS)
DAY = np.repeat(np.arange(DAYS), 1_440)


def live(
    person: PersonTraits, *scenarios: Scenario, time_ms: NDArray[np.int64] = TIME_MS
) -> NDArray[np.float32]:
    return generate(person, time_ms, "Europe/London", scenarios, SEED)


@cache
def told(number: int, name: ScenarioName) -> NDArray[np.float32]:
    """Return a person's eight weeks with a scenario of its usual length from day 20 on."""
    return live(PEOPLE[number], usual_scenario(name, START_MS + 20 * DAY_MS))


def channel(values: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    return values[:, CHANNEL_INDEX[name]]


@pytest.fixture(scope="module")
def usual() -> list[NDArray[np.float32]]:
    return [live(person) for person in PEOPLE]


def nightly(values: NDArray[np.float32], name: str) -> NDArray[np.float64]:
    """Return the mean of each night's sleep between one and five, NaN where there is none."""
    asleep = (channel(values, "sleep_state") > 0) & (MINUTE_OF_DAY >= 60) & (MINUTE_OF_DAY < 300)
    there = asleep & ~np.isnan(channel(values, name))
    count = np.bincount(DAY[there], minlength=DAYS)
    total = np.bincount(DAY[there], weights=channel(values, name)[there], minlength=DAYS)
    return np.where(count > 30, total / np.maximum(count, 1), np.nan)


def daily_steps(values: NDArray[np.float32]) -> NDArray[np.float64]:
    steps = np.nan_to_num(channel(values, "steps")).astype(np.float64)
    return np.asarray(np.bincount(DAY, weights=steps, minlength=DAYS), dtype=np.float64)


def test_every_value_is_within_what_a_device_can_report(usual: list[NDArray[np.float32]]) -> None:
    for values in usual:
        assert not np.isinf(values).any()
        for one in CHANNELS:
            column = channel(values, one.name)
            assert np.nanmin(column) >= one.low
            assert np.nanmax(column) <= one.high
            steps = column / one.resolution
            assert np.nanmax(np.abs(steps - np.round(steps))) < 1e-2


def test_night_heart_rates_are_those_of_young_people(usual: list[NDArray[np.float32]]) -> None:
    for person, values in zip(PEOPLE, usual, strict=True):
        nights = nightly(values, "heart_rate")
        assert 11 <= person.age_years <= 17
        assert 55 <= np.nanmean(nights) <= 82
        assert np.nanmean(nights) == pytest.approx(person.resting_heart_rate_bpm, abs=2.5)


def test_nights_and_days_differ_as_much_as_real_ones_do(usual: list[NDArray[np.float32]]) -> None:
    spreads = [np.nanstd(nightly(values, "heart_rate")) for values in usual]
    assert 1.4 <= np.mean(spreads) <= 2.1
    step_spreads = [np.std(np.log(daily_steps(values))) for values in usual]
    assert 0.27 <= np.mean(step_spreads) <= 0.43
    assert all(4_000 <= np.median(daily_steps(values)) <= 18_000 for values in usual)


def test_the_heart_is_slowest_at_night_and_the_skin_warmest(
    usual: list[NDArray[np.float32]],
) -> None:
    for values in usual:
        hours = MINUTE_OF_DAY // 60
        heart = [np.nanmean(channel(values, "heart_rate")[hours == hour]) for hour in range(24)]
        skin = [np.nanmean(channel(values, "skin_temperature")[hours == h]) for h in range(24)]
        assert int(np.argmin(heart)) in {0, 1, 2, 3, 4, 5, 6}
        assert min(heart[9:20]) > heart[4] + 10
        assert np.mean(skin[2:5]) > np.mean(skin[10:17]) + 1


def test_young_people_sleep_longer_at_the_weekend(usual: list[NDArray[np.float32]]) -> None:
    for values in usual:
        asleep = channel(values, "sleep_state") > 0
        hours = np.bincount(DAY, weights=asleep, minlength=DAYS) / 60
        assert 7 <= np.mean(hours) <= 10.8
        morning = asleep & (MINUTE_OF_DAY >= 420) & (MINUTE_OF_DAY < 540)
        late = np.bincount(DAY, weights=morning, minlength=DAYS)
        assert np.mean(late[np.arange(DAYS) % 7 >= 5]) > np.mean(late[np.arange(DAYS) % 7 < 5]) + 20


def test_sleep_has_the_shares_of_light_deep_and_rem(usual: list[NDArray[np.float32]]) -> None:
    for values in usual:
        states = channel(values, "sleep_state")
        light, deep, rem = (np.mean(states[states > 0] == state) for state in (1, 2, 3))
        assert 0.45 <= light <= 0.65
        assert 0.12 <= deep <= 0.25
        assert 0.18 <= rem <= 0.32


def test_the_heart_rises_with_walking_and_calms_down_within_minutes(
    usual: list[NDArray[np.float32]],
) -> None:
    rises, lingers = [], []
    for values in usual:
        steps, heart = channel(values, "steps"), channel(values, "heart_rate")
        walking = np.convolve(np.nan_to_num(steps) > 80, np.ones(10), "valid") == 10
        still = np.convolve(np.nan_to_num(steps), np.ones(10), "valid") < 15
        for end in np.flatnonzero(walking[:-20] & still[10:-10]) + 10:
            rises.append(heart[end - 1] - heart[end + 9])
            lingers.append(heart[end + 1] - heart[end + 9])
    assert len(rises) > 50
    assert np.nanmean(rises) > 15
    assert 3 < np.nanmean(lingers) < np.nanmean(rises)


def test_nothing_of_the_body_is_reported_while_the_device_lies_about(
    usual: list[NDArray[np.float32]],
) -> None:
    for values in usual:
        off = channel(values, "worn") == 0
        assert 0 < off.mean() < 0.08
        for name in ("heart_rate", "spo2", "eda", "steps", "sleep_state", "hrv_rmssd"):
            assert np.isnan(channel(values, name)[off]).all()


def test_one_person_is_not_another(usual: list[NDArray[np.float32]]) -> None:
    assert len({float(np.nanmean(channel(values, "heart_rate"))) for values in usual}) == 8


def test_more_people_change_nobody() -> None:
    assert build_virtual_people(20, SEED)[:8] == PEOPLE
    assert build_virtual_people(1, SEED + 1) != PEOPLE[:1]


def test_another_seed_is_another_life_of_the_same_person() -> None:
    one = generate(PEOPLE[0], TIME_MS[:1_440], "UTC", (), 1)
    two = generate(PEOPLE[0], TIME_MS[:1_440], "UTC", (), 2)
    assert not np.array_equal(one, two, equal_nan=True)


def test_every_scenario_has_a_sentence() -> None:
    assert set(SENTENCES) == set(ScenarioName)


@pytest.mark.parametrize("name", ScenarioName)
def test_a_scenario_changes_nothing_before_it_starts(
    name: ScenarioName, usual: list[NDArray[np.float32]]
) -> None:
    before = TIME_MS < START_MS + 19 * DAY_MS
    assert np.array_equal(told(0, name)[before], usual[0][before], equal_nan=True)


def difference(name: ScenarioName, quantity: str, days: slice) -> float:
    """Return the mean change of a nightly quantity at the height of a scenario, over all people."""
    changes = []
    for person in PEOPLE:
        told = live(person, usual_scenario(name, START_MS + 20 * DAY_MS))
        changes.append(
            np.nanmean((nightly(told, quantity) - nightly(live(person), quantity))[days])
        )
    return float(np.mean(changes))


def test_illness_raises_night_heart_rate_and_warmth_and_halves_the_steps() -> None:
    height = slice(23, 26)
    assert 6 <= difference(ScenarioName.ILLNESS, "heart_rate", height) <= 10
    assert 0.5 <= difference(ScenarioName.ILLNESS, "skin_temperature", height) <= 0.9
    assert difference(ScenarioName.ILLNESS, "hrv_rmssd", height) < -8
    ratios = []
    for number in range(len(PEOPLE)):
        ill, well = told(number, ScenarioName.ILLNESS), told(number, ScenarioName.NONE)
        ratios.append(daily_steps(ill)[22:26].sum() / daily_steps(well)[22:26].sum())
    assert 0.35 <= np.mean(ratios) <= 0.65


def test_illness_is_over_after_its_end(usual: list[NDArray[np.float32]]) -> None:
    ill = told(0, ScenarioName.ILLNESS)
    after = TIME_MS > START_MS + 29 * DAY_MS
    assert np.array_equal(ill[after], usual[0][after], equal_nan=True)


def test_withdrawal_shows_in_steps_and_hardly_in_the_night_heart() -> None:
    assert abs(difference(ScenarioName.WITHDRAWAL, "heart_rate", slice(25, 33))) < 1.2
    withdrawn, usual_days = told(1, ScenarioName.WITHDRAWAL), told(1, ScenarioName.NONE)
    assert daily_steps(withdrawn)[25:33].mean() < 0.55 * daily_steps(usual_days)[25:33].mean()


def test_broken_sleep_is_short_and_full_of_waking() -> None:
    for number in range(3):
        hours = [
            np.bincount(DAY, weights=channel(values, "sleep_state") > 0, minlength=DAYS)[22:26]
            for values in (told(number, ScenarioName.BROKEN_SLEEP), told(number, ScenarioName.NONE))
        ]
        assert hours[0].mean() < hours[1].mean() - 75


def test_on_a_holiday_the_person_lives_by_the_other_clock() -> None:
    asleep = channel(told(0, ScenarioName.HOLIDAY), "sleep_state") > 0
    away = (DAY >= 22) & (DAY < 29)
    assert asleep[away & (MINUTE_OF_DAY == 18 * 60)].mean() > 0.8
    assert asleep[away & (MINUTE_OF_DAY == 4 * 60)].mean() < 0.2


@pytest.mark.parametrize("name", [ScenarioName.DEVICE_OFF, ScenarioName.PAUSE])
def test_off_and_paused_send_nothing_at_all(name: ScenarioName) -> None:
    scenario = usual_scenario(name, START_MS + 20 * DAY_MS, 2.0)
    silent = live(PEOPLE[0], scenario)
    within = (scenario.start_ms <= TIME_MS) & (scenario.end_ms > TIME_MS)
    assert np.isnan(silent[within]).all()
    assert not np.isnan(silent[~within]).all(axis=1).any()


def test_a_dying_battery_loses_costly_channels_then_minutes_then_everything() -> None:
    dying = told(0, ScenarioName.BATTERY_DYING)
    running = np.asarray(~np.isnan(dying).all(axis=1))
    hours = running[DAY >= 20].reshape(-1, 60).mean(axis=1)
    assert (hours[:20] == 1).all()
    assert 0.05 < hours[30:36].mean() < 0.9
    assert (hours[36:72] == 0).all()
    assert np.isnan(channel(dying, "spo2")[(DAY == 20) & (MINUTE_OF_DAY > 900)]).all()


def test_somebody_else_has_another_heart() -> None:
    change = difference(ScenarioName.OTHER_WEARER, "heart_rate", slice(21, 23))
    assert -14 < change < -8


def test_intensity_rises_holds_and_falls() -> None:
    ill = usual_scenario(ScenarioName.ILLNESS, 0)
    days = np.array([-0.1, 0, 1, 2, 5.9, 6.75, 7.6])
    heights = intensity(ill, (days * DAY_MS).astype(np.int64))
    assert heights.tolist() == pytest.approx([0, 0, 0.5, 1, 1, 0.5, 0], abs=1e-3)
