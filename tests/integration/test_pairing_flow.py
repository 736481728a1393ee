"""From a code on the administrator's page to readings in the database, with the real parts.

The device knows the address of the pages and the code; the broker learns of it as a small site's
does; ingest commits what it sends.
"""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import timedelta

import psycopg
import pytest
from aiohttp.test_utils import TestServer

from firmware_sim.pairing.service import pair
from tests.integration.edges import nats_edge
from tests.integration.pipeline import IngestProcess
from tests.integration.test_admin_pages import ENROL
from tests.integration.test_portal_pages import open_pages
from tidewell.clock import now_utc
from tidewell.device_doors import keep_the_list
from tidewell.errors import ServerUnavailableError, UsageError


async def simulated(*options: str) -> tuple[int, str]:
    """Run a virtual device for a day of history; return its exit status and what it said."""
    command = (sys.executable, "-m", "tidewell", "simulate", "--days", "1", *options)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.mark.timeout(240)
async def test_a_code_becomes_readings_from_then_on(database_url: str) -> None:
    # Half of what the device holds is from before: whoever wore it then, it was not this person.
    paired_at = now_utc() - timedelta(hours=12)
    with nats_edge(None) as edge:
        settings = {"TIDEWELL_DEVICE_BROKER_URL": edge.address}
        async with open_pages(database_url, settings) as pages:
            keeping = asyncio.create_task(keep_the_list(database_url, edge.server.let_in))
            ingest = IngestProcess(database_url, edge.server)
            ingest.start()
            try:
                pages.clock[0] = paired_at
                await pages.sign_in("ade")
                answer = await pages.post("/service/people/new", ENROL)
                answer = await pages.post(answer.headers["Location"] + "/device/pair")
                found = re.search(r"<strong>([A-Z]{4}-[A-Z]{4})</strong>", await answer.text())
                assert found is not None
                site = str(pages.client.make_url("/"))
                status, said = await simulated("--pair", found[1], "--portal", site)
                assert status == 0, said
                assert "Paired: it sends as band-p-100." in said
                with pytest.raises(UsageError, match="does not fit"):
                    await pair(site, found[1])
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
                await asyncio.to_thread(ingest.stop)
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*), min(time) FROM reading JOIN person USING (person_id)"
            " WHERE label = 'P-100'"
        ).fetchone()
        refused = connection.execute("SELECT DISTINCT reason FROM dead_letter").fetchall()
    assert row is not None
    assert row[0] > 500
    assert row[1] >= paired_at
    assert refused == [("not_assigned",)]


async def test_a_site_that_is_away_or_answers_something_else_is_said_to_be(
    database_url: str,
) -> None:
    async with open_pages(database_url, {}) as pages:
        assert isinstance(pages.client.server, TestServer)
        site = str(pages.client.make_url("/"))
        with pytest.raises(ServerUnavailableError, match="status 503"):
            await pair(site, "BCDFGHJK")
    with pytest.raises(ServerUnavailableError, match="did not answer"):
        await pair("http://127.0.0.1:1", "BCDFGHJK")
