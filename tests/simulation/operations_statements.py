"""What the database in memory answers about notices to the people who run the service.

Nobody here is an administrator: they are told by the console. Nobody opens pages in need.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from alerts.openings import store as openings
from alerts.operations import store as operations
from tests.simulation.alert_statements import change, some
from tests.simulation.database import STATEMENTS, Answer, Row, Work

Given = Mapping[str, Any]


@STATEMENTS.of(operations._SQL, "lock_notices")
async def _lock_notices(work: Work, given: Given) -> Answer:
    del given
    await work.hold("operations_notice", ("lock",))
    return Answer()


@STATEMENTS.of(operations._SQL, "trouble")
async def _trouble(work: Work, given: Given) -> Answer:
    is_quiet = given["about"] == "nobody_heard"
    outages = [
        row for _, row in work.rows("outage") if (row["reason"] == "nobody_heard") is is_quiet
    ]
    since = [row["began_at"] for row in outages if row["ended_at"] is None]
    if not is_quiet:
        heard = [row.get("heard_until") for _, row in work.rows("shard")]
        since += [until for until in heard if until is not None and until < given["stale"]]
    over = [row for row in outages if _lasted(row, given)]
    latest = max(over, key=_ended_at, default=None)
    missed = (None, None) if latest is None else (latest["began_at"], latest["ended_at"])
    return Answer([{"since": min(since, default=None), "began": missed[0], "ended": missed[1]}])


def _lasted(row: Row, given: Given) -> bool:
    ended = row["ended_at"]
    return ended is not None and ended - row["began_at"] >= given["lasting"]


def _ended_at(row: Row) -> datetime:
    ended: datetime = row["ended_at"]
    return ended


@STATEMENTS.of(operations._SQL, "trouble_of_alerts")
async def _trouble_of_alerts(work: Work, given: Given) -> Answer:
    runs = [row for _, row in sorted(work.rows("auditor_run"))]
    bad: list[Row] = []
    for row in runs:
        bad = [*bad, row] if row["heartbeat"] == "not_repaired" else []
    since = min((row["now"] for row in bad), default=None)
    if runs and runs[-1]["now"] < given["missed"]:
        since = runs[-1]["now"]
    return Answer([{"since": since, "began": None, "ended": None}])


@STATEMENTS.of(operations._SQL, "last_notice")
async def _last_notice(work: Work, given: Given) -> Answer:
    found = sorted(
        (row["operations_notice_id"], row)
        for _, row in work.rows("operations_notice")
        if row["about"] == given["about"]
    )
    names = ("operations_notice_id", "began_at", "ended_at")
    return Answer([some(row, names) for _, row in found[-1:]])


@STATEMENTS.of(operations._SQL, "raise_notice")
async def _raise_notice(work: Work, given: Given) -> Answer:
    number = work.database.next_number("operations_notice")
    told = {"operations_notice_id": number, "noticed_at": given["now"]}
    said = some(dict(given), ("about", "began_at", "ended_at", "is_afterwards"))
    await work.put("operations_notice", (number,), {**told, **said})
    return Answer([{"operations_notice_id": number}])


@STATEMENTS.of(operations._SQL, "end_notice")
async def _end_notice(work: Work, given: Given) -> Answer:
    row = await work.hold("operations_notice", (given["notice"],))
    assert row is not None
    ended_at = max(row["began_at"], given["now"])
    await change(work, "operations_notice", given["notice"], ended_at=ended_at)
    return Answer(touched=1)


@STATEMENTS.of(operations._SQL, "open_notice_again")
async def _open_notice_again(work: Work, given: Given) -> Answer:
    await change(work, "operations_notice", given["notice"], ended_at=None)
    return Answer(touched=1)


@STATEMENTS.of(openings._SQL, "new_openings")
@STATEMENTS.of(openings._SQL, "raise_notice")
@STATEMENTS.of(openings._SQL, "told")
@STATEMENTS.of(operations._SQL, "admins")
@STATEMENTS.of(operations._SQL, "addresses_of_admins")
async def _nobody(work: Work, given: Given) -> Answer:
    del work, given
    return Answer()


@STATEMENTS.of(operations._SQL, "queue_notice")
async def _queue_notice(work: Work, given: Given) -> Answer:
    assert not work.select("operations_delivery", idempotency_key=given["idempotency_key"])
    number = work.database.next_number("operations_delivery")
    said = some(dict(given), ("notice", "staff_id", "channel", "address", "idempotency_key"))
    waiting = {"state": "waiting", "attempts": 0, "attempt_at": given["now"], "lease_until": None}
    await work.put("operations_delivery", (number,), {**said, **waiting})
    return Answer(touched=1)


@STATEMENTS.of(operations._SQL, "claim_notices")
async def _claim_notices(work: Work, given: Given) -> Answer:
    claimed: list[Row] = []
    for (number,), row in sorted(work.rows("operations_delivery")):
        is_free = row["lease_until"] is None or row["lease_until"] <= given["now"]
        is_due = row["state"] == "waiting" and row["attempt_at"] <= given["now"] and is_free
        if not is_due or work.is_held_by_another("operations_delivery", (number,)):
            continue
        lease = {"lease_until": given["lease_until"], "attempts": row["attempts"] + 1}
        row = await change(work, "operations_delivery", number, **lease)  # noqa: PLW2901 -- as it is now
        notice = work.get("operations_notice", (row["notice"],))
        assert notice is not None
        names = ("notice", "staff_id", "channel", "address", "idempotency_key", "attempts")
        of_notice = some(notice, ("noticed_at", "is_afterwards", "about"))
        claimed.append({"delivery": number} | some(row, names) | of_notice)
    return Answer(claimed[: given["most"]])


@STATEMENTS.of(operations._SQL, "mark_notice")
async def _mark_notice(work: Work, given: Given) -> Answer:
    row = await work.hold("operations_delivery", (given["delivery"],))
    if row is None or row["state"] != "waiting":
        return Answer()
    marked = {"state": given["state"], "attempt_at": given["attempt_at"], "lease_until": None}
    await change(work, "operations_delivery", given["delivery"], **marked)
    return Answer(touched=1)
