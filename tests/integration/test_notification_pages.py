"""Notifications on the pages, and receipts of providers: what is kept, of whom, and what is not."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape

import psycopg
import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from portal.application import build_application
from portal.notification_pages import PHONES_MOST, public_key_of
from portal.service import make_pool
from tests.browser.virtual_site import write_site
from tests.integration.test_portal_pages import NOW, Pages
from tidewell.push_key import new_push_key
from tidewell.settings import load_settings

TOKEN = "a token of this test, long enough"
ENDPOINT = "https://fcm.googleapis.com/fcm/send/abc"
REFERENCE = "0123456789abcdef0123456789abcdef01234567"
RECEIPT = {
    "id": "740e5834-3a29-46b4-9a6f-16142fde533a",
    "reference": REFERENCE,
    "to": "07700900123",
    "status": "permanent-failure",
    "created_at": "2026-11-22T14:00:00.000000Z",
    "completed_at": "2026-11-22T14:00:05.000000Z",
    "sent_at": "2026-11-22T14:00:01.000000Z",
    "notification_type": "sms",
    "template_version": 1,
}
SETTINGS = load_settings(
    {
        "TIDEWELL_DEMO": "true",
        "TIDEWELL_PUSH_KEY": new_push_key(),
        "TIDEWELL_PUSH_CONTACT": "mailto:it@council.example",
        "TIDEWELL_NOTIFY_RECEIPT_TOKEN": TOKEN,
    }
)


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[Pages]:
    site = write_site(database_url, NOW)
    clock = [NOW]
    async with make_pool(database_url) as pool:
        application = build_application(SETTINGS, database_url, pool, now=lambda: clock[0])
        client = TestClient(TestServer(application), cookie_jar=CookieJar(unsafe=True))
        async with client:
            yield Pages(client, site, database_url, clock)


def browser(endpoint: str = ENDPOINT) -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    p256dh = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
    return {"endpoint": endpoint, "p256dh": p256dh, "auth": "A" * 22}


async def done(pages: Pages, path: str, fields: dict[str, str]) -> str:
    answer = await pages.post(path, fields)
    assert answer.status == 303
    return answer.headers["Location"]


async def test_a_phone_that_was_switched_on_is_an_address_of_its_owner(pages: Pages) -> None:
    await pages.sign_in("jo")
    assert await done(pages, "/notifications/add", browser()) == "/notifications?done=on"
    text = await pages.text("/notifications")
    assert "On since" in text
    [(endpoint, username, is_dead)] = pages.ask(
        "SELECT address::jsonb ->> 'endpoint', username, is_dead"
        " FROM staff_address JOIN sign_in USING (staff_id) WHERE channel = 'web_push'"
    )
    assert (endpoint, username, is_dead) == (ENDPOINT, "jo", False)


async def test_a_phone_belongs_to_whoever_switched_it_on_last(pages: Pages) -> None:
    await pages.sign_in("jo")
    await done(pages, "/notifications/add", browser())
    await pages.sign_in("pat")
    await done(pages, "/notifications/add", browser())
    owners = pages.ask(
        "SELECT username FROM push_subscription JOIN sign_in USING (staff_id)"
        " WHERE removed_at IS NULL"
    )
    assert owners == [("pat",)]


async def test_nobody_removes_the_phone_of_another(pages: Pages) -> None:
    await pages.sign_in("jo")
    await done(pages, "/notifications/add", browser())
    [(number,)] = pages.ask("SELECT push_subscription_id FROM push_subscription")
    still_on = "SELECT count(*) FROM push_subscription WHERE removed_at IS NULL"
    await pages.sign_in("pat")
    await done(pages, "/notifications/remove", {"phone": str(number)})
    assert pages.ask(still_on) == [(1,)]
    await pages.sign_in("jo")
    await done(pages, "/notifications/remove", {"phone": str(number)})
    assert pages.ask(still_on) == [(0,)]
    assert "None yet." in await pages.text("/notifications")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:5432/x",
        "https://10.0.0.7/push",
        "https://[::1]/push",
        "https://metadata.internal/x",
        "https://evil.example/?fcm.googleapis.com",
        "https://notfcm.googleapis.com.evil.example/x",
        "https://fcm.googleapis.com@evil.example/x",
        "https://fcm.googleapis.com\\@evil.example/x",
    ],
)
async def test_an_address_of_our_own_network_is_not_taken(pages: Pages, endpoint: str) -> None:
    await pages.sign_in("jo")
    location = await done(pages, "/notifications/add", browser(endpoint))
    assert location == "/notifications?done=unusable"
    assert pages.ask("SELECT count(*) FROM push_subscription") == [(0,)]


@pytest.mark.parametrize("field", ["endpoint", "p256dh", "auth"])
async def test_a_browser_whose_keys_cannot_be_used_is_told_so(pages: Pages, field: str) -> None:
    await pages.sign_in("jo")
    broken = {**browser(), field: "B" * 87}
    location = await done(pages, "/notifications/add", broken)
    assert location == "/notifications?done=unusable"
    assert "cannot be used" in await pages.text(location)


async def test_a_dead_phone_is_said_and_lives_again_when_it_is_switched_on(pages: Pages) -> None:
    await pages.sign_in("jo")
    await done(pages, "/notifications/add", browser())
    pages.write(
        "INSERT INTO dead_address SELECT channel, address, %s, 'gone' FROM staff_address"
        " WHERE channel = 'web_push'",
        NOW + timedelta(minutes=1),
    )
    assert "It stopped working" in await pages.text("/notifications")
    pages.clock[0] = NOW + timedelta(minutes=2)
    await done(pages, "/notifications/add", browser())
    assert "It stopped working" not in await pages.text("/notifications")


async def test_there_is_an_end_to_how_many_phones_somebody_has(pages: Pages) -> None:
    await pages.sign_in("jo")
    for number in range(PHONES_MOST):
        await done(pages, "/notifications/add", browser(f"{ENDPOINT}{number}"))
    location = await done(pages, "/notifications/add", browser(f"{ENDPOINT}more"))
    assert location == "/notifications?done=many"
    again = await done(pages, "/notifications/add", browser(f"{ENDPOINT}0"))
    assert again == "/notifications?done=on"


async def test_other_addresses_are_shown_and_not_given_away(pages: Pages) -> None:
    await pages.sign_in("jo")
    assert "Nothing reaches you outside these pages" in await pages.text("/notifications")
    pages.write(
        "INSERT INTO contact_method (staff_id, channel, address, created_at)"
        " SELECT staff_id, 'sms', '+447700900123', %s FROM sign_in WHERE username = 'jo'",
        NOW,
    )
    text = await pages.text("/notifications")
    assert "Text message: +44…123" in text
    assert "7700900" not in text
    assert "Nothing reaches you" not in text


async def test_a_young_person_has_no_such_page(pages: Pages) -> None:
    await pages.sign_in("sam")
    answer = await pages.client.get("/notifications", allow_redirects=False)
    assert answer.status == 404


async def test_the_worker_is_a_script_of_the_whole_site_and_nothing_is_inline(pages: Pages) -> None:
    worker = await pages.client.get("/worker.mjs")
    assert worker.status == 200
    assert worker.content_type == "text/javascript"
    await pages.sign_in("jo")
    answer = await pages.client.get("/notifications")
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    text = unescape(await answer.text())
    assert f'data-push="{public_key_of(SETTINGS)}"' in text
    assert "onclick" not in text


# ---- Receipts --------------------------------------------------------------------


async def report(pages: Pages, token: str, receipt: object = RECEIPT) -> int:
    headers = {"Authorization": f"Bearer {token}", "Sec-Fetch-Site": "cross-site"}
    answer = await pages.client.post("/receipts/notify", json=receipt, headers=headers)
    return answer.status


async def test_a_receipt_is_stored_once_and_without_the_number(pages: Pages) -> None:
    assert [await report(pages, TOKEN) for _ in range(2)] == [204, 204]
    [row] = pages.ask("SELECT channel, reference, status FROM delivery_receipt")
    assert row == ("sms", REFERENCE, "permanent-failure")
    [(whole,)] = pages.ask("SELECT delivery_receipt::text FROM delivery_receipt")
    assert "7700900" not in str(whole)


@pytest.mark.parametrize("token", ["", "a wrong one", TOKEN[:-1], TOKEN + "x"])
async def test_a_receipt_of_somebody_else_is_refused(pages: Pages, token: str) -> None:
    assert await report(pages, token) == 401
    assert pages.ask("SELECT count(*) FROM delivery_receipt") == [(0,)]


async def test_a_token_that_is_no_text_is_a_wrong_one(pages: Pages) -> None:
    url = pages.client.make_url("/")
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        b"POST /receipts/notify HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
        b"Authorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n"
    )
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()


@pytest.mark.parametrize(
    "receipt",
    [
        [],
        {},
        {**RECEIPT, "reference": "'; DROP TABLE alert"},
        {**RECEIPT, "reference": None},
        {**RECEIPT, "status": "x" * 500},
        {**RECEIPT, "notification_type": "letter"},
    ],
)
async def test_a_receipt_that_cannot_be_read_is_refused(pages: Pages, receipt: object) -> None:
    assert await report(pages, TOKEN, receipt) == 400
    assert pages.ask("SELECT count(*) FROM delivery_receipt") == [(0,)]


async def test_a_site_without_a_token_takes_no_receipts(database_url: str) -> None:
    write_site(database_url, NOW)
    async with make_pool(database_url) as pool:
        application = build_application(load_settings({}), database_url, pool, now=lambda: NOW)
        async with TestClient(TestServer(application)) as client:
            answer = await client.post("/receipts/notify", json=RECEIPT)
            assert answer.status == 404


async def test_the_portal_writes_no_dead_address(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET ROLE tidewell_portal")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO dead_address VALUES ('sms', '+44', now(), 'x')")
