"""A young person asks their worker to check in, sees what became of it, and may take it back.

There is no box for words of their own here: it stands on the page of how they are. The help lines
stand on the same page, first and always. Everything is theirs: the person comes from the session
and from nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aiohttp import web
from pydantic import BaseModel

from portal.check_in import Stretch, asked_words, before_sending, is_slow, my_asks
from portal.context import first_row, now_of, transaction, viewer_of
from portal.forms import read_form
from portal.security import Refusal, log_refusal
from portal.young.texts import say
from portal.young_person_pages import my_page, read_asks, read_mine
from tidewell.database import Connection, Queries
from tidewell.vocabulary import CheckInChoice

ASKED_AN_HOUR_MOST: Final = 30
"""Each choice asked and taken back three times; beyond that no finger does it, and others wait."""

_QUERIES: Final = Queries("portal", "concerns.sql")


@dataclass(frozen=True, slots=True)
class AskedLately:
    """How often somebody asked, or took it back, within an hour."""

    count: int


class AskForm(BaseModel):
    """What a young person chose."""

    choice: str = ""


async def show_check_in(request: web.Request) -> web.Response:
    """Show how to ask, and what became of what was asked."""
    return await _check_in_page(request)


async def ask_for_check_in(request: web.Request) -> web.Response:
    """Write down that a young person asks for a check-in, and wake the alerts process."""
    form = await read_form(request, AskForm)
    if form is None:
        raise web.HTTPBadRequest
    if form.choice not in list(CheckInChoice):
        return await _check_in_page(request, error="asking.choose_one", status=422)
    async with transaction(request) as connection:
        await write_ask(connection, request, form.choice)
    raise web.HTTPSeeOther("/me/check-in#sent")


async def write_ask(connection: Connection, request: web.Request, choice: str) -> bool:
    """Write down that a young person asks; return whether it was not there yet."""
    values = {**_within_an_hour(request), "choice": choice, "most": ASKED_AN_HOUR_MOST}
    return await write_concern(connection, "ask_for_check_in", values)


async def take_back(request: web.Request) -> web.Response:
    """Write down that a young person does not need it any more."""
    async with transaction(request) as connection:
        is_done = await take_asks_back(connection, request)
    if not is_done:
        return await _check_in_page(request, error="asking.too_often", status=429)
    raise web.HTTPSeeOther("/me/check-in#sent")


async def take_asks_back(connection: Connection, request: web.Request) -> bool:
    """Write down that they do not need it any more; return False where it was said too often."""
    values = _within_an_hour(request)
    lately = await first_row(connection, AskedLately, _QUERIES["asked_lately"], values)
    if lately is not None and lately.count >= ASKED_AN_HOUR_MOST:
        log_refusal(request, Refusal.TOO_MANY_ASKS)
        return False
    await write_concern(connection, "take_back", values)
    return True


def _within_an_hour(request: web.Request) -> dict[str, object]:
    now = now_of(request)
    person_id = viewer_of(request).known_person_id
    return {"person_id": person_id, "now": now, "hour_ago": now - timedelta(hours=1)}


async def write_concern(connection: Connection, query: str, values: dict[str, object]) -> bool:
    """Write down what somebody asks or says, with a hint; return whether anything was written."""
    cursor = await connection.execute(_QUERIES[query], values)
    written = await cursor.fetchall()
    for (concern_id,) in written:
        await connection.execute(_QUERIES["tell_alerts"], {"concern_id": concern_id})
    return bool(written)


async def _check_in_page(
    request: web.Request, *, error: str | None = None, status: int = 200
) -> web.Response:
    now = now_of(request)
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        asked = await read_asks(connection, request)
        stretch = await first_row(connection, Stretch, _QUERIES["working_stretch"], {})
    level, zone = mine.myself.reading_level, mine.myself.timezone
    values: dict[str, object] = {
        "asks": my_asks(asked, level, zone, now),
        "asked_words": asked_words,
        "is_slow": is_slow,
        "said_before": before_sending(stretch, mine.worker, level, zone, now),
        "choices": list(CheckInChoice),
        "error": say(error, level) if error else None,
    }
    return my_page(request, "check_in.jinja", mine, values, status)
