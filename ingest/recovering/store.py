"""Reads what a detector has to see again, over a connection of its own.

It promises to hold one part of the readings at a time. It only reads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.rows import Rows, ScoredReader
from ingest.store import QUERIES, Snapshot
from tidewell.database import Role, connect

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)


async def scored_readings(
    url: str,
    people: Sequence[int],
    snapshots: Sequence[Snapshot],
    most: int,
    latest: datetime = LATEST,
) -> AsyncIterator[tuple[Rows, NDArray[np.int64]]]:
    """Yield what was scored of these people after their snapshots, in that order, and when it was.

    At most about so many rows at a time; the worker's own connection renews leases meanwhile.
    Without a snapshot it is all that was ever scored. What says that it was received after `latest`
    was received while the clock was ahead; it has the time at which it was scored.
    """
    unseen = [(one.shard, *hole) for one in snapshots for hole in one.unseen]
    seen = [(one.shard, *key, upto) for one in snapshots for key, upto in one.seen_upto.items()]
    parameters = {
        "people": list(people),
        "received_from": min((one.replay_from for one in snapshots), default=EARLIEST),
        "latest": latest,
        "shards": [shard for shard, *_ in seen],
        "devices": [device_id for _, device_id, _, _ in seen],
        "boots": [boot for *_, boot, _ in seen],
        "seen": [upto for *_, upto in seen],
        "hole_shards": [shard for shard, *_ in unseen],
        "hole_devices": [device_id for _, device_id, *_ in unseen],
        "hole_boots": [boot for *_, boot, _, _ in unseen],
        "hole_firsts": [first for *_, first, _ in unseen],
        "hole_lasts": [last for *_, last in unseen],
    }
    name = "tidewell ingest, catching up"
    async with (
        await connect(url, Role.INGEST, name, autocommit=True) as connection,
        connection.cursor() as cursor,
        cursor.copy(QUERIES["copy_scored_readings"], parameters) as copy,
    ):
        reader = ScoredReader()
        async for part in copy:
            if reader.feed(bytes(part)) >= most:
                yield reader.take()
        if reader.feed(b""):
            yield reader.take()
