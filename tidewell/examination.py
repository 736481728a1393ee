"""What is wrong with a site: every finding is one line that says what is so, and what to do.

It looks only: it reads the settings, asks the database and the broker, and changes nothing. It must
never show a secret, and never say anything about a person.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiomqtt
import psycopg

from tidewell.broker_access import client_context, is_loopback
from tidewell.clock import now_utc
from tidewell.database import Connection, Queries, connect
from tidewell.errors import TidewellError
from tidewell.lawful.examining import erasure_trouble, retention_trouble
from tidewell.schema import migrations, storage_mode
from tidewell.settings import Settings

CLOCKS_APART_MOST: Final = timedelta(seconds=1)
"""Machines that keep time agree within a tenth of a second; leases go by the database's alone."""
COMMIT_EXPECTED_WITHIN: Final = timedelta(minutes=15)
"""Devices send once a minute; a quarter of an hour without any frame at all is ours, not theirs."""
HEARD_AHEAD_MOST: Final = timedelta(minutes=5)
"""Ingest lets no time that it writes run further ahead than that."""
GAP_EXPECTED_WITHIN: Final = timedelta(hours=24)
"""A device sends what is missing within minutes of being asked; a day later it will not come."""
HOLES_NAMED_MOST: Final = 5
"""More would not fit into a line that anybody reads; the table `frame_gap` has them all."""
REPAIR_EXPECTED_WITHIN: Final = timedelta(hours=24)
"""Some ten seconds a person; a device that sends its past for days keeps it waiting."""
AUDIT_EXPECTED_WITHIN: Final = timedelta(minutes=2)
"""The auditor runs each minute."""
REACH_EXPECTED_WITHIN: Final = timedelta(hours=3)
"""Alerts looks ahead once an hour."""
SNAPSHOT_EXPECTED_WITHIN: Final = timedelta(hours=2)
"""Each shard's is taken every hour."""
DISK_FREE_LEAST: Final = 5 * 1024**3
"""Some weeks of a small site; PostgreSQL stops when there is none."""
SHORTEST_PASSWORD: Final = 12
WELL_KNOWN: Final = frozenset(
    {"", "admin", "changeme", "example", "guest", "mosquitto", "password", "postgres", "secret"}
    | {"tidewell", "test"}
)
BROKER_WITHIN_S: Final = 5.0

_QUERIES: Final = Queries("tidewell", "examination.sql")


class Verdict(StrEnum):
    """How a finding is."""

    WELL = "well"
    LOOK = "look"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is so, and what to do about it; nothing where it is well."""

    verdict: Verdict
    what: str
    remedy: str = ""

    def line(self) -> str:
        """Return it as one line.

        Example:
            >>> Finding(Verdict.ACT, "the disk is full", "free some of it").line()
            'ACT   the disk is full; free some of it'
        """
        return (
            f"{self.verdict.value.upper():<5} {'; '.join(filter(None, (self.what, self.remedy)))}"
        )


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to look; `data_dir` is None for servers of one's own."""

    database_url: str
    broker_url: str
    data_dir: Path | None
    broker_authority: Path | None


async def examine(settings: Settings, addresses: Addresses) -> list[Finding]:
    """Return everything that can be said about a site now, the broken first."""
    database, broker = await asyncio.gather(
        _ask_database(addresses.database_url), _ask_broker(addresses)
    )
    found = [
        *database,
        broker,
        *judge_disk(addresses.data_dir),
        *judge_secrets(settings, addresses),
        *judge_exposure(settings),
    ]
    return worst_first(found)


def worst_first(found: Sequence[Finding]) -> list[Finding]:
    """Return findings with what must be done at the head."""
    order = [Verdict.ACT, Verdict.LOOK, Verdict.WELL]
    return sorted(found, key=lambda one: order.index(one.verdict))


async def _ask_database(url: str) -> list[Finding]:
    began = now_utc()
    try:
        async with await connect(url, None, "tidewell doctor", autocommit=True) as connection:
            ours = began + (now_utc() - began) / 2
            return [one async for one in _about_database(connection, ours)]
    except (TidewellError, psycopg.Error) as error:
        why = " ".join(str(error).split())
        return [Finding(Verdict.ACT, why, "start it, or correct TIDEWELL_DATABASE_URL")]


async def _about_database(connection: Connection, ours: datetime) -> AsyncIterator[Finding]:
    version, theirs, is_encrypted, is_local, size, commits, syncs = await _row(connection, "server")
    yield Finding(Verdict.WELL, f"PostgreSQL {version}, {size / 1024**2:,.0f} MB of data")
    yield judge_clocks(theirs, ours)
    yield judge_encryption("database", is_encrypted=is_encrypted, is_local=is_local)
    if commits == "off" or syncs == "off":
        yield Finding(
            Verdict.ACT,
            f"the database confirms what is not on the disk (fsync {syncs}, commit {commits})",
            "turn both on: devices let go of what was confirmed",
        )
    mode = await storage_mode(connection) if await _has_schema(connection) else None
    if mode is None:
        yield Finding(Verdict.ACT, "the database has no schema", "run `tidewell migrate`")
        return
    (number,) = await _row(connection, "schema")
    newest = migrations(mode)[-1].number
    if number == newest:
        yield Finding(Verdict.WELL, f"schema {number}, readings are kept as {mode.value}")
    else:
        yield Finding(
            Verdict.ACT, f"schema {number}, this Tidewell needs {newest}", "run `tidewell migrate`"
        )
        return
    async for one in _about_work(connection, ours):
        yield one


async def _about_work(connection: Connection, now: datetime) -> AsyncIterator[Finding]:
    free, deaf = await _row(connection, "shards", now=now)
    (workers,) = await _row(connection, "workers", now=now)
    yield judge_shards(free, deaf, workers)
    latest, unscored = await _row(connection, "intake")
    for one in judge_intake(latest, unscored, now):
        yield one
    gaps, devices, oldest, frames = await _row(connection, "gaps")
    for one in judge_gaps(gaps, devices, oldest, frames, now):
        yield one
    passed = await (await connection.execute(_QUERIES["passed_holes"])).fetchall()
    for one in judge_passed_holes([(name, boot, a, b) for name, boot, a, b, _ in passed]):
        yield one
    waiting, noted = await _row(connection, "repairs")
    for one in judge_repairs(waiting, noted, now):
        yield one
    day = {"since": now - timedelta(days=1)}
    (lost,) = await _row(connection, "lost", **day)
    if lost:
        yield Finding(
            Verdict.LOOK,
            f"devices gave up {lost} frames within a day",
            "their buffers were full: look at their connection",
        )
    refusals = await (await connection.execute(_QUERIES["refusals"], day)).fetchall()
    if refusals:
        counted = ", ".join(f"{count} {reason}" for reason, count in refusals)
        yield Finding(
            Verdict.LOOK, f"refused within a day: {counted}", "docs/operations.md says why"
        )
    (audited,) = await _row(connection, "auditor")
    yield judge_auditor(audited, now)
    looked, findings, nobody = await _row(connection, "reach")
    yield judge_reach(looked, findings or 0, nobody, now)
    last, first_person, unfinished = await _row(
        connection, "lawful", since=now - timedelta(hours=1)
    )
    for trouble in (retention_trouble(last, first_person, now), erasure_trouble(unfinished)):
        if trouble:
            yield Finding(Verdict.LOOK, *trouble)
    (old,) = await _row(connection, "snapshots", since=now - SNAPSHOT_EXPECTED_WITHIN)
    if old:
        yield Finding(
            Verdict.LOOK,
            f"{old} shards have an old snapshot of the detector",
            "see whether ingest runs and scores; until then a restart takes longer",
        )


async def _has_schema(connection: Connection) -> bool:
    try:
        await connection.execute(_QUERIES["schema"])
    except psycopg.errors.UndefinedTable:
        return False
    return True


async def _row(connection: Connection, name: str, **parameters: object) -> tuple[Any, ...]:
    row = await (await connection.execute(_QUERIES[name], parameters)).fetchone()
    assert row is not None  # each of them answers with one row
    return tuple(row)


async def _ask_broker(addresses: Addresses) -> Finding:
    parts = urlsplit(addresses.broker_url)
    host, is_encrypted = parts.hostname or "", parts.scheme == "mqtts"
    where = f"the broker at {host}:{parts.port or 1883}"
    try:
        async with (
            asyncio.timeout(BROKER_WITHIN_S),
            aiomqtt.Client(
                host,
                parts.port or 1883,
                username=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password) if parts.password else None,
                tls_context=client_context(host, addresses.broker_authority)
                if is_encrypted
                else None,
            ),
        ):
            pass
    except (aiomqtt.MqttError, OSError, TimeoutError, TidewellError) as error:
        why = " ".join(str(error).split()) or "no answer"
        return Finding(Verdict.ACT, f"{where}: {why}", "start it, or correct TIDEWELL_BROKER_URL")
    if not is_encrypted and not is_loopback(host):
        return Finding(
            Verdict.LOOK,
            f"{where} lets us in, without encryption",
            "use mqtts://, unless nobody else can reach that network",
        )
    return Finding(Verdict.WELL, f"{where} lets us in")


def judge_clocks(theirs: datetime, ours: datetime) -> Finding:
    """Compare the database's clock with ours."""
    apart = abs(theirs - ours)
    if apart <= CLOCKS_APART_MOST:
        return Finding(Verdict.WELL, f"the clocks agree within {apart.total_seconds():.1f} s")
    return Finding(
        Verdict.ACT,
        f"the clock of the database is {apart.total_seconds():.1f} s from ours",
        "set both by the network's time (NTP)",
    )


def judge_encryption(what: str, *, is_encrypted: bool, is_local: bool) -> Finding:
    """Say whether somebody in between could read along."""
    if is_encrypted or is_local:
        return Finding(Verdict.WELL, f"the {what} is {'encrypted' if is_encrypted else 'local'}")
    return Finding(
        Verdict.ACT,
        f"the way to the {what} is not encrypted",
        "add sslmode=verify-full to its address",
    )


def judge_shards(free: int, deaf: int, workers: int) -> Finding:
    """Say whether every device is heard."""
    if free:
        return Finding(
            Verdict.ACT,
            f"nobody hears the devices of {free} of 64 shards; workers of ingest: {workers}",
            "start ingest, or see its log; devices keep their frames meanwhile",
        )
    if deaf:
        return Finding(
            Verdict.LOOK,
            f"{deaf} of 64 shards are held and not heard yet",
            "ingest is catching up, or has no broker: its log says which",
        )
    return Finding(Verdict.WELL, f"all shards are heard; workers of ingest: {workers}")


def judge_intake(latest: datetime | None, unscored: int, now: datetime) -> Iterator[Finding]:
    """Say when the last frame was committed, and whether any wait to be scored."""
    if latest is None:
        yield Finding(Verdict.LOOK, "no frame was ever committed", "see whether a device sends")
    elif latest - now > HEARD_AHEAD_MOST:
        yield Finding(
            Verdict.ACT,
            f"the last frame was committed at {latest:%Y-%m-%d %H:%M} UTC, which has not come",
            "a clock is or was ahead: compare those of ingest, database and this machine",
        )
    elif now - latest > COMMIT_EXPECTED_WITHIN:
        yield Finding(
            Verdict.ACT,
            f"the last frame was committed at {latest:%Y-%m-%d %H:%M} UTC",
            "look at the broker first, then at ingest, then at one device",
        )
    else:
        seconds = max(0.0, (now - latest).total_seconds())
        yield Finding(Verdict.WELL, f"the last frame was committed {seconds:.0f} s ago")
    if unscored:
        yield Finding(
            Verdict.LOOK,
            f"{unscored} committed frames are not scored",
            "the log of ingest says why; they are tried again when it starts again",
        )


def judge_gaps(
    gaps: int, devices: int, oldest: datetime | None, frames: int, now: datetime
) -> Iterator[Finding]:
    """Say what has not come yet."""
    if oldest is None:
        return
    since = f"{gaps} gaps, since {oldest:%Y-%m-%d %H:%M} UTC"
    what = f"{frames} frames of {devices} devices have not come ({since})"
    if now - oldest > GAP_EXPECTED_WITHIN:
        yield Finding(
            Verdict.LOOK,
            what,
            "such a device may send what cannot be read: see refusals, take it back",
        )
    else:
        yield Finding(Verdict.WELL, f"{what}; they are asked for")


def judge_passed_holes(holes: Sequence[tuple[str, int, int, int]]) -> Iterator[Finding]:
    """Name the holes that scoring went past: device, boot, first and last frame of each."""
    if not holes:
        return
    named = [
        f"{name} boot {boot} frame{'' if first == last else 's'} "
        + (f"{first}" if first == last else f"{first} to {last}")
        for name, boot, first, last in holes[:HOLES_NAMED_MOST]
    ]
    more = len(holes) - len(named)
    yield Finding(
        Verdict.LOOK,
        f"scoring went on without frames that have not come: {', '.join(named)}"
        + (f" and {more} more holes" if more else ""),
        "their readings count when they come; if none does, see refusals and take the device back",
    )


def judge_repairs(waiting: int, oldest: datetime | None, now: datetime) -> Iterator[Finding]:
    """Say whose days wait to be judged again."""
    if oldest is None:
        return
    people = "1 person" if waiting == 1 else f"{waiting} people"
    what = f"days of {people} wait to be judged again, since {oldest:%Y-%m-%d %H:%M} UTC"
    if now - oldest > REPAIR_EXPECTED_WITHIN:
        yield Finding(Verdict.LOOK, what, "run `tidewell repair`, or see the log of ingest")
    else:
        yield Finding(Verdict.WELL, f"{what}; ingest does it by itself")


def judge_auditor(audited: datetime | None, now: datetime) -> Finding:
    """Say whether somebody makes sure that no alert is forgotten."""
    if audited is not None and now - audited <= AUDIT_EXPECTED_WITHIN:
        return Finding(Verdict.WELL, "the auditor of alerts runs")
    since = "never ran" if audited is None else f"ran last at {audited:%Y-%m-%d %H:%M} UTC"
    return Finding(
        Verdict.ACT, f"the auditor of alerts {since}", "start alerts, and tell every key worker"
    )


def judge_reach(looked: datetime | None, findings: int, nobody: int, now: datetime) -> Finding:
    """Say whether somebody would not be reached this week, as alerts found at its last look."""
    if looked is None or now - looked > REACH_EXPECTED_WITHIN:
        since = "never" if looked is None else f"last at {looked:%Y-%m-%d %H:%M} UTC"
        what = f"alerts looked {since} who would not be reached"
        return Finding(
            Verdict.LOOK, what, "run `tidewell policy reach`, and see whether alerts runs"
        )
    if nobody:
        what = f"about {nobody} people nobody at all would be reached this week"
        return Finding(
            Verdict.ACT, what, "run `tidewell policy reach --labels`, it says what to do"
        )
    if findings:
        what = f"{findings} things keep somebody from being reached this week"
        return Finding(Verdict.LOOK, what, "run `tidewell policy reach`, it says what to do")
    return Finding(Verdict.WELL, "everybody would be reached this week")


def judge_disk(data_dir: Path | None) -> Iterator[Finding]:
    """Say how much room there is where a small site keeps its data."""
    if data_dir is None or not data_dir.is_dir():
        return
    free = shutil.disk_usage(data_dir).free
    what = f"{free / 1024**3:.1f} GB are free for {data_dir}"
    if free < DISK_FREE_LEAST:
        yield Finding(Verdict.ACT, what, "make room: a full disk stops the database")
    else:
        yield Finding(Verdict.WELL, what)


def judge_secrets(settings: Settings, addresses: Addresses) -> Iterator[Finding]:
    """Say which secrets anybody could guess."""
    passwords = {
        "the database": urlsplit(addresses.database_url).password,
        "the broker": urlsplit(addresses.broker_url).password,
    }
    weak = [what for what, password in passwords.items() if is_weak(password)]
    for what in weak:
        yield Finding(
            Verdict.ACT, f"the password of {what} can be guessed", "generate one of 20 characters"
        )
    if not weak:
        yield Finding(Verdict.WELL, "no password is a usual one")
    if settings.webhook_url and not settings.webhook_secret:
        yield Finding(Verdict.ACT, "messages are not signed", "set TIDEWELL_WEBHOOK_SECRET")


def is_weak(password: str | None) -> bool:
    """Return whether a password is short or known to everybody; having none is not ours to judge.

    Example:
        >>> is_weak("postgres"), is_weak("q7Vd-ktImO64pvGVHVnf"), is_weak(None)
        (True, False, False)
    """
    if password is None:
        return False
    return len(password) < SHORTEST_PASSWORD or password.lower() in WELL_KNOWN


def judge_exposure(settings: Settings) -> Iterator[Finding]:
    """Say who can reach the pages, and how."""
    if settings.demo:
        yield Finding(
            Verdict.LOOK, "this is a demo: its passwords are public", "no real people here"
        )
    public = settings.public_url or ""
    if not is_loopback(settings.portal_host) and not public.startswith("https://"):
        yield Finding(
            Verdict.ACT,
            f"the pages listen on {settings.portal_host} without a proxy that encrypts",
            "put one in front and set TIDEWELL_PUBLIC_URL to its https:// address",
        )
    if settings.fault_tests:
        yield Finding(Verdict.ACT, "this site exists to be broken", "unset TIDEWELL_FAULT_TESTS")


def worst(findings: Sequence[Finding]) -> Verdict:
    """Return the verdict on all of them."""
    found = {one.verdict for one in findings}
    return next(one for one in (Verdict.ACT, Verdict.LOOK, Verdict.WELL) if one in found)
