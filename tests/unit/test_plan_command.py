"""What `tidewell plan` takes as a limit, and what it refuses."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from detect.plan_limits import LIMITS_MOST
from tidewell.commands.plan import SLOTS, PlannedLimit, check_slot, limit_line, planned_limit
from tidewell.errors import UsageError
from tidewell.vocabulary import Level

ASKED: dict[str, Any] = {
    "slot": 1,
    "channel": "heart_rate",
    "above": 130.0,
    "below": None,
    "for_minutes": 10,
    "level": "check_today",
    "agreed_on": "2026-01-31",
    "while_resting": True,
}
LIMIT = PlannedLimit(
    1, "heart_rate", "above", 130.0, 10, Level.CHECK_TODAY, True, date(2026, 1, 31)
)


def test_a_limit_is_taken_as_it_was_agreed() -> None:
    assert planned_limit(**ASKED) == LIMIT
    below = planned_limit(**{**ASKED, "above": None, "below": 45.0})
    assert (below.direction, below.value) == ("below", 45.0)


def test_a_limit_of_zero_is_a_limit() -> None:
    zero = planned_limit(**{**ASKED, "channel": "steps", "above": None, "below": 0.0})
    assert (zero.direction, zero.value) == ("below", 0.0)


def test_a_limit_reads_as_a_line() -> None:
    assert limit_line(LIMIT) == (
        "1  Heart rate above 130 bpm for 10 minutes while resting: Check today, "
        "agreed on 2026-01-31"
    )


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"channel": "mood"}, "--channel 'mood': choose one of heart_rate"),
        ({"above": None}, "give either --above or --below"),
        ({"below": 50.0}, "give either --above or --below"),
        ({"above": 300.0}, "give a limit from 20 to 250 bpm"),
        ({"above": float("nan")}, "give a limit from 20 to 250 bpm"),
        ({"for_minutes": 1_441}, "expected 0 to 1,440"),
        ({"for_minutes": -1}, "expected 0 to 1,440"),
        ({"level": "usual"}, "choose one of for_review, check_today, check_now"),
        ({"agreed_on": "yesterday"}, "expected a day like 2026-01-31"),
    ],
)
def test_what_cannot_be_a_limit_is_refused_with_what_was_expected(
    changed: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        planned_limit(**{**ASKED, **changed})


def test_a_plan_has_as_many_slots_as_the_detector_watches() -> None:
    assert SLOTS == LIMITS_MOST
    check_slot(0)
    check_slot(SLOTS - 1)
    for slot in (-1, SLOTS):
        with pytest.raises(UsageError, match="choose one of them"):
            check_slot(slot)
