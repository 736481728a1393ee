"""The pages in a real browser: with and without scripts, on a phone, live."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsers import chromium_path, open_browser
from tests.browser.served_site import ServedSite
from tests.browser.take_screenshots import sign_in, take_screenshots
from tests.browser.virtual_site import PASSWORD, SiteWriter, explanation_of

pytestmark = pytest.mark.skipif(
    chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@contextmanager
def watched_page(
    browser: Browser, served: ServedSite, *, width: int = 390, scripts: bool = True
) -> Iterator[Page]:
    """Lend a page that fails the test when it complains or asks another host for anything."""
    context = browser.new_context(
        viewport={"width": width, "height": 844}, java_script_enabled=scripts
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    try:
        yield page
    finally:
        context.close()
    assert complaints == []
    assert hosts == {urlsplit(served.url).netloc}


def writer_of(served: ServedSite) -> SiteWriter:
    return SiteWriter(served.database_url, served.site.now)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_practitioner_accepts_and_closes_an_alert(
    browser: Browser, served: ServedSite, scripts: bool
) -> None:
    with watched_page(browser, served, scripts=scripts) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.click("text=Sam")
        page.click("text=I'm on it")
        expect(page.locator("text=Saving")).to_be_visible()
        with closing(writer_of(served)) as writer:
            writer.fold_in()
        if not scripts:
            page.reload()
        expect(page.locator(".tw-status")).to_contain_text("You are on it", timeout=15_000)
        page.check("text=Checked in, all fine")
        page.fill("#note", "Had a cold, is better.")
        page.click("main button:has-text('Close')")
        expect(page.locator("text=Saving")).to_be_visible()
        with closing(writer_of(served)) as writer:
            writer.fold_in()
        page.goto(page.url)
        expect(page.locator("text=Closed today at")).to_be_visible()
        expect(page.locator("main")).to_contain_text("Had a cold, is better.")


def test_a_new_alert_appears_in_an_open_list(browser: Browser, served: ServedSite) -> None:
    with watched_page(browser, served) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=15_000)
        with closing(writer_of(served)) as writer:
            since = served.site.now
            writer.alert(served.site.robin, None, "q9newTest", since, explanation_of(since.date()))
        expect(page.locator("a[href='/a/q9newTest']")).to_be_visible(timeout=15_000)
        expect(page.locator("[data-live-news]")).to_contain_text("1 new alert")
        assert page.evaluate("document.activeElement === document.body")


def test_a_half_filled_form_is_never_replaced(browser: Browser, served: ServedSite) -> None:
    with closing(writer_of(served)) as writer, watched_page(browser, served) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.click("text=Sam")
        page.click("text=I'm on it")
        expect(page.locator("text=Saving")).to_be_visible()
        writer.fold_in()
        expect(page.locator("#note")).to_be_visible(timeout=15_000)
        page.fill("#note", "half a sentence")
        page.evaluate("document.activeElement.blur()")
        writer.event(served.site.alert_id, "worsened", "worsened", served.site.now)
        expect(page.locator("[data-live-news] a")).to_contain_text("changed", timeout=15_000)
        expect(page.locator("#note")).to_have_value("half a sentence")


def test_a_page_that_lost_the_service_says_so(browser: Browser, served: ServedSite) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, served.url, "jo", PASSWORD)
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=15_000)
    with closing(writer_of(served)) as writer:
        writer.run("UPDATE session SET ended_at = now()")
    expect(page.locator("[data-live-state]")).to_contain_text("signed out", timeout=40_000)
    context.close()


@pytest.mark.parametrize(
    "path", ["/alerts", "/a/q7K2Qtest", "/people/{sam}?days=90", "/people/{sam}/notes"]
)
def test_pages_fit_a_screen_of_320_pixels(browser: Browser, served: ServedSite, path: str) -> None:
    with watched_page(browser, served, width=320) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(served.url + path.format(sam=served.site.sam))
        assert page.locator("h1").count() == 1
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320
        small = page.evaluate(
            "[...document.querySelectorAll('.tw-main-button')]"
            ".filter((b) => b.checkVisibility() && b.getBoundingClientRect().height < 44).length"
        )
        assert small == 0


def test_a_young_person_pauses_and_resumes_without_scripts(
    browser: Browser, served: ServedSite
) -> None:
    with watched_page(browser, served, scripts=False) as page:
        sign_in(page, served.url, "sam", PASSWORD)
        expect(page.locator("h1")).to_have_text("My week")
        page.click("nav >> text=Pause")
        page.click("button:has-text('For 1 hour')")
        expect(page.locator("main")).to_contain_text("Paused by you")
        page.click("button:has-text('Resume')")
        expect(page.locator("button:has-text('Until I say')")).to_be_visible()
        page.click("header >> text=Get help now")
        expect(page.locator("main")).to_contain_text("0800 1111")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_young_person_writes_a_note_and_takes_it_back(
    browser: Browser, served: ServedSite, scripts: bool
) -> None:
    day = served.site.now.date() - timedelta(days=2)
    with watched_page(browser, served, scripts=scripts) as page:
        sign_in(page, served.url, "sam", PASSWORD)
        page.click("nav >> text=My notes")
        page.check("text=Someone else wore my device")
        page.fill("#first_day", day.isoformat())
        page.fill("#own_words", "My brother tried it on.")
        assert "never gets your words" in page.locator("#own_words-hint").inner_text()
        page.click("text=Save the note")
        expect(page.locator(".tw-rows")).to_contain_text("Someone else wore my device")
        expect(page.locator(".tw-rows")).to_contain_text("My brother tried it on.")
        page.click("button:has-text('Remove')")
        expect(page.locator("h1")).to_have_text("Notes about my days")
        expect(page.locator("main")).not_to_contain_text("My brother tried it on.")


def test_a_note_that_is_not_complete_says_what_is_missing(
    browser: Browser, served: ServedSite
) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, served.url, "sam", PASSWORD)
    page.goto(f"{served.url}/me/notes")
    page.fill("#own_words", "I had a cold.")
    page.click("text=Save the note")
    page.click("text=Choose what was different >> nth=0")
    assert page.evaluate("document.activeElement.id") == "kind"
    expect(page.locator("#own_words")).to_have_value("I had a cold.")
    context.close()


def test_an_alert_says_how_sure_it_is_and_what_to_know_first(
    browser: Browser, served: ServedSite
) -> None:
    with watched_page(browser, served) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        card = page.locator(".tw-card").first
        expect(card).to_contain_text("A clear sign: 3 of 5 measures moved.")
        expect(card).to_contain_text("A note about these days says: exams.")
        page.click("text=Sam")
        expect(page.locator(".tw-lead")).to_contain_text("night heart rate 63 bpm")
        expect(page.locator(".tw-certainty")).to_have_text(
            "A clear sign: 3 of 5 measures moved · worn 91 % of the day"
        )
        expect(page.locator(".tw-context")).to_have_text("A note about these days says: exams.")
        expect(page.locator(".tw-parts > div")).to_have_count(2)
        expect(page.locator("main")).to_contain_text("It ends by itself after two days near usual")


def test_folded_measures_open_without_scripts(browser: Browser, served: ServedSite) -> None:
    with watched_page(browser, served, scripts=False) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/people/{served.site.sam}?days=56")
        assert page.locator(".tw-group h2").all_inner_texts()[0] == "Sleep"
        hidden = page.locator("#trend-sleep_regularity")
        expect(hidden).to_be_hidden()
        page.click("summary:has-text('regularity of sleep')")
        expect(hidden).to_be_visible()
        expect(page.locator("#trend-sleep_onset_h")).to_be_visible()
        expect(page.locator("main")).to_contain_text(
            "No value in these days: Blood oxygen at night."
        )


def test_charts_leave_gaps_open_and_have_a_table(browser: Browser, served: ServedSite) -> None:
    with watched_page(browser, served, width=1280) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/people/{served.site.sam}?days=56")
        first = page.locator(".tw-chart").first
        line = first.locator(".tw-chart__line").get_attribute("d") or ""
        assert line.count("M") == 2
        assert "usual for Sam" in (first.get_attribute("aria-label") or "")
        page.click("text=as a table >> nth=0")
        expect(page.locator("h1")).to_contain_text("Sam, day by day")
        expect(page.locator("main tbody tr")).to_have_count(56)
        page.click("text=All measures of Sam")
        expect(page.locator("[aria-current=true]")).to_have_text("56 days")


def test_the_pictures_for_the_documents_are_taken(
    browser: Browser, served: ServedSite, tmp_path: Path
) -> None:
    take_screenshots(browser, served.url, "jo", PASSWORD, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 6
