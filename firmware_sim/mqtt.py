"""One device on the network: connects, hands frames to the broker, hears answers, comes back.

It carries out what `firmware.Firmware` intends and decides nothing about frames. The broker's
PUBACK only opens the window for the next publish. Every connection gets a client of its own. A
device signs in as itself, with a client id that nobody else can know.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from firmware_sim.blocks import Block, Finished, NotBefore, Source
from firmware_sim.encoder import TopicKind
from firmware_sim.intentions import AckOutcome, Publish, PublishKind, WaitUntil
from tidewell.broker_access import client_context, client_id_of
from tidewell.clock import monotonic_s, now_ms
from tidewell.errors import UsageError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from firmware_sim.firmware import Firmware

KEEPALIVE_S: Final = 60
"""Half of what the wire format allows."""
PUBLISHES_IN_FLIGHT: Final = 64
"""Enough that a broker which syncs every message to disk answers in groups; 1 MiB at the most."""
PUBACK_TIMEOUT_S: Final = 60.0
"""A broker that keeps a publish unanswered for a minute is gone, whatever its connection says."""
IDLE_MAX_S: Final = 30.0
"""The longest sleep of a device's loop: what nobody woke it for is noticed after this."""
QUEUED_ANSWERS_MAX: Final = 64
"""Answers come once a second, and the next one says all that a lost one said."""
_DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_SUBSCRIPTION_REFUSED: Final = 128


class ConnectionTrouble(StrEnum):
    """Why a device has no connection."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    SUBSCRIPTION_REFUSED = "subscription_refused"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to sign in there.

    `client_id` is None where the device takes its own name; `context` where nothing is encrypted.
    """

    host: str
    port: int
    username: str | None
    password: str | None
    context: ssl.SSLContext | None = None
    client_id: str | None = None

    def as_device(self, device_name: str, secret: str) -> Broker:
        """Return the same broker for a device that signs in as itself."""
        return replace(self, username=device_name, password=secret, client_id=client_id_of(secret))


def parse_broker_url(url: str, authority: Path | None = None) -> Broker:
    """Return the parts of `mqtt://user:password@host:port`, or of `mqtts://…`.

    Args:
        authority: what the certificate of an encrypted broker has to come from; None for the
            authorities that this machine trusts.

    Raises:
        SettingsError: `authority` cannot be used.
        UsageError: it is not such an address; the message never repeats it, for its password.
    """
    try:
        parts = urlsplit(url)
        default_port = _DEFAULT_PORTS[parts.scheme]
        port = parts.port or default_port
    except (ValueError, KeyError):
        raise UsageError("the broker's address is not mqtt://user:password@host:port") from None
    if not parts.hostname:
        raise UsageError("the broker's address names no host; write mqtt://host:port")
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    context = client_context(parts.hostname, authority) if parts.scheme == "mqtts" else None
    return Broker(parts.hostname, port, username, password, context)


@dataclass(slots=True)
class DeviceTally:
    """What one device did, for progress and report."""

    frames_published: int = 0
    frames_retransmitted: int = 0
    readings: int = 0
    is_connected: bool = False
    last_trouble: ConnectionTrouble | None = None


class Device:
    """Runs one firmware with its source against a broker."""

    def __init__(self, broker: Broker, firmware: Firmware, source: Source) -> None:
        self.firmware = firmware
        self.tally = DeviceTally()
        self._broker = broker
        self._source = source
        self._source_finished = False
        self._source_due_ms = 0
        self._stopping = False
        self._wake = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._failed: BaseException | None = None

    def stop(self) -> None:
        """Ask the device to say goodbye and end."""
        self._stopping = True
        self._wake.set()

    @property
    def is_done(self) -> bool:
        """Return whether the source ended and everything of it is acknowledged."""
        return self._source_finished and self.firmware.is_drained

    async def run(self) -> None:
        """Connect again and again until all is acknowledged, or `stop` was called."""
        while not self._stopping and not self.is_done:
            try:
                async with self._client() as client:
                    await self._session(client)
            except MqttConnectError:
                self.tally.last_trouble = ConnectionTrouble.REFUSED
            except aiomqtt.MqttError:
                self._note_trouble()
            self.tally.is_connected = False
            if not self._stopping and not self.is_done:
                await self._wait_offline(self.firmware.disconnected(monotonic_s()))

    def _note_trouble(self) -> None:
        if self.tally.is_connected:
            self.tally.last_trouble = ConnectionTrouble.DROPPED
        elif self.tally.last_trouble is not ConnectionTrouble.SUBSCRIPTION_REFUSED:
            self.tally.last_trouble = ConnectionTrouble.UNREACHABLE

    def _client(self) -> aiomqtt.Client:
        self.firmware.battery_percent = self._source.battery_percent(now_ms())
        will = self.firmware.status(online=False, now_ms=now_ms())
        client = aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            identifier=self._broker.client_id or self.firmware.identity.device_name,
            clean_session=True,
            keepalive=KEEPALIVE_S,
            will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
            tls_context=self._broker.context,
            max_inflight_messages=PUBLISHES_IN_FLIGHT,
            max_queued_incoming_messages=QUEUED_ANSWERS_MAX,
        )
        client.pending_calls_threshold = PUBLISHES_IN_FLIGHT + 2
        _retrieve_disconnection(client)
        return client

    async def _session(self, client: aiomqtt.Client) -> None:
        """Work on one connection until it breaks, all is done, or the device is to stop."""
        _retrieve_disconnection(client)
        await self._subscribe(client)
        hello = self.firmware.connected(now_ms(), monotonic_s())
        self.tally.is_connected = True
        self.tally.last_trouble = None
        listener = asyncio.create_task(self._listen(client))
        listener.add_done_callback(lambda _: self._wake.set())
        try:
            await self._publish(client, hello)
            await self._work(client, listener)
            await self._publish(client, self.firmware.status(online=False, now_ms=now_ms()))
        finally:
            leftover = [listener, *self._in_flight]
            for task in leftover:
                task.cancel()
            await asyncio.gather(*leftover, return_exceptions=True)
            self._in_flight.clear()
            self._failed = None

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        topics = [(self.firmware.topic(kind), 0) for kind in (TopicKind.ACK, TopicKind.CONFIG)]
        for granted in await client.subscribe(topics):
            code = granted if isinstance(granted, int) else granted.value
            if code >= _SUBSCRIPTION_REFUSED:
                self.tally.last_trouble = ConnectionTrouble.SUBSCRIPTION_REFUSED
                raise aiomqtt.MqttError("the broker does not let this device hear its answers")

    async def _listen(self, client: aiomqtt.Client) -> None:
        ack_topic = self.firmware.topic(TopicKind.ACK)
        async for message in client.messages:
            if message.topic.value != ack_topic:
                self.firmware.configured(message.payload)
                continue
            outcome = self.firmware.answered(message.payload, now_ms(), monotonic_s())
            if outcome in {AckOutcome.ADVANCED, AckOutcome.REPEATED}:
                self._wake.set()

    async def _work(self, client: aiomqtt.Client, listener: asyncio.Task[None]) -> None:
        while not self._stopping and not self.is_done:
            self._wake.clear()
            if listener.done():
                listener.result()
            if self._failed is not None:
                raise self._failed
            took = self._pull()
            room = PUBLISHES_IN_FLIGHT - len(self._in_flight)
            wait = WaitUntil(math.inf)
            for intention in self.firmware.step(now_ms(), monotonic_s(), room):
                if isinstance(intention, WaitUntil):
                    wait = intention
                else:
                    self._start(client, intention)
            if took or (wait.elapsed_s <= monotonic_s() and self._has_room):
                await asyncio.sleep(0)
            elif not self._has_room:
                await self._sleep(IDLE_MAX_S)
            else:
                await self._sleep(min(wait.elapsed_s - monotonic_s(), self._source_due_s()))

    @property
    def _has_room(self) -> bool:
        return len(self._in_flight) < PUBLISHES_IN_FLIGHT

    def _pull(self) -> bool:
        """Take the source's next block, if it has one now and the firmware has room."""
        if self._source_finished or not self.firmware.wants_more:
            return False
        if now_ms() < self._source_due_ms:
            return False
        block = self._source.next_block(now_ms())
        if isinstance(block, Block):
            self.firmware.take(block)
            return True
        if isinstance(block, NotBefore):
            self._source_due_ms = block.time_ms
            self.firmware.battery_percent = self._source.battery_percent(now_ms())
        self._source_finished = isinstance(block, Finished)
        return self._source_finished

    def _source_due_s(self) -> float:
        if self._source_finished or not self.firmware.wants_more:
            return IDLE_MAX_S
        return (self._source_due_ms - now_ms()) / 1_000

    def _start(self, client: aiomqtt.Client, publish: Publish) -> None:
        if publish.kind is PublishKind.FIRST:
            self.tally.frames_published += 1
            self.tally.readings += publish.epochs
        elif publish.kind is PublishKind.AGAIN:
            self.tally.frames_retransmitted += 1
        task = asyncio.create_task(self._publish(client, publish))
        self._in_flight.add(task)
        task.add_done_callback(self._finished_publish)

    def _finished_publish(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled():
            self._failed = self._failed or task.exception()
        self._wake.set()

    async def _publish(self, client: aiomqtt.Client, publish: Publish) -> None:
        await client.publish(
            publish.topic, publish.payload, qos=1, retain=publish.retain, timeout=PUBACK_TIMEOUT_S
        )

    async def _wait_offline(self, until: WaitUntil) -> None:
        """Wait for the next attempt; the person's life goes on and is kept meanwhile."""
        while not self._stopping and monotonic_s() < until.elapsed_s:
            self._wake.clear()
            if self._pull():
                await asyncio.sleep(0)
                continue
            await self._sleep(min(until.elapsed_s - monotonic_s(), self._source_due_s()))

    async def _sleep(self, seconds: float) -> None:
        """Sleep until something happens, at most this long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 0.0), IDLE_MAX_S)):
                await self._wake.wait()


def _retrieve_disconnection(client: aiomqtt.Client) -> None:
    """See to it that the reason of a broken connection is looked at, whoever notices it first.

    aiomqtt keeps it in a future that nobody reads when a call fails before `messages` does; the
    event loop would then print a traceback for what is an ordinary cut. `__aenter__` may replace
    the future, so this is called before and after it.
    """
    client._disconnected.add_done_callback(_retrieve)  # noqa: SLF001 -- it has no public name


def _retrieve(disconnected: asyncio.Future[None]) -> None:
    if not disconnected.cancelled():
        disconnected.exception()
