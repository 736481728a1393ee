"""The first screen of an alert on a phone: what is needed, and the four actions, unscrolled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsers import chromium_path, open_browser
from tests.browser.served_site import ServedSite
from tests.browser.take_screenshots import sign_in
from tests.browser.test_portal_in_browser import watched_page, writer_of
from tests.browser.virtual_site import PASSWORD, explanation_of

pytestmark = pytest.mark.skipif(
    chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
)

PHONE_HEIGHT_PX: Final = 844
TAPPED_LEAST_PX: Final = 44
PICTURE_BYTES_MOST: Final = 6_000
LONG: Final = {
    "sentence": "Body measures have changed for 3 days, since Tuesday 17 November: night heart rate"
    " 63 bpm, above usual (56, 54 to 58); skin temperature at night 36.1 °C, above usual (35.2,"
    " 34.9 to 35.5); heart rate variability at night 36 ms, below usual (48, 40 to 56).",
    "remarks": [
        "“Usual” is made from the days before Tuesday 17 November, until this is over.",
        "A note about these days says: exams or tests.",
    ],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


def write_much(served: ServedSite) -> None:
    """Give Sam's alert as much to say as the pages and the detector ever say at once."""
    site = served.site
    since = site.now - timedelta(days=3)
    day = (site.now - timedelta(days=1)).date().isoformat()
    told = {**explanation_of(since.date()), **LONG, "day": day}
    told["contributions"] = [
        {**one, "label": "Heart rate variability at night"} for one in _contributions(told)
    ]
    with closing(writer_of(served)) as writer:
        writer.run(
            "UPDATE alert SET level = 'check_now', explanation = %s WHERE alert_id = %s",
            json.dumps(told),
            site.alert_id,
        )
        writer.run(
            "UPDATE identity SET preferred_name = 'Alexandra-Marie' WHERE person_id = %s", site.sam
        )
        for staff_id, kind in ((site.practitioner, "holiday"), (None, "exams")):
            writer.run(
                "INSERT INTO context_note (person_id, kind, first_day, last_day, own_words,"
                " staff_id, created_at) VALUES (%s, %s, %s, %s, '', %s, %s)",
                site.sam,
                kind,
                since.date(),
                site.now.date(),
                staff_id,
                site.now,
            )
        writer.run(
            "INSERT INTO device_status (device_id, online, changed_at, told_at, battery_percent,"
            " firmware, boot) SELECT device_id, true, %s, %s, 12, '1.0', 1 FROM device_assignment"
            " WHERE person_id = %s",
            site.now,
            site.now,
            site.sam,
        )
        writer.run(
            "INSERT INTO contact_log (person_id, staff_id, kind, at, written_at)"
            " VALUES (%s, %s, 'tried', %s, %s)",
            site.sam,
            site.practitioner,
            site.now,
            site.now,
        )


def _contributions(told: dict[str, object]) -> list[dict[str, object]]:
    found = told["contributions"]
    assert isinstance(found, list)
    return found


def actions_of(page: Page) -> dict[str, float]:
    """Return each action that can be taken, with its lower edge; each is large enough to tap."""
    edges = {}
    for action in page.locator(".tw-actions .nhsuk-button").all():
        box = action.bounding_box()
        assert box is not None
        assert min(box["height"], box["width"]) >= TAPPED_LEAST_PX
        edges[action.inner_text().strip()] = box["y"] + box["height"]
    return edges


@pytest.mark.parametrize("much", [False, True])
def test_the_four_actions_stand_on_the_first_screen_of_a_phone(
    browser: Browser, served: ServedSite, much: bool
) -> None:
    if much:
        write_much(served)
    with closing(writer_of(served)) as writer, watched_page(browser, served) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/a/{served.site.public_id}")
        others = ["Pass on", "Snooze", "Why am I seeing this?"]
        edges = actions_of(page)
        assert list(edges) == ["I'm on it", *others]
        assert max(edges.values()) <= PHONE_HEIGHT_PX, edges
        page.click("text=I'm on it")
        writer.fold_in()
        page.goto(page.url)
        edges = actions_of(page)
        assert list(edges) == ["Close it", *others]
        assert max(edges.values()) <= PHONE_HEIGHT_PX, edges


def test_the_first_screen_says_things_in_their_order_and_once(
    browser: Browser, served: ServedSite
) -> None:
    write_much(served)
    with watched_page(browser, served) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/a/{served.site.public_id}")
        text = " ".join(page.locator(".tw-first").inner_text().split())
        parts = [
            "Check now",
            "raised 3 hours ago",
            "Alexandra-Marie",
            "heart rate variability at night 63 bpm, usual for Alexandra-Marie 54 to 58",
            "changed",
            "A clear sign",
            "3 of 5 measures moved · worn 91 % of the day · battery low (12 %)",
            "note by Jo Virtual",
            "Jo Virtual tried to reach Alexandra-Marie, today at",
            "Nobody is on it yet. Please check in now.",
            "I'm on it",
            "Not an emergency service.",
        ]
        places = [text.find(part) for part in parts]
        assert -1 not in places, dict(zip(parts, places, strict=True))
        assert places == sorted(places)
        assert text.count("since ") == 1
        expect(page.locator("#why ~ p").first).to_contain_text("skin temperature at night 36.1")
        picture = page.locator(".tw-first .tw-chart").evaluate("(one) => one.outerHTML")
        assert len(picture.encode()) <= PICTURE_BYTES_MOST


@pytest.mark.parametrize("scripts", [True, False])
def test_passing_on_and_putting_off_open_where_they_are_asked_for(
    browser: Browser, served: ServedSite, scripts: bool
) -> None:
    with watched_page(browser, served, scripts=scripts) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/a/{served.site.public_id}")
        for name, button in (("Pass on", "Offer it to them"), ("Snooze", "Put it off")):
            expect(page.get_by_role("button", name=button)).to_be_hidden()
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("button", name=button)).to_be_visible()
            page.get_by_role("link", name="Not now").locator("visible=true").click()
            expect(page.get_by_role("button", name=button)).to_be_hidden()
        page.get_by_role("link", name="Snooze", exact=True).click()
        page.get_by_role("button", name="Put it off").click()
        expect(page.locator("text=Saving")).to_be_visible()


def test_an_open_form_is_not_taken_away_by_news(browser: Browser, served: ServedSite) -> None:
    with closing(writer_of(served)) as writer, watched_page(browser, served) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/a/{served.site.public_id}")
        expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=15_000)
        page.get_by_role("link", name="Snooze", exact=True).click()
        writer.event(served.site.alert_id, "worsened", "worsened", served.site.now)
        expect(page.locator("[data-live-news] a")).to_contain_text("changed", timeout=15_000)
        expect(page.get_by_role("button", name="Put it off")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_contact_is_two_taps_from_an_alert(
    browser: Browser, served: ServedSite, scripts: bool
) -> None:
    with watched_page(browser, served, scripts=scripts) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/a/{served.site.public_id}")
        page.get_by_role("link", name="Timeline and contacts").click()
        page.get_by_role("button", name="I visited them").click()
        expect(page.locator("main")).to_contain_text("Written down: you visited them.")
        expect(page.locator(".tw-timeline")).to_contain_text("Jo Virtual visited Sam")


def test_a_printed_timeline_is_paper_without_buttons(browser: Browser, served: ServedSite) -> None:
    with watched_page(browser, served, width=1280) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/people/{served.site.sam}/timeline")
        page.emulate_media(media="print")
        expect(page.get_by_text("Body measures (check today): alert raised")).to_be_visible()
        for gone in (".tw-contact", ".tw-nav", ".tw-window__list", ".tw-header__out"):
            expect(page.locator(gone).first).to_be_hidden()
