"""Waiting for what other processes do: look, pause, look again, and never for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOOK_S: Final = 0.1


async def until(holds: Callable[[], bool], within_s: float) -> bool:
    """Return whether something held within this time; looks ten times a second."""
    for _ in range(max(1, round(within_s / LOOK_S))):
        if holds():
            return True
        await asyncio.sleep(LOOK_S)
    return holds()


async def until_told(holds: Callable[[], Awaitable[bool]], within_s: float, every_s: float) -> bool:
    """Return whether something that has to be asked for held within this time."""
    for _ in range(max(1, round(within_s / every_s))):
        if await holds():
            return True
        await asyncio.sleep(every_s)
    return await holds()
