"""The pages together with the real alerts process: what somebody taps is folded in and shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from html import unescape

import pytest
from aiohttp import ClientSession, CookieJar

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
