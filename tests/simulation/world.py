# ruff: noqa: ANN401 -- what is wrapped is passed on as it came, whatever its kind
"""One run: devices, broker, ingest, database, alerts and people, and the faults of one seed.

Everything that is decided by chance is decided by the seed. A run has three parts: trouble, during
which faults happen; calm, during which everything works and all must come to rest; and the reading
of the books.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from unittest import mock

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict

import alerts.sending.service
import alerts.service
import ingest.mqtt
import ingest.service
import tests.simulation.all_statements  # noqa: F401 -- registers what the database knows
from alerts.operations import notices
from alerts.operations import store as operations
from alerts.reaching.service import Reaching
from ingest.committing.service import Worker
from ingest.leasing import shares
from ingest.leasing.store import Leases
from ingest.passing import service as passing
from ingest.service import DetectorScoring, run_ingest
from ingest.silence import outages
from tests.simulation import broker as broker_module
from tests.simulation.broker import Broker, use_broker
from tests.simulation.database import Connection, Interference, MemoryDatabase
from tests.simulation.devices import Device, Ledger
from tests.simulation.invariants import Referee, Violation
from tests.simulation.phone import Telephones
from tests.simulation.processes import PROCESS, Process, make_task
from tests.simulation.scoring import CountingScoring
from tests.simulation.virtual_time import StuckError, run_virtually, true_ms
from tidewell.errors import LeaseLostError
from tidewell.local_time import utc_moment
from tidewell.settings import Settings

TROUBLE_S: Final = 20.0
CALM_MOST_S: Final = 1_200.0
"""Twenty minutes; a device that backed off the longest takes half of it."""
SHARDS: Final = 3
DATABASE_URL: Final = "postgresql://tidewell:secret@127.0.0.1:5432/memory"
CLIENT_ID: Final = "ingest-of-the-simulation"
POLICY: Final = {
    "accept_within_s": {"check_now": 60, "check_today": 90, "for_review": 120},
    "escalations_most": 2,
    "unreached_retry_s": 60,
    "overdue_check_s": 3_600,
    "push_budget": {"in_15_minutes": 100, "in_1_hour": 400, "in_3_hours": 1_000},
}
SET_BACK: Final = "moments set back"
NOTICE_AFTER: Final = timedelta(seconds=3)
"""So that an outage of some seconds is told."""
ALERTS_LOOK_EVERY_S: Final = 6.0
"""In place of each second, which would only make each run longer."""


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; `trace` is the same whenever the same seed runs the same code."""

    seed: int
    problem: str | None
    trace: str
    counts: dict[str, int]
    story: list[str]


@dataclass
class Trouble(Interference):
    """What happens to sessions at the database."""

    rng: random.Random
    slow: float = 0.2
    lost_at_statement: float = 0.0
    lost_before_commit: float = 0.0
    lost_after_commit: float = 0.0
    happened: dict[str, int] = field(default_factory=dict)
    say: Callable[[str], object] = str

    async def before_statement(self, session: Connection, name: str) -> None:
        """Wait, or lose the session."""
        await self._speak(session)
        if self.lost_at_statement and self.rng.random() < self.lost_at_statement:
            self._lose(session, f"lost at {name}")

    async def before_commit(self, session: Connection) -> None:
        """Wait, or lose the session before the commit: nothing is stored."""
        await self._speak(session)
        if self.rng.random() < self.lost_before_commit:
            self._lose(session, "lost before commit")

    async def after_commit(self, session: Connection) -> None:
        """Wait, or lose the session after the commit: all is stored, and nobody is told."""
        if self.rng.random() < self.lost_after_commit:
            self._lose(session, "lost after commit")
        await self._speak(session)

    async def _speak(self, session: Connection) -> None:
        if self.rng.random() < self.slow:
            await asyncio.sleep(self.rng.uniform(0.0005, 0.02))
        process: Process = session.process
        if process.is_frozen or process.is_dead:
            await process.speak()

    def _lose(self, session: Connection, what: str) -> None:
        kind = what.split(" at ", maxsplit=1)[0]
        self.happened[kind] = self.happened.get(kind, 0) + 1
        self.say(f"{session.process.name}: {what}")
        session.sever()
        raise psycopg.OperationalError(what)


class World:
    """Everything of one run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = self.chance("world")
        self.trouble = Trouble(self.chance("database"))
        self.database_offset_ms = 0
        self.database = MemoryDatabase(self.trouble, time_ms=self.database_ms)
        self.broker = Broker(self.chance("broker"))
        self.phones = Telephones(self.database, self.chance("phones"))
        self.ledger = Ledger()
        self.referee = Referee(self.database, self.ledger, self.phones)
        self.problem: str | None = None
        self.counts: dict[str, int] = {}
        self.story: list[str] = []
        self.trouble.say = self.say
        self.scorings: dict[str, Any] = {}
        self.catching_up: set[str] = set()
        self.leases: dict[str, Any] = {}
        self.processes: dict[str, Process] = {}
        self.wanted: dict[str, bool] = {}
        self.counting = seed % 20 != 7
        # In half of the runs sooner than many frames are sent again: holes are passed, and filled.
        seconds = self.chance("holes").choice((720.0, 720.0, 0.2, 3.0))
        self.hole_passed_after = timedelta(seconds=seconds)
        # An outage lasts a few seconds here; in half of the runs such a one is told.
        self.outage_from_ms = self.chance("outages").choice((15_000, 1_000))
        self.settings = Settings(
            lease_s=self.rng.choice((5, 8)),
            batch_frames=self.rng.choice((1, 3, 2_000)),
            batch_wait_ms=self.rng.choice((1, 20)),
            probe_every_s=0,
        )
        self._starts = 0
        self._trace = hashlib.sha256()
        self.database.watchers.append(self._write_trace)
        self.devices: list[Device] = []

    def database_ms(self) -> int:
        """Return the time by the clock of the database's machine."""
        return true_ms() + self.database_offset_ms

    def chance(self, name: str) -> random.Random:
        """Return a source of chance that depends on the seed and on nothing else."""
        return random.Random(f"{self.seed} {name}")  # noqa: S311 -- chance of a test

    def _write_trace(self, commit: Any) -> None:
        where = sorted((name, str(key)) for name, key in commit.writes)
        self._trace.update(repr((asyncio.get_running_loop().time(), where)).encode())

    @property
    def trace(self) -> str:
        """Return a mark of everything that was committed, and when."""
        return self._trace.hexdigest()[:16]

    def happens(self, what: str) -> None:
        """Count a fault, and write down when it happened."""
        self.counts[what] = self.counts.get(what, 0) + 1
        self.say(what)

    def say(self, what: str) -> None:
        """Write a line in the story of this run."""
        self.story.append(f"{asyncio.get_running_loop().time():9.3f} {what}")

    def outcome(self) -> dict[str, int]:
        """Return what came of it all."""
        table = self.database.table
        return {
            "published": self.ledger.published,
            "readings": len(table("reading")),
            "dead letters": len(table("dead_letter")),
            "alerts raised": len(table("alert")),
            "messages heard": sum(self.phones.heard.values()),
            "outages": len(table("outage")),
            "notices to operations": len(table("operations_notice")),
            "holes passed": sum(
                row["kind"] == "hole_passed" for row in table("scored_later").values()
            ),
            "shards moved": sum(row["epoch"] - 1 for row in table("shard").values()),
        }

    # -- how it begins

    def furnish(self) -> None:
        """Enrol people, their devices and the staff who look after them."""
        put = self.database.put
        for shard in range(SHARDS):
            lease = {"lease_until": None, "listening_since": None}
            put("shard", (shard,), {"owner": None, "epoch": 0, **lease})
            free = {"owner": None, "seen_until": None, "has_session": False}
            put("ingest_worker", (shard + 1,), free)
        put("policy", (1,), {"valid_from": utc_moment(0), "body": POLICY})
        for number in range(1, self.rng.choice((1, 2, 3)) + 1):
            shard = number % SHARDS
            put("person", (number,), {"shard": shard})
            device = {"name": f"band-{number}", "device_id": number, "person_id": number}
            # What it recorded before is its wearer's; something is expected of it from here on.
            put("device", (number,), {**device, "from_ms": 0, "enrolled_ms": true_ms()})
            for staff_id, kind in ((number, "key_worker"), (9, "practitioner")):
                row = {"person_id": number, "staff_id": staff_id, "kind": kind}
                put("assignment", (number, staff_id), row)
            chance = self.chance(f"device {number}")
            told = self.referee.told
            device_of = Device(number, shard, self.broker, self.ledger, chance, told)
            self.devices.append(device_of)

    # -- processes

    def start(self, name: str) -> None:
        """Start a part."""
        self._starts += 1
        process = Process(f"{name} {self._starts}")
        self.processes[name] = process
        self.wanted[name] = True
        self.say(f"start {process.name}")
        work = self._ingest if name.startswith("ingest") else self._alerts
        process.start(lambda: work(process))

    async def _ingest(self, process: Process) -> None:
        await run_ingest(
            self.settings,
            DATABASE_URL,
            "mqtt://service:secret@broker:1883",
            CLIENT_ID,
            stop=asyncio.Event(),
            owner=process.name,
        )

    async def _alerts(self, process: Process) -> None:
        del process
        await alerts.service.run_alerts(self.settings, DATABASE_URL, stop=asyncio.Event())

    async def kill(self, name: str) -> None:
        """Kill a part wherever it is."""
        process = self.processes[name]
        self.wanted[name] = False
        self.say(f"kill {process.name}")
        self.phones.excuse(process)
        await process.kill()

    def watch_over(self) -> None:
        """Notice a part that ended by itself: none may."""
        for name, process in self.processes.items():
            if self.wanted[name] and process.has_ended:
                assert process.main is not None
                error = None if process.main.cancelled() else process.main.exception()
                if isinstance(error, Violation | StuckError):
                    raise error
                raise Violation(f"{name} ended by itself: {error!r}") from error

    def connect(self, application: str) -> Connection:
        """Let a process in to the database."""
        session = self.database.connect(application)
        process = PROCESS.get()
        session.process = process
        process.cuts.append(session.sever)
        return session

    def make_scoring(self, *given: Any, **more: Any) -> Any:
        """Return a detector: the one that counts, or in some seeds the real one."""
        scoring = CountingScoring() if self.counting else DetectorScoring(*given, **more)
        self.scorings[PROCESS.get().name] = scoring
        return scoring


WORLD: Final[contextvars.ContextVar[World]] = contextvars.ContextVar("world")


async def _connect(conninfo: str, **options: Any) -> Connection:
    """Stand in for psycopg's own way to a server, behind Tidewell's."""
    del options
    process = PROCESS.get()
    await process.speak()
    await asyncio.sleep(0.002)
    await process.speak()
    return WORLD.get().connect(_application(conninfo))


@cache
def _application(conninfo: str) -> str:
    return str(conninfo_to_dict(conninfo)["application_name"])


def _counting(usual: Callable[..., Awaitable[Result]]) -> Callable[..., Awaitable[Any]]:
    """Return a fence that counts what it refused."""

    async def renew(*given: object) -> Result:
        try:
            return await usual(*given)
        except LeaseLostError:
            WORLD.get().happens("refused by the fence")
            raise

    return renew


def _setting_back(
    usual: Callable[[Worker], Awaitable[None]],
) -> Callable[[Worker], Awaitable[None]]:
    """Return a setting back of moments that is counted."""

    async def set_back(worker: Worker) -> None:
        WORLD.get().happens(SET_BACK)
        await usual(worker)

    return set_back


def _taking(
    usual: Callable[..., Awaitable[list[int]]],
) -> Callable[..., Awaitable[list[int]]]:
    """Return a taking of shards after which its worker has to catch up."""

    async def take(*given: object, **more: object) -> list[int]:
        catching_up, name = WORLD.get().catching_up, PROCESS.get().name
        WORLD.get().leases[name] = given[0]
        before = name in catching_up
        catching_up.add(name)
        taken = await usual(*given, **more)
        if not taken and not before:
            catching_up.discard(name)
        return taken

    return take


def _catching_up(
    usual: Callable[..., Awaitable[Any]],
) -> Callable[..., Awaitable[Any]]:
    """Return the same, after which its worker knows what is stored, and not before.

    A worker in which it fails begins again.
    """

    async def catch_up(*given: object, **more: object) -> Any:
        catching_up, name = WORLD.get().catching_up, PROCESS.get().name
        catching_up.add(name)
        result = await usual(*given, **more)
        catching_up.discard(name)
        return result

    return catch_up


def _make_scoring(*given: Any, **more: Any) -> Any:
    return WORLD.get().make_scoring(*given, **more)


def _open_channels(settings: Settings) -> dict[str, Telephones]:
    del settings
    return {"console": WORLD.get().phones}


async def _look_at_nobody(_self: Reaching, _connection: object, stop: asyncio.Event) -> None:
    """Leave out the look ahead: it reads what is stored and changes no alert."""
    await stop.wait()


def _chance_of_process() -> random.Random:
    return random.Random(f"{WORLD.get().seed} {PROCESS.get().name}")  # noqa: S311 -- chance of a test


@contextmanager
def installed() -> Iterator[None]:
    """Put the invented outside in place of the real one: database, broker, telephone, chance."""
    chance = SimpleNamespace(SystemRandom=_chance_of_process, Random=random.Random)
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    before = structlog.get_config()
    structlog.configure(wrapper_class=quiet, cache_logger_on_first_use=False)
    try:
        with (
            mock.patch.object(ingest.mqtt, "gmqtt", broker_module),
            mock.patch.object(ingest.mqtt, "Client", broker_module.Client),
            mock.patch.object(psycopg.AsyncConnection, "connect", _connect),
            mock.patch.object(ingest.service, "DetectorScoring", _make_scoring),
            # It looks for garbage at each start, of which there are dozens in a run.
            mock.patch.object(ingest.service, "_spare_the_collector"),
            mock.patch.object(shares, "SHARD_COUNT", SHARDS),
            mock.patch.object(Leases, "renew", _counting(Leases.renew)),
            mock.patch.object(Leases, "renew_slot", _counting(Leases.renew_slot)),
            mock.patch.object(Worker, "_set_back", _setting_back(Worker._set_back)),
            mock.patch.object(Leases, "take", _taking(Leases.take)),
            mock.patch.object(Worker, "recover", _catching_up(Worker.recover)),
            mock.patch.object(
                passing.HolePasser, "go_past", _catching_up(passing.HolePasser.go_past)
            ),
            mock.patch.object(alerts.service, "open_channels", _open_channels),
            mock.patch.object(Reaching, "work", _look_at_nobody),
            mock.patch.object(alerts.service, "random", chance),
            mock.patch.object(alerts.service, "POLL_S", ALERTS_LOOK_EVERY_S),
            mock.patch.object(alerts.sending.service, "POLL_S", ALERTS_LOOK_EVERY_S),
        ):
            yield
    finally:
        structlog.configure(**before)


def run_seed(seed: int, run: Callable[[World], Coroutine[Any, Any, None]]) -> Outcome:
    """Run one seed to its end; `installed` must be in force."""
    return run_virtually(_run(seed, run))


async def _run(seed: int, run: Callable[[World], Coroutine[Any, Any, None]]) -> Outcome:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(make_task)  # type: ignore[arg-type] # typeshed's protocol is narrower
    faults: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: _keep(faults, context))
    world = World(seed)
    WORLD.set(world)
    use_broker(world.broker)
    try:
        world.furnish()
        with (
            mock.patch.object(passing, "HOLE_PASSED_AFTER", world.hole_passed_after),
            mock.patch.object(outages, "OUTAGE_FROM_MS", world.outage_from_ms),
            mock.patch.object(operations, "NOTICE_AFTER", NOTICE_AFTER),
            mock.patch.object(notices, "NOTICE_AFTER", NOTICE_AFTER),
        ):
            await run(world)
        problem = None
    except (AssertionError, NotImplementedError) as error:
        problem = f"{type(error).__name__}: {error}"
    for process in world.processes.values():
        await process.kill()
    if problem is None and faults:
        problem = f"{type(faults[0]).__name__}: {faults[0]}"
    counts = {**world.counts, **world.trouble.happened, **world.outcome()}
    return Outcome(seed, problem, world.trace, counts, world.story)


def _keep(faults: list[BaseException], context: dict[str, Any]) -> None:
    """Keep what went wrong inside a callback: a broken promise is found there too."""
    error = context.get("exception")
    if isinstance(error, AssertionError):
        faults.append(error)


def real_replay(world: World, shard: int) -> Any:
    """Return a real detector that has seen all stored readings of a shard's people once."""
    silence_after_s = world.settings.silence_after_s
    replay = DetectorScoring(silence_after_s, None, one_by_one=False)
    return world.referee.replayed_into(replay, shard)


def now() -> Any:
    """Return the true time."""
    return utc_moment(true_ms())
