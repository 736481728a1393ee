"""`python -m bench api`: how long each answer to a program takes, and what a first view weighs.

The site of `bench portal`: 1,000 people with 90 days of daily measures on a real PostgreSQL, the
real application on a real socket. Each operation that reads is asked for one after the other, with
a token, compressed as served; its time is from the request to the last byte. Beside each stands a
bare `SELECT 1` that goes through the same stack in the same run.

A first view is a page with every file that it names, as a browser that was never here fetches them.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final
from urllib.parse import urljoin

import aiohttp

from bench.measuring import Figures
from bench.paging import (
    AGREED_MS,
    BARE,
    DAYS,
    PEOPLE,
    QUICK_ROUNDS,
    QUICK_SHARE,
    READY_WITHIN_S,
    ROUNDS,
    WARM_ROUNDS,
    _client,
    _database,
    _fill,
)
from bench.streaming.servers import percentile
from portal.api.catalogue import OPERATIONS
from portal.api.operations import Operation
from portal.api.tokens import make_token
from portal.context import Audience
from portal.service import run_portal
from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Role, connect
from tidewell.errors import ServerError
from tidewell.logs import configure_logs
from tidewell.settings import load_settings

MINUTE_DAYS: Final = 10
"""Programs get three days by the hour; longer ones are the explorer's, which `portal` measures."""
WHO: Final = {
    Audience.PRACTITIONER: "jo",
    Audience.CLINICIAN: "kim",
    Audience.YOUNG_PERSON: "sam",
    Audience.ADMIN: "ade",
}
FIRST_VIEWS: Final = (
    ("sign-in", "", "/sign-in"),
    ("practitioner: my people", "jo", "/alerts"),
    ("practitioner: an alert", "jo", "/a/BENCH1"),
    ("practitioner: days and nights", "jo", "/people/1"),
    ("clinician: my people", "kim", "/people"),
    ("young person: my week", "sam", "/me"),
    ("administrator: the service", "ade", "/service"),
    ("help", "", "/help"),
)
AGREED_KILOBYTES: Final = 150
A_BROWSER: Final = {"Accept-Encoding": "gzip, br", "Sec-Fetch-Site": "none"}
LIMIT_A_MINUTE: Final = "100000"

_NAMED: Final = re.compile(r"""(?:href|src)="(/static/[^"]+)"|from '(\./[^']+)'""")
_PAGES_BESIDE: Final = (".json",)
"""Read when the page is put on a home screen, and not to show it."""


def run(*, quick: bool = False) -> Figures:
    """Measure every operation that reads, and the first views."""
    configure_logs("warning", "console", "bench")
    people = PEOPLE // (QUICK_SHARE if quick else 1)
    with ExitStack() as stack:
        url = _database(stack)
        _fill(url, people, MINUTE_DAYS, MINUTE_DAYS)
        asked, views = asyncio.run(_measure(url, QUICK_ROUNDS if quick else ROUNDS))
    bare = asked[BARE.name]
    for figures in asked.values():
        figures["times_bare"] = round(figures["p50_ms"] / max(bare["p50_ms"], 0.01), 1)
    heavy = [name for name, one in views.items() if one["with_files_kilobytes"] > AGREED_KILOBYTES]
    slow = [name for name, one in asked.items() if one["p95_ms"] > AGREED_MS]
    return {
        "cores": os.cpu_count(),
        "people": people,
        "days": DAYS,
        "operations": asked,
        f"slower_than_{AGREED_MS}_ms_at_p95": slow or "none",
        "first_views": views,
        f"heavier_than_{AGREED_KILOBYTES}_kilobytes": heavy or "none",
    }


async def _measure(url: str, rounds: int) -> tuple[dict[str, Figures], dict[str, Figures]]:
    tokens = {audience: await _token(url, username) for audience, username in WHO.items()}
    async with (
        _served(url) as address,
        aiohttp.ClientSession(auto_decompress=False, headers=A_BROWSER) as client,
    ):
        asked = {BARE.name: await _operation(client, address + BARE.path, {}, rounds)}
        for one in OPERATIONS:
            if one.method == "GET" and one.stream is None:
                token = next(tokens[who] for who in WHO if who in one.audiences)
                shown = {"Authorization": f"Bearer {token}"}
                asked[one.name] = await _operation(client, address + _path(one), shown, rounds)
        views = {name: await _view(address, who, path) for name, who, path in FIRST_VIEWS}
    return asked, views


@asynccontextmanager
async def _served(url: str) -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    settings = load_settings(
        {
            "TIDEWELL_PORTAL_PORT": "0",
            "TIDEWELL_DEMO": "true",
            "TIDEWELL_API_REQUESTS_A_MINUTE": LIMIT_A_MINUTE,
        }
    )
    serving = asyncio.create_task(run_portal(settings, url, stop=stop, on_ready=ready.set_result))
    try:
        yield await asyncio.wait_for(ready, READY_WITHIN_S)
    finally:
        stop.set()
        await serving


async def _token(url: str, username: str) -> str:
    async with await connect(url, Role.PORTAL, "bench") as connection:
        token = await make_token(
            connection,
            username,
            "bench",
            may_act=False,
            lasts=timedelta(days=1),
            now=now_utc(),
        )
    if token is None:
        raise ServerError(f"{username} can have no token")
    return token


def _path(operation: Operation) -> str:
    path = re.sub(r"\{public_id:[^}]*\}\}", "BENCH1", operation.path)
    path = re.sub(r"\{\w+_id:[^}]*\}\}", "1", path)
    fields = operation.query.model_fields
    if "start" in fields:
        return f"{path}?measure=steps&start={now_utc().date() - timedelta(days=28)}"
    return path + ("?days=90" if "days" in fields else "")


async def _operation(
    client: aiohttp.ClientSession, address: str, headers: dict[str, str], rounds: int
) -> Figures:
    taken_ms: list[float] = []
    sent = 0
    for number in range(rounds + WARM_ROUNDS):
        started_s = monotonic_s()
        async with client.get(address, headers=headers) as answer:
            sent = len(await answer.read())
        if answer.status != 200:
            raise ServerError(f"{address} answered {answer.status}, and 200 was expected")
        if number >= WARM_ROUNDS:
            taken_ms.append((monotonic_s() - started_s) * 1_000)
    taken_ms.sort()
    return {
        "p50_ms": percentile(taken_ms, 0.5),
        "p95_ms": percentile(taken_ms, 0.95),
        "kilobytes": round(sent / 1_000, 1),
    }


async def _view(address: str, username: str, path: str) -> Figures:
    """Say what a page weighs alone and with its files, plain and as served."""
    signed_in = await _client(address, username)
    try:
        page = await _fetch(signed_in, address + path)
        plain, served = len(page[0]), page[1]
        waiting, seen = _named(page[0], path), set[str]()
        while waiting:
            file = waiting.pop()
            if file in seen or file.endswith(_PAGES_BESIDE):
                continue
            seen.add(file)
            content, sent = await _fetch(signed_in, address + file)
            plain, served = plain + len(content), served + sent
            waiting |= _named(content, file) if file.endswith(".mjs") else set()
    finally:
        await signed_in.close()
    return {
        "page_kilobytes": round(page[1] / 1_000, 1),
        "with_files_kilobytes": round(served / 1_000, 1),
        "uncompressed_kilobytes": round(plain / 1_000, 1),
        "files": len(seen),
    }


def _named(content: bytes, place: str) -> set[str]:
    found = _NAMED.findall(content.decode(errors="replace"))
    return {urljoin(place, one or other) for one, other in found}


async def _fetch(client: aiohttp.ClientSession, address: str) -> tuple[bytes, int]:
    """Return the content of an address, and how many bytes of it travel to a browser."""
    async with client.get(address, headers={"Sec-Fetch-Site": "none"}) as answer:
        content = await answer.read()
        if answer.status != 200:
            raise ServerError(f"{address} answered {answer.status}, and 200 was expected")
    kept = client.cookie_jar.filter_cookies(answer.url)
    cookies = {name: one.value for name, one in kept.items()}
    async with (
        aiohttp.ClientSession(auto_decompress=False, headers=A_BROWSER) as browser,
        browser.get(address, cookies=cookies) as again,
    ):
        return content, len(await again.read())
