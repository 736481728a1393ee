"""Notes about days: what a form may say, and how a note reads."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import detect.notes
import detect.words
from portal.context_notes import (
    DAYS_AHEAD_MOST,
    DAYS_BACK_MOST,
    LENGTH_DAYS_MOST,
    OWN_WORDS_CHARACTERS_MOST,
    NoteForm,
    NoteKind,
    NoteRow,
    Reader,
    kind_words,
    note_choices,
)

TODAY = date(2026, 11, 22)


def form(**changes: str) -> NoteForm:
    return NoteForm(**{"kind": "ill", "first_day": "2026-11-19", "last_day": "", **changes})


def ahead(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


def test_the_pages_and_the_detector_know_the_same_kinds_and_length() -> None:
    assert [kind.value for kind in NoteKind] == [kind.value for kind in detect.words.NoteKind]
    assert LENGTH_DAYS_MOST == detect.notes.LONGEST_DAYS


def test_a_note_without_a_last_day_is_about_one_day() -> None:
    assert form().errors(TODAY) == {}
    days = form().days()
    assert days.first_day == days.last_day == date(2026, 11, 19)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": ""}, "kind"),
        ({"kind": "unheard_of"}, "kind"),
        ({"first_day": ""}, "first_day"),
        ({"first_day": "last week"}, "first_day"),
        ({"first_day": ahead(-DAYS_BACK_MOST - 1)}, "first_day"),
        ({"last_day": "soon"}, "last_day"),
        ({"last_day": "2026-11-18"}, "last_day"),
        ({"first_day": ahead(80), "last_day": ahead(DAYS_AHEAD_MOST + 1)}, "last_day"),
        ({"first_day": ahead(-10), "last_day": ahead(LENGTH_DAYS_MOST - 10)}, "last_day"),
        ({"own_words": "x" * (OWN_WORDS_CHARACTERS_MOST + 1)}, "own_words"),
    ],
)
def test_a_mistake_is_said_beside_its_field(changes: dict[str, str], field: str) -> None:
    assert list(form(**changes).errors(TODAY)) == [field]


@pytest.mark.parametrize(
    "changes",
    [
        {"first_day": ahead(-DAYS_BACK_MOST)},
        {"first_day": ahead(DAYS_AHEAD_MOST)},
        {"first_day": ahead(-10), "last_day": ahead(LENGTH_DAYS_MOST - 11)},
        {"own_words": " " + "x" * OWN_WORDS_CHARACTERS_MOST + " "},
    ],
)
def test_the_edges_are_still_allowed(changes: dict[str, str]) -> None:
    assert form(**changes).errors(TODAY) == {}


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_a_form_without_errors_always_has_days(kind: str, first: str, last: str) -> None:
    typed = NoteForm(kind=kind, first_day=first, last_day=last)
    if not typed.errors(TODAY):
        assert typed.days().first_day <= typed.days().last_day


@given(st.integers(-400, 400), st.integers(-400, 400))
def test_what_is_accepted_the_detector_accepts_too(first: int, last: int) -> None:
    typed = form(first_day=ahead(first), last_day=ahead(last))
    accepted = not typed.errors(TODAY)
    assert accepted == (
        -DAYS_BACK_MOST <= first <= last <= DAYS_AHEAD_MOST and last - first < LENGTH_DAYS_MOST
    )


def note(**changes: object) -> NoteRow:
    known: dict[str, object] = {
        "context_note_id": 1,
        "kind": "someone_else",
        "first_day": date(2026, 11, 19),
        "last_day": date(2026, 11, 20),
        "own_words": "",
        "staff_id": None,
        "staff_name": None,
        "created_at": datetime(2026, 11, 22),  # noqa: DTZ001 -- never shown here
    }
    return NoteRow(**{**known, **changes})  # type: ignore[arg-type] # the fields are those of the test


def test_only_the_young_person_reads_their_own_note_as_i() -> None:
    assert note().kind_words(Reader.YOUNG_PERSON) == "Someone else wore my device"
    assert note().kind_words(Reader.STAFF) == "Somebody else wore the device"
    by_staff = note(staff_id=3, staff_name="Jo")
    assert by_staff.kind_words(Reader.YOUNG_PERSON) == "Somebody else wore the device"
    assert kind_words("later_kind", Reader.STAFF) == "Later kind"


def test_a_note_says_its_days() -> None:
    assert note().days_words == "Thursday 19 November to Friday 20 November"
    assert note(last_day=date(2026, 11, 19)).days_words == "Thursday 19 November"


@pytest.mark.parametrize("reader", list(Reader))
def test_every_kind_says_what_it_does(reader: Reader) -> None:
    choices = note_choices(reader)
    assert [choice.value for choice in choices] == list(NoteKind)
    assert all(choice.words and choice.hint.endswith(".") for choice in choices)
