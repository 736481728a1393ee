"""Open pages of one browser: one stream for all tabs, and a page that says when it is old."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.browser.browsers import chromium_path, open_browser
from tests.browser.served_site import ServedSite, serve
from tests.browser.take_screenshots import sign_in
from tests.browser.virtual_site import PASSWORD, SiteWriter
from tidewell.clock import now_utc

pytestmark = [
    pytest.mark.skipif(
        chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
    ),
    pytest.mark.timeout(300),
]

WITHIN_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def served(database_url: str) -> Iterator[ServedSite]:
    with serve(database_url) as site:
        yield site


def happen(served: ServedSite, kind: str) -> None:
    with closing(SiteWriter(served.database_url, now_utc())) as writer:
        writer.event(served.site.alert_id, kind, kind, now_utc())


def signing_in(context: BrowserContext, served: ServedSite) -> None:
    page = context.new_page()
    sign_in(page, served.url, "jo", PASSWORD)
    page.close()


def a_tab(context: BrowserContext, served: ServedSite, streams: list[str]) -> Page:
    page = context.new_page()

    def count(request: Request) -> None:
        if "/live" in request.url and "live.mjs" not in request.url:
            streams.append(request.url)

    page.on("request", count)
    page.goto(f"{served.url}/alerts")
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=WITHIN_MS)
    return page


def test_tabs_share_one_stream_and_another_takes_it_over(
    browser: Browser, served: ServedSite
) -> None:
    context = browser.new_context()
    signing_in(context, served)
    of_first: list[str] = []
    of_second: list[str] = []
    first = a_tab(context, served, of_first)
    second = a_tab(context, served, of_second)
    assert (len(of_first), len(of_second)) == (1, 0)
    with second.expect_response(f"{served.url}/alerts", timeout=WITHIN_MS):
        happen(served, "worsened")
    with second.expect_request("**/live?*", timeout=WITHIN_MS):
        first.close()
    with second.expect_response(f"{served.url}/alerts", timeout=WITHIN_MS):
        happen(served, "worsened")
    context.close()


def test_a_page_whose_stream_is_gone_says_so_on_a_phone(
    browser: Browser, served: ServedSite
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    signing_in(context, served)
    page = a_tab(context, served, [])
    state = page.locator("[data-live-state]")
    page.route("**/live?*", lambda route: route.abort())
    context.set_offline(True)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(state).to_contain_text("Reconnecting, last updated", timeout=WITHIN_MS)
    box = state.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    refresh = page.locator("[data-live-refresh]")
    expect(refresh).to_be_visible()
    context.close()
