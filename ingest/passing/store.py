"""Holes that scoring waits for, and the order of what it scored late, as the database keeps them.

It never moves `upto`: what a device is told rests on its frames alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np

from ingest.batch import DeviceBoot
from ingest.cursors import Gap, Kept
from ingest.reasons import ScoredLater
from ingest.rows import Rows
from ingest.store import Store, Transaction
from tidewell.database import Queries
from tidewell.local_time import utc_moment

QUERIES: Final = Queries("ingest.passing", "holes.sql")


async def holes_due(
    store: Store, noticed_before: datetime, most: int, held_back: Collection[int]
) -> list[tuple[DeviceBoot, int]]:
    """Return the boots in which scoring waited too long, each with the last frame to pass.

    Those of devices that are held back would only keep the others waiting.
    """
    rows = await store.fetch(
        QUERIES["holes_due"],
        noticed_before=noticed_before,
        shards=sorted(store.epochs),
        most=most,
        held_back=sorted(held_back),
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


async def note_unscored(
    transaction: Transaction, rows: Rows | None, kept: Mapping[DeviceBoot, Kept]
) -> None:
    """Note in which time of their person the readings lie that were stored and not scored."""
    if rows is None:
        return
    for key, one in kept.items():
        if one.scored_upto == one.cursor.highest:
            continue
        of_boot = (rows.device_id == key[0]) & (rows.boot == key[1])
        time_ms = rows.time_ms[of_boot & (rows.seq > one.scored_upto)]
        if len(time_ms):
            first, last = int(np.min(time_ms)), int(np.max(time_ms))
            which = {"device_id": key[0], "boot": key[1]}
            times = {"first_time": utc_moment(first), "last_time": utc_moment(last)}
            await transaction.execute(QUERIES["widen_unscored_span"], {**which, **times})


async def forget_unscored(transaction: Transaction, key: DeviceBoot) -> None:
    """Forget where the unscored readings of a boot lie, if its stored cursor leaves none."""
    which = {"device_id": key[0], "boot": key[1]}
    await transaction.execute(QUERIES["forget_unscored_span"], which)
