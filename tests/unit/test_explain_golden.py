"""Explanations, word for word: every family at both reading levels, and every measure both ways.

`python -m tests.unit.test_explain_golden` prints the texts as they are now; whoever changes a word
reads the whole list aloud before it replaces `tests/numeric/golden_explanations.json`.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from detect.explain import (
    Circumstances,
    explain_day,
    explain_end,
    explain_removed,
    explain_returned,
    explain_silence,
)
from detect.explain_moments import explain_acute, explain_limit
from detect.explanation import Agreement
from detect.words import Direction, NoteKind
from tidewell.local_time import day_number
from tidewell.vocabulary import FEATURE_NAMES, Family, Level

GOLDEN: Final = Path(__file__).parents[1] / "numeric" / "golden_explanations.json"
TEXTS: Final = (
    "sentence",
    "young_person",
    "agreement",
    "certainty",
    "remarks",
    "clears_when",
)
DAY: Final = day_number(datetime(2026, 11, 19).date())  # noqa: DTZ001 -- a day on the wall
AT: Final = datetime(2026, 11, 19, 14, 5)  # noqa: DTZ001 -- what the person's clock showed

USUAL: Final[dict[str, tuple[float, float, float]]] = {
    "night_heart_rate": (56, 54, 58),
    "resting_heart_rate": (70, 66, 74),
    "night_hrv_rmssd": (48, 40, 56),
    "night_skin_temperature": (35.2, 34.9, 35.5),
    "night_respiratory_rate": (15.1, 14.4, 15.8),
    "night_spo2": (97, 96, 98),
    "heart_rate_per_step": (24, 20, 28),
    "circadian_amplitude": (14, 11, 17),
    "circadian_phase_h": (15.75, 14.8, 16.7),
    "sleep_minutes": (485, 450, 520),
    "sleep_efficiency": (91, 86, 96),
    "sleep_onset_h": (10.75, 10.2, 11.3),
    "sleep_regularity": (78, 70, 86),
    "steps": (7800, 5200, 10400),
    "longest_still_minutes": (95, 60, 130),
    "first_activity_h": (7.7, 7.2, 8.2),
    "eda_level": (2.1, 1.2, 3.0),
    "aroused_minutes": (15, 0, 35),
}
FAMILY_STORIES: Final[dict[Family, dict[str, tuple[float, float]]]] = {
    Family.ILLNESS: {
        "night_heart_rate": (63, 3.1),
        "night_skin_temperature": (36.1, 1.9),
        "steps": (2100, 1.6),
        "sleep_minutes": (500, 0.1),
    },
    Family.SLEEP: {
        "sleep_onset_h": (13.52, 2.4),
        "sleep_minutes": (370, 1.8),
        "sleep_regularity": (42, 1.7),
        "sleep_efficiency": (85, 0.6),
    },
    Family.WITHDRAWAL: {
        "steps": (2100, 2.6),
        "longest_still_minutes": (190, 1.4),
        "first_activity_h": (11.3, 1.2),
    },
    Family.ACUTE_LOAD: {"aroused_minutes": (70, 2.2), "eda_level": (6.4, 1.9)},
    Family.DRIFT: {"resting_heart_rate": (78, 1.5), "night_hrv_rmssd": (36, 1.4)},
}
"""For each family its measures: the value of the day and how much it contributes."""

Arrays = tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]


def arrays(story: dict[str, tuple[float, float]]) -> Arrays:
    features = np.full(len(FEATURE_NAMES), np.nan, np.float32)
    usual = np.array([USUAL[name] for name in FEATURE_NAMES], np.float64)
    contribution = np.full(len(FEATURE_NAMES), np.nan)
    for name, (value, part) in story.items():
        place = FEATURE_NAMES.index(name)
        features[place], contribution[place] = value, part
    return features, usual, contribution


def of_family(family: Family, days: int, around: Circumstances) -> dict[str, Any]:
    story = arrays(FAMILY_STORIES[family])
    return explain_day(family, DAY - days + 1, DAY, *story, 1310, around)


def explanations() -> dict[str, dict[str, Any]]:
    """Return every explanation of the list, by its name."""
    known = Circumstances(level=Level.CHECK_TODAY, days_with_data=6, version="2")
    found = {
        f"{family.value}, {days} days": of_family(family, days, known)
        for family, days in (
            (Family.ILLNESS, 3),
            (Family.SLEEP, 1),
            (Family.WITHDRAWAL, 9),
            (Family.ACUTE_LOAD, 2),
            (Family.DRIFT, 41),
        )
    }
    learning = Circumstances(
        days_with_data=4,
        agreement=Agreement(3, 5),
        learning=True,
        frozen_since_day=DAY - 2,
        relearned_on_day=DAY,
        notes=(NoteKind.EXAMS, NoteKind.SOMEONE_ELSE),
    )
    found["illness, still learning"] = of_family(Family.ILLNESS, 3, learning)
    nothing = arrays({})
    found["sleep, nothing known"] = explain_day(Family.SLEEP, DAY, DAY, *nothing, None)
    for name, (centre, low, high) in USUAL.items():
        for side, value in (("less", low - (centre - low)), ("more", high + (high - centre))):
            one = arrays({name: (value, 1.0)})
            found[f"{name}, {side}"] = explain_day(Family.ILLNESS, DAY - 3, DAY, *one, 1310, known)
    for name, band in (("hardly any", (0.2, -3, 3.2)), ("none", (0, 0, 0.3))):
        features, usual, parts = arrays({"aroused_minutes": (40, 1.0)})
        usual[FEATURE_NAMES.index("aroused_minutes")] = band
        tense = explain_day(Family.ACUTE_LOAD, DAY, DAY, features, usual, parts, 1310, known)
        found[f"tense, usually {name}"] = tense
    near = arrays({"night_heart_rate": (56.6, 0.1), "steps": (7400, 0.1)})
    found["near usual again"] = explain_end(Family.ILLNESS, DAY - 8, *near[:2], 1310, known)
    found["silence"] = explain_silence(AT, "2")
    found["worn again"] = explain_returned(AT, AT + timedelta(hours=5), "2")
    found["taken off"] = explain_removed(AT, (), "2")
    found["taken off, charging known"] = explain_removed(AT, (20, 21, 23, 0), "2")
    found["limit"] = explain_limit(
        Family.ACUTE_LOAD, "heart_rate", Direction.ABOVE, 130, 10, 132.4, AT, at_rest=True
    )
    found["limit below"] = explain_limit(
        Family.ILLNESS, "skin_temperature", Direction.BELOW, 33.25, 1, 33.1, AT
    )
    found["acute"] = explain_acute(AT, 25, 112.3, (76, 68, 84))
    found["acute, usual not learned"] = explain_acute(AT, 25, 112.3, (np.nan, np.nan, np.nan))
    return found


def texts() -> dict[str, dict[str, Any]]:
    return {
        name: {key: one[key] for key in TEXTS if one[key]} for name, one in explanations().items()
    }


@pytest.mark.parametrize("name", sorted(texts()))
def test_an_explanation_reads_word_for_word(name: str) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert texts()[name] == golden[name]


def test_the_golden_file_has_every_text_and_no_other() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert list(golden) == list(texts())
    assert {name.split(",")[0] for name in golden} >= {
        *(family.value for family in FAMILY_STORIES),
        *FEATURE_NAMES,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(texts(), indent=1, ensure_ascii=False) + "\n")
