"""Notes about days: "I was ill", "exam week", "someone else wore it". Pure.

A note explains days or sets them aside; it never makes anybody be noticed more. The kinds are the
ones that the detector knows. The words that somebody adds are for the people who read the page:
they are never part of what looks for changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, StringConstraints

from portal.words import counted, day_words

DAYS_BACK_MOST: Final = 90
"""What is usual is learned from the last three months; older days change nothing."""
DAYS_AHEAD_MOST: Final = 90
"""A term ahead: far enough for the next holiday or exams."""
LENGTH_DAYS_MOST: Final = 62
"""A note about more than two months says that something else is usual by then."""
OWN_WORDS_CHARACTERS_MOST: Final = 500
"""A few sentences; longer things are better said to each other."""


class NoteKind(StrEnum):
    """What was different about some days."""

    ILL = "ill"
    EXAMS = "exams"
    HOLIDAY = "holiday"
    SOMEONE_ELSE = "someone_else"
    OTHER = "other"


class Reader(Enum):
    """Who reads the words of a note: the young person, or somebody who works with them."""

    YOUNG_PERSON = "young_person"
    STAFF = "staff"


_KIND_WORDS: Final[dict[NoteKind, tuple[str, str]]] = {
    NoteKind.ILL: ("I was ill", "Ill"),
    NoteKind.EXAMS: ("Exams or tests", "Exams or tests"),
    NoteKind.HOLIDAY: ("On holiday or away from home", "On holiday or away from home"),
    NoteKind.SOMEONE_ELSE: ("Someone else wore my device", "Somebody else wore the device"),
    NoteKind.OTHER: ("Something else", "Something else"),
}

_HELD: Final = (
    "Changes in your sleep and your body are no surprise on these days, so they raise no alert.",
    "Changes in sleep and body measures raise no alert on these days.",
)
_BESIDE: Final = (
    "We still look for changes on these days. Your note stands beside them.",
    "Changes are looked for as ever; the note stands beside them.",
)
_LEFT_OUT: Final = (
    "These days are left out, because they are not about you.",
    "These days are left out, because they are about somebody else.",
)
_EFFECTS: Final[dict[NoteKind, tuple[str, str]]] = {
    NoteKind.ILL: _HELD,
    NoteKind.EXAMS: _BESIDE,
    NoteKind.HOLIDAY: _HELD,
    NoteKind.SOMEONE_ELSE: _LEFT_OUT,
    NoteKind.OTHER: _BESIDE,
}


@dataclass(frozen=True, slots=True)
class NoteChoice:
    """One kind of note as the form offers it."""

    value: str
    words: str
    hint: str


@dataclass(frozen=True, slots=True)
class NoteDays:
    """The days of a note, checked."""

    kind: NoteKind
    first_day: date
    last_day: date


class NoteForm(BaseModel):
    """A note as somebody typed it; kept, so that a mistake does not cost their words."""

    kind: str = ""
    first_day: str = ""
    last_day: str = ""
    own_words: Annotated[str, StringConstraints(strip_whitespace=True)] = ""

    def errors(self, today: date) -> dict[str, str]:
        """Return what is wrong with it, by field, in the order of the form."""
        found: dict[str, str] = {}
        if self.kind not in list(NoteKind):
            found["kind"] = "Choose what was different"
        found |= self._day_errors(today)
        if len(self.own_words) > OWN_WORDS_CHARACTERS_MOST:
            found["own_words"] = f"Shorten your words to {OWN_WORDS_CHARACTERS_MOST} characters"
        return found

    def days(self) -> NoteDays:
        """Return the days of a form without errors; a note without a last day is about one day."""
        first = date.fromisoformat(self.first_day)
        last = date.fromisoformat(self.last_day) if self.last_day else first
        return NoteDays(NoteKind(self.kind), first, last)

    def _day_errors(self, today: date) -> dict[str, str]:
        first, last = _day(self.first_day), _day(self.last_day or self.first_day)
        if first is None:
            return {"first_day": "Enter the first day"}
        if last is None:
            return {"last_day": "Enter the last day, or leave it empty for one day"}
        if first < today - timedelta(days=DAYS_BACK_MOST):
            return {"first_day": f"The first day can be {DAYS_BACK_MOST} days back at most"}
        if last < first:
            return {"last_day": "The last day must not be before the first day"}
        if last > today + timedelta(days=DAYS_AHEAD_MOST):
            return {"last_day": f"The last day can be {DAYS_AHEAD_MOST} days ahead at most"}
        if (last - first).days >= LENGTH_DAYS_MOST:
            return {"last_day": f"A note can be about {counted(LENGTH_DAYS_MOST, 'day')} at most"}
        return {}


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A note about days, as the database has it."""

    context_note_id: int
    kind: str
    first_day: date
    last_day: date
    own_words: str
    staff_id: int | None
    staff_name: str | None
    created_at: datetime

    @property
    def days_words(self) -> str:
        """Return the days that it is about."""
        if self.first_day == self.last_day:
            return day_words(self.first_day)
        return f"{day_words(self.first_day)} to {day_words(self.last_day)}"

    def kind_words(self, reader: Reader) -> str:
        """Return what was different; only somebody's own note says "I"."""
        own = reader is Reader.YOUNG_PERSON and self.staff_id is None
        return kind_words(self.kind, Reader.YOUNG_PERSON if own else Reader.STAFF)


def kind_words(kind: str, reader: Reader) -> str:
    """Return a kind of note as its reader has it; one that we do not know is still shown."""
    if kind not in list(NoteKind):
        return kind.replace("_", " ").capitalize()
    return _KIND_WORDS[NoteKind(kind)][reader is Reader.STAFF]


def note_choices(reader: Reader) -> list[NoteChoice]:
    """Return the kinds of notes with what each of them does."""
    staff = reader is Reader.STAFF
    return [
        NoteChoice(kind.value, _KIND_WORDS[kind][staff], _EFFECTS[kind][staff]) for kind in NoteKind
    ]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
