"""Words of their own are told: every free text of a young person reaches somebody.

It goes through the concerns that exist, in the transaction that keeps the words: what is kept is
told, and what cannot be told is not kept. The words themselves are copied nowhere.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tidewell.database import Connection, Queries
from tidewell.vocabulary import Level

_CONCERNS: Final = Queries("portal", "concerns.sql")


async def tell_words(
    connection: Connection,
    person_id: int,
    level: Level,
    now: datetime,
    *,
    check_in_id: int | None = None,
    context_note_id: int | None = None,
    data_request_id: int | None = None,
) -> None:
    """Write down that somebody wrote, where it stands and how soon it has to be read."""
    values = {
        "person_id": person_id,
        "level": level.value,
        "check_in_id": check_in_id,
        "context_note_id": context_note_id,
        "data_request_id": data_request_id,
        "now": now,
    }
    cursor = await connection.execute(_CONCERNS["say_words"], values)
    for (concern_id,) in await cursor.fetchall():
        await connection.execute(_CONCERNS["tell_alerts"], {"concern_id": concern_id})
