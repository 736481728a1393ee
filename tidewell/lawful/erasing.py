"""Erases one person: every row, what the detector remembers, what waits at the broker.

It works as the owner of the database, because no process that serves people may erase. The doors
are closed first (device, sign-in); then all rows go in one transaction, which also fences the
worker of the person's shard, so that nothing that it has in memory is written afterwards. Then it
looks again until nothing more comes in. It may be killed at any moment and run again: it goes on.

Must never touch another person's rows, nor break the chain of the access log: its entries stay,
with a number that belongs to nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Connection, Queries, connect
from tidewell.errors import ServerError, UsageError
from tidewell.lawful.certificate import Certificate
from tidewell.lawful.tables import Erase, tables, tables_that

QUERIES: Final = Queries("tidewell.lawful", "erase.sql")

DOOR_S: Final = 3.0
"""The broker of a small site hears within two seconds that a device may not sign in any more."""
LOOK_AGAIN_S: Final = 3.0
"""Longer than a batch of ingest and a round of alerts take: what was on its way has come in."""
QUIET_LOOKS: Final = 2
"""Looks in a row that find nothing: one could fall between two steps of another process."""
LOOKS_MOST: Final = 20
"""A minute. What still comes in then has a door that is open, and somebody has to close it."""
BROKER_WITHIN_S: Final = 60.0
"""The process that runs a small site empties its broker in seconds."""

WithoutPerson = Callable[[bytes, int], bytes]
"""Takes what the detector remembers, and a person; returns it without them."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is to be erased; `devices` are those that nobody else ever wore."""

    person_id: int
    shard: int
    label_hash: bytes
    devices: list[int]
    device_name_hashes: list[bytes]
    worn: list[int] = field(default_factory=list)

    @property
    def values(self) -> dict[str, object]:
        """Return what the statements ask for."""
        return {
            "person_id": self.person_id,
            "shard": self.shard,
            "label_hash": self.label_hash,
            "devices": self.devices,
            "device_name_hashes": self.device_name_hashes,
            "worn": self.worn,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """Why somebody is erased, who does it, and how long backups live."""

    reason: str
    done_by: str
    backups_kept_d: int
    broker_is_ours: bool


def hash_of(text: str) -> bytes:
    """Return what stands for a label or a name of a device once the person is gone."""
    return hashlib.sha256(text.encode()).digest()


async def would_go(url: str, label: str, without: WithoutPerson) -> dict[str, int]:
    """Return how many rows an erasure would delete, by table; nothing changes.

    Raises:
        UsageError: nobody has this label.
    """
    async with await connect(url, None, "tidewell erase") as connection:
        subject = await _find(connection, label)
        gone = await erase_rows(connection, subject, without)
        await connection.rollback()
    return gone


async def erase(url: str, label: str, asked: Asked, without: WithoutPerson) -> dict[str, Any]:
    """Erase a person and return the certificate; one that was begun before goes on.

    Raises:
        UsageError: nobody has this label, a hold forbids it, or it was done already.
        ServerError: something about the person still comes in; the message says what.
    """
    async with await connect(url, None, "tidewell erase", autocommit=True) as connection:
        subject, begun_at = await _begin(connection, label, asked)
        await asyncio.sleep(DOOR_S)
        async with connection.transaction():
            await connection.execute(QUERIES["fence"], subject.values)
            rows = Counter(await erase_rows(connection, subject, without))
            await connection.execute(QUERIES["empty_answers"])
            await connection.execute(QUERIES["rows_gone"], subject.values | {"now": now_utc()})
        rows_gone_at, emptied_at = await _wait_for_broker(connection, subject, asked)
        rows.update(await _look_until_quiet(connection, subject, without))
        await connection.execute(QUERIES["empty_answers"])  # one may have been on its way
        await _forget_statistics(connection)
        checked_at = now_utc()
        record = Certificate(
            subject.person_id,
            subject.label_hash,
            asked.reason,
            asked.done_by,
            begun_at,
            rows_gone_at,
            emptied_at,
            checked_at,
            dict(rows),
            asked.backups_kept_d,
        ).as_record()
        values = {"now": checked_at, "certificate": Jsonb(record)}
        await connection.execute(QUERIES["certify"], subject.values | values)
    return record


async def erase_rows(
    connection: Connection, subject: Subject, without: WithoutPerson | None
) -> dict[str, int]:
    """Delete every row about a person in the transaction that is open; return how many, by table.

    Where `without` is None, what the detector remembers stays as it is.
    """
    await connection.execute(QUERIES["see_every_row"])
    await connection.execute(QUERIES["allow_old_chunks"])
    gone: dict[str, int] = {}
    for name, statement in QUERIES.items():
        if name in tables() and tables()[name].erase is Erase.DELETED:
            cursor = await connection.execute(statement, subject.values)
            gone[name] = cursor.rowcount
    if without is not None:
        await _clean_snapshot(connection, subject, without)
    return gone


async def _clean_snapshot(connection: Connection, subject: Subject, without: WithoutPerson) -> None:
    row = await (await connection.execute(QUERIES["snapshot"], subject.values)).fetchone()
    if row is None:
        return
    before = bytes(row[0])
    after = without(before, subject.person_id)
    if after != before:
        await connection.execute(QUERIES["save_snapshot"], subject.values | {"state": after})


async def _find(connection: Connection, label: str) -> Subject:
    found = await (await connection.execute(QUERIES["find_person"], {"label": label})).fetchone()
    if found is None:
        raise UsageError(f"nobody is enrolled as {label!r}; use the label that the pages show")
    person_id, shard, _ = found
    rows = await (
        await connection.execute(QUERIES["devices_of"], {"person_id": person_id})
    ).fetchall()
    alone = [(device_id, name) for device_id, name, is_theirs_alone, _ in rows if is_theirs_alone]
    return Subject(
        person_id,
        shard,
        hash_of(label),
        [device_id for device_id, _ in alone],
        [hash_of(name) for _, name in alone],
        [
            device_id
            for device_id, _, is_theirs_alone, is_worn in rows
            if is_theirs_alone or is_worn
        ],
    )


async def _begin(connection: Connection, label: str, asked: Asked) -> tuple[Subject, datetime]:
    """Close the doors and write down that it has begun, or find what was begun."""
    which = {"label_hash": hash_of(label)}
    begun = await (await connection.execute(QUERIES["begun"], which)).fetchone()
    if begun is not None:
        number, person_id, shard, devices, hashes, *_, begun_at, certificate = begun
        if certificate is not None:
            raise UsageError(
                f"this person was erased on {certificate['checked_at'][:10]}; "
                f"`tidewell certificate {number}` prints the certificate"
            )
        return Subject(person_id, shard, which["label_hash"], devices, hashes), begun_at
    subject, now = await _find(connection, label), now_utc()
    await refuse_held(connection, subject.person_id)
    said = {"reason": asked.reason, "done_by": asked.done_by, "now": now}
    async with connection.transaction():
        await connection.execute(QUERIES["begin"], subject.values | said)
        for name in ("revoke_devices", "close_doors_of_devices", "close_door_of_person"):
            await connection.execute(QUERIES[name], subject.values | {"now": now})
        await connection.execute(QUERIES["announce_devices"])
    return subject, now


async def refuse_held(connection: Connection, person_id: int) -> None:
    """Refuse to go on where nothing about a person may be erased.

    Raises:
        UsageError: a hold lasts.
    """
    row = await (await connection.execute(QUERIES["hold_on"], {"person_id": person_id})).fetchone()
    if row is not None:
        reason, set_by, set_at = row
        raise UsageError(
            f"nothing about this person may be erased: {reason} (set by {set_by} on "
            f"{set_at:%Y-%m-%d}); `tidewell hold lift` ends that"
        )


async def _wait_for_broker(
    connection: Connection, subject: Subject, asked: Asked
) -> tuple[datetime, datetime | None]:
    """Wait until the process that runs a small site has emptied its broker."""
    until_s = monotonic_s() + BROKER_WITHIN_S
    while True:
        row = await (await connection.execute(QUERIES["progress"], subject.values)).fetchone()
        assert row is not None  # written when it began
        if row[1] is not None or not asked.broker_is_ours:
            return row[0], row[1]
        if monotonic_s() > until_s:
            raise ServerError(
                "the rows are gone, and the broker was not emptied within a minute; "
                "look at the console of `tidewell up`, then run this again: it goes on"
            )
        await asyncio.sleep(0.2)


async def _look_until_quiet(
    connection: Connection, subject: Subject, without: WithoutPerson
) -> Counter[str]:
    """Erase again what comes in, until nothing does; return what came."""
    came: Counter[str] = Counter()
    quiet = 0
    for _ in range(LOOKS_MOST):
        await asyncio.sleep(LOOK_AGAIN_S)
        async with connection.transaction():
            gone = await erase_rows(connection, subject, without)
        came.update(gone)
        quiet = 0 if any(gone.values()) else quiet + 1
        if quiet == QUIET_LOOKS:
            return came
    where = ", ".join(name for name, rows in gone.items() if rows)
    raise ServerError(
        f"something about the person still comes in ({where}); take their device out of the "
        "broker's list, then run this again: it goes on"
    )


async def _forget_statistics(connection: Connection) -> None:
    """Let the planner forget values of rows that are gone, and free their space."""
    row = await (await connection.execute(QUERIES["can_forget_statistics"])).fetchone()
    if row is not None and row[0]:
        names = {"tables": tables_that(Erase.DELETED)}
        await connection.execute(QUERIES["forget_statistics"], names)
    await connection.execute(QUERIES["vacuum"])
