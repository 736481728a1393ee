"""The two brokers that devices meet, behind one face, each with its very configuration.

`let_in` says which devices may sign in and comes back when the broker has heard it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import aiomqtt
import pytest

from tests.integration.embedded_help import passable_folder, wait_until
from tidewell.broker_access import client_id_of
from tidewell.clock import monotonic_s
from tidewell.device_credentials import Verifiers, new_secret, password_lines, verifiers_of
from tidewell.embedded.nats import NatsServer, OpenTo, mqtt_lets_in

TOP = Path(__file__).parents[2]
DEPLOY = TOP / "deploy"
SERVICE_USER = "tidewell_ingest"
START_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Encryption:
    """The files of a listener with TLS."""

    certificate: Path
    key: Path
    authority: Path


class Edge(Protocol):
    """A broker that devices of elsewhere meet."""

    authority: Path | None

    @property
    def service_url(self) -> str:
        """Where ingest signs in, with its password."""
        ...

    @property
    def address(self) -> str:
        """Where devices sign in, without a user."""
        ...

    def tell(self, devices: Mapping[str, Verifiers]) -> None:
        """Tell the broker which devices may sign in; it takes a moment."""
        ...


@dataclass
class Devices:
    """Devices with their secrets at a broker, as the database would list them."""

    edge: Edge
    secrets: dict[str, str] = field(default_factory=dict)
    _verifiers: dict[str, Verifiers] = field(default_factory=dict)

    def give(self, *names: str) -> None:
        for name in names:
            self.secrets[name] = new_secret()
            self._verifiers[name] = verifiers_of(self.secrets[name])
        self.edge.tell(self._verifiers)
        wait_until(lambda: self.lets_in(names[-1], self.secrets[names[-1]]), "it is known")

    def revoke(self, name: str) -> None:
        del self._verifiers[name]
        self.edge.tell(self._verifiers)

    def lets_in(self, name: str, secret: str) -> bool:
        """Ask the broker, with a packet of our own making."""
        return lets_in(self.edge, name, secret)

    def client(self, name: str, secret: str | None = None, identifier: str = "") -> aiomqtt.Client:
        secret = secret or self.secrets[name]
        return client(self.edge, name, secret, identifier or client_id_of(secret))

    def service(self, identifier: str = "", *, clean: bool = True) -> aiomqtt.Client:
        where = urlsplit(self.edge.service_url)
        assert where.username
        assert where.password
        return client(
            self.edge,
            where.username,
            where.password,
            identifier,
            url=self.edge.service_url,
            clean=clean,
        )


def client(
    edge: Edge, user: str, password: str, identifier: str, *, url: str = "", clean: bool = True
) -> aiomqtt.Client:
    where = urlsplit(url or edge.address)
    assert where.hostname
    assert where.port
    encrypted = where.scheme == "mqtts"
    return aiomqtt.Client(
        where.hostname,
        where.port,
        username=user,
        password=password,
        identifier=identifier or None,
        clean_session=clean,
        timeout=5,
        tls_context=ssl.create_default_context(cafile=str(edge.authority)) if encrypted else None,
    )


def lets_in(edge: Edge, name: str, secret: str) -> bool:
    where = urlsplit(edge.address)
    assert where.hostname
    assert where.port
    return mqtt_lets_in(where.port, name, secret, host=where.hostname, certificate=edge.authority)


@dataclass
class NatsEdge:
    """The broker of a small site."""

    server: NatsServer
    authority: Path | None = None

    @property
    def service_url(self) -> str:
        return self.server.service_url

    @property
    def address(self) -> str:
        return self.server.address

    def tell(self, devices: Mapping[str, Verifiers]) -> None:
        self.server.let_in({name: one.bcrypt for name, one in devices.items()})


@dataclass
class MosquittoEdge:
    """The broker of a larger site, fed as `docs/operations.md` says."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    inside_port: int
    authority: Path | None = None

    @property
    def service_url(self) -> str:
        password = (self.folder / "secrets" / "broker_password_ingest").read_text()
        return f"mqtt://{SERVICE_USER}:{password}@127.0.0.1:{self.inside_port}"

    @property
    def address(self) -> str:
        return f"{'mqtts' if self.authority else 'mqtt'}://127.0.0.1:{self.port}"

    def tell(self, devices: Mapping[str, Verifiers]) -> None:
        recipe(self.folder, "--devices", given=password_lines(devices))
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def nats_edge(encryption: Encryption | None = None) -> Iterator[NatsEdge]:
    open_to = None
    if encryption:
        files = (encryption.certificate, encryption.key)
        open_to = OpenTo("127.0.0.1", free_ports(1)[0], *files)
    with passable_folder() as folder:
        server = NatsServer(folder / "nats", open_to=open_to)
        server.start()
        try:
            yield NatsEdge(server, encryption.authority if encryption else None)
        finally:
            server.stop()


@contextmanager
def mosquitto_edge(folder: Path, encryption: Encryption | None = None) -> Iterator[MosquittoEdge]:
    """Mosquitto as `docker-compose.yml` runs it, with other paths and ports."""
    program = found("mosquitto")
    recipe(folder)
    port, inside_port, encrypted_port = free_ports(3)
    config = write_configuration(folder, port, inside_port)
    if encryption:
        text = (DEPLOY / "mosquitto" / "encrypted.conf").read_text(encoding="utf-8")
        text = exactly_once(text, "listener 8883", f"listener {encrypted_port} 127.0.0.1")
        text = exactly_once(
            text, "/mosquitto/config/tls/certificate.pem", str(encryption.certificate)
        )
        text = exactly_once(text, "/mosquitto/config/tls/key.pem", str(encryption.key))
        (folder / "listeners" / "encrypted.conf").write_text(text, encoding="utf-8")
        port = encrypted_port
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
    try:
        wait_for((port, inside_port), process, folder / "log")
        authority = encryption.authority if encryption else None
        yield MosquittoEdge(folder, process, port, inside_port, authority)
    finally:
        process.terminate()
        process.wait(10)


def recipe(folder: Path, *options: str, given: str = "") -> None:
    command = [sys.executable, str(DEPLOY / "make_secrets.py"), *options]
    command += ["--folder", str(folder / "secrets")]
    subprocess.run(command, check=True, capture_output=True, text=True, input=given)


def write_configuration(folder: Path, port: int, inside_port: int) -> Path:
    """Return the configuration of `deploy/` with other paths and other ports."""
    data, listeners = folder / "data", folder / "listeners"
    data.mkdir()
    listeners.mkdir()
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
    text = exactly_once(
        text, "/mosquitto/config/passwords", str(folder / "secrets" / "broker_passwords")
    )
    text = exactly_once(text, "/mosquitto/config/acl", str(DEPLOY / "mosquitto" / "acl"))
    text = exactly_once(text, "/mosquitto/config/listeners", str(listeners))
    text = exactly_once(text, "/mosquitto/data/", f"{data}/")
    # As root it would change to an account that cannot read the files of this test.
    text += "user root\n" if os.geteuid() == 0 else ""
    path = folder / "mosquitto.conf"
    path.write_text(text, encoding="utf-8")
    doors = (DEPLOY / "mosquitto" / "listeners.conf").read_text(encoding="utf-8")
    doors = exactly_once(doors, "listener 1883", f"listener {port} 127.0.0.1")
    doors = exactly_once(doors, "listener 1884", f"listener {inside_port} 127.0.0.1")
    (listeners / "listeners.conf").write_text(doors, encoding="utf-8")
    return path


def exactly_once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def found(program: str) -> str:
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if path:
        return path
    if "CI" in os.environ:
        pytest.fail(f"{program} is not installed")
    pytest.skip(f"{program} is not installed")


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def wait_for(ports: tuple[int, ...], process: subprocess.Popen[bytes], log: Path) -> None:
    until_s = monotonic_s() + START_WITHIN_S
    waiting = list(ports)
    while waiting and monotonic_s() < until_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", waiting[0]), 1).close()
            waiting.pop(0)
        except OSError:
            continue
    assert not waiting, f"mosquitto did not start: {log.read_text()}"


def throw_away_certificate(folder: Path) -> Encryption:
    """Return a certificate for 127.0.0.1, its key, and the authority that signed it.

    Made by the `openssl` of the machine, and gone with the folder.
    """
    openssl = found("openssl")

    def run(words: str) -> None:
        subprocess.run([openssl, *words.split()], check=True, capture_output=True, cwd=folder)

    new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    run(f"req -x509 {new_key} -days 2 -keyout ca.key -out ca.pem -subj /CN=test-authority")
    run(f"req {new_key} -keyout key.pem -out request.pem -subj /CN=broker.test")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:broker.test\n")
    run(
        "x509 -req -days 2 -CAcreateserial -in request.pem -CA ca.pem -CAkey ca.key "
        "-extfile names -out certificate.pem"
    )
    return Encryption(folder / "certificate.pem", folder / "key.pem", folder / "ca.pem")
