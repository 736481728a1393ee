"""A TCP proxy that breaks on command, between a client and a server that are both real.

It promises that the address stays the same through all modes, and that nothing it took from one
side is lost when it goes from deaf back to open.
"""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

CHUNK_BYTES: Final = 65_536
LOOPBACK: Final = "127.0.0.1"


class Mode(StrEnum):
    """What the proxy does with connections."""

    OPEN = "open"
    CLOSED = "closed"
    DEAF = "deaf"


class Proxy:
    """A proxy to a port of this machine; `async with Proxy(port) as proxy: … proxy.port`."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.accepted = 0
        self._target_port = target_port
        self._hears = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self.switch(Mode.OPEN)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.switch(Mode.CLOSED)

    async def switch(self, mode: Mode) -> None:
        """Change what happens to present and to later connections.

        Open forwards. Closed cuts present connections and refuses later ones. Deaf accepts and
        keeps connections but forwards nothing, like a network that swallows packets.
        """
        if mode is Mode.OPEN:
            self._hears.set()
        else:
            self._hears.clear()
        if mode is Mode.CLOSED:
            await self._close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Cut all present connections, without a goodbye; later ones go by the mode."""
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            # A cut is what this proxy is for; cancelling comes only from `cut`.
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)
            self._writers.discard(writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._hears.wait()
        target_reader, target_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
        self._writers.add(target_writer)
        pumps = [
            asyncio.create_task(self._pump(reader, target_writer)),
            asyncio.create_task(self._pump(target_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            target_writer.transport.abort()
            self._writers.discard(target_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._hears.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            # What was written must leave before the connection is aborted.
            writer.write_eof()
            await writer.drain()
