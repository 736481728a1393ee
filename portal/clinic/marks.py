"""What happened to a person beside their measures: notes, contacts, alerts, pauses, worries. Pure.

Each mark has a letter on the picture and its words in a list below: never a colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from portal.alert_words import cause_words, outcome_words
from portal.context_notes import Reader, kind_words
from portal.words import day_words, level_words, local_day

MARKS_MOST: Final = 200
"""Four a week for a year; the latest ones where there are more."""


class MarkKind(StrEnum):
    """What kind of thing happened."""

    NOTE = "note"
    CONTACT = "contact"
    ALERT = "alert"
    PAUSE = "pause"
    WORRY = "worry"


_LETTERS: Final = {
    MarkKind.NOTE: "N",
    MarkKind.CONTACT: "C",
    MarkKind.ALERT: "A",
    MarkKind.PAUSE: "P",
    MarkKind.WORRY: "W",
}
_NAMES: Final = {
    MarkKind.NOTE: "Note",
    MarkKind.CONTACT: "Contact",
    MarkKind.ALERT: "Alert",
    MarkKind.PAUSE: "Paused",
    MarkKind.WORRY: "Somebody was worried",
}
assert set(_LETTERS) == set(_NAMES) == set(MarkKind)
_CONTACT_WORDS: Final = {
    "spoke": "spoke to them",
    "tried": "tried to reach them",
    "visited": "visited them",
}
"""Contacts that were written down; every other one is how an alert ended."""


@dataclass(frozen=True, slots=True)
class MarkRow:
    """Something that happened, as the database has it; without an end it still goes on."""

    kind: str
    starts_at: datetime
    ends_at: datetime | None
    what: str
    level: str
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, as the picture and the list have it."""

    kind: MarkKind
    starts_at: datetime
    ends_at: datetime | None
    words: str
    day: date

    @property
    def letter(self) -> str:
        """Return what stands on the picture."""
        return _LETTERS[self.kind]


def mark_of(row: MarkRow, zone: str) -> Mark:
    """Return a mark with its words."""
    kind = MarkKind(row.kind)
    day = local_day(row.starts_at, zone)
    return Mark(kind, row.starts_at, row.ends_at, _words(kind, row), day)


def _words(kind: MarkKind, row: MarkRow) -> str:
    name = _NAMES[kind]
    if kind is MarkKind.NOTE:
        own = f" “{row.words}”" if row.words else ""
        return f"{name}: {kind_words(row.what, Reader.STAFF)}.{own}"
    if kind is MarkKind.CONTACT:
        return f"{name}: {_CONTACT_WORDS.get(row.what) or outcome_words(row.what)}."
    if kind is MarkKind.ALERT:
        return f"{name}: {cause_words(row.what)} ({level_words(row.level).lower()})."
    return f"{name}."


def mark_line(mark: Mark, today: date) -> str:
    """Return a mark with its day, for lists and choices."""
    return f"{day_words(mark.day, today)}: {mark.words}"
