"""`tidewell contact` and `tidewell push keys` on a real PostgreSQL, with a provider on a socket."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from tests.integration.fake_providers import LOOPBACK, MailProvider, Mood
from tests.integration.test_alert_intake import NOW, make_world
from tidewell.commands import app
from tidewell.commands.contact import CONTACTS_MOST
from tidewell.errors import UsageError
from tidewell.push_key import load_push_key

SMTP = {
    "TIDEWELL_SMTP_HOST": LOOPBACK,
    "TIDEWELL_SMTP_SECURITY": "none",
    "TIDEWELL_SMTP_FROM": "wellbeing@council.example",
}


class Place:
    """A database with a member of staff who signs in as jo, and the command line on it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    def said(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.exception is None, result.exception
        return result.stdout

    def refused(self, *arguments: str) -> str:
        error = self.run(*arguments).exception
        assert isinstance(error, UsageError), error
        return str(error)

    def do(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def place(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("TIDEWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("TIDEWELL_BROKER_URL", "mqtt://127.0.0.1:1")

    async def write() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
            world = await make_world(database_url, owner)
            await world.do(
                "INSERT INTO sign_in (username, password_hash, staff_id, created_at)"
                " VALUES ('jo', '', %s, %s)",
                world.people.key_worker,
                NOW,
            )

    asyncio.run(write())
    return Place(database_url)


@contextmanager
def serving(provider: MailProvider) -> Iterator[None]:
    """Run a provider in a thread, because a command runs a loop of its own."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with provider.running():
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def test_an_address_is_stored_and_never_printed_whole(place: Place) -> None:
    said = place.said("contact", "add", "jo", "sms", "07700 900 123")
    listed = place.said("contact", "list")
    assert place.do("SELECT channel, address FROM contact_method") == [("sms", "+447700900123")]
    for text in (said, listed):
        assert "+44…123" in text
        assert "7700900" not in text
    assert "sms is not set up here" in said
    assert "not set up here" in listed


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("jo", "sms", "9999"), "not a telephone number"),
        (("jo", "sms", "020 7946 0000"), "no text message reaches"),
        (("jo", "email", "Jo <jo@council.example>"), "not an e-mail address"),
        (("jo", "pigeon", "loft 4"), "unknown channel"),
        (("jo", "web_push", "x"), "page Notifications"),
        (("jo", "webhook", "http://on-call.example/hook"), "not encrypted"),
        (("nobody", "email", "jo@council.example"), "no member of staff"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_a_remedy(
    place: Place, arguments: tuple[str, str, str], why: str
) -> None:
    said = place.refused("contact", "add", *arguments)
    assert why in said
    assert arguments[2] == "x" or arguments[2] not in said
    assert place.do("SELECT count(*) FROM contact_method") == [(0,)]


def test_there_is_an_end_to_how_many_addresses_ring_for_one_alert(place: Place) -> None:
    for number in range(CONTACTS_MOST):
        place.said("contact", "add", "jo", "email", f"jo{number}@council.example")
    assert "remove one first" in place.refused(
        "contact", "add", "jo", "email", "jo@council.example"
    )
    place.said("contact", "add", "jo", "email", "jo0@council.example")


def test_what_was_removed_is_not_used_and_can_come_back(place: Place) -> None:
    place.said("contact", "add", "jo", "email", "jo@council.example")
    [(number,)] = place.do("SELECT contact_method_id FROM contact_method")
    place.said("contact", "remove", str(number))
    assert "No address is written down" in place.said("contact", "list", "jo")
    assert "no address number" in place.refused("contact", "remove", str(number))
    place.said("contact", "add", "jo", "email", "jo@council.example")
    assert "j…@council.example" in place.said("contact", "list", "jo")


def test_a_dead_address_is_said_and_lives_again_when_it_is_written_down(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SMTP.items():
        monkeypatch.setenv(name, value)
    place.said("contact", "add", "jo", "email", "jo@council.example")
    place.do("INSERT INTO dead_address SELECT channel, address, now(), 'x' FROM contact_method")
    assert "dead" in place.said("contact", "list")
    place.said("contact", "add", "jo", "email", "jo@council.example")
    assert "works as far as we know" in place.said("contact", "list")


@pytest.mark.parametrize("mood", [Mood.WELL, Mood.GONE])
def test_a_test_sends_one_message_and_says_what_became_of_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, mood: Mood
) -> None:
    provider = MailProvider(mood=mood)
    with serving(provider):
        for name, value in SMTP.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TIDEWELL_SMTP_PORT", str(provider.port))
        place.said("contact", "add", "jo", "email", "jo@council.example")
        result = place.run("contact", "test", "jo")
    assert "j…@council.example" in result.stdout
    if mood is Mood.WELL:
        assert result.exit_code == 0
        assert "look whether it came" in result.stdout
        [mail] = provider.mails
        assert "this is a test, nothing to do" in mail.get_content()
    else:
        assert result.exit_code == 1
        assert "not sent: the mail server answered 550 5.1.1" in result.stdout
    assert place.do("SELECT count(*) FROM delivery") == [(0,)]


def test_somebody_without_an_address_cannot_be_tested(place: Place) -> None:
    assert "jo has no address" in place.refused("contact", "test", "jo")


def test_a_key_for_notifications_is_private_and_never_replaced(
    place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "push.pem"
    said = place.said("push", "keys", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    load_push_key(file.read_text())
    assert "PRIVATE" not in said
    assert "is there already" in place.refused("push", "keys", str(file))
    assert "cannot be written" in place.refused("push", "keys", str(tmp_path / "no" / "such"))
