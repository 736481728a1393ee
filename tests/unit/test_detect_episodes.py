"""When episodes open again after one has closed."""

from __future__ import annotations

import numpy as np

from detect import Detector, EpisodeChange
from tidewell.local_time import zone_table

USUAL = (60.0, 8_000.0)


def changes_of(worse: dict[int, float], days: int = 70) -> list[EpisodeChange]:
    """Score days on some of which the night heart rate is raised by so much, and steps fall."""
    detector = Detector(silence_after_s=3_600)
    detector.add_person(1, zone_table("UTC"))
    rng = np.random.default_rng(3)
    found: list[EpisodeChange] = []
    for day in range(days):
        heart_rate = USUAL[0] + rng.normal(0, 0.8) + worse.get(day, 0.0)
        steps = USUAL[1] * np.exp(rng.normal(0, 0.15)) / (1 + worse.get(day, 0.0) / 10)
        features = np.array([[heart_rate, steps]], np.float32)
        found += detector.score_days(np.array([1]), np.array([20_000 + day]), features).changes
    return found


def kinds(changes: list[EpisodeChange]) -> list[tuple[str, str]]:
    return [
        (one.kind.value, one.level.value)
        for one in changes
        if one.kind.value in ("opened", "closed")
    ]


MILD = dict.fromkeys(range(40, 45), 3.0)


def test_a_mild_change_soon_after_another_waits_for_the_rest_to_end() -> None:
    once = kinds(changes_of(MILD))
    again = kinds(changes_of(MILD | dict.fromkeys(range(50, 53), 3.0)))
    assert once == again
    assert [kind for kind, _ in once] == ["opened", "closed"]


def test_a_strong_change_opens_during_the_rest() -> None:
    found = kinds(changes_of(MILD | dict.fromkeys(range(50, 54), 30.0)))
    assert [kind for kind, _ in found][:3] == ["opened", "closed", "opened"]
    assert found[2] == ("opened", "check_today")
