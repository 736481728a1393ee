"""A database that is really killed under a running site: who runs the service is told, once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.operations import notices
from alerts.operations import store as operations
from alerts.service import run_alerts
from ingest.service import run_ingest
from ingest.silence import outages
from tests.integration.pipeline import CLIENT_ID, enrol, rows, wait_until_ready
from tests.integration.test_silence_watch import until
from tidewell.embedded.nats import NatsServer
from tidewell.embedded.postgres import PostgresServer
from tidewell.schema import migrate
from tidewell.settings import load_settings

NOTICE_AFTER = timedelta(seconds=6)
OUTAGE_FROM_MS = 5_000
AWAY_S = 12.0
OUTAGES = "SELECT reason, ended_at IS NOT NULL FROM outage"
TOLD = "SELECT state, attempts FROM operations_delivery"


@asynccontextmanager
async def a_site(url: str, broker: NatsServer) -> AsyncIterator[None]:
    """Run ingest and alerts as long as the block lasts."""
    stop = asyncio.Event()
    settings = load_settings({"TIDEWELL_LEASE_S": "5"})
    owner = f"test-{secrets.token_hex(4)}"
    where = (settings, url, broker.service_url, CLIENT_ID)
    parts = (run_ingest(*where, stop=stop, owner=owner), run_alerts(settings, url, stop=stop))
    running = [asyncio.create_task(one) for one in parts]
    try:
        await wait_until_ready(url)
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


async def test_operations_are_told_once_of_a_database_that_was_killed(
    server_folder: Path, broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "NOTICE_AFTER", NOTICE_AFTER)
    monkeypatch.setattr(operations, "NOTICE_AFTER", NOTICE_AFTER)
    monkeypatch.setattr(outages, "OUTAGE_FROM_MS", OUTAGE_FROM_MS)
    server = PostgresServer(server_folder / f"postgres-{secrets.token_hex(4)}")
    await asyncio.to_thread(server.start)
    try:
        await migrate(server.url, "plain")
        await enrol(server.url, ["A"])
        async with a_site(server.url, broker):
            await until(server.url, "SELECT 1 FROM shard WHERE heard_until IS NOT NULL", bool)
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.sleep(AWAY_S)
            await asyncio.to_thread(server.start)
            await until(server.url, OUTAGES, lambda now: bool(now) and now[0][1] is True, 60)
            await until(server.url, TOLD, lambda now: now == [("handed_over", 1)], 60)
            await asyncio.sleep(NOTICE_AFTER.total_seconds() + 2 * 5)  # two more looks
            assert await rows(server.url, OUTAGES) == [("database_away", True)]
            assert await rows(server.url, TOLD) == [("handed_over", 1)]
            told = await rows(
                server.url, "SELECT about, ended_at IS NOT NULL FROM operations_notice"
            )
            assert told == [("not_hearing", True)]
    finally:
        with contextlib.suppress(ProcessLookupError):
            await asyncio.to_thread(server.stop)
