"""Asking for a check-in and saying that one is worried, in a real browser."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect

from alerts.answers import store as answers
from alerts.concerns import store as concerns
from alerts.store import Desk, Site
from tests.browser.browsers import chromium_path
from tests.browser.served_site import ServedSite
from tests.browser.take_screenshots import sign_in
from tests.browser.test_portal_in_browser import browser, watched_page  # noqa: F401 -- a fixture
from tests.browser.virtual_site import PASSWORD
from tidewell.database import Role, connect

pytestmark = pytest.mark.skipif(
    chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
)

SITE = Site("https://pages.example", None, frozenset({"console"}), 36)


def work_as_alerts(served: ServedSite) -> None:
    """Do what the alerts process does with what waits; the browser holds this thread's loop."""
    thread = threading.Thread(target=lambda: asyncio.run(_take_in(served.database_url)))
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive()


async def _take_in(url: str) -> None:
    async with await connect(url, Role.ALERTS, "test", autocommit=True) as connection:
        desk = Desk(connection, SITE, datetime.now(UTC))
        for pending in await concerns.unhandled_concerns(connection, []):
            await concerns.take_in(desk, pending, random.SystemRandom())
        for action in await answers.unfolded_actions(connection, []):
            await answers.fold(desk, action)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_young_person_asks_for_a_check_in_and_takes_it_back(
    browser: Browser,  # noqa: F811 -- the fixture
    served: ServedSite,
    scripts: bool,
) -> None:
    with watched_page(browser, served, scripts=scripts) as page:
        sign_in(page, served.url, "sam", PASSWORD)
        page.click("a:has-text('Ask my worker to check in')")
        help_place = page.locator(".tw-help").bounding_box()
        choice_place = page.locator("fieldset").bounding_box()
        assert help_place is not None
        assert choice_place is not None
        assert help_place["y"] < choice_place["y"]
        expect(page.locator(".tw-help")).to_contain_text("0800 1111")
        assert page.locator("main textarea, main input[type=text]").count() == 0
        page.check('label:has-text("I\'d rather")')
        page.click("button:has-text('Send')")
        expect(page.locator("#sent")).to_contain_text("It is on its way.")
        work_as_alerts(served)
        page.click("text=Look again")
        expect(page.locator("#sent")).to_contain_text("“I'd rather say it in person”")
        page.click("button:has-text('I don\\'t need this any more')")
        expect(page.locator("#sent")).to_contain_text("you do not need it any more")
        expect(page.locator("button:has-text('any more')")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_practitioner_says_that_they_are_worried_and_hands_it_over(
    browser: Browser,  # noqa: F811 -- the fixture
    served: ServedSite,
    scripts: bool,
) -> None:
    with watched_page(browser, served, scripts=scripts) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/people/{served.site.robin}")
        page.click("text=I'm worried about Robin")
        page.check("text=A carer told me that they are")
        page.check("label:has-text('Check today')")
        page.fill("#note", "Very quiet since the weekend.")
        page.check("text=I'm on it myself")
        page.click("main button:has-text('Send')")
        expect(page.locator("main")).to_contain_text("Sent, being saved: Jo Virtual is worried")
        work_as_alerts(served)
        page.goto(f"{served.url}/alerts")
        page.click("a:has-text('Robin') >> nth=0")
        expect(page.locator("main")).to_contain_text("A carer is worried (check today)")
        expect(page.locator("main")).to_contain_text("You are on it")
        page.click("text=Text for a hand-over")
        expect(page.locator("details[open]")).to_contain_text("S: Situation")
        if scripts:
            page.click("button:has-text('Copy the text')")
            expect(page.locator("#hand-over-copied")).not_to_be_empty()
        page.click("text=Open it by itself, to print")
        expect(page.locator("h1")).to_contain_text("Hand-over about Robin")


@pytest.mark.parametrize(
    ("username", "path"),
    [
        ("sam", "/me/check-in"),
        ("sam", "/me"),
        ("jo", "/people/{robin}/worry"),
        ("jo", "/a/q7K2Qtest/hand-over"),
    ],
)
def test_these_pages_fit_a_screen_of_320_pixels(
    browser: Browser,  # noqa: F811 -- the fixture
    served: ServedSite,
    username: str,
    path: str,
) -> None:
    with watched_page(browser, served, width=320) as page:
        sign_in(page, served.url, username, PASSWORD)
        page.goto(served.url + path.format(robin=served.site.robin))
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        small = page.evaluate(
            "[...document.querySelectorAll('.tw-main-button, .tw-help__line')]"
            ".filter((b) => b.getBoundingClientRect().height < 44).length"
        )
        assert small == 0
