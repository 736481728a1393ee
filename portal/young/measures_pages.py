"""What my device may use: switching a group of channels off and on, one tap each, equally easy."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web
from pydantic import BaseModel

from portal.context import now_of, rows, transaction, viewer_of
from portal.forms import read_form
from portal.young.measures import GROUPS, ChannelRow, groups_off
from portal.young_person_pages import my_page, read_mine
from tidewell.database import Queries

_QUERIES: Final = Queries("portal.young", "measures.sql")


class SwitchForm(BaseModel):
    """Which group, and which way."""

    group: str
    use: Literal["off", "on"]


async def show_measures(request: web.Request) -> web.Response:
    """Show what is used and what is not."""
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        values = {"person_id": mine.myself.person_id, "now": now_of(request)}
        off = await rows(connection, ChannelRow, _QUERIES["channels_off"], values)
    shown: dict[str, object] = {"groups": list(GROUPS), "off": groups_off(off)}
    return my_page(request, "young/measures.jinja", mine, shown)


async def switch_measure(request: web.Request) -> web.Response:
    """Stop using a group of channels, or use it again."""
    form = await read_form(request, SwitchForm)
    if form is None or form.group not in GROUPS:
        raise web.HTTPBadRequest
    values = {
        "person_id": viewer_of(request).known_person_id,
        "now": now_of(request),
        "channels": list(GROUPS[form.group]),
    }
    async with transaction(request) as connection:
        await connection.execute(_QUERIES[f"switch_{form.use}"], values)
    raise web.HTTPSeeOther(f"/me/measures#{form.group}")
