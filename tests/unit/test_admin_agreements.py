"""Who has to agree and when to ask again: by age, by judgement, by nation, by text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.admin.agreements import (
    STANDING_WORDS,
    AgreementFacts,
    AgreementStanding,
    Said,
    age_on,
    needs_parent,
    reading_level_of,
    standing_of,
)

TODAY = date(2026, 11, 29)
YES = Said("agreed", date(2026, 11, 1), 1)
BORN_2012 = AgreementFacts(date(2012, 4, 1), "england", 1, YES, YES, None, None)


def test_both_agreed_holds() -> None:
    assert standing_of(BORN_2012, TODAY) is AgreementStanding.AGREED


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"young_person": None}, AgreementStanding.NOBODY_ASKED),
        ({"parent": None}, AgreementStanding.PARENT_NOT_ASKED),
        ({"parent": None, "can_decide": True}, AgreementStanding.AGREED),
        ({"parent": None, "nation": "scotland"}, AgreementStanding.AGREED),
        ({"young_person": replace(YES, decision="withdrawn")}, AgreementStanding.DECLINED),
        ({"parent": replace(YES, decision="declined")}, AgreementStanding.PARENT_DECLINED),
        (
            {"parent": replace(YES, decision="declined"), "can_decide": True},
            AgreementStanding.AGREED,
        ),
        ({"version": None, "young_person": None}, AgreementStanding.NO_TEXT),
        ({"birth_month": None}, AgreementStanding.AGE_UNKNOWN),
        ({"version": 2}, AgreementStanding.NEW_TEXT),
        ({"review_on": TODAY}, AgreementStanding.JUDGEMENT_DUE),
        ({"review_on": TODAY + timedelta(days=1)}, AgreementStanding.AGREED),
    ],
)
def test_what_is_missing_or_due_is_told_apart(
    change: dict[str, Any], expected: AgreementStanding
) -> None:
    assert standing_of(replace(BORN_2012, **change), TODAY) is expected


@pytest.mark.parametrize(
    ("nation", "age", "is_asked_again"),
    [
        ("england", 12, False),
        ("england", 13, True),
        ("scotland", 12, True),
        ("scotland", 13, False),
        ("england", 16, True),
        ("england", 17, False),
        ("wales", 18, True),
    ],
)
def test_everybody_is_asked_again_at_their_ages(
    nation: str, age: int, is_asked_again: bool
) -> None:
    birthday = date(2026, 11, 1)
    said = Said("agreed", birthday - timedelta(days=1), 1)
    facts = replace(
        BORN_2012,
        birth_month=birthday.replace(year=2026 - age),
        nation=nation,
        young_person=said,
        parent=said,
    )
    due = standing_of(facts, birthday) is AgreementStanding.NEW_AGE
    assert due is is_asked_again
    assert standing_of(facts, birthday - timedelta(days=1)) is AgreementStanding.AGREED
    asked = replace(said, decided_on=birthday)
    again = replace(facts, young_person=asked, parent=asked)
    assert standing_of(again, TODAY) is AgreementStanding.AGREED


def test_a_no_of_the_young_person_goes_before_everything() -> None:
    for one in ("declined", "withdrawn"):
        facts = AgreementFacts(None, "england", None, Said(one, TODAY, 1), YES, True, TODAY)
        assert standing_of(facts, TODAY).says_no


@given(
    st.dates(date(2005, 1, 1), date(2020, 1, 1)).map(lambda day: day.replace(day=1)),
    st.dates(date(2021, 1, 1), date(2026, 12, 31)),
)
def test_nobody_of_sixteen_needs_a_parent_and_nobody_below_decides_unjudged(
    born: date, day: date
) -> None:
    facts = replace(BORN_2012, birth_month=born)
    assert needs_parent(facts, day) is (age_on(born, day) < 16)
    assert needs_parent(replace(facts, can_decide=True), day) is False
    assert needs_parent(replace(facts, can_decide=False), day) is True


def test_every_standing_has_its_words_and_reading_levels_follow_the_age() -> None:
    assert set(STANDING_WORDS) == set(AgreementStanding)
    assert [reading_level_of(age) for age in (8, 11, 12, 15, 16)] == [
        "8-11",
        "8-11",
        "12-15",
        "12-15",
        "16-18",
    ]
