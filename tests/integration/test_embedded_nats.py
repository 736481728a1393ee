"""The broker of a small site lets in whom it should, and keeps what it confirmed."""

from __future__ import annotations

import os
import queue
import signal
import socket
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.integration.embedded_help import (
    is_gone,
    number_from,
    parent,
    passable_folder,
    wait_until,
)
from tidewell.embedded.nats import NatsServer, mqtt_lets_in
from tidewell.errors import DataFolderInUseError, ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from paho.mqtt.reasoncodes import ReasonCode

ANSWER_S = 20.0
FRAME, STATUS, ACK, CONFIG = (
    f"tidewell/v1/3/dev-1/{kind}" for kind in ("frame", "status", "ack", "config")
)


class Session:
    """An MQTT session that waits for every answer."""

    def __init__(self, url: str, client_id: str = "", *, clean: bool = True) -> None:
        parts = urlsplit(url)
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._connected: queue.Queue[bool] = queue.Queue()
        self._granted: queue.Queue[list[bool]] = queue.Queue()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=clean)
        self._client.username_pw_set(parts.username, parts.password)
        self._client.on_connect = lambda *given: self._connected.put(not given[3].is_failure)
        self._client.on_subscribe = lambda *given: self._granted.put(_all_granted(given[3]))
        self._client.on_message = self._on_message
        self._client.connect(str(parts.hostname), int(parts.port or 0))
        self._client.loop_start()

    def __enter__(self) -> Self:
        assert self._connected.get(timeout=ANSWER_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, topic: str) -> bool:
        """Return whether the broker granted the subscription."""
        self._client.subscribe(topic, qos=1)
        return all(self._granted.get(timeout=ANSWER_S))

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish and wait for the PUBACK."""
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(ANSWER_S)
        assert sent.is_published()

    def hear(self, timeout_s: float = ANSWER_S) -> tuple[str, bytes]:
        """Return the next message."""
        return self.messages.get(timeout=timeout_s)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.messages.put((message.topic, bytes(message.payload)))


def _all_granted(codes: list[ReasonCode]) -> list[bool]:
    return [not code.is_failure for code in codes]


@pytest.fixture(scope="module")
def site() -> Iterator[NatsServer]:
    """One broker for all tests of this file; each leaves it startable."""
    with passable_folder() as folder:
        server = NatsServer(folder / "nats", fleet_account=True)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture
def server(site: NatsServer) -> NatsServer:
    """The broker, running."""
    site.start()
    return site


def test_frames_go_up_and_acknowledgements_come_down(server: NatsServer) -> None:
    with Session(server.service_url) as service, Session(server.device_url) as device:
        assert service.subscribe("tidewell/v1/+/+/frame")
        assert service.subscribe("tidewell/v1/+/+/status")
        assert device.subscribe(ACK)
        service.publish(CONFIG, b"sampling", retain=True)
        assert device.subscribe(CONFIG)
        assert device.hear() == (CONFIG, b"sampling")
        device.publish(FRAME, b"a frame")
        assert service.hear() == (FRAME, b"a frame")
        device.publish(STATUS, b"online", retain=True)
        assert service.hear() == (STATUS, b"online")
        service.publish(ACK, b"upto 1")
        assert device.hear() == (ACK, b"upto 1")


@pytest.mark.parametrize(
    "topic", [FRAME, STATUS, "tidewell/v1/+/+/frame", "tidewell/#", "#", "$MQTT/msgs/#"]
)
def test_a_device_cannot_hear_what_is_not_for_devices(server: NatsServer, topic: str) -> None:
    with Session(server.device_url) as device:
        assert not device.subscribe(topic)


def test_a_device_cannot_acknowledge_or_configure(server: NatsServer) -> None:
    with Session(server.service_url) as service, Session(server.device_url) as device:
        assert service.subscribe("tidewell/v1/#")
        for topic in (ACK, CONFIG, "tidewell/v2/3/dev-1/frame"):
            device.publish(topic, b"forged")
        device.publish(FRAME, b"allowed")
        heard = [service.hear()]
        while heard[-1] != (FRAME, b"allowed"):
            heard.append(service.hear())
        assert [payload for _, payload in heard if payload == b"forged"] == []


def test_nobody_gets_in_without_a_password(server: NatsServer) -> None:
    parts = urlsplit(server.service_url)
    assert parts.port is not None
    assert mqtt_lets_in(parts.port, "service", str(parts.password))
    assert not mqtt_lets_in(parts.port, "service", "wrong")
    assert not mqtt_lets_in(parts.port, "fleet_", str(parts.password))
    assert not mqtt_lets_in(parts.port, "service", "a password longer than one byte " * 8)
    anonymous = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01x"
    with socket.create_connection(("127.0.0.1", parts.port), ANSWER_S) as connection:
        connection.sendall(anonymous)
        assert connection.recv(4) in {b"\x20\x02\x00\x05", b""}


def test_secrets_and_store_are_for_their_owner_alone(server: NatsServer) -> None:
    for name in ("nats.conf", "users.conf", "service-password", "lock", "state.json"):
        assert (server.folder / name).stat().st_mode & 0o777 == 0o600
    assert (server.folder / "store").stat().st_mode & 0o777 == 0o700


def test_what_was_confirmed_outlives_a_killed_broker(server: NatsServer) -> None:
    with Session(server.service_url, "keeper", clean=False) as service:
        assert service.subscribe("tidewell/v1/+/+/frame")
    with Session(server.device_url) as device:
        for number in range(20):
            device.publish(FRAME, b"kept %d" % number)
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not server.is_alive(), "the death is noticed")
    address = server.service_url
    server.start()
    assert server.service_url == address
    with Session(server.service_url, "keeper", clean=False) as service:
        assert {service.hear()[1] for _ in range(20)} == {b"kept %d" % n for n in range(20)}
    with Session(server.service_url, "keeper"):
        pass


def test_more_than_a_batch_may_wait_for_its_acknowledgement(server: NatsServer) -> None:
    config = (server.folder / "nats.conf").read_text()
    assert '"max_ack_pending": 8192' in config
    assert '"sync_interval": "1s"' in config


def test_a_second_start_says_who_holds_the_folder(server: NatsServer) -> None:
    with pytest.raises(DataFolderInUseError, match=f"process {os.getpid()} since"):
        NatsServer(server.folder).start()
    assert server.is_alive()


def test_another_port_is_taken_when_the_old_one_is_in_use(server: NatsServer) -> None:
    port = urlsplit(server.service_url).port
    assert port is not None
    server.stop()
    with socket.create_server(("127.0.0.1", port)):
        server.start()
        assert urlsplit(server.service_url).port != port


def test_a_parent_that_is_killed_leaves_no_broker_behind(server: NatsServer) -> None:
    server.stop()
    script = (
        "import pathlib, time; from tidewell.embedded.nats import NatsServer\n"
        f"server = NatsServer(pathlib.Path({str(server.folder)!r})); server.start()\n"
        "print('pid', server.pid, flush=True); time.sleep(600)\n"
    )
    with parent(script) as holder:
        pid = number_from(holder)
        holder.kill()
        wait_until(lambda: is_gone(pid), "the broker is gone")


def test_an_orphan_of_an_earlier_run_is_stopped_first(server: NatsServer) -> None:
    orphan = server.pid
    successor = NatsServer(server.folder, fleet_account=True)
    # As if the earlier run had died without its child noticing.
    server._lock.release()
    successor.start()
    assert successor.pid != orphan
    assert not server.is_alive()
    successor.stop()


def test_a_broker_that_cannot_start_says_what_it_said(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    monkeypatch.setattr("tidewell.embedded.nats.ACK_WAIT", "a while")
    with pytest.raises(ServerUnavailableError, match=r"NATS did not start \(died\): .*ack_wait"):
        server.start()
    assert not server.is_alive()
