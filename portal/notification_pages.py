"""Notifications: where somebody is told of alerts, and their own phones, switched on and off.

Everybody sees and changes their own phones only. What a browser gives is checked before it is kept:
its address has to be of a push service, so that nobody makes us call a machine of our own network.
A phone belongs to whoever switched it on last.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, Field

from portal.context import SETTINGS, first_row, now_of, rows, transaction, viewer_of
from portal.forms import read_form
from portal.rendering import page
from portal.security import Refusal, log_refusal
from tidewell.contact_addresses import URL_CHARACTERS_MOST, push_endpoint_problem, shown
from tidewell.database import Queries
from tidewell.push_key import load_push_key, public_half
from tidewell.settings import Settings

PHONES_MOST: Final = 10
"""A phone, a tablet and a computer, and the ones before them; each rings for each alert."""

_QUERIES: Final = Queries("portal", "notifications.sql")

_CHANNEL_WORDS: Final = {
    "email": "E-mail",
    "sms": "Text message",
    "webhook": "On-call tool",
    "apprise": "Pilot service",
}

_DEVICES: Final = (
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("android", "Android phone or tablet"),
    ("windows", "Windows computer"),
    ("macintosh", "Mac"),
    ("linux", "Linux computer"),
)

_NOTES: Final = {
    "on": "Notifications are on for this device. They name nobody.",
    "off": "Notifications are off for it.",
    "unusable": "This browser gave an address that cannot be used. Try another browser.",
    "many": f"You have {PHONES_MOST} already. Remove one that you do not use any more.",
}


class PhoneForm(BaseModel):
    """What a browser gave for its notifications."""

    endpoint: Annotated[str, Field(min_length=10, max_length=URL_CHARACTERS_MOST)]
    p256dh: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{87}=?$")]
    auth: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}(?:==)?$")]


class RemoveForm(BaseModel):
    """Which phone is to be silent."""

    phone: Annotated[int, Field(ge=1, le=2**31 - 1)]


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """A browser that shows notifications."""

    push_subscription_id: int
    device_label: str
    created_at: datetime
    is_dead: bool


@dataclass(frozen=True, slots=True)
class AddressRow:
    """Another way in which somebody is told."""

    channel: str
    address: str
    is_dead: bool

    @property
    def words(self) -> str:
        """Return the way, and the address as its owner knows it again."""
        way = _CHANNEL_WORDS.get(self.channel, self.channel)
        return f"{way}: {shown(self.channel, self.address)}"


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many there are."""

    count: int


async def show_notifications(request: web.Request) -> web.Response:
    """Show where somebody is told of alerts."""
    who = {"staff_id": viewer_of(request).known_staff_id, "now": now_of(request)}
    async with transaction(request) as connection:
        phones = await rows(connection, PhoneRow, _QUERIES["phones"], who)
        others = await rows(connection, AddressRow, _QUERIES["other_addresses"], who)
    values = {
        "phones": phones,
        "others": others,
        "push_key": public_key_of(request.app[SETTINGS]),
        "note": _NOTES.get(request.query.get("done", ""), ""),
    }
    return page(request, "notifications.jinja", values)


async def add_phone(request: web.Request) -> web.Response:
    """Show notifications in this browser to whoever is signed in."""
    settings = request.app[SETTINGS]
    form = await read_form(request, PhoneForm)
    if form is None or not is_key(form.p256dh):
        raise web.HTTPSeeOther("/notifications?done=unusable")
    if push_endpoint_problem(form.endpoint, settings.push_test_service) is not None:
        log_refusal(request, Refusal.NO_PUSH_SERVICE)
        raise web.HTTPSeeOther("/notifications?done=unusable")
    phone = {
        **form.model_dump(),
        "staff_id": viewer_of(request).known_staff_id,
        "device_label": device_label(request.headers),
        "now": now_of(request),
    }
    async with transaction(request) as connection:
        found = await first_row(connection, CountRow, _QUERIES["count_phones"], phone)
        if found is not None and found.count >= PHONES_MOST:
            log_refusal(request, Refusal.TOO_MANY_PHONES)
            raise web.HTTPSeeOther("/notifications?done=many")
        await connection.execute(_QUERIES["add_phone"], phone)
    raise web.HTTPSeeOther("/notifications?done=on")


async def remove_phone(request: web.Request) -> web.Response:
    """Show no notifications there any more."""
    form = await read_form(request, RemoveForm)
    if form is None:
        raise web.HTTPBadRequest
    which = {
        "push_subscription_id": form.phone,
        "staff_id": viewer_of(request).known_staff_id,
        "now": now_of(request),
    }
    async with transaction(request) as connection:
        await connection.execute(_QUERIES["remove_phone"], which)
    raise web.HTTPSeeOther("/notifications?done=off")


def public_key_of(settings: Settings) -> str | None:
    """Return what a browser needs to subscribe, or None where notifications are not set up."""
    if settings.push_key is None:
        return None
    return public_half(load_push_key(settings.push_key.get_secret_value()))


def is_key(p256dh: str) -> bool:
    """Return whether this is the public key of a browser."""
    try:
        point = base64.urlsafe_b64decode(p256dh.rstrip("=") + "=")
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (ValueError, binascii.Error):
        return False
    return True


def device_label(headers: Mapping[str, str]) -> str:
    """Return what kind of device somebody uses, so that they know it again in a list.

    Example:
        >>> device_label({"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)"})
        'iPhone'
    """
    agent = headers.get("User-Agent", "").lower()
    return next((label for sign, label in _DEVICES if sign in agent), "A device")
