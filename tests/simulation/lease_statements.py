"""What the database in memory answers to ingest about leases, slots and workers."""

from __future__ import annotations

from datetime import datetime

from tests.simulation.database import Answer, Row, Work
from tests.simulation.ingest_statements import Given, answers_of_ingest, as_ms, integers


@answers_of_ingest("take_shards")
async def _take_shards(work: Work, given: Given) -> Answer:
    now, mine = work.database.now, given["owner"]
    free: list[tuple[bool, int, Row]] = []
    ours = 0
    for (shard,), row in work.rows("shard"):
        if shard in given["held"]:
            continue
        ours += row["owner"] == mine
        is_free = row["owner"] in (None, mine) or not _runs(row["lease_until"], now, given)
        if is_free and not work.is_held_by_another("shard", (shard,)):
            free.append((row["owner"] != mine, shard, row))
    taken: list[Row] = []
    for _, shard, row in sorted(free, key=lambda one: one[:2])[: max(given["most"], ours)]:
        lease = {"owner": mine, "lease_until": now + given["lease"], "epoch": row["epoch"] + 1}
        await work.put("shard", (shard,), {**row, **lease, "listening_since": None})
        last = row.get("last_moment")
        last_ms = None if last is None else as_ms(last)
        taken.append({"shard": shard, "epoch": lease["epoch"], "last_ms": last_ms})
    return Answer(taken)


@answers_of_ingest("count_overdue")
async def _count_overdue(work: Work, given: Given) -> Answer:
    overdue = [
        shard
        for (shard,), row in work.rows("shard")
        if row["lease_until"] is not None and row["lease_until"] < work.database.now
        if shard not in given["held"]
    ]
    return Answer([{"count": len(overdue)}])


@answers_of_ingest("as_our_login")
async def _as_our_login(work: Work, given: Given) -> Answer:
    del work, given
    return Answer()


@answers_of_ingest("end_stuck_sessions")
async def _end_stuck_sessions(work: Work, given: Given) -> Answer:
    """Find none: a process in memory is stopped between its statements only."""
    del work, given
    return Answer([{"count": 0}])


def _runs(until: datetime, now: datetime, given: Given) -> bool:
    """Return whether a lease until then holds anybody."""
    return bool(now <= until <= now + given["longest"])


async def _held_shards(work: Work, given: Given) -> list[tuple[int, Row]]:
    """Hold and return the shards that are still this worker's, under the epochs that it knows."""
    if "shards" not in given:
        return [(key[0], row) for key, row in work.rows("shard") if row["owner"] == given["owner"]]
    held = []
    for shard, epoch in zip(integers(given["shards"]), integers(given["epochs"]), strict=True):
        row = await work.hold("shard", (shard,))
        if row and row["epoch"] == epoch and row["owner"] == given["owner"]:
            held.append((shard, row))
    return held


@answers_of_ingest("renew_shards")
async def _renew_shards(work: Work, given: Given) -> Answer:
    held = await _held_shards(work, given)
    for shard, row in held:
        last = max(row.get("last_moment") or given["now"], given["now"])
        lease = {"lease_until": work.database.now + given["lease"], "last_moment": last}
        await work.put("shard", (shard,), {**row, **lease})
    return Answer(touched=len(held))


@answers_of_ingest("set_moments_back")
async def _set_moments_back(work: Work, given: Given) -> Answer:
    for shard, row in await _held_shards(work, given):
        await work.put("shard", (shard,), {**row, "last_moment": given["now"]})
    return Answer()


@answers_of_ingest("say_listening")
async def _say_listening(work: Work, given: Given) -> Answer:
    for shard, row in await _held_shards(work, given):
        if row["listening_since"] is None:
            await work.put("shard", (shard,), {**row, "listening_since": work.database.now})
    return Answer()


@answers_of_ingest("give_back_shards")
async def _give_back_shards(work: Work, given: Given) -> Answer:
    for shard, row in await _held_shards(work, given):
        free = {**row, "owner": None, "lease_until": None, "listening_since": None}
        await work.put("shard", (shard,), free)
    return Answer()


@answers_of_ingest("claim_slot")
async def _claim_slot(work: Work, given: Given) -> Answer:
    free, now = [], work.database.now
    for (slot,), row in work.rows("ingest_worker"):
        is_ours = row["owner"] == given["owner"]
        is_left = row["owner"] is None or not _runs(row["seen_until"], now, given)
        if (is_ours or is_left) and not work.is_held_by_another("ingest_worker", (slot,)):
            free.append((not is_ours, slot))
    if not free:
        return Answer()
    slot = min(free)[1]
    row = {"owner": given["owner"], "seen_until": now + given["lease"], "has_session": True}
    await work.put("ingest_worker", (slot,), row)
    return Answer([{"slot": slot, "time_ms": as_ms(now)}])


@answers_of_ingest("renew_slot")
async def _renew_slot(work: Work, given: Given) -> Answer:
    row = await work.hold("ingest_worker", (given["slot"],))
    if row is None or row["owner"] != given["owner"]:
        return Answer()
    now = work.database.now
    await work.put("ingest_worker", (given["slot"],), {**row, "seen_until": now + given["lease"]})
    return Answer([{"time_ms": as_ms(now)}])


@answers_of_ingest("free_slot")
async def _free_slot(work: Work, given: Given) -> Answer:
    row = await work.hold("ingest_worker", (given["slot"],))
    if row is None or row["owner"] != given["owner"]:
        return Answer()
    free = {**row, "owner": None, "seen_until": work.database.now}
    await work.put("ingest_worker", (given["slot"],), free)
    return Answer(touched=1)


@answers_of_ingest("count_workers")
async def _count_workers(work: Work, given: Given) -> Answer:
    now = work.database.now
    count = sum(
        row["has_session"] and row["owner"] is not None and _runs(row["seen_until"], now, given)
        for _, row in work.rows("ingest_worker")
    )
    return Answer([{"count": count}])


@answers_of_ingest("claim_left_session")
async def _claim_left_session(work: Work, given: Given) -> Answer:
    now = work.database.now
    for (slot,), row in sorted(work.rows("ingest_worker")):
        until = row["seen_until"]
        is_left = row["has_session"] and until < now - given["left_after"]
        is_not_ended = not row["has_session"] and row["owner"] is not None and until < now
        if is_left or is_not_ended:
            until = now + given["lease"]
            taken = {"owner": given["owner"], "seen_until": until, "has_session": False}
            await work.put("ingest_worker", (slot,), taken)
            return Answer([{"slot": slot}])
    return Answer()


@answers_of_ingest("note_session_ended")
async def _note_session_ended(work: Work, given: Given) -> Answer:
    row = await work.hold("ingest_worker", (given["slot"],))
    if row and row["owner"] == given["owner"] and not row["has_session"]:
        await work.put("ingest_worker", (given["slot"],), {**row, "owner": None})
    return Answer()
