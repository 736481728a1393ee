"""The figures of alert health from PostgreSQL: three bounded queries over the alerts of a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import class_row

from tidewell.alert_health.figures import GroupRow, Health, PeopleRow, UnreachedRow, health_of
from tidewell.database import Connection, Queries

DAYS_MOST: Final = 366
"""A year says what a month cannot; more would be about another service."""
UNREACHED_MOST: Final = 50
"""A list that is longer is one piece of news: messages do not go out."""

_SQL: Final = Queries("tidewell.alert_health", "store.sql")


async def read_health(connection: Connection, now: datetime, days: int) -> Health:
    """Return how alerts did in the last days."""
    span = {"since": now - timedelta(days=days), "until": now, "most": UNREACHED_MOST}
    async with connection.cursor(row_factory=class_row(GroupRow)) as cursor:
        await cursor.execute(_SQL["groups"], span)
        groups = await cursor.fetchall()
    async with connection.cursor(row_factory=class_row(PeopleRow)) as cursor:
        await cursor.execute(_SQL["people"], span)
        people = await cursor.fetchall()
    async with connection.cursor(row_factory=class_row(UnreachedRow)) as cursor:
        await cursor.execute(_SQL["unreached"], span)
        unreached = await cursor.fetchall()
    return health_of(days, groups, people, unreached)
