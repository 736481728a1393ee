"""The young person's own pages: my week, who looked, pause, help.

Everything here is theirs: the pages take the person from the session and from nowhere else. Pausing
and resuming are one tap each and equally easy; nothing asks why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from aiohttp import web
from pydantic import BaseModel

from portal.check_in import AskRow, asked_words, my_asks
from portal.context import first_row, now_of, rows, transaction, viewer_of
from portal.daily import DayRow
from portal.data_state import DataFacts, DataState, data_state_words
from portal.explanation import read_explanation
from portal.forms import read_form
from portal.my_week import WEEK_DAYS, my_week
from portal.pauses import PauseFor, pause_until
from portal.people import LookedAt
from portal.rendering import page
from portal.security import Refusal, not_found
from portal.words import local_day
from tidewell.database import Connection, Queries
from tidewell.vocabulary import Family

LOOKS_MAX: Final = 100
ASKS_MOST: Final = 20
"""More than anybody asks in two weeks, and a page of it."""
ASKS_SHOWN_FOR: Final = timedelta(days=14)
"""Until it has been talked about; older ones are in the record."""
NOTICED_MOST: Final = 10
"""Few things are open at a time and each lasts for days; a week does not hold more."""
LOOKS_SHOWN_FOR: Final = timedelta(days=90)
"""A school term; who wants to know about longer ago asks their worker."""

_QUERIES: Final = Queries("portal", "young_person.sql")
_CONCERNS: Final = Queries("portal", "concerns.sql")

_LOOK_WORDS: Final[dict[str, str]] = {
    LookedAt.LIST: "had their list open, with your name in it",
    LookedAt.ALERT: "looked at what had changed for you",
    LookedAt.TRENDS: "looked at your days and nights",
    LookedAt.NOTES: "looked at the notes about your days",
    LookedAt.ASKED: "opened what you had asked for",
    LookedAt.DOWNLOAD: "took a copy of everything",
    "exported": "made a copy of your information, to hand over or to check",
}
_ROLE_WORDS: Final[dict[str, str]] = {
    "practitioner": "worker",
    "clinician": "clinician",
    "admin": "administrator",
}


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
        facts = DataFacts(
            name="you",
            timezone=self.timezone,
            paused_from=self.paused_from,
            paused_until=self.paused_until,
            heard_at=self.heard_at,
            last_day=None,
            last_worn_minutes=None,
            usual_is_known=False,
        )
        return data_state_words(facts, DataState.PAUSED, now).replace("they say", "you say")


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
        what = (
            "your worker" if self.is_key_worker else f"your {_ROLE_WORDS.get(self.role, 'worker')}"
        )
        return f"{self.name}, {what}" + (f" ({self.team})" if self.team else "")


@dataclass(frozen=True, slots=True)
class LookRow:
    """Somebody looked, on one day, at one kind of thing."""

    day: date
    name: str
    role: str
    looked_at: str
    times: int
    last_at: datetime

    @property
    def words(self) -> str:
        """Return who looked at what."""
        role = f" ({_ROLE_WORDS[self.role]})" if self.role in _ROLE_WORDS else ""
        what = _LOOK_WORDS.get(self.looked_at, "looked at your information")
        often = f", {self.times} times" if self.times > 1 else ""
        return f"{self.name}{role} {what}{often}"


@dataclass(frozen=True, slots=True)
class MyEpisodeRow:
    """A time during which something was different, as the detector tells its young person."""

    family: str
    explanation: object

    @property
    def words(self) -> str:
        """Return what was noticed; empty where nothing was written for the young person."""
        return read_explanation(self.explanation).young_person

    @property
    def is_about_device(self) -> bool:
        """Return whether it says nothing about the person."""
        return self.family == Family.DEVICE


@dataclass(frozen=True, slots=True)
class Mine:
    """The young person and the people who are there for them."""

    myself: MyselfRow
    helpers: list[HelperRow]

    @property
    def worker(self) -> str | None:
        """Return the name of the practitioner who knows them best, where there is one."""
        return next((helper.name for helper in self.helpers if helper.is_key_worker), None)


class PauseForm(BaseModel):
    """Which pause somebody chose."""

    choice: PauseFor


async def show_my_week(request: web.Request) -> web.Response:
    """Show the young person's last seven closed days."""
    now = now_of(request)
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        today = local_day(now, mine.myself.timezone)
        values = {
            "person_id": mine.myself.person_id,
            "first_day": today - timedelta(days=WEEK_DAYS),
            "last_day": today,
        }
        days = await rows(connection, DayRow, _QUERIES["my_days"], values)
        since = {"since": now - timedelta(days=WEEK_DAYS), "limit": NOTICED_MOST}
        episodes = await rows(connection, MyEpisodeRow, _QUERIES["my_episodes"], values | since)
        asked = await read_asks(connection, request)
    yesterday = today - timedelta(days=1)
    told = [episode for episode in episodes if episode.words]
    noticed = list(dict.fromkeys(one.words for one in told if not one.is_about_device))
    facts = list(dict.fromkeys(one.words for one in told if one.is_about_device))
    level = mine.myself.reading_level
    week = my_week(days, yesterday, level, mine.worker, is_noticed=bool(noticed))
    asks = my_asks(asked, level, mine.myself.timezone, now)
    shown: dict[str, object] = {"week": week, "noticed": noticed, "facts": facts}
    open_asks = {"asks": [ask for ask in asks if ask.is_open], "asked_words": asked_words}
    return my_page(request, "my_week.jinja", mine, shown | open_asks)


async def show_who_looked(request: web.Request) -> web.Response:
    """Show the young person who looked at their information."""
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        values = {
            "person_id": mine.myself.person_id,
            "since": now_of(request) - LOOKS_SHOWN_FOR,
            "limit": LOOKS_MAX,
        }
        looks = await rows(connection, LookRow, _QUERIES["who_looked"], values)
    return my_page(request, "who_looked.jinja", mine, {"looks": looks})


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
    now = now_of(request)
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        person_id = mine.myself.person_id
        until = pause_until(form.choice, now, mine.myself.timezone)
        await connection.execute(_QUERIES["end_pauses"], {"person_id": person_id, "now": now})
        values = {"person_id": person_id, "now": now, "paused_until": until}
        await connection.execute(_QUERIES["start_pause"], values)
    raise web.HTTPSeeOther("/me/pause")


async def end_pause(request: web.Request) -> web.Response:
    """Keep again what the device sends."""
    values = {"person_id": viewer_of(request).known_person_id, "now": now_of(request)}
    async with transaction(request) as connection:
        await connection.execute(_QUERIES["end_pauses"], values)
    raise web.HTTPSeeOther("/me/pause")


async def show_help(request: web.Request) -> web.Response:
    """Show where to get help at once; this page needs no sign-in."""
    return page(request, "help.jinja")


async def read_mine(connection: Connection, request: web.Request) -> Mine:
    """Return who is looking, and who is there for them."""
    values = {"person_id": viewer_of(request).known_person_id, "now": now_of(request)}
    myself = await first_row(connection, MyselfRow, _QUERIES["myself"], values)
    if myself is None:
        raise not_found(request, Refusal.NOT_FOUND)
    return Mine(myself, await rows(connection, HelperRow, _QUERIES["my_people"], values))


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
    shared: dict[str, object] = {
        "myself": mine.myself,
        "helpers": mine.helpers,
        "pause_words": mine.myself.pause_words(now_of(request)),
    }
    return page(request, template, {**shared, **values}, status)
