"""Sessions, passwords and limits on a real database: what ends when, and who is slowed by whom."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
from argon2 import PasswordHasher

from portal.live_feed import STREAMS_A_SESSION_MAX, STREAMS_A_SIGN_IN_MAX, LiveFeed
from portal.sessions import OLD_AFTER, SESSIONS_MAX
from tests.browser.virtual_site import PASSWORD
from tests.integration.signing_in_site import NOW, STRANGER, SignInSite, leads_to, sign_in_site
from tidewell.clock import now_utc

NEW_PASSWORD = "seven slow lanterns"


@pytest.fixture
async def site(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignInSite]:
    async with sign_in_site(database_url, monkeypatch) as found:
        yield found


def change_to(chosen: str, present: str = PASSWORD) -> dict[str, str]:
    return {"present": present, "chosen": chosen}


async def test_somebody_sees_where_they_are_signed_in_and_ends_one_place(site: SignInSite) -> None:
    phone, desk, thief = site.browser(), site.browser(), site.browser()
    for browser in (phone, desk, thief):
        await browser.sign_in("sam")
    text = await phone.text("/security")
    assert text.count("Signed in today at") == 3
    assert text.count("(this one)") == 1
    *_, last = re.findall(r'name="which" value="(\d+)"', text)
    await phone.post("/security/places/end", {"which": last})
    opened = [(await browser.get("/me")).status for browser in (phone, desk, thief)]
    assert opened == [200, 303, 200]


async def test_nobody_ends_the_session_of_somebody_else(site: SignInSite) -> None:
    mine, theirs = site.browser(), site.browser()
    await theirs.sign_in("sam")
    [(which,)] = site.ask("SELECT session_id FROM session")
    await mine.sign_in("jo")
    await mine.set_up_app()
    await mine.post("/security/places/end", {"which": str(which)})
    await mine.post("/security/places/end-others")
    assert (await theirs.get("/me")).status == 200


async def test_somebody_ends_every_other_place(site: SignInSite) -> None:
    phone, desk = site.browser(), site.browser()
    await desk.sign_in("sam")
    await phone.sign_in("sam")
    assert leads_to(await phone.post("/security/places/end-others")) == (303, "/security")
    assert (await phone.get("/me")).status == 200
    assert (await desk.get("/me")).status == 303


async def test_a_changed_password_ends_every_other_session(site: SignInSite) -> None:
    phone, desk = site.browser(), site.browser()
    await desk.sign_in("sam")
    await phone.sign_in("sam")
    answer = await phone.post("/security/password", change_to(NEW_PASSWORD))
    assert leads_to(answer) == (303, "/security")
    assert (await phone.get("/me")).status == 200
    assert (await desk.get("/me")).status == 303
    assert (await desk.sign_in("sam")).status == 401
    assert (await desk.sign_in("sam", NEW_PASSWORD)).status == 303


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        (change_to(NEW_PASSWORD, "guess"), 401, "That is not your password now"),
        (change_to("too short"), 422, "Use 12 characters or more"),
        (change_to("x" * 257), 422, "Use 256 characters or fewer"),
        (change_to("Password1234"), 422, "Many people use this password"),
        (change_to("tidewell123456"), 422, "the name of this service"),
        (change_to("abababababab"), 422, "repeats a few characters"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_a_password_that_cannot_be_taken_is_refused_with_what_to_do(
    site: SignInSite, form: dict[str, str], status: int, says: str
) -> None:
    browser = site.browser()
    await browser.sign_in("sam")
    answer = await browser.post("/security/password", form)
    assert answer.status == status
    assert says in await answer.text()
    assert (await site.browser().sign_in("sam")).status == 303


async def test_a_hash_of_older_parameters_is_made_anew_at_the_next_sign_in(
    site: SignInSite,
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    with psycopg.connect(site.url, autocommit=True) as connection:
        connection.execute("UPDATE sign_in SET password_hash = %s WHERE username = 'sam'", [weak])
    assert (await site.browser().sign_in("sam")).status == 303
    [(renewed,)] = site.ask("SELECT password_hash FROM sign_in WHERE username = 'sam'")
    assert renewed != weak
    assert not PasswordHasher().check_needs_rehash(renewed)
    assert (await site.browser().sign_in("sam")).status == 303


async def test_a_renewed_session_grows_no_older_than_the_first_one(site: SignInSite) -> None:
    browser = site.browser()
    await browser.sign_in("sam")
    for _ in range(47):
        site.clock[0] += OLD_AFTER / 48
        again = {"password": PASSWORD, "next": "/"}
        assert leads_to(await browser.post("/sign-in/again", again)) == (303, "/")
    site.clock[0] += OLD_AFTER / 48
    assert leads_to(await browser.get("/me")) == (303, "/sign-in")


async def test_the_oldest_of_many_sessions_ends(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("sam")
    for _ in range(SESSIONS_MAX):
        await site.browser().sign_in("sam")
    assert site.ask("SELECT count(*) FROM session WHERE ended_at IS NULL") == [(SESSIONS_MAX,)]
    assert (await first.get("/me")).status == 303


def test_a_hundred_sign_ins_of_one_person_leave_the_streams_to_others() -> None:
    feed = LiveFeed("postgresql://nowhere", now_utc)
    taken = [
        feed.open_stream(f"{session}".encode(), "jo", 1)
        for session in range(100)
        for _ in range(STREAMS_A_SESSION_MAX)
    ]
    assert sum(one is not None for one in taken) == STREAMS_A_SIGN_IN_MAX
    assert feed.open_stream(b"other", "kim", 2) is not None


async def write_link(site: SignInSite, username: str, hours: float = 72) -> str:
    from tidewell.secret_tokens import new_token, token_hash

    token = new_token()
    with psycopg.connect(site.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO sign_in_link (link_hash, username, made_at, expires_at)"
            " VALUES (%s, %s, %s, %s)",
            [token_hash(token), username, NOW, NOW + timedelta(hours=hours)],
        )
    return f"/sign-in/link/{token}"


async def test_a_link_lets_somebody_choose_their_password_once(site: SignInSite) -> None:
    path = await write_link(site, "jo")
    browser = site.browser()
    for _ in range(2):  # programs that scan messages look first
        assert "you sign in with the name jo" in re.sub("</?strong>", "", await browser.text(path))
    refused = await browser.post(path, {"chosen": "too short"})
    assert refused.status == 422
    answer = await browser.post(path, {"chosen": NEW_PASSWORD})
    assert leads_to(answer) == (303, "/security/set-up")
    assert (await site.browser().post(path, {"chosen": "eight slow lanterns"})).status == 404
    assert (await site.browser().get(path)).status == 404
    other = site.browser()
    assert (await other.sign_in("jo")).status == 401
    assert (await other.sign_in("jo", NEW_PASSWORD)).status == 303


async def test_a_link_is_over_after_its_time_and_when_it_is_void(site: SignInSite) -> None:
    late, void = await write_link(site, "jo", 1), await write_link(site, "jo")
    site.ask("UPDATE sign_in_link SET voided_at = now() WHERE expires_at > '2026-11-23'")
    site.clock[0] += timedelta(hours=1)
    for path in (late, void, "/sign-in/link/" + "x" * 43):
        answer = await site.browser().post(path, {"chosen": NEW_PASSWORD})
        assert answer.status == 404
        assert "does not work any more" in await answer.text()


async def test_a_link_does_not_replace_the_second_step(site: SignInSite) -> None:
    browser = site.browser()
    await browser.sign_in("jo")
    await browser.set_up_app()
    path = await write_link(site, "jo")
    thief = site.browser()
    answer = await thief.post(path, {"chosen": NEW_PASSWORD})
    assert leads_to(answer) == (303, "/sign-in/second")
    assert leads_to(await browser.get("/alerts")) == (303, "/sign-in")


async def test_a_stranger_behind_the_same_proxy_slows_only_themselves(site: SignInSite) -> None:
    stranger = site.browser(STRANGER)
    statuses = [(await stranger.sign_in("sam", "guess")).status for _ in range(5)]
    assert statuses == [401, 401, 401, 401, 429]
    assert (await site.browser().sign_in("sam")).status == 303


async def test_a_known_browser_is_not_slowed_by_a_stranger_in_its_own_network(
    site: SignInSite,
) -> None:
    own, neighbour = site.browser(STRANGER), site.browser(STRANGER)
    await own.sign_in("sam")
    await own.post("/sign-out")
    statuses = [(await neighbour.sign_in("sam", "guess")).status for _ in range(5)]
    assert statuses[-1] == 429
    assert (await neighbour.sign_in("sam")).status == 429
    assert (await own.sign_in("sam")).status == 303
    # Known for one name is not known for another.
    statuses = [(await own.sign_in("jo", "guess")).status for _ in range(5)]
    assert statuses[-1] == 429


async def test_a_device_cookie_that_somebody_planted_is_not_taken_over(site: SignInSite) -> None:
    browser, stranger = site.browser(), site.browser(STRANGER)
    for one in (browser, stranger):
        one.client.session.cookie_jar.update_cookies(
            {"tidewell-device": "p" * 43}, one.client.make_url("/")
        )
    await browser.sign_in("sam")
    statuses = [(await stranger.sign_in("sam", "guess")).status for _ in range(5)]
    assert statuses[-1] == 429
    assert (await browser.sign_in("sam")).status == 303


async def test_an_address_that_no_proxy_of_ours_named_counts_for_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sign_in_site(database_url, monkeypatch, trusted_proxies="192.0.2.1") as site:
        statuses = []
        for number in range(5):
            browser = site.browser(f"203.0.{number}.9")
            statuses.append((await browser.sign_in("sam", "guess")).status)
        assert statuses == [401, 401, 401, 401, 429]


async def test_one_network_does_not_try_one_password_on_everybody(site: SignInSite) -> None:
    stranger = site.browser(STRANGER)
    statuses = [(await stranger.sign_in(f"name{n}", "guess")).status for n in range(23)]
    assert statuses[:21] == [401] * 21
    assert statuses[-1] == 429
    assert (await site.browser().sign_in("sam")).status == 303


@pytest.mark.parametrize("networks", [1, 60])
async def test_sixty_strangers_who_never_stop_do_not_keep_anybody_out(
    site: SignInSite, networks: int
) -> None:
    known = site.browser()
    await known.sign_in("sam")
    crowd = site.browser()

    async def loop(number: int) -> None:
        for turn in range(10_000):
            stranger = f"203.{number % networks}.113.9"
            form = {"username": f"nobody{number}-{turn}", "password": "guess"}
            await crowd.post("/sign-in", form, **{"X-Forwarded-For": stranger})

    loops = [asyncio.create_task(loop(number)) for number in range(60)]
    try:
        await asyncio.sleep(1)
        assert (await known.sign_in("sam")).status == 303
        if networks == 1:
            assert (await site.browser().sign_in("sam")).status == 303
    finally:
        for one in loops:
            one.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


async def test_a_network_gets_only_so_many_challenges_a_minute(site: SignInSite) -> None:
    stranger = site.browser(STRANGER)
    statuses = [(await stranger.post("/sign-in/passkey/options")).status for _ in range(31)]
    assert statuses == [200] * 30 + [503]
    assert (await site.browser().post("/sign-in/passkey/options")).status == 200
