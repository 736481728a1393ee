"""`python -m bench portal`: how long each page takes on the server, and how many bytes it sends.

A real PostgreSQL in a temporary folder and the real application on a real socket: 1,000 people with
90 days of daily measures, a caseload of 200 for the clinician and of 20 for each practitioner, one
in twenty with something open; twenty people with 90 days of minutes that came in side by side, as
they do in service, and one of them with a year. Each page is asked for one after the other, by
somebody who is signed in, and its time is from the request to the last byte. Beside each stands a
bare `SELECT 1` that goes through the same stack in the same run.

`PAGES` is the list. Whoever adds a page adds it there.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import psycopg

from bench.measuring import Figures
from bench.streaming.servers import PASSABLE, percentile
from portal.passwords import hash_password
from portal.service import run_portal
from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Queries
from tidewell.embedded.postgres import PostgresServer
from tidewell.errors import ServerError
from tidewell.logs import configure_logs
from tidewell.schema import migrate
from tidewell.settings import load_settings

PEOPLE: Final = 1_000
DAYS: Final = 90
WITH_MINUTES: Final = 20
YEAR_DAYS: Final = 365
QUICK_SHARE: Final = 20
"""A quick run has a twentieth of the people, and ten days of minutes."""
QUICK_DAYS: Final = 10
ROUNDS: Final = 40
QUICK_ROUNDS: Final = 3
WARM_ROUNDS: Final = 3
"""The first requests of a connection prepare its statements."""
AGREED_MS: Final = 200
READY_WITHIN_S: Final = 60.0
PASSWORD: Final = "a bench of oak"  # noqa: S105 -- of a database that is gone after the run
OURS: Final = {"Sec-Fetch-Site": "same-origin"}

_SQL: Final = Queries("bench", "paging.sql")


@dataclass(frozen=True, slots=True)
class Page:
    """A page to measure: who opens it, and what is sent with it where it is a form."""

    name: str
    username: str
    path: str
    form: dict[str, str] | None = None


BARE: Final = Page("bare SELECT 1", "", "/health")
PAGES: Final = (
    Page("practitioner: my people", "jo", "/alerts"),
    Page("practitioner: an alert", "jo", "/a/BENCH1"),
    Page("practitioner: days and nights", "jo", "/people/1"),
    Page("clinician: my people", "kim", "/people"),
    Page("clinician: my people, file", "kim", "/people.csv"),
    Page("clinician: days and nights", "kim", "/people/1?days=90"),
    Page("clinician: explorer", "kim", "/people/1/explore?days=90"),
    Page("clinician: explorer, 7 days of minutes", "kim", "/people/1/explore/series.json?days=7"),
    Page("clinician: explorer, 28 days of minutes", "kim", "/people/1/explore/series.json?days=28"),
    Page("clinician: explorer, 90 days of minutes", "kim", "/people/1/explore/series.json?days=90"),
    Page("clinician: explorer, a year of minutes", "kim", "/people/1/explore/series.json?days=365"),
    Page("clinician: explorer without a script", "kim", "/people/1/explore?days=28&plain=1"),
    Page("clinician: rhythm", "kim", "/people/1/rhythm"),
    Page("clinician: weeks", "kim", "/people/1/weeks"),
    Page("clinician: before and after, form", "kim", "/people/1/before-after"),
    Page(
        "clinician: before and after, answer",
        "kim",
        "/people/1/before-after",
        {"measure": "sleep_minutes", "start": "{start}"},
    ),
    Page("clinician: numbers of teams", "kim", "/counts"),
    Page("administrator: the service", "ade", "/service"),
    Page("administrator: how alerts are doing", "ade", "/service/alerts"),
    Page("young person: my week", "sam", "/me"),
    Page("young person: who looked", "sam", "/me/who-looked"),
)


def run(*, quick: bool = False) -> Figures:
    """Measure every page."""
    configure_logs("warning", "console", "bench")
    people = PEOPLE // (QUICK_SHARE if quick else 1)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with ExitStack() as stack:
        url = _database(stack)
        _fill(url, people, QUICK_DAYS if quick else YEAR_DAYS, QUICK_DAYS if quick else DAYS)
        measured = asyncio.run(_measure(url, rounds))
    bare = measured[BARE.name]
    for figures in measured.values():
        figures["times_bare"] = round(figures["p50_ms"] / max(bare["p50_ms"], 0.01), 1)
    slow = [name for name, one in measured.items() if one["p95_ms"] > AGREED_MS]
    return {
        "cores": os.cpu_count(),
        "people": people,
        "days": DAYS,
        "rounds": rounds,
        "pages": measured,
        f"slower_than_{AGREED_MS}_ms_at_p95": slow or "none",
    }


def _database(stack: ExitStack) -> str:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidewell-bench-")))
    folder.chmod(PASSABLE)
    postgres = PostgresServer(folder / "postgres")
    postgres.start()
    stack.callback(postgres.stop)
    asyncio.run(migrate(postgres.url, "plain"))
    return postgres.url


def _fill(url: str, people: int, longest_days: int, days: int) -> None:
    values: dict[str, Any] = {
        "people": people,
        "with_minutes": min(WITH_MINUTES, people),
        "days": DAYS,
        "minute_days": days,
        "longest_days": longest_days,
        "now": now_utc().replace(second=0, microsecond=0),
        "password_hash": hash_password(PASSWORD),
    }
    with psycopg.connect(url, autocommit=True) as connection:
        for name in (
            "hire",
            "enrol",
            "name_people",
            "assign",
            "sign_ins",
            "devices",
            "measure_days",
            "open_episodes",
            "raise_alerts",
            "tell_stories",
            "upload_policy",
            "measure_minutes",
        ):
            connection.execute(_SQL[name], values)
        connection.execute("VACUUM ANALYZE")


async def _measure(url: str, rounds: int) -> dict[str, Figures]:
    async with _portal(url) as address:
        clients: dict[str, aiohttp.ClientSession] = {}
        try:
            for username in sorted({page.username for page in PAGES} | {""}):
                clients[username] = await _client(address, username)
            return {
                page.name: await _page(clients[page.username], address, page, rounds)
                for page in (BARE, *PAGES)
            }
        finally:
            for client in clients.values():
                await client.close()


@asynccontextmanager
async def _portal(url: str) -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    settings = load_settings({"TIDEWELL_PORTAL_PORT": "0", "TIDEWELL_DEMO": "true"})
    serving = asyncio.create_task(run_portal(settings, url, stop=stop, on_ready=ready.set_result))
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            yield await ready
    finally:
        stop.set()
        await serving


async def _client(address: str, username: str) -> aiohttp.ClientSession:
    client = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
    if username:
        form = {"username": username, "password": PASSWORD}
        async with client.post(
            f"{address}/sign-in", data=form, headers=OURS, allow_redirects=False
        ) as answer:
            if answer.status != 303:
                raise ServerError(f"{username} could not sign in: status {answer.status}")
    return client


async def _page(client: aiohttp.ClientSession, address: str, page: Page, rounds: int) -> Figures:
    taken_ms: list[float] = []
    sent = 0
    for number in range(rounds + WARM_ROUNDS):
        started_s = monotonic_s()
        sent = await _ask(client, address, page)
        if number >= WARM_ROUNDS:
            taken_ms.append((monotonic_s() - started_s) * 1_000)
    taken_ms.sort()
    return {
        "p50_ms": percentile(taken_ms, 0.5),
        "p95_ms": percentile(taken_ms, 0.95),
        "kilobytes": round(sent / 1_000, 1),
    }


async def _ask(client: aiohttp.ClientSession, address: str, page: Page) -> int:
    method = "GET" if page.form is None else "POST"
    start = now_utc().date().replace(day=1).isoformat()
    form = {name: value.format(start=start) for name, value in (page.form or {}).items()}
    async with client.request(
        method, address + page.path, data=form or None, headers=OURS
    ) as answer:
        body = await answer.read()
        if answer.status != 200:
            raise ServerError(f"{page.path} answered {answer.status}, and 200 was expected")
    return len(body)
