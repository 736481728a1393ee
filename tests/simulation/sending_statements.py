"""What the database in memory answers to the auditor and to the senders of alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from alerts.auditing import store as auditing
from alerts.sending import store as sending
from alerts.watching import store as watching
from tests.simulation.alert_statements import change, give_up, some
from tests.simulation.database import STATEMENTS, Answer, Row, Work

Given = Mapping[str, Any]

_URGENCY: Final = {"check_now": 0, "check_today": 1}


# -- the auditor


def _unserved(work: Work, given: Given) -> list[Row]:
    return [
        row
        for row in work.select("delivery", state="waiting")
        if row["attempt_at"] <= given["late"] and row["channel"] not in given["channels"]
    ]


@STATEMENTS.of(auditing._SQL, "unserved_deliveries")
async def _unserved_deliveries(work: Work, given: Given) -> Answer:
    numbers = sorted({row["alert_id"] for row in _unserved(work, given)})
    return Answer([{"alert_id": number} for number in numbers[: given["most"]]])


@STATEMENTS.of(auditing._SQL, "give_up_unserved")
async def _give_up_unserved(work: Work, given: Given) -> Answer:
    rows = [row for row in _unserved(work, given) if row["alert_id"] == given["alert_id"]]
    return await give_up(work, rows, given["reason"])


@STATEMENTS.of(auditing._SQL, "wake_now")
@STATEMENTS.of(sending._SQL, "wake_now")
async def _wake_now(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed":
        return Answer()
    wake_at = min(row["wake_at"] or given["now"], given["now"])
    await change(work, "alert", given["alert_id"], wake_at=wake_at)
    return Answer(touched=1)


@STATEMENTS.of(auditing._SQL, "wake_what_leavers_own")
async def _wake_what_leavers_own(_work: Work, _given: Given) -> Answer:
    """Nobody leaves the service here."""
    return Answer()


@STATEMENTS.of(auditing._SQL, "pull_in_put_off")
async def _pull_in_put_off(work: Work, given: Given) -> Answer:
    found = []
    for row in work.select("delivery", state="waiting"):
        far = given["far_in_bundle"] if row.get("bundle") else given["far"]
        lease_until = row["lease_until"] or given["now"]
        if row["attempt_at"] > far or lease_until > given["far"]:
            attempt_at = min(row["attempt_at"], given["now"])
            number = row["delivery_id"]
            free = {"attempt_at": attempt_at, "lease_owner": None, "lease_until": None}
            await change(work, "delivery", number, **free)
            found.append({"delivery_id": number, "alert_id": row["alert_id"]})
    return Answer(found)


@STATEMENTS.of(auditing._SQL, "unclosed_alerts")
async def _unclosed_alerts(work: Work, given: Given) -> Answer:
    rows = [
        some(row, ("alert_id", "state", "wake_at"))
        for _, row in sorted(work.rows("alert"))
        if row["state"] != "closed" and row["alert_id"] > given["after"]
    ]
    return Answer(rows[: given["most"]])


@STATEMENTS.of(auditing._SQL, "waiting_too_long")
async def _waiting_too_long(work: Work, given: Given) -> Answer:
    """Count what nobody comes for; there are no bundles here."""
    late = given["late"]
    messages = [
        row
        for row in work.select("delivery", state="waiting")
        if row["attempt_at"] <= late
        and (row["lease_until"] is None or row["lease_until"] <= late)
        and (work.get("alert", (row["alert_id"],)) or {"state": "closed"})["state"] != "closed"
    ]
    taken_in = {row["episode_event_id"] for _, row in work.rows("alert_intake")}
    events = [
        row
        for _, row in work.rows("episode_event")
        if row.get("recorded_at", row["at"]) <= late and row["episode_event_id"] not in taken_in
    ]
    folded_in = {row["alert_action_id"] for _, row in work.rows("alert_event")}
    answers = [
        row
        for _, row in work.rows("alert_action")
        if row["at"] <= late
        and row["alert_action_id"] not in folded_in
        and work.get("alert", (row["alert_id"],))
    ]
    known = {row["concern_id"] for _, row in work.rows("concern_intake")}
    concerns = [
        row
        for _, row in work.rows("concern")
        if row["at"] <= late and row["concern_id"] not in known
    ]
    counts = {"messages": messages, "events": events, "concerns": concerns, "answers": answers}
    return Answer([{name: len(rows) for name, rows in counts.items()}])


@STATEMENTS.of(auditing._SQL, "repair")
async def _repair(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed" or row["wake_at"] != given["wake_at"]:
        return Answer()
    await change(work, "alert", given["alert_id"], wake_at=given["now"])
    return Answer(touched=1)


@STATEMENTS.of(auditing._SQL, "record_audit")
async def _record_audit(work: Work, given: Given) -> Answer:
    await work.put("auditor_run", (work.database.next_number("auditor_run"),), dict(given))
    return Answer(touched=1)


# -- turns and figures; the probe is not run here


@STATEMENTS.of(watching._SQL, "take_turn_to_look")
async def _take_turn_to_look(work: Work, given: Given) -> Answer:
    row = await work.hold("alert_watch", ()) or {"looked_at": None}
    looked_at = row["looked_at"]
    if looked_at is not None and given["before"] < looked_at <= given["ahead"]:
        return Answer()
    await work.put("alert_watch", (), {**row, "looked_at": given["now"]})
    return Answer(touched=1)


@STATEMENTS.of(watching._SQL, "open_probe")
async def _open_probe(work: Work, given: Given) -> Answer:
    del given
    assert not work.select("alert", cause="probe")
    return Answer()


@STATEMENTS.of(watching._SQL, "figures")
async def _figures(work: Work, given: Given) -> Answer:
    del given
    unclosed = [row for _, row in work.rows("alert") if row["state"] != "closed"]
    run: Row = max(work.rows("auditor_run"), default=((), {}))[1]
    names = {"audited_at": "now", "violations": "violations"}
    names |= {name: name for name in ("heartbeat", "probe_seconds")}
    counts = {
        "alerts_open": len(unclosed),
        "alerts_unaccepted": sum(row["state"] != "accepted" for row in unclosed),
    }
    return Answer([counts | {name: run.get(column) for name, column in names.items()}])


# -- sending


@STATEMENTS.of(sending._SQL, "claim_deliveries")
async def _claim_deliveries(work: Work, given: Given) -> Answer:
    due = []
    for row in work.select("delivery", state="waiting", channel=given["channel"]):
        alert = work.get("alert", (row["alert_id"],))
        is_free = row["lease_until"] is None or row["lease_until"] <= given["now"]
        is_due = row["attempt_at"] <= given["now"] and is_free
        if is_due and alert and alert["state"] != "closed":
            order = (_URGENCY.get(alert["level"], 2), row["attempt_at"], row["delivery_id"])
            due.append((order, row, alert))
    claimed = []
    for _, row, alert in sorted(due, key=lambda one: one[0])[: given["most"]]:
        if work.is_held_by_another("delivery", (row["delivery_id"],)):
            continue
        lease = {"lease_owner": given["owner"], "lease_until": given["lease_until"]}
        attempts = row["attempts"] + 1
        await change(work, "delivery", row["delivery_id"], attempts=attempts, **lease)
        names = (
            "delivery_id",
            "alert_id",
            "staff_id",
            "channel",
            "address",
            "idempotency_key",
            "attempt_at",
        )
        of_alert = some(alert, ("public_id", "level", "raised_at"))
        of_alert |= {"bundle": None, "bundle_people": None}
        claimed.append(some(row, names) | {"attempts": attempts} | of_alert)
    return Answer(claimed)


@STATEMENTS.of(sending._SQL, "mark_handed_over")
async def _mark_handed_over(work: Work, given: Given) -> Answer:
    row = await work.hold("delivery", (given["delivery_id"],))
    if row is None or row["state"] == "handed_over":
        return Answer()
    free = {"lease_owner": None, "lease_until": None, "last_error": None}
    await change(work, "delivery", given["delivery_id"], state="handed_over", **free)
    return Answer(touched=1)


@STATEMENTS.of(sending._SQL, "bundle_members")
async def _bundle_members(work: Work, given: Given) -> Answer:
    """The budget of the simulation is never used up, so there are no bundles."""
    assert not work.select("delivery", bundle=given["bundle"])
    return Answer()


@STATEMENTS.of(sending._SQL, "mark_notified")
async def _mark_notified(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] != "raised":
        return Answer()
    await change(work, "alert", given["alert_id"], state="notified")
    return Answer(touched=1)


@STATEMENTS.of(sending._SQL, "mark_dead")
async def _mark_dead(work: Work, given: Given) -> Answer:
    row = {"died_at": given["now"], "what_was_said": given["said"]}
    await work.put("dead_address", (given["channel"], given["address"]), row)
    return Answer(touched=1)


async def _unclaim(work: Work, given: Given, **changed: object) -> Answer:
    row = await work.hold("delivery", (given["delivery_id"],))
    if row is None or row["state"] != "waiting" or row["lease_owner"] != given["owner"]:
        return Answer()
    if row["attempts"] != given["attempts"]:
        return Answer()
    free = {"lease_owner": None, "lease_until": None, "last_error": given["error"]}
    await change(work, "delivery", given["delivery_id"], **free, **changed)
    return Answer(touched=1)


@STATEMENTS.of(sending._SQL, "mark_try_again")
async def _mark_try_again(work: Work, given: Given) -> Answer:
    return await _unclaim(work, given, attempt_at=given["attempt_at"])


@STATEMENTS.of(sending._SQL, "mark_member_given_up")
async def _mark_member_given_up(_work: Work, _given: Given) -> Answer:
    raise AssertionError("there are no bundles here")


@STATEMENTS.of(sending._SQL, "mark_given_up")
async def _mark_given_up(work: Work, given: Given) -> Answer:
    return await _unclaim(work, given, state="given_up")
