"""`tidewell policy` and `tidewell alert` on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from typer.testing import CliRunner, Result

from alerts.intake import store as intake
from alerts.store import Desk
from tests.integration.test_alert_intake import SITE, People, World, fold_all, make_world
from tidewell.commands import app
from tidewell.database import Role, connect
from tidewell.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "alert-policy.toml"


class Place:
    """A database with staff who sign in, and the command line pointed at it."""

    people: People

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

    def do(self, work: Callable[[World], Awaitable[None]]) -> None:
        """Work with the world of the alert tests as the owner of the database."""

        async def connected() -> None:
            async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as owner:
                await work(World(self.url, owner, self.people))

        asyncio.run(connected())


@pytest.fixture
def place(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("TIDEWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("TIDEWELL_BROKER_URL", "mqtt://127.0.0.1:1")
    made = Place(database_url)

    async def prepare() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
            world = await make_world(database_url, owner)
            made.people = world.people
            names = ("worker", "duty", "manager")
            staff = (world.people.key_worker, world.people.clinician, world.people.stranger)
            for name, staff_id in zip(names, staff, strict=True):
                await world.do(
                    "INSERT INTO sign_in (username, password_hash, staff_id, created_at)"
                    " VALUES (%s, '', %s, '2026-01-01')",
                    name,
                    staff_id,
                )

    asyncio.run(prepare())
    return made


async def raise_alert(world: World) -> None:
    now = datetime.now(UTC)
    await world.say(await world.open_episode(now), "opened", now)
    async with await connect(world.url, Role.ALERTS, "test", autocommit=True) as alerts:
        for pending in await intake.unhandled_events(alerts, []):
            await intake.take_in(Desk(alerts, SITE, now), pending, random.SystemRandom())


def code_of(place: Place) -> str:
    with psycopg.connect(place.url) as connection:
        row = connection.execute("SELECT public_id FROM alert").fetchone()
    assert row is not None
    return str(row[0])


def test_the_example_can_be_saved_and_is_stamped_on_the_next_alert(place: Place) -> None:
    assert "can be saved: weekdays with a duty line, 6 steps" in place.said(
        "policy", "check", str(EXAMPLE)
    )
    assert "holds for alerts" in place.said("policy", "save", str(EXAMPLE))
    place.do(raise_alert)
    with psycopg.connect(place.url) as connection:
        row = connection.execute("SELECT policy -> 'duty_line' FROM alert").fetchone()
    assert row == ([place.people.clinician],)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('chain = ["key_worker"]', "where there may be nobody"),
        ('service_managers = ["who"]', "nobody here signs in as 'who'"),
        ("service_managers = 5", "is a list of names"),
        ("colour = 1", "colour: Extra inputs are not permitted"),
        ("name = ", "is not TOML"),
    ],
)
def test_a_policy_that_cannot_hold_is_refused_and_not_saved(
    place: Place, tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    assert says in place.refused("policy", "save", str(file))
    with psycopg.connect(place.url) as connection:
        assert connection.execute("SELECT count(*) FROM policy").fetchone() == (0,)


def test_somebody_who_left_cannot_be_the_end_of_a_chain(place: Place) -> None:
    with psycopg.connect(place.url) as connection:
        connection.execute("UPDATE sign_in SET disabled_at = '2026-02-01' WHERE username = 'duty'")
    assert "nobody here signs in as 'duty'" in place.refused("policy", "check", str(EXAMPLE))


def test_a_policy_is_tried_on_past_alerts(place: Place, tmp_path: Path) -> None:
    place.do(raise_alert)
    file = tmp_path / "policy.toml"
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).strftime("%A").lower()
    file.write_text(
        'name = "one day"\nservice_managers = ["manager"]\n'
        f'[working_hours.days]\n{tomorrow} = {{ opens = "09:00", closes = "17:00" }}\n',
        encoding="utf-8",
    )
    told = place.said("policy", "simulate", str(file), "--days", "7")
    assert "1 alerts in 7 days" in told
    assert "0 messages would have gone to people; as it was, 1 went" in told
    assert "1 would have waited for work" in told


def test_an_alert_is_accepted_closed_and_its_story_told(place: Place) -> None:
    place.do(raise_alert)
    code = code_of(place)
    place.said("alert", "accept", code, "--by", "worker")
    place.said("alert", "close", code, "--by", "worker", "--outcome", "all_fine")

    async def fold(world: World) -> None:
        async with await connect(world.url, Role.ALERTS, "test", autocommit=True) as alerts:
            await fold_all(alerts, datetime.now(UTC))

    place.do(fold)
    story = place.said("alert", "log", code).splitlines()
    kinds = [line.split()[1] for line in story]
    assert kinds[0] == "created"
    assert kinds[-1] == "closed"
    assert "accepted" in kinds
    assert "--outcome" in place.refused(
        "alert", "close", code, "--by", "worker", "--outcome", "fine"
    )
    assert "nobody who works here" in place.refused("alert", "accept", code, "--by", "who")
    assert "there is no alert" in place.refused("alert", "log", "nothing")


def test_a_worry_is_raised_by_hand_and_carries_what_was_said(place: Place) -> None:
    worry = ("alert", "raise", "person-1", "--by", "worker", "--level")
    place.said(*worry, "check_today", "--carer", "--note", "Very quiet.")

    async def look(world: World) -> None:
        cursor = await world.owner.execute(
            "SELECT source, level, note, staff_id, kind, takes_it FROM concern"
        )
        expected = ("carer", "check_today", "Very quiet.", world.people.key_worker, "raise", False)
        assert await cursor.fetchall() == [expected]

    place.do(look)
    assert "--level" in place.refused(*worry, "usual")
    assert "--note" in place.refused(*worry, "check_now", "--note", "x" * 501)
    assert "nobody is enrolled as 'who'" in place.refused(
        "alert", "raise", "who", "--by", "worker", "--level", "check_now"
    )


def test_cover_is_arranged_and_holds_once_it_is_accepted(place: Place) -> None:
    first = datetime.now(UTC).date()
    last = first + timedelta(days=11)
    days = ("--from", str(first), "--until", str(last), "--timezone", "UTC")
    assert "alerts stay with worker" in place.said(
        "alert", "cover", "worker", "--by", "duty", *days
    )
    with psycopg.connect(place.url) as connection:
        found = connection.execute("SELECT valid_until, accepted_at FROM cover").fetchone()
    end = datetime.combine(last + timedelta(days=1), time(), UTC)
    assert found == (end, None)
    assert "covers for worker" in place.said("alert", "cover", "worker", "--by", "duty", "--accept")
    assert "nothing waits" in place.refused("alert", "cover", "worker", "--by", "duty", "--accept")
    assert "correct them" in place.refused(
        "alert", "cover", "worker", "--by", "duty", "--from", "2026-12-04", "--until", "2026-12-01"
    )
