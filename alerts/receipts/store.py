"""Receipts in PostgreSQL: written into the story of their alert, and acted on where nobody got it.

Each receipt is taken in once, whatever process does it, in one transaction with what follows. One
that comes before its message was marked waits for the mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import kwargs_row

from alerts.reasons import AlertEventKind, ReceiptReason
from alerts.receipts.meaning import FAILED, meaning_of
from alerts.store import (
    BATCH_MOST,
    LOOK_BACK_USUAL,
    Desk,
    lock_alert,
    record,
    tell_portal,
    withhold,
)
from tidewell.database import Queries

MARK_EXPECTED_WITHIN: Final = timedelta(minutes=2)
"""Four leases; after that no mark is coming, and the receipt is all there is."""

_SQL: Final = Queries("alerts.receipts", "store.sql")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider reported, as it is stored."""

    delivery_receipt_id: int
    channel: str
    reference: str
    status: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class _Delivery:
    delivery_id: int
    alert_id: int
    staff_id: int
    address: str
    state: str


async def receipts_not_taken(desk: Desk) -> list[Receipt]:
    """Return receipts that nothing was made of yet."""
    async with desk.connection.cursor(row_factory=kwargs_row(Receipt)) as cursor:
        limits = {"look_back": LOOK_BACK_USUAL, "most": BATCH_MOST}
        await cursor.execute(_SQL["receipts_not_taken"], limits)
        return await cursor.fetchall()


async def take_receipt(desk: Desk, receipt: Receipt) -> ReceiptReason | None:
    """Take one receipt in; `None` when another process has, or when it has to wait."""
    async with desk.connection.transaction():
        deliveries = await _deliveries(desk, receipt)
        is_early = any(one.state == "waiting" for one in deliveries)
        if is_early and desk.now - receipt.received_at < MARK_EXPECTED_WITHIN:
            return None
        reason = meaning_of(receipt.status) if deliveries else ReceiptReason.MESSAGE_UNKNOWN
        taken = {"delivery_receipt_id": receipt.delivery_receipt_id, "reason": reason.value}
        row = await desk.connection.execute(_SQL["take_receipt"], {**taken, "now": desk.now})
        if not row.rowcount:
            return None
        for delivery in deliveries:
            await _note(desk, receipt, delivery, reason)
    return reason


async def _deliveries(desk: Desk, receipt: Receipt) -> list[_Delivery]:
    async with desk.connection.cursor(row_factory=kwargs_row(_Delivery)) as cursor:
        which = {"channel": receipt.channel, "reference": receipt.reference}
        await cursor.execute(_SQL["deliveries_of"], which)
        return await cursor.fetchall()


async def _note(desk: Desk, receipt: Receipt, delivery: _Delivery, reason: ReceiptReason) -> None:
    await lock_alert(desk, delivery.alert_id)
    await record(
        desk,
        delivery.alert_id,
        AlertEventKind.RECEIPT_CAME,
        reason,
        staff_id=delivery.staff_id,
        detail=receipt.channel,
    )
    if reason in FAILED:
        await _give_up(desk, receipt, delivery, reason)
    await tell_portal(desk, delivery.alert_id)


async def _give_up(
    desk: Desk, receipt: Receipt, delivery: _Delivery, reason: ReceiptReason
) -> None:
    """Nobody has this message: say so, and ask others at once."""
    said = f"{receipt.channel}: the provider reported {receipt.status}"
    given_up = await desk.connection.execute(
        _SQL["give_up_failed"], {"delivery_id": delivery.delivery_id, "error": said}
    )
    if reason is ReceiptReason.NUMBER_IS_DEAD:
        dead = {"channel": receipt.channel, "address": delivery.address, "now": desk.now}
        await desk.connection.execute(_SQL["mark_dead"], {**dead, "said": said})
    if not given_up.rowcount:
        return
    await withhold(
        desk,
        delivery.alert_id,
        FAILED[reason],
        staff_id=delivery.staff_id,
        channel=receipt.channel,
    )
    waking = {"alert_id": delivery.alert_id, "now": desk.now}
    await desk.connection.execute(_SQL["wake_now"], waking)
