"""A small site: servers, schema, and one process for each stage.

Its servers are those of the settings, or else its own in the data folder. Stages learn addresses
and secrets from private files in the folder, never from arguments. A site that runs leaves a note
of itself, so that `tidewell replay` and the like find it; the lock on its folder, not the note,
says whether it still runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import psycopg

from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Queries, Role, connect
from tidewell.device_doors import keep_the_list, log_who_is_left_out
from tidewell.embedded.files import write_private
from tidewell.embedded.lock import DataFolderLock
from tidewell.embedded.nats import NatsServer, OpenTo
from tidewell.embedded.postgres import PostgresServer
from tidewell.errors import (
    DataFolderInUseError,
    ServerError,
    ServerUnavailableError,
    SettingsError,
    UsageError,
)
from tidewell.lawful.following import follow_erasures, keep_to_the_schedule
from tidewell.logs import get_logger
from tidewell.process import ChildProcess, stage_command
from tidewell.push_key import new_push_key
from tidewell.schema import migrate
from tidewell.settings import FILE_SUFFIX, PREFIX, Settings
from tidewell.vocabulary import SHARD_COUNT

STAGES: Final = ("ingest", "alerts", "portal")
READY_WITHIN_S: Final = 120.0
"""Stages start in seconds; a detector that catches up with months of readings takes longer."""
LOOK_S: Final = 2.0
"""How often somebody looks whether the servers still run; devices keep their readings meanwhile."""
_OPTIONS: Final = {"ingest": ("--owner", f"site-{secrets.token_hex(8)}")}
"""The same name for each life of ingest: started again, it takes its own shards back at once."""
NOTE_NAME: Final = "running.json"
PRIVATE_FOLDER: Final = "stages"
DEMO_PUSH_CONTACT: Final = "mailto:demo@tidewell.example"
"""A demo signs its notifications with a key of its own, so that switching them on can be tried."""

_QUERIES: Final = Queries("tidewell", "small_site.sql")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of a site are; secrets included, so it is never printed or logged."""

    data_dir: str
    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    device_broker_url: str = field(repr=False)
    portal_url: str
    broker_ca: str = ""

    @property
    def broker_authority(self) -> Path | None:
        """Return what the broker's certificate is checked against, where it is not the usual."""
        return Path(self.broker_ca) if self.broker_ca else None

    @property
    def devices_sign_in_as_themselves(self) -> bool:
        """Return whether the devices' address names no account that they would share."""
        return urlsplit(self.device_broker_url).username is None


def default_data_dir() -> Path:
    """Return where a site keeps its data unless told otherwise."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "tidewell"


def find_site(settings: Settings) -> Addresses:
    """Return the site that a command is to work with: that of the settings, or the one that runs.

    Raises:
        UsageError: none runs, or several do; the message says what to do.
    """
    if settings.database_url and settings.broker_url:
        service = settings.broker_url.get_secret_value()
        devices = (
            settings.device_broker_url.get_secret_value() if settings.device_broker_url else service
        )
        database = settings.database_url.get_secret_value()
        return Addresses("", database, service, devices, "", str(settings.broker_ca or ""))
    if settings.data_dir:
        found = _read_note(settings.data_dir)
        if found is None:
            raise UsageError(
                f"no site runs in {settings.data_dir}; "
                f"start it with `tidewell up --data-dir {settings.data_dir}`"
            )
        return found
    running = [
        site
        for path in sorted(_notes_folder().glob("*.path"))
        if (site := _read_note(_target(path)))
    ]
    if len(running) == 1:
        return running[0]
    if not running:
        raise UsageError(
            "no site runs here; start one with `tidewell up`, or set TIDEWELL_DATA_DIR"
        )
    folders = ", ".join(site.data_dir for site in running)
    raise UsageError(f"several sites run here; choose one with --data-dir: {folders}")


@asynccontextmanager
async def running_site(settings: Settings, data_dir: Path) -> AsyncIterator[RunningSite]:
    """Start a site, hand it over when every stage is ready, and stop all of it afterwards.

    Raises:
        TidewellError: it could not start; whatever had started is stopped again.
    """
    data_dir = data_dir.absolute()  # noqa: ASYNC240 -- joins names, reads no disk
    with DataFolderLock(data_dir):
        servers = _Servers(settings, data_dir)
        try:
            database_url, broker_url, device_url = await asyncio.to_thread(servers.start)
            await migrate(database_url, settings.storage_mode)
            await log_who_is_left_out(database_url)
            portal_port = settings.portal_port or _free_port(settings.portal_host)
            portal_url = f"http://{settings.portal_host}:{portal_port}"
            authority = str(broker_authority(settings) or "")
            addresses = Addresses(
                str(data_dir), database_url, broker_url, device_url, portal_url, authority
            )
            environment = _stage_environment(settings, addresses, data_dir, portal_port)
            site = RunningSite(addresses, environment, servers.look_after)
            _write_note(data_dir, addresses)
            keeping = [
                asyncio.create_task(keep_the_list(database_url, servers.let_in)),
                asyncio.create_task(follow_erasures(database_url, servers.forget_messages)),
                asyncio.create_task(keep_to_the_schedule(database_url, settings)),
            ]
            try:
                yield site
            finally:
                _remove_note(data_dir)
                await site.stop_stages()
                for task in keeping:
                    task.cancel()
                await asyncio.gather(*keeping, return_exceptions=True)
        finally:
            await asyncio.to_thread(servers.stop)


class RunningSite:
    """A site whose servers run; `start_stages` starts the rest."""

    def __init__(
        self,
        addresses: Addresses,
        environment: Mapping[str, str],
        look_after_servers: Callable[[], None],
    ) -> None:
        self.addresses = addresses
        self._look_after_servers = look_after_servers
        self._environment = environment
        self._stop = asyncio.Event()
        self._children: list[asyncio.Task[object]] = []

    async def start_stages(self) -> None:
        """Start every stage and wait until all of them work.

        Raises:
            ServerError: a stage refused to start, or did not become ready.
        """
        for name in STAGES:
            command = stage_command(name, *_OPTIONS.get(name, ()))
            child = ChildProcess(name, command, self._environment)
            self._children.append(asyncio.create_task(child.run(self._stop)))
        ready = asyncio.create_task(self._wait_ready())
        await asyncio.wait({ready, *self._children}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            self.raise_if_a_stage_ended()
        await ready

    async def watch(self, stop: asyncio.Event) -> None:
        """Wait until `stop` is set, or raise the error of a stage that gave up."""
        stopping = asyncio.create_task(stop.wait())
        done: set[asyncio.Task[object]] = set()
        while not done:
            done, _ = await asyncio.wait(
                {stopping, *self._children}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                await asyncio.to_thread(self._look_after_servers)
        stopping.cancel()
        if not stop.is_set():
            self.raise_if_a_stage_ended()

    def raise_if_a_stage_ended(self) -> None:
        """Raise what ended a stage."""
        for child in self._children:
            if child.done() and not child.cancelled() and (error := child.exception()):
                raise error

    async def stop_stages(self) -> None:
        """Ask every stage to end, and wait until they have."""
        self._stop.set()
        await asyncio.gather(*self._children, return_exceptions=True)

    async def _wait_ready(self) -> None:
        until_s = monotonic_s() + READY_WITHIN_S
        while monotonic_s() < until_s:
            if await self._portal_answers() and await self._shards_are_heard():
                return
            await asyncio.sleep(0.1)
        raise ServerError(
            f"the stages were not ready within {READY_WITHIN_S:.0f} s; their messages say why"
        )

    async def _portal_answers(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.addresses.portal_url}/health") as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    async def _shards_are_heard(self) -> bool:
        async with await connect(
            self.addresses.database_url, Role.INGEST, "tidewell up"
        ) as connection:
            row = await (
                await connection.execute(_QUERIES["heard_shards"], {"now": now_utc()})
            ).fetchone()
        return row is not None and row[0] == SHARD_COUNT


class _Servers:
    """The database and the broker of a site: the settings' own, or embedded ones."""

    def __init__(self, settings: Settings, data_dir: Path) -> None:
        self._settings = settings
        self._postgres = None if settings.database_url else PostgresServer(data_dir / "postgres")
        open_to = open_to_devices(settings)
        nats = NatsServer(data_dir / "nats", open_to=open_to)
        self._nats = None if settings.broker_url else nats
        self._addresses = ("", "", "")
        # Several tasks of the site look after the same servers, each in a thread.
        self._turn = threading.Lock()

    def start(self) -> tuple[str, str, str]:
        """Start what is ours; return the addresses of database, broker and broker for devices."""
        if self._postgres:
            self._postgres.start()
        if self._nats:
            self._nats.start()
        self._addresses = (self._database_url(), *self._broker_urls())
        return self._addresses

    def let_in(self, devices: Mapping[str, str]) -> None:
        """Tell the broker, where it is ours, which devices may sign in."""
        if self._nats:
            with self._turn:
                self._nats.let_in(devices)

    def forget_messages(self) -> bool:
        """Empty the broker, where it is ours; return whether it is.

        Raises:
            ServerError: it did not start again; the next look tries once more.
        """
        if self._nats is None:
            return False
        with self._turn:
            self._nats.forget_messages()
        return True

    def look_after(self) -> None:
        """Cut logs that have grown too long, and start a server of ours that died.

        Raises:
            ServerError: it cannot be started again, or only at another address.
        """
        with self._turn:
            self._look_after_each()

    def _look_after_each(self) -> None:
        for server in (self._postgres, self._nats):
            if server is None:
                continue
            server.keep_log_short()
            if not server.is_alive() or server.is_stuck():
                get_logger().error(
                    "a server died or does no work; starting it again", server=server.label
                )
                server.stop()
                try:
                    server.start()
                except ServerUnavailableError as error:
                    get_logger().error("tried again at the next look", why=str(error))
                    return
                if (self._database_url(), *self._broker_urls()) != self._addresses:
                    raise ServerError(
                        f"{server.label} died and its port was taken; start Tidewell again"
                    )

    def stop(self) -> None:
        """Stop what is ours."""
        for server in (self._nats, self._postgres):
            if server:
                server.stop()

    def _database_url(self) -> str:
        if self._postgres:
            return self._postgres.url
        assert self._settings.database_url  # or we would run our own
        url = self._settings.database_url.get_secret_value()
        try:
            psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise SettingsError(
                f"TIDEWELL_DATABASE_URL cannot be read: {str(error).strip()}"
            ) from None
        return url

    def _broker_urls(self) -> tuple[str, str]:
        if self._nats:
            return self._nats.service_url, self._nats.address
        assert self._settings.broker_url  # or we would run our own
        service = self._settings.broker_url.get_secret_value()
        devices = self._settings.device_broker_url
        return service, devices.get_secret_value() if devices else service


def open_to_devices(settings: Settings) -> OpenTo | None:
    """Return where the broker of a small site listens for devices elsewhere, if anywhere.

    Raises:
        SettingsError: it would listen without a certificate, or a file cannot be read.
    """
    given = (settings.broker_listen, settings.broker_certificate, settings.broker_key)
    listen, certificate, key = given
    if listen is None and certificate is None and key is None:
        return None
    if listen is None or certificate is None or key is None:
        raise SettingsError(
            "TIDEWELL_BROKER_LISTEN, TIDEWELL_BROKER_CERTIFICATE and TIDEWELL_BROKER_KEY go "
            "together; set all three or none: nothing leaves this machine unencrypted"
        )
    for path in (certificate, key):
        if not path.is_file() or not os.access(path, os.R_OK):
            raise SettingsError(f"{path} cannot be read; it has to be a file in PEM form")
    host, port = listen.rsplit(":", 1)
    return OpenTo(host, int(port), certificate.absolute(), key.absolute())


def _stage_environment(
    settings: Settings, addresses: Addresses, data_dir: Path, portal_port: int
) -> dict[str, str]:
    """Return the environment of the stages: ours, with the site's secrets as files."""
    folder = data_dir / PRIVATE_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    given = settings.ingest_client_id
    client_id = given.get_secret_value() if given else _kept_secret(folder / "ingest_client_id")
    secret_files = {
        "DATABASE_URL": addresses.database_url,
        "BROKER_URL": addresses.broker_url,
        "DEVICE_BROKER_URL": addresses.device_broker_url,
        "INGEST_CLIENT_ID": client_id,
    }
    environment = dict(os.environ)
    if settings.demo and settings.push_key is None:
        secret_files["PUSH_KEY"] = new_push_key()
        environment[PREFIX + "PUSH_CONTACT"] = DEMO_PUSH_CONTACT
    for name, value in secret_files.items():
        path = folder / name.lower()
        write_private(path, value)
        environment.pop(PREFIX + name, None)
        environment[PREFIX + name + FILE_SUFFIX] = str(path)
    environment[PREFIX + "PORTAL_PORT"] = str(portal_port)
    if authority := broker_authority(settings):
        environment[PREFIX + "BROKER_CA"] = str(authority)
    if settings.demo:
        environment[PREFIX + "DEMO"] = "true"
    return environment


def broker_authority(settings: Settings) -> Path | None:
    """Return what the broker's certificate is checked against: its own, where it is ours."""
    if settings.broker_ca or settings.broker_url:
        return settings.broker_ca
    return settings.broker_certificate.absolute() if settings.broker_certificate else None


def _kept_secret(path: Path) -> str:
    """Return a secret that is made once and kept."""
    if not path.is_file():
        write_private(path, f"ingest-{secrets.token_hex(16)}")
    return path.read_text(encoding="utf-8")


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _notes_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "tidewell" / "sites"


def _pointer(data_dir: Path) -> Path:
    return _notes_folder() / f"{hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]}.path"


def _target(pointer: Path) -> Path:
    return Path(pointer.read_text(encoding="utf-8"))


def _write_note(data_dir: Path, addresses: Addresses) -> None:
    write_private(data_dir / NOTE_NAME, json.dumps(asdict(addresses)))
    try:
        _notes_folder().mkdir(parents=True, exist_ok=True)
        _pointer(data_dir).write_text(str(data_dir), encoding="utf-8")
    except OSError as error:
        # Without it other commands only need to be told --data-dir.
        get_logger().warning("this site can be found by --data-dir only", why=error.strerror)


def _remove_note(data_dir: Path) -> None:
    with contextlib.suppress(OSError):
        _pointer(data_dir).unlink(missing_ok=True)
    (data_dir / NOTE_NAME).unlink(missing_ok=True)


def _read_note(data_dir: Path) -> Addresses | None:
    """Return the addresses of the site in a folder, or None where none runs."""
    try:
        note = json.loads((data_dir / NOTE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    lock = DataFolderLock(data_dir)
    try:
        lock.acquire()
    except DataFolderInUseError:
        return Addresses(**note)
    lock.release()
    return None
