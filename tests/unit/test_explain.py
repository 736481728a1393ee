"""What an explanation promises: true numbers, short words, no cause, nothing that is not there."""

from __future__ import annotations

import doctest
import itertools
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays
from numpy.typing import NDArray

import detect.words
from detect.explain import Circumstances, explain_day, explain_end, explain_removed
from detect.explain_moments import explain_acute, explain_limit
from detect.explanation import Agreement, Certainty, how_sure
from detect.measured import Measured
from detect.words import CHANNEL_CHANGES, FAMILY_SUBJECTS, NOTE_WORDS, Direction, NoteKind
from portal.explanation import NO_SENTENCE, read_explanation
from portal.words import feature_words, value_words
from portal.young.texts import LEVELS, OLDEST, say
from tests.unit.test_explain_golden import AT, DAY, USUAL, arrays, explanations
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES, FEATURES, Family, Level

HARD_WORDS: Final = re.compile(
    r"\b(?:abnormal|above|anomal\w*|average|baseline|below|circadian|conductance|deviat\w*|episode"
    r"|heart rate|illness|level|measure\w*|normal|rmssd|score\w*|spread|symptom\w*|variab\w*"
    r"|threshold|warning|danger\w*|worr\w*|wrong|bad|worse|should|must|fail\w*|only)\b",
    re.IGNORECASE,
)
"""Words that a child would not use, that alarm, or that blame."""
NEVER: Final = re.compile(
    r"\b(?:nan|inf|none|patients?|diagnos\w*|detect\w*|disease|infection|fever|depress\w*|anxi\w*"
    r"|stress\w*|panic|emergency|medical|disorder|abnormal|unhealthy)\b|-0\b(?!\.\d*[1-9])|-inf|e\+\d",
    re.IGNORECASE,
)
"""What no reader ever sees: numbers that are none, and names for what nobody here can know."""
WORDS_A_SENTENCE_MOST: Final = 14
GRADE_MOST: Final = 6.0
KEYS: Final = {
    "family",
    "level",
    "since",
    "day",
    "sentence",
    "young_person",
    "contributions",
    "coverage",
    "worn_minutes",
    "missing",
    "agreement",
    "certainty",
    "remarks",
    "limit",
    "clears_when",
    "version",
}
ALL: Final = explanations()


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z0-9:']+", text.lower())


def sentences_of(text: str) -> list[str]:
    return [one for one in re.split(r"(?<=[.!?])\s+", text) if one]


def syllables(word: str) -> int:
    """Count groups of vowels, a silent e left out: the usual rule of thumb, and always the same."""
    if word[0].isdigit():
        return 1
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith(("e", "es", "ed")) and not word.endswith(("le", "ted", "ded"))
    return max(1, groups - (silent and groups > 1))


def grade(text: str) -> float:
    """Return the Flesch-Kincaid grade, Kincaid et al. 1975."""
    words, count = words_of(text), len(sentences_of(text))
    spoken = sum(syllables(word) for word in words)
    return 0.39 * len(words) / count + 11.8 * spoken / len(words) - 15.59


def all_texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in all_texts(one)]
    return [text for one in value for text in all_texts(one)] if isinstance(value, list) else []


def measure(name: str, value: float, *usual: float) -> Measured:
    centre, low, high = usual or USUAL[name]
    return Measured(FEATURES[FEATURE_NAMES.index(name)], value, centre, low, high)


def test_the_examples_in_the_words_hold() -> None:
    failed, tried = doctest.testmod(detect.words)
    assert (failed, tried) == (0, 6)


@pytest.mark.parametrize("name", ALL)
def test_a_young_person_of_twelve_reads_it_easily(name: str) -> None:
    text = ALL[name]["young_person"]
    mean = len(words_of(text)) / len(sentences_of(text))
    assert mean <= WORDS_A_SENTENCE_MOST
    assert grade(text) <= GRADE_MOST
    assert HARD_WORDS.findall(text) == []


def test_the_reading_level_is_one_that_practitioners_text_does_not_meet() -> None:
    assert grade(ALL["illness, 3 days"]["sentence"]) > GRADE_MOST
    assert HARD_WORDS.findall("Your circadian baseline is abnormal.")
    assert [syllables(one) for one in ("beating", "faster", "usually", "slept")] == [2, 2, 3, 1]


@pytest.mark.parametrize("name", ALL)
def test_every_key_is_always_there_and_the_page_can_read_it(name: str) -> None:
    one = json.loads(json.dumps(ALL[name], allow_nan=False))
    assert set(one) == KEYS
    read = read_explanation(one)
    assert read.sentence == one["sentence"] != NO_SENTENCE
    assert len(read.contributions) == len(one["contributions"])
    assert all(sentence.endswith(".") for sentence in (one["sentence"], one["young_person"]))


def test_every_word_that_can_be_needed_is_there() -> None:
    assert set(FAMILY_SUBJECTS) == set(Family)
    assert set(NOTE_WORDS) == set(NoteKind)
    assert set(CHANNEL_CHANGES) == set(CHANNEL_NAMES) - {"sleep_state", "worn"}


@pytest.mark.parametrize(
    ("name", "value", "direction", "sentence"),
    [
        (
            "sleep_onset_h",
            13.5,
            Direction.LATER,
            "falling asleep at about 01:30, later than usual (22:45, 22:10 to 23:20)",
        ),
        (
            "night_heart_rate",
            57.2,
            Direction.ABOVE,
            "night heart rate 57 bpm, within usual on the high side (56, 54 to 58)",
        ),
        (
            "night_heart_rate",
            58.4,
            Direction.ABOVE,
            "night heart rate 58 bpm, within usual on the high side (56, 54 to 58)",
        ),
        (
            "night_heart_rate",
            56.4,
            Direction.SAME,
            "night heart rate 56 bpm, about as usual (56, 54 to 58)",
        ),
    ],
)
def test_the_words_say_what_the_numbers_beside_them_say(
    name: str, value: float, direction: Direction, sentence: str
) -> None:
    one = measure(name, value)
    assert (one.direction, one.sentence()) == (direction, sentence)


@pytest.mark.parametrize(
    ("value", "direction"), [(0.5, Direction.LATER), (21.5, Direction.EARLIER)]
)
def test_a_phase_goes_round_midnight_the_short_way(value: float, direction: Direction) -> None:
    one = measure("circadian_phase_h", value, 23.5, 23.0, 24.0)
    assert (one.direction, one.inside) == (direction, False)
    assert measure("circadian_phase_h", 0.0, 23.9, 23.0, 24.8).inside


def test_a_wide_usual_never_promises_what_cannot_be() -> None:
    assert measure("steps", 900, 800, -300, 1900).sentence().endswith("(800, up to 1,900)")
    assert measure("night_spo2", 93, 99, 96, 102).sentence().endswith("(99, 96 to 100)")


def test_three_measures_are_named_and_small_ones_are_left_out() -> None:
    story = arrays(
        {
            "night_heart_rate": (63, 3.0),
            "steps": (2100, 2.0),
            "sleep_minutes": (370, 1.5),
            "eda_level": (6.4, 1.4),
            "night_spo2": (93, 0.2),
            "aroused_minutes": (70, -1.0),
        }
    )
    found = explain_day(Family.ILLNESS, DAY, DAY, *story, 1310)
    named = [part["feature"] for part in found["contributions"]]
    assert named == ["night_heart_rate", "steps", "sleep_minutes"]
    assert found["contributions"][0]["share"] == pytest.approx(3 / 8.1, abs=0.01)
    assert "skin" not in found["sentence"]
    assert found["agreement"] == "5 of 6 measures moved"


def test_only_what_the_family_looks_at_is_called_missing() -> None:
    around = Circumstances(watched=("steps", "sleep_minutes", "night_heart_rate"))
    story = arrays({"steps": (2100, 1.0)})
    found = explain_day(Family.SLEEP, DAY, DAY, *story, 600, around)
    assert found["coverage"]["missing"] == found["missing"] == ["Night heart rate", "Time asleep"]
    assert found["coverage"]["worn_minutes"] == found["worn_minutes"] == 600


def test_the_end_names_only_what_is_within_usual_in_the_order_of_the_family() -> None:
    around = Circumstances(watched=("steps", "night_heart_rate", "sleep_minutes"))
    features, usual, _ = arrays(
        {"night_heart_rate": (57, 0), "steps": (7000, 0), "sleep_minutes": (200, 0)}
    )
    found = explain_end(Family.ILLNESS, DAY, features, usual, None, around)
    assert found["sentence"] == (
        "Near usual again: 7,000 steps (usual 7,800, 5,200 to 10,400); "
        "night heart rate 57 bpm (usual 56, 54 to 58)."
    )


WORN: Final = 16 * 60


@pytest.mark.parametrize(
    ("agreement", "days", "worn", "learning", "expected"),
    [
        (Agreement(3, 4), 5, WORN, False, Certainty.STRONG),
        (Agreement(3, 5), 5, WORN, False, Certainty.CLEAR),
        (Agreement(2, 2), 5, WORN, False, Certainty.CLEAR),
        (Agreement(2, 6), 5, WORN, False, Certainty.CLEAR),
        (Agreement(2, 7), 5, WORN, False, Certainty.WEAK),
        (Agreement(1, 1), 5, WORN, False, Certainty.WEAK),
        (Agreement(0, 0), 5, WORN, False, Certainty.WEAK),
        (Agreement(3, 4), 4, WORN, False, Certainty.CLEAR),
        (Agreement(3, 4), None, WORN, False, Certainty.CLEAR),
        (Agreement(3, 4), 3, WORN, False, Certainty.CLEAR),
        (Agreement(3, 4), 2, WORN, False, Certainty.WEAK),
        (Agreement(3, 4), 5, WORN - 1, False, Certainty.CLEAR),
        (Agreement(3, 4), 5, None, False, Certainty.CLEAR),
        (Agreement(3, 4), 5, WORN // 2, False, Certainty.CLEAR),
        (Agreement(3, 4), 5, WORN // 2 - 1, False, Certainty.WEAK),
        (Agreement(3, 4), 5, WORN, True, Certainty.WEAK),
    ],
)
def test_how_sure_follows_the_written_rule(
    agreement: Agreement, days: int | None, worn: int | None, learning: bool, expected: Certainty
) -> None:
    assert how_sure(agreement, days, worn, learning=learning) is expected


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 7), st.integers(0, 1440))
def test_more_data_and_more_agreement_never_make_it_less_sure(
    moved: int, rest: int, days: int, worn: int
) -> None:
    steps = list(Certainty)
    lesser = steps.index(how_sure(Agreement(moved, moved + rest), days, worn, learning=False))
    more = Agreement(moved + 1, moved + 1 + rest)
    assert steps.index(how_sure(more, days + 1, worn + 60, learning=False)) >= lesser


some_number = st.one_of(
    st.floats(-1000, 100_000, width=32), st.sampled_from([np.nan, np.inf, -np.inf, 0.0])
)


@given(
    family=st.sampled_from(list(Family)),
    features=numpy_arrays(np.float32, 18, elements=some_number),
    usual=numpy_arrays(np.float64, (18, 3), elements=some_number),
    contribution=numpy_arrays(
        np.float64, 18, elements=st.one_of(st.just(np.nan), st.floats(-4, 4), st.just(np.inf))
    ),
    days=st.integers(0, 80),
    worn=st.one_of(st.none(), st.integers(0, 1440)),
    notes=st.lists(st.sampled_from(list(NoteKind)), max_size=2),
)
def test_nothing_that_is_missing_or_forbidden_is_ever_written(
    family: Family,
    features: NDArray[np.float32],
    usual: NDArray[np.float64],
    contribution: NDArray[np.float64],
    days: int,
    worn: int | None,
    notes: list[NoteKind],
) -> None:
    around = Circumstances(
        level=Level.CHECK_NOW, days_with_data=3, learning=days % 2 == 0, notes=tuple(notes)
    )
    found = [
        explain_day(family, DAY - days, DAY, features, usual, contribution, worn, around),
        explain_end(family, DAY - days, features, usual, worn, around),
    ]
    for one in found:
        json.dumps(one, allow_nan=False)
        assert len(one["contributions"]) <= 3
        for text in all_texts(one):
            assert NEVER.findall(text) == [], text
        assert HARD_WORDS.findall(one["young_person"]) == []


@given(
    st.sampled_from(CHANNEL_NAMES),
    st.sampled_from([Direction.ABOVE, Direction.BELOW]),
    some_number,
    st.integers(1, 1440),
)
def test_a_moment_without_a_number_is_still_told(
    channel: str, direction: Direction, value: float, minutes: int
) -> None:
    limit = explain_limit(Family.ILLNESS, channel, direction, 40, minutes, value, AT)
    acute = explain_acute(AT, minutes, value, (value, 60, 80))
    for text in [*all_texts(limit), *all_texts(acute)]:
        assert NEVER.findall(text) == [], text
    json.dumps([limit, acute], allow_nan=False)
    assert HARD_WORDS.findall(limit["young_person"] + acute["young_person"]) == []


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ((), "No usual charging time is known."),
        ((20, 21), "It is usually off for charging between 20:00 and 22:00."),
        (range(24), "It is usually off for charging at any time of day."),
        ((23, 0), "It is usually off for charging between 23:00 and 01:00."),
    ],
)
def test_the_usual_charging_time_is_said_in_ranges(hours: Sequence[int], words: str) -> None:
    assert explain_removed(AT, hours)["sentence"].endswith(words)


@pytest.mark.parametrize(
    ("days", "since"), [(0, "Thursday"), (5, "Saturday"), (6, "13 November"), (40, "10 October")]
)
def test_a_weekday_is_said_only_while_it_means_one_day(days: int, since: str) -> None:
    story = arrays({"steps": (2100, 1.0)})
    young = explain_day(Family.WITHDRAWAL, DAY - days, DAY, *story, 900)["young_person"]
    assert young.startswith(f"You have been moving a bit less than you usually do, since {since}.")


@given(st.sampled_from(list(USUAL)), st.floats(0, 1500, allow_subnormal=False))
def test_the_portal_and_the_detector_write_a_number_alike(name: str, value: float) -> None:
    one = measure(name, value)
    if value <= one.words.highest:
        assert value_words(value, name) == one.written(value)


def test_the_portal_says_units_as_people_do() -> None:
    said = {one.name: feature_words(USUAL[one.name][0], one.name, one.unit) for one in FEATURES}
    assert said == {
        "night_heart_rate": "56 bpm",
        "resting_heart_rate": "70 bpm",
        "night_hrv_rmssd": "48 ms",
        "night_skin_temperature": "35.2 °C",
        "night_respiratory_rate": "15.1 a minute",
        "night_spo2": "97 %",
        "heart_rate_per_step": "24 bpm",
        "circadian_amplitude": "14 bpm",
        "circadian_phase_h": "15:45",
        "sleep_minutes": "8 h 5 min",
        "sleep_efficiency": "91 %",
        "sleep_onset_h": "22:45",
        "sleep_regularity": "78",
        "steps": "7,800",
        "longest_still_minutes": "1 h 35 min",
        "first_activity_h": "07:40",
        "eda_level": "2.1 µS",
        "aroused_minutes": "15 min",
    }


@pytest.mark.parametrize(
    ("name", "level", "side"), list(itertools.product(FEATURE_NAMES, LEVELS, ("less", "more")))
)
def test_the_words_of_the_week_are_as_easy(name: str, level: str, side: str) -> None:
    sentence = f"On Monday, {say(f'changes.{name}_{side}', level)}."
    assert grade(sentence) <= GRADE_MOST
    assert len(words_of(sentence)) <= WORDS_A_SENTENCE_MOST + 1
    # From sixteen on somebody knows what a heart rate is.
    assert level == OLDEST or HARD_WORDS.findall(sentence) == []
    assert say(f"changes.{name}_less", level) != say(f"changes.{name}_more", level)


def test_the_first_day_is_the_same_in_words_and_as_a_date() -> None:
    one = ALL["illness, 3 days"]
    first = datetime.fromisoformat(one["since"])
    assert f"since {first:%A} {first.day} {first:%B}" in one["sentence"]


def test_a_change_that_calmed_down_is_told_as_one() -> None:
    usual = np.full((len(FEATURES), 3), np.nan)
    usual[0] = 56.0, 54.0, 58.0
    features = np.full(len(FEATURES), np.nan, np.float32)
    features[0] = 59.0
    contribution = np.full(len(FEATURES), np.nan)
    contribution[0] = 0.3
    calmer = Circumstances(agreement=Agreement(0, 1), days_with_data=7)
    found = explain_day(Family.ILLNESS, 20_000, 20_009, features, usual, contribution, 1300, calmer)
    assert "have come nearer to usual since: night heart rate 59 bpm" in found["sentence"]
    moved = Circumstances(agreement=Agreement(1, 1), days_with_data=7)
    found = explain_day(Family.ILLNESS, 20_000, 20_009, features, usual, contribution, 1300, moved)
    assert "nearer" not in found["sentence"]
