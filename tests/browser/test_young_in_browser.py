"""The pages of a young person in a real browser: one tap each way, help offline, the way out."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

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


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(request: pytest.FixtureRequest, browser: Browser, served: ServedSite) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=request.param
    )
    page = context.new_page()
    sign_in(page, served.url, "sam", PASSWORD)
    yield page
    context.close()


def size_of(page: Page, words: str) -> tuple[int, int]:
    box = page.locator(f"main button:has-text('{words}')").bounding_box()
    assert box is not None
    return round(box["width"]), round(box["height"])


def test_pausing_and_resuming_are_one_tap_on_buttons_of_one_size(page: Page) -> None:
    page.click("nav >> text=Pause")
    sizes = {size_of(page, one) for one in ("For 1 hour", "Tonight", "Until I say")}
    page.click("main button:has-text('Until I say')")
    expect(page.locator("main")).to_contain_text("Paused by you, until you say.")
    sizes.add(size_of(page, "Resume"))
    page.click("main button:has-text('Resume')")
    expect(page.locator("main button:has-text('For 1 hour')")).to_be_visible()
    assert len(sizes) == 1
    assert min(sizes.pop()) >= 44


def test_a_face_a_skip_and_words_are_each_one_tap_and_help_stands_before_and_after(
    page: Page,
) -> None:
    page.click("nav >> text=How I am")
    faces = page.locator(".tw-faces__button")
    assert faces.count() == 6
    boxes = [faces.nth(place).bounding_box() for place in range(6)]
    assert len({(round(one["width"]), round(one["height"])) for one in boxes if one}) == 1
    expect(page.locator("main")).to_contain_text("0800 1111")
    page.click(".tw-faces__button:has-text('Not great')")
    expect(page.locator("main")).to_contain_text("You said: Not great.")
    page.fill("#worries", "I do not want to go home.")
    page.click("main button:has-text('Save')")
    expect(page.locator("main")).to_contain_text("Your words are sent")
    expect(page.locator("#help")).to_contain_text("0800 1111")
    assert page.locator("#help").evaluate("one => one.getBoundingClientRect().top") < 844


def test_leaving_ends_the_session_and_no_way_back_shows_it(page: Page, served: ServedSite) -> None:
    def weather(route: Route) -> None:
        route.fulfill(status=200, content_type="text/html", body="<title>Sunny</title>Sunny")

    page.route("https://www.bbc.co.uk/**", weather)
    page.click("header >> text=Leave this page")
    expect(page).to_have_title("Sunny")
    page.goto(f"{served.url}/me")
    expect(page.locator("h1")).to_have_text("Sign in")
    page.go_back()
    page.go_back()
    assert "Sam" not in page.content()


def test_help_is_there_without_a_network_and_names_nobody(
    browser: Browser, served: ServedSite
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_in(page, served.url, "sam", PASSWORD)
    page.evaluate("async () => { await navigator.serviceWorker.getRegistration('/help') }")
    page.goto(f"{served.url}/help")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null", timeout=60_000)
    expect(page.locator("header")).to_contain_text("Sam")
    context.set_offline(True)
    page.goto(f"{served.url}/help")
    expect(page.locator("main")).to_contain_text("0800 1111")
    expect(page.locator("main")).to_contain_text("SHOUT to 85258")
    assert "Sam" not in page.content()
    is_styled = page.evaluate("getComputedStyle(document.body).fontFamily.includes('Arial')")
    assert is_styled
    context.close()
