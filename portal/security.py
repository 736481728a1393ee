"""The gate: what every request passes before a page sees it, and what every answer carries.

Promises: a page opens only for the audience that it was registered for; a form of another site
changes nothing; no answer lets a browser fetch, frame or keep what it should not. A page about a
person that somebody may not see looks the same as a page that does not exist.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from portal.api.tokens import find_token_viewer
from portal.context import (
    EVENTS_BEFORE,
    NONCE,
    SETTINGS,
    VIEWER,
    Audience,
    Viewer,
    is_for_programs,
    now_of,
    transaction,
)
from portal.live_feed import FEED
from portal.sessions import find_viewer, served_securely, token_of
from portal.signing_in.steps import STEP, STEP_PAGES, is_open_during, step_of
from tidewell.logs import get_logger

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REFRESH_HEADER: Final = "X-Tidewell-Refresh"
"""Sent by pages that refresh themselves: nobody is at the keyboard, so the session ages on."""

Audiences = Mapping[tuple[str, str], frozenset[Audience]]
AUDIENCES: Final[web.AppKey[Audiences]] = web.AppKey("audiences")
"""Whom each method and address is for; what is not here is for nobody."""

_WITH_A_CALENDAR: Final = frozenset({200, 304})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
STATIC_PATH: Final = "/static/"
_FROM_PROVIDERS: Final = "/receipts/"
"""Called by providers with a token of their own; a cookie counts for nothing there."""

_FROM_DEVICES: Final = "/pair"
"""Called by devices with a code, as JSON; no form of another site can send that."""
_STREAM_PATHS: Final = frozenset({"/live", "/api/v1/events"})
"""Open for as long as a page is; that somebody is at the keyboard does not follow."""

FEED_PATH: Final = "/calendar/feed/"
"""Where calendars are; programs that read them may keep what they got."""

FEED_KEPT_S: Final = 900
"""Calendar programs ask every hour or less often; a change of shift is there in time."""


class Refusal(StrEnum):
    """Why a request was not let through."""

    OTHER_SITE = "other_site"
    NOT_SIGNED_IN = "not_signed_in"
    STEP_MISSING = "step_missing"
    PROOF_TOO_OLD = "proof_too_old"
    NOT_FOR_THIS_AUDIENCE = "not_for_this_audience"
    NOT_ASSIGNED = "not_assigned"
    NOT_FOUND = "not_found"
    TOO_MANY_STREAMS = "too_many_streams"
    UNUSABLE_FORM = "unusable_form"
    WAIT_BEFORE_NEXT_TRY = "wait_before_next_try"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 -- the name of a reason
    UNUSABLE_PASSWORD = "unusable_password"  # noqa: S105 -- the name of a reason
    WRONG_CODE = "wrong_code"
    WRONG_PASSKEY = "wrong_passkey"
    WRONG_LINK = "wrong_link"
    NO_PASSKEYS_HERE = "no_passkeys_here"
    TOO_MANY_FACTORS = "too_many_factors"
    TOO_BUSY = "too_busy"
    WRONG_TOKEN = "wrong_token"  # noqa: S105 -- the name of a reason
    UNUSABLE_RECEIPT = "unusable_receipt"
    NO_PUSH_SERVICE = "no_push_service"
    TOO_MANY_PHONES = "too_many_phones"
    TOO_MANY_ASKS = "too_many_asks"
    NO_BROKER_ADDRESS = "no_broker_address"
    NOT_OPENED = "not_opened"


def log_refusal(request: web.Request, reason: Refusal) -> None:
    """Note that a request was refused, without saying about whom."""
    get_logger().info("request refused", reason=reason.value, method=request.method)


def not_found(request: web.Request, reason: Refusal) -> web.HTTPNotFound:
    """Return the one answer for what is not there and for what is not yours to see."""
    log_refusal(request, reason)
    return web.HTTPNotFound()


def cross_site_refusal(
    method: str, headers: Mapping[str, str], own_host: str, public_url: str | None
) -> Refusal | None:
    """Say whether a request that changes something came from a page of another site.

    Browsers say where a request comes from in Sec-Fetch-Site, older ones in Origin. A request that
    says neither does not come from a form of ours.
    """
    if method in _SAFE_METHODS:
        return None
    fetch_site = headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return None if fetch_site == "same-origin" else Refusal.OTHER_SITE
    origin_host = urlsplit(headers.get("Origin", "")).netloc
    own_hosts = {own_host, urlsplit(public_url or "").netloc} - {""}
    return None if origin_host in own_hosts else Refusal.OTHER_SITE


def security_headers(nonce: str, *, https: bool, static: bool) -> dict[str, str]:
    """Return what every answer tells the browser to refuse."""
    policy = (
        "default-src 'none'; "
        f"script-src 'self' 'nonce-{nonce}'; "
        "style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-cache" if static else "no-store",
    }
    if https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on an answer, streams and errors included."""
    nonce = request.get(NONCE, "")
    https = served_securely(request.app[SETTINGS])
    static = request.path.startswith(STATIC_PATH)
    response.headers.update(security_headers(nonce, https=https, static=static))
    if request.path.startswith(FEED_PATH) and response.status in _WITH_A_CALENDAR:
        response.headers["Cache-Control"] = f"private, max-age={FEED_KEPT_S}"
    response.headers["Server"] = "Tidewell"


@web.middleware
async def give_nonce(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every request the number that its own script blocks carry."""
    request[NONCE] = secrets.token_urlsafe(16)
    return await handler(request)


@web.middleware
async def refuse_other_sites(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let nothing change because of a page of another site."""
    is_no_form = request.path.startswith(_FROM_PROVIDERS) or request.path == _FROM_DEVICES
    if is_no_form or _needs_no_origin(request):
        return await handler(request)
    public_url = request.app[SETTINGS].public_url
    reason = cross_site_refusal(request.method, request.headers, request.host, public_url)
    if reason is not None:
        log_refusal(request, reason)
        raise web.HTTPForbidden
    return await handler(request)


@web.middleware
async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who is looking and open the page only to its audience."""
    audiences = _audiences_of(request)
    if audiences is None or request.path.startswith(STATIC_PATH):
        return await handler(request)
    request[EVENTS_BEFORE] = request.app[FEED].newest
    await _recognise(request)
    viewer = request.get(VIEWER)
    if Audience.ANYONE in audiences:
        return await handler(request)
    if viewer is None:
        log_refusal(request, Refusal.NOT_SIGNED_IN)
        if is_for_programs(request):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Bearer realm="tidewell"'})
        raise web.HTTPSeeOther("/sign-in" + _leading_back(request))
    step = request.get(STEP)
    if step is not None and not is_open_during(step, request.path):
        log_refusal(request, Refusal.STEP_MISSING)
        if is_for_programs(request):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Bearer realm="tidewell"'})
        raise web.HTTPSeeOther(STEP_PAGES[step] + _leading_back(request))
    if not viewer.audiences & audiences:
        raise not_found(request, Refusal.NOT_FOR_THIS_AUDIENCE)
    return await handler(request)


def _audiences_of(request: web.Request) -> frozenset[Audience] | None:
    """Return whom the page is for, or None where there is no page."""
    resource = request.match_info.route.resource
    if request.match_info.http_exception is not None or resource is None:
        return None
    return request.app[AUDIENCES].get((request.method, resource.canonical), frozenset())


def _needs_no_origin(request: web.Request) -> bool:
    """Return whether a program asks without a cookie: then nobody's browser was made to ask."""
    return is_for_programs(request) and (_shows_token(request) or token_of(request) is None)


def _shows_token(request: web.Request) -> bool:
    """Return whether a program shows its own token: then no cookie counts, nor where it is from."""
    return is_for_programs(request) and "Authorization" in request.headers


async def _recognise(request: web.Request) -> None:
    if _shows_token(request):
        async with transaction(request) as connection:
            found = await find_token_viewer(connection, request)
        if found is not None:
            request[VIEWER] = found
        return
    hashed = token_of(request)
    if hashed is None:
        return
    keep_alive = REFRESH_HEADER not in request.headers and request.path not in _STREAM_PATHS
    async with transaction(request) as connection:
        viewer = await find_viewer(connection, hashed, now_of(request), keep_alive=keep_alive)
    if viewer is not None:
        set_viewer(request, viewer)


def set_viewer(request: web.Request, viewer: Viewer) -> None:
    """Note who is looking, and what they have to do before their pages open."""
    request[VIEWER] = viewer
    step = step_of(viewer, demo=request.app[SETTINGS].demo)
    if step is not None:
        request[STEP] = step
    else:
        request.pop(STEP, None)


def _leading_back(request: web.Request) -> str:
    """Return what makes a page lead back to the one that was asked for by its address."""
    if request.method not in _SAFE_METHODS or request.path == "/":
        return ""
    return "?next=" + quote(request.path, safe="")


def safe_next(path: str) -> str:
    """Return where to go after signing in: a page of ours, never an address of somebody else.

    Example:
        >>> safe_next("/a/7K2Q"), safe_next("//elsewhere.example"), safe_next("https://elsewhere")
        ('/a/7K2Q', '/', '/')
    """
    ours = path.startswith("/") and not path.startswith(("//", "/\\"))
    plain = all(character.isprintable() and character not in "\\ " for character in path)
    return path if ours and plain and len(path) <= 200 else "/"
