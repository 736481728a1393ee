"""How many shards a worker ought to hold, which it gives back, and under which name it listens.

Promises: any two workers that count the same workers agree, so shards come to rest; a worker never
gives back its last shard. Never decides from what another worker says, only from counts that both
read from the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

from tidewell.vocabulary import SHARD_COUNT

SLOT_COUNT: Final = SHARD_COUNT
"""A worker more than there are shards would have nothing to do."""
MOVED_AT_ONCE: Final = 8
"""Shards that a worker takes or gives back in one round beside others: an eighth of everybody is
caught up with or stored in a second or two, and what it holds besides waits no longer than that."""
ROUNDS_IN_A_LEASE: Final = 5
"""Renewed five times before it runs out: two rounds may fail, and a third still is in time."""


def fair_share(workers: int) -> int:
    """Return the most shards that one of so many workers holds.

    Example:
        >>> [fair_share(workers) for workers in (1, 2, 3, 64)]
        [64, 32, 22, 1]
    """
    return -(-SHARD_COUNT // max(1, min(workers, SHARD_COUNT)))


def surplus(held: Collection[int], workers: int) -> list[int]:
    """Return the shards to give back now: the highest ones, so that the same ones stay each time.

    Example:
        >>> surplus([0, 1, 2, 9], workers=22)
        [9]
    """
    return sorted(held)[fair_share(workers) :][-MOVED_AT_ONCE:]


def room(held_count: int, workers: int) -> int:
    """Return how many shards to take now, if they are free.

    Alone, a worker takes all of them: until somebody holds them, nobody hears their devices.

    Example:
        >>> room(0, workers=1), room(0, workers=2), room(30, workers=2), room(32, workers=2)
        (64, 8, 2, 0)
    """
    if workers <= 1:
        return SHARD_COUNT - held_count
    return max(0, min(MOVED_AT_ONCE, fair_share(workers) - held_count))


def session_name(secret: str, slot: int) -> str:
    """Return the MQTT client id of the worker in a slot.

    The broker keeps a session for each id and puts frames aside for it, so there must be few ids
    and always the same ones: one for each slot, whichever process has it. None can be reckoned from
    another. The first slot has the secret itself, so that a site with one worker keeps its session
    when it gets a second.

    Example:
        >>> session_name("s" * 32, 1) == "s" * 32, len(session_name("s" * 32, 2))
        (True, 39)
    """
    if slot == 1:
        return secret
    of_slot = hashlib.sha256(f"tidewell ingest slot {slot} {secret}".encode())
    return f"ingest-{of_slot.hexdigest()[:32]}"
