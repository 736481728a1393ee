"""The demo's past days: two stories that the service tells by itself, on any day of the year."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tidewell.commands.demo_past import DemoNumbers, play_past, working_mornings
from tidewell.database import Role, connect
from tidewell.demo_people import DEMO_TIMEZONE
from tidewell.enrolment import add_staff, add_team, assign, enrol_person

STORY = """
    SELECT alert_event.at, alert_event.kind, alert_event.reason, alert_event.staff_id
    FROM alert_event JOIN alert USING (alert_id)
    WHERE alert.person_id = %s ORDER BY alert_event.alert_event_id
"""
DAYS = [
    datetime(2026, 11, 28, 10, tzinfo=UTC),  # a Saturday
    datetime(2026, 11, 30, 0, 5, tzinfo=UTC),  # the first minutes of a Monday
    datetime(2027, 1, 1, 12, tzinfo=UTC),  # after Christmas and its bank holidays
    datetime(2026, 10, 26, 9, 30, tzinfo=UTC),  # the Monday after the clocks went back
    datetime(2026, 7, 15, 23, 50, tzinfo=UTC),  # summer time, past midnight where they live
]


async def enrolled(database_url: str, since: datetime) -> DemoNumbers:
    async with await connect(database_url, Role.ENROL, "test") as connection:
        team = await add_team(connection, "Harbour team", since)
        staff = [
            await add_staff(connection, role, role, team, since)
            for role in ("practitioner", "practitioner", "clinician", "practitioner")
        ]
        people = []
        for label in ("D-1", "D-2"):
            person = await enrol_person(
                connection, label, since, preferred_name=label, timezone=DEMO_TIMEZONE
            )
            people.append(person.person_id)
            await assign(connection, staff[0], person.person_id, "key_worker", since)
            await assign(connection, staff[2], person.person_id, "clinician", since)
    return DemoNumbers(*staff, *people)


@pytest.mark.parametrize("now", DAYS, ids=str)
async def test_the_past_of_the_demo_is_told_by_the_service(
    database_url: str, now: datetime
) -> None:
    numbers = await enrolled(database_url, now - timedelta(days=56))
    await play_past(database_url, numbers, now, random.Random(7))  # noqa: S311 -- codes of alerts of a test
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        worry = await (await connection.execute(STORY, (numbers.worried_about,))).fetchall()
        night = await (await connection.execute(STORY, (numbers.asks_at_night,))).fetchall()
        waiting = await (
            await connection.execute("SELECT count(*) FROM delivery WHERE state <> 'handed_over'")
        ).fetchone()
        policy = await (
            await connection.execute("SELECT body FROM policy ORDER BY valid_from DESC LIMIT 1")
        ).fetchone()

    told = [(kind, staff_id) for _, kind, _, staff_id in worry if kind != "notification_queued"]
    assert told == [
        ("created", numbers.clinician),
        ("notification_sent", numbers.key_worker),
        ("escalated", None),
        ("notification_sent", numbers.cover),
        ("accepted", numbers.cover),
        ("closed", numbers.cover),
    ]
    escalated = next(at for at, kind, *_ in worry if kind == "escalated")
    assert escalated - worry[0][0] == timedelta(hours=4)  # working hours of one day

    kinds = [kind for _, kind, _, _ in night if kind != "notification_queued"]
    assert kinds == ["created", "held", "notification_sent", "accepted", "closed"]
    sent = next(at for at, kind, *_ in night if kind == "notification_sent")
    local = sent.astimezone(ZoneInfo(DEMO_TIMEZONE))
    assert (local.hour, local.minute) == (9, 0)
    assert night[0][0] < sent - timedelta(hours=14)
    assert max(at for at, *_ in [*worry, *night]) < now
    assert waiting == (0,)
    assert policy is not None
    assert policy[0]["working_hours"] is None


def test_the_mornings_are_of_the_last_two_whole_working_days() -> None:
    from alerts.policy import PolicyDocument
    from tidewell.commands.demo_past import past_policy

    policy = PolicyDocument.model_validate(past_policy(DemoNumbers(1, 2, 3, 4, 5, 6)))
    earlier, later = working_mornings(policy, datetime(2026, 12, 29, 8, tzinfo=UTC))
    assert (earlier.date().isoformat(), later.date().isoformat()) == ("2026-12-23", "2026-12-24")
