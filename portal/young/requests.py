"""What a young person asks about their own information, and what became of it. Pure.

The law gives one month to answer; the pages say until when, and who has to answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, StringConstraints

WORDS_CHARACTERS_MOST: Final = 1_000
"""A page; the database holds the same limit."""
ANSWER_WITHIN: Final = timedelta(days=28)
"""The UK GDPR gives one month, Article 12(3); the shortest month has 28 days."""


class RequestKind(StrEnum):
    """What somebody asks about their own information."""

    CORRECT = "correct"
    DELETE = "delete"
    OBJECT = "object"
    QUESTION = "question"

    @property
    def words(self) -> str:
        """Return the kind as staff read it."""
        return _KIND_WORDS[self]


class RequestOutcome(StrEnum):
    """What became of a request."""

    DONE = "done"
    DONE_IN_PART = "done_in_part"
    NOT_DONE = "not_done"

    @property
    def words(self) -> str:
        """Return the outcome as staff choose it."""
        return _OUTCOME_WORDS[self]


_KIND_WORDS: Final = {
    RequestKind.CORRECT: "asks that something is corrected",
    RequestKind.DELETE: "asks that something is deleted",
    RequestKind.OBJECT: "asks that something is not used any more",
    RequestKind.QUESTION: "has a question",
}
_OUTCOME_WORDS: Final = {
    RequestOutcome.DONE: "Done",
    RequestOutcome.DONE_IN_PART: "Done in part",
    RequestOutcome.NOT_DONE: "Not done",
}


@dataclass(frozen=True, slots=True)
class MyRequestRow:
    """A request, as the one who asked sees it."""

    data_request_id: int
    kind: str
    words: str
    asked_at: datetime
    taken_back_at: datetime | None
    outcome: str | None
    answer: str
    answered_at: datetime | None
    answered_by_name: str | None

    @property
    def is_open(self) -> bool:
        """Return whether somebody still has to answer."""
        return self.answered_at is None and self.taken_back_at is None


@dataclass(frozen=True, slots=True)
class StaffRequestRow:
    """A request, as those see it to whom the pages of the person open."""

    data_request_id: int
    person_id: int
    kind: str
    words: str
    asked_at: datetime
    outcome: str | None
    answer: str
    answered_at: datetime | None
    name: str
    answered_by_name: str | None

    @property
    def kind_words(self) -> str:
        """Return what they ask."""
        return RequestKind(self.kind).words

    @property
    def outcome_words(self) -> str:
        """Return what became of it."""
        return RequestOutcome(self.outcome).words if self.outcome else ""

    @property
    def due_at(self) -> datetime:
        """Return until when it has to be answered."""
        return self.asked_at + ANSWER_WITHIN


@dataclass(frozen=True, slots=True)
class AdminRequestRow:
    """A request, as an administrator sees it: neither the name nor the words."""

    label: str
    kind: str
    asked_at: datetime

    @property
    def kind_words(self) -> str:
        """Return what they ask."""
        return RequestKind(self.kind).words

    @property
    def due_at(self) -> datetime:
        """Return until when it has to be answered."""
        return self.asked_at + ANSWER_WITHIN


class RequestForm(BaseModel):
    """A request as somebody typed it."""

    kind: str = ""
    words: Annotated[str, StringConstraints(strip_whitespace=True)] = ""

    def error(self) -> str:
        """Return the name of what is wrong with it, or nothing."""
        if self.kind not in list(RequestKind):
            return "requests.choose"
        return "today.too_long" if len(self.words) > WORDS_CHARACTERS_MOST else ""


class AnswerForm(BaseModel):
    """An answer as somebody typed it."""

    outcome: str = ""
    answer: Annotated[str, StringConstraints(strip_whitespace=True)] = ""

    def errors(self) -> dict[str, str]:
        """Return what is wrong with it, by field."""
        found: dict[str, str] = {}
        if self.outcome not in list(RequestOutcome):
            found["outcome"] = "Choose what became of it"
        if not self.answer:
            found["answer"] = "Write your answer: they read it as you write it"
        elif len(self.answer) > WORDS_CHARACTERS_MOST:
            found["answer"] = f"Shorten your answer to {WORDS_CHARACTERS_MOST} characters"
        return found
