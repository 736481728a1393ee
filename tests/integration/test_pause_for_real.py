"""A pause through everything that is real: device, broker, ingest, database, alerts, pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

import ingest.leasing.service as leasing
from alerts.service import run_alerts
from portal.application import build_application
from portal.service import make_pool
from tests.browser.virtual_site import PASSWORD, SiteWriter
from tests.integration.pipeline import enrol, own_broker, rows
from tests.integration.test_ingest_faults import BareDevice, frame, running_ingest
from tests.integration.test_portal_pages import OURS
from tests.integration.test_silence_watch import until
from tidewell.clock import now_ms, now_utc
from tidewell.embedded.nats import NatsServer
from tidewell.settings import load_settings

pytestmark = pytest.mark.timeout(300)

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SILENCE_S = 60
STORED = (
    "SELECT (extract(epoch FROM time) * 1000)::bigint FROM reading JOIN person USING (person_id)"
    " WHERE label = 'Sam' ORDER BY time"
)
SECRET_VALUE = 123.25
"""No other reading of these tests has it: where it is found, a reading of the pause was kept."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsServer]:
    with own_broker(tmp_path / "nats") as server:
        yield server


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "SILENCE_GRACE_S", 2.0)


class Site:
    """Sam and Robin with a device each, their key worker, and the pages at a clock of the test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock: list[datetime] = []
        self.clients: dict[str, TestClient[web.Request, web.Application]] = {}

    def now(self) -> datetime:
        return self.clock[0] if self.clock else now_utc()

    async def post(self, who: str, path: str, **fields: str) -> int:
        client = self.clients[who]
        answer = await client.post(path, data=fields, headers=OURS, allow_redirects=False)
        return answer.status

    async def text(self, who: str, path: str) -> str:
        answer = await self.clients[who].get(path)
        assert answer.status == 200
        return unescape(await answer.text())

    async def number(self, label: str) -> int:
        found = await rows(self.url, f"SELECT person_id FROM person WHERE label = '{label}'")
        return int(str(found[0][0]))

    async def stored(self) -> list[int]:
        return [int(str(time_ms)) for (time_ms,) in await rows(self.url, STORED)]

    async def places_of_the_secret(self) -> list[object]:
        """Return every table that holds the value, in any of its columns."""
        tables = await rows(
            self.url,
            "SELECT quote_ident(relname) FROM pg_class JOIN pg_namespace ON relnamespace ="
            " pg_namespace.oid WHERE nspname = 'public' AND relkind IN ('r', 'p')",
        )
        found: list[object] = []
        for (table,) in tables:
            query = f"SELECT 1 FROM {table} AS one WHERE one::text LIKE '%{SECRET_VALUE}%' LIMIT 1"
            found += [table] if await rows(self.url, query) else []
        payload = (
            f"SELECT 1 FROM dead_letter WHERE position('{SECRET_VALUE}'::bytea IN payload) > 0"
        )
        return found + (["dead_letter.payload"] if await rows(self.url, payload) else [])


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    await enrol(database_url, ["Sam", "Robin"], timezone="Europe/London")
    site = Site(database_url)
    with closing(SiteWriter(database_url, now_utc())) as writer:
        worker = writer.staff("practitioner", "Jo Virtual", "jo")
        for label, username in (("Sam", "sam"), ("Robin", None)):
            person_id = await site.number(label)
            writer.assign(worker, person_id, "key_worker")
            if username:
                writer.sign_in(username, person_id=person_id)
    async with make_pool(database_url) as pool, AsyncExitStack() as open_clients:
        settings = load_settings({"TIDEWELL_DEMO": "true"})
        for who in ("sam", "jo"):
            application = build_application(settings, database_url, pool, now=site.now)
            client = TestClient(TestServer(application), cookie_jar=CookieJar(unsafe=True))
            site.clients[who] = await open_clients.enter_async_context(client)
            assert await site.post(who, "/sign-in", username=who, password=PASSWORD) == 303
        yield site


@asynccontextmanager
async def running(site: Site, broker: NatsServer) -> AsyncIterator[None]:
    """Run ingest and alerts."""
    stop = asyncio.Event()
    settings = load_settings({"TIDEWELL_SILENCE_AFTER_S": str(SILENCE_S)})
    alerts = asyncio.create_task(run_alerts(settings, site.url, stop=stop))
    async with running_ingest(site.url, broker, TIDEWELL_SILENCE_AFTER_S=str(SILENCE_S)):
        yield
    stop.set()
    await alerts


def seconds(seq: int, start_ms: int, count: int, value: float) -> bytes:
    """Return a frame with a reading a second."""
    return frame(seq, start_ms=start_ms, period=1, heart_rate=[value] * count, worn=[1] * count)


async def test_from_the_tap_on_nothing_is_stored_and_the_silence_is_nobodys_alert(
    site: Site, broker: NatsServer
) -> None:
    async with (
        running(site, broker),
        BareDevice.connected(broker, "Sam") as sams,
        BareDevice.connected(broker, "Robin") as robins,
    ):
        await sams.send(seconds(0, now_ms() - 20 * SECOND_MS, 10, 71.0))
        await sams.acked(0)
        await robins.send(seconds(0, now_ms() - 20 * SECOND_MS, 10, 71.0))
        await robins.acked(0)
        before = await site.stored()
        assert len(before) == 10
        assert await site.post("sam", "/me/pause", choice="until_i_say") == 303
        tapped_ms = now_ms()
        # At once, before anything could be read again by the way: the reading of the tap itself.
        await sams.send(seconds(1, tapped_ms - 2 * SECOND_MS, 4, SECRET_VALUE))
        await sams.acked(1)
        await asyncio.sleep(3)
        await sams.send(seconds(2, tapped_ms, 3, SECRET_VALUE))
        await sams.acked(2)
        after = [time_ms for time_ms in await site.stored() if time_ms not in before]
        assert all(time_ms + SECOND_MS <= tapped_ms for time_ms in after)
        assert len(after) <= 1
        page = await site.text("jo", f"/people/{await site.number('Sam')}")
        assert "Paused by Sam, until they say." in page
        assert "Paused by Sam" in await site.text("jo", "/alerts")
        # Robin's device falls silent just as Sam's does, and nobody asked for that.
        silent = "SELECT label FROM episode JOIN person USING (person_id) WHERE family = 'device'"
        await until(site.url, silent, bool, limit_s=SILENCE_S + 60)
        told = "SELECT label FROM alert JOIN person USING (person_id)"
        await until(site.url, told, bool)
        await asyncio.sleep(6)
        assert set(await rows(site.url, silent)) == {("Robin",)}
        assert await rows(site.url, told) == [("Robin",)]
        assert await site.post("sam", "/me/resume") == 303
        resumed_ms = now_ms()
        await sams.send(seconds(3, resumed_ms + SECOND_MS, 5, 72.0))
        await sams.acked(3)
    later = [time_ms for time_ms in await site.stored() if time_ms >= resumed_ms]
    assert len(later) == 5
    # What was measured in the second before the tap, in the frame of the tap, may be there.
    kept = await rows(site.url, f"SELECT count(*) FROM reading WHERE heart_rate = {SECRET_VALUE}")
    assert kept == [(len(after),)]


async def test_a_pause_across_midnight_drops_what_comes_in_the_morning_and_keeps_the_rest(
    site: Site, broker: NatsServer
) -> None:
    evening = datetime.combine(now_utc().date() - timedelta(days=2), datetime.min.time(), UTC)
    tapped = evening.replace(hour=21, minute=30, second=15)
    site.clock.append(tapped)
    assert await site.post("sam", "/sign-in", username="sam", password=PASSWORD) == 303
    assert await site.post("sam", "/me/pause", choice="tonight") == 303
    ((first, last),) = await rows(
        site.url,
        "SELECT (extract(epoch FROM paused_from) * 1000)::bigint,"
        " (extract(epoch FROM paused_until) * 1000)::bigint FROM pause",
    )
    from_ms, until_ms = int(str(first)), int(str(last))
    assert from_ms == int(tapped.timestamp() * 1000)
    site.clock.clear()
    first_ms = from_ms // MINUTE_MS * MINUTE_MS - HOUR_MS
    async with running(site, broker), BareDevice.connected(broker, "Sam") as device:
        # The device was out of reach all night; all of it comes two days later, last hour first.
        for seq in range(12, -1, -1):
            start_ms = first_ms + seq * HOUR_MS
            inside = [
                SECRET_VALUE if from_ms < time_ms + MINUTE_MS and time_ms < until_ms else 64.0
                for time_ms in range(start_ms, start_ms + HOUR_MS, MINUTE_MS)
            ]
            await device.send(frame(seq, start_ms=start_ms, heart_rate=inside))
        await device.acked(12)
    stored = await site.stored()
    assert [one for one in stored if from_ms < one + MINUTE_MS and one < until_ms] == []
    assert len([one for one in stored if one + MINUTE_MS <= from_ms]) == 60
    assert len([one for one in stored if one >= until_ms]) > 120
    assert await site.places_of_the_secret() == []
    reasons = await rows(site.url, "SELECT DISTINCT reason, payload FROM dead_letter")
    assert reasons == [("paused", None)]


async def test_a_channel_that_is_switched_off_is_stored_nowhere_and_the_others_are(
    site: Site, broker: NatsServer
) -> None:
    async with running(site, broker), BareDevice.connected(broker, "Sam") as device:
        start_ms = now_ms() // MINUTE_MS * MINUTE_MS - 60 * MINUTE_MS
        await device.send(frame(0, start_ms=start_ms, heart_rate=[61.0], steps=[3]))
        await device.acked(0)
        site.clock.append(datetime.fromtimestamp(start_ms / 1000 + 90, UTC))
        assert await site.post("sam", "/me/measures", group="heart", use="off") == 303
        site.clock.clear()
        at_ms = start_ms + MINUTE_MS
        await device.send(
            frame(1, start_ms=at_ms, heart_rate=[SECRET_VALUE, SECRET_VALUE], steps=[4, 5])
        )
        await device.send(frame(2, start_ms=at_ms + 2 * MINUTE_MS, heart_rate=[SECRET_VALUE]))
        broken = frame(3, start_ms=at_ms + 3 * MINUTE_MS, heart_rate=[SECRET_VALUE], steps=[-1])
        await device.send(broken)
        await device.acked(3)
    kept = await rows(site.url, "SELECT heart_rate, steps FROM reading ORDER BY time")
    assert kept == [(61.0, 3.0), (None, 4.0), (None, 5.0)]
    assert await site.places_of_the_secret() == []
    letters = await rows(site.url, "SELECT seq, reason, payload FROM dead_letter ORDER BY seq")
    assert letters == [(2, "switched_off", None), (3, "out_of_range", None)]
    page = await site.text("jo", f"/people/{await site.number('Sam')}")
    assert "Sam has switched off: heart" in page
