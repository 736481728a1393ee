"""Messages in PostgreSQL: a lease for who sends, a mark for what left.

A process that dies between sending and marking leaves its lease behind; when that ends the same
message goes out again under the same idempotency key. Twice is allowed, never is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from psycopg.rows import kwargs_row

from alerts.deliveries import Message
from alerts.reasons import AlertEventKind, DeliveryReason
from alerts.store import Desk, lock_alert, record, tell_portal, withhold
from alerts.texts import bundle_text, link_to, link_to_list, text_for
from tidewell.database import Queries
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.deliveries import Failure

CLAIM_MOST: Final = 8
"""Messages of one channel under way at once; all of them end within the lease."""

LEASE: Final = timedelta(seconds=30)
"""Three times the longest time-out of a channel."""

_SQL: Final = Queries("alerts.sending", "store.sql")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process, and no other, sends next.

    `attempts` counts this one too and is the fence: whoever claims the message after us counts on,
    and from then on our word that it failed means nothing. That it left stays true whoever says it.
    """

    delivery_id: int
    alert_id: int
    channel: str
    attempts: int
    message: Message
    due_at: datetime
    bundle: str | None = None


@dataclass(frozen=True, slots=True)
class _Member:
    delivery_id: int
    alert_id: int
    staff_id: int


@dataclass(frozen=True, slots=True)
class _Row:
    delivery_id: int
    alert_id: int
    staff_id: int
    channel: str
    address: str
    idempotency_key: str
    attempts: int
    public_id: str
    level: str
    raised_at: datetime
    bundle: str | None
    bundle_people: int | None
    attempt_at: datetime


async def claim(desk: Desk, channel: str, owner: str) -> list[Claimed]:
    """Take messages that are due on a channel, for as long as the lease lasts."""
    async with desk.connection.cursor(row_factory=kwargs_row(_Row)) as cursor:
        await cursor.execute(
            _SQL["claim_deliveries"],
            {
                "channel": channel,
                "owner": owner,
                "now": desk.now,
                "lease_until": desk.now + LEASE,
                "most": CLAIM_MOST,
            },
        )
        return [_claimed(row, desk.site.link_base) for row in await cursor.fetchall()]


def _claimed(row: _Row, link_base: str) -> Claimed:
    link = link_to(link_base, row.public_id)
    level = Level(row.level)
    text = text_for(level, link)
    if row.bundle is not None and (row.bundle_people or 0) > 1:
        link = link_to_list(link_base)
        text = bundle_text(row.bundle_people or 0, link)
    message = Message(
        idempotency_key=row.bundle or row.idempotency_key,
        public_id=row.public_id,
        staff_id=row.staff_id,
        address=row.address,
        level=level,
        text=text,
        link=link,
        raised_at=row.raised_at,
    )
    return Claimed(
        row.delivery_id,
        row.alert_id,
        row.channel,
        row.attempts,
        message,
        row.attempt_at,
        row.bundle,
    )


async def mark_handed_over(desk: Desk, claimed: Claimed) -> bool:
    """Store that a message left, for all that it carried; False when that was stored before."""
    staff_id = claimed.message.staff_id
    own = _Member(claimed.delivery_id, claimed.alert_id, staff_id)
    for member in await _others(desk, claimed):
        await _mark_one(desk, member, claimed.channel)
    return await _mark_one(desk, own, claimed.channel)


async def _mark_one(desk: Desk, member: _Member, channel: str) -> bool:
    async with desk.connection.transaction():
        await lock_alert(desk, member.alert_id)
        parameters = {"delivery_id": member.delivery_id, "now": desk.now}
        marked = await desk.connection.execute(_SQL["mark_handed_over"], parameters)
        if not marked.rowcount:
            return False
        await desk.connection.execute(_SQL["mark_notified"], {"alert_id": member.alert_id})
        await record(
            desk,
            member.alert_id,
            AlertEventKind.NOTIFICATION_SENT,
            DeliveryReason.HANDED_OVER,
            staff_id=member.staff_id,
            detail=channel,
        )
        await tell_portal(desk, member.alert_id)
    return True


async def _others(desk: Desk, claimed: Claimed) -> list[_Member]:
    """Return the other messages of a bundle; each belongs to an alert of its own."""
    if claimed.bundle is None:
        return []
    async with desk.connection.cursor(row_factory=kwargs_row(_Member)) as cursor:
        which = {"bundle": claimed.bundle, "delivery_id": claimed.delivery_id}
        await cursor.execute(_SQL["bundle_members"], which)
        return await cursor.fetchall()


async def mark_failed(desk: Desk, claimed: Claimed, owner: str, failure: Failure) -> None:
    """Store that a message did not leave, and when it is tried again, if it is."""
    parameters = {
        "delivery_id": claimed.delivery_id,
        "owner": owner,
        "attempts": claimed.attempts,
        "error": failure.error,
    }
    if failure.attempt_at is not None:
        again = {**parameters, "attempt_at": failure.attempt_at}
        await desk.connection.execute(_SQL["mark_try_again"], again)
        return
    async with desk.connection.transaction():
        await _give_up(desk, claimed, failure, parameters)


async def _give_up(
    desk: Desk, claimed: Claimed, failure: Failure, parameters: dict[str, object]
) -> None:
    """Give up a message with all that it carried, so that for each of them others are asked now."""
    staff_id = claimed.message.staff_id
    own = _Member(claimed.delivery_id, claimed.alert_id, staff_id)
    members = sorted([own, *await _others(desk, claimed)], key=lambda one: one.alert_id)
    for member in members:  # always in this order, so that two of us never wait for each other
        await lock_alert(desk, member.alert_id)
    marked = await desk.connection.execute(_SQL["mark_given_up"], parameters)
    if not marked.rowcount:
        return
    if failure.reason is DeliveryReason.ADDRESS_IS_DEAD:
        address = {"channel": claimed.channel, "address": claimed.message.address}
        dead = {**address, "now": desk.now, "said": failure.error}
        await desk.connection.execute(_SQL["mark_dead"], dead)
    for member in members:
        if member != own:
            which = {"delivery_id": member.delivery_id, "error": failure.error}
            marked = await desk.connection.execute(_SQL["mark_member_given_up"], which)
        if marked.rowcount:
            await _tell_of_giving_up(desk, member, claimed.channel, failure)


async def _tell_of_giving_up(desk: Desk, member: _Member, channel: str, failure: Failure) -> None:
    staff_id = member.staff_id
    await withhold(desk, member.alert_id, failure.reason, staff_id=staff_id, channel=channel)
    waking = {"alert_id": member.alert_id, "now": desk.now}
    await desk.connection.execute(_SQL["wake_now"], waking)
    await tell_portal(desk, member.alert_id)
