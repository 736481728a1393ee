"""What goes by age on a real database, class by class; what stays, and what a hold keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import psycopg
import pytest
from typer.testing import CliRunner

from tests.browser.virtual_site import Site, write_site
from tidewell.commands import app
from tidewell.errors import ServerError, UsageError
from tidewell.lawful import retention
from tidewell.lawful.erasing import hash_of
from tidewell.lawful.following import empty_if_asked, is_due
from tidewell.lawful.retention import ANSWERS, CUT, Gone, kept_for
from tidewell.lawful.tables import KeepClass
from tidewell.settings import Settings, load_settings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OLD = {
    "reading": "INSERT INTO reading (person_id, time, device_id, period_s, boot, seq, received_at)"
    " VALUES (%(person)s, %(at)s, 1, 60, 9, 9, %(at)s)",
    "daily_feature": "INSERT INTO daily_feature"
    " (person_id, day, worn_minutes, usual, detector_version)"
    " VALUES (%(person)s, %(at)s::date, 1, '{}', 'x')",
    "dead_letter": "INSERT INTO dead_letter"
    " (received_at, topic, device_id, reason, detail, whole_frame, payload_bytes, payload_hash)"
    " SELECT %(at)s, 'tidewell/v1/1/x/frame', device_id, 'bad_json', '', true, 1,"
    " convert_to(%(at)s::text || device_id, 'UTF8') FROM device_assignment"
    " WHERE person_id = %(person)s",
    "session": "INSERT INTO session (token_hash, username, created_at, seen_at, proved_at)"
    " VALUES (convert_to(%(at)s::text, 'UTF8'), 'jo', %(at)s, %(at)s, %(at)s)",
    "repair": "INSERT INTO repair (person_id, first_day, last_day, reason, readings, noted_at,"
    " widened_at, done_at, outcome) VALUES (%(person)s, '2020-01-01', '2020-01-01', 'asked_for', 1,"
    " %(at)s, %(at)s, %(at)s, 'history_gone')",
    "auditor_run": "INSERT INTO auditor_run (at, alerts_checked, violations, repaired)"
    " VALUES (%(at)s, 1, 0, 0)",
    "context_note": "INSERT INTO context_note (person_id, kind, first_day, last_day, created_at)"
    " VALUES (%(person)s, 'ill', %(at)s::date, %(at)s::date, %(at)s)",
    "pause": "INSERT INTO pause (person_id, paused_from, paused_until)"
    " VALUES (%(person)s, %(at)s::timestamptz - interval '1 hour', %(at)s)",
}
AGE_D = {
    "reading": 90,
    "daily_feature": 730,
    "dead_letter": 30,
    "session": 30,
    "repair": 400,
    "auditor_run": 400,
    "context_note": 1_000,
    "pause": 1_000,
}
RECORD = """
INSERT INTO episode (person_id, family, opened_at, closed_at, level, score, explanation, detector_version)
    VALUES (%(person)s, 'sleep', %(at)s, %(at)s, 'check_today', 1, '{}', 'x');
INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score, explanation)
    SELECT episode_id, 'opened', %(at)s, %(at)s, 'check_today', 1, '{}' FROM episode WHERE opened_at = %(at)s;
INSERT INTO alert (public_id, episode_id, person_id, cause, level, state, since, raised_at, closed_at, outcome, explanation, policy)
    SELECT 'old1' || %(person)s, episode_id, %(person)s, 'sleep', 'check_today', 'closed', %(at)s, %(at)s, %(at)s, 'no_concern', '{}', '{}'
    FROM episode WHERE opened_at = %(at)s;
INSERT INTO alert_event (alert_id, at, kind, reason) SELECT alert_id, %(at)s, 'raised', 'x' FROM alert WHERE closed_at = %(at)s;
INSERT INTO alert_action (alert_id, staff_id, kind, at) SELECT alert_id, 1, 'accept', %(at)s FROM alert WHERE closed_at = %(at)s;
INSERT INTO delivery (alert_id, staff_id, channel, address, idempotency_key, state, attempt_at)
    SELECT alert_id, 1, 'console', '', 'old' || alert_id, 'handed_over', %(at)s FROM alert WHERE closed_at = %(at)s;
INSERT INTO alert_intake (episode_event_id, decided_at, reason, alert_id)
    SELECT episode_event_id, %(at)s, 'x', alert_id FROM episode_event JOIN alert USING (episode_id) WHERE alert.closed_at = %(at)s;
INSERT INTO concern (person_id, kind, source, choice, at) VALUES (%(person)s, 'raise', 'young_person', 'talk', %(at)s);
INSERT INTO concern_intake (concern_id, decided_at, reason) SELECT concern_id, %(at)s, 'x' FROM concern WHERE at = %(at)s;
UPDATE alert SET former_alert_id = (SELECT alert_id FROM alert WHERE closed_at = %(at)s)
    WHERE alert_id = (SELECT min(alert_id) FROM alert WHERE closed_at IS NULL)
"""  # noqa: E501 -- a record, a line for each table
RECORD_TABLES = (
    "episode", "episode_event", "alert", "alert_event", "alert_action", "delivery", "alert_intake",
    "concern", "concern_intake",
)  # fmt: skip


@pytest.fixture
def site(database_url: str) -> Site:
    return write_site(database_url, NOW)


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def count(database: psycopg.Connection[tuple[object, ...]], table: str) -> int:
    row = database.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(str(row[0]))


def settings(**given: str) -> Settings:
    return load_settings({f"TIDEWELL_{name.upper()}": value for name, value in given.items()})


def rows_gone(gone: list[Gone]) -> dict[str, int]:
    return {name: rows for one in gone for name, rows in one.rows.items() if rows}


@pytest.mark.parametrize("table", OLD)
async def test_a_row_goes_on_the_day_after_its_last_and_not_before(
    database_url: str, database: psycopg.Connection[tuple[object, ...]], site: Site, table: str
) -> None:
    chosen = settings(keep_record_d="1000")
    await retention.run(database_url, chosen, NOW)
    before = count(database, table)
    for spare_h in (-24, 24):
        at = NOW - timedelta(days=AGE_D[table], hours=spare_h)
        database.execute(OLD[table].encode(), {"person": site.robin, "at": at})
    added = count(database, table) - before
    gone = await retention.run(database_url, chosen, NOW)
    assert rows_gone(gone) == {table: added // 2}
    assert count(database, table) == before + added // 2
    assert rows_gone(await retention.run(database_url, chosen, NOW)) == {}


async def test_a_recording_of_long_ago_stays_as_long_as_any_other_and_its_days_with_it(
    database_url: str, database: psycopg.Connection[tuple[object, ...]], site: Site
) -> None:
    await retention.run(database_url, settings(), NOW)
    long_ago = {"person": site.robin, "at": NOW - timedelta(days=2_000)}
    for table in ("reading", "daily_feature"):
        database.execute(OLD[table].encode(), long_ago)
    database.execute("UPDATE reading SET received_at = %s WHERE boot = 9", [NOW])
    assert rows_gone(await retention.run(database_url, settings(), NOW)) == {}
    later = NOW + timedelta(days=91)
    gone = [await retention.run(database_url, settings(), later) for _ in range(2)]
    assert rows_gone(gone[0])["reading"] >= 1
    assert count(database, "daily_feature WHERE day < '2022-01-01'") == 0


async def test_the_record_stays_unless_the_site_has_a_schedule_for_it(
    database_url: str, database: psycopg.Connection[tuple[object, ...]], site: Site
) -> None:
    at = NOW - timedelta(days=500)
    before = {table: count(database, table) for table in RECORD_TABLES}
    for one in RECORD.split(";\n"):
        database.execute(one.encode(), {"person": site.robin, "at": at})
    assert (
        rows_gone(await retention.run(database_url, settings(), NOW)).keys() & {*RECORD_TABLES}
        == set()
    )
    gone = rows_gone(await retention.run(database_url, settings(keep_record_d="400"), NOW))
    assert {table: gone.get(table, 0) for table in RECORD_TABLES} == dict.fromkeys(RECORD_TABLES, 1)
    assert {table: count(database, table) for table in RECORD_TABLES} == before


async def test_a_hold_keeps_all_of_one_person_and_nobody_else(
    database_url: str, database: psycopg.Connection[tuple[object, ...]], site: Site
) -> None:
    of_people = [name for name in OLD if name not in ("session", "auditor_run")]
    chosen = settings(keep_record_d="1000")
    await retention.run(database_url, chosen, NOW)
    for person in (site.robin, site.sam):
        for table in of_people:
            at = NOW - timedelta(days=AGE_D[table], hours=24)
            database.execute(OLD[table].encode(), {"person": person, "at": at})
        at = NOW - timedelta(days=1_100)
        for one in RECORD.split(";\n"):
            database.execute(one.encode(), {"person": person, "at": at + timedelta(hours=person)})
    database.execute(
        "INSERT INTO legal_hold (person_id, reason, set_by, set_at) VALUES (%s, 'r', 'x', %s)",
        [site.sam, NOW],
    )
    gone = await retention.run(database_url, chosen, NOW)
    expected = dict.fromkeys([*of_people, *RECORD_TABLES], 1)
    assert rows_gone(gone) == expected
    assert {one.people_on_hold for one in gone} == {1}
    database.execute("UPDATE legal_hold SET lifted_at = %s, lifted_by = 'x'", [NOW])
    assert rows_gone(await retention.run(database_url, chosen, NOW)) == expected


async def test_a_dry_run_counts_the_same_and_changes_nothing(
    database_url: str, database: psycopg.Connection[tuple[object, ...]], site: Site
) -> None:
    for table in ("reading", "dead_letter"):
        at = NOW - timedelta(days=AGE_D[table], hours=24)
        database.execute(OLD[table].encode(), {"person": site.robin, "at": at})
    would_go = await retention.run(database_url, settings(), NOW, dry_run=True)
    assert await retention.last_run(database_url) is None
    went = await retention.run(database_url, settings(), NOW)
    assert rows_gone(would_go) == rows_gone(went)
    assert rows_gone(went)["reading"] >= 1
    assert await retention.last_run(database_url) == NOW


async def test_each_run_says_what_went(
    database_url: str, database: psycopg.Connection[tuple[object, ...]], site: Site
) -> None:
    at = NOW - timedelta(days=31)
    database.execute(OLD["session"].encode(), {"person": site.sam, "at": at})
    await retention.run(database_url, settings(), NOW)
    rows = database.execute("SELECT class, before, gone FROM retention_run ORDER BY 1").fetchall()
    found = {str(name): (before, gone) for name, before, gone in rows}
    assert found.keys() == {*(one.value for one in CUT), ANSWERS, "erased_people"}
    assert found["sessions"] == (NOW - timedelta(days=30), {"session": 1})
    assert found["record"] == (None, {})


async def test_what_comes_in_late_for_somebody_who_was_erased_goes_too(
    database_url: str, database: psycopg.Connection[tuple[object, ...]], site: Site
) -> None:
    del site
    database.execute(
        "INSERT INTO erasure (person_id, shard, label_hash, device_ids, device_name_hashes, reason,"
        " done_by, begun_at, rows_gone_at) VALUES (900, 1, 'x', '{}', %s, 'r', 'x', %s, %s)",
        [[hash_of("band-of-nobody")], NOW - timedelta(days=3), NOW - timedelta(days=3)],
    )
    for name, device in (("band-of-nobody", None), ("band-of-somebody", None)):
        database.execute(
            "INSERT INTO dead_letter (received_at, topic, device_id, reason, detail, whole_frame,"
            " payload_bytes, payload_hash) VALUES (%s, %s, %s, 'unknown_device', '', true, 1, 'x')",
            [NOW, f"tidewell/v1/3/{name}/frame", device],
        )
    before = count(database, "dead_letter")
    gone = await retention.run(database_url, settings(), NOW)
    assert gone[-1].class_name == "erased_people"
    assert dict(gone[-1].rows)["dead_letter"] == 1
    assert count(database, "dead_letter") == before - 1


async def test_what_programs_were_answered_goes_after_a_day_though_they_never_ask_again(
    database_url: str, database: psycopg.Connection[tuple[object, ...]], site: Site
) -> None:
    del site
    kept = ("api_answer", "admin_answer")
    for table, (key, hours) in product(kept, (("old", 25), ("new", 23))):
        database.execute(
            f"INSERT INTO {table} (username, idempotency_key, fingerprint, made_at)"
            " VALUES ('jo', %s, '', %s)".encode(),
            [key, NOW - timedelta(hours=hours)],
        )
    await retention.run(database_url, settings(), NOW, dry_run=True)
    assert [count(database, table) for table in kept] == [2, 2]
    gone = rows_gone(await retention.run(database_url, settings(), NOW))
    assert gone == {"api_answer": 1, "admin_answer": 1}
    for table in kept:
        left = database.execute(f"SELECT idempotency_key FROM {table}".encode()).fetchall()
        assert left == [("new",)]


def test_the_command_says_what_would_go_and_then_what_went(database_url: str, site: Site) -> None:
    del site
    where = {
        "TIDEWELL_DATABASE_URL": database_url,
        "TIDEWELL_BROKER_URL": "mqtt://x:y@127.0.0.1:1",
    }
    runner = CliRunner(env=where)
    later = ["--dry-run", "--at", "2030-01-01"]
    said = runner.invoke(app, ["retention", "run", *later]).output
    assert "readings from before 2029-10-03: " in said
    assert "would go" in said
    assert "record: kept" in said
    assert " went" in runner.invoke(app, ["retention", "run"]).output
    refused = runner.invoke(app, ["retention", "run", "--at", "2030-01-01"])
    assert isinstance(refused.exception, UsageError)


def test_every_class_that_goes_by_age_has_its_setting() -> None:
    ages = kept_for(settings(keep_record_d="365"))
    assert list(ages) == list(CUT)
    assert all(ages.values())
    assert kept_for(settings())[KeepClass.RECORD] is None


def test_a_day_after_the_last_run_the_next_is_due() -> None:
    assert is_due(None, NOW)
    assert not is_due(NOW - timedelta(hours=23), NOW)
    assert is_due(NOW - timedelta(hours=24), NOW)
    assert is_due(NOW + timedelta(days=300), NOW), "a clock that was ahead holds up nothing"


async def test_the_broker_is_emptied_once_for_each_erasure_and_tried_again_if_it_fails(
    database_url: str, database: psycopg.Connection[tuple[object, ...]]
) -> None:
    emptied = 0

    def empty() -> bool:
        nonlocal emptied
        emptied += 1
        if emptied == 1:
            raise ServerError("it does not start")
        return True

    assert not await empty_if_asked(database_url, empty)
    database.execute(
        "INSERT INTO erasure (person_id, shard, label_hash, device_ids, device_name_hashes, reason,"
        " done_by, begun_at, rows_gone_at) VALUES (900, 1, 'x', '{}', '{}', 'r', 'x', %s, %s)",
        [NOW, NOW],
    )
    with pytest.raises(ServerError):
        await empty_if_asked(database_url, empty)
    assert await empty_if_asked(database_url, empty)
    assert not await empty_if_asked(database_url, empty)
    assert emptied == 2
