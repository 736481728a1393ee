"""How a young person says that they are: the form, what is kept of it, and how soon it is read.

No score is made of it. Every free text may hold something that cannot wait, so every one of them is
told to somebody, and none is judged by its words: no list of words would be complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, StringConstraints

from portal.context import first_row
from tidewell.database import Connection, Queries
from tidewell.vocabulary import Level

WORDS_CHARACTERS_MOST: Final = 1_000
"""A page of a diary; the database holds the same limit."""

LEVEL_OF_A_WORRY: Final = Level.CHECK_NOW
"""What somebody writes under "What worries you?", or marks, may be about right now."""
LEVEL_OF_OTHER_WORDS: Final = Level.CHECK_TODAY
"""A disclosure may stand in any box; but "football was great" at midnight must ring nobody, or the
people on duty stop reading, and then nothing is read."""

QUERIES: Final = Queries("portal.young", "today.sql")

_Words = Annotated[str, StringConstraints(strip_whitespace=True)]
_BOXES: Final = ("going_well", "worries", "hopes")


class Face(StrEnum):
    """How somebody says that they are, without words of their own."""

    GREAT = "great"
    GOOD = "good"
    OKAY = "okay"
    NOT_GREAT = "not_great"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class CheckInRow:
    """What somebody said on a day."""

    check_in_id: int
    day: date
    at: datetime
    face: str | None
    going_well: str
    worries: str
    hopes: str
    read_soon: bool

    @property
    def is_skipped(self) -> bool:
        """Return whether they said nothing, which is as good an answer."""
        return self.face is None and not (self.going_well or self.worries or self.hopes)


@dataclass(frozen=True, slots=True)
class _IsAnswered:
    is_answered: bool


class CheckInForm(BaseModel):
    """A face, words, or neither of them, as somebody sent it."""

    face: str = ""
    skip: str = ""
    going_well: _Words = ""
    worries: _Words = ""
    hopes: _Words = ""
    read_soon: str = ""

    @property
    def has_words(self) -> bool:
        """Return whether there are any words of their own."""
        return bool(self.going_well or self.worries or self.hopes)

    @property
    def known_face(self) -> str | None:
        """Return the face, where one of ours was chosen."""
        return self.face if self.face in list(Face) else None

    @property
    def says_something(self) -> bool:
        """Return whether it is an answer: a face, words, the mark, or that they skip it."""
        return bool(self.known_face or self.has_words or self.read_soon or self.skip)

    @property
    def told_at(self) -> Level | None:
        """Return how soon somebody should read it; None where there is nothing to read."""
        if self.worries or self.read_soon:
            return LEVEL_OF_A_WORRY
        return LEVEL_OF_OTHER_WORDS if self.has_words else None

    def too_long(self) -> list[str]:
        """Return the boxes that hold more than is kept."""
        return [name for name in _BOXES if len(getattr(self, name)) > WORDS_CHARACTERS_MOST]


async def is_asked_today(connection: Connection, person_id: int, day: date) -> bool:
    """Return whether they were asked today and answered or skipped it: then nobody asks again."""
    values = {"person_id": person_id, "day": day}
    found = await first_row(connection, _IsAnswered, QUERIES["asked_today"], values)
    return found is not None and found.is_answered
