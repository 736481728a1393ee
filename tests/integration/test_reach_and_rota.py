"""Rotas, cover, key workers and the look ahead, on a real PostgreSQL and from the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from alerts.policy import PolicyDocument, Step
from alerts.reaching import store as reaching
from alerts.reaching.facts import Facts, moment_of, recipients_at
from alerts.reaching.service import Reaching
from alerts.store import Desk, Site, recipients_of
from tests.integration.test_alert_commands import EXAMPLE, Place, place
from tidewell.database import Role, connect
from tidewell.errors import UsageError
from tidewell.examination import Verdict, judge_reach

if TYPE_CHECKING:
    from tests.integration.test_alert_intake import World

__all__ = ["place"]

DAYS = '["monday","tuesday","wednesday","thursday","friday","saturday","sunday"]'
ALWAYS = f'[[weekly]]\ndays = {DAYS}\nfrom = "09:00"\nuntil = "09:00"\nwho = ["worker"]\n'
SITE = Site("https://pages.example", None, frozenset({"console", "pager"}), 36)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def write_rota(folder: Path, text: str = ALWAYS, name: str = "duty") -> str:
    file = folder / "rota.toml"
    file.write_text(f'name = "{name}"\n{text}', encoding="utf-8")
    return str(file)


def write_policy(folder: Path, text: str) -> str:
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_rota_is_imported_shown_and_changed_for_once(place: Place, tmp_path: Path) -> None:
    practitioner(place, "manager")
    assert "Every name was looked up" in place.said("rota", "check", write_rota(tmp_path))
    assert "duty holds from now on" in place.said("rota", "import", write_rota(tmp_path))
    first = date.today() + timedelta(days=3)  # noqa: DTZ011 -- a day to come is all it has to be
    times = ("--from", f"{first}T09:00", "--until", f"{first}T17:00")
    assert "instead of the week's" in place.said("rota", "add", "duty", "--who", "manager", *times)
    shown = place.said("rota", "show", "duty", "--days", "5").splitlines()
    assert [line.split("  ")[1].split(",")[0] for line in shown if str(first) in line][:3] == [
        "worker",
        "manager",
        "worker",
    ]
    again = place.refused("rota", "add", "duty", "--who", "worker", *times)
    assert "overlaps this one; `tidewell rota cancel duty" in again
    number = again.split("the dated shift ")[1].split(" ")[0]
    assert "no longer holds" in place.said("rota", "cancel", "duty", number)
    assert "manager" not in place.said("rota", "show", "duty", "--days", "5")
    assert "has no dated shift" in place.refused("rota", "cancel", "duty", number)
    assert "there is no rota" in place.refused("rota", "show", "other")


def practitioner(place: Place, username: str) -> None:
    with psycopg.connect(place.url) as connection:
        connection.execute(
            "UPDATE staff SET role = 'practitioner' WHERE staff_id ="
            " (SELECT staff_id FROM sign_in WHERE username = %s)",
            (username,),
        )


def test_a_rota_that_names_somebody_who_left_is_not_imported(place: Place, tmp_path: Path) -> None:
    with psycopg.connect(place.url) as connection:
        connection.execute(
            "UPDATE sign_in SET disabled_at = '2026-02-01' WHERE username = 'worker'"
        )
    assert "'worker' does not work here" in place.refused("rota", "import", write_rota(tmp_path))
    with psycopg.connect(place.url) as connection:
        assert connection.execute("SELECT count(*) FROM rota_shift").fetchone() == (0,)


def test_what_is_imported_again_holds_alone_and_the_past_stays(
    place: Place, tmp_path: Path
) -> None:
    place.said("rota", "import", write_rota(tmp_path))
    practitioner(place, "manager")
    place.said("rota", "import", write_rota(tmp_path, ALWAYS.replace("worker", "manager")))
    shown = place.said("rota", "show", "duty")
    assert "manager" in shown
    assert "worker" not in shown
    with psycopg.connect(place.url) as connection:
        found = connection.execute(
            "SELECT count(*) FILTER (WHERE holds_until IS NULL), count(*) FROM rota_shift"
        ).fetchone()
    assert found == (7, 14)


def test_a_policy_goes_by_a_rota_and_names_who_stands_in(place: Place, tmp_path: Path) -> None:
    body = 'service_managers = ["manager"]\nduty_rota = "duty"\n'
    assert "there is no rota 'duty'" in place.refused(
        "policy", "check", write_policy(tmp_path, body)
    )
    place.said("rota", "import", write_rota(tmp_path))
    assert "can be saved" in place.said("policy", "check", write_policy(tmp_path, body))
    ends = 'chain = ["key_worker", "duty_line"]\nduty_rota = "duty"\n'
    assert "a rota can have a hole" in place.refused(
        "policy", "check", write_policy(tmp_path, ends)
    )

    async def asked(world: World) -> None:
        async with await connect(world.url, Role.ALERTS, "test", autocommit=True) as alerts:
            rota = await world.value("SELECT rota_id FROM rota")
            document = PolicyDocument(duty_rota=rota, duty_line=(world.people.clinician,))
            desk = Desk(alerts, SITE, datetime.now(UTC))
            there = await recipients_of(desk, world.people.person, document)
            assert there.of_step(Step.DUTY_LINE) == (world.people.key_worker,)
            await world.do("UPDATE rota_shift SET holds_until = holds_from")
            there = await recipients_of(desk, world.people.person, document)
            assert there.of_step(Step.DUTY_LINE) == (world.people.clinician,)

    place.do(asked)


def test_a_policy_and_a_rota_are_checked_without_a_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDEWELL_DATABASE_URL", raising=False)
    monkeypatch.setenv("TIDEWELL_DATA_DIR", str(tmp_path / "nowhere"))
    alone = Place("")
    told = alone.said("policy", "check", str(EXAMPLE))
    assert "weekdays with a duty line, 6 steps" in told
    assert "no name of a person or rota was looked up" in told
    loop = write_policy(tmp_path, 'chain = ["team", "team"]\nservice_managers = ["who"]\n')
    assert "would loop" in alone.refused("policy", "check", loop)
    assert "there may be nobody" in alone.refused("policy", "check", write_policy(tmp_path, ""))
    assert "no name was looked up" in alone.said("rota", "check", write_rota(tmp_path))
    with pytest.raises(UsageError, match="no site runs"):
        raise alone.run("policy", "save", str(EXAMPLE)).exception or AssertionError


# ---- Key workers --------------------------------------------------------------


def test_a_key_worker_changes_on_a_day_and_nobody_is_without_one_in_between(place: Place) -> None:
    practitioner(place, "manager")
    label = label_of(place)
    day = date.today() + timedelta(days=5)  # noqa: DTZ011 -- a day to come is all it has to be
    place.said("assign", label, "--key-worker", "manager", "--from", str(day), "--timezone", "UTC")
    midnight = datetime.combine(day, datetime.min.time(), UTC)

    async def around(world: World) -> None:
        async with await connect(world.url, Role.ALERTS, "test", autocommit=True) as alerts:
            for shift, worker in ((-1, world.people.key_worker), (0, world.people.stranger)):
                desk = Desk(alerts, SITE, midnight + timedelta(microseconds=shift))
                there = await recipients_of(desk, world.people.person, PolicyDocument())
                assert there.key_worker == worker

    place.do(around)
    assert "planned from" in place.refused("assign", label, "--key-worker", "worker")
    assert "has begun" in place.refused(
        "assign", label, "--key-worker", "worker", "--from", "2026-01-01"
    )
    assert "nobody is enrolled" in place.refused("assign", "P-none", "--key-worker", "worker")
    assert "does not work here" in place.refused("assign", label, "--key-worker", "duty")


def label_of(place: Place) -> str:
    with psycopg.connect(place.url) as connection:
        row = connection.execute(
            "SELECT label FROM person WHERE person_id = %s", (place.people.person,)
        ).fetchone()
    assert row is not None
    return str(row[0])


# ---- Cover on the pages' way --------------------------------------------------


def call(place: Place, query: str, *values: object) -> object:
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("SET ROLE tidewell_portal")
        row = connection.execute(query.encode(), values).fetchone()
        return row[0] if row else None


ARRANGE = "SELECT arrange_cover(%s, %s, %s, %s, %s)"


def test_the_pages_arrange_accept_and_end_cover_through_guarded_functions_only(
    place: Place,
) -> None:
    practitioner(place, "manager")
    giver, receiver = place.people.key_worker, place.people.stranger
    days = (NOW + timedelta(days=1), NOW + timedelta(days=3))
    assert call(place, ARRANGE, giver, giver, *days, NOW) == "receiver_cannot"
    assert call(place, ARRANGE, giver, place.people.clinician, *days, NOW) == "receiver_cannot"
    assert call(place, ARRANGE, giver, receiver, *days[::-1], NOW) == "days_do_not_fit"
    assert call(place, ARRANGE, giver, receiver, *days, NOW) == "arranged"
    assert call(place, ARRANGE, giver, receiver, *days, NOW) == "arranged_already"
    assert call(place, ARRANGE, receiver, giver, *days, NOW) == "receiver_is_away"
    number = call(place, "SELECT cover_id FROM cover")
    accept = "SELECT accept_cover(%s, %s, %s)"
    assert call(place, accept, number, giver, NOW) == "nothing_waits"
    assert call(place, accept, number, receiver, NOW) == "accepted"
    assert call(place, accept, number, receiver, NOW) == "nothing_waits"
    end = "SELECT end_cover(%s, %s, %s)"
    assert call(place, end, number, place.people.clinician, NOW) == "nothing_waits"
    running = NOW + timedelta(days=2)
    assert call(place, end, number, receiver, running) == "ended"
    with psycopg.connect(place.url) as connection:
        rows = connection.execute(
            "SELECT valid_from, valid_until, accepted_at IS NOT NULL, ended_by"
            " FROM cover ORDER BY 1"
        ).fetchall()
    assert rows == [(days[0], running, True, receiver), (running, days[1], False, receiver)]
    for statement in (
        "INSERT INTO cover (away_staff_id) VALUES (1)",
        "UPDATE cover SET accepted_at = NULL",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            call(place, statement)


# ---- The look ahead -----------------------------------------------------------


def test_a_look_ahead_sees_for_any_moment_what_the_store_finds_at_that_moment(
    place: Place,
) -> None:
    async def compare(world: World) -> None:
        people = world.people
        await world.do("UPDATE staff SET team_id = NULL WHERE staff_id = %s", people.clinician)
        await world.do(
            "UPDATE staff SET role = 'practitioner' WHERE staff_id = %s", people.stranger
        )
        await world.do(
            "INSERT INTO contact_method (staff_id, channel, address, created_at)"
            " VALUES (%s, 'pager', '1', '2026-01-01'), (%s, 'pager', '2', '2026-01-01')",
            people.key_worker,
            people.clinician,
        )
        await world.do("INSERT INTO dead_address VALUES ('pager', '2', '2026-02-01', 'gone')")
        await world.do(
            "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until,"
            " accepted_at) VALUES (%s, %s, %s, %s, %s)",
            people.key_worker,
            people.stranger,
            NOW + timedelta(days=1),
            NOW + timedelta(days=2),
            NOW,
        )
        await world.do(
            "UPDATE sign_in SET disabled_at = %s WHERE username = 'duty'", NOW + timedelta(days=3)
        )
        document = PolicyDocument(
            service_managers=(people.stranger,), duty_line=(people.clinician,)
        )
        async with await connect(world.url, Role.ALERTS, "test", autocommit=True) as alerts:
            there = await recipients_of(Desk(alerts, SITE, NOW), people.person, document)
            assert there.unreachable == there.present - {people.key_worker}
            assert people.clinician in there.unreachable
            gathered = await reaching.gather(Desk(alerts, SITE, NOW), 7, document)
            facts = Facts(
                document,
                gathered.people,
                gathered.staff,
                gathered.addresses,
                gathered.rotas,
                tuple(gathered.covers),
                gathered.week,
            )
            for hours in range(0, 7 * 24, 6):
                at = NOW + timedelta(hours=hours)
                for person, assigned in gathered.people.items():
                    stored = await recipients_of(Desk(alerts, SITE, at), person, document)
                    assert recipients_at(facts, assigned, moment_of(facts, at)) == stored, hours

    place.do(compare)


def test_who_would_not_be_reached_is_said_on_the_command_line_and_kept_for_the_pages(
    place: Place,
) -> None:
    with psycopg.connect(place.url) as connection:
        connection.execute("DELETE FROM assignment")
    label = label_of(place)

    async def look(world: World) -> None:
        reaches = Reaching(SITE)
        async with await connect(world.url, Role.ALERTS, "test", autocommit=True) as alerts:
            found = await reaches.look_once(alerts)
            assert found is not None
            assert found[0].reason.value == "nobody"
            assert await reaches.look_once(alerts) is None
        kept = await world.value("SELECT findings::text FROM reach_run")
        assert "nobody at all would be reached" in kept
        assert label not in kept

    place.do(look)
    result = place.run("policy", "reach", "--days", "7", "--labels")
    assert result.exit_code == 1
    assert "without a key worker, all the time; assign one" in result.stdout
    assert label in result.stdout
    assert "7 days and nights" in result.stdout


@pytest.mark.parametrize(
    ("age_h", "findings", "nobody", "verdict"),
    [
        (None, 0, 0, Verdict.LOOK),
        (4, 0, 0, Verdict.LOOK),
        (1, 0, 0, Verdict.WELL),
        (1, 2, 0, Verdict.LOOK),
        (1, 2, 3, Verdict.ACT),
    ],
)
def test_doctor_judges_the_last_look_ahead(
    age_h: int | None, findings: int, nobody: int, verdict: Verdict
) -> None:
    looked = None if age_h is None else NOW - timedelta(hours=age_h)
    assert judge_reach(looked, findings, nobody, NOW).verdict is verdict


def test_two_processes_that_look_ahead_at_once_keep_one_look(place: Place) -> None:
    async def look(world: World) -> None:
        async def once() -> object:
            async with await connect(world.url, Role.ALERTS, "test", autocommit=True) as alerts:
                return await Reaching(SITE).look_once(alerts)

        found = await asyncio.gather(*(once() for _ in range(4)))
        assert sum(one is not None for one in found) == 1
        assert await world.value("SELECT count(*) FROM reach_run") == 1

    place.do(look)
