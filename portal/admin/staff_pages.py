"""Those who work here: the list, adding somebody, their role and team, how they are reached.

Promises: no administrator learns or chooses a password; a link or an address is shown whole to
nobody afterwards; who is stopped is signed out at once; no administrator can shut themselves out.
Steps that let somebody in or give them more ask again who it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from psycopg.errors import UniqueViolation

from portal.admin.changes import ChangeKind, record_change
from portal.admin.door import administration
from portal.admin.forms import Errors, OneNumber
from portal.admin.staff import (
    CHANNEL_WORDS,
    CONTACTS_MOST,
    ROLE_WORDS,
    ChangeForm,
    ContactForm,
    ContactLine,
    KeyPerson,
    StaffForm,
    StaffLine,
    TeamForm,
    TeamLine,
)
from portal.context import SETTINGS, first_row, now_of, rows, viewer_of
from portal.forms import read_form
from portal.rendering import page
from portal.security import Refusal, not_found
from portal.signing_in.proof import require_recent_proof
from tidewell.contact_addresses import WRITTEN_DOWN, checked_address
from tidewell.database import Connection, Queries
from tidewell.enrolment import add_sign_in, add_staff, add_team
from tidewell.errors import UsageError
from tidewell.sign_in_links import SignInLink, drop_password, end_ways_in, make_link

NOT_YOURSELF: Final = "Ask another administrator to change your own role or sign-in"

_QUERIES: Final = Queries("portal.admin", "staff.sql")


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A single number out of the database."""

    number: int


async def show_staff(request: web.Request) -> web.Response:
    """Show everybody who works here, and the teams."""
    return await _staff_page(request, {})


async def add_a_team(request: web.Request) -> web.Response:
    """Add a team."""
    form = await read_form(request, TeamForm)
    if form is None or not form.team_name:
        return await _staff_page(request, {"team_name": "Enter the name of the team"}, status=422)
    async with administration(request) as connection:
        teams = await rows(connection, TeamLine, _QUERIES["teams"], {})
        is_new = form.team_name not in {one.name for one in teams}
        if is_new:
            await add_team(connection, form.team_name, now_of(request))
            kind = ChangeKind.TEAM_ADDED
            await record_change(connection, request, kind, detail=form.team_name)
    if not is_new:
        words = "There is a team of this name already"
        return await _staff_page(request, {"team_name": words}, status=409)
    raise web.HTTPSeeOther("/service/staff")


async def show_new(request: web.Request) -> web.Response:
    """Ask for what is needed to add somebody."""
    require_recent_proof(request)
    return await _new_page(request, StaffForm(), {})


async def add(request: web.Request) -> web.Response:
    """Add somebody, and show once the link with which they choose a password."""
    require_recent_proof(request)
    form = await read_form(request, StaffForm)
    if form is None:
        raise web.HTTPBadRequest
    if errors := form.errors():
        return await _new_page(request, form, errors, status=422)
    try:
        async with administration(request) as connection:
            now = now_of(request)
            await _refuse_unknown_team(connection, form.team_id)
            staff_id = await add_staff(connection, form.role, form.name, form.team_id, now)
            await add_sign_in(connection, form.username, "", now, staff_id=staff_id)
            link = await make_link(connection, form.username, now)
            kind, detail = ChangeKind.STAFF_ADDED, ROLE_WORDS[form.role]
            await record_change(connection, request, kind, about_staff_id=staff_id, detail=detail)
    except UniqueViolation:
        errors = {"username": "Somebody signs in with this name already. Choose another"}
        return await _new_page(request, form, errors, status=409)
    except UsageError as error:
        return await _new_page(request, form, {"team": str(error)}, status=409)
    return _way_in_page(request, staff_id, form.name, form.username, link)


async def show_member(request: web.Request) -> web.Response:
    """Show somebody who works here."""
    return await _member_page(request, await _member(request), {})


async def change(request: web.Request) -> web.Response:
    """Change somebody's role or team, and whether they are a service manager."""
    require_recent_proof(request)
    who, form = await _member(request), await read_form(request, ChangeForm)
    if form is None or form.role not in ROLE_WORDS or not form.team_id:
        return await _member_page(request, who, {"role": "Choose a role and a team"}, status=422)
    if who.staff_id == viewer_of(request).known_staff_id and form.role != who.role:
        return await _member_page(request, who, {"role": NOT_YOURSELF}, status=409)
    if form.role != "practitioner" and who.people:
        words = "They are key worker of somebody. Give those young people another key worker first"
        return await _member_page(request, who, {"role": words}, status=409)
    try:
        async with administration(request) as connection:
            await _refuse_unknown_team(connection, form.team_id)
            values = {
                "staff_id": who.staff_id,
                "role": form.role,
                "team_id": form.team_id,
                "is_service_manager": bool(form.service_manager),
            }
            await connection.execute(_QUERIES["set_staff"], values)
            manager = ", service manager" if form.service_manager else ""
            await record_change(
                connection,
                request,
                ChangeKind.STAFF_CHANGED,
                about_staff_id=who.staff_id,
                detail=ROLE_WORDS[form.role] + manager,
            )
    except UsageError as error:
        return await _member_page(request, who, {"team": str(error)}, status=409)
    raise _to_member(who)


async def stop_sign_in(request: web.Request) -> web.Response:
    """Let somebody sign in no longer; where they are signed in, that ends now."""
    return await _switch(request, "disable", ChangeKind.STAFF_DISABLED)


async def allow_sign_in(request: web.Request) -> web.Response:
    """Let somebody who came back sign in again."""
    return await _switch(request, "enable", ChangeKind.STAFF_ENABLED)


async def invite(request: web.Request) -> web.Response:
    """Give somebody a link for another password, shown once; what they had and its sessions end."""
    require_recent_proof(request)
    who, now = await _member(request), now_of(request)
    if who.username is None or not who.is_here:
        words = "They cannot sign in. Allow it first"
        return await _member_page(request, who, {"sign_in": words}, status=409)
    async with administration(request) as connection:
        await drop_password(connection, who.username)
        await end_ways_in(connection, who.username, now)
        link = await make_link(connection, who.username, now)
        kind = ChangeKind.STAFF_INVITED
        await record_change(connection, request, kind, about_staff_id=who.staff_id)
    return _way_in_page(request, who.staff_id, who.name, who.username, link)


async def add_contact(request: web.Request) -> web.Response:
    """Write down how somebody is reached."""
    who, form = await _member(request), await read_form(request, ContactForm)
    if form is None:
        raise web.HTTPBadRequest
    try:
        address = checked_address(form.channel, form.address)
    except UsageError as error:
        words = str(error)
        errors = {"address": words[:1].upper() + words[1:]}
        return await _member_page(request, who, errors, status=422)
    values = {"staff_id": who.staff_id, "channel": form.channel, "address": address}
    async with administration(request) as connection:
        is_room = await _add_contact(connection, request, values)
    if not is_room:
        words = f"They have {CONTACTS_MOST} ways already. Remove one first"
        return await _member_page(request, who, {"address": words}, status=409)
    raise _to_member(who)


async def _add_contact(
    connection: Connection, request: web.Request, values: dict[str, Any]
) -> bool:
    what = values | {"now": now_of(request)}
    await connection.execute(_QUERIES["lock_staff"], what)
    others = await first_row(connection, NumberRow, _QUERIES["count_contacts"], what)
    if others is not None and others.number >= CONTACTS_MOST:
        return False
    await connection.execute(_QUERIES["add_contact"], what)
    kind, channel = ChangeKind.CONTACT_ADDED, CHANNEL_WORDS[values["channel"]]
    await record_change(
        connection, request, kind, about_staff_id=values["staff_id"], detail=channel
    )
    return True


async def remove_contact(request: web.Request) -> web.Response:
    """Send nothing to an address any more."""
    who, form = await _member(request), await read_form(request, OneNumber)
    which = {
        "staff_id": who.staff_id,
        "contact_method_id": form.chosen if form else 0,
        "now": now_of(request),
    }
    async with administration(request) as connection:
        removed = await first_row(connection, NumberRow, _QUERIES["remove_contact"], which)
        if removed is not None:
            kind = ChangeKind.CONTACT_REMOVED
            await record_change(connection, request, kind, about_staff_id=who.staff_id)
    if removed is None:
        words = "That way is removed already"
        return await _member_page(request, who, {"contacts": words}, status=409)
    raise _to_member(who)


async def _switch(request: web.Request, query: str, kind: ChangeKind) -> web.Response:
    require_recent_proof(request)
    who, now = await _member(request), now_of(request)
    if who.staff_id == viewer_of(request).known_staff_id:
        return await _member_page(request, who, {"sign_in": NOT_YOURSELF}, status=409)
    async with administration(request) as connection:
        cursor = await connection.execute(_QUERIES[query], {"staff_id": who.staff_id, "now": now})
        if kind is ChangeKind.STAFF_DISABLED and who.username is not None:
            await end_ways_in(connection, who.username, now)
        if cursor.rowcount:
            await record_change(connection, request, kind, about_staff_id=who.staff_id)
    raise _to_member(who)


async def _refuse_unknown_team(connection: Connection, team_id: int) -> None:
    teams = await rows(connection, TeamLine, _QUERIES["teams"], {})
    if team_id not in {one.team_id for one in teams}:
        raise UsageError("That team is not there any more. Choose another")


async def _member(request: web.Request) -> StaffLine:
    which = {"staff_id": int(request.match_info["staff_id"]), "now": now_of(request)}
    async with administration(request) as connection:
        found = await first_row(connection, StaffLine, _QUERIES["staff"], which)
    if found is None:
        raise not_found(request, Refusal.NOT_FOUND)
    return found


def _to_member(who: StaffLine) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"/service/staff/{who.staff_id}")


async def _staff_page(request: web.Request, errors: Errors, status: int = 200) -> web.Response:
    async with administration(request) as connection:
        staff, teams = await read_staff(connection, now_of(request))
    shown = {"staff": staff, "teams": teams, "errors": errors}
    return page(request, "admin/staff.jinja", shown, status=status)


async def read_staff(
    connection: Connection, now: datetime
) -> tuple[list[StaffLine], list[TeamLine]]:
    """Return everybody who works here or did, and the teams."""
    values = {"staff_id": None, "now": now}
    staff = await rows(connection, StaffLine, _QUERIES["staff"], values)
    return staff, await rows(connection, TeamLine, _QUERIES["teams"], {})


async def _new_page(
    request: web.Request, form: StaffForm, errors: Errors, status: int = 200
) -> web.Response:
    async with administration(request) as connection:
        teams = await rows(connection, TeamLine, _QUERIES["teams"], {})
    values = {"form": form, "errors": errors, "teams": teams, "roles": ROLE_WORDS}
    return page(request, "admin/staff_new.jinja", values, status=status)


def _way_in_page(
    request: web.Request, staff_id: int, name: str, username: str, link: SignInLink
) -> web.Response:
    pages = request.app[SETTINGS].public_url or f"{request.scheme}://{request.host}"
    values = {
        "staff_id": staff_id,
        "name": name,
        "username": username,
        "link": link.address(pages),
        "expires_at": link.expires_at,
    }
    return page(request, "admin/way_in.jinja", values)


async def _member_page(
    request: web.Request, who: StaffLine, errors: Errors, status: int = 200
) -> web.Response:
    which = {"staff_id": who.staff_id, "now": now_of(request)}
    async with administration(request) as connection:
        values = {
            "who": who,
            "errors": errors,
            "teams": await rows(connection, TeamLine, _QUERIES["teams"], {}),
            "people": await rows(connection, KeyPerson, _QUERIES["key_people"], which),
            "contacts": await rows(connection, ContactLine, _QUERIES["contacts"], which),
            "roles": ROLE_WORDS,
            "channels": [(one, CHANNEL_WORDS[one]) for one in WRITTEN_DOWN],
            "is_self": who.staff_id == viewer_of(request).known_staff_id,
        }
    return page(request, "admin/staff_member.jinja", values, status=status)
