"""A broker in memory: QoS 1, sessions that outlive connections, and everything that goes wrong.

It stands in for the client on gmqtt, so the rest of ingest's connection code is real. What a broker
may do, this one does: confirm and lose, hand out twice, late and in another order, forget all
sessions, and take a connection away when another client comes with its name.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ingest.batch import Arrival
from tests.simulation.processes import PROCESS

CONNECT_S: Final = 0.02


@dataclass
class Chances:
    """How often a message meets each fate."""

    lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    refused: float = 0.0


@dataclass(eq=False)
class Session:
    """What the broker keeps for a client, whether it is connected or not."""

    filters: set[str] = field(default_factory=set)
    unconfirmed: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    client: Client | None = None


def fits(topic_filter: str, topic: str) -> bool:
    """Return whether a topic is one of those that a filter means."""
    wanted, parts = topic_filter.split("/"), topic.split("/")
    return len(wanted) == len(parts) and all(
        one in ("+", part) for one, part in zip(wanted, parts, strict=True)
    )


class Broker:
    """Sessions of the service, and devices by the topic that they listen to."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.chances = Chances()
        self.sessions: dict[str, Session] = {}
        self.devices: dict[str, Callable[[bytes], None]] = {}
        self.on_down: list[Callable[[], None]] = []
        self.is_up = True
        self._number = 0

    def publish(self, topic: str, payload: bytes) -> None:
        """Take a frame of a device, and confirm it; what follows is not certain."""
        if not self.is_up or self.rng.random() < self.chances.lost:
            return
        for session in self.sessions.values():
            if any(fits(one, topic) for one in session.filters):
                self._number += 1
                session.unconfirmed[self._number] = (topic, payload)
                self._hand_out(session, self._number)

    def tell(self, topic: str, payload: bytes) -> None:
        """Take an answer of the service to a device: QoS 0, so it may get lost."""
        hear = self.devices.get(topic)
        if hear is None or not self.is_up or self.rng.random() < self.chances.lost:
            return
        for _ in range(2 if self.rng.random() < self.chances.twice else 1):
            asyncio.get_running_loop().call_later(self._delay_s(), hear, payload)

    def go_down(self, *, wiped: bool) -> None:
        """Lose every connection, and with `wiped` every session too."""
        self.is_up = False
        for session in self.sessions.values():
            if session.client is not None:
                session.client.lose()
        if wiped:
            self.sessions.clear()
        for lost in self.on_down:
            lost()

    def come_back(self) -> None:
        """Let clients in again."""
        self.is_up = True

    def join(self, client: Client) -> None:
        """Connect a client; another one of the same name loses its connection."""
        session = self.sessions.setdefault(client.client_id, Session())
        if session.client is not None:
            session.client.lose()
        if client.begins_anew:
            session = self.sessions[client.client_id] = Session()
        session.client = client
        for number in list(session.unconfirmed):
            self._hand_out(session, number)

    def leave(self, client: Client) -> None:
        """Forget a connection; the session stays."""
        session = self.sessions.get(client.client_id)
        if session is not None and session.client is client:
            session.client = None
            if client.begins_anew:
                del self.sessions[client.client_id]

    def confirm(self, client: Client, number: int) -> None:
        """Take a PUBACK."""
        session = self.sessions.get(client.client_id)
        if session is not None and session.client is client:
            session.unconfirmed.pop(number, None)

    def _hand_out(self, session: Session, number: int) -> None:
        client = session.client
        if client is None:
            return
        for _ in range(2 if self.rng.random() < self.chances.twice else 1):
            loop = asyncio.get_running_loop()
            loop.call_later(self._delay_s(), self._arrive, session, client, number)

    def _arrive(self, session: Session, client: Client, number: int) -> None:
        message = session.unconfirmed.get(number)
        if message is not None and session.client is client:
            client.hear(number, *message)

    def _delay_s(self) -> float:
        late = self.rng.random() < self.chances.late
        return self.rng.uniform(0.1, 3.0) if late else self.rng.uniform(0.0005, 0.01)


class Subscription:
    """As gmqtt's."""

    def __init__(self, topic: str, qos: int = 0) -> None:
        assert qos == 1 or topic.endswith("/status")
        self.topic = topic


class MQTTConnectError(Exception):
    """As gmqtt's."""


class Client:
    """As much of `ingest.receiving.mqtt.Client` as ingest uses."""

    def __init__(self, client_id: str, *, clean_session: bool) -> None:
        self.begins_anew = clean_session
        self.client_id = client_id
        self.process = PROCESS.get()
        self.process.cuts.append(self.lose)
        self.on_frames: Any = None
        self.on_message: Any = None
        self.on_disconnect: Any = None
        self.on_subscribe: Any = None
        self._context = contextvars.copy_context()
        self._is_connected = False
        self._requests = 0

    def set_config(self, config: dict[str, int]) -> None:
        """gmqtt must never connect again by itself."""
        assert config["reconnect_retries"] < -1

    def set_auth_credentials(self, user: str, password: str | None) -> None:
        """Whoever knows the name is let in."""

    async def connect(self, host: str, port: int, **more: object) -> None:
        """Connect, when the broker is there."""
        del host, port, more
        await self.process.speak()
        await asyncio.sleep(CONNECT_S)
        if not broker().is_up or broker().rng.random() < broker().chances.refused:
            raise ConnectionRefusedError("no broker")
        self._is_connected = True
        broker().join(self)

    def subscribe(self, subscriptions: Sequence[Subscription]) -> int:
        """Ask for topics; return the number of the request."""
        self._requests += 1
        session = broker().sessions.get(self.client_id)
        if session is not None and session.client is self:
            session.filters |= {one.topic for one in subscriptions}
            answer = (self, self._requests, [1 for _ in subscriptions], None)
            asyncio.get_running_loop().call_later(CONNECT_S, self.on_subscribe, *answer)
        return self._requests

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Take topics back."""
        session = broker().sessions.get(self.client_id)
        if session is not None:
            session.filters -= set(topics)

    def tell(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send answers."""
        if self._is_connected and not self.process.is_frozen:
            for topic, payload in messages:
                broker().tell(topic, payload)

    def confirm(self, receipts: Sequence[bytes]) -> None:
        """Confirm frames, as soon as the process may speak."""
        for receipt in receipts:
            asyncio.get_running_loop().create_task(
                self._confirm(int(receipt)), context=self._context
            )

    def hold(self, *, on: bool) -> None:
        """Nothing is ever full here."""
        raise AssertionError(f"held: {on}")

    async def disconnect(self) -> None:
        """Leave."""
        if self._is_connected:
            self._is_connected = False
            broker().leave(self)
            self.on_disconnect(self, None)

    def lose(self) -> None:
        """Lose the connection."""
        if self._is_connected:
            self._is_connected = False
            broker().leave(self)
            self.on_disconnect(self, None)

    def hear(self, number: int, topic: str, payload: bytes) -> None:
        """Take a frame in."""
        if self._is_connected:
            asyncio.get_running_loop().create_task(
                self._handle(number, topic, payload), context=self._context
            )

    async def _handle(self, number: int, topic: str, payload: bytes) -> None:
        await self.process.speak()
        self.on_frames([Arrival(topic, payload, b"%d" % number)])

    async def _confirm(self, number: int) -> None:
        await self.process.speak()
        if self._is_connected:
            broker().confirm(self, number)


_BROKER: Final[contextvars.ContextVar[Broker]] = contextvars.ContextVar("broker")


def broker() -> Broker:
    """Return the broker of this run."""
    return _BROKER.get()


def use_broker(one: Broker) -> None:
    """Make this the broker of all that starts from here."""
    _BROKER.set(one)
