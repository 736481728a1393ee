"""The service's end of MQTT: frames in, acks out, one client object for each connection.

Promises: a publish is confirmed to the broker (PUBACK) only when whoever took it in says so, and
that is after the commit. Never reconnects the same client object: a confirmation of an old
connection must not reach a new one, and gmqtt's own reconnect lets forgotten clients steal the
session from each other.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import gmqtt
from gmqtt.mqtt.constants import MQTTv311

from ingest.batch import Arrival
from ingest.receiving.mqtt import Client
from ingest.retrying import RETRY_FIRST_S, next_wait_s
from ingest.waiting import WayBack
from tidewell.broker_access import client_context
from tidewell.clock import monotonic_s
from tidewell.errors import ServerUnavailableError, SettingsError
from tidewell.logs import get_logger
from tidewell.vocabulary import SHARD_COUNT

CONNECT_TIMEOUT_S: Final = 10.0
"""A broker that has not answered by then is asked again on a new connection."""
KEEP_ALIVE_S: Final = 30
NEVER_RECONNECT: Final = -2
"""gmqtt reads -1 as "for ever" and 0 as "once"; any other negative number is "no"."""
ACCEPTED: Final = 0
AT_LEAST_ONCE: Final = 1
DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
WILDCARD: Final = "tidewell/v1/+/+/frame"
_SHARD_AT: Final = len("tidewell/v1/")
STATUSES: Final = "tidewell/v1/+/+/status"
"""Retained, so that each connection hears the latest word of every device; it is not confirmed."""


class NotGrantedError(ServerUnavailableError):
    """The broker let us in and did not grant what we want to hear."""


Handler = Callable[[Sequence[Arrival], WayBack], None]
StatusHandler = Callable[[Arrival], None]
_CONNECTION_NUMBERS: Final = itertools.count(1)

logging.getLogger("gmqtt").setLevel(
    logging.CRITICAL
)  # it logs every lost connection; the service does, once


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and who we are to it."""

    host: str
    port: int
    user: str | None
    password: str | None
    context: ssl.SSLContext | None = None
    """How the connection is encrypted; None where it is not."""


def parse_broker_url(url: str, authority: Path | None = None) -> BrokerAddress:
    """Read `mqtt://user:password@host:port`, or `mqtts://…` for an encrypted connection.

    Args:
        authority: what the broker's certificate has to come from; None for the authorities that
            this machine trusts.

    Raises:
        SettingsError: it is not such an address, or the authority cannot be read.
    """
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise SettingsError("the broker's address must be like mqtt://user:password@host:port")
    return BrokerAddress(
        parts.hostname,
        parts.port or DEFAULT_PORTS[parts.scheme],
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        client_context(parts.hostname, authority) if parts.scheme == "mqtts" else None,
    )


class IngestConnection:
    """One connection of ingest to the broker, from connect to loss."""

    def __init__(
        self,
        client_id: str,
        handler: Handler,
        *,
        keeps_session: bool = True,
        on_status: StatusHandler | None = None,
    ) -> None:
        self._handler = handler
        self._on_status = on_status
        self._status_request: int | None = None
        self._lost = asyncio.Event()
        self._answered = asyncio.Event()
        self._granted = True
        self._client = Client(client_id, clean_session=not keeps_session)
        self._client.set_config({"reconnect_retries": NEVER_RECONNECT})
        self._client.on_frames = self._on_frames
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe

    async def open(
        self, address: BrokerAddress, wanted: Sequence[str], unwanted: Sequence[str]
    ) -> None:
        """Connect, subscribe to `wanted` and drop what an earlier session left in `unwanted`.

        Raises:
            ServerUnavailableError: the broker did not let us in.
            NotGrantedError: it did not grant the subscriptions.
        """
        if address.user is not None:
            self._client.set_auth_credentials(address.user, address.password)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._client.connect(
                    address.host,
                    address.port,
                    ssl=address.context or False,
                    keepalive=KEEP_ALIVE_S,
                    version=MQTTv311,
                )
        except (OSError, TimeoutError, gmqtt.MQTTConnectError) as error:
            await self.close()
            why = str(error) or "no answer"
            raise ServerUnavailableError(
                f"the broker at port {address.port} did not let us in: {why}"
            ) from error
        # A session may have no room for what is wanted beside what is not.
        await self.change((), unwanted)
        await self.change(wanted, ())
        if self._on_status is not None:
            self._status_request = self._client.subscribe([gmqtt.Subscription(STATUSES, qos=0)])

    async def change(self, wanted: Sequence[str], unwanted: Sequence[str]) -> None:
        """Hear `wanted` too, then `unwanted` no longer, so that nothing falls between.

        Raises:
            NotGrantedError: the broker did not grant it; the connection is closed.
        """
        self._answered.clear()
        if wanted:
            self._client.subscribe([gmqtt.Subscription(topic, qos=1) for topic in wanted])
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await self._answered.wait()
            except TimeoutError:
                self._granted = False
            if not self._granted:
                await self.close()
                raise NotGrantedError(
                    f"the broker did not grant {len(wanted)} subscriptions to frames; "
                    "look at its limits and at the rights of the account of ingest"
                )
        if unwanted:
            self._client.unsubscribe(list(unwanted))

    async def wait_lost(self) -> None:
        """Wait until the connection is gone."""
        await self._lost.wait()

    def tell(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish acks; QoS 0, because the next one of a device says at least as much."""
        if not self._lost.is_set():
            self._client.tell(messages)

    def confirm(self, receipts: Sequence[bytes]) -> None:
        """Confirm frames to the broker, unless the connection is gone: then they come again."""
        if not self._lost.is_set():
            self._client.confirm(receipts)

    def hold(self, *, on: bool) -> None:
        """Read nothing more from the broker until told otherwise."""
        self._client.hold(on=on)

    def abandon(self) -> None:
        """Confirm nothing more and be lost: the broker hands out again what was not confirmed."""
        self._lost.set()

    async def close(self) -> None:
        """Leave; what was not confirmed comes again on the next connection."""
        self._lost.set()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._client.disconnect()
        except (OSError, TimeoutError, AttributeError):
            return  # never connected, or gone already: there is nothing to leave

    def _on_frames(self, arrivals: Sequence[Arrival]) -> None:
        if not self._lost.is_set():
            self._handler(arrivals, self)

    def _on_message(
        self, _client: object, topic: str, payload: bytes, _qos: int, _more: object
    ) -> None:
        """Take in what was published at QoS 0, a status or a frame: there is nothing to confirm."""
        if not topic.endswith("/status"):
            self._on_frames([Arrival(topic, payload)])
        elif self._on_status is not None:
            self._on_status(Arrival(topic, payload))

    def _on_subscribe(
        self, _client: object, request: int, granted: Sequence[int], _more: object
    ) -> None:
        if request == self._status_request:
            return  # frames come without it; only a reason for a silence may be missing
        self._granted = all(quality == AT_LEAST_ONCE for quality in granted)
        self._answered.set()

    def _on_disconnect(self, *_: object) -> None:
        self._lost.set()


class Listener:
    """Keeps one connection to the broker for the shards of a worker, a new client for each try.

    `heard` is set while frames of all the shards that were asked for reach the handler; those of
    others never do. A broker that does not grant a subscription for each shard (NATS counts them
    against its `max_ack_pending`) is asked for all frames: the ones of others are confirmed to it
    and left to their holder, which hears them too.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        handler: Handler,
        on_status: StatusHandler | None = None,
    ) -> None:
        self._address = address
        self._client_id = client_id
        self._handler = handler
        self._on_status = on_status
        self._connection: IngestConnection | None = None
        self.connection_number = 0
        self._running: asyncio.Task[None] | None = None
        self._shards: tuple[int, ...] = ()
        self._of_others: frozenset[str] = frozenset()
        self._hears_all = False
        self._changed = asyncio.Event()
        self.heard = asyncio.Event()
        self.connected_since_s: float | None = None

    @property
    def is_connected(self) -> bool:
        """Return whether an ack could be sent now."""
        return self._connection is not None

    def tell(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish acks, or drop them where there is no connection: the devices ask again."""
        if self._connection is not None:
            self._connection.tell(messages)

    def hear(self, shards: Sequence[int]) -> None:
        """Hear the frames of just these shards as soon as there is a connection.

        One that is there is kept: frames that it took in wait unconfirmed, and need not come again.
        """
        if self._running is not None and tuple(shards) == self._shards:
            return
        self._shards = tuple(shards)
        self._of_others = frozenset(str(one) for one in range(SHARD_COUNT) if one not in shards)
        self.heard.clear()
        self._changed.set()
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    async def stop(self, *, for_good: bool = False) -> None:
        """Leave the broker; unless for good, the session keeps frames for the next connection."""
        if for_good and self._connection is not None:
            await self._connection.change((), self._subscriptions(self._shards))
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._running = None
        self.heard.clear()

    async def _run(self) -> None:
        """Connect again and again until cancelled."""
        log, wait_s = get_logger(), RETRY_FIRST_S
        while True:
            connection = IngestConnection(
                self._client_id, self._hand_over, on_status=self._on_status
            )
            try:
                shards = self._shards
                await connection.open(self._address, *self._topics(shards))
                self._connection, wait_s = connection, RETRY_FIRST_S
                self.connection_number = next(_CONNECTION_NUMBERS)
                await self._follow(connection, shards)
                log.warning("the broker is gone; connecting again")
            except NotGrantedError as error:
                log.warning("no subscriptions", why=str(error), hears_all=self._hears_all)
                if not self._hears_all:
                    self._hears_all, wait_s = True, 0.0
            except ServerUnavailableError as error:
                log.warning("no broker", why=str(error), after_s=wait_s)
            finally:
                self._connection, self.connected_since_s = None, None
                await connection.close()
            await asyncio.sleep(wait_s)
            wait_s = next_wait_s(wait_s)

    async def _follow(self, connection: IngestConnection, shards: tuple[int, ...]) -> None:
        """Hear other shards whenever that is asked for, until the connection is gone."""
        lost = asyncio.create_task(connection.wait_lost())
        try:
            while not lost.done():
                self._changed.clear()
                if shards != self._shards:
                    before, shards = shards, self._shards
                    old, new = self._subscriptions(before), self._subscriptions(shards)
                    await connection.change(
                        [topic for topic in new if topic not in old],
                        [topic for topic in old if topic not in new],
                    )
                    continue
                self.connected_since_s = monotonic_s()
                self.heard.set()
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait({lost, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            lost.cancel()

    def _hand_over(self, arrivals: Sequence[Arrival], way_back: WayBack) -> None:
        """Pass frames on, except those for another worker's shard."""
        if self._of_others:
            ours, receipts = list[Arrival](), list[bytes]()
            for one in arrivals:
                if one.topic[_SHARD_AT:].partition("/")[0] in self._of_others:
                    receipts.append(one.receipt)
                else:
                    ours.append(one)
            if receipts:
                way_back.confirm(receipts)
            arrivals = ours
        if arrivals:
            self._handler(arrivals, way_back)

    def _topics(self, shards: Sequence[int]) -> tuple[list[str], list[str]]:
        """Return what to subscribe to, and what an earlier session may have left behind."""
        wanted = self._subscriptions(shards)
        return wanted, [
            topic for topic in (WILDCARD, *_each(range(SHARD_COUNT))) if topic not in wanted
        ]

    def _subscriptions(self, shards: Sequence[int]) -> list[str]:
        is_all = self._hears_all or len(shards) == SHARD_COUNT
        return [WILDCARD] if is_all else _each(shards)


async def end_session(address: BrokerAddress, client_id: str) -> None:
    """Let the broker forget a session, with the frames that it keeps for it.

    Raises:
        ServerUnavailableError: the broker did not let us in.
    """
    connection = IngestConnection(client_id, _hear_nothing, keeps_session=False)
    await connection.open(address, (), ())
    await connection.close()


def _hear_nothing(arrivals: Sequence[Arrival], way_back: WayBack) -> None:
    """Take nothing in, and leave it unconfirmed."""
    del arrivals, way_back


def _each(shards: Iterable[int]) -> list[str]:
    return [f"tidewell/v1/{shard}/+/frame" for shard in shards]
