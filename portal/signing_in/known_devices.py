"""Browsers in which somebody has signed in before, by a cookie that is good for nothing else.

The cookie opens nothing. It only keeps the mistakes that strangers make elsewhere from slowing its
owner down, as OWASP describes it for "device cookies". The database keeps its hash.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from portal.context import SETTINGS, now_of, transaction
from portal.sessions import served_securely
from portal.signing_in.attempts import Attempt
from portal.signing_in.client_address import client_address, network_of, trusted_networks
from tidewell.database import Connection, Queries
from tidewell.secret_tokens import new_token, token_hash
from tidewell.settings import Settings

KNOWN_FOR: Final = timedelta(days=180)
"""Through a long absence; a browser that was not used for longer is a stranger again."""

DEVICES_MAX: Final = 20
"""Of one sign-in; the one that was used least lately is forgotten first."""

_QUERIES: Final = Queries("portal.signing_in", "signing_in.sql")


def device_cookie_name(settings: Settings) -> str:
    """Return the cookie's name, with the same prefix as that of the session."""
    return "__Host-tidewell-device" if served_securely(settings) else "tidewell-device"


def network_of_request(request: web.Request) -> str:
    """Return the network that a request comes from."""
    trusted = trusted_networks(request.app[SETTINGS].trusted_proxies)
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
    return network_of(client_address(request.remote or "", forwarded, trusted))


async def attempt_of(request: web.Request, username: str) -> Attempt:
    """Return who tries: from which network, and whether their browser is known."""
    network = network_of_request(request)
    token = request.cookies.get(device_cookie_name(request.app[SETTINGS]))
    if not token:
        return Attempt(username, network)
    hashed = token_hash(token)
    now = now_of(request)
    which = {"token_hash": hashed, "username": username, "since": now - KNOWN_FOR}
    async with transaction(request) as connection:
        found = await (await connection.execute(_QUERIES["is_known_device"], which)).fetchone()
    return Attempt(username, network, hashed.hex() if found else None)


async def remember_device(
    request: web.Request, connection: Connection, username: str, now: datetime
) -> str:
    """Remember this browser for a sign-in and return the token that its cookie holds."""
    given = request.cookies.get(device_cookie_name(request.app[SETTINGS]), "")
    which = {"token_hash": token_hash(given)}
    # A token that we never gave may be known to whoever put it there.
    is_ours = await (await connection.execute(_QUERIES["is_our_device"], which)).fetchone()
    token = given if is_ours else new_token()
    what = {"token_hash": token_hash(token), "username": username, "now": now, "most": DEVICES_MAX}
    await connection.execute(_QUERIES["remember_device"], what)
    await connection.execute(_QUERIES["forget_devices"], what)
    return token


def set_device_cookie(response: web.StreamResponse, settings: Settings, token: str) -> None:
    """Give a browser the cookie by which it is known again."""
    response.set_cookie(
        device_cookie_name(settings),
        token,
        max_age=int(KNOWN_FOR.total_seconds()),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=served_securely(settings),
    )
