"""Devices of one young person: paired with a code, replaced, taken back, taken out of use.

Promises: a person wears one device at a time; a code or a secret is on one page, once, and that
page is kept by no browser. Nobody gets a device against what was agreed. Each of these steps asks
again who it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from portal.admin.changes import ChangeKind, record_change
from portal.admin.door import administration
from portal.admin.forms import Form, Short
from portal.admin.pairing import (
    CODE_HOLDS,
    code_hash,
    new_code,
    pairing_address,
    picture,
    shown_code,
)
from portal.admin.people import PersonFacts, may_have_a_device
from portal.admin.people_pages import (
    agreement_of,
    find_enrolled,
    person_page,
    to_person,
    today_of,
)
from portal.context import SETTINGS, first_row, now_of, viewer_of
from portal.forms import read_form
from portal.rendering import page
from portal.signing_in.proof import require_recent_proof
from tidewell.database import Connection, Queries
from tidewell.device_credentials import give_secrets, revoke_device
from tidewell.enrolment import device_name_of, enrol_device, return_device

NAMES_TRIED: Final = 100
"""Devices that one person has worn out; more of them is no accident."""

NO_AGREEMENT: Final = (
    "No device was paired: there is no agreement that allows it. Write down what was agreed first"
)
NO_DEVICE: Final = "There is no device to do this with. Pair one"

_QUERIES: Final = Queries("portal.admin", "devices.sql")


@dataclass(frozen=True, slots=True)
class WornRow:
    """The device that somebody wears."""

    device_id: int
    name: str


@dataclass(frozen=True, slots=True)
class FlagRow:
    """Whether something is so."""

    number: bool


class EndForm(Form):
    """What became of a device that is worn no more."""

    how: Short = ""


async def pair(request: web.Request) -> web.Response:
    """Make a code for the device that somebody wears, or for a first one."""
    require_recent_proof(request)
    person = await find_enrolled(request)
    async with administration(request) as connection:
        allowed = await may_pair(connection, request, person.person_id)
        code, device = "", ""
        if allowed:
            device, code = await make_code(connection, request, person)
    if not allowed:
        return await person_page(request, person, {"device": NO_AGREEMENT}, status=409)
    site = site_of(request)
    values = {
        "person": person,
        "device": device,
        "code": shown_code(code),
        "site": site,
        "picture": picture(pairing_address(site, code)),
        "minutes": int(CODE_HOLDS.total_seconds() // 60),
    }
    return page(request, "admin/pairing.jinja", values)


async def give_secret(request: web.Request) -> web.Response:
    """Give the device another secret by hand, and show it once."""
    require_recent_proof(request)
    person = await find_enrolled(request)
    secret = ""
    async with administration(request) as connection:
        allowed = await may_pair(connection, request, person.person_id)
        device = await worn_device(connection, person.person_id)
        if device is not None and allowed:
            secret = await make_secret(connection, request, person.person_id, device)
    if device is None or not secret:
        words = NO_AGREEMENT if not allowed else NO_DEVICE
        return await person_page(request, person, {"device": words}, status=409)
    values = {"person": person, "device": device.name, "secret": secret}
    return page(request, "admin/secret.jinja", values)


def site_of(request: web.Request) -> str:
    """Return the address at which devices pair."""
    return request.app[SETTINGS].public_url or f"{request.scheme}://{request.host}"


async def may_pair(connection: Connection, request: web.Request, person_id: int) -> bool:
    """Return whether somebody may have a device, by what was agreed."""
    standing = (await agreement_of(connection, person_id)).standing(today_of(request))
    return may_have_a_device(standing, request.app[SETTINGS].without_agreement)


async def make_secret(
    connection: Connection, request: web.Request, person_id: int, device: WornRow
) -> str:
    """Give a device another secret in place of the one it had, and return it."""
    now = now_of(request)
    await _cancel_codes(connection, device.device_id, now)
    secret = (await give_secrets(connection, [device.name], now))[device.name]
    kind = ChangeKind.DEVICE_SECRET_GIVEN
    await record_change(connection, request, kind, person_id=person_id, detail=device.name)
    return secret


async def end_device(request: web.Request) -> web.Response:
    """Take a device back, or out of use; the next one is then paired."""
    require_recent_proof(request)
    person, form = await find_enrolled(request), await read_form(request, EndForm)
    if form is None or form.how not in ("returned", "lost"):
        words = "Choose what became of the device"
        return await person_page(request, person, {"how": words}, status=422)
    async with administration(request) as connection:
        device = await worn_device(connection, person.person_id)
        if device is not None:
            await take_from(connection, request, person.person_id, device, form.how)
    if device is None:
        return await person_page(request, person, {"device": NO_DEVICE}, status=409)
    raise to_person(person.person_id)


async def take_from(
    connection: Connection, request: web.Request, person_id: int, device: WornRow, how: str
) -> None:
    """End what a device is allowed to do, now."""
    now = now_of(request)
    await _cancel_codes(connection, device.device_id, now)
    if how == "lost":
        await revoke_device(connection, device.name, now)
        kind = ChangeKind.DEVICE_REVOKED
    else:
        await return_device(connection, device.device_id, now)
        kind = ChangeKind.DEVICE_TAKEN_BACK
    await record_change(connection, request, kind, person_id=person_id, detail=device.name)


async def take_devices_of(connection: Connection, request: web.Request, person_id: int) -> None:
    """Take back whatever a person wears: they, or who decides with them, said no."""
    device = await worn_device(connection, person_id)
    if device is not None:
        await take_from(connection, request, person_id, device, "returned")


async def make_code(
    connection: Connection, request: web.Request, person: PersonFacts
) -> tuple[str, str]:
    """Return the name of a device and a code for it; an earlier code works no longer."""
    now = now_of(request)
    await connection.execute(_QUERIES["lock_person"], {"person_id": person.person_id})
    device = await worn_device(connection, person.person_id)
    if device is None:
        name = await _free_name(connection, person.label)
        await enrol_device(connection, name, person.person_id, now, model="unknown")
        device = await worn_device(connection, person.person_id)
        assert device is not None  # it was just enrolled
    await _cancel_codes(connection, device.device_id, now)
    code = new_code()
    values = {
        "code_hash": code_hash(code),
        "device_id": device.device_id,
        "staff_id": viewer_of(request).known_staff_id,
        "now": now,
        "expires_at": now + CODE_HOLDS,
    }
    await connection.execute(_QUERIES["add_code"], values)
    kind, person_id = ChangeKind.DEVICE_PAIRING_STARTED, person.person_id
    await record_change(connection, request, kind, person_id=person_id, detail=device.name)
    return device.name, code


async def _free_name(connection: Connection, label: str) -> str:
    """Return a name for a device that no device has had: a name that was revoked stays so."""
    base = device_name_of(label)
    for number in range(1, NAMES_TRIED):
        name = base if number == 1 else f"{base}-{number}"
        taken = await first_row(connection, FlagRow, _QUERIES["device_exists"], {"name": name})
        if taken is None or not taken.number:
            return name
    raise AssertionError("a hundred devices of one person")


async def worn_device(connection: Connection, person_id: int) -> WornRow | None:
    """Return the device that somebody wears."""
    return await first_row(connection, WornRow, _QUERIES["worn_device"], {"person_id": person_id})


async def _cancel_codes(connection: Connection, device_id: int, now: datetime) -> None:
    await connection.execute(_QUERIES["cancel_codes"], {"device_id": device_id, "now": now})
