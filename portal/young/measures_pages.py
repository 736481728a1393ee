"""What my device may use: switching a group of channels off and on, one tap each, equally easy."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web
from pydantic import BaseModel

from portal.context import now_of, rows, transaction, viewer_of
from portal.forms import read_form
from portal.young.measures import GROUPS, ChannelRow, groups_off
from portal.young_person_pages import my_page, read_mine
from tidewell.database import Connection, Queries

_QUERIES: Final = Queries("portal.young", "measures.sql")


class SwitchForm(BaseModel):
    """Which group, and which way."""

    group: str
    use: Literal["off", "on"]


async def show_measures(request: web.Request) -> web.Response:
    """Show what is used and what is not."""
    async with transaction(request) as connection:
        mine = await read_mine(connection, request)
        off = await read_groups_off(connection, request)
    shown: dict[str, object] = {"groups": list(GROUPS), "off": off}
    return my_page(request, "young/measures.jinja", mine, shown)


async def read_groups_off(connection: Connection, request: web.Request) -> list[str]:
    """Return the groups that the young person who is looking has switched off."""
    values = {"person_id": viewer_of(request).known_person_id, "now": now_of(request)}
    return groups_off(await rows(connection, ChannelRow, _QUERIES["channels_off"], values))


async def switch_measure(request: web.Request) -> web.Response:
    """Stop using a group of channels, or use it again."""
    form = await read_form(request, SwitchForm)
    if form is None or form.group not in GROUPS:
        raise web.HTTPBadRequest
    async with transaction(request) as connection:
        await switch(connection, request, form)
    raise web.HTTPSeeOther(f"/me/measures#{form.group}")


async def switch(connection: Connection, request: web.Request, form: SwitchForm) -> None:
    """Switch a group that there is off or on."""
    values = {
        "person_id": viewer_of(request).known_person_id,
        "now": now_of(request),
        "channels": list(GROUPS[form.group]),
    }
    await connection.execute(_QUERIES[f"switch_{form.use}"], values)
