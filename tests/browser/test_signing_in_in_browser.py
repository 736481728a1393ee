"""Signing in with a real browser: passkeys, an app, recovery codes; with and without scripts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.browsers import chromium_path, open_browser
from tests.browser.served_site import ServedSite, serve
from tests.browser.test_accessibility_in_browser import complaints_about
from tests.browser.virtual_site import PASSWORD, SiteWriter
from tidewell.secret_tokens import token_hash

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
def real_site(database_url: str) -> Iterator[ServedSite]:
    """A site outside of the demo, under a name, because passkeys need one."""
    with serve(database_url, {"TIDEWELL_DEMO": "false"}) as site:
        yield ServedSite(site.url.replace("127.0.0.1", "localhost"), database_url, site.site)


@contextmanager
def one_browser(browser: Browser, *, width: int = 390, scripts: bool = True) -> Iterator[Page]:
    """Lend a page that fails the test when it complains."""
    context = browser.new_context(
        viewport={"width": width, "height": 844}, java_script_enabled=scripts
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and not re.search("40[14]|422", message.text)
            else None
        ),
    )
    try:
        yield page
    finally:
        context.close()
    assert complaints == []


def give_authenticator(context: BrowserContext, page: Page) -> None:
    """Put an authenticator into the browser that verifies its user."""
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def type_password(page: Page, site: ServedSite, username: str = "jo") -> None:
    page.goto(f"{site.url}/sign-in")
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.click("main button:has-text('Sign in') >> nth=0")


def set_up_app(page: Page) -> tuple[pyotp.TOTP, list[str]]:
    page.click("text=Use an app")
    expect(page.locator("svg.tw-key-picture")).to_be_visible()
    page.click("summary")
    key = re.search(r"Key: ([A-Z2-7 ]+)", page.locator("details").inner_text())
    assert key is not None
    app = pyotp.TOTP(key[1].replace(" ", ""))
    page.fill("#code", app.now())
    page.click("main button:has-text('Set it up')")
    expect(page.locator("h1")).to_have_text("Your recovery codes")
    return app, page.locator(".tw-codes li").all_inner_texts()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_passkey_is_made_and_then_signs_in_alone_and_as_second_step(
    browser: Browser, real_site: ServedSite, width: int
) -> None:
    with one_browser(browser, width=width) as page:
        give_authenticator(page.context, page)
        type_password(page, real_site)
        expect(page.locator("h1")).to_have_text("Set up a second step")
        assert complaints_about(page) == []
        page.click("button:has-text('Make a passkey')")
        expect(page.locator("h1")).to_have_text("Your recovery codes")
        expect(page.locator(".tw-codes li")).to_have_count(8)
        assert complaints_about(page) == []
        page.click("text=I have kept them, go on")
        expect(page.locator("h1")).to_have_text("My people")
        page.click("button:has-text('Sign out')")
        page.click("button:has-text('Sign in with a passkey')")
        expect(page.locator("h1")).to_have_text("My people")
        page.click("button:has-text('Sign out')")
        type_password(page, real_site)
        expect(page.locator("h1")).to_have_text("Second step")
        assert complaints_about(page) == []
        page.click("button:has-text('Use your passkey')")
        expect(page.locator("h1")).to_have_text("My people")


def test_a_young_person_makes_a_passkey_if_they_like(
    browser: Browser, real_site: ServedSite
) -> None:
    with one_browser(browser) as page:
        give_authenticator(page.context, page)
        type_password(page, real_site, "sam")
        expect(page.locator("h1")).to_have_text("My week")
        page.click(".tw-header__viewer")
        page.click("text=Set up a passkey")
        assert complaints_about(page) == []
        page.click("button:has-text('Make a passkey')")
        expect(page.locator("main")).to_contain_text("It is set up.")
        assert complaints_about(page) == []
        page.click("button:has-text('Sign out') >> nth=0")
        page.click("button:has-text('Sign in with a passkey')")
        expect(page.locator("h1")).to_have_text("My week")


@pytest.mark.parametrize("width", [390, 1280])
def test_an_app_and_recovery_codes_work_without_scripts(
    browser: Browser, real_site: ServedSite, width: int
) -> None:
    with one_browser(browser, width=width, scripts=False) as page:
        type_password(page, real_site)
        expect(page.locator("button:has-text('Make a passkey')")).to_be_hidden()
        app, codes = set_up_app(page)
        page.click("text=I have kept them, go on")
        expect(page.locator("h1")).to_have_text("My people")
        page.click("button:has-text('Sign out')")
        expect(page.locator("button:has-text('Sign in with a passkey')")).to_be_hidden()
        type_password(page, real_site)
        page.fill("#code", "000000")
        page.click("main button:has-text('Go on')")
        expect(page.locator(".nhsuk-error-summary")).to_contain_text("wrong or was used before")
        page.fill("#code", app.at(datetime.now(UTC) + timedelta(seconds=30)))
        page.click("main button:has-text('Go on')")
        expect(page.locator("h1")).to_have_text("My people")
        page.click("button:has-text('Sign out')")
        type_password(page, real_site)
        page.fill("#recovery", codes[3])
        page.click("main button:has-text('Use this code')")
        expect(page.locator("h1")).to_have_text("My people")
        page.click(".tw-header__viewer")
        expect(page.locator("main")).to_contain_text("You have 7 recovery codes left.")


def test_the_pages_of_signing_in_are_accessible(browser: Browser, real_site: ServedSite) -> None:
    link = write_link(real_site)
    with one_browser(browser) as page:
        page.goto(real_site.url + link)
        assert complaints_about(page) == []
        page.goto(f"{real_site.url}/sign-in/link/{'y' * 43}")
        assert complaints_about(page) == []
        type_password(page, real_site)
        page.click("text=Use an app")
        assert complaints_about(page) == []
        page.goto(f"{real_site.url}/security/set-up")
        set_up_app(page)
        for path in ("/security", "/security/password", "/security/app", "/sign-in/again"):
            page.goto(real_site.url + path)
            assert complaints_about(page) == [], path
        page.click("button:has-text('Go on')")
        expect(page.locator(".nhsuk-error-summary")).to_be_visible()
        assert complaints_about(page) == []


def test_a_link_leads_from_a_password_to_the_second_step_without_scripts(
    browser: Browser, real_site: ServedSite
) -> None:
    link = write_link(real_site)
    with one_browser(browser, scripts=False) as page:
        page.goto(real_site.url + link)
        expect(page.locator("main")).to_contain_text("you sign in with the name jo")
        page.fill("#chosen", "short")
        page.click("text=Save and sign in")
        expect(page.locator(".nhsuk-error-summary")).to_contain_text("Use 12 characters or more")
        page.fill("#chosen", "seven slow lanterns")
        page.click("text=Save and sign in")
        expect(page.locator("h1")).to_have_text("Set up a second step")
        set_up_app(page)
        page.goto(real_site.url + link)
        expect(page.locator("h1")).to_have_text("This link does not work any more")


def test_a_password_can_be_pasted(browser: Browser, real_site: ServedSite) -> None:
    with one_browser(browser) as page:
        page.goto(f"{real_site.url}/sign-in")
        page.fill("#username", PASSWORD)
        page.focus("#username")
        page.keyboard.press("Control+A")
        page.keyboard.press("Control+C")
        page.focus("#password")
        page.keyboard.press("Control+V")
        expect(page.locator("#password")).to_have_value(PASSWORD)
        assert page.get_attribute("#password", "autocomplete") == "current-password"


def write_link(site: ServedSite) -> str:
    token, now = "k" * 43, datetime.now(UTC)
    with closing(SiteWriter(site.database_url, now)) as writer:
        writer.run(
            "INSERT INTO sign_in_link (link_hash, username, made_at, expires_at)"
            " VALUES (%s, 'jo', %s, %s)",
            token_hash(token),
            now,
            now + timedelta(hours=72),
        )
    return f"/sign-in/link/{token}"
