"""One database for all stories of a session, emptied after each: that takes milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.conftest import with_name
from tests.stories.service import Mode
from tests.stories.story import Story
from tests.stories.town import Town
from tidewell.database import Role, connect
from tidewell.embedded.postgres import PostgresServer

BEGINS = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # a Monday
NOT_DURABLE = "SET synchronous_commit = off"
"""No story survives a loss of power; whether alerts do is looked at elsewhere."""


@pytest.fixture(scope="session")
def stories_url(postgres: PostgresServer) -> Iterator[str]:
    """A database with the whole schema that stories share."""
    name = "stories"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template_tidewell").format(sql.Identifier(name))
        )
        yield with_name(postgres.url, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def empty_again(stories_url: str) -> str:
    """The statements that empty every table which is empty in a fresh database."""
    with psycopg.connect(stories_url) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
        ]
        fresh = [
            name
            for name in names
            if connection.execute(
                sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(sql.Identifier(name))
            ).fetchone()
            == (True,)
        ]
        deletes = sql.SQL("; ").join(
            sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in fresh
        )
        return "SET session_replication_role = replica; " + deletes.as_string(connection)


@pytest.fixture
async def town_owner(
    stories_url: str, empty_again: str
) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection that may do anything, in a database without people."""
    async with await psycopg.AsyncConnection.connect(stories_url, autocommit=True) as connection:
        await connection.execute(NOT_DURABLE)
        yield connection
        await connection.execute(empty_again.encode())


@pytest.fixture(params=list(Mode), ids=lambda mode: mode.name.lower())
async def story(
    request: pytest.FixtureRequest,
    stories_url: str,
    town_owner: psycopg.AsyncConnection[Any],
) -> AsyncIterator[Story]:
    """A story that is lived through in each mode: in order, restarted, out of order."""
    async with await connect(stories_url, Role.ALERTS, "story", autocommit=True) as connection:
        await connection.execute(NOT_DURABLE)
        yield Story(Town(town_owner, BEGINS), connection, request.param)
