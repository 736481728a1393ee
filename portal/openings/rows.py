"""Openings in need, in rows, words and forms. Pure.

The limits themselves stand in the database, in the functions that open; a test holds that what is
said here is what happens there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, StringConstraints

OPEN_FOR: Final = timedelta(hours=4)
"""A risk is handed on to somebody who is assigned, or to the duty line, within half a shift."""
OPENINGS_A_DAY: Final = 3
"""Who needs more of them lacks an assignment or a rota, and not a way around these."""
TRIES_AN_HOUR: Final = 5
"""A slip of the pen needs one or two; who guesses who is here needs many."""
REASON_CHARACTERS_LEAST: Final = 20
""""Urgent" is no reason; one short sentence is."""
REASON_CHARACTERS_MOST: Final = 500
"""What has to be known; the rest is written in the person's record."""
CALLED_CHARACTERS_MOST: Final = 100
"""Longer than any name or label."""


class OpeningAnswer(StrEnum):
    """What became of an attempt to open somebody's pages; the words of the database's function."""

    OPENED = "opened"
    OPEN_ALREADY = "open_already"
    NOBODY_FOUND = "nobody_found"
    TOO_MANY_TRIES = "too_many_tries"
    TOO_MANY_OPENINGS = "too_many_openings"
    NOT_FOR_YOU = "not_for_you"


class Verdict(StrEnum):
    """What a service manager thinks of an opening."""

    IN_ORDER = "in_order"
    TO_TALK_ABOUT = "to_talk_about"


VERDICT_WORDS: Final = {
    Verdict.IN_ORDER: "It was in order",
    Verdict.TO_TALK_ABOUT: "It has to be talked about",
}
ANSWER_WORDS: Final = {
    OpeningAnswer.NOBODY_FOUND: "No pages were opened by this name or label. Write it exactly as it is in Tidewell; where several people have one name, only the label tells them apart",  # noqa: E501 -- a sentence
    OpeningAnswer.TOO_MANY_TRIES: "You tried too many names. Wait an hour, or ring the duty line or a service manager",  # noqa: E501 -- a sentence
    OpeningAnswer.TOO_MANY_OPENINGS: f"You opened {OPENINGS_A_DAY} people's pages within a day, and more is not possible. Ring the duty line or a service manager",  # noqa: E501 -- a sentence
}


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What the database answered to an attempt."""

    answer: str
    opened_person_id: int | None


@dataclass(frozen=True, slots=True)
class FlagRow:
    """Whether something was done."""

    is_done: bool


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """An opening, as far as the viewer may know of it."""

    opening_id: int
    person_id: int
    called: str
    opener: str
    is_own: bool
    is_mine: bool
    reason: str | None
    opened_at: datetime
    ends_at: datetime
    finished_at: datetime | None
    reviewed_at: datetime | None
    reviewer: str | None
    verdict: str | None

    def is_running(self, now: datetime) -> bool:
        """Return whether the pages are still open."""
        return self.closed_at > now

    @property
    def closed_at(self) -> datetime:
        """Return when it ends or ended."""
        return self.finished_at or self.ends_at

    def review_words(self, now: datetime) -> str:
        """Return what a service manager said about it, or that nobody has."""
        if self.verdict is not None:
            return f"{VERDICT_WORDS[Verdict(self.verdict)]}: {self.reviewer}"
        return "Open now" if self.is_running(now) else "Not reviewed yet"


class OpeningForm(BaseModel):
    """Whom somebody opens and why; kept as typed, so that a mistake does not cost the reason."""

    called: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
    reason: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
    confirmed: str = ""

    def errors(self) -> dict[str, str]:
        """Return what is wrong with it, by field, in the order of the form."""
        found: dict[str, str] = {}
        if not self.called or len(self.called) > CALLED_CHARACTERS_MOST:
            found["called"] = "Enter the label or the name"
        if len(self.reason) < REASON_CHARACTERS_LEAST:
            found["reason"] = "Write in a sentence who is at risk of what, and whom you tried"
        elif len(self.reason) > REASON_CHARACTERS_MOST:
            found["reason"] = f"Shorten the reason to {REASON_CHARACTERS_MOST} characters"
        if not self.confirmed:
            found["confirmed"] = "Confirm that it is so, or ask somebody who is assigned"
        return found


class ReviewForm(BaseModel):
    """What a service manager thinks of an opening."""

    verdict: Verdict
