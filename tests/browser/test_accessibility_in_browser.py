"""Every page of every role, found by its links alone: accessible, and in its frame.

axe-core looks at what a program can see; the rest needs a person with a keyboard. A page that no
link leads to is a dead end for whoever looks for it, so each role has to reach all of its pages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from portal.application import ROUTES
from portal.context import Audience
from tests.browser.browsers import chromium_path, open_browser
from tests.browser.served_site import ServedSite
from tests.browser.take_screenshots import sign_in
from tests.browser.virtual_site import PASSWORD, SiteWriter

pytestmark = [
    pytest.mark.skipif(
        chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
    ),
    pytest.mark.timeout(300),
]

PHONE_PIXELS: Final = 390
DESK_PIXELS: Final = 1280
NO_PAGES: Final = (
    "/live",
    "/health",
    "/calendar/feed/",
    "/worker.mjs",
    "/offline",
    "/sign-in",
    "/api/",
)
"""What is not linked to, because no signed-in person opens it."""
NO_PAGE_ENDINGS: Final = (".csv", ".json")
"""Files to keep, and numbers that a script asks for."""
PAGES_MOST: Final = 40
"""Far more than one role has; a crawl that goes on for ever fails."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


def pages_of(audience: Audience) -> set[str]:
    """Return the patterns of the pages that a role can open."""
    return {
        re.sub(r"\{[a-z_]+:([^{}]*(?:\{[0-9,]+\})?)\}", r"\1", route.path)
        for route in ROUTES
        if route.method == "GET"
        and route.audiences & {audience, Audience.ANYONE}
        and not route.path.startswith(NO_PAGES)
        and not route.path.endswith(NO_PAGE_ENDINGS)
    }


def links_of(page: Page) -> list[str]:
    found = page.eval_on_selector_all("a[href]", "all => all.map((a) => a.getAttribute('href'))")
    links = [str(href).split("#")[0] for href in found]
    return [href for href in links if href.startswith("/") and not href.startswith("/static")]


def write_a_contact(served: ServedSite) -> None:
    """Leave something that can be put right, and three columns, so that their pages are there."""
    site = served.site
    about = (site.sam, site.practitioner, site.now, site.now)
    with closing(SiteWriter(served.database_url, site.now)) as writer:
        writer.run(
            "INSERT INTO contact_log (person_id, staff_id, kind, at, note, written_at)"
            " VALUES (%s, %s, 'spoke', %s, 'On the phone.', %s)",
            *about,
        )
        writer.run(
            "INSERT INTO support_note (person_id, staff_id, worried, written_at)"
            " VALUES (%s, %s, 'Sleep', %s)",
            *about[:3],
        )


def complaints_about(page: Page) -> list[str]:
    """Return what is wrong with the page that is open, with everything on it unfolded."""
    page.eval_on_selector_all("details", "all => all.forEach((one) => (one.open = true))")
    wrong = []
    for width in (DESK_PIXELS, PHONE_PIXELS):
        page.set_viewport_size({"width": width, "height": 844})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wrong.append(f"wider than {width} pixels")
    for one in Axe().run(page).response["violations"]:
        places = [node["target"] for node in one["nodes"]]
        wrong.append(f"{one['id']}: {one['help']}: {places}")
    if page.locator("h1").count() != 1:
        wrong.append("not one main heading")
    return wrong


@pytest.mark.parametrize(
    ("username", "audience"),
    [
        ("jo", Audience.PRACTITIONER),
        ("kim", Audience.CLINICIAN),
        ("sam", Audience.YOUNG_PERSON),
        ("ade", Audience.ADMIN),
    ],
)
def test_every_page_of_a_role_is_reached_by_links_and_is_accessible(
    browser: Browser, served: ServedSite, username: str, audience: Audience
) -> None:
    context = browser.new_context()
    page = context.new_page()
    write_a_contact(served)
    sign_in(page, served.url, username, PASSWORD)
    unseen, wanting, wrong = ["/"], pages_of(audience), {}
    opened: set[str] = set()
    while unseen:
        path = unseen.pop(0)
        kinds = {kind for kind in wanting if re.fullmatch(kind, path.split("?")[0])}
        if path in opened or not kinds:
            continue
        opened.add(path)
        assert len(opened) < PAGES_MOST
        answer = page.goto(served.url + path)
        assert answer is not None
        assert answer.status == 200, path
        wanting -= kinds
        if complaints := complaints_about(page):
            wrong[path] = complaints
        unseen += links_of(page)
    context.close()
    assert wrong == {}
    assert wanting == set(), "no link leads there"


def test_the_page_to_sign_in_is_accessible(browser: Browser, served: ServedSite) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{served.url}/sign-in")
    assert complaints_about(page) == []
    page.fill("#username", "nobody")
    page.click("button:has-text('Sign in')")
    page.wait_for_selector(".nhsuk-error-summary")
    assert complaints_about(page) == []
    context.close()
