"""Notices to the people who run the service, in PostgreSQL: recorded before sent, marked after.

One transaction holds the decision and the messages; several processes of alerts take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from psycopg.rows import kwargs_row

from alerts.deliveries import Address, Failure, Message, addresses_of, idempotency_key
from alerts.operations.notices import (
    LEVEL,
    LEVEL_OF_OPENINGS,
    NOTICE_AFTER,
    TROUBLES,
    LastNotice,
    NoticeAbout,
    NoticeDecision,
    Trouble,
    decide_notice,
    text_of,
)
from alerts.reasons import DeliveryReason
from tidewell.database import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alerts.store import Desk

CLAIM_MOST: Final = 20
"""A site has a handful of administrators."""
LEASE: Final = timedelta(minutes=10)
"""Longer than twenty messages at the longest time-out of a channel, one after the other."""
NOBODY: Final = 0
"""A site without an administrator is told by its console and its webhook."""
SERVICE_PAGE: Final = "/service"
OPENINGS_PAGE: Final = "/openings"
AUDIT_MISSED_AFTER: Final = timedelta(minutes=3)
"""The auditor looks each minute, whichever process does."""

_SQL: Final = Queries("alerts.operations", "store.sql")


@dataclass(frozen=True, slots=True)
class ClaimedNotice:
    """A message that this process sends next."""

    delivery_id: int
    channel: str
    attempts: int
    message: Message


async def look(
    desk: Desk, abouts: Iterable[NoticeAbout] = TROUBLES
) -> dict[NoticeAbout, NoticeDecision]:
    """Decide about our own outages, of each kind, and write down what follows."""
    async with desk.connection.transaction():
        await lock_notices(desk)
        return {about: await _look_at(desk, about) for about in abouts}


async def lock_notices(desk: Desk) -> None:
    """Let other processes wait until this transaction has written its notices."""
    await desk.connection.execute(_SQL["lock_notices"])


async def _look_at(desk: Desk, about: NoticeAbout) -> NoticeDecision:
    which = {"about": about.value}
    found = {
        **which,
        "stale": desk.now - NOTICE_AFTER,
        "lasting": NOTICE_AFTER,
        "missed": desk.now - AUDIT_MISSED_AFTER,
    }
    is_of_alerts = about is NoticeAbout.ALERTS_NOT_CERTAIN
    query = "trouble_of_alerts" if is_of_alerts else "trouble"
    row = await (await desk.connection.execute(_SQL[query], found)).fetchone()
    assert row is not None  # the query always answers
    trouble = Trouble(*row)
    row = await (await desk.connection.execute(_SQL["last_notice"], which)).fetchone()
    last = None if row is None else LastNotice(*row[1:])
    decision = decide_notice(trouble, last, desk.now)
    if decision is NoticeDecision.RAISED:
        await _raise(desk, about, trouble.unheard_since, None)
    elif decision is NoticeDecision.RAISED_AFTERWARDS:
        await _raise(desk, about, trouble.missed_from, trouble.missed_until)
    elif row is not None:
        await _change(desk, decision, int(row[0]))
    return decision


async def _change(desk: Desk, decision: NoticeDecision, notice: int) -> None:
    queries = {
        NoticeDecision.ENDED: "end_notice",
        NoticeDecision.SAME_TROUBLE: "open_notice_again",
    }
    if decision in queries:
        parameters = {"notice": notice, "now": desk.now}
        await desk.connection.execute(_SQL[queries[decision]], parameters)


async def _raise(
    desk: Desk, about: NoticeAbout, began_at: datetime | None, ended_at: datetime | None
) -> None:
    values = {
        "about": about.value,
        "began_at": began_at,
        "ended_at": ended_at,
        "is_afterwards": ended_at is not None,
        "now": desk.now,
    }
    row = await (await desk.connection.execute(_SQL["raise_notice"], values)).fetchone()
    assert row is not None  # INSERT … RETURNING always answers
    await queue_notice(desk, int(row[0]), await admins(desk))


async def queue_notice(desk: Desk, notice: int, staff_ids: list[int]) -> None:
    """Write down the messages of a notice, one for each address."""
    for address in await _addresses(desk, staff_ids):
        message = {
            "notice": notice,
            "staff_id": address.staff_id,
            "channel": address.channel,
            "address": address.address,
            "idempotency_key": idempotency_key(f"operations {notice}", "1", address),
            "now": desk.now,
        }
        await desk.connection.execute(_SQL["queue_notice"], message)


async def admins(desk: Desk) -> list[int]:
    """Return the administrators, or nobody's number where there are none."""
    rows = await (await desk.connection.execute(_SQL["admins"])).fetchall()
    return [int(staff_id) for (staff_id,) in rows] or [NOBODY]


async def _addresses(desk: Desk, staff_ids: list[int]) -> list[Address]:
    async with desk.connection.cursor(row_factory=kwargs_row(Address)) as cursor:
        parameters = {"staff_ids": staff_ids, "now": desk.now}
        await cursor.execute(_SQL["addresses_of_admins"], parameters)
        own = [one for one in await cursor.fetchall() if one.channel in desk.site.channels]
    return addresses_of(staff_ids, own, desk.site.webhook_url)


async def claim(desk: Desk) -> list[ClaimedNotice]:
    """Take messages that are due, for as long as the lease lasts."""
    parameters = {"now": desk.now, "lease_until": desk.now + LEASE, "most": CLAIM_MOST}
    rows = await (await desk.connection.execute(_SQL["claim_notices"], parameters)).fetchall()
    links = {about: desk.site.link_base.rstrip("/") + _page_of(about) for about in NoticeAbout}
    return [
        ClaimedNotice(
            delivery_id,
            channel,
            attempts,
            Message(
                idempotency_key=key,
                public_id=f"operations-{notice}",
                staff_id=staff_id,
                address=address,
                level=LEVEL_OF_OPENINGS if about == NoticeAbout.OPENED_IN_NEED else LEVEL,
                text=text_of(NoticeAbout(about), links[about], is_over=is_afterwards),
                link=links[about],
                raised_at=noticed_at,
            ),
        )
        for (
            delivery_id,
            notice,
            staff_id,
            channel,
            address,
            key,
            attempts,
            noticed_at,
            is_afterwards,
            about,
        ) in rows
    ]


def _page_of(about: NoticeAbout) -> str:
    return OPENINGS_PAGE if about is NoticeAbout.OPENED_IN_NEED else SERVICE_PAGE


async def mark(desk: Desk, claimed: ClaimedNotice, failure: Failure | None) -> None:
    """Store that a message left, or when it is tried again, if it is."""
    state = "waiting"
    if failure is None:
        state = DeliveryReason.HANDED_OVER.value
    elif failure.attempt_at is None:
        state = "given_up"
    await desk.connection.execute(
        _SQL["mark_notice"],
        {
            "delivery": claimed.delivery_id,
            "state": state,
            "attempt_at": (failure.attempt_at if failure else None) or desk.now,
            "error": failure.error if failure else None,
            "now": desk.now,
        },
    )
