"""Why somebody is looking, as the pages read it from what the detector wrote."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from detect.explain import explain_silence
from detect.explanation import COVERAGE_DAYS, Certainty
from portal.data_state import DataFacts, DataState, not_worn_words
from portal.explanation import NAMED_MISSING_MOST, first_changed_day, read_explanation
from tests.browser.virtual_site import explanation_of, explanation_of_removal

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
OFF_AT = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)


def written(**changes: object) -> dict[str, Any]:
    return {**explanation_of(date(2026, 11, 19)), **changes}


def test_certainty_is_what_the_detector_wrote_and_nothing_of_our_own() -> None:
    for certainty in Certainty:
        told = read_explanation(written(certainty=certainty.value, contributions=[]))
        assert told.certainty_said().lower() == certainty.value
    assert read_explanation(written(certainty=None)).certainty_said() == ""
    assert read_explanation(written(certainty="a later word")).certainty_said() == "A later word"


def test_agreement_and_coverage_are_one_line() -> None:
    told = read_explanation(written())
    assert told.support_said() == (
        "3 of 5 measures moved, data on 6 of the last 7 days, "
        "worn for 21 hours 50 minutes on the last full day."
    )
    assert told.missing_said() == "Not measured: blood oxygen at night."


def test_what_is_not_known_is_left_out() -> None:
    bare: dict[str, object] = {
        "worn_minutes": None,
        "days_with_data": None,
        "of_days": 7,
        "missing": [],
    }
    told = read_explanation(written(coverage=bare, agreement=None, worn_minutes=None, missing=[]))
    assert (told.support_said(), told.missing_said()) == ("", "")


def test_an_explanation_of_an_earlier_version_still_says_what_it_knows() -> None:
    old = {"sentence": "Steps fell.", "worn_minutes": 300, "missing": ["Steps"]}
    told = read_explanation(old)
    assert told.support_said() == "Worn for 5 hours on the last full day."
    assert told.missing_said() == "Not measured: steps."
    assert told.certainty_said() == told.young_person == ""


def test_a_long_list_of_what_is_missing_is_cut_and_says_so() -> None:
    names = [f"Measure {number}" for number in range(9)]
    coverage = {"worn_minutes": 700, "days_with_data": 3, "of_days": COVERAGE_DAYS}
    told = read_explanation(written(coverage={**coverage, "missing": names}))
    assert told.missing_said() == "Not measured: measure 0, measure 1, measure 2 and 6 more."
    exactly = {**coverage, "missing": names[:NAMED_MISSING_MOST]}
    assert "more" not in read_explanation(written(coverage=exactly)).missing_said()


def test_a_time_of_day_and_its_usual_are_both_clock_times() -> None:
    part = {
        "feature": "sleep_onset_h",
        "label": "Falling asleep",
        "unit": "h",
        "value": 13.5,
        "centre": 10.75,
        "low": 10.2,
        "high": 11.3,
        "share": 0.6,
        "direction": "later",
    }
    [contribution] = read_explanation(written(contributions=[part])).contributions
    assert contribution.value_said() == "01:30"
    assert contribution.usual_said() == "22:10 to 23:20"


def test_what_the_detector_writes_about_a_silence_can_be_read() -> None:
    told = read_explanation(explain_silence(OFF_AT, "2"))
    assert told.young_person.startswith("We have not heard from your device since Sunday")
    assert told.version == "2"


def facts(**changes: object) -> DataFacts:
    known: dict[str, object] = {
        "name": "Sam",
        "timezone": "Europe/London",
        "paused_from": None,
        "paused_until": None,
        "heard_at": NOW - timedelta(minutes=1),
        "last_day": NOW.date() - timedelta(days=1),
        "last_worn_minutes": 1300.0,
        "usual_is_known": True,
        "off_noticed_at": OFF_AT + timedelta(minutes=11),
        "off_explanation": explanation_of_removal(OFF_AT),
    }
    return DataFacts(**{**known, **changes})  # type: ignore[arg-type] # the fields are those of the test


def test_a_device_that_came_off_is_a_plain_fact() -> None:
    state = DataState.NO_CHANGE_NOTICED
    assert not_worn_words(facts(), state, NOW) == "Not worn since today at 14:16."
    exact = {**explanation_of_removal(OFF_AT), "since": OFF_AT.isoformat()}
    words = not_worn_words(facts(off_explanation=exact), state, NOW)
    assert words == "Not worn since today at 14:05."
    assert not_worn_words(facts(off_noticed_at=None), state, NOW) == ""


def test_a_change_since_a_moment_began_on_the_day_of_the_persons_own_clock() -> None:
    late = {**explanation_of_removal(OFF_AT), "since": "2026-07-01T23:30:00+00:00"}
    began = datetime(2026, 7, 3, tzinfo=UTC)
    assert first_changed_day(late, began, "Europe/London") == date(2026, 7, 2)
    assert first_changed_day(late, began, "UTC") == date(2026, 7, 1)


@pytest.mark.parametrize("state", [DataState.PAUSED, DataState.SILENT, DataState.NEVER])
def test_nobody_says_where_a_device_is_that_is_not_heard(state: DataState) -> None:
    assert not_worn_words(facts(), state, NOW) == ""
