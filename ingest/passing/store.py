"""Holes that scoring waits for, and the order of what it scored late, as the database keeps them.

It never moves `upto`: what a device is told rests on its frames alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ingest.batch import DeviceBoot
from ingest.cursors import Gap
from ingest.reasons import ScoredLater
from ingest.store import Store, Transaction
from tidewell.database import Queries

QUERIES: Final = Queries("ingest.passing", "holes.sql")


async def holes_due(
    store: Store, noticed_before: datetime, most: int
) -> list[tuple[DeviceBoot, int]]:
    """Return the boots in which scoring waited too long, each with the last frame to pass."""
    rows = await store.fetch(
        QUERIES["holes_due"],
        noticed_before=noticed_before,
        shards=sorted(store.epochs),
        most=most,
    )
    return [((device_id, boot), last) for device_id, boot, last in rows]


async def pass_holes(
    transaction: Transaction, key: DeviceBoot, holes: Sequence[Gap], stretches: Sequence[Gap]
) -> None:
    """Note that scoring went on without these holes, and that these stretches are scored now."""
    which = {"device_id": key[0], "boot": key[1], "passed_upto": holes[-1].last}
    await transaction.execute(QUERIES["pass_holes"], which)
    for hole in holes:
        await note_scored_later(transaction, key, hole, ScoredLater.HOLE_PASSED)
    for stretch in stretches:
        await note_scored_later(transaction, key, stretch)


async def note_scored_later(
    transaction: Transaction,
    key: DeviceBoot,
    stretch: Gap,
    kind: ScoredLater = ScoredLater.WAITED,
) -> None:
    """Note that frames which may have come before are scored by this transaction."""
    await transaction.execute(
        QUERIES["save_scored_later"],
        {
            "device_id": key[0],
            "boot": key[1],
            "first": stretch.first,
            "last": stretch.last,
            "kind": kind.value,
        },
    )
