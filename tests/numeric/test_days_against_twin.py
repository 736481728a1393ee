"""Days, scores and episodes of many people equal those of a slow twin, one date at a time."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from detect import DayResults, Detector, EpisodeChange
from detect.findings import FAMILIES, LEVELS, NO_FAMILY
from detect.words import NoteKind
from tests.numeric.histories import FIRST_DAY, Life, a_life, as_row
from tests.numeric.naive_days import NaiveDay, NaiveLife, Turned
from tidewell.local_time import DAY_MS, zone_table
from tidewell.vocabulary import FEATURE_NAMES, Family

PEOPLE = 10
DAYS = 240
TAKEN_BACK_AFTER = 4
"""Days after which every third note is taken back."""
BASIC = ("night_heart_rate", "steps")
ALL_FAMILIES = ("illness", "sleep", "withdrawal", "acute_load", "drift")
CASES = [
    pytest.param(1, FEATURE_NAMES, ALL_FAMILIES, id="all measures"),
    pytest.param(2, FEATURE_NAMES, ALL_FAMILIES, id="all measures, other people"),
    pytest.param(3, BASIC, ("illness", "withdrawal", "drift"), id="heart rate and steps"),
]


def flat_change(change: EpisodeChange) -> tuple[object, ...]:
    opened_day = change.opened_at_ms // DAY_MS - 1
    day = change.at_ms // DAY_MS - 1
    level = LEVELS.index(change.level)
    return day, change.family.value, change.kind.value, level, opened_day


def flat_turn(turn: Turned) -> tuple[object, ...]:
    return turn.day, turn.family, turn.kind, turn.level, turn.opened_day


def assert_same_day(fast: DayResults, place: int, slow: NaiveDay, within: float = 1e-3) -> None:
    """Every number within a thousandth; what was decided, exactly."""
    assert int(fast.day[place]) == slow.day
    about = f"day {slow.day - FIRST_DAY}"
    scores = [slow.scores.get(family.value, math.nan) for family in FAMILIES]
    np.testing.assert_allclose(fast.family_scores[place], scores, atol=within, err_msg=about)
    score = math.nan if slow.score is None else slow.score
    np.testing.assert_allclose(fast.score[place], score, atol=within, err_msg=about)
    family = int(fast.family[place])
    assert (None if family == NO_FAMILY else FAMILIES[family].value) == slow.family, about
    assert int(fast.level[place]) == slow.level, about
    none = (math.nan, math.nan, math.nan)
    usual = [slow.usual.get(name, none) for name in FEATURE_NAMES]
    np.testing.assert_allclose(fast.usual[place], usual, rtol=within, atol=within, err_msg=about)


def assert_same_changes(fast: list[EpisodeChange], slow: list[Turned], about: str) -> None:
    assert [flat_change(one) for one in fast] == [flat_turn(one) for one in slow], about
    np.testing.assert_allclose(
        [one.score for one in fast], [one.score for one in slow], atol=1e-3, err_msg=about
    )


def say(detector: Detector, twin: NaiveLife, person: int, life: Life, day: int) -> None:
    if day in life.notes:
        kind, first, last = life.notes[day]
        detector.note(person, NoteKind(kind), first, last)
        twin.note(kind, first, last)
    if day - TAKEN_BACK_AFTER in life.notes and day % 3 == 0:
        kind, first, last = life.notes[day - TAKEN_BACK_AFTER]
        detector.unnote(person, NoteKind(kind), first, last)
        twin.unnote(kind, first, last)
    if day in life.outcomes:
        family, was_useful = life.outcomes[day]
        detector.hear_outcome(person, Family(family), was_useful=was_useful)
        twin.hear(family, was_useful)
    if day in life.devices:
        detector.change_device_model(person)
        twin.change_device()


def turn_about_midnight(life: Life) -> None:
    """Let a person be most awake at night: their hours lie on both sides of midnight."""
    for features in life.features.values():
        if "circadian_phase_h" in features:
            turned = (features["circadian_phase_h"] + 9) % 24
            features["circadian_phase_h"] = float(np.float32(turned))


def live_through(lives: dict[int, Life], days: int) -> Counter[str]:
    """Let both live through the same days and compare; return what was compared, by its name."""
    detector = Detector(silence_after_s=4 * 3_600)
    twins = {person: NaiveLife() for person in lives}
    for person in lives:
        detector.add_person(person, zone_table("UTC"))
    seen: Counter[str] = Counter()
    for day in range(FIRST_DAY, FIRST_DAY + days):
        for person, life in lives.items():
            say(detector, twins[person], person, life, day)
        there = [person for person, life in lives.items() if day in life.features]
        rows = [as_row(lives[person].features[day]) for person in there]
        found = detector.score_days(
            np.array(there, np.int64),
            np.full(len(there), day),
            np.array(rows, np.float32).reshape(len(there), len(FEATURE_NAMES)),
        )
        for place, person in enumerate(there):
            slow, turned = twins[person].close(day, lives[person].features[day], -1)
            assert_same_day(found.days, place, slow)
            changes = [one for one in found.changes if one.person_id == person]
            assert_same_changes(changes, turned, f"person {person}, day {day - FIRST_DAY}")
            seen.update(["days"] + ["scored"] * (slow.score is not None))
            seen.update(f"{one.family} {one.kind}" for one in turned)
            seen["held"] += twins[person].frozen is not None
            seen["learned again"] += twins[person].learned_again
    return seen


@pytest.mark.parametrize(("seed", "names", "families"), CASES)
def test_days_equal_those_of_the_naive_twin(
    seed: int, names: tuple[str, ...], families: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(seed)
    lives = {person: a_life(rng, DAYS, names) for person in range(1, PEOPLE + 1)}
    for person in range(1, PEOPLE + 1, 2):
        turn_about_midnight(lives[person])
    seen = live_through(lives, DAYS)
    assert seen["days"] > 1_900
    assert 1_400 < seen["scored"] < seen["days"]
    assert seen["held"] > 300
    assert seen["learned again"] > 30
    for family in families:
        rare = family == "drift"
        assert seen[f"{family} opened"] >= (2 if rare else 5), family
        assert seen[f"{family} continued"] >= (10 if rare else 30), family
        assert seen[f"{family} closed"] >= (0 if rare else 3), family
    assert sum(seen[f"{family} worsened"] for family in families) >= 5
    told = sum(len(life.notes) + len(life.outcomes) for life in lives.values())
    assert told > 100
    assert any(life.devices for life in lives.values())
