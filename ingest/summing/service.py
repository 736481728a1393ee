"""Makes hours of minutes, a person at a time, beside the live worker of their shards.

Promises: all days but the last two have their hours within minutes, and a batch never waits for
more than a slice. What was begun and not finished is begun again. Never: ends ingest when it fails;
pages read minutes until hours are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Final

from ingest.beside.service import turns_beside
from ingest.summing.store import HoursStore
from tidewell.logs import get_logger

LOOK_EVERY_S: Final = 300.0
"""Days are over once a day; so long does a page read the minutes of a day that came late."""
REST_S: Final = 0.02
"""After each slice, so that hours take a small part of a core; ten thousand people, minutes."""


def hours_beside(
    url: str, shards: Callable[[], Iterable[int]], lease_s: int
) -> AbstractAsyncContextManager[None]:
    """Make the hours of these shards for as long as the block lasts, beside other work.

    Args:
        shards: returns those that are held now.
    """
    return turns_beside(
        lambda: _make_what_is_due(url, shards, lease_s), LOOK_EVERY_S, "hours wait to be made"
    )


async def make_hours(
    url: str, shards: Callable[[], Iterable[int]], lease_s: int, rest_s: float = REST_S
) -> int:
    """Make all hours that are due; return of how many people.

    Each of them has one turn: whoever gets late readings all the time would have no end of them.

    Raises:
        ServerUnavailableError: the database did not answer.
    """
    people, last = 0, -1
    async with HoursStore.open(url, lease_s) as store:
        while due := await store.due(sorted(shards()), after=last):
            people, last = people + len(due), due[-1][0]
            for person_id, shard in due:
                is_left = True
                while is_left and shard in set(shards()):
                    is_left = await store.make_some(person_id, shard)
                    await asyncio.sleep(rest_s)
    return people


async def _make_what_is_due(url: str, shards: Callable[[], Iterable[int]], lease_s: int) -> None:
    if people := await make_hours(url, shards, lease_s):
        get_logger().info("hours made", people=people)
