"""Opening pages in need in a real browser, with and without scripts: by hand, and with axe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsers import chromium_path, open_browser
from tests.browser.served_site import ServedSite
from tests.browser.take_screenshots import sign_in
from tests.browser.test_accessibility_in_browser import complaints_about
from tests.browser.virtual_site import PASSWORD, SiteWriter

pytestmark = [
    pytest.mark.skipif(
        chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
    ),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_a_colleague_opens_pages_and_has_finished_and_a_manager_reviews(
    served: ServedSite, page: Page
) -> None:
    with closing(SiteWriter(served.database_url, served.site.now)) as writer:
        writer.run("UPDATE staff SET is_service_manager = true WHERE display_name = 'Jo Virtual'")
    sign_in(page, served.url, "pat", PASSWORD)
    page.goto(f"{served.url}/alerts")
    page.click("text=Somebody else is at risk")
    page.click("main >> text=Open somebody's pages in need")
    page.click("main button")
    expect(page.locator(".nhsuk-error-summary")).to_contain_text("Nothing is opened yet")
    assert complaints_about(page) == []
    page.fill("#called", "p-sam")
    page.fill("#reason", "Says that they cannot go home. Nobody who is assigned answers.")
    page.check("[name=confirmed]")
    assert complaints_about(page) == []
    page.click("main button")
    expect(page.locator("main")).to_contain_text("You opened their pages in need.")
    page.click("text=Until when")
    expect(page.locator("main")).to_contain_text("Open to you now: Sam")
    assert complaints_about(page) == []
    page.click("text=I have finished")
    expect(page.locator("main")).to_contain_text("Not reviewed yet")
    expect(page.locator("main")).not_to_contain_text("Open to you now")
    page.goto(f"{served.url}/sign-in")
    page.context.clear_cookies()
    sign_in(page, served.url, "jo", PASSWORD)
    page.click("nav >> text=Opened in need")
    assert complaints_about(page) == []
    page.click("main button:has-text('It was in order')")
    expect(page.locator("main")).to_contain_text("It was in order: Jo Virtual")
    page.context.clear_cookies()
    sign_in(page, served.url, "ade", PASSWORD)
    page.goto(f"{served.url}/service/audit")
    expect(page.locator("main")).to_contain_text("It was in order: Jo Virtual")
    assert complaints_about(page) == []
