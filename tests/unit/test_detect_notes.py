"""Notes that the detector remembers: which give way to others, and what taking one back undoes."""

from __future__ import annotations

import numpy as np
import pytest

from detect.notes import HOLDS, LEAVES_OUT, NOTES, kinds_about
from detect.words import NoteKind
from tests.unit.test_detect_episodes import AWAKE, FIRST_DAY, ILL, Days, after_a_month, kinds

EVERY_KIND = frozenset(NoteKind)


def about(days: Days, day: int) -> set[NoteKind]:
    state = days.detector._state
    return set(kinds_about(state, 0, FIRST_DAY + day, FIRST_DAY + day))


def test_short_notes_that_are_over_give_way_and_a_long_one_that_goes_on_stays() -> None:
    days = after_a_month()
    days.note(NoteKind.HOLIDAY, 30, 70)
    for day in range(20, 40):
        days.note(NoteKind.ILL, day, day)
    assert about(days, 50) == {NoteKind.HOLIDAY}
    assert about(days, 39) == {NoteKind.HOLIDAY, NoteKind.ILL}
    assert about(days, 25) == set(), "the one that ended first gave way"
    assert kinds(days.live(9, ILL)) == []


def test_a_note_of_long_ago_takes_no_place_of_a_later_one() -> None:
    days = after_a_month()
    for day in range(40 - NOTES, 40):
        days.note(NoteKind.ILL, day, day)
    days.note(NoteKind.HOLIDAY, 12, 14)
    assert all(about(days, day) == {NoteKind.ILL} for day in range(40 - NOTES, 40))
    aside = days.detector._state.set_aside[0]
    assert aside[(FIRST_DAY + np.array([12, 13, 14])) % len(aside)].all(), "its days are set aside"


def test_of_notes_that_all_go_on_those_that_hold_nothing_give_way() -> None:
    days = after_a_month()
    days.note(NoteKind.EXAMS, 41, 90)
    for day in range(NOTES - 1):
        days.note(NoteKind.ILL, 41 + day, 80)
    days.note(NoteKind.HOLIDAY, 60, 70)
    assert about(days, 65) == {NoteKind.ILL, NoteKind.HOLIDAY}
    with pytest.raises(ValueError, match="take one of them back first"):
        days.note(NoteKind.HOLIDAY, 61, 71)
    days.unnote(NoteKind.ILL, 41, 80)
    days.note(NoteKind.HOLIDAY, 61, 71)
    assert about(days, 71) == {NoteKind.ILL, NoteKind.HOLIDAY}


@pytest.mark.parametrize("kind", sorted(HOLDS | LEAVES_OUT))
def test_days_are_judged_again_from_when_their_note_is_taken_back(kind: NoteKind) -> None:
    days = after_a_month()
    days.note(kind, 40, 60)
    assert kinds(days.live(4, ILL)) == []
    days.unnote(kind, 40, 60)
    assert ("illness", "opened") in kinds(days.live(4, ILL))


def test_days_whose_note_is_taken_back_teach_again() -> None:
    told, taken_back, untold = Days(), Days(), Days()
    for days in (told, taken_back, untold):
        days.live(30)
        days.live(12, AWAKE)
    for days in (told, taken_back):
        days.note(NoteKind.HOLIDAY, 30, 41)
    taken_back.unnote(NoteKind.HOLIDAY, 30, 41)
    for days in (told, taken_back, untold):
        days.live(14)
        days.live(1, AWAKE)
    assert told.scores[-1] != untold.scores[-1]
    assert taken_back.scores[-1] == untold.scores[-1]


def test_a_day_that_another_note_is_about_stays_set_aside() -> None:
    days = after_a_month()
    days.note(NoteKind.ILL, 30, 35)
    days.note(NoteKind.HOLIDAY, 34, 38)
    days.unnote(NoteKind.ILL, 30, 35)
    aside = days.detector._state.set_aside[0]
    found = [bool(aside[(FIRST_DAY + day) % len(aside)]) for day in range(30, 40)]
    assert found == [False] * 4 + [True] * 5 + [False]


def test_taking_back_what_was_never_told_changes_nothing() -> None:
    days = after_a_month()
    days.note(NoteKind.ILL, 41, 45)
    before = days.detector.snapshot([1])
    days.unnote(NoteKind.ILL, 41, 44)
    days.unnote(NoteKind.EXAMS, 41, 45)
    assert days.detector.snapshot([1]) == before
