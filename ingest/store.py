"""The database as ingest sees it: leases, what is known of devices, and one transaction a batch.

One connection, owned by one worker. Every write happens inside `Store.transaction`, which first
renews the leases of the worker: a worker that was overtaken cannot commit anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, LiteralString

import orjson
import psycopg
from psycopg import AsyncCursor
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from ingest.admit import FOREVER_MS, ChannelOff, Device, Person, Registry, Span, Wearing
from ingest.batch import DeadLetter, DeviceBoot, Tally
from ingest.committing.scoring import EpisodeRow, PlanLimit
from ingest.committing.signals import SIGNALS_MOST, Content, HeardSignal, Signal
from ingest.committing.store import ReadingWriter, Stored
from ingest.cursors import Cursor, Gap, Kept, gap_record
from ingest.leasing.store import APPLICATION, Leases
from ingest.reasons import SignalKind, SignalVerdict
from ingest.rows import Rows, parse_copy
from tidewell.database import Connection, Queries, Role, connect
from tidewell.local_time import utc_moment
from tidewell.vocabulary import Level

QUERIES: Final = Queries("ingest", "store.sql")
LONGEST_TOPIC: Final = 200
"""Characters of a topic that are kept: twice the longest that we know; it is part of an index."""
AWAY_CLASSES: Final = frozenset({"08", "25", "40", "53", "55", "57", "58"})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a detector remembered of the people of a shard, up to which frames and signals.

    `unseen` are holes below `seen_upto` that scoring had passed: device, boot, first and last.
    """

    shard: int
    replay_from: datetime
    seen_upto: Mapping[DeviceBoot, int]
    unseen: Sequence[tuple[int, int, int, int]]
    heard_upto: int
    state: bytes


class Store:
    """One worker's way to the database."""

    def __init__(self, url: str, connection: Connection, owner: str, lease_s: int) -> None:
        self.url = url
        self._connection = connection
        self._readings = ReadingWriter()
        self.leases = Leases(connection, owner, lease_s)

    @classmethod
    async def open(cls, url: str, owner: str, lease_s: int) -> Store:
        """Connect as ingest; `owner` tells this worker from every other one.

        Raises:
            ServerUnavailableError: the database did not answer.
        """
        connection = await connect(url, Role.INGEST, APPLICATION, autocommit=True)
        # A worker that freezes within a transaction would hold its shards' rows beyond its lease.
        await connection.execute(QUERIES["give_up_when_idle"], {"most": f"{lease_s}s"})
        store = cls(url, connection, owner, lease_s)
        await store._readings.prepare(connection)
        return store

    async def close(self) -> None:
        """Close the connection; leases run out by themselves."""
        await self._connection.close()

    @property
    def epochs(self) -> dict[int, int]:
        """Return the held shards, each with the epoch that fences it."""
        return self.leases.epochs

    def next_moment(self) -> datetime:
        """Return a moment later than that of every transaction before for these shards."""
        return utc_moment(self.leases.clock.next_ms(self.leases.time_ms()))

    def latest_moment(self) -> datetime:
        """Return the last moment; what is stored with a later one has it from a clock set back."""
        return utc_moment(self.leases.clock.last_ms or self.leases.time_ms())

    @asynccontextmanager
    async def transaction(self, now: datetime) -> AsyncIterator[Transaction]:
        """Open a transaction that holds only while this worker holds its shards.

        Raises:
            LeaseLostError: another worker has taken a shard.
        """
        assert self.epochs  # a worker without shards has nothing to write, and nothing fences it
        async with self._connection.transaction(), self._connection.cursor(binary=True) as cursor:
            await self.leases.renew(cursor, now)
            yield Transaction(cursor, now, self._readings)

    async def registry_version(self) -> int:
        """Return a number that grows with every change of what `registry` returns."""
        return int((await self._all("registry_version"))[0][0])

    async def registry(self) -> Registry:
        """Return all devices and people."""
        devices = _devices(await self._all("devices"))
        pauses: dict[int, list[Span]] = {}
        for person_id, start_ms, end_ms in await self._all("pauses"):
            pauses.setdefault(person_id, []).append(
                Span(start_ms, FOREVER_MS if end_ms is None else end_ms)
            )
        off: dict[int, list[ChannelOff]] = {}
        for person_id, channel, start_ms, end_ms in await self._all("channels_off"):
            span = ChannelOff(start_ms, FOREVER_MS if end_ms is None else end_ms, channel)
            off.setdefault(person_id, []).append(span)
        people = {
            person_id: Person(
                person_id,
                shard,
                timezone,
                tuple(pauses.get(person_id, ())),
                tuple(off.get(person_id, ())),
            )
            for person_id, shard, timezone in await self._all("people")
        }
        # Who was erased between two of these queries has no device any more either.
        return Registry({name: one.worn_by(people) for name, one in devices.items()}, people)

    async def cursors(self, wanted: Iterable[DeviceBoot]) -> dict[DeviceBoot, Kept]:
        """Return what is stored of these boots; one that was never seen is absent."""
        keys = list(wanted)
        which = {
            "devices": _array([device_id for device_id, _ in keys]),
            "boots": _array([boot for _, boot in keys]),
        }
        gaps: dict[DeviceBoot, list[Gap]] = {}
        passed: dict[DeviceBoot, int] = {}
        for device_id, boot, first, last, is_passed in await self._all("gaps", **which):
            gaps.setdefault((device_id, boot), []).append(Gap(first, last))
            if is_passed:
                passed[device_id, boot] = last
        return {
            (device_id, boot): Kept(
                Cursor(upto, highest, tuple(gaps.get((device_id, boot), ()))),
                scored_upto,
                passed.get((device_id, boot), -1),
            )
            for device_id, boot, upto, highest, scored_upto in await self._all("cursors", **which)
        }

    async def snapshots(self, detector_version: str, shards: Sequence[int]) -> list[Snapshot]:
        """Return the snapshots of these shards that this version of the detector made."""
        rows = await self._all(
            "load_snapshots", shards=list(shards), detector_version=detector_version
        )
        return [
            Snapshot(
                shard,
                datetime.fromisoformat(cursors["replay_from"]),
                {(device, boot): seen for device, boot, seen in cursors["seen_upto"]},
                [(device, boot, *hole) for device, boot, *hole in cursors.get("unseen", ())],
                # A snapshot from before signals were kept has heard none.
                cursors.get("heard_upto", 0),
                bytes(state),
            )
            for shard, _, cursors, state in rows
        ]

    async def held_readings(
        self, people: Sequence[int], key: DeviceBoot, after: int, upto: int
    ) -> Rows:
        """Return the stored readings of frames after < seq <= upto of one boot."""
        return await self.fetch_rows(
            QUERIES["copy_held_readings"],
            people=list(people),
            device_id=key[0],
            boot=key[1],
            after=after,
            upto=upto,
            latest=self.latest_moment(),
        )

    async def unscored(self, people: Sequence[int]) -> list[tuple[DeviceBoot, int, int]]:
        """Return boots with readings stored but not scored, of devices that these people wear now.

        Or wore last; each with the frame after which they come, and the last one.
        """
        rows = await self._all("unscored", people=list(people))
        return [((device_id, boot), after, upto) for device_id, boot, after, upto in rows]

    async def unheard(self, look_back: int) -> list[Signal]:
        """Return notes, those taken back, and outcomes that the detector was not told yet."""
        which = {"shards": sorted(self.epochs), "look_back": look_back, "most": SIGNALS_MOST}
        notes = await self._all("unheard_notes", **which)
        taken_back = await self._all("unheard_notes_taken_back", **which)
        outcomes = await self._all("unheard_outcomes", **which)
        return [
            *(_note(row, SignalKind.NOTE) for row in notes),
            *(_note(row, SignalKind.NOTE_TAKEN_BACK) for row in taken_back),
            *(_outcome(row) for row in outcomes),
        ]

    async def plan_limits(self) -> dict[int, list[PlanLimit]]:
        """Return the limits of agreed plans, by person."""
        plans: dict[int, list[PlanLimit]] = {}
        for row in await self._all("plan_limits", shards=sorted(self.epochs)):
            person_id, channel, direction, value, for_minutes, level, while_resting = row
            limit = PlanLimit(channel, direction, value, for_minutes, Level(level), while_resting)
            plans.setdefault(person_id, []).append(limit)
        return plans

    async def latest_states(self) -> dict[SignalKind, dict[int, Content]]:
        """Return what the detector heard last of plans and of models of devices, by person."""
        latest: dict[SignalKind, dict[int, Content]] = {kind: {} for kind in SignalKind}
        for person_id, kind, content in await self._all(
            "latest_states", shards=sorted(self.epochs)
        ):
            latest[SignalKind(kind)][person_id] = content
        return latest

    async def applied_signals(self, people: Sequence[int], heard_upto: int) -> list[HeardSignal]:
        """Return what the detector was told about these people after a snapshot, in order."""
        rows = await self._all("applied_signals", people=list(people), heard_upto=heard_upto)
        return [
            HeardSignal(heard_ms, Signal(person_id, SignalKind(kind), source_id, content), number)
            for heard_ms, person_id, kind, source_id, content, number in rows
        ]

    async def fetch_rows(self, query: LiteralString, **parameters: object) -> Rows:
        """Return the readings that a COPY of a store beside this one finds."""
        async with self._connection.cursor() as cursor, cursor.copy(query, parameters) as copy:
            parts = [bytes(part) async for part in copy]
        return parse_copy(b"".join(parts))

    async def fetch(self, query: LiteralString, **parameters: object) -> list[TupleRow]:
        """Return what a query of a store beside this one finds."""
        async with self._connection.cursor() as cursor:
            return await (await cursor.execute(query, parameters)).fetchall()

    async def _all(self, name: str, **parameters: object) -> list[TupleRow]:
        return await self.fetch(QUERIES[name], **parameters)


class Transaction:
    """What one transaction writes; it commits as a whole or not at all."""

    def __init__(
        self, cursor: AsyncCursor[TupleRow], now: datetime, readings: ReadingWriter
    ) -> None:
        self.cursor = self._cursor = cursor
        self._now = now
        self._readings = readings

    async def execute(
        self, query: LiteralString, parameters: Mapping[str, object]
    ) -> AsyncCursor[TupleRow]:
        """Run a statement of a store beside this one; it is given this transaction's `now`."""
        return await self._cursor.execute(query, {**parameters, "now": self._now})

    async def add_readings(self, rows: Rows) -> Stored:
        """Store readings; return the new ones, and how many of each frame contradict others."""
        return await self._readings.add(self._cursor, rows)

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Keep refusals; the same bytes on the same topic are kept once."""
        if letters:
            await self._cursor.executemany(
                QUERIES["insert_dead_letter"], [_letter(letter, self._now) for letter in letters]
            )

    async def save_cursors(
        self, kept: Mapping[DeviceBoot, Kept], tallies: Mapping[DeviceBoot, Tally]
    ) -> None:
        """Store how far boots have come, in one statement for all of them."""
        if not kept:
            return
        counted = [tallies[key] for key in kept]
        columns = {
            "devices": _array([device_id for device_id, _ in kept]),
            "boots": _array([boot for _, boot in kept]),
            "upto": _array([one.cursor.upto for one in kept.values()]),
            "highest": _array([one.cursor.highest for one in kept.values()]),
            "scored_upto": _array([one.scored_upto for one in kept.values()]),
            "committed": _array([one.committed for one in counted]),
            "dead_lettered": _array([one.dead_lettered for one in counted]),
            "repeated": _array([one.repeated for one in counted]),
        }
        await self._cursor.execute(QUERIES["save_cursors"], {**columns, "now": self._now})

    async def set_moments_back(self, leases: Leases) -> None:
        """Go on from this moment; no snapshot of the held shards passes over what comes."""
        await leases.set_back(self._cursor, self._now)
        which = {"shards": sorted(leases.epochs), "now": self._now.isoformat()}
        for name in ("notice_gaps_from", "hear_devices_by_now", "replay_from", "hours_made_to"):
            await self._cursor.execute(QUERIES[name], which)

    async def mark_scored(self, key: DeviceBoot, upto: int) -> None:
        """Note that a boot is scored up to here."""
        await self._cursor.execute(
            QUERIES["mark_scored"], {"device_id": key[0], "boot": key[1], "scored_upto": upto}
        )

    async def save_gaps(self, key: DeviceBoot, cursor: Cursor, lost: Sequence[Gap]) -> None:
        """Replace the open gaps of a boot, and add those that its device gave up."""
        which = {"device_id": key[0], "boot": key[1]}
        await self._cursor.execute(QUERIES["clear_gaps"], which)
        known = await self._cursor.fetchall()
        states = [(gap, "waiting") for gap in cursor.gaps] + [
            (gap, "lost_on_device") for gap in lost
        ]
        if states:
            await self._cursor.executemany(
                QUERIES["save_gap"],
                [
                    {**which, **gap_record(gap, known, self._now), "state": state}
                    for gap, state in states
                ],
            )

    async def save_days(self, days: Sequence[Mapping[str, Any]], detector_version: str) -> None:
        """Store days that closed."""
        if days:
            await self._cursor.executemany(
                QUERIES["save_day"],
                [
                    {**day, "usual": Jsonb(day["usual"]), "detector_version": detector_version}
                    for day in days
                ],
            )

    async def save_episodes(self, changes: Sequence[EpisodeRow], detector_version: str) -> None:
        """Store changes of episodes and wake the alerts process when this transaction commits."""
        for change in changes:
            which = {
                "person_id": change.person_id,
                "family": change.family,
                "strand": change.strand,
                "opened_at": change.opened_at,
            }
            what = {
                "level": change.level,
                "score": change.score,
                "explanation": Jsonb(change.explanation),
            }
            if not change.closes:
                await self._cursor.execute(QUERIES["close_unknown_episode"], which)
            closed_at = change.at if change.closes else None
            await self._cursor.execute(
                QUERIES["save_episode"],
                {**which, **what, "closed_at": closed_at, "detector_version": detector_version},
            )
            row = await self._cursor.fetchone()
            assert row is not None  # RETURNING always answers
            event = {
                **what,
                "episode_id": row[0],
                "kind": change.kind,
                "at": change.at,
                "now": self._now,
            }
            await self._cursor.execute(QUERIES["add_episode_event"], event)
        if changes:
            await self._cursor.execute(QUERIES["wake_alerts"])

    async def save_signals(self, told: Sequence[tuple[Signal, SignalVerdict]]) -> None:
        """Keep what the detector was told in this transaction, and what became of it."""
        await self._cursor.executemany(
            QUERIES["save_signal"],
            [
                {
                    "person_id": signal.person_id,
                    "kind": signal.kind.value,
                    "source_id": signal.source_id,
                    "now": self._now,
                    "content": Jsonb(signal.content),
                    "verdict": verdict.value,
                }
                for signal, verdict in told
            ],
        )

    async def close_former_limits(self, person_id: int, strands: Sequence[str]) -> None:
        """Close the open episodes of limits that a person's plan no longer has."""
        which = {"person_id": person_id, "strands": list(strands), "now": self._now}
        await self._cursor.execute(QUERIES["close_episodes_of_former_limits"], which)

    async def give_back(self, leases: Leases, shards: Sequence[int]) -> None:
        """Let other workers take these shards."""
        await leases.give_back(self._cursor, shards)

    async def save_snapshot(
        self, shard: int, people: Sequence[int], state: bytes, detector_version: str
    ) -> None:
        """Store what the detector remembers of the people of a shard."""
        await self._cursor.execute(QUERIES["snapshot_cursors"], {"people": list(people)})
        rows = await self._cursor.fetchall()
        await self._cursor.execute(QUERIES["last_signal"], {"people": list(people)})
        heard = await self._cursor.fetchone()
        assert heard is not None  # max() always answers
        await self._cursor.execute(QUERIES["snapshot_holes"], {"people": list(people)})
        unseen = await self._cursor.fetchall()
        # What came above a hole came after it was first noticed.
        open_since = [noticed_at for *_, noticed_at in rows if noticed_at is not None]
        cursors = {
            "replay_from": min([self._now, *open_since]).isoformat(),
            "seen_upto": sorted({(device, boot, seen) for _, device, boot, seen, _ in rows}),
            "unseen": unseen,
            "heard_upto": heard[0],
        }
        await self._cursor.execute(
            QUERIES["save_snapshot"],
            {
                "shard": shard,
                "taken_at": self._now,
                "detector_version": detector_version,
                "cursors": Jsonb(cursors),
                "state": state,
            },
        )


def means_away(error: Exception) -> bool:
    """Return whether the database was not there, rather than unwilling to take this batch.

    Classes of SQLSTATE: 08 connection, 25 and 40 transaction, 53 resources (but not 53400, a limit
    of this very statement), 55 and 57 intervention, 58 system.
    """
    if isinstance(error, psycopg.InterfaceError):
        return True
    if not isinstance(error, psycopg.OperationalError):
        return False
    state = error.sqlstate
    return state is None or (state != "53400" and state[:2] in AWAY_CLASSES)


def _array(values: list[int]) -> str:
    """Return an array of integers as PostgreSQL reads it, at a tenth of the cost of adapting it."""
    return "{" + orjson.dumps(values)[1:-1].decode() + "}"


def _note(row: TupleRow, told: SignalKind) -> Signal:
    note_id, person_id, kind, first_day, last_day = row
    days = {"first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
    return Signal(person_id, told, note_id, {"note": kind, **days})


def _outcome(row: TupleRow) -> Signal:
    event_id, person_id, family, outcome, is_plan_limit = row
    content = {"family": family, "outcome": outcome, "is_plan_limit": is_plan_limit}
    return Signal(person_id, SignalKind.OUTCOME, event_id, content)


def _devices(rows: Sequence[TupleRow]) -> dict[str, Device]:
    devices: dict[str, Device] = {}
    for name, device_id, revoked, model, person_id, start_ms, end_ms, enrolled_ms in rows:
        known = devices.get(name) or Device(device_id, bool(revoked), (), model, enrolled_ms)
        if person_id is not None:
            wearing = Wearing(start_ms, FOREVER_MS if end_ms is None else end_ms, person_id)
            known = replace(known, wearings=(*known.wearings, wearing))
        devices[name] = known
    return devices


def _letter(letter: DeadLetter, now: datetime) -> dict[str, object]:
    refused = letter.refused
    return {
        "received_at": now,
        "topic": letter.topic[:LONGEST_TOPIC].replace("\x00", "\\0"),
        "device_id": letter.device_id,
        "boot": refused.boot,
        "seq": refused.seq,
        "reason": refused.reason.value,
        "detail": refused.detail.replace("\x00", "\\0"),
        "whole_frame": letter.whole_frame,
        "payload": letter.payload,
        "payload_bytes": len(letter.content),
        "payload_hash": hashlib.sha256(letter.content).digest(),
    }
