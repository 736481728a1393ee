"""A TCP proxy that breaks on command, between a client and a server that are both real.

It promises that the address stays the same through all modes, and that nothing it took from one
side is lost when it goes from deaf, slow or sliced back to open. A trap waits for some bytes of a
client and acts at that very moment, for what has to happen in the middle of something.
"""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

CHUNK_BYTES: Final = 65_536
LOOPBACK: Final = "127.0.0.1"
SLOW_S: Final = 0.2
"""A bad mobile connection; each chunk waits for it, so answers come late and in order."""


class Mode(StrEnum):
    """What the proxy does with connections."""

    OPEN = "open"
    CLOSED = "closed"
    DEAF = "deaf"
    SLOW = "slow"
    SLICED = "sliced"


class Trap:
    """Waits for `pattern` in what a client sends, and springs once.

    With `act`, that is done while the server has not got these bytes; it gets the port that the
    server sees. Without, they are sent on and the connection is cut before the answer: the client
    never hears what came of them.
    """

    def __init__(self, pattern: bytes, act: Callable[[int], Awaitable[None]] | None = None) -> None:
        self.pattern = pattern
        self.act = act
        self.sprung = asyncio.Event()


class _CutError(OSError):
    """A trap ended this connection."""


class Proxy:
    """A proxy to a port of this machine; `async with Proxy(port) as proxy: … proxy.port`."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.accepted = 0
        self._target_port = target_port
        self._mode = Mode.OPEN
        self._hears = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._trap: Trap | None = None
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
        keeps connections but forwards nothing, like a network that swallows packets. Slow forwards
        late, sliced forwards one byte at a time.
        """
        self._mode = mode
        if mode in (Mode.CLOSED, Mode.DEAF):
            self._hears.clear()
        else:
            self._hears.set()
        if mode is Mode.CLOSED:
            await self._close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def set_trap(self, trap: Trap | None) -> None:
        """Set a trap in place of the one before; it springs once."""
        self._trap = trap

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
        muted = asyncio.Event()
        pumps = [
            asyncio.create_task(self._pump_up(reader, target_writer, muted)),
            asyncio.create_task(self._pump_down(target_reader, writer, muted)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            target_writer.transport.abort()
            self._writers.discard(target_writer)

    async def _pump_up(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._hears.wait()
            if self._trap is not None and self._trap.pattern in data:
                await self._spring(self._trap, data, writer, muted)
            await self._send_on(data, writer)
        await _say_all(writer)

    async def _pump_down(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._hears.wait()
            if not muted.is_set():
                await self._send_on(data, writer)
        await _say_all(writer)

    async def _spring(
        self, trap: Trap, data: bytes, writer: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        self._trap = None
        if trap.act is not None:
            await trap.act(writer.get_extra_info("sockname")[1])
            trap.sprung.set()
            return
        muted.set()
        writer.write(data)
        await writer.drain()
        # The server has to get to it before it notices that nobody listens any more.
        await asyncio.sleep(SLOW_S)
        trap.sprung.set()
        raise _CutError

    async def _send_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self._mode is Mode.SLOW:
            await asyncio.sleep(SLOW_S)
        if self._mode is not Mode.SLICED:
            writer.write(data)
            await writer.drain()
            return
        for place in range(len(data)):
            writer.write(data[place : place + 1])
            await asyncio.sleep(0)
        await writer.drain()


async def _say_all(writer: asyncio.StreamWriter) -> None:
    """Let what was written leave before the connection is aborted."""
    with contextlib.suppress(OSError):
        writer.write_eof()
        await writer.drain()
