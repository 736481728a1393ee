"""An outage of ours reaches the people who run the service once, through the real tables."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

from alerts.deliveries import CONSOLE, Message
from alerts.operations.notices import NoticeAbout, NoticeDecision
from alerts.operations.service import Operations
from alerts.operations.store import look
from alerts.store import Desk, Site
from tests.integration.pipeline import rows
from tidewell.clock import now_utc
from tidewell.database import Connection, Role, connect
from tidewell.errors import ChannelUnavailableError

SITE = Site("http://127.0.0.1:8080", None, frozenset({CONSOLE}), 36)
DELIVERIES = "SELECT staff_id, state, attempts FROM operations_delivery ORDER BY staff_id"


class Telephone:
    """A channel that fails so many times before it takes a message."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.took: list[Message] = []

    async def send(self, message: Message) -> None:
        if self.failures:
            self.failures -= 1
            raise ChannelUnavailableError("the line is busy")
        self.took.append(message)

    async def close(self) -> None:
        """Nothing to let go of."""


async def ours(operations: Operations, connection: Connection) -> NoticeDecision:
    """Look once, and return what was decided about our own ears."""
    return (await operations.look_once(connection))[NoticeAbout.NOT_HEARING]


async def heard_until(database_url: str, moment: datetime) -> None:
    async with await connect(database_url, Role.INGEST, "tests", autocommit=True) as connection:
        await connection.execute("UPDATE shard SET heard_until = %s", (moment,))


async def test_an_outage_is_one_notice_to_each_administrator_and_ends_when_devices_are_heard(
    database_url: str,
) -> None:
    async with await connect(database_url, Role.ENROL, "tests", autocommit=True) as connection:
        for name in ("A", "B"):
            await connection.execute(
                "INSERT INTO staff (role, display_name, created_at) VALUES ('admin', %s, %s)",
                (name, now_utc()),
            )
    telephone = Telephone(failures=1)
    operations = Operations({CONSOLE: telephone}, SITE, random.Random(1))  # noqa: S311 -- chance of a test
    await heard_until(database_url, now_utc() - timedelta(minutes=5))
    async with await connect(database_url, Role.ALERTS, "tests", autocommit=True) as connection:
        assert await ours(operations, connection) is NoticeDecision.RAISED
        assert await rows(database_url, DELIVERIES) == [(1, "waiting", 1), (2, "handed_over", 1)]
        await asyncio.sleep(2.5)
        assert await ours(operations, connection) is NoticeDecision.STILL_OPEN
        assert [one.staff_id for one in telephone.took] == [2, 1]
        assert telephone.took[0].link == "http://127.0.0.1:8080/service"
        await heard_until(database_url, now_utc())
        assert await ours(operations, connection) is NoticeDecision.ENDED
        assert await ours(operations, connection) is NoticeDecision.NOTHING
    assert len(telephone.took) == 2


async def test_several_processes_of_alerts_tell_it_once(database_url: str) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    await heard_until(database_url, now - timedelta(minutes=5))

    async def one_look() -> NoticeDecision:
        async with await connect(database_url, Role.ALERTS, "tests", autocommit=True) as connection:
            return (await look(Desk(connection, SITE, now)))[NoticeAbout.NOT_HEARING]

    found = await asyncio.gather(*(one_look() for _ in range(4)))
    assert sorted(found) == [NoticeDecision.RAISED, *[NoticeDecision.STILL_OPEN] * 3]
    assert await rows(database_url, DELIVERIES) == [(0, "waiting", 0)]


async def test_an_outage_of_the_database_is_told_when_it_is_over(database_url: str) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    await heard_until(database_url, now)
    async with await connect(database_url, Role.INGEST, "tests", autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO outage (shards, began_at, ended_at, reason, noticed_at)"
            " VALUES ('{0,1}', %s, %s, 'database_away', %s)",
            (now - timedelta(minutes=9), now - timedelta(minutes=1), now),
        )
    async with await connect(database_url, Role.ALERTS, "tests", autocommit=True) as connection:
        for decision in (NoticeDecision.RAISED_AFTERWARDS, NoticeDecision.NOTHING):
            assert await look(Desk(connection, SITE, now)) == {
                NoticeAbout.NOT_HEARING: decision,
                NoticeAbout.NOBODY_HEARD: NoticeDecision.NOTHING,
                NoticeAbout.ALERTS_NOT_CERTAIN: NoticeDecision.NOTHING,
            }


async def test_that_nobody_is_heard_hides_no_other_outage(database_url: str) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    await heard_until(database_url, now)
    async with await connect(database_url, Role.INGEST, "tests", autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO outage (shards, began_at, reason, noticed_at)"
            " VALUES ('{0,1}', %s, 'nobody_heard', %s)",
            (now - timedelta(minutes=20), now),
        )
    later = now + timedelta(minutes=5)
    async with await connect(database_url, Role.ALERTS, "tests", autocommit=True) as connection:
        assert await look(Desk(connection, SITE, now)) == {
            NoticeAbout.NOT_HEARING: NoticeDecision.NOTHING,
            NoticeAbout.NOBODY_HEARD: NoticeDecision.RAISED,
            NoticeAbout.ALERTS_NOT_CERTAIN: NoticeDecision.NOTHING,
        }
        for decision in (NoticeDecision.RAISED, NoticeDecision.STILL_OPEN):
            assert await look(Desk(connection, SITE, later)) == {
                NoticeAbout.NOT_HEARING: decision,
                NoticeAbout.NOBODY_HEARD: NoticeDecision.STILL_OPEN,
                NoticeAbout.ALERTS_NOT_CERTAIN: NoticeDecision.NOTHING,
            }
    assert len(await rows(database_url, DELIVERIES)) == 2
