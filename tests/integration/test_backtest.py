"""`tidewell backtest` on a real database: families from days, limits from readings, no writing."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.types.json import Jsonb

from tests.stored_histories import (
    DAYS,
    FIRST_DAY,
    Connection,
    Features,
    quiet_days,
    store_days,
    store_people,
    store_readings,
    with_fever,
    with_fewer_steps,
)
from tidewell.backtesting.comparison import Change, ChangeKind, Window
from tidewell.backtesting.report import Backtest
from tidewell.backtesting.store import History
from tidewell.commands.backtest import backtest as backtest_command
from tidewell.commands.what_if import Question, backtest
from tidewell.detection_policy import DetectionPolicy, parse_policy
from tidewell.errors import UsageError
from tidewell.local_time import day_date

USUAL = DetectionPolicy("the policy in use")
LOOSER = parse_policy("looser.toml", b"[budgets]\nwithdrawal = 3")
LAST_DAY = FIRST_DAY + DAYS - 1
WINDOW = Window(LAST_DAY - 29, LAST_DAY)
SILENCE_AFTER_S = 4 * 3600
DAY_OF_READINGS = datetime.combine(day_date(LAST_DAY - 5), datetime.min.time(), UTC)


async def asked(
    url: str,
    proposed: DetectionPolicy,
    present: DetectionPolicy = USUAL,
    *,
    window: Window = WINDOW,
    whole: bool = False,
) -> Backtest:
    async with History.open(url) as history:
        return await backtest(history, Question(present, proposed, window, whole, SILENCE_AFTER_S))


async def fill(owner: Connection, several: list[Features]) -> list[int]:
    ids = await store_people(owner, len(several))
    await store_days(owner, ids, several)
    return ids


def told(changes: tuple[Change, ...]) -> list[tuple[str, ...]]:
    return [tuple(one.kinds) for one in changes]


async def test_a_looser_policy_tells_of_a_mild_drop_of_steps(
    database_url: str, owner: Connection
) -> None:
    ids = await fill(owner, [quiet_days(), with_fewer_steps(80, 82, 0.7)])
    found = await asked(database_url, LOOSER)
    (change,) = found.changes
    assert change.kinds == (ChangeKind.MORE,)
    assert found.labels[change.person_id] == "P-2"
    assert change.person_id == ids[1]
    assert (found.present_count, found.proposed_count) == (0, 1)
    assert (found.basis.people, found.basis.person_days) == (2, 60)
    assert (found.basis.days_without_data, found.basis.compared_days) == (0, 60)
    assert (found.basis.readings, found.basis.on_record) == (0, 0)


async def test_the_same_policy_twice_changes_nothing(database_url: str, owner: Connection) -> None:
    await fill(owner, [with_fever(80, 86, 6), with_fewer_steps(75, 82, 0.3)])
    found = await asked(database_url, LOOSER, LOOSER)
    assert found.changes == ()
    assert found.present_count == found.proposed_count > 0


async def test_what_opens_before_the_window_does_not_count(
    database_url: str, owner: Connection
) -> None:
    await fill(owner, [with_fewer_steps(80, 82, 0.7)])
    found = await asked(database_url, LOOSER, window=Window(LAST_DAY - 9, LAST_DAY))
    assert (found.changes, found.proposed_count) == ((), 0)
    assert found.basis.person_days == 10


async def test_days_without_data_are_counted(database_url: str, owner: Connection) -> None:
    features = quiet_days()
    features[90:95] = float("nan")
    ids = await fill(owner, [features])
    await owner.execute(
        "INSERT INTO daily_feature (person_id, day, worn_minutes, usual, detector_version) "
        "VALUES (%s, %s, 0, '{}', 'test')",
        (ids[0], day_date(FIRST_DAY + 92)),
    )
    found = await asked(database_url, USUAL)
    assert (found.basis.person_days, found.basis.days_without_data) == (30, 5)


async def test_a_note_that_was_heard_counts_for_both_policies(
    database_url: str, owner: Connection
) -> None:
    ids = await fill(owner, [with_fever(80, 86, 3)])
    before = await asked(database_url, parse_policy("x.toml", b"[budgets]\nillness = 3"))
    assert before.proposed_count > 0
    heard_at = datetime.combine(day_date(FIRST_DAY + 79), datetime.min.time(), UTC)
    days = {"first_day": str(day_date(FIRST_DAY + 79)), "last_day": str(day_date(FIRST_DAY + 90))}
    await owner.execute(
        "INSERT INTO detector_signal (person_id, kind, source_id, heard_at, content, verdict) "
        "VALUES (%s, 'note', 1, %s, %s, 'applied')",
        (ids[0], heard_at, Jsonb({"note": "someone_else", **days})),
    )
    after = await asked(database_url, parse_policy("x.toml", b"[budgets]\nillness = 3"))
    assert (after.present_count, after.proposed_count) == (0, 0)


async def plan(owner: Connection, person_id: int, value: float, minutes: int) -> None:
    cursor = await owner.execute(
        "INSERT INTO staff (role, display_name, created_at) VALUES ('practitioner', 'Key', %s) "
        "RETURNING staff_id",
        (DAY_OF_READINGS,),
    )
    (staff,) = await cursor.fetchone() or (None,)
    await owner.execute(
        "INSERT INTO plan_limit VALUES (%s, 0, 'heart_rate', 'above', %s, %s, 'for_review', false, "
        "%s, %s, %s)",
        (person_id, value, minutes, day_date(LAST_DAY), staff, DAY_OF_READINGS),
    )


def limit(value: int, minutes: int, level: str = "for_review", whom: str = '"all"') -> str:
    return (
        f'[[limits]]\nchannel = "heart_rate"\ndirection = "above"\nvalue = {value}\n'
        f'for_minutes = {minutes}\nlevel = "{level}"\npeople = {whom}\n'
    )


HIGH_FOR_20_MINUTES = [
    70 + minute % 5 + (55 if 120 <= minute < 140 else 0) for minute in range(300)
]
"""Two hours of rest, twenty minutes around 127, and calm again; a jump of 55 is believed."""


async def with_readings(owner: Connection) -> int:
    ids = await fill(owner, [quiet_days(), quiet_days()])
    await store_readings(owner, ids[0], DAY_OF_READINGS, HIGH_FOR_20_MINUTES)
    await store_readings(owner, ids[1], DAY_OF_READINGS, [70 + one % 5 for one in range(300)])
    return ids[0]


async def test_a_limit_is_tried_on_readings(database_url: str, owner: Connection) -> None:
    person = await with_readings(owner)
    found = await asked(database_url, parse_policy("x.toml", limit(120, 10).encode()))
    (change,) = found.changes
    assert (change.person_id, change.kinds) == (person, (ChangeKind.MORE,))
    assert (change.subject.channel, change.subject.direction) == ("heart_rate", "above")
    assert (found.basis.readings, found.basis.late_readings) == (600, 0)


async def test_a_limit_is_compared_with_that_of_the_plan(
    database_url: str, owner: Connection
) -> None:
    person = await with_readings(owner)
    await plan(owner, person, 120, 10)
    higher = limit(120, 10, "check_today", '["P-1"]')
    found = await asked(database_url, parse_policy("x.toml", higher.encode()))
    assert told(found.changes) == [("higher",)]
    assert found.basis.readings == 300
    gone = await asked(database_url, parse_policy("x.toml", limit(150, 10).encode()))
    assert told(gone.changes) == [("fewer",)]
    none = await asked(database_url, parse_policy("x.toml", b"limits = []"))
    assert told(none.changes) == [("fewer",)]
    same = await asked(database_url, parse_policy("x.toml", limit(120, 10).encode()))
    assert [one.person_id for one in same.changes] == []


async def test_readings_that_came_late_decide_nothing_and_are_counted(
    database_url: str, owner: Connection
) -> None:
    await with_readings(owner)
    await owner.execute("UPDATE reading SET received_at = received_at + interval '2 days'")
    found = await asked(database_url, parse_policy("x.toml", limit(120, 10).encode()))
    assert found.changes == ()
    assert (found.basis.readings, found.basis.late_readings) == (600, 600)


async def test_whole_readings_are_replayed_when_asked_for(
    database_url: str, owner: Connection
) -> None:
    ids = await fill(owner, [quiet_days()])
    start = DAY_OF_READINGS - timedelta(days=20)
    await store_readings(owner, ids[0], start, [70 + one % 5 for one in range(25 * 1440)])
    found = await asked(database_url, LOOSER, whole=True)
    assert found.basis.readings == 25 * 1440
    assert found.basis.compared_days > 0


async def test_families_are_never_counted_from_days_and_readings_both(
    database_url: str, owner: Connection
) -> None:
    ids = await fill(owner, [quiet_days()])
    first = LAST_DAY - 24
    start = datetime.combine(day_date(first), datetime.min.time(), UTC)
    usual = [62 + one % 5 for one in range(20 * 1440)]
    await store_readings(owner, ids[0], start, [*usual, *(85 + one % 5 for one in range(6 * 1440))])
    loose = "[budgets]\nillness = 5\n"
    whole = await asked(database_url, parse_policy("x.toml", loose.encode()), whole=True)
    assert whole.proposed_count > 0
    limits = parse_policy("x.toml", (loose + limit(200, 10)).encode())
    found = await asked(database_url, limits)
    assert found.basis.readings > 0
    assert (found.present_count, found.proposed_count) == (0, 0)


async def test_a_backtest_cannot_write(database_url: str) -> None:
    async with History.open(database_url) as history:
        with pytest.raises(ReadOnlySqlTransaction):
            await history._connection.execute("INSERT INTO reading DEFAULT VALUES")


async def test_what_cannot_be_asked_is_refused(database_url: str, owner: Connection) -> None:
    with pytest.raises(UsageError, match="no day is stored yet"):
        await asked(database_url, USUAL)
    await fill(owner, [quiet_days()])
    nobody = parse_policy("x.toml", limit(120, 10, whom='["P-9"]').encode())
    with pytest.raises(UsageError, match=r"x\.toml: limits: nobody is enrolled as 'P-9'"):
        await asked(database_url, nobody)
    endless = Window(LAST_DAY - 200_000, LAST_DAY)
    with pytest.raises(UsageError, match=r"give fewer --days"):
        await asked(database_url, USUAL, window=endless, whole=True)


def test_the_command_prints_a_sentence_or_json(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def prepare() -> None:
        connection: Connection
        async with await psycopg.AsyncConnection.connect(
            database_url, autocommit=True
        ) as connection:
            await fill(connection, [with_fewer_steps(80, 82, 0.7)])

    asyncio.run(prepare())
    monkeypatch.setenv("TIDEWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("TIDEWELL_BROKER_URL", "mqtt://nobody@127.0.0.1:1")
    path = tmp_path / "looser.toml"
    path.write_text("[budgets]\nwithdrawal = 3")
    until = day_date(LAST_DAY).isoformat()
    backtest_command(policy=path, days=30, until=until)
    out = capsys.readouterr().out
    assert "looser.toml against the built-in policy" in out
    assert "1 more alert for 1 person." in out
    backtest_command(policy=path, days=30, until=until, against=path, as_data=True)
    assert json.loads(capsys.readouterr().out)["sentence"] == "Nothing would change."
    with pytest.raises(UsageError, match="nobody has a stored day up to 2020-01-01"):
        backtest_command(policy=path, days=30, until="2020-01-01")
    with pytest.raises(UsageError, match="--until: expected a day like 2026-01-31"):
        backtest_command(policy=path, days=30, until="soon")
