"""`python -m bench portal`: how long each page takes, what it weighs and when it is drawn.

A real PostgreSQL in a temporary folder and the real application on a real socket, in the portal's
own role with row security on: 1,000 people with 90 days of daily measures and what gathers around
them, a caseload of 200 for the clinician and of 20 for each practitioner, one in twenty with
something open; twenty people with 90 days of minutes that came in side by side, as they do in
service, and one of them with a year. Every page of every role (`bench.pages`) is asked for one
after the other by somebody who is signed in, compressed as a browser gets it; its time is from the
request to the last byte. Beside each stands a bare `SELECT 1` that goes through the same stack in
the same run. `processor_ms` is what a page cost on the processors, this program and all servers
together: it moves little with what else the machine does. Then a browser opens every page for the
first time (`bench.browsing`).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import psycopg

from bench.measuring import Figures
from bench.pages import BARE, TOKEN, Page, pages
from bench.streaming.servers import PASSABLE, cpu_s, percentile
from ingest.summing.service import make_hours
from portal.passwords import hash_password
from portal.service import run_portal
from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Queries
from tidewell.embedded.postgres import PostgresServer
from tidewell.errors import ServerError
from tidewell.logs import configure_logs
from tidewell.schema import migrate
from tidewell.secret_tokens import token_hash
from tidewell.settings import load_settings
from tidewell.vocabulary import SHARD_COUNT

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
AGREED_KILOBYTES: Final = 150
LEASE_S: Final = 10
READY_WITHIN_S: Final = 60.0
PASSWORD: Final = "a bench of oak"  # noqa: S105 -- of a database that is gone after the run
GZIP: Final = {"Accept-Encoding": "gzip"}
OURS: Final = {"Sec-Fetch-Site": "same-origin"}
"""A browser that is too old to say this gets pages uncompressed (`portal.compressing`)."""

_SQL: Final = Queries("bench", "paging.sql")
_FILLING: Final = (
    "hire",
    "enrol",
    "name_people",
    "assign",
    "sign_ins",
    "give_addresses",
    "devices",
    "measure_days",
    "let_usual_move",
    "open_episodes",
    "raise_alerts",
    "deliver",
    "fall_silent",
    "look",
    "seal",
    "say",
    "agree",
    "administer",
    "tell_stories",
    "measure_minutes",
)


def run(*, quick: bool = False) -> Figures:
    """Measure every page."""
    configure_logs("warning", "console", "bench")
    people = PEOPLE // (QUICK_SHARE if quick else 1)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with ExitStack() as stack:
        url = make_database(stack)
        fill(url, people, QUICK_DAYS if quick else YEAR_DAYS, QUICK_DAYS if quick else DAYS)
        measured, browsed = asyncio.run(_measure(url, rounds, quick=quick))
    beside_the_bare(measured)
    figures: Figures = {
        "cores": os.cpu_count(),
        "people": people,
        "days": DAYS,
        "rounds": rounds,
        "pages": measured,
        f"slower_than_{AGREED_MS}_ms_at_p95": slow_ones(measured),
    }
    return figures | browsed


def make_database(stack: ExitStack) -> str:
    """Return the address of an empty database with the newest schema, gone with the stack."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidewell-bench-")))
    folder.chmod(PASSABLE)
    postgres = PostgresServer(folder / "postgres")
    postgres.start()
    stack.callback(postgres.stop)
    asyncio.run(migrate(postgres.url, "plain"))
    return postgres.url


def fill(url: str, people: int, longest_days: int, days: int) -> None:
    """Write a service: so many people, one with the longest minutes, some with `days` of them."""
    values: dict[str, Any] = {
        "people": people,
        "with_minutes": min(WITH_MINUTES, people),
        "days": DAYS,
        "minute_days": days,
        "longest_days": longest_days,
        "now": now_utc().replace(second=0, microsecond=0),
        "password_hash": hash_password(PASSWORD),
        "token_hash": token_hash(TOKEN),
    }
    with psycopg.connect(url, autocommit=True) as connection:
        for name in _FILLING:
            connection.execute(_SQL[name], values)
        connection.execute(_SQL["end_batches"], values)
        asyncio.run(make_hours(url, lambda: range(SHARD_COUNT), LEASE_S, rest_s=0.0))
        connection.execute("VACUUM ANALYZE")


def beside_the_bare(measured: dict[str, Figures]) -> None:
    """Say of each how many times longer than a bare request it took."""
    bare_ms = max(measured[BARE.name]["p50_ms"], 0.01)
    for figures in measured.values():
        figures["times_bare"] = round(figures["p50_ms"] / bare_ms, 1)


def slow_ones(measured: dict[str, Figures]) -> list[str] | str:
    """Return what is slower than was agreed."""
    return [name for name, one in measured.items() if one["p95_ms"] > AGREED_MS] or "none"


async def _measure(url: str, rounds: int, *, quick: bool) -> tuple[dict[str, Figures], Figures]:
    async with serve_portal(url) as address:
        clients: dict[str, aiohttp.ClientSession] = {}
        try:
            for username in sorted({page.username for page in pages()} | {""}):
                clients[username] = await _client(address, username)
            measured = {
                page.name: await _page(clients[page.username], address, page, rounds)
                for page in (BARE, *pages())
            }
        finally:
            for client in clients.values():
                await client.close()
        return measured, await _browse(address, quick=quick)


async def _browse(address: str, *, quick: bool) -> Figures:
    try:
        from bench import browsing  # noqa: PLC0415 -- what it needs is there after `./dev test` only
    except ModuleNotFoundError as missing:
        return {"first_views": f"not measured: {missing.name} is not here; run `./dev test` once"}
    if browsing.chromium_path() is None:
        return {"first_views": "not measured: chromium is not on this machine"}
    return await browsing.browse(address, PASSWORD, AGREED_KILOBYTES, quick=quick)


@asynccontextmanager
async def serve_portal(url: str, **more: str) -> AsyncIterator[str]:
    """Lend the address of the portal, served by this process; `more` are further settings."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    settings = load_settings({"TIDEWELL_PORTAL_PORT": "0", "TIDEWELL_DEMO": "true", **more})
    serving = asyncio.create_task(run_portal(settings, url, stop=stop, on_ready=ready.set_result))
    try:
        yield await asyncio.wait_for(ready, READY_WITHIN_S)
    finally:
        stop.set()
        await serving


async def _client(address: str, username: str) -> aiohttp.ClientSession:
    client = aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True), auto_decompress=False, headers=GZIP
    )
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
    sent, used_s = 0, 0.0
    for number in range(rounds + WARM_ROUNDS):
        if number == WARM_ROUNDS:
            used_s = cpu_s(os.getpid())
        started_s = monotonic_s()
        sent = await _ask(client, address, page, OURS)
        if number >= WARM_ROUNDS:
            taken_ms.append((monotonic_s() - started_s) * 1_000)
    used_s = cpu_s(os.getpid()) - used_s
    found = times(taken_ms, sent) | {"processor_ms": round(used_s * 1_000 / rounds, 1)}
    if page.form is None:
        found["kilobytes_to_an_old_browser"] = round(
            await _ask(client, address, page, {}) / 1_000, 1
        )
    return found


def times(taken_ms: list[float], sent: int) -> Figures:
    """Return what a page or an operation took, and how many kilobytes came."""
    taken_ms.sort()
    return {
        "p50_ms": percentile(taken_ms, 0.5),
        "p95_ms": percentile(taken_ms, 0.95),
        "kilobytes": round(sent / 1_000, 1),
    }


async def _ask(
    client: aiohttp.ClientSession, address: str, page: Page, headers: dict[str, str]
) -> int:
    method = "GET" if page.form is None else "POST"
    start = now_utc().date().replace(day=1).isoformat()
    form = {name: value.format(start=start) for name, value in (page.form or {}).items()}
    async with client.request(
        method, address + page.path, data=form or None, headers=headers, allow_redirects=False
    ) as answer:
        body = await answer.read()
        if answer.status != 200:
            raise ServerError(f"{page.path} answered {answer.status}, and 200 was expected")
    return len(body)
