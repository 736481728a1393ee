"""The pages on a real database: who sees what, what is written, what is said."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape

import psycopg
import pytest
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from portal.application import ROUTES, build_application
from portal.context import Audience
from portal.service import make_pool
from portal.sessions import IDLE_AFTER, OLD_AFTER
from tests.browser.virtual_site import PASSWORD, Site, SiteWriter, write_site
from tidewell.settings import load_settings

NOW = datetime(2026, 11, 22, 14, 2, 30, tzinfo=UTC)
OURS = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Pages:
    """A client, its site and its clock."""

    client: TestClient[web.Request, web.Application]
    site: Site
    url: str
    clock: list[datetime] = field(default_factory=lambda: [NOW])

    async def sign_in(self, username: str, password: str = PASSWORD) -> ClientResponse:
        return await self.post("/sign-in", {"username": username, "password": password})

    async def post(self, path: str, fields: dict[str, str] | None = None) -> ClientResponse:
        return await self.client.post(path, data=fields or {}, headers=OURS, allow_redirects=False)

    async def text(self, path: str) -> str:
        answer = await self.client.get(path)
        assert answer.status == 200, (path, answer.status)
        return unescape(await answer.text())

    def write(self, statement: str, *values: object) -> None:
        with closing(SiteWriter(self.url, self.clock[0])) as writer:
            writer.run(statement, *values)

    def fold_in(self) -> int:
        with closing(SiteWriter(self.url, self.clock[0])) as writer:
            return writer.fold_in()

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[Pages]:
    async with open_pages(database_url, {}) as opened:
        yield opened


@asynccontextmanager
async def open_pages(database_url: str, more: Mapping[str, str]) -> AsyncIterator[Pages]:
    """Serve the pages of a virtual site; `more` are further settings."""
    site = write_site(database_url, NOW)
    clock = [NOW]
    async with make_pool(database_url) as pool:
        settings = load_settings({"TIDEWELL_DEMO": "true", **more})
        application = build_application(settings, database_url, pool, now=lambda: clock[0])
        client = TestClient(TestServer(application), cookie_jar=CookieJar(unsafe=True))
        async with client:
            yield Pages(client, site, database_url, clock)


async def test_a_page_that_needs_somebody_leads_to_the_sign_in_and_back(pages: Pages) -> None:
    answer = await pages.client.get("/a/q7K2Qtest", allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in?next=/a/q7K2Qtest"
    form = {"username": "jo", "password": PASSWORD, "next": "/a/q7K2Qtest"}
    answer = await pages.post("/sign-in", form)
    assert (answer.status, answer.headers["Location"]) == (303, "/a/q7K2Qtest")


async def test_signing_in_keeps_only_the_hash_of_the_token(pages: Pages) -> None:
    answer = await pages.sign_in("jo")
    cookie = answer.cookies["tidewell"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    [(stored,)] = pages.ask("SELECT token_hash FROM session")
    assert isinstance(stored, bytes)
    assert len(stored) == 32
    assert cookie.value.encode() not in stored


async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(pages: Pages) -> None:
    wrong_password = await pages.sign_in("jo", "guess")
    wrong_name = await pages.sign_in("nobody", "guess")
    assert wrong_password.status == wrong_name.status == 401
    texts = [await answer.text() for answer in (wrong_password, wrong_name)]
    plain = [re.sub(r'nonce="[^"]+"|value="(jo|nobody)"', "", text) for text in texts]
    assert plain[0] == plain[1]


async def test_wrong_passwords_cost_time_but_never_lock_the_account(pages: Pages) -> None:
    statuses = [(await pages.sign_in("jo", "guess")).status for _ in range(5)]
    assert statuses == [401, 401, 401, 401, 429]
    assert pages.ask("SELECT count(*) FROM sign_in WHERE disabled_at IS NULL") == [(5,)]


async def test_signing_in_again_ends_the_earlier_session(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.sign_in("jo")
    assert pages.ask("SELECT count(*) FROM session WHERE ended_at IS NULL") == [(1,)]


async def test_signing_out_ends_the_session_for_whoever_holds_its_token(pages: Pages) -> None:
    await pages.sign_in("jo")
    kept = pages.client.session.cookie_jar.filter_cookies(URL(str(pages.client.make_url("/"))))
    token = kept["tidewell"].value
    await pages.post("/sign-out")
    cookie = {"Cookie": f"tidewell={token}"}
    answer = await pages.client.get("/alerts", headers=cookie, allow_redirects=False)
    assert answer.status == 303


@pytest.mark.parametrize("step", [IDLE_AFTER, OLD_AFTER / 30])
async def test_a_session_ends_when_it_is_idle_and_when_it_is_old(
    pages: Pages, step: timedelta
) -> None:
    await pages.sign_in("jo")
    statuses = []
    for _ in range(30):
        pages.clock[0] += step
        statuses.append((await pages.client.get("/alerts", allow_redirects=False)).status)
    expected = [303] * 30 if step == IDLE_AFTER else [200] * 29 + [303]
    assert statuses == expected


async def test_a_page_that_refreshes_itself_does_not_keep_a_session_alive(pages: Pages) -> None:
    await pages.sign_in("jo")
    for _ in range(3):
        pages.clock[0] += timedelta(minutes=11)
        answer = await pages.client.get(
            "/alerts", headers={"X-Tidewell-Refresh": "1"}, allow_redirects=False
        )
    assert answer.status == 303


@pytest.mark.parametrize("username", ["jo", "kim", "sam", "ade"])
async def test_a_page_opens_for_its_audience_only(pages: Pages, username: str) -> None:
    await pages.sign_in(username)
    roles = {
        "jo": Audience.PRACTITIONER,
        "kim": Audience.CLINICIAN,
        "sam": Audience.YOUNG_PERSON,
        "ade": Audience.ADMIN,
    }
    shown = {
        "/alerts",
        "/away",
        "/calendar",
        "/people",
        "/me",
        "/me/pause",
        "/me/who-looked",
        "/service",
    }
    for route in ROUTES:
        if route.method == "GET" and route.path in shown:
            answer = await pages.client.get(route.path, allow_redirects=False)
            expected = 200 if roles[username] in route.audiences else 404
            assert answer.status == expected, route.path


async def test_the_list_shows_need_first_then_no_data_then_the_rest(pages: Pages) -> None:
    await pages.sign_in("jo")
    text = await pages.text("/alerts")
    places = [text.index(word) for word in ("Sam", "No data lately", "Alex", "Quiet", "Robin")]
    assert places == sorted(places)
    assert "Check today" in text
    assert "Nobody is on it yet" in text
    assert "No data since Friday 20 November at 14:02" in text
    assert "fine" not in text.lower()


async def test_somebody_who_is_not_assigned_sees_nothing_and_changes_nothing(pages: Pages) -> None:
    await pages.sign_in("pat")
    assert "Sam" not in await pages.text("/alerts")
    for path in (f"/people/{pages.site.sam}", "/a/q7K2Qtest", "/a/doesnotexist", "/people/99999"):
        answer = await pages.client.get(path)
        assert answer.status == 404
        assert "not assigned to you" in await answer.text()
    assert (await pages.post("/a/q7K2Qtest/accept")).status == 404
    assert pages.ask("SELECT count(*) FROM alert_action") == [(0,)]
    assert pages.ask("SELECT count(*) FROM access_log") == [(0,)]


async def test_an_assignment_that_ended_closes_the_page(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.text(f"/people/{pages.site.sam}")
    pages.write(
        "UPDATE assignment SET valid_until = %s WHERE staff_id = %s", NOW, pages.site.practitioner
    )
    assert (await pages.client.get(f"/people/{pages.site.sam}")).status == 404
    assert (await pages.client.get("/a/q7K2Qtest")).status == 404
    assert "Sam" not in await pages.text("/alerts")


async def test_looking_at_an_alert_accepts_nothing(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.text("/a/q7K2Qtest")
    for path in ("/a/q7K2Qtest/accept", "/a/q7K2Qtest/close"):
        assert (await pages.client.get(path)).status == 405
    assert pages.ask("SELECT count(*) FROM alert_action") == [(0,)]


async def test_accepting_is_sent_first_and_saved_only_when_folded_in(pages: Pages) -> None:
    await pages.sign_in("jo")
    assert "I'm on it" in await pages.text("/a/q7K2Qtest")
    answer = await pages.post("/a/q7K2Qtest/accept")
    assert (answer.status, answer.headers["Location"]) == (303, "/a/q7K2Qtest")
    text = await pages.text("/a/q7K2Qtest")
    assert "Saving" in text
    assert "You are on it" not in text
    assert "Sent, being saved" in await pages.text("/alerts")
    assert pages.fold_in() == 1
    text = await pages.text("/a/q7K2Qtest")
    assert "Saving" not in text
    assert "You are on it" in text
    assert "Jo Virtual is on it" in text


async def test_asking_twice_before_it_is_saved_writes_one_action(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post("/a/q7K2Qtest/accept")
    await pages.post("/a/q7K2Qtest/accept")
    assert pages.ask("SELECT kind, staff_id FROM alert_action") == [
        ("accept", pages.site.practitioner)
    ]


async def test_an_action_that_waits_too_long_is_said_to_wait(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post("/a/q7K2Qtest/accept")
    pages.clock[0] += timedelta(minutes=5)
    assert "takes longer than it should" in await pages.text("/a/q7K2Qtest")


async def test_an_action_wakes_the_alerts_process(pages: Pages) -> None:
    await pages.sign_in("jo")
    async with await psycopg.AsyncConnection.connect(pages.url, autocommit=True) as connection:
        await connection.execute("LISTEN tidewell_alert_action")
        await pages.post("/a/q7K2Qtest/accept")
        heard = [notify async for notify in connection.notifies(timeout=10, stop_after=1)]
    [(action_id,)] = pages.ask("SELECT alert_action_id FROM alert_action")
    assert [notify.payload for notify in heard] == [str(action_id)]


@pytest.mark.parametrize(
    "fields",
    [
        {"note": "no outcome"},
        {"outcome": "whatever", "note": ""},
        {"outcome": "all_fine", "note": "x" * 501},
    ],
)
async def test_closing_needs_one_of_the_five_outcomes(pages: Pages, fields: dict[str, str]) -> None:
    await pages.sign_in("jo")
    await pages.post("/a/q7K2Qtest/accept")
    pages.fold_in()
    answer = await pages.post("/a/q7K2Qtest/close", fields)
    assert answer.status == 422
    text = await answer.text()
    assert "It is not closed yet" in text
    assert fields["note"] in text
    assert 'href="/a/q7K2Qtest" data-live-refresh' in text
    assert pages.ask("SELECT count(*) FROM alert_action WHERE kind = 'close'") == [(0,)]


async def test_a_closed_alert_shows_its_outcome_and_leaves_the_open_ones(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.post("/a/q7K2Qtest/accept")
    pages.fold_in()
    note = "Had a cold. <b>Better</b> now."
    await pages.post("/a/q7K2Qtest/close", {"outcome": "support_needed", "note": note})
    pages.fold_in()
    text = await pages.text("/a/q7K2Qtest")
    assert "Checked in, support needed" in text
    raw = await (await pages.client.get("/a/q7K2Qtest")).text()
    assert "&lt;b&gt;Better&lt;/b&gt;" in raw
    assert "<b>Better" not in raw
    still_open, closed = (await pages.text("/alerts")).split("Closed this week")
    assert "q7K2Qtest" not in still_open
    assert "q7K2Qtest" in closed


async def test_a_clinician_reads_an_alert_and_leaves_it_to_the_practitioner(pages: Pages) -> None:
    await pages.sign_in("kim")
    assert "I'm on it" not in await pages.text("/a/q7K2Qtest")
    assert (await pages.post("/a/q7K2Qtest/accept")).status == 404
    text = await pages.text("/people")
    assert text.index("Sam") < text.index("Alex") < text.index("Robin")


async def test_every_look_is_recorded_and_the_young_person_can_read_it(pages: Pages) -> None:
    await pages.sign_in("jo")
    await pages.text(f"/people/{pages.site.sam}")
    await pages.text(f"/people/{pages.site.sam}")
    await pages.text("/a/q7K2Qtest")
    await pages.text("/alerts")
    await pages.text("/alerts")
    looks = pages.ask(
        "SELECT looked_at, count(*) FROM access_log JOIN person USING (person_id)"
        " WHERE label = 'p-sam' GROUP BY 1 ORDER BY 1"
    )
    assert looks == [("alert", 1), ("list", 1), ("trends", 2)]
    await pages.sign_in("sam")
    text = await pages.text("/me/who-looked")
    assert "Jo Virtual (worker) looked at your days and nights, 2 times" in text
    assert "Jo Virtual (worker) looked at what had changed for you" in text


async def test_a_persons_page_shows_trends_gaps_and_readings(pages: Pages) -> None:
    await pages.sign_in("jo")
    text = await pages.text(f"/people/{pages.site.sam}?days=56")
    assert "63 bpm on Saturday 21 November (usual for Sam: 54 to 58)." in text
    assert "No value on 9 days." in text
    assert "▲ changed" in text
    assert re.search(r"Between \d+ and \d+ bpm", text)
    assert "No value in " in text
    assert "something had changed" in text


async def test_one_measure_has_a_page_with_every_day_as_a_line(pages: Pages) -> None:
    await pages.sign_in("jo")
    person = f"/people/{pages.site.sam}"
    own = await pages.text(f"{person}?days=56&until=2026-11-20")
    assert "<table" not in own.split("by the hour")[0]
    address = f"{person}/days?days=56&until=2026-11-20&measure=night_heart_rate"
    assert f'href="{address}"' in own
    text = await pages.text(address)
    assert text.count('<th scope="row">') == 56
    assert "no value" in text
    assert "not learned yet" in text
    assert f'href="{person}?days=56&until=2026-11-20"' in text
    for wrong in ("", "?measure=never&days=13", "?measure=night_heart_rate&until=0001-01-01"):
        assert "Night heart rate: Sam, day by day" in await pages.text(f"{person}/days{wrong}")
    looks = "SELECT count(*) FROM access_log WHERE looked_at = 'trends'"
    assert pages.ask(looks) == [(5,)]


async def test_a_window_before_the_data_says_so_and_leads_to_the_data(pages: Pages) -> None:
    await pages.sign_in("jo")
    text = await pages.text(f"/people/{pages.site.sam}?until=2026-03-01")
    assert "No closed day in this time" in text
    assert "until=2026-11-21" in text
    for wrong in ("?days=13&until=never", "?until=9999-12-31", "?until=0001-01-01", "?days=x"):
        await pages.text(f"/people/{pages.site.sam}{wrong}")


async def test_pausing_and_resuming_is_one_tap_each_and_staff_see_it(pages: Pages) -> None:
    await pages.sign_in("sam")
    assert (await pages.post("/me/pause", {"choice": "until_i_say"})).status == 303
    assert "Paused by you, until you say." in await pages.text("/me")
    await pages.sign_in("jo")
    assert "Paused by Sam, until they say." in await pages.text(f"/people/{pages.site.sam}")
    await pages.sign_in("sam")
    pages.clock[0] += timedelta(minutes=3)
    assert (await pages.post("/me/resume")).status == 303
    assert "Paused by" not in await pages.text("/me")
    [(length,)] = pages.ask("SELECT paused_until - paused_from FROM pause")
    assert length == timedelta(minutes=3)


async def test_pausing_again_replaces_the_pause(pages: Pages) -> None:
    await pages.sign_in("sam")
    await pages.post("/me/pause", {"choice": "until_i_say"})
    pages.clock[0] += timedelta(minutes=1)
    await pages.post("/me/pause", {"choice": "hour"})
    until = pages.clock[0] + timedelta(hours=1)
    assert pages.ask("SELECT max(paused_until), count(*) FROM pause") == [(until, 2)]
    assert "Paused by you, until today at 15:03." in await pages.text("/me")
    assert (await pages.post("/me/pause", {"choice": "for ever"})).status == 400


async def test_a_young_persons_pages_are_kind_and_without_scores(pages: Pages) -> None:
    await pages.sign_in("sam")
    text = await pages.text("/me")
    assert text.index("Like your usual") < text.index("What we noticed")
    assert "Jo Virtual, your worker (Harbour team)" in text
    assert "Nobody watches it all the time" in text
    for word in ("score", "z-score", "abnormal", "risk", "Check today", "nhsuk-tag--red"):
        assert word not in text.lower()


async def test_the_administrator_sees_numbers_and_nobody(pages: Pages) -> None:
    await pages.sign_in("ade")
    text = await pages.text("/service")
    assert "Frames kept aside" in text
    assert "check_today" not in text
    assert "nobody" in text
    for name in ("Sam", "Robin", "Alex", "p-sam", "d-sam"):
        assert name not in text


async def test_a_form_of_another_site_changes_nothing(pages: Pages) -> None:
    await pages.sign_in("jo")
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {},
    ):
        answer = await pages.client.post("/a/q7K2Qtest/accept", data={}, headers=headers)
        assert answer.status == 403
    assert pages.ask("SELECT count(*) FROM alert_action") == [(0,)]


async def test_every_answer_carries_its_headers(pages: Pages) -> None:
    for path in ("/sign-in", "/nowhere", "/static/tidewell.css", "/help", "/health"):
        answer = await pages.client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        expected = "no-cache" if path.startswith("/static/") else "no-store"
        assert answer.headers["Cache-Control"] == expected


async def test_what_is_too_long_or_no_form_is_refused_in_words(pages: Pages) -> None:
    answer = await pages.post("/sign-in", {"username": "jo", "password": "x" * 30_000})
    assert answer.status == 413
    assert "too long" in await answer.text()
    answer = await pages.client.post("/sign-in", json={"username": "jo"}, headers=OURS)
    assert answer.status == 415
    answer = await pages.client.post(
        "/sign-in",
        data=b"username=%ff%fe&password=\xff",
        headers={**OURS, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status in (401, 422)


async def test_a_null_character_does_not_reach_the_database(pages: Pages) -> None:
    assert (await pages.sign_in("jo\0")).status == 422
    await pages.sign_in("jo")
    await pages.post("/a/q7K2Qtest/accept")
    pages.fold_in()
    answer = await pages.post("/a/q7K2Qtest/close", {"outcome": "all_fine", "note": "a\0b"})
    assert answer.status == 400


async def test_health_follows_the_database(pages: Pages) -> None:
    assert (await pages.client.get("/health")).status == 200


async def test_the_demo_banner_is_on_every_page(pages: Pages) -> None:
    for path in ("/sign-in", "/help"):
        assert "Demo: these are virtual people." in await pages.text(path)
    await pages.sign_in("jo")
    for path in ("/alerts", "/a/q7K2Qtest", f"/people/{pages.site.sam}"):
        assert "Demo: these are virtual people." in await pages.text(path)
