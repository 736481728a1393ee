"""Who is looking: what the database is told at the start of a transaction of the portal's role.

Row security shows that role the people whom the viewer may see at that moment, and nobody where no
viewer was named. What is said here ends with the transaction, so that the next one to borrow the
connection starts as nobody.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tidewell.database import Connection, Queries

_SQL: Final = Queries("tidewell", "viewing.sql")


async def look_as(
    connection: Connection, staff_id: int | None, person_id: int | None, now: datetime
) -> None:
    """Say who looks in this transaction: a member of staff or a young person."""
    viewer = {"staff_id": staff_id, "person_id": person_id, "now": now}
    await connection.execute(_SQL["look_as"], viewer)
