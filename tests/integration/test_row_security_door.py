"""The door to the database: who looks is said for one transaction and for nobody after it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg
import pytest
from aiohttp.test_utils import make_mocked_request
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from portal.application import build_application
from portal.context import VIEWER, Audience, SessionLevel, Viewer, transaction
from tests.browser.virtual_site import write_site
from tests.conftest import with_name
from tests.integration import looking
from tests.integration.looking import NOW, Eyes, Place
from tidewell.database import Role, conninfo
from tidewell.schema import migrate
from tidewell.settings import load_settings

if TYPE_CHECKING:
    from tidewell.embedded.postgres import PostgresServer

place = looking.place


@pytest.fixture
async def one_connection(place: Place) -> AsyncIterator[Any]:
    """A pool that lends the same connection to everybody."""
    async with AsyncConnectionPool(
        conninfo(place.url, Role.PORTAL, "test"), min_size=1, max_size=1, open=False
    ) as pool:
        yield pool


def request_of(place: Place, pool: Any, viewer: Viewer | None) -> Any:  # noqa: ANN401 -- aiohttp's own
    application = build_application(load_settings({}), place.url, pool, now=lambda: NOW)
    request = make_mocked_request("GET", "/", app=application)
    if viewer is not None:
        request[VIEWER] = viewer
    return request


SEEN: Final[LiteralString] = "SELECT person_id FROM person"
SETTINGS: Final[LiteralString] = (
    "SELECT coalesce(current_setting('tidewell.viewer_' || what, true), '')"
    " FROM unnest(ARRAY['staff_id', 'person_id', 'at', 'people', 'role']) AS what"
)


def looking_as_jo(place: Place) -> Viewer:
    who = ("jo", Audience.PRACTITIONER, "Jo", place.site.practitioner, None)
    return Viewer(b"", *who, 1, SessionLevel.SECOND_FACTOR, datetime.now(UTC), True)


async def test_nothing_is_left_for_whoever_borrows_the_connection_next(
    place: Place,
    one_connection: Any,  # noqa: ANN401 -- a pool of connections of any row
) -> None:
    jo = looking_as_jo(place)
    with_jo, with_nobody = (request_of(place, one_connection, who) for who in (jo, None))
    for ends_badly in (False, True):
        try:
            async with transaction(with_jo) as connection:
                assert len(await (await connection.execute(SEEN)).fetchall()) == 3
                pid = connection.info.backend_pid
                if ends_badly:
                    await connection.execute("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero:
            assert ends_badly
        async with transaction(with_nobody) as connection:
            assert connection.info.backend_pid == pid
            assert await (await connection.execute(SEEN)).fetchall() == []
            assert set(await (await connection.execute(SETTINGS)).fetchall()) == {("",)}


async def test_a_page_that_commits_too_early_sees_nothing_more(
    place: Place,
    one_connection: Any,  # noqa: ANN401 -- a pool of connections of any row
) -> None:
    jo = looking_as_jo(place)
    async with transaction(request_of(place, one_connection, jo)) as connection:
        await connection.commit()
        assert await (await connection.execute(SEEN)).fetchall() == []


# ---- An owner who is no superuser ---------------------------------------------


@pytest.fixture
async def plain_owner(postgres: PostgresServer) -> AsyncIterator[str]:
    """A database whose owner is an ordinary role, as managed servers have it."""
    name = f"owned_{uuid.uuid4().hex}"
    owner, database = sql.Identifier(name), sql.Identifier(name)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD 'x'").format(owner))
        for role in Role:
            grant = sql.SQL("GRANT {} TO {} WITH ADMIN OPTION")
            connection.execute(grant.format(sql.Identifier(role.value), owner))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        yield with_name(postgres.url, name).replace(
            postgres.url.split("@")[0], f"postgresql://{name}:x"
        )
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
        connection.execute(sql.SQL("DROP OWNED BY {}").format(owner))
        connection.execute(sql.SQL("DROP ROLE {}").format(owner))


async def test_an_owner_who_is_no_superuser_guards_as_well(plain_owner: str) -> None:
    await migrate(plain_owner, "plain")
    site = write_site(plain_owner, NOW)
    with psycopg.connect(conninfo(plain_owner, Role.PORTAL, "test")) as connection:
        eyes = Eyes(connection)
        assert eyes.people() == set()
        assert eyes.people(staff=site.practitioner) == {site.sam, site.robin, site.alex}
        assert eyes.people(staff=site.stranger) == set()
        assert eyes.count("alert_event", staff=site.practitioner) == 1
        with eyes.of(staff=site.practitioner):
            told = (site.practitioner, site.sam, NOW)
            query: LiteralString = (
                "SELECT count(*) FROM readings_for_staff(%s, %s, %s, '-infinity', 'infinity')"
            )
            assert connection.execute(query, told).fetchone() != (0,)
