"""Notifications in a real browser: switched on by a button, shown by the worker, naming nobody."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsers import chromium_path, open_browser
from tests.browser.served_site import ServedSite, serve
from tests.browser.take_screenshots import sign_in
from tests.browser.test_portal_in_browser import watched_page
from tests.browser.virtual_site import PASSWORD
from tidewell.push_key import new_push_key

pytestmark = pytest.mark.skipif(
    chromium_path() is None and "CI" not in os.environ, reason="chromium is not on this machine"
)

ENDPOINT = "https://fcm.googleapis.com/fcm/send/of-this-test"

# Only the push service is invented, because it is elsewhere; the worker and the rest are real.
SUBSCRIBE = """
PushManager.prototype.getSubscription = async () => null
PushManager.prototype.subscribe = async (options) => {
  if (options.applicationServerKey.length < 80) throw new Error('refused')
  return { toJSON: () => (%s) }
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def served(database_url: str) -> Iterator[ServedSite]:
    key = {
        "TIDEWELL_PUSH_KEY": new_push_key(),
        "TIDEWELL_PUSH_CONTACT": "mailto:it@council.example",
    }
    with serve(database_url, key) as site:
        yield site


def subscription() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {
        "p256dh": base64.urlsafe_b64encode(point).rstrip(b"=").decode(),
        "auth": base64.urlsafe_b64encode(b"0" * 16).rstrip(b"=").decode(),
    }
    return json.dumps({"endpoint": ENDPOINT, "keys": keys})


def phones_of(served: ServedSite) -> list[tuple[object, ...]]:
    with psycopg.connect(served.database_url) as connection:
        query = "SELECT endpoint FROM push_subscription WHERE removed_at IS NULL"
        return connection.execute(query).fetchall()


def switch_on(page: Page, served: ServedSite) -> None:
    page.context.grant_permissions(["notifications"], origin=served.url)
    page.add_init_script(SUBSCRIBE % subscription())
    sign_in(page, served.url, "jo", PASSWORD)
    page.goto(f"{served.url}/notifications")
    page.get_by_role("button", name="Switch on for this device").click()
    expect(page.get_by_text("Notifications are on for this device")).to_be_visible()


def test_one_button_switches_a_phone_on_and_another_one_off(
    browser: Browser, served: ServedSite
) -> None:
    with watched_page(browser, served) as page:
        switch_on(page, served)
        assert phones_of(served) == [(ENDPOINT,)]
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("None yet.")).to_be_visible()
        assert phones_of(served) == []


def test_the_worker_shows_what_comes_and_nothing_more(browser: Browser, served: ServedSite) -> None:
    with watched_page(browser, served) as page:
        switch_on(page, served)
        devtools = page.context.new_cdp_session(page)
        registrations: list[str] = []
        devtools.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: registrations.extend(
                one["registrationId"] for one in event["registrations"]
            ),
        )
        devtools.send("ServiceWorker.enable")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        shown = {
            "title": "Tidewell",
            "body": "Wellbeing: 1 person to check today.",
            "link": f"{served.url}/a/7K2QX9P3AB",
            "tag": "t",
        }
        origin = f"{urlsplit(served.url).scheme}://{urlsplit(served.url).netloc}"
        message = {"origin": origin, "registrationId": registrations[0], "data": json.dumps(shown)}
        devtools.send("ServiceWorker.deliverPushMessage", message)
        shown_there: list[list[str]] = []
        for _ in range(200):  # a promise is true by itself, so the page cannot be asked to wait
            shown_there = page.evaluate(
                "navigator.serviceWorker.ready.then((one) => one.getNotifications())"
                ".then((all) => all.map((one) => [one.title, one.body, one.data.link]))"
            )
            if shown_there:
                break
            page.wait_for_timeout(50)
        [said] = shown_there
        assert said == [shown["title"], shown["body"], shown["link"]]


def test_a_browser_that_refuses_is_told_what_to_do(browser: Browser, served: ServedSite) -> None:
    with watched_page(browser, served) as page:
        page.add_init_script("Notification.requestPermission = async () => 'denied'")
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/notifications")
        button = page.get_by_role("button", name="Switch on for this device")
        if button.is_visible():
            button.click()
        expect(page.get_by_text("does not let Tidewell show notifications")).to_be_visible()


def test_without_scripts_the_page_says_so_and_still_lists(
    browser: Browser, served: ServedSite
) -> None:
    with watched_page(browser, served, scripts=False) as page:
        sign_in(page, served.url, "jo", PASSWORD)
        page.goto(f"{served.url}/notifications")
        expect(page.get_by_text("needs a browser that runs scripts")).to_be_visible()
        expect(page.get_by_role("button", name="Switch on")).to_have_count(0)
