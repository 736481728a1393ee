"""Messages: where one goes, what it carries, and what follows when it could not be handed over.

A repeat carries the same idempotency key, so that a receiver who saw both shows one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from alerts.reasons import DeliveryReason
from tidewell.errors import ChannelSettingsError, ChannelUnavailableError, DeadAddressError

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from tidewell.errors import ChannelError
    from tidewell.vocabulary import Level

CONSOLE: Final = "console"
WEBHOOK: Final = "webhook"
CONSOLE_ADDRESS: Final = "standard output"

ATTEMPTS_MOST: Final = 8
"""With the waits below: two to four minutes, a restart of a gateway; then others are told."""

RETRY_FIRST: Final = timedelta(seconds=2)
RETRY_LONGEST: Final = timedelta(minutes=5)
"""A third of the time that the most urgent level has until it escalates."""

ERROR_CHARACTERS_MOST: Final = 300
"""One line on a page; the rest of a long error says nothing more."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One way to reach one member of staff."""

    staff_id: int
    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel gets."""

    idempotency_key: str
    public_id: str
    staff_id: int
    address: str
    level: Level
    text: str
    link: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """What follows a message that was not handed over; without `attempt_at` it is given up."""

    reason: DeliveryReason
    attempt_at: datetime | None
    error: str


def addresses_of(
    staff_ids: Iterable[int], own: Iterable[Address], site_webhook: str | None
) -> list[Address]:
    """Return where to write to: the console and the site's webhook for everybody, and their own."""
    wanted = list(staff_ids)
    addresses = {Address(staff_id, CONSOLE, CONSOLE_ADDRESS) for staff_id in wanted}
    if site_webhook is not None:
        addresses |= {Address(staff_id, WEBHOOK, site_webhook) for staff_id in wanted}
    addresses |= {address for address in own if address.staff_id in wanted}
    return sorted(addresses)


def idempotency_key(public_id: str, step: str, address: Address) -> str:
    """Return the same key for the same message, and tell nothing by it."""
    parts = (public_id, step, str(address.staff_id), address.channel, address.address)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]


def after_failure(error: ChannelError, attempts: int, now: datetime, rng: random.Random) -> Failure:
    """Say what follows a failed attempt; `attempts` counts that one too."""
    words = str(error)[:ERROR_CHARACTERS_MOST]
    if isinstance(error, DeadAddressError):
        return Failure(DeliveryReason.ADDRESS_IS_DEAD, None, words)
    if not error.worth_a_retry:
        return Failure(DeliveryReason.REFUSED_BY_CHANNEL, None, words)
    if attempts >= ATTEMPTS_MOST:
        return Failure(DeliveryReason.ATTEMPTS_USED_UP, None, words)
    reason = DeliveryReason.TRY_AGAIN
    if isinstance(error, ChannelSettingsError):
        reason = DeliveryReason.OURS_TO_PUT_RIGHT
    wait = max(retry_wait(attempts, rng), asked_wait(error))
    return Failure(reason, now + wait, words)


def asked_wait(error: ChannelError) -> timedelta:
    """Return how long the provider asked us to wait, within our own bounds.

    A provider that asks for an hour gets five minutes: whoever is to be told cannot wait for it.
    """
    asked_s = error.retry_after_s if isinstance(error, ChannelUnavailableError) else None
    return timedelta(seconds=min(max(asked_s or 0.0, 0.0), RETRY_LONGEST.total_seconds()))


def retry_wait(attempts: int, rng: random.Random) -> timedelta:
    """Return how long to wait after so many attempts: doubled each time, half of it by chance.

    The chance keeps many messages from coming back at one instant to a gateway that just rose.
    """
    longest = min(RETRY_LONGEST, RETRY_FIRST * (1 << min(attempts - 1, 16)))
    return longest * rng.uniform(0.5, 1.0)
