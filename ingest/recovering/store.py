"""Reads what a detector has to see again, over a connection of its own.

It promises to hold one part of the readings at a time. It only reads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

from ingest.rows import CopyReader, Rows
from ingest.store import QUERIES, Snapshot
from tidewell.database import Role, connect

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def scored_readings(
    url: str, people: Sequence[int], snapshots: Sequence[Snapshot], most: int
) -> AsyncIterator[Rows]:
    """Yield what was scored of these people after their snapshots, in the order of scoring.

    At most about so many rows at a time; the worker's own connection renews leases meanwhile.
    Without a snapshot it is all that was ever scored.
    """
    seen = [(one.shard, *key, upto) for one in snapshots for key, upto in one.seen_upto.items()]
    parameters = {
        "people": list(people),
        "received_from": min((one.replay_from for one in snapshots), default=EARLIEST),
        "shards": [shard for shard, *_ in seen],
        "devices": [device_id for _, device_id, _, _ in seen],
        "boots": [boot for *_, boot, _ in seen],
        "seen": [upto for *_, upto in seen],
    }
    name = "tidewell ingest, catching up"
    async with (
        await connect(url, Role.INGEST, name, autocommit=True) as connection,
        connection.cursor() as cursor,
        cursor.copy(QUERIES["copy_scored_readings"], parameters) as copy,
    ):
        reader = CopyReader()
        async for part in copy:
            if reader.feed(bytes(part)) >= most:
                yield reader.rows()
        if reader.feed(b""):
            yield reader.rows()
