"""An administrator's main task, on a phone and at a desk, with and without JavaScript.

Enrol a young person, pair their device, write down what was agreed: with the keyboard alone.
"""

from __future__ import annotations

import os
import re
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


def tab_to(page: Page, words: str) -> None:
    """Press Tab until something with these words, or this name, has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and words in f"{focused.inner_text()} #{focused.get_attribute('id')}":
            return
    raise AssertionError(f"no Tab leads to {words!r}")


@pytest.mark.parametrize(("width", "with_script"), [(390, False), (1280, True)])
def test_enrol_pair_and_write_down_by_keyboard_alone(
    browser: Browser, served: ServedSite, width: int, with_script: bool
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, java_script_enabled=with_script
    )
    page = context.new_page()
    others: list[str] = []
    page.on("request", lambda request: others.append(request.url))
    sign_in(page, served.url, "ade", PASSWORD)
    page.goto(f"{served.url}/service/people")
    tab_to(page, "Enrol a young person")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Enrol a young person')")
    for field, text in (
        ("#label", f"P-{width}"),
        ("#name", "Mo"),
        ("#birth_month", "4"),
        ("#birth_year", "2010"),
    ):
        tab_to(page, field)
        page.keyboard.type(text)
    tab_to(page, "#key_worker")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Enrol")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"h1:has-text('P-{width}')")
    tab_to(page, "Make a code to pair a device")
    page.keyboard.press("Enter")
    code = page.wait_for_selector(".tw-code strong")
    assert code is not None
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", code.inner_text())
    assert page.locator(".tw-qr-frame svg").count() == 1
    tab_to(page, "Done: back")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Waits to be paired until")
    assert {url.split("/")[2] for url in others} == {served.url.split("/")[2]}
    context.close()
