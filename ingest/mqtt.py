"""The service's end of MQTT: frames in, acks out, one client object for each connection.

Promises: a publish is confirmed to the broker (PUBACK) only when the handler returns, and the
handler waits for the commit. Never reconnects the same client object: a confirmation of an old
connection must not reach a new one, and gmqtt's own reconnect lets forgotten clients steal the
session from each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import gmqtt
import orjson
from gmqtt.mqtt.constants import MQTTv311

from ingest.batch import Arrival
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
DEFAULT_PORT: Final = 1883
RETRY_FIRST_S: Final = 0.5
RETRY_MOST_S: Final = 15.0
"""A restart of a broker takes seconds; asking more often would only slow it down."""
WILDCARD: Final = "tidewell/v1/+/+/frame"


class AbandonedError(Exception):
    """A frame will not be committed on this connection; the broker hands it out again."""


Handler = Callable[[Arrival], Awaitable[None]]

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


def parse_broker_url(url: str) -> BrokerAddress:
    """Read `mqtt://user:password@host:port`.

    Raises:
        SettingsError: it is not such an address.
    """
    parts = urlsplit(url)
    if parts.scheme != "mqtt" or not parts.hostname:
        raise SettingsError("the broker's address must be like mqtt://user:password@host:port")
    return BrokerAddress(
        parts.hostname,
        parts.port or DEFAULT_PORT,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


class IngestConnection:
    """One connection of ingest to the broker, from connect to loss."""

    def __init__(self, client_id: str, handler: Handler) -> None:
        self._handler = handler
        self._lost = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._client = gmqtt.Client(
            client_id, clean_session=False, optimistic_acknowledgement=False
        )
        self._client.set_config({"reconnect_retries": NEVER_RECONNECT})
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe

    async def open(
        self, address: BrokerAddress, wanted: Sequence[str], unwanted: Sequence[str]
    ) -> None:
        """Connect, subscribe to `wanted` and drop what an earlier session left in `unwanted`.

        Raises:
            ServerUnavailableError: the broker did not let us in.
        """
        if address.user is not None:
            self._client.set_auth_credentials(address.user, address.password)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._client.connect(
                    address.host, address.port, keepalive=KEEP_ALIVE_S, version=MQTTv311
                )
        except (OSError, TimeoutError, gmqtt.MQTTConnectError) as error:
            await self.close()
            why = str(error) or "no answer"
            raise ServerUnavailableError(
                f"the broker at port {address.port} did not let us in: {why}"
            ) from error
        if unwanted:
            self._client.unsubscribe(list(unwanted))
        self._client.subscribe([gmqtt.Subscription(topic, qos=1) for topic in wanted])
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._subscribed.wait()
        except TimeoutError as error:
            await self.close()
            raise ServerUnavailableError(
                "the broker did not grant the subscription to frames"
            ) from error

    async def wait_lost(self) -> None:
        """Wait until the connection is gone."""
        await self._lost.wait()

    def tell(self, topic: str, body: dict[str, object]) -> None:
        """Publish an ack; QoS 0, because the next one says at least as much."""
        if not self._lost.is_set():
            self._client.publish(topic, orjson.dumps(body), qos=0)

    async def close(self) -> None:
        """Leave; what was not confirmed comes again on the next connection."""
        self._lost.set()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._client.disconnect()
        except (OSError, TimeoutError, AttributeError):
            return  # never connected, or gone already: there is nothing to leave

    async def _on_message(
        self,
        _client: object,
        topic: str,
        payload: bytes,
        _qos: int,
        _more: Any,  # noqa: ANN401 -- gmqtt's callback
    ) -> int:
        try:
            await self._handler(Arrival(topic, bytes(payload)))
        except AbandonedError:
            await (
                self.close()
            )  # gmqtt confirms whatever happens; on a closed connection nobody hears it
        return ACCEPTED

    def _on_subscribe(
        self, _client: object, _mid: int, granted: Sequence[int], _more: object
    ) -> None:
        if all(quality == AT_LEAST_ONCE for quality in granted):
            self._subscribed.set()

    def _on_disconnect(self, *_: object) -> None:
        self._lost.set()


class Listener:
    """Keeps one connection to the broker for the shards of a worker, a new client for each try.

    Sets `heard` once frames reach the handler.
    """

    def __init__(
        self, address: BrokerAddress, client_id: str, handler: Handler, heard: asyncio.Event
    ) -> None:
        self._address = address
        self._heard = heard
        self._client_id = client_id
        self._handler = handler
        self._connection: IngestConnection | None = None
        self.connected_since_s: float | None = None

    @property
    def is_connected(self) -> bool:
        """Return whether an ack could be sent now."""
        return self._connection is not None

    def tell(self, topic: str, body: dict[str, object]) -> None:
        """Publish an ack, or drop it where there is no connection: the device asks again."""
        if self._connection is not None:
            self._connection.tell(topic, body)

    async def run(self, shards: Sequence[int]) -> None:
        """Connect again and again until cancelled."""
        wanted, unwanted = _topics(shards)
        log, wait_s = get_logger(), RETRY_FIRST_S
        while True:
            connection = IngestConnection(self._client_id, self._handler)
            try:
                await connection.open(self._address, wanted, unwanted)
                self._connection, wait_s = connection, RETRY_FIRST_S
                self.connected_since_s = monotonic_s()
                self._heard.set()
                await connection.wait_lost()
                log.warning("the broker is gone; connecting again")
            except ServerUnavailableError as error:
                log.warning("no broker", why=str(error), after_s=wait_s)
            finally:
                self._connection, self.connected_since_s = None, None
                await connection.close()
            await asyncio.sleep(wait_s)
            wait_s = min(RETRY_MOST_S, 2 * wait_s)


def _topics(shards: Sequence[int]) -> tuple[list[str], list[str]]:
    """Return what to subscribe to, and what an earlier session may have left behind."""
    each = [f"tidewell/v1/{shard}/+/frame" for shard in shards]
    if len(shards) == SHARD_COUNT:
        return [WILDCARD], []
    others = set(range(SHARD_COUNT)) - set(shards)
    return each, [WILDCARD, *(f"tidewell/v1/{shard}/+/frame" for shard in sorted(others))]
