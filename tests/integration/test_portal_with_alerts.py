"""The pages together with the real alerts process: what somebody taps is folded in and shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
    settings = load_settings({"TIDEWELL_PORTAL_PORT": "0", "TIDEWELL_DEMO": "true"})
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
        listed = await page_with(client, f"{url}/alerts", "Closed this week")
        assert f'href="/a/{site.public_id}"' in listed.split("Closed this week")[1]


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
        text = await page_with(client, address, "takes it, it stays with you")
        assert re.search(r"Jo Virtual put it off until .*: a visit or call is planned", text)
        assert re.search(
            r"Jo Virtual offered it to (.*)\. Until \1 takes it, it stays with Jo", text
        )
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


@asynccontextmanager
async def signed_in(url: str, username: str) -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True), headers=OURS) as client:
        form = {"username": username, "password": PASSWORD}
        assert (await client.post(f"{url}/sign-in", data=form)).status == 200
        yield client


async def test_a_young_person_asks_and_sees_who_has_seen_it_who_is_on_it_and_that_it_is_done(
    site_and_url: tuple[Site, str],
) -> None:
    _, url = site_and_url
    mine = f"{url}/me/check-in"
    async with signed_in(url, "sam") as sam, signed_in(url, "jo") as jo:
        assert (await sam.post(mine, data={"choice": "nonsense"})).status == 422
        assert (await sam.post(mine, data={"choice": "talk"})).status == 200
        text = await page_with(sam, mine, "A message went to Jo Virtual. Nobody has opened it yet.")
        assert "I don't need this any more" in text
        text = await page_with(jo, f"{url}/alerts", "Asked for a check-in: “I'd like to talk”.")
        code = re.search(r'href="/a/(\w{10})"', text)
        assert code is not None
        alert = f"{url}/a/{code[1]}"
        text = await page_with(jo, alert, "Sam asked for a check-in: “I'd like to talk”")
        assert "Something has changed" not in text
        assert "Data was wrong" not in text
        await page_with(sam, mine, "Jo Virtual has seen it.")
        assert (await sam.post(f"{mine}/take-back")).status == 200
        await page_with(sam, mine, "that you do not need it any more")
        await page_with(jo, alert, "Sam said that they do not need it any more")
        assert (await jo.post(f"{alert}/accept", data={"level": "check_today"})).status == 200
        text = await page_with(sam, mine, "Jo Virtual is on it and will get in touch with you.")
        assert "I don't need this any more" not in text
        await page_with(sam, f"{url}/me", "Jo Virtual is on it")
        close = {"outcome": "all_fine", "note": "We spoke at school."}
        assert (await jo.post(f"{alert}/close", data=close)).status == 200
        text = await page_with(
            sam, mine, "Jo Virtual marked this as done. If it is not, ask again."
        )
        assert "all fine" not in text
        assert "We spoke" not in text
        await page_with(sam, f"{url}/me/who-looked", "opened what you had asked for")


async def test_somebody_who_is_worried_raises_an_alert_that_says_who_when_and_why(
    site_and_url: tuple[Site, str],
) -> None:
    site, url = site_and_url
    person = f"{url}/people/{site.robin}"
    async with signed_in(url, "kim") as kim, signed_in(url, "jo") as jo:
        assert (await kim.post(f"{person}/worry", data={"source": "carer"})).status == 422
        long = {"source": "carer", "level": "check_now", "note": "x" * 501}
        assert (await kim.post(f"{person}/worry", data=long)).status == 422
        worry = {"source": "carer", "level": "check_now", "note": "Has not eaten since Friday."}
        assert (await kim.post(f"{person}/worry", data=worry | {"takes_it": "yes"})).status == 200
        text = await page_with(jo, f"{url}/alerts", "A carer is worried.")
        code = re.search(r'href="/a/(\w{10})"', text)
        assert code is not None
        alert = f"{url}/a/{code[1]}"
        text = await page_with(jo, alert, "A carer is worried (check now); Dr Kim Virtual wrote it")
        assert "Has not eaten since Friday." in text
        assert "Nobody is on it yet" in text
        text = await page_with(jo, f"{alert}/hand-over", "S: Situation")
        assert "Note: “Has not eaten since Friday.”" in text
        assert "This is what people said. It is no measurement" in text
        await page_with(kim, person, "Somebody is worried. Nobody is on it yet")
        own = {"source": "staff", "level": "for_review", "takes_it": "yes"}
        stranger = await jo.post(f"{url}/people/99999/worry", data=own)
        assert stranger.status == 404
        assert (await jo.post(f"{url}/people/{site.alex}/worry", data=own)).status == 200
        await page_with(jo, f"{url}/people/{site.alex}", "Jo Virtual is on it")
