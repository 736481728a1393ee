"""The live stream: what arrives, what is replayed, what is refused, how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar
from yarl import URL

from portal.api.tokens import make_token
from portal.live_feed import QUEUE_MAX, STREAMS_A_SESSION_MAX, FeedEvent, FeedState, LiveFeed
from portal.service import run_portal
from tests.browser.virtual_site import PASSWORD, Site, SiteWriter, write_site
from tidewell.clock import now_utc
from tidewell.database import Role, connect
from tidewell.settings import load_settings

OURS = {"Sec-Fetch-Site": "same-origin"}


class Served:
    """A running portal and somebody signed in to it."""

    def __init__(self, url: str, database_url: str, site: Site, client: ClientSession) -> None:
        self.url = url
        self.database_url = database_url
        self.site = site
        self.client = client
        self.stop = asyncio.Event()

    async def sign_in(self, username: str) -> None:
        form = {"username": username, "password": PASSWORD}
        answer = await self.client.post(f"{self.url}/sign-in", data=form, headers=OURS)
        assert answer.status == 200

    async def stream(self, **headers: str) -> ClientResponse:
        return await self.client.get(f"{self.url}/live", headers=headers)

    def happen(self, kind: str) -> None:
        with closing(SiteWriter(self.database_url, now_utc())) as writer:
            writer.event(self.site.alert_id, kind, kind, now_utc())


@pytest.fixture
async def served(database_url: str) -> AsyncIterator[Served]:
    site = write_site(database_url)
    settings = load_settings({"TIDEWELL_PORTAL_PORT": "0", "TIDEWELL_DEMO": "true"})
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    portal = asyncio.create_task(
        run_portal(settings, database_url, stop=stop, on_ready=ready.set_result)
    )
    portal.add_done_callback(lambda _: ready.done() or ready.cancel())
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
        running = Served(await ready, database_url, site, client)
        running.stop = stop
        yield running
        stop.set()
        await asyncio.wait_for(portal, timeout=20)


async def next_message(answer: ClientResponse, name: str) -> dict[str, str]:
    """Return the next message of a kind, with its number."""
    async with asyncio.timeout(20):
        while True:
            block = (await answer.content.readuntil(b"\n\n")).decode()
            lines = dict(
                line.split(": ", 1) for line in block.splitlines() if line and line[0] != ":"
            )
            if lines.get("event") == name:
                data: dict[str, str] = json.loads(lines["data"])
                return {**data, "number": lines.get("id", "")}


async def until_live(answer: ClientResponse) -> None:
    while (await next_message(answer, "state"))["state"] != "live":
        pass


async def test_an_event_reaches_an_open_page_with_number_and_kind_only(served: Served) -> None:
    await served.sign_in("jo")
    answer = await served.stream()
    assert answer.content_type == "text/event-stream"
    await until_live(answer)
    served.happen("worsened")
    message = await next_message(answer, "alert")
    number = message.pop("number")
    assert int(number) > 0
    assert message == {"id": served.site.public_id, "kind": "worsened"}
    answer.close()


async def test_somebody_else_hears_nothing_of_it(served: Served) -> None:
    await served.sign_in("pat")
    answer = await served.stream()
    await until_live(answer)
    served.happen("worsened")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await next_message(answer, "alert")
    answer.close()


async def test_what_was_missed_is_replayed_after_the_last_number(served: Served) -> None:
    await served.sign_in("jo")
    for kind in ("worsened", "overdue", "back_to_usual"):
        served.happen(kind)
    answer = await served.stream(**{"Last-Event-ID": "2"})
    kinds = [(await next_message(answer, "alert"))["kind"] for _ in range(2)]
    assert kinds == ["overdue", "back_to_usual"]
    answer.close()


@pytest.mark.parametrize("number", ["-1", "x", "99999999999999999999", "1; DROP", "²"])
async def test_a_number_that_is_none_replays_nothing(served: Served, number: str) -> None:
    await served.sign_in("jo")
    answer = await served.client.get(f"{served.url}/live", params={"after": number})
    await until_live(answer)
    answer.close()


async def test_a_session_has_a_limited_number_of_streams(served: Served) -> None:
    await served.sign_in("jo")
    answers = [await served.stream() for _ in range(STREAMS_A_SESSION_MAX + 1)]
    assert [answer.status for answer in answers] == [200] * STREAMS_A_SESSION_MAX + [503]
    for answer in answers:
        answer.close()


async def test_only_staff_may_listen(served: Served) -> None:
    assert (await served.client.get(f"{served.url}/live", allow_redirects=False)).status == 303
    await served.sign_in("sam")
    assert (await served.stream()).status == 404


async def test_stopping_ends_open_streams_at_once(served: Served) -> None:
    await served.sign_in("jo")
    answer = await served.stream()
    await until_live(answer)
    served.stop.set()
    async with asyncio.timeout(4):
        await answer.content.read()


async def test_a_number_that_was_committed_late_is_replayed_as_well(served: Served) -> None:
    await served.sign_in("jo")
    leaving, watching = await served.stream(), await served.stream()
    await until_live(leaving)
    await until_live(watching)
    with psycopg.connect(served.database_url) as early:
        early.execute(
            "INSERT INTO alert_event (alert_id, at, kind, reason) VALUES (1, %s, 'overdue', 'x')",
            (now_utc(),),
        )
        served.happen("worsened")
        heard = await next_message(leaving, "alert")
        assert heard["kind"] == "worsened"
        leaving.close()
        early.execute("SELECT pg_notify('tidewell_alert', '1')")
    while (await next_message(watching, "alert"))["kind"] != "overdue":
        pass
    watching.close()
    again = await served.stream(**{"Last-Event-ID": heard["number"]})
    assert (await next_message(again, "alert"))["kind"] == "overdue"
    again.close()


async def test_a_session_that_ends_ends_its_stream_however_much_happens(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.live.PING_S", 0.5)
    await served.sign_in("jo")
    answer = await served.stream()
    await until_live(answer)
    with closing(SiteWriter(served.database_url, now_utc())) as writer:
        writer.run("UPDATE session SET ended_at = %s", now_utc())

    async def keep_going() -> None:
        while True:
            served.happen("worsened")
            await asyncio.sleep(0.1)

    busy = asyncio.create_task(keep_going())
    try:
        while (await next_message(answer, "state"))["state"] != "signed_out":
            pass
    finally:
        busy.cancel()
    answer.close()


async def test_a_program_hears_events_until_its_token_ends(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.live.PING_S", 0.5)
    async with await connect(served.database_url, Role.PORTAL, "test") as connection:
        token = await make_token(
            connection, "jo", "p", may_act=False, lasts=timedelta(days=1), now=now_utc()
        )
    shown = {"Authorization": f"Bearer {token}", "Last-Event-ID": "0"}
    answer = await served.client.get(f"{served.url}/api/v1/events", headers=shown)
    assert (await next_message(answer, "alert"))["kind"] == "created"
    await until_live(answer)
    with closing(SiteWriter(served.database_url, now_utc())) as writer:
        writer.run("UPDATE api_token SET revoked_at = %s", now_utc())
    while (await next_message(answer, "state"))["state"] != "signed_out":
        pass
    answer.close()


def test_late_numbers_are_those_that_were_handed_on_after_a_higher_one() -> None:
    feed = LiveFeed("postgresql://nowhere", now_utc)
    feed._sent.extend([7, 8, 11, 9, 12, 10])
    assert feed.late_after(11) == [9, 10]
    assert feed.late_after(12) == [10]
    assert feed.late_after(10) == []
    assert feed.late_after(5) == []


def test_a_page_that_falls_behind_is_told_to_catch_up() -> None:
    feed = LiveFeed("postgresql://nowhere", now_utc)
    stream = feed.open_stream(b"session", "jo", 7)
    assert stream is not None
    for number in range(QUEUE_MAX + 1):
        feed._give(FeedEvent(number, "a", "worsened", [7]))
    assert stream.queue.get_nowait() is FeedState.CATCH_UP
    assert stream.queue.empty()
    feed.close_stream(stream)
    feed.close_stream(stream)
    assert feed._open == {}


async def test_a_page_that_is_left_before_its_stream_begins_is_no_mishap(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    await served.sign_in("jo")
    cookies = served.client.cookie_jar.filter_cookies(URL(served.url))
    cookie = "; ".join(f"{one.key}={one.value}" for one in cookies.values())
    asked = f"GET /live HTTP/1.1\r\nHost: {URL(served.url).authority}\r\nCookie: {cookie}\r\n\r\n"
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", URL(served.url).port)
        writer.write(asked.encode())
        await writer.drain()
        # Gone at once, as a phone is that goes out of reach.
        writer.transport.abort()
    answer = await served.stream()
    await until_live(answer)
    answer.close()
    assert "page failed" not in "".join(capsys.readouterr())
