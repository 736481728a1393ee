"""What the database in memory answers about silences and outages.

Outages are kept; what devices say of themselves is not, and no run lasts until somebody is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.simulation.database import Answer, Key, Row, Work
from tests.simulation.ingest_statements import answers_of_ingest

Given = Mapping[str, Any]


@answers_of_ingest("heard_until")
async def _heard_until(work: Work, given: Given) -> Answer:
    found = []
    for (shard,), row in work.rows("shard"):
        if shard in given["shards"]:
            until = row.get("heard_until")
            until_ms = None if until is None else round(until.timestamp() * 1000)
            found.append({"shard": shard, "until_ms": until_ms})
    return Answer(found)


@answers_of_ingest("mark_heard")
async def _mark_heard(work: Work, given: Given) -> Answer:
    for shard in given["shards"]:
        row = await work.hold("shard", (shard,))
        assert row is not None
        await work.put("shard", (shard,), {**row, "heard_until": given["now"]})
    return Answer(touched=len(given["shards"]))


def _open_outages(work: Work, given: Given, *, quiet: bool) -> list[tuple[Key, Row]]:
    return [
        (key, row)
        for key, row in work.rows("outage")
        if row["ended_at"] is None
        and set(row["shards"]) & set(given["shards"])
        and (row["reason"] == "nobody_heard") is quiet
    ]


@answers_of_ingest("end_outages")
async def _end_outages(work: Work, given: Given) -> Answer:
    found = []
    for key, row in _open_outages(work, given, quiet=given["quiet"]):
        ended_at = max(row["began_at"], given["now"])
        heard = sorted(set(row["shards"]) & set(given["shards"]))
        unheard = [] if given["quiet"] else sorted(set(row["shards"]) - set(heard))
        if unheard:
            number = work.database.next_number("outage")
            over = {**row, "shards": heard, "ended_at": ended_at}
            await work.put("outage", (number,), over)
            await work.put("outage", key, {**row, "shards": unheard})
        else:
            await work.put("outage", key, {**row, "ended_at": ended_at})
        found.append({"heard": heard})
    return Answer(found)


@answers_of_ingest("add_outage")
async def _add_outage(work: Work, given: Given) -> Answer:
    known = _open_outages(work, given, quiet=given["reason"] == "nobody_heard")
    shards = sorted(set(given["shards"]).difference(*(row["shards"] for _, row in known)))
    if not shards:
        return Answer()
    assert given["ended_at"] is None or given["ended_at"] >= given["began_at"]
    names = ("began_at", "ended_at", "reason")
    number = work.database.next_number("outage")
    row = {"shards": shards, **{name: given[name] for name in names}}
    await work.put("outage", (number,), row)
    return Answer(touched=1)


@answers_of_ingest("quiet_since")
async def _quiet_since(work: Work, given: Given) -> Answer:
    began = [row["began_at"] for _, row in _open_outages(work, given, quiet=True)]
    return Answer([{"since": round(min(began).timestamp() * 1000) if began else None}])


@answers_of_ingest("devices_heard_between")
async def _devices_heard_between(work: Work, given: Given) -> Answer:
    """Nobody is so many that it is a quiet when they all say nothing."""
    del work, given
    return Answer([{"count": 0}])


@answers_of_ingest("ever_heard")
async def _ever_heard(work: Work, given: Given) -> Answer:
    heard = {row["person_id"] for _, row in work.rows("reading")}
    return Answer([{"person_id": one} for one in given["people"] if one in heard])


@answers_of_ingest("save_device_words")
@answers_of_ingest("open_never_heard")
@answers_of_ingest("unclassified_silences")
@answers_of_ingest("add_silence")
@answers_of_ingest("end_silences")
@answers_of_ingest("unsettled_silences")
@answers_of_ingest("settle_silence")
async def _nothing(work: Work, given: Given) -> Answer:
    del work, given
    return Answer()
