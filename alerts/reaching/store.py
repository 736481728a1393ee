"""The facts of a look ahead out of PostgreSQL, and what it found into it.

Rule 1: of several processes one looks.
Rule 2: what is kept names staff and never a young person.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from psycopg.rows import kwargs_row, scalar_row
from psycopg.types.json import Jsonb

from alerts.intake.store import site_policy
from alerts.reaching.facts import Assigned, Cover, Staff
from alerts.reaching.preflight import Finding, who_would_be_reached
from alerts.reaching.words import Names, Told, told
from tidewell.database import Queries
from tidewell.rota import LONGEST, Rota, Span
from tidewell.rota_store import read_rotas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alerts.policy import PolicyDocument
    from alerts.store import Desk

LOOK_EVERY: Final = timedelta(hours=1)
"""A cover or a rota that changes in the morning is judged again before the day is half over."""

LOOK_AHEAD_DAYS: Final = 7
KEPT_FOR: Final = timedelta(days=30)
"""Long enough to see since when a hole was known."""

FINDINGS_MOST: Final = 200
"""More than anybody reads; the worst come first."""

TIMEZONE: Final = "Europe/London"
"""Whose clock tells times where the policy has no working hours."""

_SQL: Final = Queries("alerts.reaching", "store.sql")


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that a look ahead needs, at one moment."""

    document: PolicyDocument
    people: Mapping[int, tuple[Assigned, ...]]
    staff: Mapping[int, Staff]
    addresses: frozenset[int] | None
    rotas: Mapping[int, Rota]
    covers: Sequence[Cover]
    week: Span
    names: Names

    def look(self) -> list[Finding]:
        """Look ahead; pure, and a second of work for ten thousand people."""
        return who_would_be_reached(
            self.document,
            self.people,
            self.staff,
            self.addresses,
            self.rotas,
            self.covers,
            self.week,
        )

    def told(self, findings: Sequence[Finding]) -> list[Told]:
        """Return findings in plain words."""
        return [told(finding, self.week, self.names) for finding in findings]


@dataclass(frozen=True, slots=True)
class _Assigned:
    person_id: int
    staff_id: int | None
    kind: str | None
    valid_from: datetime | None
    valid_until: datetime | None

    def assigned(self) -> Assigned | None:
        """Return it, where there is somebody."""
        if self.staff_id is None or self.kind is None or self.valid_from is None:
            return None
        return Assigned(self.staff_id, self.kind, self.valid_from, self.valid_until)


async def gather(
    desk: Desk, days: int = LOOK_AHEAD_DAYS, document: PolicyDocument | None = None
) -> Gathered:
    """Read what a look ahead needs, for the policy that holds or for another one."""
    week = Span(desk.now, desk.now + timedelta(days=days))
    document = document or await site_policy(desk)
    rotas = await read_rotas(desk.connection, desk.now - LONGEST, document.rotas())
    cursor = await desk.connection.execute(_SQL["staff"])
    rows = await cursor.fetchall()
    hours = document.working_hours
    return Gathered(
        document,
        await _people(desk, week),
        {row[0]: Staff(*row[:4]) for row in rows},
        await _addresses(desk),
        rotas,
        await _covers(desk, week),
        week,
        Names(
            {row[0]: str(row[4]) for row in rows},
            {rota.rota_id: rota.name for rota in rotas.values()},
            hours.timezone if hours is not None else TIMEZONE,
        ),
    )


async def is_due(desk: Desk) -> bool:
    """Return whether somebody has to look now; nobody else does until this transaction ends."""
    async with desk.connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_SQL["is_due"], {"since": desk.now - LOOK_EVERY, "now": desk.now})
        return bool(await cursor.fetchone())


async def keep(desk: Desk, gathered: Gathered, found: Sequence[Told]) -> None:
    """Keep what was found, and forget what is long over."""
    values = {
        "now": desk.now,
        "until": gathered.week.ends_at,
        "people": len(gathered.people),
        "findings": Jsonb([asdict(one) for one in found[:FINDINGS_MOST]]),
    }
    await desk.connection.execute(_SQL["keep"], values)
    await desk.connection.execute(_SQL["forget"], {"before": desk.now - KEPT_FOR})


async def _people(desk: Desk, week: Span) -> dict[int, tuple[Assigned, ...]]:
    async with desk.connection.cursor(row_factory=kwargs_row(_Assigned)) as cursor:
        await cursor.execute(_SQL["people"], {"now": desk.now, "end": week.ends_at})
        rows = await cursor.fetchall()
    return {
        person_id: tuple(one for row in of_person if (one := row.assigned()) is not None)
        for person_id, of_person in groupby(rows, key=lambda row: row.person_id)
    }


async def _addresses(desk: Desk) -> frozenset[int] | None:
    if not desk.site.needs_addresses:
        return None
    channels = sorted(desk.site.personal_channels)
    async with desk.connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_SQL["addresses"], {"channels": channels, "now": desk.now})
        return frozenset(await cursor.fetchall())


async def _covers(desk: Desk, week: Span) -> list[Cover]:
    async with desk.connection.cursor(row_factory=kwargs_row(Cover)) as cursor:
        await cursor.execute(_SQL["covers"], {"now": desk.now, "end": week.ends_at})
        return await cursor.fetchall()
