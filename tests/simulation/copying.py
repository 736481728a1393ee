"""COPY of the database in memory, in either direction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.database import Answer


class Copy:
    """A COPY in either direction."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.written: list[bytes] = []

    async def write(self, part: bytes) -> None:
        """Take a part of what is copied in."""
        self.written.append(bytes(part))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._answer.copied:
            yield self._answer.copied
