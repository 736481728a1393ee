"""From readings to episodes: everything that the detector finds equals what slow twins find."""

from __future__ import annotations

import math
from collections import Counter
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detect import DayResults, EpisodeChange, ReadingBatch
from detect.quality import REASONS, QualityReason
from tests.numeric.minute_histories import FIRST_MS, ZONES, a_detector, a_history
from tests.numeric.naive_days import NaiveDay, NaiveLife, Turned
from tests.numeric.naive_minutes import ClosedDay, NaiveMinutes, Sent
from tests.numeric.test_days_against_twin import assert_same_day
from tidewell.local_time import DAY_MS, zone_table
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES, Family

DAYS = 46
AROUSED = FEATURE_NAMES.index("aroused_minutes")
ROUNDED = 5e-3
"""A feature that differs in its last bit may be remembered in sixteen bits one step apart."""
OFF_BODY = {QualityReason.NOT_WORN_FLAG, QualityReason.NO_HEART_RATE}


def sent_by(person: int, batch: ReadingBatch) -> list[Sent]:
    theirs = batch.take(np.flatnonzero(batch.person_id == person))
    return [
        Sent(
            int(theirs.time_ms[place]),
            int(theirs.received_ms[place]),
            int(theirs.period_s[place]),
            {
                name: value
                for name, value in zip(CHANNEL_NAMES, theirs.values[place].tolist(), strict=True)
                if not math.isnan(value)
            },
        )
        for place in range(len(theirs))
    ]


def days_of(person: int, days: DayResults) -> DayResults:
    theirs = days.person_id == person
    return DayResults(*(getattr(days, name)[theirs] for name in DayResults.__slots__))


def changes_by_day(person: int, changes: tuple[EpisodeChange, ...]) -> list[EpisodeChange]:
    """Return the changes that days brought; those of minutes have no score."""
    return [
        one
        for one in changes
        if one.person_id == person and one.family is not Family.DEVICE and one.score != 0
    ]


def as_known(fast: DayResults, place: int, closed: ClosedDay) -> dict[str, float]:
    """Return the features of the twin, with the minutes of arousal that the detector counted.

    Those rest on single minutes and on the rhythm of days before; their twin is elsewhere.
    """
    known = dict(closed.features)
    if "aroused_minutes" in known:
        known["aroused_minutes"] = float(fast.features[place, AROUSED])
    return known


def start_of(person: int) -> NaiveLife:
    life, first_day = NaiveLife(), FIRST_MS // DAY_MS
    if person == 11:
        life.note("someone_else", first_day + 20, first_day + 21)
    if person == 4:
        life.note("ill", first_day + 15, first_day + 17)
    return life


def close_one(
    life: NaiveLife, closed: ClosedDay, features: dict[str, float]
) -> tuple[NaiveDay, list[Turned]]:
    if closed.again:
        return life.close_again(features, closed.worn_minutes), []
    return life.close(closed.day, features, closed.worn_minutes, passed=closed.passed)


def left_out(life: NaiveLife, day: int) -> bool:
    return any(kind == "someone_else" and a <= day <= b for kind, a, b in life.notes)


@pytest.mark.parametrize(("seed", "period_s"), [(1, 900), (2, 900), (3, 900), (4, 300)])
def test_readings_become_the_days_and_episodes_of_the_twins(seed: int, period_s: int) -> None:
    batch = a_history(seed, DAYS, dict.fromkeys(ZONES, period_s))
    found = a_detector().update(batch)
    for reason, count in zip(REASONS, found.dropped, strict=True):
        assert reason in OFF_BODY or count == 0, reason
    seen: Counter[str] = Counter()
    for person, zone in ZONES.items():
        slow, life = NaiveMinutes(ZoneInfo(zone)), start_of(person)
        for sent in sent_by(person, batch):
            slow.hear(sent)
        seen["late"] += slow.late
        seen["too late"] += slow.too_late
        fast = days_of(person, found.days)
        assert fast.day.tolist() == [one.day for one in slow.closed]
        turned: list[Turned] = []
        for place, closed in enumerate(slow.closed):
            assert int(fast.worn_minutes[place]) == closed.worn_minutes
            features = as_known(fast, place, closed)
            day, turns = close_one(life, closed, features)
            wanted = {} if left_out(life, closed.day) else life.lived
            row = [wanted.get(name, math.nan) for name in FEATURE_NAMES]
            about = f"person {person}, day {closed.day}"
            np.testing.assert_allclose(
                fast.features[place], row, rtol=1e-4, atol=1e-4, err_msg=about
            )
            assert_same_day(fast, place, day, within=ROUNDED)
            turned += turns
            seen.update(["again" if closed.again else "days"] + ["passed"] * closed.passed)
            seen["scored"] += day.score is not None
        assert_same_turns(person, found.changes, turned)
        seen.update(one.kind for one in turned)
    assert found.late_readings == seen["late"] > 100
    assert found.too_late_readings == seen["too late"] > 0
    assert seen["days"] > 100
    assert seen["again"] >= 5
    assert seen["passed"] >= 1
    assert seen["scored"] > 60
    assert min(seen[kind] for kind in ("opened", "continued", "closed")) > 0


def assert_same_turns(
    person: int, changes: tuple[EpisodeChange, ...], turned: list[Turned]
) -> None:
    fast = changes_by_day(person, changes)
    assert [(one.family.value, one.kind.value, one.level.rank) for one in fast] == [
        (one.family, one.kind, one.level) for one in turned
    ]
    zone = zone_table(ZONES[person])
    assert [(one.opened_at_ms, one.at_ms) for one in fast] == [
        tuple(zone.utc_ms((day + 1) * DAY_MS) for day in (one.opened_day, one.day))
        for one in turned
    ]
    np.testing.assert_allclose(
        [one.score for one in fast], [one.score for one in turned], atol=1e-3
    )
