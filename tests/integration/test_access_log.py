"""Who looked, on a real database: written once, sealed soon, and any change found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg
import pytest
from typer.testing import CliRunner

from tests.conftest import with_name
from tidewell.access_chain import Head, head_from
from tidewell.commands import app
from tidewell.commands.audit import newest_head, verified
from tidewell.database import Role, conninfo
from tidewell.schema import migrate

NOW: Final = datetime(2026, 11, 22, 14, 2, 30, 123456, tzinfo=UTC)
LOOK: Final[LiteralString] = (
    "INSERT INTO access_log (at, person_id, staff_id, looked_at) VALUES (%s, %s, %s, %s)"
)


class Log:
    """An access log, and somebody who owns the database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.owner = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        self.owner.close()

    def look(self, times: int) -> None:
        for number in range(times):
            at = NOW + timedelta(seconds=number)
            staff = None if number % 3 == 0 else number
            self.owner.execute(LOOK, (at, number % 2, staff, "list"))

    def seal(self, most: int = 1000) -> int:
        row = self.owner.execute("SELECT seal_looks(%s)", (most,)).fetchone()
        return int(row[0]) if row else -1

    def tamper(self, *statements: LiteralString) -> None:
        """Do what only an owner can, who knows of the triggers too."""
        with self.owner.transaction():
            self.owner.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                self.owner.execute(statement)

    async def problem(self, kept: Head | None = None) -> str:
        followed, _ = await verified(self.url, kept)
        return followed.problem


@pytest.fixture
def log(database_url: str) -> Iterator[Log]:
    with closing(Log(database_url)) as opened:
        opened.look(6)
        assert opened.seal() == 6
        yield opened


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_log SET staff_id = 1",
        "DELETE FROM access_log",
        "TRUNCATE access_log",
        "UPDATE access_seal SET access_id = 1",
        "DELETE FROM access_seal",
        "TRUNCATE access_seal",
    ],
)
def test_what_is_written_stays_also_for_the_owner(log: Log, statement: LiteralString) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="written once"):
        log.owner.execute(statement)


async def test_a_log_that_nobody_touched_holds_and_looks_wait_for_their_seal(log: Log) -> None:
    log.look(3)
    followed, waiting = await verified(log.url, None)
    assert (followed.problem, followed.head.number, waiting) == ("", 6, 3)
    assert [log.seal(2), log.seal(2), log.seal(2)] == [2, 1, 0]
    followed, waiting = await verified(log.url, head_from(str(followed.head)))
    assert (followed.problem, followed.head, waiting) == ("", await newest_head(log.url), 0)


TAMPERED: Final[dict[str, tuple[str, tuple[LiteralString, ...]]]] = {
    "changed": (
        "entry 3 is not what seal 3 was set on",
        ("UPDATE access_log SET at = at + interval '1 microsecond' WHERE access_id = 3",),
    ),
    "changed to somebody else": (
        "entry 5 is not what seal 5 was set on",
        ("UPDATE access_log SET staff_id = NULL WHERE access_id = 5",),
    ),
    "taken out": (
        "entry 4 of seal 4 is gone",
        ("DELETE FROM access_log WHERE access_id = 4",),
    ),
    "taken out with its seal": (
        "seal 2 is gone",
        (
            "DELETE FROM access_log WHERE access_id = 2",
            "DELETE FROM access_seal WHERE access_id = 2",
        ),
    ),
    "put in": (
        "entry 100 came or went without a seal",
        ("INSERT INTO access_log OVERRIDING SYSTEM VALUE VALUES (100, '2026-01-01', 1, 1, 'x')",),
    ),
    "put elsewhere": (
        "entry 6 is not what seal 2 was set on",
        (
            "UPDATE access_seal SET seal_number = 1000 - seal_number WHERE access_id IN (2, 6)",
            "UPDATE access_seal SET seal_number = 2 WHERE access_id = 6",
            "UPDATE access_seal SET seal_number = 6 WHERE access_id = 2",
        ),
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
async def test_what_the_owner_did_to_it_is_found_and_named(log: Log, how: str) -> None:
    problem, statements = TAMPERED[how]
    assert await log.problem() == ""
    log.tamper(*statements)
    assert await log.problem() == problem


async def test_an_end_that_was_cut_off_is_found_with_a_head_that_was_kept(log: Log) -> None:
    kept = await newest_head(log.url)
    log.tamper(
        "DELETE FROM access_log WHERE access_id > 4", "DELETE FROM access_seal WHERE access_id > 4"
    )
    assert await log.problem() == ""
    assert await log.problem(kept) == "it ends at seal 4, before 6 that was kept"


def run(*arguments: str) -> tuple[int, str]:
    """Run a command and return its status and what it said."""
    result = CliRunner().invoke(app, ["audit", *arguments])
    error = "" if result.exception is None else str(result.exception)
    return result.exit_code, result.output + error


def test_the_command_says_that_it_holds_or_what_was_done_first_and_fails(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWELL_DATABASE_URL", log.url)
    monkeypatch.setenv("TIDEWELL_BROKER_URL", "mqtt://127.0.0.1:1")
    status, head = run("head")
    assert status == 0
    status, said = run("verify", "--head", head.strip())
    assert (status, said.strip()) == (
        0,
        "The access log holds: 6 seals, 0 entries wait for theirs.",
    )
    log.tamper("DELETE FROM access_log WHERE access_id = 3")
    status, said = run("verify")
    assert status == 1
    assert "entry 3 of seal 3 is gone" in said
    assert "everything up to seal 2 holds" in said
    assert run("verify", "--head", "7")[0] != 0


def test_looks_do_not_wait_for_one_another_nor_for_a_seal(log: Log) -> None:
    look: Any = (NOW, 1, 1, "list")
    with psycopg.connect(log.url) as first, psycopg.connect(log.url) as second:
        for one in (first, second):
            one.execute("SET lock_timeout = '2s'")
            one.execute(LOOK, look)
        first.execute("SELECT seal_looks(100)")
        assert second.execute("SELECT seal_looks(100)").fetchone() == (0,), "one seals at a time"
        second.execute(LOOK, look)
        second.commit()
        first.rollback()
    assert log.seal() == 2


def test_a_look_that_was_written_late_is_sealed_late(log: Log) -> None:
    with psycopg.connect(log.url) as slow:
        slow.execute(LOOK, (NOW, 1, 1, "list"))
        log.look(1)
        assert log.seal() == 1
        slow.commit()
    assert log.seal() == 1
    order = log.owner.execute("SELECT access_id FROM access_seal ORDER BY seal_number").fetchall()
    assert [one for (one,) in order] == [1, 2, 3, 4, 5, 6, 8, 7]


def test_the_portal_seals_and_changes_no_seal(log: Log) -> None:
    log.look(1)
    with psycopg.connect(conninfo(log.url, Role.PORTAL, "test"), autocommit=True) as portal:
        assert portal.execute("SELECT seal_looks(10)").fetchone() == (1,)
        for table in ("access_seal", "access_waiting"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                portal.execute(f"SELECT FROM {table}".encode())


async def test_looks_from_before_there_were_seals_are_sealed_by_the_migration(
    database_url: str,
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE older")
        older = with_name(database_url, "older")
        try:
            await migrate(older, "plain", last=29)
            with psycopg.connect(older, autocommit=True) as owner:
                for number in range(3):
                    owner.execute(LOOK, (NOW, number, None, "list"))
            await migrate(older, "plain")
            followed, waiting = await verified(older, None)
            assert (followed.problem, followed.head.number, waiting) == ("", 3, 0)
        finally:
            connection.execute("DROP DATABASE older WITH (FORCE)")
