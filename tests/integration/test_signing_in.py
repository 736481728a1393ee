"""The second factor on a real database: who is asked, what opens, what is good once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from portal.application import ROUTES, Route
from portal.context import API_PATH, Audience
from portal.signing_in.passkeys import CHALLENGE_HOLDS
from portal.signing_in.proof import PROOF_HOLDS
from tests.authenticator import USER_PRESENT, Authenticator
from tests.browser.virtual_site import PASSWORD
from tests.integration.signing_in_site import (
    ORIGIN,
    Browser,
    SignInSite,
    codes_in,
    leads_to,
    sign_in_site,
)

HOME = {"jo": "/alerts", "kim": "/people", "ade": "/service"}


@pytest.fixture
async def site(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignInSite]:
    async with sign_in_site(database_url, monkeypatch) as found:
        yield found


def opened(route: Route) -> str:
    """Return an address that a route answers to."""
    return re.sub(r"\{[a-z_]+:[^{}]*(?:\{[0-9,]+\})?[^{}]*\}", "1", route.path)


async def places_that_answer(browser: Browser, leading_to: str) -> set[str]:
    """Return every page and form that does something other than lead to a page.

    A program is led nowhere: what it asks with half a sign-in is refused.
    """
    found = set()
    for route in ROUTES:
        if Audience.ANYONE in route.audiences:
            continue
        path = opened(route)
        answer = await browser.ask(route.method, path)
        if path.startswith(API_PATH):
            assert answer.status == 401, route
        elif leads_to(answer) != (303, leading_to):
            found.add(f"{route.method} {route.path}")
    return found


@pytest.mark.parametrize("username", ["jo", "kim", "ade"])
async def test_staff_without_a_second_factor_reach_nothing_but_its_set_up(
    site: SignInSite, username: str
) -> None:
    browser = site.browser()
    assert leads_to(await browser.sign_in(username)) == (303, "/security/set-up")
    answering = await places_that_answer(browser, "/security/set-up")
    assert answering == {
        "GET /security/set-up",
        "GET /security/app",
        "POST /security/app",
        "POST /security/app/remove",
        "POST /security/passkey",
        "POST /security/passkey/options",
        "POST /security/passkey/remove",
        "GET /sign-in/again",
        "POST /sign-in/again",
        "POST /sign-in/again/options",
        "POST /sign-in/again/passkey",
    }
    assert "tw-nav" not in await browser.text("/security/set-up")


async def test_who_has_a_second_factor_and_only_the_password_reaches_nothing_else(
    site: SignInSite,
) -> None:
    await site.browser().sign_in("jo")
    first = site.browser()
    await first.sign_in("jo")
    await first.set_up_app()
    thief = site.browser()
    assert leads_to(await thief.sign_in("jo")) == (303, "/sign-in/second")
    answering = await places_that_answer(thief, "/sign-in/second")
    assert answering == {
        "GET /sign-in/second",
        "POST /sign-in/second",
        "POST /sign-in/second/options",
        "POST /sign-in/second/passkey",
    }


async def test_an_app_is_set_up_and_the_pages_open(site: SignInSite) -> None:
    browser = site.browser()
    await browser.sign_in("jo")
    before = site.ask("SELECT token_hash FROM session WHERE ended_at IS NULL")
    _, codes = await browser.set_up_app()
    assert len(set(codes)) == 8
    after = site.ask("SELECT token_hash, level FROM session WHERE ended_at IS NULL")
    assert [level for _, level in after] == ["second_factor"]
    assert before[0][0] != after[0][0]
    assert (await browser.get("/alerts")).status == 200
    kept = site.ask("SELECT string_agg(encode(code_hash, 'escape'), ' ') FROM recovery_code")
    assert not any(code in str(kept) for code in codes)


async def test_whoever_takes_long_to_set_up_is_asked_again_and_goes_on(site: SignInSite) -> None:
    browser = site.browser()
    await browser.sign_in("jo")
    site.clock[0] += PROOF_HOLDS + timedelta(seconds=1)
    assert leads_to(await browser.get("/security/app")) == (303, "/sign-in/again")
    again = {"password": PASSWORD, "next": "/security/app"}
    assert leads_to(await browser.post("/sign-in/again", again)) == (303, "/security/app")
    await browser.set_up_app()
    assert (await browser.get("/alerts")).status == 200


async def test_digits_that_do_not_fit_set_nothing_up(site: SignInSite) -> None:
    browser = site.browser()
    await browser.sign_in("jo")
    await browser.text("/security/app")
    answer = await browser.post("/security/app", {"code": "000000"})
    assert answer.status == 422
    assert "do not fit" in await answer.text()
    assert leads_to(await browser.get("/alerts")) == (303, "/security/set-up")


async def test_the_digits_of_an_app_are_good_once(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    app, _ = await first.set_up_app()
    second, third = site.browser(), site.browser()
    for browser in (second, third):
        await browser.sign_in("jo")
    used = {"code": app.at(site.clock[0])}
    assert (await second.post("/sign-in/second", used)).status == 401
    site.clock[0] += timedelta(seconds=30)
    fresh = {"code": app.at(site.clock[0]), "next": "/away"}
    assert leads_to(await second.post("/sign-in/second", fresh)) == (303, "/away")
    assert (await third.post("/sign-in/second", fresh)).status == 401
    assert (await second.get("/alerts")).status == 200
    assert leads_to(await third.get("/alerts")) == (303, "/sign-in/second")


async def test_wrong_digits_cost_time_wherever_they_come_from(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    app, _ = await first.set_up_app()
    site.clock[0] += timedelta(seconds=30)
    statuses = []
    for number in range(5):
        thief = site.browser(f"203.0.{number}.9")
        await thief.sign_in("jo")
        statuses.append((await thief.post("/sign-in/second", {"code": "123456"})).status)
    assert statuses == [401, 401, 401, 401, 429]
    # The browser that its owner signs in with is known, and goes on at once.
    await first.sign_in("jo")
    right = {"code": app.at(site.clock[0])}
    assert (await first.post("/sign-in/second", right)).status == 303


async def test_a_recovery_code_is_good_once_however_it_is_typed(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    _, codes = await first.set_up_app()
    second, third = site.browser(), site.browser()
    await second.sign_in("jo")
    await third.sign_in("jo")
    typed = {"code": codes[0].lower().replace("-", " ")}
    assert leads_to(await second.post("/sign-in/second", typed)) == (303, "/")
    assert (await third.post("/sign-in/second", typed)).status == 401
    assert "7 recovery codes left" in await second.text("/security")


async def test_new_recovery_codes_make_the_old_ones_void(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    _, codes = await first.set_up_app()
    answer = await first.post("/security/codes")
    assert len(codes_in(await answer.text())) == 8
    second = site.browser()
    await second.sign_in("jo")
    assert (await second.post("/sign-in/second", {"code": codes[1]})).status == 401


async def test_a_young_person_is_never_asked_for_more_than_their_password(
    site: SignInSite,
) -> None:
    browser = site.browser()
    assert leads_to(await browser.sign_in("sam")) == (303, "/")
    assert (await browser.get("/me")).status == 200
    assert (await browser.get("/security/app")).status == 404
    await browser.set_up_passkey()
    again = site.browser()
    assert leads_to(await again.sign_in("sam")) == (303, "/")
    assert (await again.get("/me")).status == 200


async def test_the_demo_asks_for_no_second_factor(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sign_in_site(database_url, monkeypatch, demo="true") as site:
        for username, home in HOME.items():
            browser = site.browser()
            assert leads_to(await browser.sign_in(username)) == (303, "/")
            assert (await browser.get(home)).status == 200


@pytest.mark.parametrize("username", ["jo", "sam"])
async def test_a_passkey_alone_signs_its_owner_in(site: SignInSite, username: str) -> None:
    first = site.browser()
    await first.sign_in(username)
    key = await first.set_up_passkey()
    second = site.browser()
    key.counter = 1
    assert leads_to(await second.sign_in_with(key)) == (303, "/")
    home = "/alerts" if username == "jo" else "/me"
    assert (await second.get(home)).status == 200
    assert site.ask("SELECT sign_count FROM passkey") == [(1,)]


async def test_a_passkey_is_the_second_step_after_the_password(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    key = await first.set_up_passkey()
    second = site.browser()
    await second.sign_in("jo")
    options = await second.options("/sign-in/second/options")
    assert options["userVerification"] == "required"
    assert len(options["allowCredentials"]) == 1
    answer = await second.post("/sign-in/second/passkey", {"credential": key.sign(options)})
    assert leads_to(answer) == (303, "/")
    assert (await second.get("/alerts")).status == 200


async def test_somebody_elses_passkey_is_no_second_step(site: SignInSite) -> None:
    first, other = site.browser(), site.browser()
    await first.sign_in("jo")
    await first.set_up_passkey()
    await other.sign_in("kim")
    key = await other.set_up_passkey()
    second = site.browser()
    await second.sign_in("jo")
    signed = key.sign(await second.options("/sign-in/second/options"))
    assert (await second.post("/sign-in/second/passkey", {"credential": signed})).status == 401
    assert leads_to(await second.get("/alerts")) == (303, "/sign-in/second")


async def test_a_challenge_is_good_once_and_for_one_purpose(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    key = await first.set_up_passkey()
    signed = {"credential": key.sign(await first.options("/sign-in/again/options"))}
    assert (await first.post("/sign-in/passkey", signed)).status == 401
    assert (await first.post("/sign-in/again/passkey", signed)).status == 401
    signed = {"credential": key.sign(await first.options("/sign-in/passkey/options"))}
    assert (await site.browser().post("/sign-in/passkey", signed)).status == 303
    assert (await site.browser().post("/sign-in/passkey", signed)).status == 401


async def test_a_challenge_is_over_after_five_minutes(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    key = await first.set_up_passkey()
    options = await first.options("/sign-in/passkey/options")
    site.clock[0] += CHALLENGE_HOLDS
    answer = await first.post("/sign-in/passkey", {"credential": key.sign(options)})
    assert answer.status == 401
    await first.options("/sign-in/passkey/options")
    assert site.ask("SELECT count(*) FROM sign_in_challenge") == [(1,)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://tidewell.elsewhere.example"},
        {"site": "elsewhere.example"},
        {"flags": USER_PRESENT},
        {"user_handle": b"somebody else"},
        {"key": Authenticator("", "").key},
        {"credential_id": b"not a known one!"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_passkey_that_answers_for_another_place_or_person_opens_nothing(
    site: SignInSite, wrong: dict[str, object]
) -> None:
    first = site.browser()
    await first.sign_in("jo")
    key = await first.set_up_passkey()
    for name, value in wrong.items():
        setattr(key, name, value)
    second = site.browser()
    assert (await second.sign_in_with(key)).status == 401
    assert leads_to(await second.get("/alerts")) == (303, "/sign-in")


@pytest.mark.parametrize("wrong", [{"origin": "http://elsewhere"}, {"flags": USER_PRESENT}])
async def test_a_passkey_made_elsewhere_or_unverified_is_not_kept(
    site: SignInSite, wrong: dict[str, object]
) -> None:
    browser = site.browser()
    await browser.sign_in("jo")
    key = Authenticator(ORIGIN, "localhost")
    for name, value in wrong.items():
        setattr(key, name, value)
    made = key.make(await browser.options("/security/passkey/options"))
    assert (await browser.post("/security/passkey", {"credential": made})).status == 422
    assert site.ask("SELECT count(*) FROM passkey") == [(0,)]


@pytest.mark.parametrize(
    "credential", ["{}", "[]", "null", "x", '{"response": {"clientDataJSON": "eyJ9"}}', "9" * 9000]
)
async def test_an_answer_that_is_none_is_refused_without_a_mishap(
    site: SignInSite, credential: str
) -> None:
    answer = await site.browser().post("/sign-in/passkey", {"credential": credential})
    assert answer.status == 401


async def test_a_counter_that_runs_backwards_refuses_nobody(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    key = await first.set_up_passkey()
    for counter in (7, 3):
        key.counter = counter
        assert (await site.browser().sign_in_with(key)).status == 303
    assert site.ask("SELECT sign_count FROM passkey") == [(3,)]


async def test_a_passkey_that_was_removed_opens_nothing(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    key = await first.set_up_passkey()
    [(which,)] = site.ask("SELECT passkey_id FROM passkey")
    other = site.browser()
    await other.sign_in("kim")
    await other.set_up_app()
    await other.post("/security/passkey/remove", {"which": str(which)})
    assert (await site.browser().sign_in_with(key)).status == 303
    await first.post("/security/passkey/remove", {"which": str(which)})
    assert (await site.browser().sign_in_with(key)).status == 401
    # Nothing is left to ask for, so that a new one is set up first.
    assert leads_to(await first.get("/alerts")) == (303, "/security/set-up")


async def test_a_disabled_person_does_not_get_in_by_passkey(site: SignInSite) -> None:
    first = site.browser()
    await first.sign_in("jo")
    key = await first.set_up_passkey()
    site.ask("UPDATE sign_in SET disabled_at = '2026-01-01' WHERE username = 'jo'")
    assert (await site.browser().sign_in_with(key)).status == 401
    assert leads_to(await first.get("/alerts")) == (303, "/sign-in")


async def test_a_risky_step_asks_again_after_ten_minutes_and_leads_back(site: SignInSite) -> None:
    browser = site.browser()
    await browser.sign_in("jo")
    await browser.set_up_app()
    assert (await browser.get("/security/app")).status == 200
    site.clock[0] += PROOF_HOLDS + timedelta(seconds=1)
    answer = await browser.get("/security/app")
    assert answer.headers["Location"] == "/sign-in/again?next=/security/app"
    answer = await browser.post("/security/codes", Referer=f"{ORIGIN}/security")
    assert answer.headers["Location"] == "/sign-in/again?next=/security"
    answer = await browser.post("/security/codes", Referer="https://elsewhere.example/x")
    assert answer.headers["Location"] == "/sign-in/again?next=/"
    assert (await browser.post("/sign-in/again", {"password": "guess"})).status == 401
    again = {"password": PASSWORD, "next": "/security/app"}
    before = site.ask("SELECT token_hash FROM session WHERE ended_at IS NULL")
    assert leads_to(await browser.post("/sign-in/again", again)) == (303, "/security/app")
    assert (await browser.get("/security/app")).status == 200
    after = site.ask("SELECT token_hash, level FROM session WHERE ended_at IS NULL")
    assert [level for _, level in after] == ["second_factor"]
    assert before[0][0] != after[0][0]


async def test_a_passkey_is_proof_too(site: SignInSite) -> None:
    browser = site.browser()
    await browser.sign_in("jo")
    key = await browser.set_up_passkey()
    site.clock[0] += PROOF_HOLDS + timedelta(seconds=1)
    signed = key.sign(await browser.options("/sign-in/again/options"))
    answer = await browser.post("/sign-in/again/passkey", {"credential": signed})
    assert leads_to(answer) == (303, "/")
    assert (await browser.get("/security/app")).status == 200
