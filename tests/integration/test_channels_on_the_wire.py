"""Each channel against a provider over a real socket, on its good days and on all its bad ones."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import http_ece
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from py_vapid import Vapid02

from alerts.channels import Channel
from alerts.channels.mail import Mail, MailServer
from alerts.channels.pilot import Pilot
from alerts.channels.sms import NotifyAccount, Sms
from alerts.channels.web_push import PushSender, WebPush
from alerts.channels.webhook import Webhook
from alerts.deliveries import Message
from tests.integration.fake_providers import (
    LOOPBACK,
    RETRY_AFTER_S,
    HttpProvider,
    MailProvider,
    Mood,
    Provider,
)
from tidewell.errors import (
    ChannelError,
    ChannelSettingsError,
    ChannelUnavailableError,
    DeadAddressError,
)
from tidewell.push_key import load_push_key, new_push_key
from tidewell.vocabulary import Level

TEXT = "Wellbeing: 1 person to check today. Open: https://pages.example/a/7K2QX9P3AB"
MESSAGE = Message(
    idempotency_key="k" * 40,
    public_id="7K2QX9P3AB",
    staff_id=4,
    address="",
    level=Level.CHECK_TODAY,
    text=TEXT,
    link="https://pages.example/a/7K2QX9P3AB",
    raised_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
)
SERVICE = "26785a09-ab16-4eb0-8407-a37497a57506"
NOTIFY_SECRET = "3d844edf-8d35-48ac-975b-e847b4f122b0"
TEMPLATE = "f33517ff-2a88-4f6e-b855-c550268ce08a"
WAIT_S = 0.5
SENDER = "wellbeing@council.example"


@dataclass
class Phone:
    """A browser that switched notifications on: the keys that only it has."""

    key: ec.EllipticCurvePrivateKey
    secret: bytes

    def subscription(self, service: str) -> str:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": in_base64(point), "auth": in_base64(self.secret)}
        return json.dumps({"endpoint": f"{service}/push/1", "keys": keys})

    def read(self, body: bytes) -> Any:  # noqa: ANN401 -- whatever was encrypted
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret)
        return json.loads(plain)


def in_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


PHONE = Phone(ec.generate_private_key(ec.SECP256R1()), os.urandom(16))
KEY = load_push_key(new_push_key())


@dataclass
class Setup:
    """A channel, its provider, and the message with an address of that provider."""

    channel: Channel
    provider: Provider
    message: Message

    async def send(self) -> ChannelError | None:
        """Send within a time that no provider of a sane site needs."""
        try:
            async with asyncio.timeout(WAIT_S * 10):
                await self.channel.send(self.message)
        except ChannelError as error:
            return error
        return None


def webhook(provider: HttpProvider) -> tuple[Channel, str]:
    return Webhook("a secret", WAIT_S), f"{provider.url}/hook"


def web_push(provider: HttpProvider) -> tuple[Channel, str]:
    sender = PushSender(KEY, "mailto:it@council.example", provider.url)
    return WebPush(sender, WAIT_S), PHONE.subscription(provider.url)


def sms(provider: HttpProvider) -> tuple[Channel, str]:
    account = NotifyAccount(f"test-{SERVICE}-{NOTIFY_SECRET}", TEMPLATE, provider.url)
    return Sms(account, WAIT_S, WAIT_S * 2), "+447700900123"


def pilot(provider: HttpProvider) -> tuple[Channel, str]:
    return Pilot(WAIT_S * 4), f"json://{LOOPBACK}:{provider.port}/room"


def mail(provider: MailProvider) -> tuple[Channel, str]:
    server = MailServer(LOOPBACK, provider.port, "none", SENDER, "tidewell", "right", None)
    return Mail(server, WAIT_S), "robin@council.example"


CHANNELS: dict[str, Callable[[Any], tuple[Channel, str]]] = {
    "webhook": webhook,
    "web_push": web_push,
    "sms": sms,
    "apprise": pilot,
    "email": mail,
}


@pytest.fixture
async def setup(request: pytest.FixtureRequest) -> AsyncIterator[Setup]:
    name = request.param
    provider: Provider = MailProvider(password="right") if name == "email" else HttpProvider()
    async with provider.running():
        channel, address = CHANNELS[name](provider)
        try:
            yield Setup(channel, provider, dataclasses.replace(MESSAGE, address=address))
        finally:
            await channel.close()


every_channel = pytest.mark.parametrize("setup", list(CHANNELS), indirect=True)

EXPECTED: dict[Mood, type[ChannelError] | None] = {
    Mood.WELL: None,
    Mood.HANGS: ChannelUnavailableError,
    Mood.BUSY: ChannelUnavailableError,
    Mood.BROKEN: ChannelUnavailableError,
    # Nobody can tell this from a good day; only "I'm on it" counts, and others are asked without.
    Mood.TAKES_AND_DROPS: None,
    Mood.CLOSES_MIDWAY: ChannelUnavailableError,
    Mood.GONE: DeadAddressError,
    Mood.REFUSES_US: ChannelSettingsError,
    Mood.REFUSES_IT: ChannelError,
}
ELSE: dict[tuple[str, Mood], type[ChannelError] | None] = {
    # A webhook is the site's own: what it refuses, its receiver refuses for good.
    ("Webhook", Mood.GONE): ChannelError,
    ("Webhook", Mood.REFUSES_US): ChannelError,
    # A number is dead when a receipt says so, not when the account is.
    ("Sms", Mood.GONE): ChannelError,
    # Apprise says yes or no and never why, and takes a status line for a yes.
    ("Pilot", Mood.CLOSES_MIDWAY): None,
    ("Pilot", Mood.GONE): ChannelUnavailableError,
    ("Pilot", Mood.REFUSES_US): ChannelUnavailableError,
    ("Pilot", Mood.REFUSES_IT): ChannelUnavailableError,
}


@every_channel
@pytest.mark.parametrize("mood", list(Mood), ids=lambda mood: mood.name.lower())
async def test_every_bad_day_of_a_provider_has_its_meaning(setup: Setup, mood: Mood) -> None:
    setup.provider.mood = mood
    expected = ELSE.get((type(setup.channel).__name__, mood), EXPECTED[mood])

    error = await setup.send()

    assert type(error) is (expected or type(None)), error
    assert error is None or setup.message.address not in str(error)


@pytest.mark.parametrize("name", list(CHANNELS))
async def test_a_provider_that_is_not_there_may_come_back(name: str) -> None:
    provider: Provider = MailProvider() if name == "email" else HttpProvider()
    async with provider.running():
        channel, address = CHANNELS[name](provider)
    try:
        with pytest.raises(ChannelUnavailableError) as unreachable:
            await channel.send(dataclasses.replace(MESSAGE, address=address))
    finally:
        await channel.close()
    assert type(unreachable.value) is ChannelUnavailableError


@pytest.mark.parametrize("setup", ["webhook", "web_push", "sms"], indirect=True)
async def test_how_long_a_busy_provider_asks_us_to_wait_is_heard(setup: Setup) -> None:
    setup.provider.mood = Mood.BUSY
    error = await setup.send()
    assert isinstance(error, ChannelUnavailableError)
    assert error.retry_after_s == RETRY_AFTER_S


@pytest.mark.parametrize("setup", ["webhook", "web_push", "sms"], indirect=True)
async def test_nobody_sends_us_elsewhere(setup: Setup) -> None:
    assert isinstance(setup.provider, HttpProvider)
    elsewhere = HttpProvider()
    async with elsewhere.running():
        setup.provider.moved_to = f"{elsewhere.url}/secret"
        assert isinstance(await setup.send(), ChannelError)
    assert elsewhere.requests == []


@every_channel
async def test_a_channel_that_hangs_leaves_the_loop_free(setup: Setup) -> None:
    setup.provider.mood = Mood.HANGS
    sending = asyncio.create_task(setup.send())
    turns_of_the_loop = 0
    while not sending.done():
        await asyncio.sleep(0.005)
        turns_of_the_loop += 1
    assert turns_of_the_loop >= 5  # a loop that is held up turns once, after WAIT_S
    assert isinstance(await sending, ChannelUnavailableError)


# ---- What each of them says ----------------------------------------------------


@pytest.mark.parametrize("setup", ["email"], indirect=True)
async def test_a_mail_says_what_the_text_says_and_comes_again_under_the_same_number(
    setup: Setup,
) -> None:
    assert isinstance(setup.provider, MailProvider)
    assert await setup.send() is None
    assert await setup.send() is None
    first, second = setup.provider.mails
    assert first.as_bytes() == second.as_bytes()
    assert first["Message-ID"] == f"<{'k' * 40}@council.example>"
    assert first["Idempotency-Key"] == "k" * 40
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Subject"] == "Wellbeing: please look at your list"
    assert first.get_content_type() == "text/plain"
    assert first.get_content().startswith(f"{TEXT}\r\n\r\n-- \r\n")
    assert setup.provider.envelopes[0] == (
        f"MAIL FROM:<{SENDER}> BODY=8BITMIME",
        "RCPT TO:<robin@council.example>",
    )
    assert "EHLO council.example" in setup.provider.said


@pytest.mark.parametrize("setup", ["web_push"], indirect=True)
async def test_a_notification_is_readable_by_the_phone_alone_and_signed_by_us(
    setup: Setup,
) -> None:
    assert isinstance(setup.provider, HttpProvider)
    assert await setup.send() is None
    [request] = setup.provider.requests
    shown = PHONE.read(request.body)
    assert shown["body"] == "Wellbeing: 1 person to check today."
    assert shown["link"] == MESSAGE.link
    assert set(shown) == {"title", "body", "link", "tag"}
    assert b"Wellbeing" not in request.body
    assert request.headers["ttl"] == "43200"
    assert request.headers["urgency"] == "normal"
    assert request.headers["content-encoding"] == "aes128gcm"
    assert Vapid02.verify(request.headers["authorization"])
    token = request.headers["authorization"].split("t=")[1].split(",")[0].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(token + "=="))
    assert claims["aud"] == setup.provider.url
    assert claims["sub"] == "mailto:it@council.example"


@pytest.mark.parametrize("setup", ["web_push"], indirect=True)
async def test_a_repeat_of_a_notification_replaces_it(setup: Setup) -> None:
    assert isinstance(setup.provider, HttpProvider)
    await setup.send()
    await setup.send()
    first, second = setup.provider.requests
    assert first.headers["topic"] == second.headers["topic"]
    assert PHONE.read(first.body) == PHONE.read(second.body)


@pytest.mark.parametrize("setup", ["sms"], indirect=True)
async def test_a_text_gets_one_sentence_and_its_reference(setup: Setup) -> None:
    assert isinstance(setup.provider, HttpProvider)
    assert await setup.send() is None
    [request] = setup.provider.requests
    assert request.path == "/v2/notifications/sms"
    assert json.loads(request.body) == {
        "phone_number": "+447700900123",
        "template_id": TEMPLATE,
        "personalisation": {"message": TEXT},
        "reference": "k" * 40,
    }


@pytest.mark.parametrize("setup", ["sms"], indirect=True)
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Can't send to this recipient using a team-only API key", ChannelSettingsError),
        ("Template not found", ChannelSettingsError),
        ("phone_number Not enough digits", ChannelError),
    ],
)
async def test_what_notify_refuses_is_ours_or_the_numbers(
    setup: Setup, said: str, expected: type[ChannelError]
) -> None:
    assert isinstance(setup.provider, HttpProvider)
    setup.provider.mood = Mood.REFUSES_IT
    errors = [{"error": "BadRequestError", "message": said}]
    setup.provider.answer_body = json.dumps({"status_code": 400, "errors": errors}).encode()
    error = await setup.send()
    assert type(error) is expected
    assert said not in str(error)


@pytest.mark.parametrize("setup", ["sms"], indirect=True)
async def test_an_answer_of_notify_that_nobody_can_read_is_not_taken_for_a_yes(
    setup: Setup,
) -> None:
    assert isinstance(setup.provider, HttpProvider)
    setup.provider.answer_body = b"<html>a proxy says hello</html>"
    assert isinstance(await setup.send(), ChannelUnavailableError)


@pytest.mark.parametrize("setup", ["apprise"], indirect=True)
async def test_a_pilot_passes_no_other_words_on(setup: Setup) -> None:
    assert isinstance(setup.provider, HttpProvider)
    setup.message = dataclasses.replace(setup.message, text="Robin did not sleep for three nights")
    assert await setup.send() is None
    [request] = setup.provider.requests
    assert json.loads(request.body)["message"] == f"Wellbeing: please look. Open: {MESSAGE.link}"
    assert b"Robin" not in request.body


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:8080/push/1",
        "https://127.0.0.1/push/1",
        "https://169.254.169.254/latest",
        "https://push.internal/1",
        "https://fcm.googleapis.com.attacker.example/1",
        "https://fcm.googleapis.com:8443/1",
        "https://user@fcm.googleapis.com/1",
        "file:///etc/passwd",
    ],
)
async def test_nothing_is_posted_to_what_is_no_push_service(endpoint: str) -> None:
    channel = WebPush(PushSender(KEY, "mailto:it@council.example"), WAIT_S)
    address = json.dumps({**json.loads(PHONE.subscription("x")), "endpoint": endpoint})
    with pytest.raises(DeadAddressError, match="address of this phone"):
        await channel.send(dataclasses.replace(MESSAGE, address=address))
    assert channel._poster._session is None


@pytest.mark.parametrize(
    "address",
    ["", "{}", "[]", '{"endpoint": "https://fcm.googleapis.com/1", "keys": {}}', "\x00"],
)
async def test_a_phone_without_readable_keys_is_dead(address: str) -> None:
    channel = WebPush(PushSender(KEY, "mailto:it@council.example"), WAIT_S)
    with pytest.raises(DeadAddressError):
        await channel.send(dataclasses.replace(MESSAGE, address=address))


# ---- Mail, encrypted ----------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """A certificate of a mail server of one's own, which nobody else vouches for."""

    path: Path
    server: ssl.SSLContext

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.path)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    path, key_path = folder / "server.pem", folder / "server.key"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path, key_path)
    return Certificate(path, server)


def to_server(provider: MailProvider, security: str, tls: ssl.SSLContext) -> Mail:
    server = MailServer("localhost", provider.port, security, SENDER, "tidewell", "right", tls)
    return Mail(server, WAIT_S * 4)


TO_ROBIN = dataclasses.replace(MESSAGE, address="robin@council.example")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_over_an_encrypted_way(certificate: Certificate, security: str) -> None:
    provider = MailProvider(password="right", tls=certificate.server, is_implicit=security == "tls")
    async with provider.running():
        await to_server(provider, security, certificate.client()).send(TO_ROBIN)
    assert provider.was_encrypted
    assert len(provider.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_server_that_nobody_vouches_for_gets_nothing(
    certificate: Certificate, security: str
) -> None:
    provider = MailProvider(password="right", tls=certificate.server, is_implicit=security == "tls")
    async with provider.running():
        with pytest.raises(ChannelSettingsError, match="TIDEWELL_SMTP_CA"):
            await to_server(provider, security, ssl.create_default_context()).send(TO_ROBIN)
    assert provider.mails == []
    assert not any(line.startswith("AUTH") for line in provider.said)


async def test_a_mail_server_that_stopped_encrypting_gets_nothing(certificate: Certificate) -> None:
    provider = MailProvider(password="right")
    async with provider.running():
        with pytest.raises(ChannelSettingsError, match="encryption"):
            await to_server(provider, "starttls", certificate.client()).send(TO_ROBIN)
    assert provider.mails == []
    assert not any(line.startswith("AUTH") for line in provider.said)


async def test_what_a_mail_server_refuses_after_the_text_is_judged_too() -> None:
    provider = MailProvider(password="right", refusal="552 5.2.2 mailbox full")
    async with provider.running():
        channel, address = mail(provider)
        with pytest.raises(ChannelUnavailableError, match=r"552 5\.2\.2"):
            await channel.send(dataclasses.replace(MESSAGE, address=address))
