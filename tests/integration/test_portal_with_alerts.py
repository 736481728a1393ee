"""The pages together with the real alerts process: what somebody taps is folded in and shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape

import psycopg
import pytest
from aiohttp import ClientSession, CookieJar
from psycopg.rows import TupleRow

from alerts.service import run_alerts
from portal.service import run_portal
from tests.browser.virtual_site import PASSWORD, Site, write_site
from tidewell.settings import load_settings

OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def site_and_url(database_url: str) -> AsyncIterator[tuple[Site, str]]:
    site = write_site(database_url)
    settings = load_settings({"TIDEWELL_PORTAL_PORT": "0"})
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(
            run_portal(settings, database_url, stop=stop, on_ready=ready.set_result)
        ),
        asyncio.create_task(run_alerts(settings, database_url, stop=stop)),
    ]
    yield site, await asyncio.wait_for(ready, timeout=30)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*tasks), timeout=30)


async def page_with(client: ClientSession, address: str, words: str) -> str:
    """Ask for a page until it says something; the test's time limit ends it."""
    async with asyncio.timeout(20):
        while True:
            async with client.get(address) as answer:
                text = unescape(await answer.text())
            if words in text:
                return text
            await asyncio.sleep(0.05)


async def test_accepting_and_closing_reach_the_alert_and_its_story(
    site_and_url: tuple[Site, str],
) -> None:
    site, url = site_and_url
    address = f"{url}/a/{site.public_id}"
    async with ClientSession(cookie_jar=CookieJar(unsafe=True), headers=OURS) as client:
        form = {"username": "jo", "password": PASSWORD}
        assert (await client.post(f"{url}/sign-in", data=form)).status == 200
        assert (await client.post(f"{address}/accept")).status == 200
        text = await page_with(client, address, "You are on it")
        assert "Jo Virtual is on it" in text
        close = {"outcome": "could_not_reach", "note": "Will try on Monday."}
        assert (await client.post(f"{address}/close", data=close)).status == 200
        text = await page_with(client, address, "Closed by Jo Virtual")
        assert "Could not reach" in text
        assert "Will try on Monday." in text


async def test_putting_off_and_passing_on_are_seen_by_everybody_and_keep_an_owner(
    site_and_url: tuple[Site, str],
) -> None:
    site, url = site_and_url
    address = f"{url}/a/{site.public_id}"
    async with ClientSession(cookie_jar=CookieJar(unsafe=True), headers=OURS) as client:
        form = {"username": "jo", "password": PASSWORD}
        assert (await client.post(f"{url}/sign-in", data=form)).status == 200
        bad = {"level": "check_today", "reason": "tired", "until": "one_hour"}
        assert (await client.post(f"{address}/snooze", data=bad)).status == 400
        snooze = {"level": "check_now", "reason": "visit_planned", "until": "one_hour"}
        assert (await client.post(f"{address}/snooze", data=snooze)).status == 200
        text = await page_with(client, address, "Put off until")
        assert "A visit or call is planned" in text
        assert "Jo Virtual put it off" in text
        receiver = re.search(r'<option value="(\d+)"', text)
        assert receiver is not None
        pass_on = {"level": "check_now", "to": receiver[1]}
        assert (await client.post(f"{address}/pass-on", data=pass_on)).status == 200
        text = await page_with(client, address, "until it is taken, it stays where it is")
        assert "You are on it" in text


async def test_an_answer_to_a_page_that_is_out_of_date_is_refused_and_said(
    site_and_url: tuple[Site, str], owner: psycopg.AsyncConnection[TupleRow]
) -> None:
    site, url = site_and_url
    address = f"{url}/a/{site.public_id}"
    await owner.execute("UPDATE alert SET level = 'check_now'")
    async with ClientSession(cookie_jar=CookieJar(unsafe=True), headers=OURS) as client:
        form = {"username": "jo", "password": PASSWORD}
        assert (await client.post(f"{url}/sign-in", data=form)).status == 200
        seen = {"level": "check_today"}
        assert (await client.post(f"{address}/accept", data=seen)).status == 200
        text = await page_with(client, address, "answered before it became more urgent")
        assert "You are on it" not in text
