"""What people ask for, on a real PostgreSQL and on the database of the simulation alike."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import psycopg

from alerts import store as shared
from alerts.concerns import store as concerns
from alerts.reasons import ConcernReason, DecisionReason
from alerts.sending import store as sending
from alerts.store import Desk
from tests.integration import test_store_contract
from tests.integration.test_store_contract import NOW, SITE, Ground

CHANCE = random.Random(1)  # noqa: S311 -- only the public numbers of alerts are drawn from it
url, ground = test_store_contract.url, test_store_contract.ground


async def ask(ground: Ground, at: datetime, *, withdraws: int | None = None) -> int:
    """Ask for a check-in as the young person's page does, or take that back."""
    kind, choice = ("raise", "talk") if withdraws is None else ("withdraw", None)
    given = {"person_id": 1, "kind": kind, "source": "young_person", "choice": choice}
    if ground.memory is not None:
        number = ground.memory.next_number("concern")
        rest = {"staff_id": None, "level": None, "takes_it": False, "at": at}
        row = {"concern_id": number, **given, **rest, "withdraws": withdraws}
        ground.memory.put("concern", (number,), row)
        return number
    async with await psycopg.AsyncConnection.connect(ground.url, autocommit=True) as owner:
        cursor = await owner.execute(
            "INSERT INTO concern (person_id, kind, source, choice, withdraws, at)"
            " VALUES (1, %s, 'young_person', %s, %s, %s) RETURNING concern_id",
            (kind, choice, withdraws, at),
        )
        return int((await cursor.fetchone() or (0,))[0])


async def take_in_concerns(desk: Desk) -> list[ConcernReason | None]:
    pending = await concerns.unhandled_concerns(desk.connection, [])
    return [await concerns.take_in(desk, one, CHANCE) for one in pending]


async def test_what_a_young_person_asks_is_taken_in_once_joined_and_taken_back(
    ground: Ground,
) -> None:
    desk = await ground.desk()
    first = await ask(ground, NOW)
    await ask(ground, NOW)
    await ask(ground, NOW, withdraws=first)
    # What takes something back waits until that was taken in.
    assert await take_in_concerns(desk) == [ConcernReason.RAISED, ConcernReason.JOINED]
    assert await take_in_concerns(desk) == [ConcernReason.NOT_NEEDED_ANY_MORE]
    assert await take_in_concerns(desk) == []
    [claimed] = await sending.claim(desk, "console", "one")
    later = Desk(desk.connection, SITE, NOW + timedelta(hours=1))
    assert await shared.due_alerts(later, []) == [claimed.alert_id]
    assert await shared.wake(later, claimed.alert_id) is DecisionReason.ASKED_AGAIN
    assert await shared.wake(later, claimed.alert_id) is None
    await concerns.tell_stretch(desk)
    await concerns.tell_stretch(desk)
