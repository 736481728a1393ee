"""The clinician's desk in a browser: charts that a script draws, and the same without one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.browsers import chromium_path, open_browser
from tests.browser.served_site import ServedSite
from tests.browser.take_screenshots import sign_in
from tests.browser.virtual_site import PASSWORD

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


def opened(browser: Browser, served: ServedSite, *, has_script: bool = True) -> Page:
    context = browser.new_context(java_script_enabled=has_script)
    page = context.new_page()
    sign_in(page, served.url, "kim", PASSWORD)
    return page


def test_the_explorer_draws_every_channel_on_one_axis(browser: Browser, served: ServedSite) -> None:
    page = opened(browser, served)
    hosts: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: hosts.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(f"{served.url}/people/{served.site.sam}/explore?days=7")
    page.wait_for_selector("[data-explore-drawn-ms]", timeout=60_000)
    drawn = page.locator("[data-panel='heart_rate'] canvas")
    assert drawn.count() == 1
    assert "On average" in page.inner_text("[data-panel='heart_rate'] [data-panel-sentence]")
    assert "No skin temperature" in page.inner_text("[data-panel='skin_temperature']")
    has_ink = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v)"
    assert drawn.evaluate(has_ink)
    assert errors == []
    assert all(address.startswith(served.url) for address in hosts)
    page.context.close()


def test_a_table_stands_behind_each_chart(browser: Browser, served: ServedSite) -> None:
    page = opened(browser, served)
    page.goto(f"{served.url}/people/{served.site.sam}/explore?days=7")
    page.wait_for_selector("[data-explore-drawn-ms]", timeout=60_000)
    table = page.locator("[data-panel='heart_rate'] details")
    table.locator("summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-panel='heart_rate'] tbody tr")
    rows = table.locator("tbody tr")
    assert rows.count() == 7
    assert rows.first.locator("td").count() == 3
    page.context.close()


def test_zoom_and_time_are_moved_by_keyboard_alone(browser: Browser, served: ServedSite) -> None:
    page = opened(browser, served)
    page.goto(f"{served.url}/people/{served.site.sam}/explore?days=28")
    for link, query in (("Zoom in", "days=14"), ("Earlier", "days=14"), ("Zoom out", "days=28")):
        page.get_by_role("link", name=link, exact=True).focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/explore?{query}&**")
    assert page.get_by_role("link", name="Later", exact=True).count() == 1
    page.context.close()


def test_without_a_script_the_server_draws(browser: Browser, served: ServedSite) -> None:
    page = opened(browser, served, has_script=False)
    page.goto(f"{served.url}/people/{served.site.sam}/explore?days=7")
    page.wait_for_url("**plain=1")
    assert page.locator("section[aria-labelledby='panel-heart_rate'] svg path").count() > 2
    assert page.locator("canvas").count() == 0
    page.context.close()


def test_numbers_that_do_not_come_are_said_to_be_missing(
    browser: Browser, served: ServedSite
) -> None:
    page = opened(browser, served)
    page.route("**/series.json*", lambda route: route.abort())
    page.goto(f"{served.url}/people/{served.site.sam}/explore?days=7")
    page.wait_for_selector("text=The numbers did not come.")
    page.context.close()


@pytest.mark.parametrize("has_script", [True, False])
def test_before_and_after_is_asked_by_keyboard(
    browser: Browser, served: ServedSite, *, has_script: bool
) -> None:
    page = opened(browser, served, has_script=has_script)
    page.goto(f"{served.url}/people/{served.site.sam}/before-after")
    page.get_by_role("button", name="Compare").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".nhsuk-error-summary")
    page.select_option("#measure", "sleep_minutes")
    start = page.get_attribute("#start", "max") or ""
    page.fill("#start", start)
    page.get_by_role("button", name="Compare").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer")
    assert "Too little to say" in page.inner_text("main")
    page.context.close()
