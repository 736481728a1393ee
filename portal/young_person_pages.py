"""The young person's own pages: my week, who looked, pause.

Everything here is theirs: the pages take the person from the session and from nowhere else. Pausing
and resuming are one tap each and equally easy; nothing asks why. How they are spoken to is their
choice, and every text of theirs stands in `portal/young/texts/`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from aiohttp import web
from pydantic import BaseModel

from portal.check_in import AskRow, Stretch, ahead_words, asked_words, my_asks
from portal.context import first_row, now_of, rows, transaction, viewer_of
from portal.daily import DayRow
from portal.explanation import first_changed_day, read_explanation
from portal.forms import read_form
from portal.my_week import WEEK_DAYS, MyWeek, my_week
from portal.pauses import PauseFor, pause_until
from portal.people import LookedAt
from portal.rendering import page
from portal.security import Refusal, not_found
from portal.words import listed, local_day
from portal.young.looking import Away, looking_words
from portal.young.noticed import noticed_words
from portal.young.texts import say
from portal.young.today_rows import is_asked_today
from tidewell.database import Connection, Queries
from tidewell.vocabulary import Family

LOOKS_MAX: Final = 100
ASKS_MOST: Final = 20
"""More than anybody asks in two weeks, and a page of it."""
ASKS_SHOWN_FOR: Final = timedelta(days=14)
"""Until it has been talked about; older ones are in the record."""
NOTICED_MOST: Final = 10
"""Few things are open at a time and each lasts for days; a week does not hold more."""
GOOD_WORDS_MOST: Final = 3
"""A few lines of their own before anything else."""
LOOKS_SHOWN_FOR: Final = timedelta(days=90)
"""A school term; who wants to know about longer ago asks their worker."""

_QUERIES: Final = Queries("portal", "young_person.sql")
_CONCERNS: Final = Queries("portal", "concerns.sql")
_ROLES: Final = {"practitioner": "worker", "clinician": "clinician", "admin": "admin"}

Say = Callable[..., str]


@dataclass(frozen=True, slots=True)
class MyselfRow:
    """The young person who is looking."""

    person_id: int
    timezone: str
    reading_level: str
    name: str
    paused_from: datetime | None
    paused_until: datetime | None
    heard_at: datetime | None

    def pause_words(self, now: datetime) -> str | None:
        """Return how long the pause lasts, or None when there is none."""
        if self.paused_from is None:
            return None
        if self.paused_until is None:
            return say("pause.until_you_say", self.reading_level)
        until = ahead_words(self.paused_until, self.timezone, now)
        return say("pause.until", self.reading_level, until=until)


@dataclass(frozen=True, slots=True)
class HelperRow:
    """Somebody who is assigned to the young person."""

    name: str
    role: str
    team: str | None
    is_key_worker: bool

    @property
    def words(self) -> str:
        """Return who that is."""
        role = "worker" if self.is_key_worker else _ROLES.get(self.role, "worker")
        return f"{self.name}, your {role}" + (f" ({self.team})" if self.team else "")


@dataclass(frozen=True, slots=True)
class LookRow:
    """Somebody looked, on one day, at one kind of thing."""

    day: date
    name: str
    role: str
    looked_at: str
    times: int
    last_at: datetime

    def words(self, level: str) -> str:
        """Return who looked at what."""
        known = self.looked_at in list(LookedAt)
        what = say(f"looked.{self.looked_at if known else 'something'}", level)
        key = "looked.times" if self.times > 1 else "looked.one"
        if not self.role:
            return say(f"{key}_without_role", level, name=self.name, what=what, times=self.times)
        role = say(f"looked.{_ROLES.get(self.role, 'worker')}", level)
        return say(key, level, name=self.name, role=role, what=what, times=self.times)


@dataclass(frozen=True, slots=True)
class MyEpisodeRow:
    """A time during which something was different, as the detector tells its young person."""

    family: str
    opened_at: datetime
    explanation: object

    def words(self, level: str, timezone: str) -> str:
        """Return what was noticed; empty where nothing was written for the young person."""
        since = first_changed_day(self.explanation, self.opened_at, timezone)
        return noticed_words(read_explanation(self.explanation), since, level)

    @property
    def is_about_device(self) -> bool:
        """Return whether it says nothing about the person."""
        return self.family == Family.DEVICE


@dataclass(frozen=True, slots=True)
class GoodWordsRow:
    """What a young person wrote that went well."""

    words: str
    day: date


@dataclass(frozen=True, slots=True)
class Mine:
    """The young person, the people who are there for them, and when these look."""

    myself: MyselfRow
    helpers: list[HelperRow]
    stretch: Stretch | None = None
    away: Away | None = None

    @property
    def worker(self) -> str | None:
        """Return the name of the practitioner who knows them best, where there is one."""
        return next((helper.name for helper in self.helpers if helper.is_key_worker), None)

    @property
    def level(self) -> str:
        """Return how they want to be spoken to."""
        return self.myself.reading_level

    @property
    def worker_said(self) -> str:
        """Return who is meant where a text says who gets something."""
        return self.worker or say("common.somebody", self.level)

    @property
    def readers(self) -> str:
        """Return who can read what they write."""
        return listed([helper.name for helper in self.helpers])

    def looking(self, now: datetime) -> list[str]:
        """Return who looks and when."""
        zone = self.myself.timezone
        return looking_words(self.worker, self.stretch, self.away, self.level, zone, now)


@dataclass(frozen=True, slots=True)
class ToldWeek:
    """A week in words, with what was noticed about the person and what about the device."""

    week: MyWeek
    noticed: list[str]
    facts: list[str]


class PauseForm(BaseModel):
    """Which pause somebody chose."""

    choice: PauseFor


async def show_my_week(request: web.Request) -> web.Response:
    """Show the young person's last seven closed days."""
    now = now_of(request)
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        told = await read_week(connection, mine, now)
        good = await read_good_words(connection, mine, now)
        asked = await read_asks(connection, request)
        today = local_day(now, mine.myself.timezone)
        is_prompted = not await is_asked_today(connection, mine.myself.person_id, today)
    asks = [ask for ask in my_asks(asked, mine.level, mine.myself.timezone, now) if ask.is_open]
    shown: dict[str, object] = {"week": told.week, "noticed": told.noticed, "facts": told.facts}
    more = {"good": good, "asks": asks, "asked_words": asked_words, "is_prompted": is_prompted}
    return my_page(request, "my_week.jinja", mine, shown | more)


async def read_good_words(connection: Connection, mine: Mine, now: datetime) -> list[GoodWordsRow]:
    """Return what the young person who is looking wrote lately that went well."""
    written = {**_week_of(mine, now), "limit": GOOD_WORDS_MOST}
    return await rows(connection, GoodWordsRow, _QUERIES["what_went_well"], written)


def _week_of(mine: Mine, now: datetime) -> dict[str, object]:
    today = local_day(now, mine.myself.timezone)
    return {
        "person_id": mine.myself.person_id,
        "first_day": today - timedelta(days=WEEK_DAYS),
        "last_day": today,
    }


async def read_week(connection: Connection, mine: Mine, now: datetime) -> ToldWeek:
    """Return the last seven closed days of the young person who is looking, in words."""
    values = _week_of(mine, now)
    days = await rows(connection, DayRow, _QUERIES["my_days"], values)
    since = {"since": now - timedelta(days=WEEK_DAYS), "limit": NOTICED_MOST}
    episodes = await rows(connection, MyEpisodeRow, _QUERIES["my_episodes"], values | since)
    level, zone = mine.level, mine.myself.timezone
    told = [(one, one.words(level, zone)) for one in episodes]
    noticed = list(dict.fromkeys(words for one, words in told if words and not one.is_about_device))
    facts = list(dict.fromkeys(words for one, words in told if words and one.is_about_device))
    yesterday = local_day(now, zone) - timedelta(days=1)
    week = my_week(days, yesterday, level, mine.worker, is_noticed=bool(noticed))
    return ToldWeek(week, noticed, facts)


async def show_who_looked(request: web.Request) -> web.Response:
    """Show the young person who looked at their information."""
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        looks = await read_looks(connection, mine, now_of(request))
    return my_page(request, "who_looked.jinja", mine, {"looks": looks})


async def read_looks(connection: Connection, mine: Mine, now: datetime) -> list[LookRow]:
    """Return who looked at the young person who is looking, the latest first."""
    values = {
        "person_id": mine.myself.person_id,
        "since": now - LOOKS_SHOWN_FOR,
        "limit": LOOKS_MAX,
    }
    return await rows(connection, LookRow, _QUERIES["who_looked"], values)


async def show_pause(request: web.Request) -> web.Response:
    """Show the ways to pause, or the way to resume."""
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
    return my_page(request, "pause.jinja", mine, {"choices": list(PauseFor)})


async def start_pause(request: web.Request) -> web.Response:
    """Stop keeping what the device sends."""
    form = await read_form(request, PauseForm)
    if form is None:
        raise web.HTTPBadRequest
    async with transaction(request) as connection:
        await pause(connection, request, form.choice)
    raise web.HTTPSeeOther("/me/pause")


async def pause(connection: Connection, request: web.Request, choice: PauseFor) -> None:
    """Write down that nothing is kept from now on; it takes the place of an earlier pause."""
    mine, now = await read_mine(connection, request), now_of(request)
    await resume(connection, request)
    values = {
        "person_id": mine.myself.person_id,
        "now": now,
        "paused_until": pause_until(choice, now, mine.myself.timezone),
    }
    await connection.execute(_QUERIES["start_pause"], values)


async def end_pause(request: web.Request) -> web.Response:
    """Keep again what the device sends."""
    async with transaction(request) as connection:
        await resume(connection, request)
    raise web.HTTPSeeOther("/me/pause")


async def resume(connection: Connection, request: web.Request) -> None:
    """Write down that everything is kept again."""
    values = {"person_id": viewer_of(request).known_person_id, "now": now_of(request)}
    await connection.execute(_QUERIES["end_pauses"], values)


async def read_mine(connection: Connection, request: web.Request) -> Mine:
    """Return who is looking, who is there for them, and when these look."""
    values = {"person_id": viewer_of(request).known_person_id, "now": now_of(request)}
    myself = await first_row(connection, MyselfRow, _QUERIES["myself"], values)
    if myself is None:
        raise not_found(request, Refusal.NOT_FOUND)
    return Mine(
        myself,
        await rows(connection, HelperRow, _QUERIES["my_people"], values),
        await first_row(connection, Stretch, _CONCERNS["working_stretch"], {}),
        await first_row(connection, Away, _QUERIES["worker_away"], values),
    )


async def read_asks(connection: Connection, request: web.Request) -> list[AskRow]:
    """Return what a young person asked lately, and all of it that is open."""
    now = now_of(request)
    values = {
        "person_id": viewer_of(request).known_person_id,
        "since": now - ASKS_SHOWN_FOR,
        "limit": ASKS_MOST,
    }
    return await rows(connection, AskRow, _CONCERNS["my_asks"], values)


def my_page(
    request: web.Request,
    template: str,
    mine: Mine,
    values: dict[str, object],
    status: int = 200,
) -> web.Response:
    """Return one of the young person's own pages."""
    now = now_of(request)
    speak: Say = partial(_say, mine.level)
    shared: dict[str, object] = {
        "myself": mine.myself,
        "mine": mine,
        "helpers": mine.helpers,
        "say": speak,
        "level": mine.level,
        "looking": mine.looking(now),
        "pause_words": mine.myself.pause_words(now),
    }
    return page(request, template, {**shared, **values}, status)


def _say(level: str, key: str, **values: object) -> str:
    return say(key, level, **values)
