"""How I am: five faces, three boxes, all of it optional; skipping is one tap like the others.

Asked at most once a day, and never counted. Help stands on the page before and after anybody
writes, and what they wrote is told to somebody in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from aiohttp import web

from portal.context import first_row, now_of, rows, transaction
from portal.forms import read_form
from portal.security import Refusal, log_refusal
from portal.words import local_day
from portal.young.looking import urgent_words
from portal.young.telling import tell_words
from portal.young.texts import say
from portal.young.today_rows import (
    LEVEL_OF_A_WORRY,
    QUERIES,
    WORDS_CHARACTERS_MOST,
    CheckInForm,
    CheckInRow,
    Face,
)
from portal.young_person_pages import Mine, my_page, read_mine
from tidewell.database import Connection

SHOWN_MOST: Final = 14
"""Two weeks of them, if somebody answers each day."""
WRITTEN_AN_HOUR_MOST: Final = 30
"""Nobody says how they are each two minutes; what a stuck key sends beyond that is not kept."""
_SENT_TWICE_WITHIN: Final = timedelta(minutes=2)
_SENT_NOW: Final = "now"
_SENT_TODAY: Final = "today"


@dataclass(frozen=True, slots=True)
class _Number:
    number: int


async def show_today(request: web.Request) -> web.Response:
    """Show the faces and the boxes, and what was said lately."""
    return await _today_page(request, CheckInForm(), sent=request.query.get("sent", ""))


async def say_today(request: web.Request) -> web.Response:
    """Keep how somebody says that they are, and tell of their words."""
    form = await read_form(request, CheckInForm)
    if form is None:
        raise web.HTTPBadRequest
    if not form.says_something:
        return await _today_page(request, form, error="today.nothing_said", status=422)
    if form.too_long():
        return await _today_page(request, form, error="today.too_long", status=422)
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        is_kept = await keep_check_in(connection, request, mine, form)
    if not is_kept:
        log_refusal(request, Refusal.TOO_MANY_ASKS)
        return await _today_page(request, form, error="today.too_often", status=429)
    if form.told_at is None:
        raise web.HTTPSeeOther("/me/today")
    sent = _SENT_NOW if form.told_at is LEVEL_OF_A_WORRY else _SENT_TODAY
    raise web.HTTPSeeOther(f"/me/today?sent={sent}#help")


async def keep_check_in(
    connection: Connection, request: web.Request, mine: Mine, form: CheckInForm
) -> bool:
    """Keep a check-in and tell of it; return whether there was room for it."""
    now, person_id = now_of(request), mine.myself.person_id
    since = {"person_id": person_id, "since": now - timedelta(hours=1)}
    lately = await first_row(connection, _Number, QUERIES["written_lately"], since)
    if lately is not None and lately.number >= WRITTEN_AN_HOUR_MOST:
        return False
    values = {
        "person_id": person_id,
        "day": local_day(now, mine.myself.timezone),
        "now": now,
        "just_now": now - _SENT_TWICE_WITHIN,
        "face": None if form.skip else form.known_face,
        "going_well": form.going_well,
        "worries": form.worries,
        "hopes": form.hopes,
        "read_soon": bool(form.read_soon),
    }
    cursor = await connection.execute(QUERIES["add_check_in"], values)
    for (check_in_id,) in await cursor.fetchall():
        if form.told_at is not None:
            await tell_words(connection, person_id, form.told_at, now, check_in_id=check_in_id)
    return True


async def read_said(connection: Connection, mine: Mine) -> list[CheckInRow]:
    """Return how the young person who is looking said that they are, the latest first."""
    which = {"person_id": mine.myself.person_id, "limit": SHOWN_MOST}
    return await rows(connection, CheckInRow, QUERIES["my_check_ins"], which)


async def _today_page(
    request: web.Request,
    form: CheckInForm,
    *,
    error: str = "",
    sent: str = "",
    status: int = 200,
) -> web.Response:
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        said = await read_said(connection, mine)
    today = local_day(now_of(request), mine.myself.timezone)
    values: dict[str, object] = {
        "form": form,
        "error": say(error, mine.level, most=WORDS_CHARACTERS_MOST) if error else "",
        "sent": f"sent_{sent}" if sent in (_SENT_NOW, _SENT_TODAY) else "",
        "faces": list(Face),
        "said": said,
        "face_today": face_of(said, today),
        "urgent": urgent_words(mine.worker_said, mine.stretch, mine.level),
        "characters_most": WORDS_CHARACTERS_MOST,
    }
    return my_page(request, "young/today.jinja", mine, values, status)


def face_of(said: list[CheckInRow], today: date) -> str:
    """Return the face of today, the latest one; empty where there is none."""
    return next((one.face for one in said if one.day == today and one.face), "")
