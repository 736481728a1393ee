"""A young person's own data for programs that they gave a token: week, pause, asking, who looked.

Everything is theirs: the person comes from the token and from nowhere else. Words, not scores.
"""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from portal.api.operations import Answer, Call, Request, Written
from portal.api.problems import ProblemError, ProblemKind
from portal.check_in import Ask, AskStatus, my_asks
from portal.check_in_pages import take_asks_back, write_ask
from portal.context import Audience, Scope
from portal.my_week import MyDayKind
from portal.pauses import PauseFor
from portal.young.texts import MIDDLE, say
from portal.young_person_pages import (
    pause,
    read_asks,
    read_good_words,
    read_looks,
    read_mine,
    read_week,
    resume,
)
from tidewell.vocabulary import CheckInChoice


class Myself(Answer):
    """Whose token this is, and what it may do."""

    name: str
    audience: Audience
    staff_id: int | None
    person_id: int | None
    scopes: list[Scope]


class MyDayAnswer(Answer):
    """How a day was."""

    day: date
    kind: MyDayKind
    words: str
    changes: list[str]


class MyWeekAnswer(Answer):
    """The last seven closed days in words, good things first."""

    introduction: str
    good: list[str]
    went_well: list[str] = Field(description="What they wrote lately that went well.")
    different: list[str]
    noticed: list[str]
    about_device: list[str]
    days: list[MyDayAnswer]
    helpers: list[str] = Field(description="Who is there for them.")


class PauseAnswer(Answer):
    """Whether it is paused, and until when; no end means until they say."""

    is_paused: bool
    paused_from: datetime | None
    paused_until: datetime | None
    words: str


class PauseRequest(Request):
    """How long nothing is kept."""

    choice: PauseFor


class AskAnswer(Answer):
    """What was asked, and what became of it."""

    choices: list[str]
    asked_at: datetime
    status: AskStatus
    sentence: str
    may_take_back: bool
    is_open: bool


class Asks(Answer):
    """What was asked lately, the newest first."""

    items: list[AskAnswer]


class AskRequest(Request):
    """Why somebody asks their worker to check in; there is no box for words."""

    choice: CheckInChoice


class Look(Answer):
    """Somebody looked, on one day, at one kind of thing."""

    day: date
    name: str
    looked_at: str
    times: int
    last_at: datetime
    words: str


class Looks(Answer):
    """Who looked at their information in the last 90 days, the latest first."""

    items: list[Look]


async def show_myself(call: Call) -> Myself:
    """Return whose token this is."""
    viewer = call.viewer
    return Myself(
        name=viewer.name,
        audience=viewer.audience,
        staff_id=viewer.staff_id,
        person_id=viewer.person_id,
        scopes=sorted(viewer.scopes),
    )


async def show_week(call: Call) -> MyWeekAnswer:
    """Return the week in words."""
    mine = await read_mine(call.connection, call.request)
    told = await read_week(call.connection, mine, call.now)
    went_well = await read_good_words(call.connection, mine, call.now)
    days = [
        MyDayAnswer(day=one.day, kind=one.kind, words=one.kind.words, changes=list(one.changes))
        for one in told.week.days
    ]
    return MyWeekAnswer(
        introduction=told.week.introduction,
        good=list(told.week.good),
        went_well=[one.words for one in went_well],
        different=list(told.week.different),
        noticed=told.noticed,
        about_device=told.facts,
        days=days,
        helpers=[one.words for one in mine.helpers],
    )


async def show_pause(call: Call) -> PauseAnswer:
    """Return whether it is paused."""
    myself = (await read_mine(call.connection, call.request)).myself
    return PauseAnswer(
        is_paused=myself.paused_from is not None,
        paused_from=myself.paused_from,
        paused_until=myself.paused_until,
        words=myself.pause_words(call.now) or "",
    )


async def start_pause(call: Call) -> PauseAnswer:
    """Keep nothing from now on."""
    await pause(call.connection, call.request, call.body_as(PauseRequest).choice)
    return await show_pause(call)


async def end_pause(call: Call) -> PauseAnswer:
    """Keep everything again."""
    await resume(call.connection, call.request)
    return await show_pause(call)


async def list_asks(call: Call) -> Asks:
    """Return what was asked lately."""
    myself = (await read_mine(call.connection, call.request)).myself
    asked = await read_asks(call.connection, call.request)
    told = my_asks(asked, myself.reading_level, myself.timezone, call.now)
    return Asks(items=[_ask(one) for one in told])


async def ask(call: Call) -> Written:
    """Ask the worker to check in."""
    choice = call.body_as(AskRequest).choice
    return Written(is_new=await write_ask(call.connection, call.request, choice))


async def take_back(call: Call) -> Asks:
    """Say that it is not needed any more."""
    if not await take_asks_back(call.connection, call.request):
        raise ProblemError(
            ProblemKind.TOO_MANY_REQUESTS,
            fact=say("asking.too_often", MIDDLE) + ".",
            headers={"Retry-After": "3600"},
        )
    return await list_asks(call)


async def list_looks(call: Call) -> Looks:
    """Return who looked."""
    mine = await read_mine(call.connection, call.request)
    items = [
        Look(
            day=one.day,
            name=one.name,
            looked_at=one.looked_at,
            times=one.times,
            last_at=one.last_at,
            words=one.words(mine.myself.reading_level),
        )
        for one in await read_looks(call.connection, mine, call.now)
    ]
    return Looks(items=items)


def _ask(one: Ask) -> AskAnswer:
    return AskAnswer(
        choices=[row.choice for row in one.asked],
        asked_at=one.asked[0].at,
        status=one.status,
        sentence=one.sentence,
        may_take_back=one.may_take_back,
        is_open=one.is_open,
    )
