"""One battery for every family: how many invented changes are found, and how few quiet people are.

The people are invented (`invented_days`), so the shares say whether the code still finds what it
found, not how well it would find it in real lives: for that there is `docs/evaluation.md`. Each
bound lies below what was measured, and the same people without the change are always beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pytest

from detect.findings import FAMILIES
from tests.numeric.invented_days import (
    BASIC,
    BODY,
    SILENCE_MS,
    Found,
    People,
    detector_of,
    invented_people,
    judged,
    of_the_body,
    together,
    worn_minutes,
)
from tidewell.vocabulary import FEATURE_NAMES, Family, Level

PEOPLE: Final = 80
BEGINS: Final = 60
DAYS: Final = 78
WITHIN: Final = 12
"""Days from the first one of a change in which it has to be found."""
WEARERS: Final = 12
DRIFT_BEGINS: Final = 120
DRIFT_LASTS: Final = 42
QUIET_FROM: Final = 30
MONTH: Final = 30.44
ILLNESS: Final = FAMILIES.index(Family.ILLNESS)


@dataclass(frozen=True, slots=True)
class Case:
    """A change laid over people, the least share that is found, and the most without it."""

    family: Family
    least: float
    chance_most: float
    people: People
    quiet: str = "quiet"


def _cases() -> dict[str, Case]:
    quiet = invented_people(1, PEOPLE, DAYS)
    basic = quiet.only(BASIC)
    fever = {**of_the_body(2.5, 7), "steps": np.full(7, -1.5)}
    active = {"night_heart_rate": np.full(7, 4.0), "steps": np.full(7, 2.0)}
    away = {
        "steps": np.log(0.4),
        "longest_still_minutes": np.log(1.8),
        "first_activity_h": 1.5,
    }
    late = {"sleep_onset_h": 3, "circadian_phase_h": 2}
    broken = late | {"sleep_regularity": -15, "sleep_minutes": -60}
    tense = {"aroused_minutes": np.log(6), "eda_level": np.log(1.6)}
    fewer_steps = {"steps": np.log(0.4)}
    few = (*BASIC, "night_skin_temperature")
    return {
        "fever": Case(Family.ILLNESS, 0.8, 0.12, quiet.shifted(fever, BEGINS)),
        "body alone": Case(Family.ILLNESS, 0.7, 0.12, quiet.shifted(of_the_body(2.5, 7), BEGINS)),
        "fever, few channels": Case(
            Family.ILLNESS, 0.6, 0.15, quiet.only(few).shifted(fever, BEGINS), "few"
        ),
        "fever of somebody who walks more": Case(
            Family.ILLNESS, 0.4, 0.15, basic.shifted(active, BEGINS), "basic"
        ),
        "withdrawal": Case(Family.WITHDRAWAL, 0.7, 0.2, quiet.moved(away, BEGINS, 7)),
        "fewer steps, two channels": Case(
            Family.WITHDRAWAL, 0.6, 0.25, basic.moved(fewer_steps, BEGINS, 7), "basic"
        ),
        "fewer steps among all": Case(
            Family.WITHDRAWAL, 0.25, 0.2, quiet.moved(fewer_steps, BEGINS, 7)
        ),
        "three hours later": Case(Family.SLEEP, 0.5, 0.2, quiet.moved(late, BEGINS, 5)),
        "later and broken": Case(Family.SLEEP, 0.75, 0.2, quiet.moved(broken, BEGINS, 5)),
        "tense, four days": Case(Family.ACUTE_LOAD, 0.25, 0.1, quiet.moved(tense, BEGINS, 4)),
        "tense, a week": Case(Family.ACUTE_LOAD, 0.5, 0.1, quiet.moved(tense, BEGINS, 7)),
    }


@cache
def _battery() -> tuple[dict[str, Case], dict[str, Found]]:
    """Return the cases, and what was said of each; all of them lived in one detector."""
    cases = _cases()
    quiet = invented_people(1, PEOPLE, DAYS)
    few = (*BASIC, "night_skin_temperature")
    groups = {
        "quiet": quiet,
        "basic": quiet.only(BASIC),
        "few": quiet.only(few),
        "mild": quiet.shifted(of_the_body(1.2, 10), BEGINS),
        "clearer": quiet.shifted(of_the_body(1.8, 10), BEGINS),
        "tense minutes alone": quiet.moved({"aroused_minutes": np.log(6)}, BEGINS, 4),
        **{name: case.people for name, case in cases.items()},
    }
    found = judged(together(*groups.values()))
    return cases, {
        name: found.people(slice(place * PEOPLE, (place + 1) * PEOPLE))
        for place, name in enumerate(groups)
    }


@cache
def _drifting() -> dict[str, Found]:
    people = 50
    quiet = invented_people(2, people, DRIFT_BEGINS + DRIFT_LASTS + 5)
    slowly = np.append(np.linspace(0, 2, DRIFT_LASTS + 1)[1:], [2.0] * 5)
    slow_body = {name: slowly * (-1 if name == "night_hrv_rmssd" else 1) for name in BODY}
    basic = quiet.only(BASIC)
    groups = {
        "quiet": quiet,
        "all": quiet.shifted(slow_body, DRIFT_BEGINS),
        "basic": basic.shifted({"night_heart_rate": slowly}, DRIFT_BEGINS),
        "basic, quiet": basic,
    }
    found = judged(together(*groups.values()))
    return {
        name: found.people(slice(place * people, (place + 1) * people))
        for place, name in enumerate(groups)
    }


@pytest.mark.parametrize("name", list(_cases()))
def test_so_many_of_the_changed_people_are_found(name: str) -> None:
    cases, found = _battery()
    case = cases[name]
    share = found[name].share(case.family, BEGINS, WITHIN)
    reached = found[name].reached(case.family, BEGINS, WITHIN)
    chance = found[case.quiet].reached(case.family, BEGINS, WITHIN)
    figures = f"{name}: opened {share:.2f}, reached {reached:.2f}, by chance {chance:.2f}"
    assert max(share, reached) >= case.least, figures
    assert chance <= case.chance_most, figures
    assert max(share, reached) > chance, figures


def test_a_slow_drift_is_found_before_it_has_become_usual() -> None:
    found, days = _drifting(), DRIFT_LASTS + 5
    shares = {
        name: round(one.share(Family.DRIFT, DRIFT_BEGINS, days), 2) for name, one in found.items()
    }
    assert shares["all"] >= 0.6, shares
    assert shares["basic"] >= 0.3, shares
    assert shares["quiet"] <= 0.15, shares
    assert shares["basic, quiet"] <= 0.2, shares


def test_the_battery_covers_every_family_that_days_can_tell_of() -> None:
    covered = {case.family for case in _cases().values()} | {Family.DRIFT}
    assert covered == set(Family) - {Family.DEVICE}  # minutes tell of the device
    assert len(_cases()) == 11


def test_quiet_people_are_left_alone() -> None:
    _, found = _battery()
    months = PEOPLE * (DAYS - QUIET_FROM) / MONTH
    rates = {
        name: found[name].opened[:, QUIET_FROM:].sum(axis=(0, 1)) / months
        for name in ("quiet", "basic", "few")
    }
    undisturbed = 1 - found["quiet"].share(None, BEGINS, WITHIN)
    assert undisturbed >= 0.75, undisturbed
    for name, rate in rates.items():
        assert rate.sum() <= 0.7, f"{name}: {rate.round(3)} episodes per person-month"


def test_a_mild_change_of_many_channels_that_stays_can_reach_review() -> None:
    """No border turns a mild change away; how many reach review grows with the change."""
    _, found = _battery()
    shares = {
        name: round(found[name].share(None, BEGINS, WITHIN), 2)
        for name in ("quiet", "mild", "clearer")
    }
    assert shares["clearer"] >= 0.6, shares
    assert shares["mild"] >= 0.3, shares
    assert shares["quiet"] + 0.1 <= shares["mild"] <= shares["clearer"], shares
    middle = np.nanmedian(np.nanmax(found["mild"].scores[:, BEGINS:, ILLNESS], axis=1))
    assert middle >= 0.7, "most of the mildly changed come near review"


def test_tense_minutes_alone_move_their_score_though_few_reach_review() -> None:
    """Four days of six times as many, with skin conductance as ever: a day counts little there."""
    _, found = _battery()
    place = FAMILIES.index(Family.ACUTE_LOAD)
    middle = {
        name: float(np.nanmedian(np.nanmax(found[name].scores[:, BEGINS:, place], axis=1)))
        for name in ("quiet", "tense minutes alone")
    }
    assert middle["tense minutes alone"] >= middle["quiet"] + 0.15, middle


def test_fewer_steps_alone_are_never_called_illness() -> None:
    _, found = _battery()
    basic = invented_people(1, PEOPLE, DAYS).only(BASIC)
    steady = basic.values.copy()
    heart_rate = FEATURE_NAMES.index("night_heart_rate")
    here = ~np.isnan(steady[:, :, heart_rate])
    steady[here, heart_rate] = 60.0
    nothing_left = People(steady, basic.spread).moved({"steps": np.log(0.05)}, BEGINS, 14)
    one = judged(nothing_left)
    assert not one.opened[:, :, ILLNESS].any()
    assert one.share(Family.WITHDRAWAL, BEGINS, WITHIN) >= 0.8
    for name in ("withdrawal", "fewer steps among all"):
        assert found[name].share(Family.ILLNESS, BEGINS, WITHIN) <= found["quiet"].share(
            Family.ILLNESS, BEGINS, WITHIN
        )


def test_an_injected_change_is_named_by_what_moved() -> None:
    cases, found = _battery()
    for name, case in cases.items():
        mine = found[name].share(case.family, BEGINS, WITHIN)
        others = {
            family.value: round(found[name].share(family, BEGINS, WITHIN), 2)
            for family in set(FAMILIES) - {case.family, Family.DRIFT}
        }
        assert mine >= max(others.values()), f"{name}: {mine:.2f}, {others}"


# The device, through minutes


def device_changes(channels: tuple[str, ...], *, taken_off: bool) -> dict[int, list[int]]:
    """Return, per person, how many minutes after the device came off it is told."""
    detector = detector_of(WEARERS)
    told: dict[int, list[int]] = {}
    batch, off = worn_minutes(11, WEARERS, channels, taken_off=taken_off)
    for one in detector.update(batch).changes:
        if one.family is Family.DEVICE and one.kind == "opened":
            told.setdefault(one.person_id, []).append(one.at_ms // 60_000 - int(off[one.person_id]))
    return told


@pytest.mark.parametrize(
    "channels",
    [
        pytest.param(("heart_rate", "steps", "worn"), id="it says whether it is worn"),
        pytest.param(("heart_rate", "steps", "skin_temperature", "motion"), id="it cools and lies"),
        pytest.param(("heart_rate", "steps", "motion"), id="it lies still"),
        pytest.param(("heart_rate", "steps"), id="it only misses a heart rate"),
    ],
)
def test_a_device_taken_off_is_known_within_a_quarter_of_an_hour(channels: tuple[str, ...]) -> None:
    told = device_changes(channels, taken_off=True)
    assert len(told) == WEARERS, f"{len(told)} of {WEARERS} were found"
    assert all(len(one) == 1 and 0 <= one[0] <= 15 for one in told.values()), told
    assert device_changes(channels, taken_off=False) == {}


def test_every_device_that_falls_silent_is_told_once() -> None:
    detector = detector_of(WEARERS)
    batch, _ = worn_minutes(12, WEARERS, ("heart_rate", "steps"), taken_off=False)
    assert detector.update(batch).changes == ()
    last_ms = int(batch.received_ms.max())
    assert detector.tick(last_ms + SILENCE_MS - 60_000).changes == ()
    changes = detector.tick(last_ms + SILENCE_MS + 60_000).changes
    silences = [one for one in changes if one.family is Family.DEVICE]
    assert sorted(one.person_id for one in silences) == list(range(WEARERS))
    assert {(one.kind.value, one.level) for one in silences} == {("opened", Level.FOR_REVIEW)}
    assert detector.tick(last_ms + 9 * SILENCE_MS).changes == ()


def test_a_device_that_is_taken_off_and_then_falls_silent_asks_for_review() -> None:
    detector = detector_of(WEARERS)
    batch, off = worn_minutes(13, WEARERS, ("heart_rate", "steps", "worn"), taken_off=True)
    soon_after = np.flatnonzero(batch.time_ms // 60_000 <= off[batch.person_id] + 30)
    changes = list(detector.update(batch.take(soon_after)).changes)
    assert {one.level for one in changes} == {Level.USUAL}
    changes += detector.tick(int(batch.received_ms.max()) + 2 * SILENCE_MS).changes
    device = [one for one in changes if one.family is Family.DEVICE]
    asked = {one.person_id for one in device if one.level is Level.FOR_REVIEW}
    assert asked == set(range(WEARERS)), f"{len(asked)} of {WEARERS} asked for review"
