"""gmqtt's client, except that frames come in and are confirmed many at a time.

gmqtt makes a task and a future for each message and writes each PUBACK by itself, which costs as
much as to store the frame. Here the packets of one read are looked through in one go: publishes at
QoS 1 go to `on_frames` together, all other packets to gmqtt. Signing in, keeping the connection
alive, encryption and subscriptions stay gmqtt's.

Promises: what is handed over was not confirmed; `confirm` alone does that, on the same connection
or not at all. While held, nothing more is read, so that the broker's own window and then TCP hold
the rest back. A broker that sends what MQTT does not allow loses the connection.
Never: connects the same object twice.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final

import gmqtt
from gmqtt.mqtt.connection import MQTTConnection
from gmqtt.mqtt.package import Package
from gmqtt.mqtt.protocol import MQTTProtocol

from ingest.batch import Arrival
from ingest.receiving.packets import (
    MalformedPacketError,
    packet_at,
    publish_at_most_once,
    take_frames,
)

FramesHandler = Callable[[list[Arrival]], None]
_END_OF_CONNECTION: Final = -1
"""What gmqtt's reading loop takes as the sign to stop."""


class _Protocol(MQTTProtocol):  # type: ignore[misc] # gmqtt has no types
    """gmqtt's protocol, reading frames in bulk."""

    def __init__(self, on_frames: FramesHandler, **more: Any) -> None:  # noqa: ANN401 -- gmqtt's own
        super().__init__(**more)
        self._on_frames = on_frames
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def read(self, n: int = -1) -> bytes:
        """Read what has come, as soon as there is room for it."""
        await self.may_read.wait()
        data: bytes = await super().read(n)
        return data

    def _read_packet(self, data: bytes) -> int:
        """Take in the whole packets at the start of `data`; return how many bytes they were."""
        place = 0
        try:
            while True:
                frames, place = take_frames(data, place)
                if frames:
                    self._on_frames(frames)
                found = packet_at(data, place)
                if found is None:
                    return place
                self._connection.put_package(Package(data[place], data[slice(*found)]))
                place = found[1]
        except MalformedPacketError:
            self._transport.close()
            return _END_OF_CONNECTION


class Client(gmqtt.Client):  # type: ignore[misc] # gmqtt has no types
    """A client whose frames are confirmed by `confirm`; `on_frames` has to be set to hear any."""

    on_frames: FramesHandler

    def __init__(self, client_id: str, *, clean_session: bool) -> None:
        super().__init__(client_id, clean_session=clean_session)
        self._protocol: _Protocol | None = None

    async def _create_connection(
        self,
        host: str,
        port: int,
        ssl: ssl.SSLContext | bool,
        clean_session: bool,
        keepalive: int,
    ) -> MQTTConnection:
        """Connect as gmqtt does, with our protocol, and without what it does to connect again."""
        transport, self._protocol = await asyncio.get_running_loop().create_connection(
            lambda: _Protocol(
                self._take_in,
                connection_state=self._connection_state,
                id_generator=self._package_handler.id_generator,
            ),
            host,
            port,
            ssl=ssl,
        )
        handler = self._package_handler
        return MQTTConnection(transport, self._protocol, clean_session, keepalive, handler)

    def confirm(self, receipts: Iterable[bytes]) -> None:
        """Confirm frames by the receipts that they came with."""
        self._write(b"".join(receipts))

    def tell(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish at QoS 0: topics and payloads."""
        self._write(b"".join([publish_at_most_once(*one) for one in messages]))

    def hold(self, *, on: bool) -> None:
        """Read nothing more from the broker until told otherwise."""
        if self._protocol is not None:
            if on:
                self._protocol.may_read.clear()
            else:
                self._protocol.may_read.set()

    def _take_in(self, frames: list[Arrival]) -> None:
        self.on_frames(frames)

    def _write(self, data: bytes) -> None:
        if data and not self._connection.is_closing():
            self._connection.send_package(data)
