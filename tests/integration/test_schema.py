"""The schema on a real PostgreSQL: one result from every start, and one writer per table."""

from __future__ import annotations

import asyncio
import re
import uuid
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import pytest
from psycopg import sql

import tidewell.schema
from tidewell.database import Role
from tidewell.errors import ServerError
from tidewell.schema import Migration, StorageMode, migrate, migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tidewell.embedded.postgres import PostgresServer

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
WRITER_ROW = re.compile(r"^\| `([a-z_]+)` \| ([a-z]+) \| ([a-z, ]+) \|$", re.MULTILINE)
WRITES = ("insert", "update", "delete", "truncate")

CATALOGUE: tuple[LiteralString, ...] = (
    """SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default,
           identity_generation
       FROM information_schema.columns WHERE table_schema = 'public'""",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT oid::regprocedure::text, pg_get_functiondef(oid), proacl::text FROM pg_proc
       WHERE pronamespace = 'public'::regnamespace""",
    """SELECT relname, relkind, relacl::text, relrowsecurity, relforcerowsecurity FROM pg_class
       WHERE relnamespace = 'public'::regnamespace""",
    """SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies
       WHERE schemaname = 'public'""",
    """SELECT objoid::regclass::text, objsubid, description FROM pg_description
       WHERE classoid = 'pg_class'::regclass AND objoid::regclass::text !~ '^pg_'""",
    "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname = 'public'",
    "SELECT number, name, mode, checksum FROM schema_migration",
)


def catalogue(url: str) -> list[list[Any]]:
    """Return everything that makes up the schema of a database."""
    with psycopg.connect(url) as connection:
        return [sorted(map(repr, connection.execute(query).fetchall())) for query in CATALOGUE]


@pytest.fixture
def empty_url(postgres: PostgresServer) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"empty_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield postgres.url.rsplit("/", 1)[0] + f"/{name}"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.parametrize("first", [one.number for one in migrations(StorageMode.PLAIN)[:-1]])
async def test_every_older_schema_grows_into_the_same_one(
    empty_url: str, database_url: str, first: int
) -> None:
    await migrate(empty_url, "plain", last=first)
    halfway = catalogue(empty_url)
    await migrate(empty_url)
    assert catalogue(empty_url) == catalogue(database_url) != halfway


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    query = "SELECT array_agg(schema_migration::text ORDER BY number) FROM schema_migration"
    with psycopg.connect(database_url, autocommit=True) as connection:
        before = connection.execute(query).fetchone()
        assert await migrate(database_url) is StorageMode.PLAIN
        assert connection.execute(query).fetchone() == before


async def test_several_processes_may_migrate_at_once(empty_url: str, database_url: str) -> None:
    modes = await asyncio.gather(*(migrate(empty_url, "plain") for _ in range(4)))
    assert modes == [StorageMode.PLAIN] * 4
    assert catalogue(empty_url) == catalogue(database_url)


async def test_a_file_that_was_changed_after_it_was_applied_is_refused_by_its_number(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list(migrations(StorageMode.PLAIN))
    files[3] = Migration(4, files[3].name, files[3].text + "\nSELECT 1;")
    monkeypatch.setattr(tidewell.schema, "migrations", lambda _: tuple(files))
    before = catalogue(database_url)
    with pytest.raises(ServerError, match="migration 0004 was changed"):
        await migrate(database_url)
    assert catalogue(database_url) == before


async def test_a_file_that_fails_leaves_nothing_of_itself(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migration(2, "broken", "CREATE TABLE half (a integer); SELECT 1 / 0;")
    files = (migrations(StorageMode.PLAIN)[0], broken)
    monkeypatch.setattr(tidewell.schema, "migrations", lambda _: files)
    with pytest.raises(ServerError, match="migration 0002_broken failed: division by zero"):
        await migrate(empty_url, "plain")
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
        assert connection.execute("SELECT number FROM schema_migration").fetchall() == [(1,)]


async def test_a_database_keeps_its_storage_mode(database_url: str, empty_url: str) -> None:
    with pytest.raises(ServerError, match="keeps readings as plain"):
        await migrate(database_url, "timescale")
    with pytest.raises(ServerError, match="TIDEWELL_STORAGE_MODE=plain"):
        await migrate(empty_url, "timescale")
    assert await migrate(empty_url, "auto") is StorageMode.PLAIN


def documented_writers() -> dict[str, tuple[str, set[str]]]:
    """Return who may do what with each table, as the page for operators says it."""
    rows = WRITER_ROW.findall(OPERATIONS.read_text(encoding="utf-8"))
    return {table: (writer, set(may.split(", "))) for table, writer, may in rows}


def test_the_page_for_operators_names_the_writer_of_every_table(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert sorted(documented_writers()) == sorted(name for (name,) in found)


def test_a_process_writes_its_own_tables_and_no_other(database_url: str) -> None:
    wrong, tried = [], 0
    with psycopg.connect(database_url) as connection:
        for (table, (writer, may)), role, write in product(
            documented_writers().items(), Role, WRITES
        ):
            row = connection.execute(
                "SELECT has_table_privilege(%(role)s, %(table)s, %(write)s)",
                {"role": role.value, "table": f"public.{table}", "write": write},
            ).fetchone()
            allowed = role.name.lower() == writer and write in may
            tried += 1
            if row != (allowed,):
                wrong.append(f"{role} {write} {table}: {row}, but the page says {allowed}")
    assert wrong == []
    assert tried == len(documented_writers()) * len(Role) * len(WRITES) > 400


def test_no_right_is_given_for_single_columns(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            """SELECT attrelid::regclass::text, attname FROM pg_attribute
               JOIN pg_class ON pg_class.oid = attrelid
               WHERE relnamespace = 'public'::regnamespace AND attacl IS NOT NULL"""
        ).fetchall()
    assert found == []


@pytest.mark.parametrize("role", Role)
def test_no_process_owns_or_makes_anything(database_url: str, role: Role) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            """SELECT has_schema_privilege(%(role)s, 'public', 'CREATE'), rolsuper, rolcreaterole,
                   rolbypassrls, rolcanlogin,
                   EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)
               FROM pg_roles WHERE rolname = %(role)s""",
            {"role": role.value},
        ).fetchone()
    assert row == (False,) * 6


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PORTAL])
def test_only_the_portal_may_call_what_shows_readings(database_url: str, role: Role) -> None:
    call = "SELECT count(*) FROM readings_for_themselves(1, '-infinity', 'infinity')"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role.value)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(call)
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(Role.PORTAL.value)))
        assert connection.execute(call).fetchone() == (0,)
