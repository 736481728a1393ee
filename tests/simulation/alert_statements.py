"""What the database in memory answers to the statements of alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from alerts import store
from alerts.answers import store as answers
from alerts.auditing import store as auditing
from alerts.intake import store as intake
from alerts.sending import store as sending
from tests.simulation.database import STATEMENTS, Answer, Row, Work

Given = Mapping[str, Any]

_ALERT: Final = (
    "alert_id",
    "public_id",
    "person_id",
    "state",
    "level",
    "raised_at",
    "accepted_by",
    "policy",
    "wake_at",
)
_TOLD: Final = ("raised", "notified")
_HISTORY: Final = frozenset(
    {"created", "worsened", "notification_queued", "no_notification_sent", "escalated", "overdue"}
)
_URGENCY: Final = {"check_now": 0, "check_today": 1}


def _some(row: Row, names: Iterable[str]) -> Row:
    return {name: row[name] for name in names}


async def _change(work: Work, table: str, number: int, **changed: object) -> Row:
    row = await work.hold(table, (number,))
    assert row is not None
    row = {**row, **changed}
    await work.put(table, (number,), row)
    return row


# -- what every step shares


@STATEMENTS.of(store._SQL, "tell_portal")
async def _tell_portal(work: Work, given: Given) -> Answer:
    del given
    work.hints.append("tidewell_alert")
    return Answer()


@STATEMENTS.of(store._SQL, "alert")
async def _alert(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    return Answer([_some(row, _ALERT)] if row else [])


@STATEMENTS.of(store._SQL, "record_event")
async def _record_event(work: Work, given: Given) -> Answer:
    action = given["alert_action_id"]
    if action is not None:
        await work.hold("alert_event", ("action", action))
        assert not work.select("alert_event", alert_action_id=action), "folded in twice"
    number = work.database.next_number("alert_event")
    await work.put("alert_event", (number,), {"alert_event_id": number, **given})
    return Answer(touched=1)


@STATEMENTS.of(store._SQL, "history")
async def _history(work: Work, given: Given) -> Answer:
    return Answer(
        [
            _some(row, ("kind", "reason", "at", "staff_id"))
            for _, row in sorted(work.rows("alert_event"))
            if row["alert_id"] == given["alert_id"] and row["kind"] in _HISTORY
        ]
    )


@STATEMENTS.of(store._SQL, "is_reached")
async def _is_reached(work: Work, given: Given) -> Answer:
    of_alert = work.select("delivery", alert_id=given["alert_id"])
    only_console = all(one["channel"] == "console" for one in of_alert)
    is_reached = any(
        one["state"] in ("waiting", "handed_over") and (one["channel"] != "console" or only_console)
        for one in of_alert
    )
    return Answer([{"exists": is_reached}])


@STATEMENTS.of(store._SQL, "assigned")
async def _assigned(work: Work, given: Given) -> Answer:
    return Answer(
        [
            {"staff_id": row["staff_id"], "is_key_worker": row["kind"] == "key_worker"}
            for _, row in sorted(work.rows("assignment"))
            if row["person_id"] == given["person_id"]
        ]
    )


@STATEMENTS.of(store._SQL, "contact_methods")
async def _contact_methods(work: Work, given: Given) -> Answer:
    return Answer(
        [
            _some(row, ("staff_id", "channel", "address"))
            for _, row in sorted(work.rows("contact_method"))
            if row["staff_id"] in given["staff_ids"]
        ]
    )


@STATEMENTS.of(store._SQL, "queue_delivery")
async def _queue_delivery(work: Work, given: Given) -> Answer:
    await work.hold("delivery", ("key", given["idempotency_key"]))
    if work.select("delivery", idempotency_key=given["idempotency_key"]):
        return Answer()
    number = work.database.next_number("delivery")
    row = {
        "delivery_id": number,
        **_some(dict(given), ("alert_id", "staff_id", "channel", "address", "idempotency_key")),
        "state": "waiting",
        "attempts": 0,
        "attempt_at": given["now"],
        "lease_owner": None,
        "lease_until": None,
        "last_error": None,
    }
    await work.put("delivery", (number,), row)
    return Answer(touched=1)


@STATEMENTS.of(store._SQL, "set_next_step")
async def _set_next_step(work: Work, given: Given) -> Answer:
    changed = _some(dict(given), ("wake_at", "recipient_staff_id"))
    await _change(work, "alert", given["alert_id"], **changed)
    return Answer(touched=1)


@STATEMENTS.of(store._SQL, "due_alerts")
async def _due_alerts(work: Work, given: Given) -> Answer:
    due = [
        (row["wake_at"], row["alert_id"])
        for _, row in work.rows("alert")
        if row["wake_at"] is not None
        and row["wake_at"] <= given["now"]
        and row["state"] != "closed"
        and row["alert_id"] not in given["set_aside"]
    ]
    return Answer([{"alert_id": alert_id} for _, alert_id in sorted(due)[: given["most"]]])


# -- intake


@STATEMENTS.of(intake._SQL, "listen")
async def _listen_to_events(work: Work, given: Given) -> Answer:
    del given
    work.session.channels.add("tidewell_episode_event")
    return Answer()


@STATEMENTS.of(intake._SQL, "site_policy")
async def _site_policy(work: Work, given: Given) -> Answer:
    rows = [row for _, row in sorted(work.rows("policy")) if row["valid_from"] <= given["now"]]
    return Answer([{"body": rows[-1]["body"]}] if rows else [])


@STATEMENTS.of(intake._SQL, "unhandled_episode_events")
async def _unhandled_episode_events(work: Work, given: Given) -> Answer:
    handled = {key[0] for key, _ in work.rows("alert_intake")}
    least = max(handled, default=0) - given["look_back"]
    found = [
        _some(row, ("episode_event_id", "episode_id"))
        for (number,), row in sorted(work.rows("episode_event"))
        if number > least and number not in handled and number not in given["set_aside"]
    ]
    return Answer(found[: given["most"]])


@STATEMENTS.of(intake._SQL, "lock_episode")
async def _lock_episode(work: Work, given: Given) -> Answer:
    await work.hold("advisory", (given["episode_id"],))
    return Answer()


@STATEMENTS.of(intake._SQL, "episode_event")
async def _episode_event(work: Work, given: Given) -> Answer:
    number = given["episode_event_id"]
    event = work.get("episode_event", (number,))
    if event is None or work.get("alert_intake", (number,)):
        return Answer()
    episode = work.get("episode", (event["episode_id"],))
    assert episode is not None
    of_event = ("episode_event_id", "episode_id", "kind", "at", "level", "explanation")
    of_episode = ("person_id", "family", "opened_at", "closed_at")
    return Answer([_some(event, of_event) | _some(episode, of_episode)])


@STATEMENTS.of(intake._SQL, "record_intake")
async def _record_intake(work: Work, given: Given) -> Answer:
    key = (given["episode_event_id"],)
    assert await work.hold("alert_intake", key) is None, "an event was taken in twice"
    await work.put("alert_intake", key, dict(given))
    return Answer(touched=1)


@STATEMENTS.of(intake._SQL, "alert_of_episode")
async def _alert_of_episode(work: Work, given: Given) -> Answer:
    rows = work.select("alert", episode_id=given["episode_id"])
    held = [await work.hold("alert", (row["alert_id"],)) for row in rows]
    return Answer([_some(row, _ALERT) for row in held if row])


@STATEMENTS.of(intake._SQL, "raise_alert")
async def _raise_alert(work: Work, given: Given) -> Answer:
    assert not work.select("alert", episode_id=given["episode_id"]), "a second alert"
    number = work.database.next_number("alert")
    row = {
        **dict(given),
        "alert_id": number,
        "state": "raised",
        "raised_at": given["now"],
        "wake_at": given["now"],
        "accepted_by": None,
        "back_to_usual_at": None,
    }
    await work.put("alert", (number,), row)
    return Answer([_some(row, _ALERT)])


@STATEMENTS.of(intake._SQL, "raise_level")
async def _raise_level(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed":
        return Answer()
    row = await _change(
        work,
        "alert",
        given["alert_id"],
        level=given["level"],
        explanation=given["explanation"],
        state="raised",
        accepted_by=None,
        wake_at=given["now"],
    )
    return Answer([_some(row, _ALERT)])


@STATEMENTS.of(intake._SQL, "mark_back_to_usual")
async def _mark_back_to_usual(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed" or row["back_to_usual_at"] is not None:
        return Answer()
    await _change(work, "alert", given["alert_id"], back_to_usual_at=given["at"])
    return Answer(touched=1)


# -- what people ask for


@STATEMENTS.of(answers._SQL, "listen")
async def _listen_to_actions(work: Work, given: Given) -> Answer:
    del given
    work.session.channels.add("tidewell_alert_action")
    return Answer()


def _folded(work: Work) -> set[int]:
    actions = (row["alert_action_id"] for _, row in work.rows("alert_event"))
    return {number for number in actions if number is not None}


@STATEMENTS.of(answers._SQL, "unfolded_actions")
async def _unfolded_actions(work: Work, given: Given) -> Answer:
    folded = _folded(work)
    least = max(folded, default=0) - given["look_back"]
    found = [
        _some(row, ("alert_action_id", "alert_id"))
        for (number,), row in sorted(work.rows("alert_action"))
        if number > least and number not in folded and number not in given["set_aside"]
    ]
    return Answer(found[: given["most"]])


@STATEMENTS.of(answers._SQL, "action")
async def _action(work: Work, given: Given) -> Answer:
    number = given["alert_action_id"]
    row = work.get("alert_action", (number,))
    if row is None or number in _folded(work):
        return Answer()
    alert = work.get("alert", (row["alert_id"],))
    assert alert is not None
    assigned = work.select("assignment", person_id=alert["person_id"], staff_id=row["staff_id"])
    names = ("staff_id", "kind", "outcome", "note", "at")
    return Answer([_some(row, names) | {"is_assigned": bool(assigned)}])


@STATEMENTS.of(answers._SQL, "accept")
async def _accept(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] not in _TOLD:
        return Answer()
    changed = {"state": "accepted", "accepted_by": given["staff_id"], "wake_at": None}
    await _change(work, "alert", given["alert_id"], **changed)
    return Answer(touched=1)


@STATEMENTS.of(answers._SQL, "close")
async def _close(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed":
        return Answer()
    await _change(work, "alert", given["alert_id"], state="closed", wake_at=None)
    return Answer(touched=1)


async def _give_up(work: Work, rows: Iterable[Row], reason: str) -> Answer:
    given_up = []
    for row in rows:
        held = await work.hold("delivery", (row["delivery_id"],))
        if held and held["state"] == "waiting":
            await _change(work, "delivery", row["delivery_id"], state="given_up", last_error=reason)
            given_up.append(_some(row, ("staff_id", "channel")))
    return Answer(given_up)


@STATEMENTS.of(answers._SQL, "withdraw_deliveries")
async def _withdraw_deliveries(work: Work, given: Given) -> Answer:
    rows = work.select("delivery", alert_id=given["alert_id"], state="waiting")
    return await _give_up(work, rows, given["reason"])


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
    return await _give_up(work, rows, given["reason"])


@STATEMENTS.of(auditing._SQL, "wake_now")
@STATEMENTS.of(sending._SQL, "wake_now")
async def _wake_now(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] not in _TOLD:
        return Answer()
    wake_at = min(row["wake_at"] or given["now"], given["now"])
    await _change(work, "alert", given["alert_id"], wake_at=wake_at)
    return Answer(touched=1)


@STATEMENTS.of(auditing._SQL, "unclosed_alerts")
async def _unclosed_alerts(work: Work, given: Given) -> Answer:
    del given
    return Answer(
        [
            _some(row, ("alert_id", "state", "wake_at"))
            for _, row in sorted(work.rows("alert"))
            if row["state"] != "closed"
        ]
    )


@STATEMENTS.of(auditing._SQL, "repair")
async def _repair(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] not in _TOLD or row["wake_at"] != given["wake_at"]:
        return Answer()
    await _change(work, "alert", given["alert_id"], wake_at=given["now"])
    return Answer(touched=1)


@STATEMENTS.of(auditing._SQL, "record_audit")
async def _record_audit(work: Work, given: Given) -> Answer:
    await work.put("auditor_run", (work.database.next_number("auditor_run"),), dict(given))
    return Answer(touched=1)


# -- sending


@STATEMENTS.of(sending._SQL, "claim_deliveries")
async def _claim_deliveries(work: Work, given: Given) -> Answer:
    due = []
    for row in work.select("delivery", state="waiting", channel=given["channel"]):
        alert = work.get("alert", (row["alert_id"],))
        is_free = row["lease_until"] is None or row["lease_until"] <= given["now"]
        is_due = row["attempt_at"] <= given["now"] and is_free
        if is_due and alert and alert["state"] in _TOLD:
            order = (_URGENCY.get(alert["level"], 2), row["attempt_at"], row["delivery_id"])
            due.append((order, row, alert))
    claimed = []
    for _, row, alert in sorted(due, key=lambda one: one[0])[: given["most"]]:
        if work.is_held_by_another("delivery", (row["delivery_id"],)):
            continue
        lease = {"lease_owner": given["owner"], "lease_until": given["lease_until"]}
        attempts = row["attempts"] + 1
        await _change(work, "delivery", row["delivery_id"], attempts=attempts, **lease)
        names = (
            "delivery_id",
            "alert_id",
            "staff_id",
            "channel",
            "address",
            "idempotency_key",
        )
        of_alert = _some(alert, ("public_id", "level", "raised_at"))
        claimed.append(_some(row, names) | {"attempts": attempts} | of_alert)
    return Answer(claimed)


@STATEMENTS.of(sending._SQL, "mark_handed_over")
async def _mark_handed_over(work: Work, given: Given) -> Answer:
    row = await work.hold("delivery", (given["delivery_id"],))
    if row is None or row["state"] == "handed_over":
        return Answer()
    free = {"lease_owner": None, "lease_until": None, "last_error": None}
    await _change(work, "delivery", given["delivery_id"], state="handed_over", **free)
    return Answer(touched=1)


@STATEMENTS.of(sending._SQL, "mark_notified")
async def _mark_notified(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] != "raised":
        return Answer()
    await _change(work, "alert", given["alert_id"], state="notified")
    return Answer(touched=1)


async def _unclaim(work: Work, given: Given, **changed: object) -> Answer:
    row = await work.hold("delivery", (given["delivery_id"],))
    if row is None or row["state"] != "waiting" or row["lease_owner"] != given["owner"]:
        return Answer()
    free = {"lease_owner": None, "lease_until": None, "last_error": given["error"]}
    await _change(work, "delivery", given["delivery_id"], **free, **changed)
    return Answer(touched=1)


@STATEMENTS.of(sending._SQL, "mark_try_again")
async def _mark_try_again(work: Work, given: Given) -> Answer:
    return await _unclaim(work, given, attempt_at=given["attempt_at"])


@STATEMENTS.of(sending._SQL, "mark_given_up")
async def _mark_given_up(work: Work, given: Given) -> Answer:
    return await _unclaim(work, given, state="given_up")
