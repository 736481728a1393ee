"""Alert health on a real PostgreSQL: the figures, the page, the command line; nobody is on it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any

import psycopg
import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from psycopg.rows import scalar_row
from typer.testing import CliRunner

from alerts.reasons import Outcome
from alerts.store import Desk
from alerts.watching.store import probe
from portal.application import build_application
from portal.service import make_pool
from tests.browser.virtual_site import PASSWORD, write_site
from tests.integration.test_alert_intake import SITE
from tests.integration.test_alert_watch import CHANCE, EVERY
from tests.integration.test_portal_pages import NOW, OURS
from tidewell.alert_health.figures import Health, RuleVerdict
from tidewell.alert_health.store import read_health
from tidewell.commands import app
from tidewell.commands.alert_health import health_lines
from tidewell.database import Role, connect
from tidewell.settings import load_settings

MONTH = timedelta(days=30)
MADE = (
    "INSERT INTO alert (public_id, person_id, cause, level, state, since, raised_at, accepted_by,"
    " accepted_at, closed_by, closed_at, outcome, explanation, policy)"
    " SELECT %(outcome)s || number, 1, %(rule)s, 'check_today', 'closed', raised, raised, 1,"
    " raised + %(accept)s, 1,"
    " raised + %(close)s, %(outcome)s, '{}', '{}' FROM generate_series(1, %(many)s) AS number,"
    " LATERAL (SELECT %(now)s - number * interval '20 hours' AS raised) AS moment"
)
ACCEPTED = (
    "INSERT INTO alert_event (alert_id, at, kind, reason) SELECT alert_id, accepted_at,"
    " 'accepted', 'accepted' FROM alert WHERE cause = %s"
)


async def make_alerts(owner: psycopg.AsyncConnection[Any]) -> None:
    """Add 24 alerts about sleep, of which 3 were right, and two about drift."""
    for outcome, many, rule in (
        (Outcome.SUPPORT_NEEDED, 3, "sleep"),
        (Outcome.ALL_FINE, 21, "sleep"),
        (Outcome.COULD_NOT_REACH, 2, "drift"),
    ):
        values = {
            "rule": rule,
            "now": NOW,
            "outcome": outcome.value,
            "many": many,
            "accept": timedelta(minutes=30),
            "close": timedelta(hours=5),
        }
        await owner.execute(MADE.encode(), values)
    for rule in ("sleep", "drift"):
        await owner.execute(ACCEPTED.encode(), (rule,))


@pytest.fixture
async def site(database_url: str, owner: psycopg.AsyncConnection[Any]) -> str:
    write_site(database_url, NOW)
    await make_alerts(owner)
    return database_url


async def read(url: str) -> Health:
    async with await connect(url, Role.PORTAL, "test") as connection:
        return await read_health(connection, NOW, 30)


async def test_a_rule_that_is_mostly_wrong_is_noisy_and_one_with_few_answers_is_not_judged(
    site: str,
) -> None:
    health = await read(site)
    rules = {one.counts.name: one for one in health.rules}
    sleep = rules["sleep"]
    assert sleep.precision is not None
    assert (sleep.precision.right, sleep.precision.judged) == (3, 24)
    assert 0.0 < sleep.precision.low < 3 / 24 < sleep.precision.high < 0.5
    assert sleep.verdict is RuleVerdict.NOISY
    assert rules["drift"].verdict is RuleVerdict.NOT_ENOUGH_YET
    assert rules["drift"].counts.not_reached == 2
    assert health.noisy == (sleep,)
    assert sleep.counts.accept_s == pytest.approx([1_800.0, 1_800.0])
    assert sleep.counts.close_s == pytest.approx([18_000.0, 18_000.0])


async def test_figures_count_what_was_raised_within_the_time_and_no_probe(
    site: str, owner: psycopg.AsyncConnection[Any]
) -> None:
    async def count() -> int:
        return (await read(site)).total.counts.alerts

    before = await count()
    await owner.execute("UPDATE alert SET raised_at = %s WHERE cause = 'drift'", (NOW - 2 * MONTH,))
    async with await connect(site, Role.ALERTS, "test", autocommit=True) as connection:
        await probe(Desk(connection, SITE, NOW - timedelta(hours=1)), EVERY, CHANCE)
    assert await count() == before - 2


async def test_few_people_are_not_told_apart(site: str) -> None:
    health = await read(site)
    assert health.teams == ()
    assert health.total.per_person_month is None
    assert "too few people" in health_lines(health)[1]


async def test_of_enough_people_the_alerts_of_a_person_in_a_month_are_said(
    site: str, owner: psycopg.AsyncConnection[Any]
) -> None:
    await owner.execute("UPDATE person SET created_at = %s", (NOW - MONTH,))
    await owner.execute(
        "INSERT INTO person (label, shard, timezone, reading_level, created_at) SELECT"
        " 'more-' || number, 1, 'UTC', '12-15', %s FROM generate_series(1, 9) AS number",
        (NOW - MONTH,),
    )
    health = await read(site)
    people = health.people
    assert health.total.per_person_month == round(health.total.counts.alerts / people, 2)


async def test_whoever_was_asked_and_reached_by_nothing_is_named(
    site: str, owner: psycopg.AsyncConnection[Any]
) -> None:
    await owner.execute("DELETE FROM delivery")
    await owner.execute(
        "INSERT INTO delivery (alert_id, staff_id, channel, address, idempotency_key, state,"
        " attempt_at) SELECT alert_id, staff_id, channel, 'a', channel || staff_id, state, %s"
        " FROM (SELECT max(alert_id) FROM alert) AS newest (alert_id), (VALUES"
        " (1, 'console', 'handed_over'), (2, 'webhook', 'given_up'), (3, 'webhook', 'handed_over'))"
        " AS made (staff_id, channel, state)",
        (NOW,),
    )
    unreached = (await read(site)).unreached
    async with owner.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            "SELECT display_name FROM staff WHERE staff_id IN (1, 2) ORDER BY display_name"
        )
        assert [one.name for one in unreached] == await cursor.fetchall()
    assert {one.has_no_address for one in unreached} == {True, False}


@pytest.fixture
async def client(site: str) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async with make_pool(site) as pool:
        settings = load_settings({"TIDEWELL_DEMO": "true"})
        application = build_application(settings, site, pool, now=lambda: NOW)
        async with TestClient(
            TestServer(application), cookie_jar=CookieJar(unsafe=True)
        ) as signed_in:
            yield signed_in


async def text_for(
    client: TestClient[web.Request, web.Application], username: str, path: str
) -> tuple[int, str]:
    form = {"username": username, "password": PASSWORD}
    await client.post("/sign-in", data=form, headers=OURS, allow_redirects=False)
    answer = await client.get(path, allow_redirects=False)
    return answer.status, unescape(await answer.text())


async def test_the_page_says_it_in_words_and_names_no_young_person(
    client: TestClient[web.Request, web.Application],
) -> None:
    status, text = await text_for(client, "ade", "/service/alerts?days=90")
    assert status == 200
    assert "The last 90 days" in text
    assert "3 of 24 (between 4% and 31%)" in text
    assert "Mostly not right" in text
    assert "half within 30 minutes" in text
    for name in ("Sam", "Robin", "Alex", "p-sam"):
        assert name not in text


async def test_the_page_is_for_whoever_runs_the_service(
    client: TestClient[web.Request, web.Application],
) -> None:
    assert (await text_for(client, "jo", "/service/alerts"))[0] == 404


async def test_a_period_that_is_not_offered_is_a_month(
    client: TestClient[web.Request, web.Application],
) -> None:
    assert "The last 30 days" in (await text_for(client, "ade", "/service/alerts?days=99999"))[1]


def test_the_command_line_says_the_same_to_people_and_to_machines(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(database_url)
    monkeypatch.setenv("TIDEWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("TIDEWELL_BROKER_URL", "mqtt://127.0.0.1:1")
    told = CliRunner().invoke(app, ["alert", "health", "--days", "7", "--json"])
    assert told.exception is None, told.exception
    figures = json.loads(told.stdout)
    words = CliRunner().invoke(app, ["alert", "health", "--days", "7"]).stdout
    assert figures["days"] == 7
    assert words.startswith(f"{figures['people']} people, the last 7 days\nall: ")
