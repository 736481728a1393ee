"""What the database in memory answers about the order of scoring: holes, and what waited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from ingest.rows import copy_bytes
from tests.simulation.database import Answer, Row, Work
from tests.simulation.ingest_statements import (
    answers_of_ingest,
    as_ms,
    boots_of,
    devices_of,
    integers,
    rows_of,
)
from tidewell.database import Queries
from tidewell.local_time import utc_moment

Given = Mapping[str, Any]


@answers_of_ingest("holes_due")
async def _holes_due(work: Work, given: Given) -> Answer:
    shard_of = {key[0]: row["shard"] for key, row in work.rows("person")}
    shards = {
        row["device_id"]: shard_of[row["person_id"]] for _, row in devices_of(work, list(shard_of))
    }
    due: dict[tuple[int, int], list[tuple[datetime, int]]] = {}
    for key, row in sorted(work.rows("frame_gap")):
        is_open = row["state"] == "waiting" and row["passed_at"] is None
        is_old = row["noticed_at"] <= given["noticed_before"]
        is_free = key[0] not in given["held_back"]
        if is_open and is_old and is_free and shards[key[0]] in given["shards"]:
            due.setdefault(key[:2], []).append((row["noticed_at"], row["last_seq"]))
    order = sorted(due, key=lambda boot: (min(due[boot])[0], boot))[: given["most"]]
    return Answer(
        [
            {"device_id": boot[0], "boot": boot[1], "last": max(last for _, last in due[boot])}
            for boot in order
        ]
    )


@answers_of_ingest("pass_holes")
async def _pass_holes(work: Work, given: Given) -> Answer:
    for key, row in work.rows("frame_gap"):
        is_open = row["state"] == "waiting" and row["passed_at"] is None
        is_of_boot = key[:2] == (given["device_id"], given["boot"])
        if is_open and is_of_boot and row["last_seq"] <= given["passed_upto"]:
            await work.put("frame_gap", key, {**row, "passed_at": given["now"]})
    return Answer()


@answers_of_ingest("save_scored_later")
async def _save_scored_later(work: Work, given: Given) -> Answer:
    key = (given["device_id"], given["boot"], given["first"])
    if await work.hold("scored_later", key) is None:
        row = {"last_seq": given["last"], "kind": given["kind"], "scored_at": given["now"]}
        await work.put("scored_later", key, row)
    return Answer()


@answers_of_ingest("widen_unscored_span")
async def _widen_unscored_span(work: Work, given: Given) -> Answer:
    key = (given["device_id"], given["boot"])
    first, last = given["first_time"], given["last_time"]
    if known := await work.hold("unscored_span", key):
        first, last = min(first, known["first"]), max(last, known["last"])
    await work.put("unscored_span", key, {"first": first, "last": last})
    return Answer(touched=1)


@answers_of_ingest("forget_unscored_span")
async def _forget_unscored_span(work: Work, given: Given) -> Answer:
    key = (given["device_id"], given["boot"])
    cursor = work.get("device_cursor", key)
    is_scored = cursor is not None and cursor["scored_upto"] == cursor["highest"]
    if is_scored and await work.hold("unscored_span", key) is not None:
        await work.delete("unscored_span", key)
    return Answer()


@answers_of_ingest("next_repair")
async def _next_repair(work: Work, given: Given) -> Answer:
    """A run lasts minutes: no day of it comes too late to be judged."""
    del work, given
    return Answer()


@answers_of_ingest("note_days_again")
async def _note_days_again(work: Work, given: Given) -> Answer:
    for person_id, day in zip(given["people"], given["days"], strict=True):
        await work.put("hours_again", (person_id, day), {})
    return Answer()


def _asked_in_vain(name: str) -> None:
    @answers_of_ingest(name)
    async def say_nothing(work: Work, given: Given) -> Answer:
        """Hours are made of what is stored, and no run is long enough for one."""
        del work, given
        return Answer()


_HOURS = {"no_wait_for_the_disk", "hours_due", "hours_made_to"}
for _name in sorted(_HOURS):
    _asked_in_vain(_name)


def _never_asked(name: str) -> None:
    @answers_of_ingest(name)
    async def refuse(work: Work, given: Given) -> Answer:
        del work, given
        raise AssertionError(f"{name}: no day of a simulation is over for so long")


_RARE = {
    *(Queries("ingest.repairing", "repairs.sql").keys() - {"next_repair"}),
    *(Queries("ingest.summing", "hours.sql").keys() - _HOURS - {"note_days_again"}),
}
for _name in sorted(_RARE):
    _never_asked(_name)


@answers_of_ingest("copy_scored_readings")
async def _copy_scored_readings(work: Work, given: Given) -> Answer:
    seen = dict(zip(boots_of(given), integers(given["seen"]), strict=True))
    holes = list(
        zip(
            *(given[f"hole_{name}"] for name in ("devices", "boots", "firsts", "lasts")),
            strict=True,
        )
    )
    cursors = dict(work.rows("device_cursor"))
    wanted = []
    for _, row in work.rows("reading"):
        boot = (row["device_id"], row["boot"])
        is_wanted = (
            row["person_id"] in given["people"]
            and utc_moment(row["received_ms"]) >= given["received_from"]
            and boot in cursors
            and row["seq"] <= cursors[boot]["scored_upto"]
            and (
                row["seq"] > seen.get(boot, -1)
                or any(hole[:2] == boot and hole[2] <= row["seq"] <= hole[3] for hole in holes)
            )
        )
        if is_wanted:
            wanted.append(row)
    latest_ms, from_ms = as_ms(given["latest"]), as_ms(given["received_from"])
    later = dict(work.rows("scored_later"))
    scored = [
        (at_ms, row if row["received_ms"] <= latest_ms else {**row, "received_ms": at_ms})
        for at_ms, row in in_order_of_scoring(wanted, later, latest_ms, from_ms)
    ]
    moments_ms = np.array([scored_ms for scored_ms, _ in scored], np.int64)
    return Answer(copied=copy_bytes(rows_of([row for _, row in scored]), moments_ms))


def in_order_of_scoring(
    readings: Sequence[Row],
    scored_later: Mapping[tuple[int, int, int], Row],
    latest_ms: int,
    from_ms: int,
) -> list[tuple[int, Row]]:
    """Return readings in the order in which they were scored, each with that moment, ms UTC.

    Args:
        latest_ms: what is later comes from a clock that was set back, and says nothing.
        from_ms: the moment of what has no other.
    """
    stretches = _stretches(scored_later)
    known: dict[tuple[int, int], int] = {}
    said: dict[tuple[int, int], int] = {}
    scored = []
    for row in sorted(readings, key=_place_in_boot):
        key = (row["device_id"], row["boot"])
        later = _stretch_of(row["seq"], stretches.get(key, ()))
        row = _not_after(row, later)  # noqa: PLW2901 -- the same reading
        said_ms = row["received_ms"]
        known_ms = said_ms if said_ms <= latest_ms else from_ms
        if later is None or later["kind"] != "hole_passed":
            later_ms = from_ms if later is None else as_ms(later["scored_at"])
            said_ms = said[key] = max(said.get(key, from_ms), said_ms, later_ms)
            later_ms = later_ms if later_ms <= latest_ms else from_ms
            known_ms = known[key] = max(known.get(key, from_ms), known_ms, later_ms)
        scored.append((known_ms, said_ms if known_ms == from_ms else 0, row))
    scored.sort(key=lambda one: one[:2])
    return [(known_ms, row) for known_ms, _, row in scored]


def not_after_scoring(row: Row, scored_later: Mapping[tuple[int, int, int], Row]) -> Row:
    """Return a reading that was received no later than it was scored, whatever a clock said."""
    of_boot = _stretches(scored_later).get((row["device_id"], row["boot"]), ())
    return _not_after(row, _stretch_of(row["seq"], of_boot))


def _not_after(row: Row, later: Row | None) -> Row:
    if later is None or later["kind"] != "waited":
        return row
    return {**row, "received_ms": min(row["received_ms"], as_ms(later["scored_at"]))}


def _stretches(
    scored_later: Mapping[tuple[int, int, int], Row],
) -> dict[tuple[int, int], list[tuple[int, Row]]]:
    found: dict[tuple[int, int], list[tuple[int, Row]]] = {}
    for (device_id, boot, first), row in sorted(scored_later.items()):
        found.setdefault((device_id, boot), []).append((first, row))
    return found


def _stretch_of(seq: int, stretches: Sequence[tuple[int, Row]]) -> Row | None:
    return next((one for first, one in stretches if first <= seq <= one["last_seq"]), None)


def _place_in_boot(row: Row) -> tuple[int, int, int, int]:
    return row["device_id"], row["boot"], row["seq"], row["time_ms"]
