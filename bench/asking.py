"""`python -m bench api`: how long each answer to a program takes.

The site of `bench portal`: 1,000 people with 90 days of daily measures on a real PostgreSQL, the
real application on a real socket. Each operation that reads is asked for one after the other, with
a token, compressed as served; its time is from the request to the last byte. Beside each stands a
bare `SELECT 1` that goes through the same stack in the same run.
"""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import ExitStack
from datetime import timedelta
from typing import Final

import aiohttp

from bench.measuring import Figures
from bench.pages import BARE, VALUES, WHO
from bench.paging import (
    AGREED_MS,
    DAYS,
    PEOPLE,
    QUICK_ROUNDS,
    QUICK_SHARE,
    ROUNDS,
    WARM_ROUNDS,
    beside_the_bare,
    fill,
    make_database,
    serve_portal,
    slow_ones,
    times,
)
from portal.api.catalogue import OPERATIONS
from portal.api.operations import Operation
from portal.api.tokens import make_token
from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Role, connect
from tidewell.errors import ServerError
from tidewell.logs import configure_logs

MINUTE_DAYS: Final = 10
"""Programs get three days by the hour; longer ones are the explorer's, which `portal` measures."""
A_PROGRAM: Final = {"Accept-Encoding": "gzip"}
LIMIT_A_MINUTE: Final = "100000"


def run(*, quick: bool = False) -> Figures:
    """Measure every operation that reads."""
    configure_logs("warning", "console", "bench")
    people = PEOPLE // (QUICK_SHARE if quick else 1)
    with ExitStack() as stack:
        url = make_database(stack)
        fill(url, people, MINUTE_DAYS, MINUTE_DAYS)
        asked = asyncio.run(_measure(url, QUICK_ROUNDS if quick else ROUNDS))
    beside_the_bare(asked)
    return {
        "cores": os.cpu_count(),
        "people": people,
        "days": DAYS,
        "operations": asked,
        f"slower_than_{AGREED_MS}_ms_at_p95": slow_ones(asked),
    }


async def _measure(url: str, rounds: int) -> dict[str, Figures]:
    people = {audience: username for audience, username in WHO.items() if username}
    tokens = {audience: await _token(url, username) for audience, username in people.items()}
    async with (
        serve_portal(url, TIDEWELL_API_REQUESTS_A_MINUTE=LIMIT_A_MINUTE) as address,
        aiohttp.ClientSession(auto_decompress=False, headers=A_PROGRAM) as client,
    ):
        asked = {BARE.name: await _operation(client, address + BARE.path, {}, rounds)}
        for one in OPERATIONS:
            if one.method == "GET" and one.stream is None:
                token = next(tokens[who] for who in WHO if who in one.audiences)
                shown = {"Authorization": f"Bearer {token}"}
                asked[one.name] = await _operation(client, address + _path(one), shown, rounds)
    return asked


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
    path = re.sub(r"\{(\w+):[^}]*\}\}", lambda one: VALUES.get(one[1], "1"), operation.path)
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
    return times(taken_ms, sent)
