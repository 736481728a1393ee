"""Cover for programs of practitioners: who covers for whom, and handing over what is in hand.

Nothing changes hands before its receiver accepts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from portal.api.alerts import MOST_INTEGER
from portal.api.operations import Answer, Call, Day, Request, broken_rules
from portal.api.problems import ProblemError, ProblemKind
from portal.away import ANSWER_WORDS, AwayForm, CoverAnswer, CoverRow, InHandRow
from portal.away_pages import arrange, change_cover, hand_all_over, read_away
from tidewell.vocabulary import Level


class Cover(Answer):
    """Somebody covers for somebody, or is asked to."""

    cover_id: int
    is_mine: bool = Field(description="Whoever asks is the one who is away.")
    away_name: str
    cover_name: str
    valid_from: datetime
    valid_until: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    words: str


class InHand(Answer):
    """An alert that one is on, or that is offered to one."""

    public_id: str
    person_id: int
    name: str
    level: Level
    raised_at: datetime
    snoozed_until: datetime | None
    is_mine: bool
    is_waiting: bool
    offered_to_name: str | None


class CouldCover(Answer):
    """A colleague who could cover."""

    staff_id: int
    name: str
    is_own_team: bool


class Covers(Answer):
    """Covers that are not over, what is in hand, and who could cover."""

    timezone: str = Field(description="Whose midnight begins and ends a day of cover.")
    covers: list[Cover]
    in_hand: list[InHand]
    colleagues: list[CouldCover]


class ArrangeRequest(Request):
    """When somebody is away, and who is asked."""

    first_day: Day
    last_day: Day | None = None
    staff_id: Annotated[int, Field(ge=1, le=MOST_INTEGER, description="One of `colleagues`.")]


class CoverDone(Answer):
    """What became of it."""

    result: CoverAnswer


class HandedOver(Answer):
    """How many alerts were offered; each stays until it is taken."""

    offered: int


async def show_cover(call: Call) -> Covers:
    """Return covers, what is in hand, and who could cover."""
    view = await read_away(call.connection, call.request)
    staff_id = call.viewer.known_staff_id
    return Covers(
        timezone=view.timezone,
        covers=[_cover(one, staff_id, call.now) for one in view.covers],
        in_hand=[_in_hand(one, staff_id) for one in view.alerts],
        colleagues=[
            CouldCover(staff_id=one.staff_id, name=one.name, is_own_team=one.is_own_team)
            for one in view.colleagues
        ],
    )


async def arrange_cover(call: Call) -> CoverDone:
    """Ask a colleague to cover."""
    said = call.body_as(ArrangeRequest)
    form = AwayForm(
        first_day=said.first_day.isoformat(),
        last_day=said.last_day.isoformat() if said.last_day else "",
        receiver=said.staff_id,
    )
    if errors := form.errors():
        raise broken_rules(errors)
    return _done(await arrange(call.connection, call.request, form))


async def accept_cover(call: Call) -> CoverDone:
    """Say that one covers."""
    return _done(await change_cover(call.connection, call.request, "accept"))


async def end_cover(call: Call) -> CoverDone:
    """Take back what one arranged, or say that one cannot."""
    return _done(await change_cover(call.connection, call.request, "end"))


async def hand_over(call: Call) -> HandedOver:
    """Offer everything in hand to the one who covers."""
    return HandedOver(offered=await hand_all_over(call.connection, call.request))


def _done(answer: CoverAnswer) -> CoverDone:
    if not answer.is_done:
        raise ProblemError(ProblemKind.CANNOT_BE_DONE_NOW, fact=ANSWER_WORDS[answer])
    return CoverDone(result=answer)


def _cover(row: CoverRow, staff_id: int, now: datetime) -> Cover:
    is_mine = row.away_staff_id == staff_id
    return Cover(
        cover_id=row.cover_id,
        is_mine=is_mine,
        away_name=row.giver_name,
        cover_name=row.receiver_name,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        accepted_at=row.accepted_at,
        ended_at=row.ended_at,
        words=row.giver_words(now) if is_mine else row.receiver_words(now),
    )


def _in_hand(row: InHandRow, staff_id: int) -> InHand:
    return InHand(
        public_id=row.public_id,
        person_id=row.person_id,
        name=row.name,
        level=Level(row.level),
        raised_at=row.raised_at,
        snoozed_until=row.snoozed_until,
        is_mine=row.accepted_by == staff_id,
        is_waiting=row.is_waiting,
        offered_to_name=row.receiver_name,
    )
