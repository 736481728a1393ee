"""Duty rotas in PostgreSQL: read by alerts and the pages, written by administrators.

What ends is kept with its end, so that it can be told later who was on duty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from psycopg.rows import kwargs_row

from tidewell.database import Connection, Queries
from tidewell.rota import Rota, Shift, WeeklyShift

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tidewell.rota_plans import RotaPlan

QUERIES: Final = Queries("tidewell", "rota_store.sql")


@dataclass(frozen=True, slots=True)
class _Row:
    rota_shift_id: int
    rota_id: int
    staff_id: int
    timezone: str | None
    weekday: int | None
    starts_minute: int | None
    ends_minute: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    holds_from: datetime
    holds_until: datetime | None

    def weekly(self) -> WeeklyShift | None:
        """Return it as a shift of each week, where it is one."""
        if self.timezone is None or self.weekday is None:
            return None
        assert self.starts_minute is not None  # the table checks that all four are there
        assert self.ends_minute is not None
        return WeeklyShift(
            self.staff_id,
            self.timezone,
            self.weekday,
            self.starts_minute,
            self.ends_minute,
            self.holds_from,
            self.holds_until,
        )

    def dated(self) -> Shift | None:
        """Return it as a shift of one date, where it is one and lasts."""
        if self.starts_at is None or self.ends_at is None:
            return None
        ends_at = self.ends_at if self.holds_until is None else min(self.ends_at, self.holds_until)
        if ends_at <= self.starts_at:
            return None
        return Shift(self.starts_at, ends_at, self.staff_id, is_dated=True)


async def read_rotas(
    connection: Connection, since: datetime, rota_ids: Sequence[int] | None = None
) -> dict[int, Rota]:
    """Return rotas by number, with the shifts that may count after a moment."""
    names = await (await connection.execute(QUERIES["rotas"])).fetchall()
    async with connection.cursor(row_factory=kwargs_row(_Row)) as cursor:
        wanted = None if rota_ids is None else list(rota_ids)
        await cursor.execute(QUERIES["shifts"], {"rota_ids": wanted, "since": since})
        rows = await cursor.fetchall()
    return {
        rota_id: Rota(
            rota_id,
            name,
            tuple(
                one for row in rows if row.rota_id == rota_id and (one := row.weekly()) is not None
            ),
            tuple(
                two for row in rows if row.rota_id == rota_id and (two := row.dated()) is not None
            ),
        )
        for rota_id, name in names
        if rota_ids is None or rota_id in rota_ids
    }


async def dated_numbers(connection: Connection, rota_id: int, since: datetime) -> dict[Shift, int]:
    """Return the numbers of the dated shifts of a rota, by which they are taken back."""
    async with connection.cursor(row_factory=kwargs_row(_Row)) as cursor:
        await cursor.execute(QUERIES["shifts"], {"rota_ids": [rota_id], "since": since})
        rows = await cursor.fetchall()
    return {shift: row.rota_shift_id for row in rows if (shift := row.dated()) is not None}


async def practitioners(connection: Connection, now: datetime) -> dict[str, int]:
    """Return who can be on a rota then, by what they sign in with."""
    cursor = await connection.execute(QUERIES["practitioners"], {"now": now})
    return {str(name): int(number) for name, number in await cursor.fetchall()}


async def write_rota(
    connection: Connection, plan: RotaPlan, staff: Mapping[str, int], now: datetime
) -> int:
    """Let a rota hold from now on and return its number; what it does not say holds no longer."""
    row = await (
        await connection.execute(QUERIES["add_rota"], {"name": plan.name, "now": now})
    ).fetchone()
    assert row is not None  # RETURNING always answers
    which = {"rota_id": row[0], "now": now}
    await connection.execute(QUERIES["end_shifts"], which)
    for weekly in plan.weekly:
        values = {
            "staff_id": staff[weekly.who],
            "timezone": plan.timezone,
            "weekday": weekly.weekday,
            "starts_minute": weekly.starts_minute,
            "ends_minute": weekly.ends_minute,
            "holds_from": weekly.holds_from(now),
        }
        await connection.execute(QUERIES["add_weekly"], which | values)
    for dated in plan.dated:
        # What was before now belongs to the shifts that held then.
        times = {"starts_at": max(dated.starts_at, now), "ends_at": dated.ends_at}
        who = {"staff_id": staff[dated.who]}
        await connection.execute(QUERIES["add_dated"], which | who | times)
    return int(row[0])
