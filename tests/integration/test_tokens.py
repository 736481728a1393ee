"""Tokens of programs: the command line, and the page that shows one once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
from aiohttp import ClientResponse
from typer.testing import CliRunner, Result

from portal.api.tokens import LONGEST, TOKENS_MOST
from tests.browser.virtual_site import PASSWORD, write_site
from tests.integration.api_site import BASE, NOW, Programs, programs_of
from tidewell.commands import app
from tidewell.errors import UsageError

OWN = {"Sec-Fetch-Site": "same-origin"}
WANTED = {"name": "Team dashboard", "scope": "read", "days": "30"}


class Place:
    """A site and the command line on it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["token", *arguments])

    def said(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.exception is None, result.exception
        return result.stdout

    def refused(self, *arguments: str) -> str:
        error = self.run(*arguments).exception
        assert isinstance(error, UsageError), error
        return str(error)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def place(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("TIDEWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("TIDEWELL_BROKER_URL", "mqtt://127.0.0.1:1")
    write_site(database_url)
    return Place(database_url)


def test_a_token_is_made_listed_and_revoked_on_the_command_line(place: Place) -> None:
    assert "No token holds" in place.said("list")
    token = place.said("add", "jo", "Team dashboard", "--scope", "act", "--days", "7").strip()
    assert re.fullmatch(r"tidewell_[A-Za-z0-9_-]{43}", token)
    listed = place.said("list", "jo")
    assert "Team dashboard  may read and act" in listed
    assert token not in listed
    [(days,)] = place.rows("SELECT expires_at - made_at FROM api_token")
    assert days == timedelta(days=7)
    number = listed.split()[0]
    assert "holds no longer" in place.said("revoke", number)
    assert "No token holds" in place.said("list")
    assert number in place.refused("revoke", number)


def test_what_cannot_be_is_refused_with_what_to_do(place: Place) -> None:
    assert "see the spelling" in place.refused("add", "nobody", "x")
    assert "read, act" in place.refused("add", "jo", "x", "--scope", "write")
    assert str(LONGEST.days) in place.refused("add", "jo", "x", "--days", "366")
    assert "1 to 60" in place.refused("add", "jo", " ")
    for number in range(TOKENS_MOST):
        place.said("add", "jo", f"program {number}")
    assert "revoke one first" in place.refused("add", "jo", "one more")
    assert place.rows("SELECT count(*) FROM api_token") == [(TOKENS_MOST,)]


@pytest.fixture
async def programs(database_url: str) -> AsyncIterator[Programs]:
    async with programs_of(database_url) as running:
        form = {"username": "jo", "password": PASSWORD}
        await running.client.post("/sign-in", data=form, headers=OWN)
        yield running


async def post(programs: Programs, path: str, form: dict[str, str]) -> ClientResponse:
    return await programs.client.post(path, data=form, headers=OWN, allow_redirects=False)


async def test_a_token_is_shown_once_and_works_until_it_is_revoked(programs: Programs) -> None:
    made = await post(programs, "/tokens/make", WANTED)
    text = await made.text()
    match = re.search(r'value="(tidewell_[A-Za-z0-9_-]{43})"', text)
    assert match is not None
    page = await (await programs.client.get("/tokens")).text()
    assert match[1] not in page
    assert "Team dashboard" in page
    assert "Not used yet" in page
    shown = {"Authorization": f"Bearer {match[1]}"}
    assert (await programs.client.get(BASE + "/alerts", headers=shown)).status == 200
    page = await (await programs.client.get("/tokens")).text()
    assert "Last used" in page
    [(number, until)] = programs.rows("SELECT api_token_id, expires_at FROM api_token")
    assert until == NOW + timedelta(days=30)
    assert (await post(programs, "/tokens/revoke", {"token": str(number)})).status == 303
    assert (await programs.client.get(BASE + "/alerts", headers=shown)).status == 401


async def test_nobody_revokes_the_token_of_somebody_else(programs: Programs) -> None:
    await programs.get("kim", "/me")
    [(number,)] = programs.rows("SELECT api_token_id FROM api_token")
    await post(programs, "/tokens/revoke", {"token": str(number)})
    await programs.get("kim", "/me")


async def test_a_form_that_is_not_complete_makes_nothing_and_says_what_to_do(
    programs: Programs,
) -> None:
    for field in WANTED:
        answer = await post(programs, "/tokens/make", {**WANTED, field: ""})
        assert answer.status == 422
        text = await answer.text()
        assert "No token was made" in text
        assert f'href="#{field}"' in text
    assert (await post(programs, "/tokens/make", {**WANTED, "days": "400"})).status == 422
    assert programs.rows("SELECT count(*) FROM api_token") == [(0,)]


async def test_more_tokens_than_anybody_needs_cannot_be_had(programs: Programs) -> None:
    for _ in range(TOKENS_MOST):
        assert (await post(programs, "/tokens/make", WANTED)).status == 200
    answer = await post(programs, "/tokens/make", WANTED)
    assert answer.status == 409
    assert "Revoke one first" in await answer.text()


async def test_a_program_cannot_open_pages_or_make_tokens(programs: Programs) -> None:
    token = await programs.token("kim")
    programs.client.session.cookie_jar.clear()
    shown = {"Authorization": f"Bearer {token}", **OWN}
    for path in ("/people", "/tokens"):
        answer = await programs.client.get(path, headers=shown, allow_redirects=False)
        assert answer.status == 303
    made = await programs.client.post(
        "/tokens/make", data=WANTED, headers=shown, allow_redirects=False
    )
    assert made.status == 303
    assert programs.rows("SELECT count(*) FROM api_token") == [(1,)]
