"""What the words of GOV.UK Notify mean: what became of a text after it was taken.

A receipt says where a message ended and never that somebody knows of it: no alert is accepted, or
counted as delivered, by one. Only a failure for good changes anything.
"""

from __future__ import annotations

from typing import Final

from alerts.reasons import DeliveryReason, ReceiptReason

_OF_NOTIFY: Final = {
    "delivered": ReceiptReason.REACHED_THE_PHONE,
    "temporary-failure": ReceiptReason.PHONE_NOT_REACHED,
    "permanent-failure": ReceiptReason.NUMBER_IS_DEAD,
    "technical-failure": ReceiptReason.PROVIDER_FAILED,
}

FAILED: Final = {
    ReceiptReason.PHONE_NOT_REACHED: DeliveryReason.REFUSED_BY_CHANNEL,
    ReceiptReason.NUMBER_IS_DEAD: DeliveryReason.ADDRESS_IS_DEAD,
    ReceiptReason.PROVIDER_FAILED: DeliveryReason.REFUSED_BY_CHANNEL,
}
"""After these nobody has the message, so others are asked at once; one of them ends the number."""


def meaning_of(status: str) -> ReceiptReason:
    """Return what a status means.

    Example:
        >>> meaning_of("permanent-failure").value, meaning_of("sent-to-the-moon").value
        ('number_is_dead', 'status_unknown')
    """
    return _OF_NOTIFY.get(status, ReceiptReason.STATUS_UNKNOWN)
