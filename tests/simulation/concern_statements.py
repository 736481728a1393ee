"""What the database in memory answers to the statements about what people ask for."""

from __future__ import annotations

from alerts.concerns import store as concerns
from tests.simulation.alert_statements import _ALERT, _NOT_OWNED, Given, change, some
from tests.simulation.database import STATEMENTS, Answer, Work

_CONCERN = (
    "concern_id",
    "person_id",
    "kind",
    "source",
    "staff_id",
    "level",
    "choice",
    "takes_it",
    "withdraws",
    "at",
)


@STATEMENTS.of(concerns._SQL, "listen")
async def _listen(work: Work, given: Given) -> Answer:
    del given
    work.session.channels.add("tidewell_concern")
    return Answer()


@STATEMENTS.of(concerns._SQL, "unhandled_concerns")
async def _unhandled_concerns(work: Work, given: Given) -> Answer:
    handled = {key[0] for key, _ in work.rows("concern_intake")}
    least = max(handled, default=0) - given["look_back"]
    found = [
        some(row, ("concern_id", "person_id", "source"))
        for (number,), row in sorted(work.rows("concern"))
        if number > least
        and number not in handled
        and number not in given["set_aside"]
        and row["withdraws"] in (None, *handled)
    ]
    return Answer(found[: given["most"]])


@STATEMENTS.of(concerns._SQL, "lock_asking")
async def _lock_asking(work: Work, given: Given) -> Answer:
    await work.hold("advisory", (given["asking"], given["person_id"]))
    return Answer()


@STATEMENTS.of(concerns._SQL, "concern")
async def _concern(work: Work, given: Given) -> Answer:
    key = (given["concern_id"],)
    row = work.get("concern", key)
    if row is None or work.get("concern_intake", key):
        return Answer()
    which = {"person_id": row["person_id"], "staff_id": row["staff_id"]}
    may_act = row["staff_id"] is not None and bool(work.select("assignment", **which))
    return Answer([some(row, _CONCERN) | {"may_act": may_act}])


@STATEMENTS.of(concerns._SQL, "open_alert")
async def _open_alert(work: Work, given: Given) -> Answer:
    which = {"person_id": given["person_id"], "cause": given["asking"]}
    open_ones = [row for row in work.select("alert", **which) if row["state"] != "closed"]
    held = [await work.hold("alert", (row["alert_id"],)) for row in open_ones]
    return Answer([some(row, _ALERT) for row in held if row])


@STATEMENTS.of(concerns._SQL, "alert_of_request")
async def _alert_of_request(work: Work, given: Given) -> Answer:
    taken_in = work.get("concern_intake", (given["withdraws"],))
    row = await work.hold("alert", (taken_in["alert_id"],)) if taken_in else None
    is_theirs = row is not None and row["person_id"] == given["person_id"]
    return Answer([some(row, _ALERT)] if row is not None and is_theirs else [])


@STATEMENTS.of(concerns._SQL, "concerns_of_alert")
async def _concerns_of_alert(work: Work, given: Given) -> Answer:
    rows = [
        work.get("concern", key)
        for key, taken_in in sorted(work.rows("concern_intake"))
        if taken_in["alert_id"] == given["alert_id"]
    ]
    names = ("kind", "source", "level", "choice", "at")
    return Answer([some(row, names) for row in rows if row])


@STATEMENTS.of(concerns._SQL, "raise_alert")
async def _raise_alert(work: Work, given: Given) -> Answer:
    which = {"person_id": given["person_id"], "cause": given["asking"]}
    assert all(one["state"] == "closed" for one in work.select("alert", **which)), "a second one"
    number = work.database.next_number("alert")
    row = {
        **dict(given),
        "alert_id": number,
        "episode_id": None,
        "cause": given["asking"],
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


@STATEMENTS.of(concerns._SQL, "raise_level")
async def _raise_level(work: Work, given: Given) -> Answer:
    row = await work.hold("alert", (given["alert_id"],))
    if row is None or row["state"] == "closed":
        return Answer()
    more = {"level": given["level"], "state": "raised", "wake_at": given["now"]}
    row = await change(work, "alert", given["alert_id"], **more, **_NOT_OWNED)
    return Answer([some(row, _ALERT)])


@STATEMENTS.of(concerns._SQL, "explain")
async def _explain(work: Work, given: Given) -> Answer:
    await change(work, "alert", given["alert_id"], explanation=given["explanation"])
    return Answer(touched=1)


@STATEMENTS.of(concerns._SQL, "record_intake")
async def _record_intake(work: Work, given: Given) -> Answer:
    key = (given["concern_id"],)
    assert await work.hold("concern_intake", key) is None, "a concern was taken in twice"
    await work.put("concern_intake", key, dict(given))
    return Answer(touched=1)


@STATEMENTS.of(concerns._SQL, "tell_stretch")
async def _tell_stretch(work: Work, given: Given) -> Answer:
    await work.hold("working_stretch", ())
    await work.put("working_stretch", (), dict(given))
    return Answer(touched=1)
