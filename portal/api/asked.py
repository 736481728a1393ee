"""What young people asked about their own information, for programs of practitioners.

A look at each person whose request is told is written down. Their young person reads the answer as
it is written.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from portal.api.operations import Answer, Call, Request, Text, Written, broken_rules
from portal.young.request_pages import look_at_requests, write_answer
from portal.young.requests import (
    WORDS_CHARACTERS_MOST,
    AnswerForm,
    RequestKind,
    RequestOutcome,
    StaffRequestRow,
)


class AskedAbout(Answer):
    """What somebody asks about their own information."""

    request_id: int
    person_id: int
    name: str
    kind: RequestKind
    kind_words: str
    words: str
    asked_at: datetime
    due_at: datetime
    outcome: RequestOutcome | None
    answer: str
    answered_at: datetime | None
    answered_by: str | None


class AskedAboutMany(Answer):
    """What one's people ask: everything open, and what was answered in the last thirty days."""

    items: list[AskedAbout]


class AnswerRequest(Request):
    """What became of it, in words that the young person reads."""

    outcome: RequestOutcome
    answer: Annotated[Text, Field(min_length=1, max_length=WORDS_CHARACTERS_MOST)]


async def list_asked(call: Call) -> AskedAboutMany:
    """Return what one's people asked."""
    found = await look_at_requests(call.connection, call.request)
    return AskedAboutMany(items=[_asked(one) for one in found])


async def answer_asked(call: Call) -> Written:
    """Keep an answer."""
    said = call.body_as(AnswerRequest)
    form = AnswerForm(outcome=said.outcome, answer=said.answer)
    if errors := form.errors():
        raise broken_rules(errors)
    await write_answer(call.connection, call.request, form)
    return Written(is_new=True)


def _asked(row: StaffRequestRow) -> AskedAbout:
    return AskedAbout(
        request_id=row.data_request_id,
        person_id=row.person_id,
        name=row.name,
        kind=RequestKind(row.kind),
        kind_words=row.kind_words,
        words=row.words,
        asked_at=row.asked_at,
        due_at=row.due_at,
        outcome=RequestOutcome(row.outcome) if row.outcome else None,
        answer=row.answer,
        answered_at=row.answered_at,
        answered_by=row.answered_by_name,
    )
