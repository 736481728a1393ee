"""What a young person says, switches off and asks, for programs that they gave a token.

Everything is theirs: the person comes from the token and from nowhere else. Skipping is an answer
like any other, nothing is counted, and what they write is told to somebody in the same transaction.
A program that shows the boxes shows `help` beside them, before and after anybody writes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from portal.api.operations import Answer, Call, Request, Text, broken_rules
from portal.api.problems import ProblemError, ProblemKind
from portal.api.record import CheckIn, check_in
from portal.rendering import HELP_LINES
from portal.words import local_day
from portal.young.information_pages import write_level
from portal.young.looking import urgent_words
from portal.young.measures import GROUPS
from portal.young.measures_pages import SwitchForm, read_groups_off, switch
from portal.young.request_pages import read_my_requests, write_request, write_take_back
from portal.young.requests import (
    WORDS_CHARACTERS_MOST as REQUEST_CHARACTERS_MOST,
)
from portal.young.requests import MyRequestRow, RequestForm, RequestKind, RequestOutcome
from portal.young.texts import LEVELS, MIDDLE, OLDEST, YOUNGEST, say
from portal.young.today_pages import keep_check_in, read_said
from portal.young.today_rows import (
    WORDS_CHARACTERS_MOST,
    CheckInForm,
    Face,
    is_asked_today,
)
from portal.young_person_pages import Mine, read_mine
from tidewell.vocabulary import Level

AN_HOUR: Final = {"Retry-After": "3600"}
A_DAY: Final = {"Retry-After": "86400"}

ReadingLevel = Literal["8-11", "12-15", "16-18"]
assert (YOUNGEST, MIDDLE, OLDEST) == LEVELS == ("8-11", "12-15", "16-18")


ChannelGroup = Literal["heart", "movement", "sleep", "skin", "sweat", "oxygen", "breathing"]
assert get_args(ChannelGroup) == tuple(GROUPS)


class HelpAnswer(Answer):
    """One way to reach help at once."""

    name: str
    when: str
    contact: str
    address: str = Field(description="`tel:` or `sms:` and the number.")
    more: str


class Help(Answer):
    """Where to get help at once. Tidewell is not an emergency service."""

    items: list[HelpAnswer]


class Today(Answer):
    """How I am: what I said lately, the latest first."""

    is_answered_today: bool = Field(description="Said or skipped: then nobody asks again today.")
    urgent: str = Field(description="What becomes of words that cannot wait.")
    help: list[HelpAnswer] = Field(description="Show it before and after anybody writes.")
    items: list[CheckIn]


class TodayRequest(Request):
    """A face, words, or neither of them."""

    face: Face | None = None
    skip: bool = Field(default=False, description="Say nothing today, which is as good an answer.")
    going_well: Annotated[Text, Field(max_length=WORDS_CHARACTERS_MOST)] = ""
    worries: Annotated[Text, Field(max_length=WORDS_CHARACTERS_MOST)] = ""
    hopes: Annotated[Text, Field(max_length=WORDS_CHARACTERS_MOST)] = ""
    read_soon: bool = Field(default=False, description="Somebody should read this soon.")


class TodaySaid(Answer):
    """It is kept, and whoever should read it is told."""

    told: Level | None = Field(description="How soon somebody is told; null: there is no text.")
    today: Today


class MeasureGroup(Answer):
    """A group of channels."""

    group: ChannelGroup
    name: str
    hint: str
    channels: list[str]
    is_used: bool


class MyMeasures(Answer):
    """What my device may use."""

    items: list[MeasureGroup]


class SwitchRequest(Request):
    """Which group, and whether it is used."""

    group: ChannelGroup
    is_used: bool


class Reading(Answer):
    """How the texts are written."""

    level: ReadingLevel


class ReadingRequest(Request):
    """How the texts shall be written."""

    level: ReadingLevel


class MyRequest(Answer):
    """What I asked about my information, and what became of it."""

    request_id: int
    kind: RequestKind
    words: str
    asked_at: datetime
    is_open: bool
    taken_back_at: datetime | None
    outcome: RequestOutcome | None
    answer: str
    answered_at: datetime | None
    answered_by: str | None


class MyRequests(Answer):
    """What I asked about my information, the latest first."""

    items: list[MyRequest]


class AskAboutMe(Request):
    """What somebody asks about their own information."""

    kind: RequestKind
    words: Annotated[Text, Field(max_length=REQUEST_CHARACTERS_MOST)] = ""


async def show_help(call: Call) -> Help:
    """Return the help lines."""
    return Help(items=_help(call))


async def show_today(call: Call) -> Today:
    """Return what was said lately."""
    return await _today(call, await read_mine(call.connection, call.request))


async def say_today(call: Call) -> TodaySaid:
    """Keep how somebody says that they are, and tell of their words."""
    said = call.body_as(TodayRequest)
    form = CheckInForm(
        face=said.face or "",
        skip="yes" if said.skip else "",
        going_well=said.going_well,
        worries=said.worries,
        hopes=said.hopes,
        read_soon="yes" if said.read_soon else "",
    )
    mine = await read_mine(call.connection, call.request)
    if not form.says_something:
        raise broken_rules({"face": say("today.nothing_said", mine.level)})
    if not await keep_check_in(call.connection, call.request, mine, form):
        fact = say("today.too_often", mine.level)
        raise ProblemError(ProblemKind.TOO_MANY_REQUESTS, fact=fact, headers=AN_HOUR)
    return TodaySaid(told=form.told_at, today=await _today(call, mine))


async def list_measures(call: Call) -> MyMeasures:
    """Return what is used and what is not."""
    mine = await read_mine(call.connection, call.request)
    off = await read_groups_off(call.connection, call.request)
    items = [
        MeasureGroup(
            group=group,
            name=say(f"measures.{group}", mine.level),
            hint=say(f"measures.{group}_hint", mine.level),
            channels=list(GROUPS[group]),
            is_used=group not in off,
        )
        for group in get_args(ChannelGroup)
    ]
    return MyMeasures(items=items)


async def switch_measure(call: Call) -> MyMeasures:
    """Stop using a group of channels from this moment on, or use it again."""
    said = call.body_as(SwitchRequest)
    form = SwitchForm(group=said.group, use="on" if said.is_used else "off")
    await switch(call.connection, call.request, form)
    return await list_measures(call)


async def show_reading(call: Call) -> Reading:
    """Return how the texts are written."""
    mine = await read_mine(call.connection, call.request)
    return Reading.model_validate({"level": mine.level if mine.level in LEVELS else MIDDLE})


async def choose_reading(call: Call) -> Reading:
    """Keep how the texts shall be written."""
    await write_level(call.connection, call.request, call.body_as(ReadingRequest).level)
    return await show_reading(call)


async def list_my_requests(call: Call) -> MyRequests:
    """Return what was asked and answered."""
    found = await read_my_requests(call.connection, call.viewer.known_person_id)
    return MyRequests(items=[_request(one) for one in found])


async def ask_about_me(call: Call) -> MyRequests:
    """Keep what somebody asks, and tell of their words."""
    said = call.body_as(AskAboutMe)
    form = RequestForm(kind=said.kind, words=said.words)
    if not await write_request(call.connection, call.request, form):
        fact = say("requests.too_many", MIDDLE)
        raise ProblemError(ProblemKind.TOO_MANY_REQUESTS, fact=fact, headers=A_DAY)
    return await list_my_requests(call)


async def take_request_back(call: Call) -> MyRequests:
    """Note that no answer is needed any more."""
    if not await write_take_back(call.connection, call.request):
        raise ProblemError(ProblemKind.NOT_FOUND)
    return await list_my_requests(call)


async def _today(call: Call, mine: Mine) -> Today:
    said = await read_said(call.connection, mine)
    today = local_day(call.now, mine.myself.timezone)
    return Today(
        is_answered_today=await is_asked_today(call.connection, mine.myself.person_id, today),
        urgent=urgent_words(mine.worker_said, mine.stretch, mine.level),
        help=_help(call),
        items=[check_in(one) for one in said],
    )


def _help(call: Call) -> list[HelpAnswer]:
    return [
        HelpAnswer.model_validate(one.model_dump()) for one in call.request.app[HELP_LINES].line
    ]


def _request(row: MyRequestRow) -> MyRequest:
    return MyRequest(
        request_id=row.data_request_id,
        kind=RequestKind(row.kind),
        words=row.words,
        asked_at=row.asked_at,
        is_open=row.is_open,
        taken_back_at=row.taken_back_at,
        outcome=RequestOutcome(row.outcome) if row.outcome else None,
        answer=row.answer,
        answered_at=row.answered_at,
        answered_by=row.answered_by_name,
    )
