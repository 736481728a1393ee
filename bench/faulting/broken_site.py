"""A site to be broken: real servers in a temporary folder, real processes, proxies in between.

It promises that nothing of it outlives the run: processes, servers, folder and the small disk that
root may have made for it. It must never touch a site that somebody uses: every address it works
with is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg

from bench.faulting.making import LIMIT_BPM, LIMIT_MINUTES
from bench.faulting.proxy import LOOPBACK, Proxy
from bench.faulting.stages import ALERTS, INGEST, Stage, command_of, stage_environment
from bench.faulting.waiting import until, until_told
from tidewell.clock import now_utc
from tidewell.database import Queries, Role, connect
from tidewell.device_credentials import give_secrets, verifiers_for_brokers
from tidewell.embedded.nats import NatsServer
from tidewell.embedded.postgres import PostgresServer
from tidewell.enrolment import (
    EnrolledPerson,
    add_staff,
    add_team,
    assign,
    device_name_of,
    enrol_device,
    enrol_person,
)
from tidewell.errors import ServerError, TidewellError
from tidewell.schema import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from random import Random

    from tidewell.embedded.server import EmbeddedServer

QUERIES: Final = Queries("bench.faulting", "site.sql")

PASSABLE: Final = 0o711
"""The account that PostgreSQL runs under has to get through the temporary folder."""
DISK: Final = "1g"
"""Room for the servers of a run; small enough to fill it in a moment."""
LEASE_S: Final = 5
"""The shortest that there is: a run of seconds sees many of them end."""
WORKERS: Final = 2
ALERTERS: Final = 2
READY_WITHIN_S: Final = 60.0
ACCEPT_WITHIN_S: Final = 60
"""The shortest that a policy may say: a message that a provider dropped is noticed after that."""
POLICY_NAME: Final = "fault tests"
LOOK_S: Final = 0.2
WATCH_EVERY_S: Final = 1.0

GONE_WITHIN_S: Final = 60.0
_MOUNT: Final = "mount"
_UNMOUNT: Final = "umount"

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One person of a run, by their device."""

    person_id: int
    device: str
    shard: int
    secret: str = field(repr=False)


@dataclass(slots=True)
class Proxies:
    """The connections of a site that can be broken, each by itself."""

    ingest_database: Proxy
    alerts_database: Proxy
    ingest_broker: Proxy
    device_broker: Proxy

    @property
    def all(self) -> tuple[Proxy, ...]:
        """Return all of them."""
        return (
            self.ingest_database,
            self.alerts_database,
            self.ingest_broker,
            self.device_broker,
        )


@dataclass(slots=True)
class Site:
    """The parts of a site that runs; `servers_wanted` is cleared while a fault has one stopped."""

    folder: Path
    has_own_disk: bool
    postgres: PostgresServer
    nats: NatsServer
    proxies: Proxies
    enrolled: list[Enrolled]
    stages: list[Stage] = field(default_factory=list)
    server_deaths: int = 0
    _mending: asyncio.Lock = field(default_factory=asyncio.Lock)
    _watching: asyncio.Task[None] | None = None

    def of_kind(self, kind: str) -> list[Stage]:
        """Return the processes of one stage."""
        return [stage for stage in self.stages if stage.kind == kind]

    def device_url(self, one: Enrolled) -> str:
        """Return where a device finds the broker, with its own name and secret."""
        return _through(self.nats.address, self.proxies.device_broker, one.device, one.secret)

    async def ask(self, name: str, **values: object) -> list[Row]:
        """Ask the database directly, past every proxy.

        Raises:
            psycopg.Error: it cannot be asked now.
        """
        async with await psycopg.AsyncConnection.connect(
            self.postgres.url, autocommit=True, connect_timeout=3
        ) as connection:
            cursor = await connection.execute(QUERIES[name], values)
            return await cursor.fetchall() if cursor.description else []

    def watch_servers(self) -> None:
        """Start a server again that died by itself, as a full disk makes it."""
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            async with self._mending:
                for server in (self.postgres, self.nats):
                    if not server.is_alive() or await asyncio.to_thread(server.is_stuck):
                        self.server_deaths += 1
                        await self._start_again(server)

    async def restart(self, server: EmbeddedServer, how: signal.Signals, *, wipe: bool) -> None:
        """Send a server a signal, wait until it is gone, and start it again."""
        async with self._mending:
            if server.is_alive():
                os.kill(server.pid, how)
            await until(lambda: not server.is_alive(), GONE_WITHIN_S)
            if wipe:
                await asyncio.to_thread(server.stop)
                shutil.rmtree(server.folder / "store", ignore_errors=True)
            await self._start_again(server)

    async def _start_again(self, server: EmbeddedServer) -> None:
        try:
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
        except (TidewellError, OSError):
            # Tried again at the next look: on a full disk nothing starts.
            await asyncio.sleep(LOOK_S)

    async def settle_servers(self) -> None:
        """Wait until both servers run and nobody restarts them any more."""
        await until(lambda: self.postgres.is_alive() and self.nats.is_alive(), READY_WITHIN_S)

    async def stop_watching(self) -> None:
        """Leave the servers to themselves."""
        if self._watching is not None:
            async with self._mending:
                self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def wait_until_heard(self) -> None:
        """Wait until every shard is held and heard.

        Raises:
            ServerError: that did not happen in time; the last words of ingest say why.
        """
        if await until_told(self._is_heard, READY_WITHIN_S, LOOK_S):
            return
        said = "; ".join(note for stage in self.stages for note in stage.died_by_itself)
        raise ServerError(f"not every shard was heard within {READY_WITHIN_S:.0f} s: {said}")

    async def _is_heard(self) -> bool:
        try:
            return await self.ask("shards_not_heard") == [(0,)]
        except psycopg.Error:
            return False


@contextlib.contextmanager
def small_disk() -> Iterator[tuple[Path, bool]]:
    """Make a folder for servers; say whether it has a small disk of its own: root may do that."""
    with tempfile.TemporaryDirectory(prefix="tidewell-faults-") as name:
        folder = Path(name)
        is_own = _mount(folder)
        folder.chmod(PASSABLE)
        try:
            yield folder, is_own
        finally:
            if is_own:
                subprocess.run([_UNMOUNT, name], check=False)


@contextlib.asynccontextmanager
async def broken_site(folder: Path, people: int, *, has_disk: bool) -> AsyncIterator[Site]:
    """Run servers with the schema and the people of a run; stop and remove all of it afterwards."""
    postgres, nats = PostgresServer(folder / "postgres"), NatsServer(folder / "nats")
    try:
        await asyncio.gather(asyncio.to_thread(postgres.start), asyncio.to_thread(nats.start))
        await migrate(postgres.url, "plain")
        enrolled = await _enrol(postgres.url, people)
        await _let_in(postgres.url, nats)
        is_on_disk = has_disk and postgres.cluster.is_relative_to(folder)
        async with contextlib.AsyncExitStack() as stack:
            proxies = Proxies(
                await stack.enter_async_context(Proxy(_port(postgres.url))),
                await stack.enter_async_context(Proxy(_port(postgres.url))),
                await stack.enter_async_context(Proxy(_port(nats.service_url))),
                await stack.enter_async_context(Proxy(_port(nats.address))),
            )
            site = Site(folder, is_on_disk, postgres, nats, proxies, enrolled)
            try:
                yield site
            finally:
                await site.stop_watching()
                await asyncio.gather(*(stage.stop() for stage in site.stages))
    finally:
        await asyncio.to_thread(nats.stop)
        await asyncio.to_thread(postgres.stop)
        with contextlib.suppress(OSError, TidewellError):
            await asyncio.to_thread(postgres.erase)


def make_stages(
    site: Site, logs: Path, webhook_url: str, plant: str | None, rng: Random
) -> list[Stage]:
    """Return the processes of a run, not started."""
    proxies = site.proxies
    ingest = stage_environment(
        database_url=_through(site.postgres.url, proxies.ingest_database),
        broker_url=_through(site.nats.service_url, proxies.ingest_broker),
        ingest_client_id=f"ingest-{secrets.token_hex(16)}",
        lease_s=str(LEASE_S),
        fault_tests="true",
    )
    alerts = stage_environment(
        database_url=_through(site.postgres.url, proxies.alerts_database),
        webhook_url=webhook_url,
        webhook_secret=secrets.token_hex(16),
        fault_tests="true",
    )
    made = [(INGEST, number, ingest) for number in range(1, WORKERS + 1)]
    made += [(ALERTS, number, alerts) for number in range(1, ALERTERS + 1)]
    return [
        Stage(
            f"{kind}-{number}",
            kind,
            command_of(kind, number, plant),
            environment,
            logs / f"{kind}-{number}.log",
            rng,
        )
        for kind, number, environment in made
    ]


async def _enrol(database_url: str, people: int) -> list[Enrolled]:
    """Enrol people with a device, a limit in their plan, and two who are told about them."""
    now = now_utc()
    async with await connect(database_url, Role.ENROL, "tidewell bench") as connection:
        team = await add_team(connection, "Fault tests", now)
        staff = [
            await add_staff(connection, "practitioner", f"Worker {number}", team, now)
            for number in (1, 2)
        ]
        labels = [f"F-{number:03}" for number in range(people)]
        persons = {label: await _enrol_one(connection, label, staff) for label in labels}
        names = [device_name_of(label) for label in labels]
        secret_of = await give_secrets(connection, names, now)
    enrolled = [
        Enrolled(person.person_id, name, person.shard, secret_of[name])
        for name, person in zip(names, persons.values(), strict=True)
    ]
    await _plan(database_url, enrolled, staff[0])
    return enrolled


async def _enrol_one(
    connection: psycopg.AsyncConnection[Row], label: str, staff: Sequence[int]
) -> EnrolledPerson:
    now = now_utc()
    person = await enrol_person(connection, label, now, preferred_name=label, timezone="UTC")
    name = device_name_of(label)
    await enrol_device(connection, name, person.person_id, now, model="ledger", from_the_start=True)
    for staff_id, kind in zip(staff, ("key_worker", "clinician"), strict=True):
        await assign(connection, staff_id, person.person_id, kind, now)
    return person


async def _plan(database_url: str, enrolled: Sequence[Enrolled], set_by: int) -> None:
    """Write the policy of the site, and a limit into each plan."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        body = {"name": POLICY_NAME, "accept_within_s": {"check_now": ACCEPT_WITHIN_S}}
        start = datetime(2020, 1, 1, tzinfo=UTC)
        await owner.execute(QUERIES["set_policy"], {"body": json.dumps(body), "valid_from": start})
        for one in enrolled:
            limit = {"person_id": one.person_id, "value": LIMIT_BPM, "for_minutes": LIMIT_MINUTES}
            more = {"agreed_on": date(2026, 1, 31), "set_by": set_by, "now": now_utc()}
            await owner.execute(QUERIES["set_limit"], {**limit, **more})


async def _let_in(database_url: str, nats: NatsServer) -> None:
    """Tell the broker which devices may sign in, as a small site does."""
    async with await connect(database_url, Role.ENROL, "tidewell bench") as connection:
        verifiers = await verifiers_for_brokers(connection)
    nats.let_in({name: one.bcrypt for name, one in verifiers.items()})


def _mount(folder: Path) -> bool:
    """Give the run a small disk of its own where we may; return whether it has one."""
    if os.geteuid() != 0 or shutil.which(_MOUNT) is None:
        return False
    command = [_MOUNT, "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None, "an embedded server says its port"
    return port


def _through(url: str, proxy: Proxy, user: str = "", password: str = "") -> str:
    """Return the same address by way of a proxy, with this login where one is given."""
    parts = urlsplit(url)
    login = f"{user}:{password}" if user else parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@{LOOPBACK}:{proxy.port}"))
