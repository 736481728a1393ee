"""`tidewell sign-in` on a real PostgreSQL: links, resets, ways in that are closed."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from tests.browser.virtual_site import SiteWriter
from tidewell.clock import now_utc
from tidewell.commands import app
from tidewell.errors import UsageError
from tidewell.secret_tokens import token_hash
from tidewell.sign_in_links import LINK_HOLDS


class Place:
    """A database with the staff jo and the person p-sam, and the command line on it."""

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

    def do(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def place(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("TIDEWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("TIDEWELL_PUBLIC_URL", "https://tidewell.example/")
    with closing(SiteWriter(database_url, now_utc())) as writer:
        writer.staff("practitioner", "Jo Virtual", "jo")
        writer.person("p-sam", "Sam")
    return Place(database_url)


def link_in(said: str) -> bytes:
    """Return the hash of the link that was shown."""
    match = re.search(r"^https://tidewell\.example/sign-in/link/([\w-]{43})$", said, re.MULTILINE)
    assert match is not None, said
    return token_hash(match[1])


def test_a_link_is_shown_once_and_kept_as_a_hash(place: Place) -> None:
    said = place.said("sign-in", "invite", "jo")
    [(kept, length)] = place.do("SELECT link_hash, expires_at - made_at FROM sign_in_link")
    assert kept == link_in(said)
    assert length == LINK_HOLDS == timedelta(hours=72)
    assert "works once" in said


def test_a_second_link_makes_the_first_one_void(place: Place) -> None:
    first = link_in(place.said("sign-in", "invite", "jo"))
    second = link_in(place.said("sign-in", "invite", "jo"))
    open_ones = place.do("SELECT link_hash FROM sign_in_link WHERE voided_at IS NULL")
    assert open_ones == [(second,)]
    assert first != second


def test_a_young_person_is_invited_by_their_label(place: Place) -> None:
    link_in(place.said("sign-in", "invite", "sam", "--person", "p-sam"))
    link_in(place.said("sign-in", "invite", "sam", "--person", "p-sam"))
    assert place.do("SELECT username, password_hash FROM sign_in WHERE person_id IS NOT NULL") == [
        ("sam", "")
    ]
    assert "no password chosen yet, a link waits until" in place.said("sign-in", "list")


def test_a_new_member_of_staff_gets_a_link_instead_of_a_password(place: Place) -> None:
    said = place.said("staff", "pat", "--role", "clinician", "--name", "Pat Virtual", "--link")
    link_in(said)
    assert place.do("SELECT password_hash FROM sign_in WHERE username = 'pat'") == [("",)]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("invite", "nobody"), "tidewell staff nobody"),
        (("invite", "sam", "--person", "p-nobody"), "nobody is enrolled"),
        (("invite", "jo", "--person", "p-sam"), "choose another name"),
        (("invite", "Sam!", "--person", "p-sam"), "cannot be a user name"),
        (("reset", "nobody"), "tidewell sign-in list"),
        (("disable", "nobody"), "tidewell sign-in list"),
        (("enable", "nobody"), "tidewell sign-in list"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_remedy(
    place: Place, arguments: tuple[str, ...], why: str
) -> None:
    assert why in place.refused("sign-in", *arguments)


def ways_in(place: Place) -> dict[str, int]:
    """Return how many ways in of jo there are, by kind."""
    counts = {}
    for kind, ended in (
        ("session", "ended_at"),
        ("known_device", "ended_at"),
        ("passkey", "removed_at"),
        ("authenticator_app", "removed_at"),
        ("recovery_code", "replaced_at"),
        ("sign_in_link", "voided_at"),
        ("api_token", "revoked_at"),
        ("calendar_feed JOIN sign_in USING (staff_id)", "revoked_at"),
    ):
        [(count,)] = place.do(
            f"SELECT count(*) FROM {kind} WHERE username = 'jo' AND {ended} IS NULL"
        )
        counts[kind] = count
    return counts


def write_ways_in(place: Place) -> None:
    now = now_utc()
    place.do(
        "INSERT INTO session (token_hash, username, created_at, seen_at, proved_at)"
        " VALUES ('a', 'jo', %s, %s, %s)",
        now,
        now,
        now,
    )
    place.do("INSERT INTO known_device VALUES ('b', 'jo', %s, %s)", now, now)
    place.do(
        "INSERT INTO passkey (username, credential_id, user_handle, public_key, sign_count,"
        " device_label, created_at) VALUES ('jo', 'c', 'c', 'c', 0, 'Mac', %s)",
        now,
    )
    place.do(
        "INSERT INTO authenticator_app (username, secret, made_at, confirmed_at)"
        " VALUES ('jo', 'd', %s, %s)",
        now,
        now,
    )
    place.do("INSERT INTO recovery_code (username, code_hash, made_at) VALUES ('jo', 'e', %s)", now)
    place.do(
        "INSERT INTO api_token (token_hash, username, name, may_act, made_at, expires_at)"
        " VALUES (sha256('f'), 'jo', 'a program', true, %s, %s)",
        now,
        now + timedelta(days=365),
    )
    place.do(
        "INSERT INTO calendar_feed (token_hash, staff_id, made_at)"
        " SELECT 'g', staff_id, %s FROM sign_in WHERE username = 'jo'",
        now,
    )
    place.said("sign-in", "invite", "jo")
    assert set(ways_in(place).values()) == {1}


def test_a_reset_closes_every_way_in_and_makes_one_link(place: Place) -> None:
    write_ways_in(place)
    assert "1 passkey and an app, 1 recovery code left" in place.said("sign-in", "list")
    link = link_in(place.said("sign-in", "reset", "jo"))
    left = ways_in(place)
    assert left.pop("sign_in_link") == 1
    assert set(left.values()) == {0}
    assert place.do("SELECT password_hash FROM sign_in WHERE username = 'jo'") == [("",)]
    assert place.do("SELECT link_hash FROM sign_in_link WHERE voided_at IS NULL") == [(link,)]


def test_a_disabled_sign_in_is_closed_at_once_and_can_be_opened_again(place: Place) -> None:
    write_ways_in(place)
    place.said("sign-in", "disable", "jo")
    left = ways_in(place)
    factors = {"passkey", "authenticator_app", "recovery_code"}
    assert {kind for kind, count in left.items() if count} == factors
    assert "disabled: nobody can sign in with it" in place.said("sign-in", "list")
    assert "tidewell sign-in enable jo" in place.refused("sign-in", "invite", "jo")
    assert "tidewell sign-in enable jo" in place.refused("sign-in", "reset", "jo")
    place.said("sign-in", "enable", "jo")
    assert place.do("SELECT disabled_at FROM sign_in WHERE username = 'jo'") == [(None,)]
    assert {kind for kind, count in ways_in(place).items() if count} == factors
