"""What all rings of tests share: one real PostgreSQL and one real broker.

Each test has a fresh database.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.tidy.skips import pytest_make_collect_report, pytest_runtest_makereport
from tests.tidy.steadiness import (
    pytest_collection_modifyitems,
    pytest_sessionfinish,
    pytest_terminal_summary,
)
from tidewell.embedded.nats import NatsServer
from tidewell.embedded.postgres import PostgresServer
from tidewell.logs import reset_logs
from tidewell.schema import migrate

# pytest calls these by name.
__all__ = [
    "pytest_collection_modifyitems",
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
]

# A laptop looks for new counter-examples on each run; CI judges the change and not the dice.
settings.register_profile(
    "tidewell",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
    print_blob=True,
)
settings.load_profile("tidewell")


def pytest_configure() -> None:
    """A developer's own settings must not change what tests see."""
    for name in [
        name for name in os.environ if name.startswith("TIDEWELL_") and name != "TIDEWELL_DATA"
    ]:
        del os.environ[name]


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """A command that a test runs must not leave its log in a stream that closes with it."""
    yield
    reset_logs()


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder for servers, short enough for any path limit, gone after the tests."""
    with tempfile.TemporaryDirectory(prefix="tw-") as folder:
        # As root the database works as another account, which has to pass through.
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[PostgresServer]:
    """A real PostgreSQL with the newest schema in the database `template_tidewell`."""
    server = PostgresServer(server_folder / "postgres")
    server.start()
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE template_tidewell")
        asyncio.run(migrate(with_name(server.url, "template_tidewell"), "plain"))
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def broker(server_folder: Path) -> Iterator[NatsServer]:
    """A real MQTT broker."""
    server = NatsServer(server_folder / "nats", fleet_account=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """A fresh database with the whole schema, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template_tidewell").format(sql.Identifier(name))
        )
        yield with_name(postgres.url, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
    """A connection that may do anything, to prepare and to look."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection


def with_name(url: str, name: str) -> str:
    """Return the address of another database of the same server."""
    parts = conninfo_to_dict(url)
    return (
        f"postgresql://{parts['user']}:{parts['password']}@{parts['host']}:{parts['port']}/{name}"
    )
