"""What a device can reach at the broker, and what it cannot: the same on NATS and Mosquitto.

Both run with the configuration that Tidewell ships, and learn of devices in the way that is
documented.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiomqtt
import psycopg
import pytest

from firmware_sim.intentions import FullPolicy
from firmware_sim.people import build_virtual_people
from firmware_sim.service import DevicePlan, FleetOutcome, FleetReport, run_devices
from firmware_sim.sources import HistoryThenLiveSource, Life
from ingest.service import run_ingest
from tests.integration.edges import (
    Devices,
    Edge,
    NatsEdge,
    lets_in,
    mosquitto_edge,
    nats_edge,
    throw_away_certificate,
)
from tidewell.broker_access import client_context, client_id_of
from tidewell.clock import now_ms, now_utc
from tidewell.database import Role, connect
from tidewell.embedded.nats import NatsServer
from tidewell.enrolment import enrol_device, enrol_person
from tidewell.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

DAY_MS = 86_400_000
SILENCE_S = 0.6
"""How long nothing has to be heard to count as nothing; what is allowed arrives in milliseconds."""
WITHIN_S = 20.0
INGEST_ID = "ingest-0123456789abcdef0123456789abcdef"
BROKERS = ("nats", "mosquitto")


@contextlib.contextmanager
def started(broker: str, folder: Path, *, encrypted: bool = False) -> Iterator[Edge]:
    encryption = throw_away_certificate(folder) if encrypted else None
    if broker == "nats":
        with nats_edge(encryption) as nats:
            yield nats
    else:
        with mosquitto_edge(folder, encryption) as mosquitto:
            yield mosquitto


@pytest.fixture(scope="module", params=BROKERS)
def edge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    with started(request.param, tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture
def devices(edge: Edge) -> Devices:
    """Two devices that may sign in."""
    made = Devices(edge)
    made.give("band-a", "band-b")
    return made


async def heard(client: aiomqtt.Client, within_s: float = SILENCE_S) -> str | None:
    """Return the topic of the next message, or None where none comes."""
    try:
        async with asyncio.timeout(within_s):
            return (await anext(aiter(client.messages))).topic.value
    except TimeoutError:
        return None


@contextlib.asynccontextmanager
async def until_thrown_out(client: aiomqtt.Client) -> AsyncIterator[aiomqtt.Client]:
    """Work with a connection, then wait until the broker ends it, which it has to do in time."""
    is_done = False
    try:
        async with client, asyncio.timeout(WITHIN_S):
            yield client
            is_done = True
            await anext(aiter(client.messages))
    except aiomqtt.MqttError:
        assert is_done, "it ended too early"
    else:
        raise AssertionError("the broker let it go on")


async def test_a_device_reaches_the_service_and_hears_it(devices: Devices) -> None:
    async with devices.service() as service, devices.client("band-a") as own:
        for kind in ("frame", "status"):
            await service.subscribe(f"tidewell/v1/4/+/{kind}", qos=1)
            await own.publish(f"tidewell/v1/4/band-a/{kind}", b"{}", qos=1)
            assert await heard(service, WITHIN_S) == f"tidewell/v1/4/band-a/{kind}"
        for kind in ("ack", "config"):
            await own.subscribe(f"tidewell/v1/4/band-a/{kind}", qos=1)
            await service.publish(f"tidewell/v1/4/band-a/{kind}", b"{}", qos=1)
            assert await heard(own, WITHIN_S) == f"tidewell/v1/4/band-a/{kind}"


@pytest.mark.parametrize(
    "topic",
    [
        *(f"tidewell/v1/4/band-b/{kind}" for kind in ("frame", "status", "ack", "config")),
        "tidewell/v1/4/band-a/ack",
        "tidewell/v1/4/band-a/config",
        "tidewell/v1/4/band-a/frame/more",
        "tidewell/v2/4/band-a/frame",
    ],
)
async def test_a_device_can_neither_speak_as_another_one_nor_as_the_service(
    devices: Devices, topic: str
) -> None:
    async with (
        devices.service() as service,
        devices.client("band-b") as other,
        devices.client("band-a") as intruder,
    ):
        for version in ("v1", "v2"):
            await service.subscribe(f"tidewell/{version}/4/#", qos=1)
        await other.subscribe("tidewell/v1/4/band-b/ack", qos=1)
        # The broker confirms it all the same, which is why a device never trusts that.
        await intruder.publish(topic, b"forged", qos=1)
        await intruder.publish("tidewell/v1/4/band-a/frame", b"{}", qos=1)
        assert await heard(service, WITHIN_S) == "tidewell/v1/4/band-a/frame"
        assert await heard(other, 0.1) is None


@pytest.mark.parametrize(
    "topic",
    [
        *(f"tidewell/v1/4/band-b/{kind}" for kind in ("frame", "status", "ack", "config")),
        "tidewell/v1/+/+/ack",
        "tidewell/v1/+/+/config",
        "tidewell/#",
        "tidewell/v1/4/#",
        "#",
        "+/#",
        "$MQTT/#",
        "$MQTT/sub/+",
        "$MQTT/msgs/#",
        "$JS/#",
        "$SYS/#",
        "_INBOX/#",
    ],
)
async def test_a_device_hears_nothing_that_is_for_another_one(devices: Devices, topic: str) -> None:
    async with (
        devices.service() as service,
        devices.client("band-b") as other,
        devices.client("band-a") as intruder,
    ):
        await service.subscribe("tidewell/v1/+/+/frame", qos=1)
        await other.subscribe("tidewell/v1/4/band-b/ack", qos=1)
        with contextlib.suppress(aiomqtt.MqttError):
            await intruder.subscribe(topic, qos=1)
        for kind in ("ack", "config"):
            await service.publish(f"tidewell/v1/4/band-b/{kind}", b"{}", qos=1)
        for kind in ("frame", "status"):
            await other.publish(f"tidewell/v1/4/band-b/{kind}", b"{}", qos=1)
        assert await heard(other, WITHIN_S) == "tidewell/v1/4/band-b/ack"
        assert await heard(service, WITHIN_S) == "tidewell/v1/4/band-b/frame"
        with contextlib.suppress(aiomqtt.MqttError):  # it may be thrown out for asking
            assert await heard(intruder) is None


@pytest.mark.parametrize(
    ("name", "whose"), [("band-x", "band-a"), ("band-b", "band-a"), ("band-a", "nobody")]
)
async def test_a_name_and_a_secret_have_to_belong_together(
    devices: Devices, name: str, whose: str
) -> None:
    secret = devices.secrets.get(whose, "a guess")
    assert not devices.lets_in(name, secret)
    assert devices.lets_in("band-a", devices.secrets["band-a"])


async def test_a_revoked_device_is_gone_within_seconds_and_the_others_stay(
    devices: Devices,
) -> None:
    async with devices.service() as service, devices.client("band-b") as other:
        await service.subscribe("tidewell/v1/4/+/frame", qos=1)
        async with until_thrown_out(devices.client("band-a")) as revoked:
            await revoked.publish("tidewell/v1/4/band-a/frame", b"{}", qos=1)
            assert await heard(service, WITHIN_S) == "tidewell/v1/4/band-a/frame"
            devices.revoke("band-a")
        assert not devices.lets_in("band-a", devices.secrets["band-a"])
        # On the connections of before, which the change has not touched.
        await other.publish("tidewell/v1/4/band-b/frame", b"{}", qos=1)
        assert await heard(service, WITHIN_S) == "tidewell/v1/4/band-b/frame"


async def test_another_secret_ends_the_one_before(devices: Devices) -> None:
    before = devices.secrets["band-a"]
    async with until_thrown_out(devices.client("band-a")):
        devices.give("band-a")
    assert not devices.lets_in("band-a", before)
    async with devices.client("band-a") as again:
        await again.publish("tidewell/v1/4/band-a/frame", b"{}", qos=1)


async def test_a_device_does_not_end_the_connection_of_another_by_its_name(
    devices: Devices,
) -> None:
    async with devices.service() as service, devices.client("band-b") as other:
        await service.subscribe("tidewell/v1/4/+/frame", qos=1)
        for guess in ("band-b", "d", client_id_of("band-b")):
            async with devices.client("band-a", identifier=guess):
                pass
        await other.publish("tidewell/v1/4/band-b/frame", b"{}", qos=1)
        assert await heard(service, WITHIN_S) == "tidewell/v1/4/band-b/frame"


async def test_only_a_secret_id_keeps_the_session_of_ingest_on_nats(devices: Devices) -> None:
    """NATS gives a session to whoever knows its id; Mosquitto ties it to the account."""
    async with devices.service(INGEST_ID, clean=False) as service:
        await service.subscribe("tidewell/v1/4/+/frame", qos=1)
    async with devices.client("band-a", identifier=INGEST_ID) as intruder:
        await intruder.publish("tidewell/v1/4/band-a/frame", b"{}", qos=1)
    async with devices.service(INGEST_ID, clean=False) as service:
        waited = await heard(service, SILENCE_S)
    assert waited == (None if isinstance(devices.edge, NatsEdge) else "tidewell/v1/4/band-a/frame")


async def enrolled(database_url: str, names: tuple[str, ...]) -> dict[str, int]:
    """Enrol a person for each device and return the shard of each."""
    shards = {}
    async with await connect(database_url, Role.ENROL, "tests") as connection:
        for name in names:
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


@contextlib.asynccontextmanager
async def ingest_at(edge: Edge, database_url: str) -> AsyncIterator[asyncio.Task[object]]:
    stop, ready = asyncio.Event(), asyncio.Event()
    settings = Settings(broker_ca=edge.authority)
    running = asyncio.create_task(
        run_ingest(
            settings,
            database_url,
            edge.service_url,
            INGEST_ID,
            stop=stop,
            owner="tests",
            on_ready=ready.set,
        )
    )
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        yield running
    finally:
        stop.set()
        await running


async def play(devices: Devices, shards: dict[str, int], days: int) -> FleetReport:
    """Run each device with its own secret until all is acknowledged."""
    end_ms = now_ms() // DAY_MS * DAY_MS
    people = build_virtual_people(len(shards), 3)
    plans = []
    for person, (name, shard) in zip(people, shards.items(), strict=True):
        source = HistoryThenLiveSource(
            Life(person, "UTC", (), 3), end_ms - days * DAY_MS, end_ms, live=False
        )
        plans.append(
            DevicePlan(name, shard, 1, source, FullPolicy.HOLD_SOURCE, secret=devices.secrets[name])
        )
    return await run_devices(
        plans,
        devices.edge.address,
        stop=asyncio.Event(),
        on_progress=lambda _: None,
        give_up_after_s=30,
        authority=devices.edge.authority,
    )


async def test_frames_are_committed_while_a_device_goes_through_what_it_can_read(
    devices: Devices, database_url: str
) -> None:
    """Whoever has a device hears everything that it may hear: the id of ingest is never in it."""
    devices.give("band-c")
    shards = await enrolled(database_url, ("band-a", "band-b"))
    listening = devices.client("band-c")
    read: list[str] = []
    async with ingest_at(devices.edge, database_url), listening as curious:
        for topic in ("#", "$SYS/#", "$MQTT/#", "tidewell/#", "tidewell/v1/+/band-c/ack"):
            with contextlib.suppress(aiomqtt.MqttError):
                await curious.subscribe(topic, qos=1)
        await curious.publish("tidewell/v1/4/band-c/frame", b"not a frame", qos=1)
        report = await play(devices, shards, days=3)
        with contextlib.suppress(TimeoutError, aiomqtt.MqttError):
            async with asyncio.timeout(SILENCE_S):
                read.extend(
                    [
                        f"{message.topic.value} {bytes(message.payload)!r}"
                        async for message in curious.messages
                    ]
                )
    assert report.outcome is FleetOutcome.FINISHED
    assert report.totals.frames_acknowledged == report.totals.frames_published > 0
    assert not [one for one in read if INGEST_ID in one or "band-a" in one]
    with psycopg.connect(database_url) as connection:
        stored = connection.execute("SELECT count(*) FROM reading").fetchone()
    assert stored == (report.totals.readings,)


@pytest.mark.parametrize("broker", BROKERS)
async def test_frames_come_in_encrypted_from_end_to_end(
    broker: str, database_url: str, tmp_path: Path
) -> None:
    shards = await enrolled(database_url, ("band-a", "band-b"))
    with started(broker, tmp_path, encrypted=True) as encrypted:
        devices = Devices(encrypted)
        devices.give(*shards)
        assert encrypted.address.startswith("mqtts://")
        async with ingest_at(encrypted, database_url):
            report = await play(devices, shards, days=1)
        assert report.outcome is FleetOutcome.FINISHED
        assert report.totals.frames_acknowledged > 0


@pytest.mark.parametrize("broker", BROKERS)
@pytest.mark.parametrize("trusts", ["what the machine trusts", "another authority"])
def test_a_broker_with_a_certificate_of_somebody_else_is_not_talked_to(
    broker: str, trusts: str, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = throw_away_certificate(tmp_path / "other").authority
    context = client_context("127.0.0.1", other if trusts == "another authority" else None)
    (tmp_path / "own").mkdir()
    with started(broker, tmp_path / "own", encrypted=True) as encrypted:
        where = urlsplit(encrypted.address)
        with (
            socket.create_connection((str(where.hostname), int(where.port or 0)), 5) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_broker_that_starts_again_still_knows_its_devices() -> None:
    with nats_edge() as edge:
        devices = Devices(edge)
        devices.give("band-a")
        edge.server.stop()
        again = NatsServer(edge.server.folder)
        again.start()
        try:
            assert lets_in(NatsEdge(again), "band-a", devices.secrets["band-a"])
        finally:
            again.stop()


def test_the_password_that_all_devices_shared_opens_nothing_any_more() -> None:
    with nats_edge() as edge:
        edge.server.stop()
        shared = edge.server.folder / "device-password"
        shared.write_text("what every device of an older version knew")
        edge.server.start()
        assert not shared.exists()
        assert not lets_in(edge, "device", "what every device of an older version knew")
