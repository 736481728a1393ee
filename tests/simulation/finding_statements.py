"""What the database in memory answers to ingest about days, episodes, snapshots and signals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.simulation.database import Answer, Row, Work
from tests.simulation.ingest_statements import answers_of_ingest, devices_of

Given = Mapping[str, Any]


# -- what was found


@answers_of_ingest("save_day")
async def _save_day(work: Work, given: Given) -> Answer:
    await work.put("daily_feature", (given["person_id"], given["day"]), dict(given))
    return Answer(touched=1)


@answers_of_ingest("close_unknown_episode")
async def _close_unknown_episode(work: Work, given: Given) -> Answer:
    for key, row in work.rows("episode"):
        is_same = all(row[name] == given[name] for name in ("person_id", "family", "strand"))
        if is_same and row["closed_at"] is None and row["opened_at"] != given["opened_at"]:
            closed_at = max(row["opened_at"], given["opened_at"])
            await work.put("episode", key, {**row, "closed_at": closed_at})
    return Answer()


@answers_of_ingest("close_episodes_of_former_limits")
async def _close_episodes_of_former_limits(work: Work, given: Given) -> Answer:
    for key, row in work.rows("episode"):
        is_former = row["strand"].startswith("limit ") and row["strand"] not in given["strands"]
        if row["person_id"] == given["person_id"] and is_former and row["closed_at"] is None:
            closed_at = max(row["opened_at"], given["now"])
            await work.put("episode", key, {**row, "closed_at": closed_at})
    return Answer()


@answers_of_ingest("save_episode")
async def _save_episode(work: Work, given: Given) -> Answer:
    which = ("person_id", "family", "strand", "opened_at")
    unique = ("unique", *(given[name] for name in which))
    await work.hold("episode", unique)
    known = next(
        (row for row in work.select("episode", **{name: given[name] for name in which})), None
    )
    if known is None:
        number = work.database.next_number("episode")
        await work.put("episode", (number,), {"episode_id": number, **given})
        return Answer([{"episode_id": number}])
    changed = {"closed_at": given["closed_at"], "level": given["level"]}
    if given["closed_at"] is None:
        changed |= {"score": given["score"], "explanation": given["explanation"]}
    await work.put("episode", (known["episode_id"],), {**known, **changed})
    return Answer([{"episode_id": known["episode_id"]}])


@answers_of_ingest("add_episode_event")
async def _add_episode_event(work: Work, given: Given) -> Answer:
    which = {name: given[name] for name in ("episode_id", "kind", "at")}
    await work.hold("episode_event", ("unique", *which.values()))
    number = work.database.next_number("episode_event")
    if work.select("episode_event", **which):
        return Answer()
    await work.put("episode_event", (number,), {"episode_event_id": number, **given})
    return Answer(touched=1)


@answers_of_ingest("wake_alerts")
async def _wake_alerts(work: Work, given: Given) -> Answer:
    del given
    work.hints.append("tidewell_episode_event")
    return Answer()


# -- snapshots and signals


@answers_of_ingest("load_snapshots")
async def _load_snapshots(work: Work, given: Given) -> Answer:
    return Answer(
        [
            {name: row[name] for name in ("shard", "taken_at", "cursors", "state")}
            for (shard,), row in work.rows("detector_snapshot")
            if shard in given["shards"] and row["detector_version"] == given["detector_version"]
        ]
    )


@answers_of_ingest("snapshot_cursors")
async def _snapshot_cursors(work: Work, given: Given) -> Answer:
    noticed: dict[tuple[int, int], datetime] = {}
    for key, gap in work.rows("frame_gap"):
        if gap["state"] == "waiting" and gap["passed_at"] is None:
            boot = (key[0], key[1])
            noticed[boot] = min(noticed.get(boot, gap["noticed_at"]), gap["noticed_at"])
    person_of = {row["device_id"]: row["person_id"] for _, row in devices_of(work, given["people"])}
    return Answer(
        [
            {
                "person_id": person_of[key[0]],
                "device_id": key[0],
                "boot": key[1],
                "scored_upto": row["scored_upto"],
                "noticed_at": noticed.get((key[0], key[1])),
            }
            for key, row in work.rows("device_cursor")
            if key[0] in person_of
        ]
    )


@answers_of_ingest("snapshot_holes")
async def _snapshot_holes(work: Work, given: Given) -> Answer:
    devices = {row["device_id"] for _, row in devices_of(work, given["people"])}
    return Answer(
        [
            {"device_id": key[0], "boot": key[1], "first": key[2], "last": gap["last_seq"]}
            for key, gap in sorted(work.rows("frame_gap"))
            if key[0] in devices and gap["state"] == "waiting" and gap["passed_at"] is not None
        ]
    )


@answers_of_ingest("save_snapshot")
async def _save_snapshot(work: Work, given: Given) -> Answer:
    await work.put("detector_snapshot", (given["shard"],), dict(given))
    return Answer(touched=1)


@answers_of_ingest("notice_gaps_from")
async def _notice_gaps_from(work: Work, given: Given) -> Answer:
    now = datetime.fromisoformat(given["now"])
    shard_of = {key[0]: row["shard"] for key, row in work.rows("person")}
    devices = {
        row["device_id"]
        for _, row in work.rows("device")
        if shard_of[row["person_id"]] in given["shards"]
    }
    for key, row in work.rows("frame_gap"):
        if key[0] in devices and row["state"] == "waiting" and row["noticed_at"] > now:
            await work.put("frame_gap", key, {**row, "noticed_at": now})
    return Answer()


@answers_of_ingest("hear_devices_by_now")
async def _hear_devices_by_now(work: Work, given: Given) -> Answer:
    """When a device was heard last is not kept here."""
    del work, given
    return Answer()


@answers_of_ingest("replay_from")
async def _replay_from(work: Work, given: Given) -> Answer:
    for key, row in work.rows("detector_snapshot"):
        replay_from = datetime.fromisoformat(row["cursors"]["replay_from"])
        if key[0] in given["shards"] and replay_from > datetime.fromisoformat(given["now"]):
            cursors = {**row["cursors"], "replay_from": given["now"]}
            await work.put("detector_snapshot", key, {**row, "cursors": cursors})
    return Answer()


@answers_of_ingest("latest_states")
async def _latest_states(work: Work, given: Given) -> Answer:
    shard_of = {key[0]: row["shard"] for key, row in work.rows("person")}
    latest: dict[tuple[int, str], Row] = {}
    for _, row in sorted(work.rows("detector_signal")):
        is_state = row["kind"] in ("limits", "device_model")
        if is_state and shard_of.get(row["person_id"]) in given["shards"]:
            latest[row["person_id"], row["kind"]] = row
    names = ("person_id", "kind", "content")
    return Answer([{name: row[name] for name in names} for row in latest.values()])


@answers_of_ingest("save_signal")
async def _save_signal(work: Work, given: Given) -> Answer:
    number = work.database.next_number("detector_signal")
    await work.put("detector_signal", (number,), {"signal_id": number, **given})
    return Answer(touched=1)


@answers_of_ingest("applied_signals")
async def _applied_signals(work: Work, given: Given) -> Answer:
    names = ("person_id", "kind", "source_id", "content", "signal_id")
    return Answer(
        [
            {
                "heard_ms": round(row["now"].timestamp() * 1000),
                **{name: row[name] for name in names},
            }
            for _, row in sorted(work.rows("detector_signal"))
            if row["person_id"] in given["people"]
            and row["signal_id"] > given["heard_upto"]
            and row["verdict"] == "applied"
        ]
    )


@answers_of_ingest("last_signal")
async def _last_signal(work: Work, given: Given) -> Answer:
    numbers = [
        row["signal_id"]
        for _, row in work.rows("detector_signal")
        if row["person_id"] in given["people"]
    ]
    return Answer([{"last": max(numbers, default=0)}])
