"""The daily rhythm of people whose day turns about midnight, and of those who travel."""

from __future__ import annotations

import numpy as np
import pytest

from detect import DayResults, Detector, EpisodeChange
from tests.unit.test_detect_episodes import FIRST_DAY, USUAL
from tidewell.local_time import zone_table
from tidewell.vocabulary import FEATURE_NAMES

PHASE = FEATURE_NAMES.index("circadian_phase_h")
DAYS = 90


def lived(
    hour: float, *, jumps: dict[int, float] | None = None, short_from: int = DAYS
) -> tuple[list[DayResults], list[EpisodeChange]]:
    """Return days of somebody whose heart is fastest at this hour, moved on some days.

    From the day `short_from` on, four hours of sleep are missing.
    """
    rng = np.random.default_rng(8)
    detector = Detector(4 * 3_600)
    detector.add_person(1, zone_table("UTC"))
    days: list[DayResults] = []
    changes: list[EpisodeChange] = []
    for place in range(DAYS):
        row = np.full((1, len(FEATURE_NAMES)), np.nan, np.float32)
        for name, (middle, spread) in USUAL.items():
            value = middle + spread * rng.normal()
            value -= 240 * (name == "sleep_minutes" and place >= short_from)
            row[0, FEATURE_NAMES.index(name)] = value
        own = hour + 0.5 * rng.normal() + (jumps or {}).get(place, 0.0)
        row[0, PHASE] = own % 24
        found = detector.score_days(np.array([1]), np.array([FIRST_DAY + place]), row)
        days.append(found.days)
        changes += found.changes
    return days, changes


@pytest.mark.parametrize("hour", [0.0, 23.9, 6.0])
def test_a_day_that_turns_about_midnight_is_judged_as_one_that_turns_at_noon(hour: float) -> None:
    later = dict.fromkeys(range(70, 80), 2.5)
    noon, _ = lived(12.0, jumps=later)
    there, _ = lived(hour, jumps=later)
    wanted = np.array([one.family_scores[0] for one in noon])
    got = np.array([one.family_scores[0] for one in there])
    np.testing.assert_allclose(got, wanted, atol=0.1)


def test_what_is_usual_is_said_on_the_day_of_the_hour_it_stands_beside() -> None:
    days, _ = lived(0.0)
    known = [one for one in days if np.isfinite(one.usual[0, PHASE, 0])]
    assert len(known) > 60
    apart = [abs(float(one.usual[0, PHASE, 0] - one.features[0, PHASE])) for one in known]
    assert max(apart) < 4
    sides = {float(one.features[0, PHASE]) < 12 for one in known}
    assert sides == {True, False}, "hours before midnight and after it"


def held_for(jumps: dict[int, float]) -> int:
    """Return for how many days a week of bad sleep that began with a journey is not told."""
    first = min(jumps)
    _, changes = lived(15.0, jumps=jumps, short_from=first)
    opened_day = [
        one.at_ms // 86_400_000 - 1 - FIRST_DAY
        for one in changes
        if one.family.value == "sleep" and one.kind.value == "opened"
    ]
    return min(day for day in opened_day if day >= first) - first


def test_a_journey_holds_sleep_for_three_days_and_further_jumps_for_a_week_at_most() -> None:
    once = dict.fromkeys(range(60, DAYS), 6.0)
    assert held_for(once) == 4
    restless = {day: 6.0 * (day % 2) for day in range(61, DAYS)}
    assert held_for(restless) == 7
