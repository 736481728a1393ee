"""Opening pages in need: what the form asks for, and what the page says of an opening."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.openings.rows import (
    ANSWER_WORDS,
    REASON_CHARACTERS_LEAST,
    REASON_CHARACTERS_MOST,
    OpeningAnswer,
    OpeningForm,
    OpeningRow,
)

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WHOLE = {"called": " p-sam ", "reason": "x" * REASON_CHARACTERS_LEAST, "confirmed": "yes"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"reason": "x" * REASON_CHARACTERS_MOST}, None),
        ({"called": "  "}, "called"),
        ({"called": "x" * 101}, "called"),
        ({"reason": " " + "x" * (REASON_CHARACTERS_LEAST - 1) + " "}, "reason"),
        ({"reason": "x" * (REASON_CHARACTERS_MOST + 1)}, "reason"),
        ({"confirmed": ""}, "confirmed"),
    ],
)
def test_an_opening_needs_somebody_a_reason_and_a_confirmation(
    change: dict[str, str], field: str | None
) -> None:
    form = OpeningForm.model_validate(WHOLE | change)
    assert list(form.errors()) == ([] if field is None else [field])


def test_every_refusal_of_an_opening_has_words_that_say_what_to_do() -> None:
    unsaid = {OpeningAnswer.OPENED, OpeningAnswer.OPEN_ALREADY, OpeningAnswer.NOT_FOR_YOU}
    assert set(OpeningAnswer) - set(ANSWER_WORDS) == unsaid


def opening(**changes: Any) -> OpeningRow:  # noqa: ANN401 -- any column
    row: dict[str, Any] = {
        "opening_id": 1,
        "person_id": 1,
        "called": "p-sam",
        "opener": "Pat",
        "is_own": False,
        "is_mine": False,
        "reason": None,
        "opened_at": NOW - HOUR,
        "ends_at": NOW + 3 * HOUR,
        "finished_at": None,
        "reviewed_at": None,
        "reviewer": None,
        "verdict": None,
    }
    return OpeningRow(**row | changes)


def test_an_opening_runs_until_its_end_or_until_its_owner_has_finished() -> None:
    assert opening().is_running(NOW)
    assert not opening().is_running(NOW + 3 * HOUR)
    assert not opening(finished_at=NOW).is_running(NOW)
    assert opening(finished_at=NOW).closed_at == NOW


def test_an_opening_says_whether_somebody_reviewed_it() -> None:
    assert opening().review_words(NOW) == "Open now"
    assert opening().review_words(NOW + 3 * HOUR) == "Not reviewed yet"
    reviewed = opening(verdict="to_talk_about", reviewer="Max", reviewed_at=NOW)
    assert reviewed.review_words(NOW) == "It has to be talked about: Max"
