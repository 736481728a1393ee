"""`python -m bench alerts`: from a committed episode to a channel, and how long the auditor takes.

A real PostgreSQL in a temporary folder, real `tidewell alerts` processes, a webhook receiver on a
real socket. 10,000 alerts are open and some of them become due meanwhile; 200 more are raised a
minute, all of them to be checked now, since others may be held or bundled by design. Beside it, in
the same run and under the same load: a bare commit with a NOTIFY until a listener hears it. Then
100,000 open alerts, looked at by the auditor, beside reading the same rows without judging them.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from alerts.auditing import store as auditing
from alerts.auditing.store import _SQL as AUDITING
from alerts.intake import store as intake
from alerts.policy import PolicyDocument
from alerts.sending import store as sending
from alerts.store import _SQL as SHARED
from alerts.store import BATCH_MOST, LOOK_BACK_ALL, Desk, Site, due_alerts
from bench.measuring import Figures
from bench.streaming.servers import PASSABLE, percentile, stage, webhook
from bench.streaming.servers import Site as Servers
from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Queries, Role, connect
from tidewell.embedded.postgres import PostgresServer
from tidewell.errors import ServerError
from tidewell.logs import configure_logs
from tidewell.schema import migrate

PEOPLE: Final = 10_000
STAFF: Final = 500
OPEN_ALERTS: Final = 10_000
SWEPT_ALERTS: Final = 100_000
RAISED_A_MINUTE: Final = 200
RAISED: Final = 400
PROCESSES: Final = 2
QUICK_SHARE: Final = 20
"""A quick run has a twentieth of everything but the rate."""
SETTLE_S: Final = 30.0
START_WITHIN_S: Final = 60.0
ROUNDS: Final = 20
SWEEPS: Final = 3

_SQL: Final = Queries("bench", "alerting.sql")
Ask = psycopg.Connection[tuple[Any, ...]]


def run(*, quick: bool = False) -> Figures:
    """Measure both."""
    configure_logs("warning", "console", "bench")
    share = QUICK_SHARE if quick else 1
    sizes = {"people": PEOPLE // share, "staff": STAFF // share}
    with ExitStack() as stack:
        servers = _servers(stack)
        with psycopg.connect(servers.database_url, autocommit=True) as ask:
            _prepare(ask, sizes, OPEN_ALERTS // share)
            figures = _raised(servers, ask, sizes["people"], RAISED // share)
            _fill(ask, sizes, OPEN_ALERTS // share + 1, SWEPT_ALERTS // share)
            ask.execute("VACUUM ANALYZE")
            swept = asyncio.run(_sweep(servers.database_url))
    return {"cores": os.cpu_count(), **sizes, **figures, **swept}


def _servers(stack: ExitStack) -> Servers:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidewell-bench-")))
    folder.chmod(PASSABLE)
    postgres = PostgresServer(folder / "postgres")
    postgres.start()
    stack.callback(postgres.stop)
    asyncio.run(migrate(postgres.url, "plain"))
    servers = Servers(postgres.url, "mqtt://127.0.0.1:1", {})
    stack.enter_context(webhook(servers))
    return servers


def _prepare(ask: Ask, sizes: dict[str, int], open_alerts: int) -> None:
    values = {**sizes, "now": now_utc()}
    for name in ("hire", "enrol", "assign"):
        ask.execute(_SQL[name], values)
    ask.execute(_SQL["bare_table"])
    _fill(ask, sizes, 1, open_alerts)
    ask.execute("VACUUM ANALYZE")


def _fill(ask: Ask, sizes: dict[str, int], first: int, last: int) -> None:
    policy = Jsonb(PolicyDocument().model_dump(mode="json"))
    values = {**sizes, "first": first, "last": last, "policy": policy, "now": now_utc()}
    ask.execute(_SQL["fill"], values)


def _raised(servers: Servers, ask: Ask, people: int, count: int) -> Figures:
    """Raise alerts at their rate, a bare commit and NOTIFY after each; say how long both took."""
    with ExitStack() as processes:
        for _ in range(PROCESSES):
            processes.enter_context(stage(servers, "alerts"))
        _until(lambda: ask.execute(_SQL["is_working"]).fetchone() == (PROCESSES,), START_WITHIN_S)
        time.sleep(2.0)
        committed_s, bare_ms = asyncio.run(_raise_all(servers.database_url, people, count))
        _until(lambda: len(servers.arrivals) >= count, SETTLE_S, must=False)
    public_ids: dict[int, str] = dict(ask.execute(_SQL["raised"]).fetchall())
    waits_s = sorted(
        servers.arrivals[public_ids[episode_id]] - at_s
        for episode_id, at_s in committed_s.items()
        if public_ids.get(episode_id) in servers.arrivals
    )
    unclosed = ask.execute(_SQL["unclosed"]).fetchone()
    assert unclosed is not None  # a count always answers
    bare_ms.sort()
    return {
        "processes": PROCESSES,
        "open_alerts": unclosed[0],
        "raised_a_minute": RAISED_A_MINUTE,
        "raised": count,
        "handed_over": len(waits_s),
        "p50_seconds": _rank(waits_s, 0.5),
        "p99_seconds": _rank(waits_s, 0.99),
        "slowest_seconds": _rank(waits_s, 1.0),
        "bare_commit_and_notify_p50_ms": percentile(bare_ms, 0.5),
        "bare_commit_and_notify_p99_ms": percentile(bare_ms, 0.99),
    }


def _rank(sorted_s: list[float], share: float) -> float | None:
    if not sorted_s:
        return None
    return round(sorted_s[min(len(sorted_s) - 1, int(share * len(sorted_s)))], 3)


async def _raise_all(url: str, people: int, count: int) -> tuple[dict[int, float], list[float]]:
    committed_s: dict[int, float] = {}
    bare_ms: list[float] = []
    options = {"autocommit": True}
    async with (
        await connect(url, Role.INGEST, "bench", **options) as ingest,
        await connect(url, None, "bench", **options) as bare,
        await connect(url, None, "bench", **options) as listener,
    ):
        await listener.execute(_SQL["bare_listen"])
        begun_s = monotonic_s()
        for number in range(count):
            await asyncio.sleep(max(0.0, begun_s + number * 60 / RAISED_A_MINUTE - monotonic_s()))
            async with ingest.transaction():
                values = {"person_id": 1 + number * 7 % people, "now": now_utc()}
                row = await (await ingest.execute(_SQL["raise"], values)).fetchone()
                await ingest.execute(_SQL["hint"])
            assert row is not None  # RETURNING always answers
            committed_s[row[0]] = monotonic_s()
            await asyncio.sleep(0.15)
            started_s = monotonic_s()
            async with bare.transaction():
                await bare.execute(_SQL["bare_insert"])
                await bare.execute(_SQL["bare_hint"])
            await anext(listener.notifies(timeout=5, stop_after=1))
            bare_ms.append((monotonic_s() - started_s) * 1_000)
    return committed_s, bare_ms


async def _sweep(url: str) -> Figures:
    """Return how long the auditor takes, and how long each look of the loops does."""
    site = Site("http://127.0.0.1", None, frozenset({"console", "webhook"}), 36)
    async with await connect(url, Role.ALERTS, "bench", autocommit=True) as connection:
        desk = Desk(connection, site, now_utc())
        sweeps, reads = [], []
        for _ in range(SWEEPS):
            started_s = monotonic_s()
            summary = await auditing.audit_alerts(desk, await auditing.look_beside(desk))
            sweeps.append(monotonic_s() - started_s)
            started_s = monotonic_s()
            await _read_pages(desk)
            reads.append(monotonic_s() - started_s)
        statements = await _statements_ms(desk)
    return {
        "swept_alerts": summary.alerts_checked,
        "sweep_seconds": round(max(sweeps), 3),
        "bare_read_seconds": round(median(reads), 3),
        "violations": summary.violations,
        "statements_ms": statements,
    }


async def _read_pages(desk: Desk) -> None:
    page, after = auditing.PAGE_ALERTS, 0
    while page == auditing.PAGE_ALERTS:
        cursor = await desk.connection.execute(
            AUDITING["unclosed_alerts"], {"after": after, "most": auditing.PAGE_ALERTS}
        )
        rows = await cursor.fetchall()
        page, after = len(rows), rows[-1][0] if rows else 0


async def _statements_ms(desk: Desk) -> Figures:
    """Return the median of what each look of the loops takes while nothing is due."""
    early = Desk(desk.connection, desk.site, desk.now.replace(year=desk.now.year - 1))
    pushes = {"staff_id": 1, "channel": "webhook", "address": "filled", "since": early.now}

    async def ask(name: str, values: dict[str, object]) -> None:
        await (await desk.connection.execute(SHARED[name], values)).fetchall()

    looks: dict[str, Callable[[], Awaitable[object]]] = {
        "due_alerts": lambda: due_alerts(early, []),
        "unhandled_episode_events": lambda: intake.unhandled_events(desk.connection, []),
        "unhandled_among_all": lambda: intake.unhandled_events(
            desk.connection, [], look_back=LOOK_BACK_ALL
        ),
        "claim_deliveries": lambda: sending.claim(early, "webhook", "bench"),
        "history": lambda: ask("history", {"alert_id": BATCH_MOST}),
        "recent_pushes": lambda: ask("recent_pushes", pushes),
    }
    return {name: await _median_ms(look) for name, look in looks.items()}


async def _median_ms(look: Callable[[], Awaitable[object]]) -> float:
    taken = []
    for _ in range(ROUNDS):
        started_s = monotonic_s()
        await look()
        taken.append((monotonic_s() - started_s) * 1_000)
    return round(median(taken), 2)


def _until(is_so: Callable[[], bool], within_s: float, *, must: bool = True) -> None:
    until_s = monotonic_s() + within_s
    while not is_so():
        if monotonic_s() > until_s:
            if must:
                raise ServerError(f"alerts did not work within {within_s:g} s; see its log")
            return
        time.sleep(0.1)
