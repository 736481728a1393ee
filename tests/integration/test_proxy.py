"""The proxy breaks what it should, and only that."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.proxy import LOOPBACK, Mode, Proxy


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1_024):
        writer.write(data)
    writer.close()


async def test_a_proxy_is_open_deaf_cut_and_closed_on_command() -> None:
    echo = await asyncio.start_server(_echo, LOOPBACK, 0)
    async with echo, Proxy(echo.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"

        await proxy.switch(Mode.DEAF)
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        await proxy.switch(Mode.OPEN)
        assert await reader.readexactly(3) == b"two"

        await proxy.cut()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        again, again_writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        again_writer.write(b"three")
        assert await again.readexactly(5) == b"three"
        again_writer.close()

        await proxy.switch(Mode.CLOSED)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(LOOPBACK, proxy.port)
    assert proxy.accepted == 2
