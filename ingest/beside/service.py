"""Takes turns at a piece of work for as long as something else goes on.

Promises: a turn that fails is said, and the next one comes all the same; none is left running when
the block ends. Never: ends the block.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tidewell.logs import get_logger


@asynccontextmanager
async def turns_beside(
    turn: Callable[[], Awaitable[None]], every_s: float, what_waits: str
) -> AsyncIterator[None]:
    """Take a turn every so often for as long as the block lasts.

    Args:
        what_waits: what the log says of a turn that failed, such as "hours wait to be made".
    """
    task = asyncio.create_task(_take_turns(turn, every_s, what_waits))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _take_turns(turn: Callable[[], Awaitable[None]], every_s: float, what_waits: str) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await turn()
        except Exception as error:  # noqa: BLE001 -- ingest goes on whatever happens beside it
            why = f"{type(error).__name__}: {error}".strip()
            get_logger().warning(what_waits, why=why)
