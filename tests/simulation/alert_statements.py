"""What the database in memory answers to the statements of alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from alerts import store
from alerts.answers import store as answers
from alerts.intake import store as intake
from tests.simulation.database import STATEMENTS, Answer, Row, Work

Given = Mapping[str, Any]

_ALERT: Final = (
    "alert_id",
    "public_id",
    "person_id",
    "cause",
    "state",
    "level",
    "raised_at",
    "accepted_by",
    "accepted_at",
    "snoozed_until",
    "offered_to",
    "closed_at",
    "outcome",
    "policy",
    "wake_at",
)
_HISTORY: Final = frozenset(
    {
        "created",
        "worsened",
        "re_opened",
        "notification_queued",
        "no_notification_sent",
        "escalated",
        "overdue",
        "held",
        "accepted",
        "snoozed",
        "reminded",
        "asked_again",
    }
)
_NOT_OWNED: Final[Row] = {
    "accepted_by": None,
    "accepted_at": None,
    "snoozed_until": None,
    "snooze_reason": None,
    "offered_to": None,
}


def some(row: Row, names: Iterable[str]) -> Row:
    return {name: row[name] for name in names}


async def change(work: Work, table: str, number: int, **changed: object) -> Row:
    row = await work.hold(table, (number,))
    assert row is not None
    row = {**row, **changed}
    await work.put(table, (number,), row)
    return row


# -- what every step shares


@STATEMENTS.of(store._SQL, "limit_idle")
async def _limit_idle(work: Work, given: Given) -> Answer:
    work.session.idle_most_s = float(given["most"].removesuffix("s"))
    return Answer([{"set_config": given["most"]}])


@STATEMENTS.of(store._SQL, "tell_portal")
async def _tell_portal(work: Work, given: Given) -> Answer:
    del given
    work.hints.append("tidewell_alert")
    return Answer()


@STATEMENTS.of(store._SQL, "alert")
async def _alert(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    return Answer([some(row, _ALERT)] if row else [])


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
            some(row, ("kind", "reason", "at", "staff_id", "detail"))
            for _, row in sorted(work.rows("alert_event"))
            if row["alert_id"] == given["alert_id"] and row["kind"] in _HISTORY
        ]
    )


@STATEMENTS.of(store._SQL, "is_reached")
async def _is_reached(work: Work, given: Given) -> Answer:
    of_alert = work.select("delivery", alert_id=given["alert_id"])
    latest = max(of_alert, key=lambda one: one["delivery_id"], default=None)
    only_console = all(one["channel"] == "console" for one in of_alert)
    is_reached = any(
        latest is not None
        and one["ask"] == latest["ask"]
        and one["state"] in ("waiting", "handed_over")
        and (one["channel"] != "console" or only_console)
        for one in of_alert
    )
    return Answer([{"exists": is_reached}])


@STATEMENTS.of(store._SQL, "has_left")
async def _has_left(_work: Work, _given: Given) -> Answer:
    """Nobody leaves the service here."""
    return Answer([{"exists": False}])


@STATEMENTS.of(store._SQL, "recipients")
async def _recipients(work: Work, given: Given) -> Answer:
    """Nobody here is away, has a team, or answers a duty line."""
    known = [
        row for _, row in sorted(work.rows("assignment")) if row["person_id"] == given["person_id"]
    ]
    steps = [(row["staff_id"], "assigned") for row in known]
    steps += [(row["staff_id"], "key_worker") for row in known if row["kind"] == "key_worker"]
    return Answer(
        [
            {"staff_id": staff_id, "step": step, "is_away": False, "has_address": True}
            for staff_id, step in sorted(set(steps))
        ]
    )


@STATEMENTS.of(store._SQL, "reopen")
async def _reopen(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] != "accepted":
        return Answer()
    await change(work, "alert", given["alert_id"], state="raised", **_NOT_OWNED)
    return Answer(touched=1)


@STATEMENTS.of(store._SQL, "addresses_of_staff")
async def _addresses_of_staff(work: Work, given: Given) -> Answer:
    return Answer(
        [
            some(row, ("staff_id", "channel", "address")) | {"is_dead": False}
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
        **dict(given),
        "state": "waiting",
        "attempts": 0,
        "lease_owner": None,
        "lease_until": None,
        "last_error": None,
    }
    await work.put("delivery", (number,), row)
    return Answer(touched=1)


@STATEMENTS.of(store._SQL, "is_first_of_person")
async def _is_first_of_person(work: Work, given: Given) -> Answer:
    alert = work.get("alert", (given["alert_id"],))
    assert alert is not None
    of_person = work.select("alert", person_id=alert["person_id"])
    is_first = all(one["alert_id"] >= alert["alert_id"] for one in of_person)
    return Answer([{"is_first": is_first}])


@STATEMENTS.of(store._SQL, "lock_budget")
async def _lock_budget(_work: Work, _given: Given) -> Answer:
    """Hold nobody up: statements of one process do not overlap those of another here."""
    return Answer([])


@STATEMENTS.of(store._SQL, "recent_pushes")
async def _recent_pushes(work: Work, given: Given) -> Answer:
    """Return when messages went, or will go, to one address; each bundle is one."""
    which = {name: given[name] for name in ("staff_id", "channel", "address")}
    found: dict[str, Row] = {}
    for row in work.select("delivery", **which):
        if row["state"] == "given_up" or row["attempt_at"] <= given["since"]:
            continue
        is_unsent = row["attempts"] == 0 and row["state"] == "waiting"
        at = row.get("handed_over_at") or row["attempt_at"]
        key = row["bundle"] or str(row["delivery_id"])
        if key in found:
            is_unsent = is_unsent and found[key]["is_unsent"]
        found[key] = {"at": at, "bundle": row["bundle"], "is_unsent": is_unsent}
    return Answer(sorted(found.values(), key=lambda one: one["at"]))


@STATEMENTS.of(store._SQL, "set_next_step")
async def _set_next_step(work: Work, given: Given) -> Answer:
    changed = some(dict(given), ("wake_at", "recipient_staff_id"))
    await change(work, "alert", given["alert_id"], **changed)
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
        some(row, ("episode_event_id", "episode_id"))
        | some(_episode_of(work, row), ("person_id", "family"))
        for (number,), row in sorted(work.rows("episode_event"))
        if number > least and number not in handled and number not in given["set_aside"]
    ]
    return Answer(found[: given["most"]])


def _episode_of(work: Work, event: Row) -> Row:
    episode = work.get("episode", (event["episode_id"],))
    assert episode is not None
    return episode


@STATEMENTS.of(intake._SQL, "lock_cause")
async def _lock_cause(work: Work, given: Given) -> Answer:
    await work.hold("advisory", (given["family"], given["person_id"]))
    return Answer()


@STATEMENTS.of(intake._SQL, "episode_event")
async def _episode_event(work: Work, given: Given) -> Answer:
    number = given["episode_event_id"]
    event = work.get("episode_event", (number,))
    if event is None or work.get("alert_intake", (number,)):
        return Answer()
    of_event = ("episode_event_id", "episode_id", "kind", "at", "level", "explanation")
    recorded_at = {"recorded_at": event["now"]}
    of_episode = ("person_id", "family", "strand", "opened_at", "closed_at")
    of_episodes = some(_episode_of(work, event), of_episode)
    return Answer([some(event, of_event) | recorded_at | of_episodes])


@STATEMENTS.of(intake._SQL, "record_intake")
async def _record_intake(work: Work, given: Given) -> Answer:
    key = (given["episode_event_id"],)
    assert await work.hold("alert_intake", key) is None, "an event was taken in twice"
    await work.put("alert_intake", key, dict(given))
    return Answer(touched=1)


@STATEMENTS.of(intake._SQL, "alert_of_cause")
async def _alert_of_cause(work: Work, given: Given) -> Answer:
    rows = [
        row
        for row in work.select("alert", person_id=given["person_id"], cause=given["family"])
        if _episode_of(work, row)["strand"] == given["strand"]
    ]
    rows.sort(key=lambda row: (row["state"] == "closed", -row["alert_id"]))
    held = [await work.hold("alert", (row["alert_id"],)) for row in rows[:1]]
    return Answer([some(row, _ALERT) for row in held if row])


def _episodes_that_joined(work: Work, alert_id: int) -> list[Row]:
    events = [
        work.get("episode_event", key)
        for key, row in work.rows("alert_intake")
        if row["alert_id"] == alert_id
    ]
    return [_episode_of(work, event) for event in events if event]


@STATEMENTS.of(intake._SQL, "is_of_episode")
async def _is_of_episode(work: Work, given: Given) -> Answer:
    joined = _episodes_that_joined(work, given["alert_id"])
    return Answer([{"exists": any(one["episode_id"] == given["episode_id"] for one in joined)}])


@STATEMENTS.of(intake._SQL, "raise_alert")
async def _raise_alert(work: Work, given: Given) -> Answer:
    of_episode = work.select("alert", episode_id=given["episode_id"])
    assert all(one["state"] == "closed" for one in of_episode), "a second open alert"
    number = work.database.next_number("alert")
    row = {
        **dict(given),
        "alert_id": number,
        "state": "raised",
        "raised_at": given["now"],
        "wake_at": given["now"],
        "back_to_usual_at": None,
        "closed_at": None,
        "outcome": None,
        **_NOT_OWNED,
    }
    await work.put("alert", (number,), row)
    return Answer([some(row, _ALERT)])


@STATEMENTS.of(intake._SQL, "raise_level")
async def _raise_level(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed":
        return Answer()
    row = await change(
        work,
        "alert",
        given["alert_id"],
        level=given["level"],
        explanation=given["explanation"],
        state="raised",
        back_to_usual_at=None,
        wake_at=given["now"],
        **_NOT_OWNED,
    )
    return Answer([some(row, _ALERT)])


@STATEMENTS.of(intake._SQL, "mark_back_to_usual")
async def _mark_back_to_usual(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed" or row["back_to_usual_at"] is not None:
        return Answer()
    if any(
        one["closed_at"] is None and one["episode_id"] != given["episode_id"]
        for one in _episodes_that_joined(work, given["alert_id"])
    ):
        return Answer()
    await change(work, "alert", given["alert_id"], back_to_usual_at=given["at"])
    return Answer(touched=1)


@STATEMENTS.of(intake._SQL, "mark_changed_again")
async def _mark_changed_again(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed" or row["back_to_usual_at"] is None:
        return Answer()
    await change(work, "alert", given["alert_id"], back_to_usual_at=None)
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
        some(row, ("alert_action_id", "alert_id"))
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
    nothing = {
        "seen_level": row.get("seen_level"),
        "to_staff_id": None,
        "snooze_reason": None,
        "snooze_until": None,
    }
    may = {"may_act": bool(assigned), "may_receiver_act": False}
    return Answer([some(row, names) | nothing | may])


@STATEMENTS.of(answers._SQL, "accept")
async def _accept(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed":
        return Answer()
    owned = {"accepted_by": given["staff_id"], "accepted_at": given["at"]}
    snooze = some(dict(given), ("snoozed_until", "snooze_reason"))
    changed = {**_NOT_OWNED, **owned, **snooze, "state": "accepted", "wake_at": given["at"]}
    await change(work, "alert", given["alert_id"], **changed)
    return Answer(touched=1)


@STATEMENTS.of(answers._SQL, "offer")
async def _offer(work: Work, given: Given) -> Answer:
    await change(work, "alert", given["alert_id"], offered_to=given["to_staff_id"])
    return Answer(touched=1)


@STATEMENTS.of(answers._SQL, "close")
async def _close(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed":
        return Answer()
    closed = {"closed_at": given["at"], "outcome": given["outcome"], "wake_at": None}
    still = {name: None for name in _NOT_OWNED if name not in ("accepted_by", "accepted_at")}
    await change(work, "alert", given["alert_id"], state="closed", **closed, **still)
    return Answer(touched=1)


async def give_up(work: Work, rows: Iterable[Row], reason: str) -> Answer:
    given_up = []
    for row in rows:
        held = await work.hold("delivery", (row["delivery_id"],))
        if held and held["state"] == "waiting":
            await change(work, "delivery", row["delivery_id"], state="given_up", last_error=reason)
            given_up.append(some(row, ("staff_id", "channel")))
    return Answer(given_up)


@STATEMENTS.of(store._SQL, "withdraw_deliveries")
async def _withdraw_deliveries(work: Work, given: Given) -> Answer:
    rows = work.select("delivery", alert_id=given["alert_id"], state="waiting")
    return await give_up(work, rows, given["reason"])
