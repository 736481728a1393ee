"""The pages as an application of a phone: what a browser asks of it, and what it keeps offline."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsers import FLAGS, chromium_path, open_browser
from tests.browser.make_icons import FOLDER, ROUND_PX, WHOLE_PX, draw
from tests.browser.served_site import ServedSite
from tests.browser.take_screenshots import sign_in
from tests.browser.virtual_site import PASSWORD

pytestmark = pytest.mark.skipif(
    chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
)

KEPT: Final = [
    "/help",
    "/offline",
    "/static/icon.svg",
    "/static/tidewell.css",
    "/static/vendor/nhsuk-frontend.css",
]
PAGES_KEPT: Final = ("/help", "/offline")
ALL_KEPT: Final = """async () => {
  const kept = []
  for (const name of await caches.keys()) {
    const cache = await caches.open(name)
    for (const request of await cache.keys()) {
      kept.push([new URL(request.url).pathname, await (await cache.match(request)).text()])
    }
  }
  return kept.sort()
}"""
DIFFERENCE: Final = """async ([one, other]) => {
  const pixels = async (data) => {
    const image = await createImageBitmap(await (await fetch(data)).blob())
    const canvas = new OffscreenCanvas(image.width, image.height)
    const context = canvas.getContext('2d')
    context.drawImage(image, 0, 0)
    const { data: values } = context.getImageData(0, 0, image.width, image.height)
    return [image.width, image.height, ...values]
  }
  const [a, b] = [await pixels(one), await pixels(other)]
  if (a.length !== b.length) return 1
  return a.reduce((sum, value, at) => sum + Math.abs(value - b[at]), 0) / a.length / 255
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@contextmanager
def ordinary_page(browser: Browser, folder: Path) -> Iterator[Page]:
    """Lend a page that is not private: only such a one can be installed."""
    context = browser.browser_type.launch_persistent_context(
        folder, executable_path=chromium_path(), args=list(FLAGS)
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def wait_for_worker(page: Page) -> None:
    page.wait_for_function("navigator.serviceWorker.controller !== null")


def test_chromium_finds_nothing_that_keeps_it_from_being_installed(
    browser: Browser, served: ServedSite, tmp_path: Path
) -> None:
    with ordinary_page(browser, tmp_path) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        wait_for_worker(page)
        devtools = page.context.new_cdp_session(page)
        manifest = devtools.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert manifest["url"].endswith("/static/site.json")
        found = devtools.send("Page.getInstallabilityErrors")
        assert found["installabilityErrors"] == []


def test_what_is_kept_are_two_pages_that_name_nobody(browser: Browser, served: ServedSite) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_in(page, served.url, "jo", PASSWORD)
    wait_for_worker(page)
    for path in ("/alerts", f"/a/{served.site.public_id}", f"/people/{served.site.sam}"):
        page.goto(served.url + path)
        expect(page.locator("main")).to_contain_text("Sam")
    kept = page.evaluate(ALL_KEPT)
    assert [path for path, _ in kept] == KEPT
    for name in ("Sam", "Robin", "Jo Virtual", "Sign out"):
        assert not [path for path, text in kept if path in PAGES_KEPT and name in text]
    context.close()


def test_without_a_network_every_page_has_the_help_lines(
    browser: Browser, served: ServedSite
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_in(page, served.url, "jo", PASSWORD)
    wait_for_worker(page)
    context.set_offline(True)
    shown = dict.fromkeys(("/alerts", f"/a/{served.site.public_id}", "/me"), "No connection")
    for path, heading in ({"/help": "Get help now"} | shown).items():
        page.goto(served.url + path)
        expect(page.locator("h1")).to_have_text(heading)
        expect(page.locator("main")).not_to_contain_text("Sam")
    for number in ("tel:999", "tel:111", "tel:08001111", "sms:85258"):
        expect(page.locator(f"main a[href='{number}']")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.tw-header')).color") == (
        "rgb(255, 255, 255)"
    )
    context.set_offline(False)
    page.click("text=Try again")
    expect(page.locator("h1")).to_have_text("My people")
    context.close()


@pytest.mark.parametrize("name", [*ROUND_PX, *WHOLE_PX])
def test_an_icon_is_what_the_drawing_gives(browser: Browser, name: str) -> None:
    pictures = [(FOLDER / name).read_bytes(), draw(browser, name)]
    page = browser.new_page()
    data = [f"data:image/png;base64,{base64.b64encode(one).decode()}" for one in pictures]
    assert page.evaluate(DIFFERENCE, data) < 0.01
    page.close()
