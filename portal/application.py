"""The web application: which page is where and for whom, and what every request passes.

A page that is not in ROUTES does not exist, and a page in ROUTES always has an audience.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from aiohttp import web
from psycopg_pool import PoolTimeout, TooManyRequests

from portal import (
    admin_pages,
    alert_health_pages,
    alerts_pages,
    away_pages,
    calendar_pages,
    check_in_pages,
    clinician_pages,
    download_pages,
    live,
    note_pages,
    notification_pages,
    person_page,
    receipts,
    sign_in_pages,
    worry_pages,
    young_person_pages,
)
from portal.context import (
    DEMO_SIGN_INS,
    NOW,
    POOL,
    SETTINGS,
    Audience,
    DemoSignIn,
    NowFunction,
    Pool,
)
from portal.forms import FORM_BYTES_MAX
from portal.live_feed import FEED, LiveFeed
from portal.mishaps import explain_mishaps
from portal.passwords import PasswordChecker
from portal.rendering import prepare_rendering
from portal.security import (
    AUDIENCES,
    FEED_PATH,
    Handler,
    add_headers,
    admit,
    give_nonce,
    refuse_other_sites,
)
from portal.sign_in_delay import SignInDelay
from tidewell.clock import now_utc
from tidewell.database import Queries
from tidewell.settings import Settings

HEALTH_WAIT_S: Final = 2.0
"""Whoever asks for health asks again soon; an answer that takes longer is an answer too."""

STATIC_FOLDER: Final = Path(__file__).parent / "static"

_QUERIES: Final = Queries("portal", "service.sql")

_ANYONE: Final = frozenset({Audience.ANYONE})
_PRACTITIONER: Final = frozenset({Audience.PRACTITIONER})
_STAFF: Final = frozenset({Audience.PRACTITIONER, Audience.CLINICIAN})
_EVERY_STAFF: Final = frozenset({Audience.PRACTITIONER, Audience.CLINICIAN, Audience.ADMIN})
_CLINICIAN: Final = frozenset({Audience.CLINICIAN})
_YOUNG_PERSON: Final = frozenset({Audience.YOUNG_PERSON})
_ADMIN: Final = frozenset({Audience.ADMIN})
_SIGNED_IN: Final = frozenset(Audience) - _ANYONE


@dataclass(frozen=True, slots=True)
class Route:
    """Where a page is and for whom."""

    method: str
    path: str
    handler: Handler
    audiences: frozenset[Audience]


async def show_health(request: web.Request) -> web.Response:
    """Say whether the database answers."""
    try:
        async with (
            asyncio.timeout(HEALTH_WAIT_S),
            request.app[POOL].connection(timeout=HEALTH_WAIT_S) as connection,
        ):
            await connection.execute(_QUERIES["answer"])
    except (psycopg.Error, PoolTimeout, TooManyRequests, TimeoutError):
        return web.Response(text="the database does not answer\n", status=503)
    return web.Response(text="ok\n")


_ALERT: Final = "/a/{public_id:[A-Za-z0-9_-]{1,64}}"
_COVER: Final = "/away/{cover_id:[0-9]{1,9}}"
_PERSON: Final = "/people/{person_id:[0-9]{1,9}}"
_NOTE: Final = "/notes/{context_note_id:[0-9]{1,18}}"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/", sign_in_pages.go_home, _SIGNED_IN),
    Route("GET", "/health", show_health, _ANYONE),
    Route("GET", "/sign-in", sign_in_pages.show_sign_in, _ANYONE),
    Route("POST", "/sign-in", sign_in_pages.sign_in, _ANYONE),
    Route("POST", "/sign-out", sign_in_pages.sign_out, _ANYONE),
    Route("GET", "/help", young_person_pages.show_help, _ANYONE),
    Route("GET", "/alerts", alerts_pages.show_list, _PRACTITIONER),
    Route("GET", _ALERT, alerts_pages.show_alert, _STAFF),
    Route("GET", _ALERT + "/hand-over", alerts_pages.show_hand_over, _STAFF),
    Route("POST", _ALERT + "/accept", alerts_pages.accept_alert, _PRACTITIONER),
    Route("POST", _ALERT + "/close", alerts_pages.close_alert, _PRACTITIONER),
    Route("POST", _ALERT + "/pass-on", alerts_pages.pass_alert_on, _PRACTITIONER),
    Route("POST", _ALERT + "/snooze", alerts_pages.snooze_alert, _PRACTITIONER),
    Route("GET", "/away", away_pages.show_away, _PRACTITIONER),
    Route("POST", "/away", away_pages.arrange_cover, _PRACTITIONER),
    Route("POST", _COVER + "/accept", away_pages.accept_cover, _PRACTITIONER),
    Route("POST", _COVER + "/end", away_pages.end_cover, _PRACTITIONER),
    Route("POST", _COVER + "/hand-over", away_pages.hand_over, _PRACTITIONER),
    Route("GET", "/calendar", calendar_pages.show_calendar, _PRACTITIONER),
    Route("POST", "/calendar/make", calendar_pages.make_feed, _PRACTITIONER),
    Route("POST", "/calendar/revoke", calendar_pages.revoke_feed, _PRACTITIONER),
    Route("GET", FEED_PATH + "{token:[A-Za-z0-9_-]{20,64}}.ics", calendar_pages.show_feed, _ANYONE),
    Route("GET", "/people", clinician_pages.show_people, _CLINICIAN),
    Route("GET", _PERSON, person_page.show_person, _STAFF),
    Route("GET", _PERSON + "/worry", worry_pages.show_worry, _STAFF),
    Route("POST", _PERSON + "/worry", worry_pages.say_worry, _STAFF),
    Route("GET", _PERSON + "/notes", note_pages.show_person_notes, _STAFF),
    Route("POST", _PERSON + "/notes/add", note_pages.add_person_note, _PRACTITIONER),
    Route("POST", _PERSON + _NOTE + "/remove", note_pages.remove_person_note, _PRACTITIONER),
    Route("GET", "/live", live.stream_events, _STAFF),
    Route("GET", "/me", young_person_pages.show_my_week, _YOUNG_PERSON),
    Route("GET", "/me/check-in", check_in_pages.show_check_in, _YOUNG_PERSON),
    Route("POST", "/me/check-in", check_in_pages.ask_for_check_in, _YOUNG_PERSON),
    Route("POST", "/me/check-in/take-back", check_in_pages.take_back, _YOUNG_PERSON),
    Route("GET", "/me/who-looked", young_person_pages.show_who_looked, _YOUNG_PERSON),
    Route("GET", "/me/pause", young_person_pages.show_pause, _YOUNG_PERSON),
    Route("POST", "/me/pause", young_person_pages.start_pause, _YOUNG_PERSON),
    Route("POST", "/me/resume", young_person_pages.end_pause, _YOUNG_PERSON),
    Route("GET", "/me/download", download_pages.show_download, _YOUNG_PERSON),
    Route("POST", "/me/download", download_pages.download, _YOUNG_PERSON),
    Route("GET", "/me/notes", note_pages.show_my_notes, _YOUNG_PERSON),
    Route("POST", "/me/notes", note_pages.add_my_note, _YOUNG_PERSON),
    Route("POST", "/me" + _NOTE + "/remove", note_pages.remove_my_note, _YOUNG_PERSON),
    Route("GET", "/service", admin_pages.show_service, _ADMIN),
    Route("GET", "/notifications", notification_pages.show_notifications, _EVERY_STAFF),
    Route("POST", "/notifications/add", notification_pages.add_phone, _EVERY_STAFF),
    Route("POST", "/notifications/remove", notification_pages.remove_phone, _EVERY_STAFF),
    Route("GET", "/push-worker.mjs", notification_pages.show_worker, _ANYONE),
    Route("POST", "/receipts/notify", receipts.take_notify_receipt, _ANYONE),
    Route("GET", "/service/alerts", alert_health_pages.show_alert_health, _ADMIN),
)


def build_application(
    settings: Settings,
    database_url: str,
    pool: Pool,
    *,
    demo_sign_ins: tuple[DemoSignIn, ...] = (),
    now: NowFunction = now_utc,
) -> web.Application:
    """Return the application; the pool is opened and closed by the caller."""
    application = web.Application(
        middlewares=[give_nonce, explain_mishaps, refuse_other_sites, admit],
        client_max_size=FORM_BYTES_MAX,
    )
    application[SETTINGS] = settings
    application[POOL] = pool
    application[NOW] = now
    application[DEMO_SIGN_INS] = demo_sign_ins
    application[sign_in_pages.CHECKER] = PasswordChecker()
    application[sign_in_pages.DELAY] = SignInDelay()
    application[download_pages.DOWNLOADS] = asyncio.Semaphore(download_pages.AT_ONCE_MOST)
    application[FEED] = LiveFeed(database_url, now)
    prepare_rendering(application)
    _add_routes(application)
    application.on_response_prepare.append(add_headers)
    application.cleanup_ctx.append(_run_feed)
    application.on_shutdown.append(_close_streams)
    return application


def _add_routes(application: web.Application) -> None:
    audiences: dict[str, frozenset[Audience]] = {}
    for route in ROUTES:
        added = application.router.add_route(route.method, route.path, route.handler)
        resource = added.resource
        if resource is None:
            raise AssertionError("a route without a resource")
        # GET and POST of one path share their resource, and with it their audience.
        if audiences.setdefault(resource.canonical, route.audiences) != route.audiences:
            raise AssertionError(f"{route.path} has two audiences; give each its own path")
    static = application.router.add_static("/static/", STATIC_FOLDER)
    audiences[static.canonical] = _ANYONE
    application[AUDIENCES] = audiences


FEED_END_S: Final = 1.0
"""How long a cancelled feed may take before it is asked again; it has nothing to finish."""


async def _run_feed(application: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(application[FEED].run(), name="live feed")
    yield
    # A driver may swallow a cancellation that meets an answer; asked again, it ends.
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=FEED_END_S)


async def _close_streams(application: web.Application) -> None:
    application[FEED].close_all()
