"""Client libraries that wait: each message in a thread, and none longer than it may.

Promises: nothing else waits while a library does; a message that takes too long is given back as
trouble that may pass, and its thread is left to end by itself.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tidewell.errors import ChannelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from alerts.deliveries import Message


class Threads:
    """The threads of one channel; `service` is how its errors call it."""

    def __init__(self, name: str, service: str, most: int, within_s: float) -> None:
        self._service = service
        self._within_s = within_s
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def hand_over(self, work: Callable[[Message], None], message: Message) -> None:
        """Do it in a thread; raises what it raises, or `ChannelUnavailableError` when late."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._within_s):
                await loop.run_in_executor(self._pool, work, message)
        except TimeoutError:
            raise ChannelUnavailableError(f"{self._service} did not answer in time") from None

    def close(self) -> None:
        """Begin no further message; those under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
