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
    alerts_pages,
    away_pages,
    calendar_pages,
    check_in_pages,
    download_pages,
    help_pages,
    installing,
    live,
    measure_pages,
    note_pages,
    notification_pages,
    person_page,
    receipts,
    sign_in_pages,
    worry_pages,
    young_person_pages,
)
from portal.admin.door import ENROL_POOL, keep_enrol_pool, make_enrol_pool
from portal.admin.pairing_pages import PAIRING_DELAY
from portal.admin.routes import ADMIN_ROUTES, DEVICE_ROUTES, MANAGER_ROUTES
from portal.admin.trials import TRIALS, TrialRunner, keep_trials
from portal.api import token_pages
from portal.api.catalogue import DOCUMENT_PATH, OPERATIONS
from portal.api.document import show_document
from portal.api.limits import RateLimit
from portal.api.operations import LIMIT, handler_of
from portal.clinic import (
    before_after_pages,
    caseload_pages,
    counts_pages,
    explorer_pages,
    rhythm_pages,
    weeks_pages,
)
from portal.compressing import compress
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
from portal.openings import pages as openings
from portal.passwords import PasswordChecker
from portal.record import pages as record
from portal.rendering import prepare_rendering
from portal.sealing import keep_sealing
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
from portal.signing_in import (
    overview_pages,
    password_pages,
    proof_pages,
    second_step_pages,
    set_up_pages,
)
from portal.signing_in.attempts import Attempts
from portal.signing_in.checking import CHECKER
from portal.signing_in.entering import ATTEMPTS
from portal.young import (
    information_pages,
    measures_pages,
    request_pages,
    staff_pages,
    today_pages,
)
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
_CLINICIAN_AND_ADMIN: Final = frozenset({Audience.CLINICIAN, Audience.ADMIN})
_YOUNG_PERSON: Final = frozenset({Audience.YOUNG_PERSON})
_ADMIN: Final = frozenset({Audience.ADMIN})
_MANAGERS: Final = frozenset({Audience.ADMIN, Audience.SERVICE_MANAGER})
_SERVICE_MANAGER: Final = frozenset({Audience.SERVICE_MANAGER})
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


_LINK: Final = "/sign-in/link/{token:[A-Za-z0-9_-]{20,64}}"
_ALERT: Final = "/a/{public_id:[A-Za-z0-9_-]{1,64}}"
_COVER: Final = "/away/{cover_id:[0-9]{1,9}}"
_PERSON: Final = "/people/{person_id:[0-9]{1,9}}"
_REQUEST: Final = "/requests/{data_request_id:[0-9]{1,18}}"
_NOTE: Final = "/notes/{context_note_id:[0-9]{1,18}}"
_OPENING: Final = "/openings/{opening_id:[0-9]{1,18}}"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/", sign_in_pages.go_home, _SIGNED_IN),
    Route("GET", "/health", show_health, _ANYONE),
    Route("GET", "/sign-in", sign_in_pages.show_sign_in, _ANYONE),
    Route("POST", "/sign-in", sign_in_pages.sign_in, _ANYONE),
    Route("POST", "/sign-in/passkey", sign_in_pages.sign_in_by_passkey, _ANYONE),
    Route("POST", "/sign-in/passkey/options", sign_in_pages.ask_passkey, _ANYONE),
    Route("GET", _LINK, password_pages.show_link, _ANYONE),
    Route("POST", _LINK, password_pages.take_link, _ANYONE),
    Route("GET", "/sign-in/second", second_step_pages.show_second_step, _EVERY_STAFF),
    Route("POST", "/sign-in/second", second_step_pages.give_code, _EVERY_STAFF),
    Route("POST", "/sign-in/second/passkey", second_step_pages.give_passkey, _EVERY_STAFF),
    Route("POST", "/sign-in/second/options", second_step_pages.ask_passkey, _EVERY_STAFF),
    Route("GET", "/sign-in/again", proof_pages.show_again, _SIGNED_IN),
    Route("POST", "/sign-in/again", proof_pages.give_password, _SIGNED_IN),
    Route("POST", "/sign-in/again/passkey", proof_pages.give_passkey, _SIGNED_IN),
    Route("POST", "/sign-in/again/options", proof_pages.ask_passkey, _SIGNED_IN),
    Route("POST", "/sign-out", sign_in_pages.sign_out, _ANYONE),
    Route("GET", "/security", overview_pages.show_overview, _SIGNED_IN),
    Route("POST", "/security/places/end", overview_pages.end_place, _SIGNED_IN),
    Route("POST", "/security/places/end-others", overview_pages.end_other_places, _SIGNED_IN),
    Route("GET", "/security/password", password_pages.show_change, _SIGNED_IN),
    Route("POST", "/security/password", password_pages.change_password, _SIGNED_IN),
    Route("GET", "/security/set-up", set_up_pages.show_set_up, _SIGNED_IN),
    Route("POST", "/security/passkey", set_up_pages.add_new_passkey, _SIGNED_IN),
    Route("POST", "/security/passkey/options", set_up_pages.ask_new_passkey, _SIGNED_IN),
    Route("POST", "/security/passkey/remove", set_up_pages.take_passkey_away, _SIGNED_IN),
    Route("GET", "/security/app", set_up_pages.show_app, _EVERY_STAFF),
    Route("POST", "/security/app", set_up_pages.confirm_new_app, _EVERY_STAFF),
    Route("POST", "/security/app/remove", set_up_pages.take_app_away, _EVERY_STAFF),
    Route("POST", "/security/codes", set_up_pages.make_codes, _EVERY_STAFF),
    Route("GET", "/help", help_pages.show_help, _ANYONE),
    Route("POST", "/leave", help_pages.leave, _ANYONE),
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
    Route("GET", "/people", caseload_pages.show_people, _CLINICIAN),
    Route("GET", "/people.csv", caseload_pages.give_people, _CLINICIAN),
    Route("GET", "/counts", counts_pages.show_counts, _CLINICIAN_AND_ADMIN),
    Route("GET", "/counts.csv", counts_pages.give_counts, _CLINICIAN_AND_ADMIN),
    Route("GET", _PERSON, person_page.show_person, _STAFF),
    Route("GET", _PERSON + "/days", measure_pages.show_measure, _STAFF),
    Route("GET", _PERSON + "/explore", explorer_pages.show_explorer, _CLINICIAN),
    Route("GET", _PERSON + "/explore/series.json", explorer_pages.give_series, _CLINICIAN),
    Route("GET", _PERSON + "/explore/table.csv", explorer_pages.give_table, _CLINICIAN),
    Route("GET", _PERSON + "/rhythm", rhythm_pages.show_rhythm, _CLINICIAN),
    Route("GET", _PERSON + "/weeks", weeks_pages.show_weeks, _CLINICIAN),
    Route("GET", _PERSON + "/weeks.csv", weeks_pages.give_weeks, _CLINICIAN),
    Route("GET", _PERSON + "/before-after", before_after_pages.show_before_after, _CLINICIAN),
    Route("POST", _PERSON + "/before-after", before_after_pages.compare_before_after, _CLINICIAN),
    Route("GET", _PERSON + "/worry", worry_pages.show_worry, _STAFF),
    Route("POST", _PERSON + "/worry", worry_pages.say_worry, _STAFF),
    Route("GET", _PERSON + "/notes", note_pages.show_person_notes, _STAFF),
    Route("POST", _PERSON + "/notes/add", note_pages.add_person_note, _PRACTITIONER),
    Route("POST", _PERSON + _NOTE + "/remove", note_pages.remove_person_note, _PRACTITIONER),
    Route("GET", _PERSON + "/check-ins", staff_pages.show_check_ins, _STAFF),
    Route("GET", "/requests", request_pages.show_requests, _PRACTITIONER),
    Route("POST", _REQUEST + "/answer", request_pages.answer_request, _PRACTITIONER),
    Route("GET", _PERSON + "/timeline", record.show_timeline, _STAFF),
    Route("POST", _PERSON + "/contacts", record.add_contact, _STAFF),
    Route("GET", _PERSON + "/timeline/correct", record.show_correction, _STAFF),
    Route("POST", _PERSON + "/timeline/correct", record.add_correction, _STAFF),
    Route("GET", _PERSON + "/three-columns", record.show_columns, _STAFF),
    Route("POST", _PERSON + "/three-columns", record.add_columns, _STAFF),
    Route("GET", "/openings", openings.show_openings, _EVERY_STAFF),
    Route("GET", "/openings/new", openings.show_new, _STAFF),
    Route("POST", "/openings/new", openings.open_pages, _STAFF),
    Route("POST", _OPENING + "/finish", openings.finish, _STAFF),
    Route("POST", _OPENING + "/review", openings.review, _SERVICE_MANAGER),
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
    Route("GET", "/me/today", today_pages.show_today, _YOUNG_PERSON),
    Route("POST", "/me/today", today_pages.say_today, _YOUNG_PERSON),
    Route("GET", "/me/measures", measures_pages.show_measures, _YOUNG_PERSON),
    Route("POST", "/me/measures", measures_pages.switch_measure, _YOUNG_PERSON),
    Route("GET", "/me/information", information_pages.show_information, _YOUNG_PERSON),
    Route("GET", "/me/reading", information_pages.show_level, _YOUNG_PERSON),
    Route("POST", "/me/reading", information_pages.choose_level, _YOUNG_PERSON),
    Route("GET", "/me/requests", request_pages.show_my_requests, _YOUNG_PERSON),
    Route("POST", "/me/requests", request_pages.ask_about_me, _YOUNG_PERSON),
    Route("POST", "/me" + _REQUEST + "/take-back", request_pages.take_back_request, _YOUNG_PERSON),
    Route("GET", "/service/requests", request_pages.show_requests_due, _ADMIN),
    Route("GET", "/service", admin_pages.show_service, _ADMIN),
    Route("GET", "/notifications", notification_pages.show_notifications, _EVERY_STAFF),
    Route("POST", "/notifications/add", notification_pages.add_phone, _EVERY_STAFF),
    Route("POST", "/notifications/remove", notification_pages.remove_phone, _EVERY_STAFF),
    Route("GET", "/worker.mjs", installing.show_worker, _ANYONE),
    Route("GET", "/offline", installing.show_offline, _ANYONE),
    Route("POST", "/receipts/notify", receipts.take_notify_receipt, _ANYONE),
    *(Route(*entry, _ADMIN) for entry in ADMIN_ROUTES),
    *(Route(*entry, _MANAGERS) for entry in MANAGER_ROUTES),
    *(Route(*entry, _ANYONE) for entry in DEVICE_ROUTES),
    Route("GET", "/tokens", token_pages.show_tokens, _SIGNED_IN),
    Route("POST", "/tokens/make", token_pages.make, _SIGNED_IN),
    Route("POST", "/tokens/revoke", token_pages.revoke, _SIGNED_IN),
    Route("GET", DOCUMENT_PATH, show_document, _ANYONE),
    *(Route(one.method, one.path, handler_of(one), one.audiences) for one in OPERATIONS),
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
        middlewares=[compress, give_nonce, explain_mishaps, refuse_other_sites, admit],
        client_max_size=FORM_BYTES_MAX,
    )
    application[SETTINGS] = settings
    application[POOL] = pool
    application[NOW] = now
    application[DEMO_SIGN_INS] = demo_sign_ins
    application[CHECKER] = PasswordChecker()
    application[ATTEMPTS] = Attempts()
    application[download_pages.DOWNLOADS] = asyncio.Semaphore(download_pages.AT_ONCE_MOST)
    application[LIMIT] = RateLimit(settings.api_requests_a_minute)
    application[FEED] = LiveFeed(database_url, now)
    application[ENROL_POOL] = make_enrol_pool(database_url)
    application[PAIRING_DELAY] = SignInDelay()
    application[TRIALS] = TrialRunner(application, database_url)
    prepare_rendering(application)
    installing.prepare_worker(application)
    _add_routes(application)
    application.on_response_prepare.append(add_headers)
    application.cleanup_ctx.append(_run_feed)
    application.cleanup_ctx.append(keep_enrol_pool)
    application.cleanup_ctx.append(keep_trials)
    application.cleanup_ctx.append(keep_sealing)
    application.on_shutdown.append(_close_streams)
    return application


def _add_routes(application: web.Application) -> None:
    audiences: dict[tuple[str, str], frozenset[Audience]] = {}
    for route in ROUTES:
        added = application.router.add_route(route.method, route.path, route.handler)
        resource = added.resource
        if resource is None:
            raise AssertionError("a route without a resource")
        audiences[route.method, resource.canonical] = route.audiences
    static = application.router.add_static("/static/", STATIC_FOLDER)
    for method in ("GET", "HEAD"):
        audiences[method, static.canonical] = _ANYONE
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
