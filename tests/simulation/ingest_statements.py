"""What the database in memory answers to ingest about people, cursors and readings."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg

import ingest
from ingest.rows import POSTGRES_EPOCH_MS, Rows, copy_bytes, parse_copy
from tests.binary_copy import fields_of
from tests.simulation.database import STATEMENTS, Answer, Row, Run, Work
from tidewell.database import Queries
from tidewell.local_time import utc_moment
from tidewell.vocabulary import CHANNEL_NAMES

Given = Mapping[str, Any]

_COLUMNS: Final = ("person_id", "time_ms", "device_id", "period_s", "boot", "seq", "received_ms")
_KINDS: Final = [
    struct.Struct(kind)
    for kind in (">i", ">q", ">i", ">h", ">i", ">q", ">q", *[">f"] * len(CHANNEL_NAMES))
]
"""How each field of a reading is written in a COPY."""
_COUNTED: Final = ("committed", "dead_lettered", "repeated")
_MOVED: Final = ("upto", "highest", "scored_upto", *_COUNTED)


def _all_queries() -> dict[str, Queries]:
    """Return the file that holds each named query of ingest."""
    top = Path(ingest.__file__).parent
    found: dict[str, Queries] = {}
    for path in sorted(top.rglob("*.sql")):
        package = ".".join(("ingest", *path.relative_to(top).parent.parts))
        queries = Queries(package, path.name)
        assert not found.keys() & queries.keys(), "two queries of ingest have one name"
        found |= dict.fromkeys(queries, queries)
    return found


QUERIES_OF_INGEST: Final = _all_queries()


def answers_of_ingest(name: str) -> Callable[[Run], Run]:
    """Register a function as the answer to a query of ingest, whichever file it stands in."""
    return STATEMENTS.of(QUERIES_OF_INGEST[name], name)


def integers(value: Any) -> list[int]:  # noqa: ANN401 -- an array as a list, or as PostgreSQL writes it
    """Return an array of integers as a list."""
    if isinstance(value, str):
        return [int(one) for one in value.strip("{}").split(",") if one]
    return list(value)


def as_ms(moment: datetime) -> int:
    """Return a moment in ms UTC."""
    return round(moment.timestamp() * 1000)


# -- who is known


@answers_of_ingest("registry_version")
async def _registry_version(work: Work, given: Given) -> Answer:
    """Nobody comes or goes during a run."""
    del work, given
    return Answer([{"sum": 1}])


@answers_of_ingest("devices")
async def _devices(work: Work, given: Given) -> Answer:
    del given
    return Answer(
        [
            {
                "name": row["name"],
                "device_id": row["device_id"],
                "revoked": False,
                "model": "virtual",
                "person_id": row["person_id"],
                "from": row["from_ms"],
                "until": None,
                "enrolled": row.get("enrolled_ms", row["from_ms"]),
            }
            for _, row in sorted(work.rows("device"))
        ]
    )


@answers_of_ingest("people")
async def _people(work: Work, given: Given) -> Answer:
    del given
    return Answer(
        [
            {"person_id": person_id, "shard": row["shard"], "timezone": "UTC"}
            for (person_id,), row in sorted(work.rows("person"))
        ]
    )


@answers_of_ingest("pauses")
@answers_of_ingest("channels_off")
@answers_of_ingest("unheard_notes")
@answers_of_ingest("unheard_notes_taken_back")
@answers_of_ingest("unheard_outcomes")
@answers_of_ingest("plan_limits")
async def _nothing(work: Work, given: Given) -> Answer:
    """Pauses, channels that are off, notes, outcomes and plans are not part of the simulation."""
    del work, given
    return Answer()


# -- cursors and gaps


def boots_of(given: Given) -> list[tuple[int, int]]:
    """Return the boots that arrays of parameters name."""
    return list(zip(integers(given["devices"]), integers(given["boots"]), strict=True))


@answers_of_ingest("cursors")
async def _cursors(work: Work, given: Given) -> Answer:
    found = []
    for key in boots_of(given):
        row = work.get("device_cursor", key)
        if row:
            names = ("device_id", "boot", "upto", "highest", "scored_upto")
            found.append({name: row[name] for name in names})
    return Answer(found)


@answers_of_ingest("gaps")
async def _gaps(work: Work, given: Given) -> Answer:
    wanted = set(boots_of(given))
    found = [
        {
            "device_id": key[0],
            "boot": key[1],
            "first_seq": key[2],
            "last_seq": row["last_seq"],
            "is_passed": row["passed_at"] is not None,
        }
        for key, row in sorted(work.rows("frame_gap"))
        if row["state"] == "waiting" and key[:2] in wanted
    ]
    return Answer(found)


@answers_of_ingest("save_cursors")
async def _save_cursors(work: Work, given: Given) -> Answer:
    columns = {name: integers(given[name]) for name in _MOVED}
    for place, key in sorted(enumerate(boots_of(given)), key=lambda one: one[1]):
        known = await work.hold("device_cursor", key) or {}
        moved = {name: column[place] for name, column in columns.items()}
        row = {"device_id": key[0], "boot": key[1], **moved}
        for name in _COUNTED:
            row[name] += known.get(name, 0)
        await work.put("device_cursor", key, row)
    return Answer(touched=1)


@answers_of_ingest("mark_scored")
async def _mark_scored(work: Work, given: Given) -> Answer:
    key = (given["device_id"], given["boot"])
    row = await work.hold("device_cursor", key)
    if row is None:
        return Answer()
    await work.put("device_cursor", key, {**row, "scored_upto": given["scored_upto"]})
    return Answer(touched=1)


@answers_of_ingest("clear_gaps")
async def _clear_gaps(work: Work, given: Given) -> Answer:
    cleared = []
    for key, row in work.rows("frame_gap"):
        if key[:2] == (given["device_id"], given["boot"]) and row["state"] == "waiting":
            await work.delete("frame_gap", key)
            history = {name: row[name] for name in ("last_seq", "noticed_at", "passed_at")}
            cleared.append({"first_seq": key[2], **history})
    return Answer(cleared)


@answers_of_ingest("save_gap")
async def _save_gap(work: Work, given: Given) -> Answer:
    key = (given["device_id"], given["boot"], given["first"])
    known = await work.hold("frame_gap", key)
    history = known or given
    row = {
        "last_seq": given["last"],
        "state": given["state"],
        **{name: history[name] for name in ("noticed_at", "passed_at")},
    }
    await work.put("frame_gap", key, row)
    return Answer(touched=1)


# -- readings


def _row_of(rows: Rows, place: int) -> Row:
    row: Row = {name: int(getattr(rows, name)[place]) for name in _COLUMNS}
    row["values"] = rows.values[place].tobytes()
    return row


def rows_of(readings: Sequence[Row]) -> Rows:
    """Return stored readings as the columns that ingest works with."""
    count = len(readings)
    columns = {name: np.array([one[name] for one in readings], np.int64) for name in _COLUMNS}
    values = np.frombuffer(b"".join(one["values"] for one in readings), np.float32)
    return Rows(
        frame=np.full(count, -1, np.int64),
        values=values.reshape(count, len(CHANNEL_NAMES)),
        **columns,
    )


@answers_of_ingest("give_up_when_idle")
async def _give_up_when_idle(work: Work, given: Given) -> Answer:
    # Nought is never, as in PostgreSQL.
    work.session.idle_most_s = float(given["most"].removesuffix("s")) or None
    return Answer()


@answers_of_ingest("create_staging")
async def _create_staging(work: Work, given: Given) -> Answer:
    del work, given
    return Answer()


@answers_of_ingest("copy_readings")
async def _copy_readings(work: Work, given: Given) -> Answer:
    del given
    copied, work.staged = work.staged, None
    if not isinstance(copied, bytes):
        return Answer()
    rows = _rows_of_copy(copied)
    for place in range(len(rows)):
        one = _row_of(rows, place)
        key = (one["person_id"], one["time_ms"], one["device_id"])
        if await work.hold("reading", key) is not None:
            raise psycopg.errors.UniqueViolation(f"reading {key} is there")
        await work.put("reading", key, one)
    return Answer(touched=len(rows))


def _rows_of_copy(copied: bytes) -> Rows:
    """Return the readings of a COPY in which what is absent is NULL."""
    table = [
        [
            math.nan if field is None else one.unpack(field)[0]
            for one, field in zip(_KINDS, row, strict=True)
        ]
        for row in fields_of(copied)
    ]
    columns = dict(
        zip(_COLUMNS, np.array([row[: len(_COLUMNS)] for row in table], np.int64).T, strict=True)
    )
    for name in ("time_ms", "received_ms"):
        columns[name] = columns[name] // 1000 + POSTGRES_EPOCH_MS
    values = np.array([row[len(_COLUMNS) :] for row in table], np.float32)
    return Rows(frame=np.full(len(table), -1, np.int64), values=values, **columns)


@answers_of_ingest("copy_staging")
async def _copy_staging(work: Work, given: Given) -> Answer:
    del given
    if isinstance(work.staged, bytes):
        rows = parse_copy(work.staged)
        work.staged = [_row_of(rows, place) for place in range(len(rows))]
    return Answer()


@answers_of_ingest("insert_readings")
async def _insert_readings(work: Work, given: Given) -> Answer:
    del given
    inserted = 0
    for one in work.staged:
        key = (one["person_id"], one["time_ms"], one["device_id"])
        if await work.hold("reading", key) is None:
            await work.put("reading", key, one)
            inserted += 1
    return Answer(touched=inserted)


@answers_of_ingest("rows_not_inserted")
async def _rows_not_inserted(work: Work, given: Given) -> Answer:
    del given
    known = []
    for one in work.staged:
        there = work.get("reading", (one["person_id"], one["time_ms"], one["device_id"]))
        if there and (there["boot"], there["seq"]) != (one["boot"], one["seq"]):
            differs = [there[name] != one[name] for name in ("period_s", "values")]
            names = ("device_id", "boot", "seq", "time_ms")
            known.append({**{name: one[name] for name in names}, "differs": any(differs)})
    return Answer(known)


@answers_of_ingest("insert_dead_letter")
async def _insert_dead_letter(work: Work, given: Given) -> Answer:
    key = (given["topic"], given["payload_hash"], given["reason"])
    if await work.hold("dead_letter", key) is not None:
        return Answer()
    await work.put("dead_letter", key, dict(given))
    return Answer(touched=1)


@answers_of_ingest("copy_held_readings")
async def _copy_held_readings(work: Work, given: Given) -> Answer:
    span = work.get("unscored_span", (given["device_id"], given["boot"]))
    held = [
        row
        for _, row in work.rows("reading")
        if span
        and span["first"] <= utc_moment(row["time_ms"]) <= span["last"]
        and row["person_id"] in given["people"]
        and (row["device_id"], row["boot"]) == (given["device_id"], given["boot"])
        and given["after"] < row["seq"] <= given["upto"]
    ]
    held.sort(key=lambda row: (row["seq"], row["time_ms"]))
    latest_ms = as_ms(given["latest"])
    held = [{**row, "received_ms": min(row["received_ms"], latest_ms)} for row in held]
    return Answer(copied=copy_bytes(rows_of(held)))


@answers_of_ingest("unscored")
async def _unscored(work: Work, given: Given) -> Answer:
    devices = {row["device_id"] for _, row in devices_of(work, given["people"])}
    found = []
    for key, row in sorted(work.rows("device_cursor")):
        waits_below = [
            place[2]
            for place, gap in work.rows("frame_gap")
            if place[:2] == key and gap["state"] == "waiting" and gap["passed_at"] is None
        ]
        upto = min(waits_below) - 1 if waits_below else row["highest"]
        if key[0] in devices and row["scored_upto"] < upto:
            names = ("device_id", "boot", "scored_upto")
            found.append({**{name: row[name] for name in names}, "upto": upto})
    return Answer(found)


def devices_of(work: Work, people: Sequence[int]) -> list[tuple[Any, Row]]:
    """Return the devices of these people, each with its key."""
    return [(key, row) for key, row in sorted(work.rows("device")) if row["person_id"] in people]
