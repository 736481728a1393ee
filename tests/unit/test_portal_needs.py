"""A caseload by need: silence is never among the quiet, and a name is found as it is typed."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from portal.data_state import NO_DATA_STATES, DataState
from portal.needs import by_need, is_called
from portal.people import PersonCard, PersonRow


def card(state: DataState, open_alerts: int = 0) -> PersonCard:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    person = PersonRow(
        person_id=1,
        timezone="UTC",
        name="Sam",
        paused_from=None,
        paused_until=None,
        heard_at=now,
        last_day=date(2026, 11, 21),
        last_worn_minutes=1300.0,
        usual_is_known=True,
        open_alerts=open_alerts,
        open_families=[],
        off_noticed_at=None,
        off_explanation=None,
        no_data_reason=None,
        battery_percent=None,
    )
    return PersonCard(person, state, "A sentence.")


@pytest.mark.parametrize("state", list(DataState))
def test_everybody_without_an_alert_stands_under_one_need(state: DataState) -> None:
    [need] = by_need([card(state)])
    expected = "changed" if state is DataState.CHANGED else "quiet"
    assert need.name == ("no-data" if state in NO_DATA_STATES else expected)


def test_those_with_an_alert_stand_with_their_alert_and_empty_needs_are_not_shown() -> None:
    assert by_need([card(DataState.SILENT, open_alerts=1)]) == []


def test_changes_come_first_then_no_data_then_the_quiet() -> None:
    states = (DataState.NO_CHANGE_NOTICED, DataState.SILENT, DataState.CHANGED)
    names = [need.name for need in by_need([card(state) for state in states])]
    assert names == ["changed", "no-data", "quiet"]


@pytest.mark.parametrize(
    ("name", "sought", "found"),
    [
        ("Zoë", "zoe", True),
        ("ZOE", "zoë", True),
        ("Sam", "", True),
        ("Sam", "am", True),
        ("Sam", "%", False),
        ("Strauß", "STRAUSS", True),
        ("Sam", "Sami", False),
    ],
)
def test_a_name_is_found_whatever_its_case_and_accents(name: str, sought: str, found: bool) -> None:
    assert is_called(name, sought) is found
