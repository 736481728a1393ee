"""The scripts of docs/walkthroughs.md, followed from the sign-in page as their reader would."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.browsers import chromium_path, open_browser
from tests.browser.served_site import ServedSite
from tests.browser.test_portal_in_browser import watched_page, writer_of
from tests.browser.virtual_site import PASSWORD
from tests.browser.walking import LINES, find, follow, headings, press, script_of, type_into

pytestmark = [
    pytest.mark.skipif(
        chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
    ),
    pytest.mark.timeout(300),
]

WHO: Final = {
    "Practitioner": "jo",
    "Clinician": "kim",
    "Young person": "sam",
    "Administrator": "ade",
}
FOLDS_EVERY_S: Final = 0.3


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@contextmanager
def alerts_at_work(served: ServedSite) -> Iterator[None]:
    """Do what the alerts process does all the while."""
    stop = threading.Event()

    def fold() -> None:
        with closing(writer_of(served)) as writer:
            while not stop.wait(FOLDS_EVERY_S):
                writer.fold_in()

    thread = threading.Thread(target=fold)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)


def enter(page: Page, served: ServedSite, username: str, *, keyboard: bool) -> None:
    page.goto(f"{served.url}/sign-in")
    name, password = page.locator("#username"), page.locator("#password")
    if keyboard:
        type_into(page, name, username)
        type_into(page, password, PASSWORD)
        press(page, find(page, "Sign in"))
    else:
        name.fill(username)
        password.fill(PASSWORD)
        find(page, "Sign in").click()
    page.wait_for_url(lambda address: "/sign-in" not in address)


def test_every_role_has_a_script_of_five_lines() -> None:
    assert headings() == list(WHO)
    for role in WHO:
        lines = script_of(role)
        assert len(lines) == LINES, role
        assert all(any(step.see for step in line) for line in lines), role


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("role", WHO)
def test_a_newcomer_does_the_main_task(
    browser: Browser, served: ServedSite, role: str, width: int, scripts: bool
) -> None:
    page_of = watched_page(browser, served, width=width, scripts=scripts)
    with alerts_at_work(served), page_of as page:
        enter(page, served, WHO[role], keyboard=False)
        follow(page, script_of(role), keyboard=False)


@pytest.mark.parametrize("role", WHO)
def test_the_main_task_is_done_with_a_keyboard_alone(
    browser: Browser, served: ServedSite, role: str
) -> None:
    with alerts_at_work(served), watched_page(browser, served, width=1280) as page:
        enter(page, served, WHO[role], keyboard=True)
        follow(page, script_of(role), keyboard=True)
