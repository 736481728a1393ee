"""Openings in need, in PostgreSQL: each is told once, by the outbox of notices.

Promises: the notice and its messages are written in one transaction, before anything is sent. What
leaves the building names nobody and gives no reason. Where nobody else is there to be told, the
administrators are.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from alerts.operations.store import admins, lock_notices, queue_notice
from tidewell.database import Queries

if TYPE_CHECKING:
    from alerts.store import Desk

TAKEN_MOST: Final = 20
"""A member of staff opens three a day at most; the rest comes at the next look, seconds later."""
NEW_FOR: Final = timedelta(days=7)
"""Longer than any outage of ours that nobody noticed; later the page says it."""

_SQL: Final = Queries("alerts.openings", "store.sql")


async def tell_of_openings(desk: Desk) -> int:
    """Write down who is told of openings that nobody was told of; return how many there were."""
    async with desk.connection.transaction():
        await lock_notices(desk)
        which = {"since": desk.now - NEW_FOR, "most": TAKEN_MOST}
        found = await (await desk.connection.execute(_SQL["new_openings"], which)).fetchall()
        for opening_id, person_id, staff_id, opened_at in found:
            values = {
                "opening_id": opening_id,
                "person_id": person_id,
                "staff_id": staff_id,
                "opened_at": opened_at,
                "now": desk.now,
            }
            row = await (await desk.connection.execute(_SQL["raise_notice"], values)).fetchone()
            if row is None:
                continue
            told = await (await desk.connection.execute(_SQL["told"], values)).fetchall()
            staff_ids = [int(one) for (one,) in told] or await admins(desk)
            await queue_notice(desk, int(row[0]), staff_ids)
    return len(found)
