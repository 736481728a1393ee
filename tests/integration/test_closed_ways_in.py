"""Ways in that are closed on a real database: programs and calendars end with the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest

from portal.api.tokens import make_token
from tests.browser.virtual_site import PASSWORD
from tests.integration.signing_in_site import NOW, Browser, SignInSite, leads_to, sign_in_site
from tests.integration.test_sessions_and_passwords import write_link
from tidewell.database import Role, connect

NEW_PASSWORD = "seven slow lanterns"


@pytest.fixture
async def site(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignInSite]:
    async with sign_in_site(database_url, monkeypatch) as found:
        yield found


async def program_of(site: SignInSite, username: str) -> str:
    """Make a token that acts for somebody and return it."""
    async with await connect(site.url, Role.PORTAL, "test") as connection:
        lasts = timedelta(days=365)
        made = await make_token(
            connection, username, "a program", may_act=True, lasts=lasts, now=NOW
        )
    assert made is not None
    return made


async def opens(browser: Browser, token: str) -> int:
    shown = {"Authorization": f"Bearer {token}"}
    return (await browser.client.get("/api/v1/me", headers=shown)).status


def write_calendars(site: SignInSite) -> None:
    """Give each member of staff the address of a calendar."""
    with psycopg.connect(site.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO calendar_feed (token_hash, staff_id, made_at)"
            " SELECT convert_to(username, 'UTF8'), staff_id, %s"
            " FROM sign_in WHERE staff_id IS NOT NULL",
            (NOW,),
        )


def open_calendars(site: SignInSite) -> list[str]:
    found = site.ask(
        "SELECT convert_from(token_hash, 'UTF8') FROM calendar_feed"
        " WHERE revoked_at IS NULL ORDER BY 1"
    )
    return [one for (one,) in found]


async def test_whoever_is_shut_out_takes_their_programs_and_their_calendar_along(
    site: SignInSite,
) -> None:
    browser = site.browser()
    theirs, others = await program_of(site, "jo"), await program_of(site, "kim")
    write_calendars(site)
    assert await opens(browser, theirs) == 200
    async with await connect(site.url, Role.ENROL, "test") as connection:
        await connection.execute("SELECT end_ways_in('jo', %s)", (NOW,))
    assert await opens(browser, theirs) == 401
    assert await opens(browser, others) == 200
    assert open_calendars(site) == ["ade", "kim"]


async def test_a_changed_password_ends_every_program_of_its_owner(site: SignInSite) -> None:
    browser = site.browser()
    theirs, others = await program_of(site, "sam"), await program_of(site, "kim")
    await browser.sign_in("sam")
    assert "Programs that use a token of yours" in await browser.text("/security/password")
    form = {"present": PASSWORD, "chosen": NEW_PASSWORD}
    answer = await browser.post("/security/password", form)
    assert leads_to(answer) == (303, "/security")
    assert "your tokens hold no longer" in await browser.text(answer.headers["Location"])
    assert await opens(browser, theirs) == 401
    assert await opens(browser, others) == 200


async def test_a_password_that_was_refused_ends_no_program(site: SignInSite) -> None:
    browser = site.browser()
    theirs = await program_of(site, "sam")
    await browser.sign_in("sam")
    form = {"present": "not the password", "chosen": NEW_PASSWORD}
    await browser.post("/security/password", form)
    assert await opens(browser, theirs) == 200


async def test_signing_out_everywhere_else_is_offered_for_a_program_alone_and_ends_it(
    site: SignInSite,
) -> None:
    browser = site.browser()
    await browser.sign_in("sam")
    assert "Sign out everywhere else" not in await browser.text("/security")
    theirs, others = await program_of(site, "sam"), await program_of(site, "kim")
    page = await browser.text("/security")
    assert "Sign out everywhere else" in page
    assert "1 program has a token of yours" in page
    await browser.post("/security/places/end-others")
    assert await opens(browser, theirs) == 401
    assert await opens(browser, others) == 200
    assert (await browser.get("/me")).status == 200


async def test_a_password_that_was_chosen_with_a_link_ends_every_program(site: SignInSite) -> None:
    browser = site.browser()
    path = await write_link(site, "jo")
    theirs = await program_of(site, "jo")
    assert (await browser.post(path, {"chosen": NEW_PASSWORD})).status == 303
    assert await opens(browser, theirs) == 401
