"""Duty rotas: who is on duty in the days to come, when nobody is, and another rota as a file.

Promises: a file is checked whole before anything of it holds, with every name looked up; what it
does not say holds no longer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from portal.admin.changes import ChangeKind, record_change
from portal.admin.door import administration
from portal.admin.forms import Errors
from portal.admin.people_pages import SITE_ZONE
from portal.admin.policy_pages import NameRow
from portal.admin.uploads import Upload, read_upload
from portal.context import now_of, rows
from portal.rendering import page
from portal.security import Refusal, not_found
from tidewell.database import Queries
from tidewell.errors import UsageError
from tidewell.rota import Rota, holes, shifts_between
from tidewell.rota_files import FILE_BYTES_MOST, PROBLEMS_MOST, read_rota
from tidewell.rota_plans import plan_problems
from tidewell.rota_store import practitioners, read_rotas, write_rota

ROTA_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
"""As the database holds it."""

SHOWN: Final = timedelta(days=14)

_QUERIES: Final = Queries("portal.admin", "rotas.sql")


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """A shift or a hole of a rota; a hole has nobody."""

    starts_at: datetime
    ends_at: datetime
    who: str | None
    is_dated: bool


async def show_rotas(request: web.Request) -> web.Response:
    """Show every rota, with who is on duty now."""
    return await _rotas_page(request, {})


async def show_rota(request: web.Request) -> web.Response:
    """Show who is on duty in the next two weeks."""
    now, rota_id = now_of(request), int(request.match_info["rota_id"])
    async with administration(request) as connection:
        rota = (await read_rotas(connection, now, [rota_id])).get(rota_id)
        names = await rows(connection, NameRow, _QUERIES["names"], {})
    if rota is None:
        raise not_found(request, Refusal.NOT_FOUND)
    called = {one.number: one.name for one in names}
    values = {"rota": rota, "lines": lines_between(rota, called, now), "zone": SITE_ZONE}
    return page(request, "admin/rota.jinja", values)


async def upload(request: web.Request) -> web.Response:
    """Check a rota and let it hold from now on."""
    sent = await read_upload(request, FILE_BYTES_MOST)
    if sent is None or not sent.content.strip():
        errors = {"file": "Choose a file, or paste its text"}
        return await _rotas_page(request, errors, status=422)
    try:
        rota_id = await _saved(request, sent)
    except UsageError as error:
        words = str(error)
        return await _rotas_page(request, {"file": words}, status=422)
    raise web.HTTPSeeOther(f"/service/rotas/{rota_id}")


async def _saved(request: web.Request, sent: Upload) -> int:
    """Write a rota and return its number.

    Raises:
        UsageError: it cannot be saved; the message says all that is wrong.
    """
    now = now_of(request)
    file_name = sent.file_name or "rota.toml"
    plan = read_rota(file_name, sent.content, sent.fields.get("name") or None, SITE_ZONE)
    if not ROTA_NAME.fullmatch(plan.name):
        raise UsageError("Name the rota with small letters, digits and . _ -, a letter first")
    async with administration(request) as connection:
        staff = await practitioners(connection, now)
        if problems := plan_problems(plan, staff, now):
            raise UsageError("; ".join(problems[:PROBLEMS_MOST]))
        rota_id = await write_rota(connection, plan, staff, now)
        await record_change(connection, request, ChangeKind.ROTA_SAVED, detail=plan.name)
    return rota_id


def lines_between(rota: Rota, names: dict[int, str], now: datetime) -> list[ShiftLine]:
    """Return the shifts and the holes of the days to come, in order."""
    end = now + SHOWN
    shifts = [
        ShiftLine(one.starts_at, one.ends_at, names.get(one.staff_id, "somebody"), one.is_dated)
        for one in shifts_between(rota, now, end)
    ]
    gaps = [ShiftLine(one.starts_at, one.ends_at, None, False) for one in holes(rota, now, end)]
    return sorted([*shifts, *gaps], key=lambda one: (one.starts_at, one.who or ""))


async def _rotas_page(request: web.Request, errors: Errors, status: int = 200) -> web.Response:
    now = now_of(request)
    async with administration(request) as connection:
        rotas = await read_rotas(connection, now)
        names = await rows(connection, NameRow, _QUERIES["names"], {})
    called = {one.number: one.name for one in names}
    listed = [
        (rota, [line for line in lines_between(rota, called, now) if line.starts_at <= now])
        for rota in sorted(rotas.values(), key=lambda one: one.name)
    ]
    values = {"rotas": listed, "errors": errors, "zone": SITE_ZONE}
    return page(request, "admin/rotas.jinja", values, status=status)
