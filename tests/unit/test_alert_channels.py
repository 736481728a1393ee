"""The channels of alerts: what they send, and which failures may pass."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from alerts.channels import open_channels
from alerts.channels.console import Console
from alerts.channels.posting import Answer
from alerts.channels.webhook import Webhook, body_of, judge, signature_of
from alerts.deliveries import Message
from alerts.service import site_of
from tidewell.errors import ChannelError, ChannelUnavailableError, SettingsError
from tidewell.settings import Settings
from tidewell.vocabulary import Level

MESSAGE = Message(
    idempotency_key="k" * 40,
    public_id="7K2QX9P3AB",
    staff_id=4,
    address="http://127.0.0.1:1/hook",
    level=Level.CHECK_TODAY,
    text="Wellbeing: 1 person to check today. Open: https://pages.example/a/7K2QX9P3AB",
    link="https://pages.example/a/7K2QX9P3AB",
    raised_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
)


async def test_the_console_prints_one_line() -> None:
    stream = io.StringIO()
    await Console(stream).send(MESSAGE)
    assert stream.getvalue() == f"To staff 4: {MESSAGE.text}\n"


async def test_a_closed_console_may_open_again() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(ChannelUnavailableError):
        await Console(stream).send(MESSAGE)


def test_the_webhook_posts_a_cloud_event_and_nothing_else() -> None:
    assert json.loads(body_of(MESSAGE)) == {
        "specversion": "1.0",
        "id": "k" * 40,
        "source": "urn:tidewell:alerts",
        "type": "tidewell.alert.notification",
        "subject": "7K2QX9P3AB",
        "time": "2026-11-22T12:00:00+00:00",
        "datacontenttype": "application/json",
        "data": {
            "staff_id": 4,
            "level": "check_today",
            "text": MESSAGE.text,
            "link": MESSAGE.link,
        },
    }


def test_the_signature_is_an_hmac_of_time_and_body() -> None:
    expected = hmac.new(b"secret", b"1762000000.{}", hashlib.sha256).hexdigest()
    assert signature_of("secret", "1762000000", b"{}") == f"v1={expected}"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_handed_over(status: int) -> None:
    judge(Answer(status))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_speaks_of_the_moment_is_worth_a_retry(status: int) -> None:
    with pytest.raises(ChannelUnavailableError):
        judge(Answer(status))


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 410, 422])
def test_what_speaks_of_the_message_is_not(status: int) -> None:
    with pytest.raises(ChannelError) as refused:
        judge(Answer(status))
    assert not refused.value.worth_a_retry


async def test_a_webhook_that_is_not_there_is_worth_a_retry() -> None:
    webhook = Webhook("secret")
    try:
        with pytest.raises(ChannelUnavailableError):
            await webhook.send(MESSAGE)
    finally:
        await webhook.close()


def test_a_webhook_without_a_secret_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="TIDEWELL_WEBHOOK_SECRET"):
        open_channels(Settings(webhook_url="https://site.example"))


def test_the_webhook_is_there_when_it_can_sign() -> None:
    assert set(open_channels(Settings())) == {"console"}
    assert set(open_channels(Settings(webhook_secret=SecretStr("x")))) == {"console", "webhook"}


@pytest.mark.parametrize(
    ("settings", "link_base"),
    [
        (Settings(), "http://127.0.0.1:8470"),
        (Settings(portal_host="::1", portal_port=9), "http://[::1]:9"),
        (Settings(public_url="https://pages.example"), "https://pages.example"),
    ],
)
def test_links_lead_to_the_pages(settings: Settings, link_base: str) -> None:
    assert site_of(settings, ["console"]).link_base == link_base


def test_an_address_too_long_for_a_short_message_is_refused() -> None:
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        site_of(Settings(public_url="https://" + "x" * 100), ["console"])
