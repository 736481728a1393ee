"""What every page can reach: the database, the clock, the templates, who is looking.

Holds keys and small helpers only. Never holds anything about a person beyond one request.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, LiteralString, TypeVar

from aiohttp import web
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from tidewell.database import Connection
from tidewell.settings import Settings
from tidewell.viewing import look_as

T = TypeVar("T")
Pool = AsyncConnectionPool[Connection]
NowFunction = Callable[[], datetime]


class Audience(StrEnum):
    """Whom a page is for. A page without an audience cannot be registered."""

    ANYONE = "anyone"
    PRACTITIONER = "practitioner"
    CLINICIAN = "clinician"
    YOUNG_PERSON = "young_person"
    ADMIN = "admin"
    SERVICE_MANAGER = "service_manager"
    """Not a role of its own: a practitioner or a clinician who also runs a service."""


class SessionLevel(StrEnum):
    """What somebody has proved in a session."""

    PASSWORD = "password"  # noqa: S105 -- the name of a level
    SECOND_FACTOR = "second_factor"


class Scope(StrEnum):
    """What a program may do for whoever gave it a token; people on the pages may do both."""

    READ = "read"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in, as their session or the token of their program says."""

    token_hash: bytes
    username: str
    audience: Audience
    name: str
    staff_id: int | None
    person_id: int | None
    session_id: int
    level: SessionLevel
    proved_at: datetime
    has_second_factor: bool
    is_service_manager: bool = False
    scopes: frozenset[Scope] = frozenset(Scope)
    is_program: bool = False

    @property
    def audiences(self) -> frozenset[Audience]:
        """Return everything that they are to the pages."""
        also = {Audience.SERVICE_MANAGER} if self.is_service_manager else set()
        return frozenset({self.audience} | also)

    @property
    def browser_key(self) -> str:
        """Return what the tabs of one session have in common; nothing follows from it."""
        return hashlib.sha256(b"tidewell tabs " + self.token_hash).hexdigest()[:16]

    @property
    def known_staff_id(self) -> int:
        """Return the staff number; only pages for staff may ask."""
        if self.staff_id is None:
            raise AssertionError("a page for staff was opened by somebody else")
        return self.staff_id

    @property
    def known_person_id(self) -> int:
        """Return the young person's number; only their own pages may ask."""
        if self.person_id is None:
            raise AssertionError("a young person's page was opened by somebody else")
        return self.person_id


@dataclass(frozen=True, slots=True)
class DemoSignIn:
    """A sign-in of the demo, shown on its sign-in page."""

    who: str
    username: str
    password: str


POOL: Final = web.AppKey("pool", Pool)
SETTINGS: Final = web.AppKey("settings", Settings)
NOW: Final[web.AppKey[NowFunction]] = web.AppKey("now")
DEMO_SIGN_INS: Final = web.AppKey("demo_sign_ins", tuple[DemoSignIn, ...])
VIEWER: Final = web.RequestKey("viewer", Viewer)
NONCE: Final = web.RequestKey("nonce", str)
API_PATH: Final = "/api/"
"""Below it programs ask; they get problem documents and no pages."""

EVENTS_BEFORE: Final = web.RequestKey("events_before", int)
"""The newest event of the feed before the page was read: what comes later is news to the page."""


def viewer_of(request: web.Request) -> Viewer:
    """Return who is looking; only pages that are not for anyone may ask."""
    return request[VIEWER]


def is_for_programs(request: web.Request) -> bool:
    """Return whether an address belongs to the interface for programs."""
    return request.path.startswith(API_PATH)


def now_of(request: web.Request) -> datetime:
    """Return the present moment, as the application's clock has it."""
    return request.app[NOW]()


@asynccontextmanager
async def transaction(request: web.Request) -> AsyncIterator[Connection]:
    """Lend a connection for one transaction: it commits at the end, or not at all.

    The database is told who is looking, for this transaction only, and shows rows about people to
    them alone; before anybody is known it shows none.
    """
    async with request.app[POOL].connection() as connection:
        viewer = request.get(VIEWER)
        if viewer is not None:
            await look_as(connection, viewer.staff_id, viewer.person_id, now_of(request))
        yield connection


async def rows(
    connection: Connection, shape: type[T], query: LiteralString, values: Mapping[str, object]
) -> list[T]:
    """Run a query and return its rows as objects of `shape`."""
    async with connection.cursor(row_factory=class_row(shape)) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()


async def first_row(
    connection: Connection, shape: type[T], query: LiteralString, values: Mapping[str, object]
) -> T | None:
    """Run a query and return its first row as an object of `shape`, or None."""
    found = await rows(connection, shape, query, values)
    return found[0] if found else None
