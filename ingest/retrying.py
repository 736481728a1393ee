"""How long to wait before a server that is away is asked again.

Promises: soon at first, and never so often that a server which comes back is kept from it. Pure.
"""

from __future__ import annotations

from typing import Final

RETRY_FIRST_S: Final = 0.5
RETRY_MOST_S: Final = 15.0
"""A restart of a database or broker takes seconds; asking more often would only slow it down."""


def next_wait_s(waited_s: float) -> float:
    """Return how long to wait after having waited so long in vain.

    Example:
        >>> next_wait_s(0.0), next_wait_s(0.5), next_wait_s(12.0)
        (0.5, 1.0, 15.0)
    """
    return min(RETRY_MOST_S, max(RETRY_FIRST_S, 2 * waited_s))
