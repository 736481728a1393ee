"""The sender of one channel: claims what is due, sends it, marks it, and looks again.

What was sent while the database was away is remembered and marked when it is back, so that a
restart of the database repeats nothing. Only the end of this process in between does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from alerts.deliveries import ATTEMPTS_MOST, after_failure
from alerts.probe import PROBE_CHANNEL
from alerts.reasons import DeliveryReason
from alerts.sending.store import LEASE, Claimed, claim, mark_failed, mark_handed_over
from alerts.store import Desk, Site
from tidewell import clock
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.errors import ChannelError, ChannelUnavailableError
from tidewell.logs import get_logger
from tidewell.metrics import Measure, Timings

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from alerts.channels import Channel
    from tidewell.database import Connection

POLL_S: Final = 1.0
"""How long a message waits at most that another process wrote down, or whose hint got lost."""

SEND_WITHIN_S: Final = 15.0
"""Above the time-out of any channel and half of a lease: a channel that hangs is cut off."""


@dataclass(slots=True)
class SendingCounts:
    """What became of the messages of this process; probes are not counted."""

    reasons: Counter[DeliveryReason] = field(default_factory=Counter)
    waits: Timings = field(
        default_factory=lambda: Timings(
            "tidewell_alert_notification_seconds",
            "From when a message was due until a channel took it.",
        )
    )

    def note(self, channel: str, reason: DeliveryReason, waited_s: float | None = None) -> None:
        """Count one."""
        if channel == PROBE_CHANNEL:
            return
        self.reasons[reason] += 1
        if waited_s is not None:
            self.waits.note(max(0.0, waited_s))

    def measures(self) -> Iterator[Measure]:
        """Yield them for a monitoring system."""
        yield Measure.counters(
            "tidewell_alert_deliveries_total",
            "Attempts to hand a message to a channel, by what became of them.",
            "reason",
            {reason.value: self.reasons[reason] for reason in DeliveryReason},
        )
        yield self.waits.measure()


class Sender:
    """Sends the messages of one channel."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        site: Site,
        *,
        owner: str,
        rng: random.Random,
        on_handed_over: Callable[[int], None] | None,
        counts: SendingCounts | None = None,
    ) -> None:
        self._name = name
        self._channel = channel
        self._site = site
        self._owner = owner
        self._rng = rng
        self._on_handed_over = on_handed_over
        self._counts = counts or SendingCounts()
        self._nudged = asyncio.Event()
        self._unmarked: dict[int, tuple[Claimed, ChannelError | None]] = {}

    def nudge(self) -> None:
        """Look for messages now."""
        self._nudged.set()

    async def work(self, connection: Connection, stop: asyncio.Event) -> None:
        """Send until told to stop; raises what the database raises."""
        while not stop.is_set():
            self._nudged.clear()
            await self._mark_all(connection)
            if not await self.send_once(connection):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._nudged.wait(), POLL_S)

    async def send_once(self, connection: Connection) -> int:
        """Send what is due, at most one claim's worth; return how many messages that were."""
        lease_from_s = clock.monotonic_s()
        claims = await claim(self._desk(connection), self._name, self._owner)
        attempts = [asyncio.create_task(self._attempt(one, lease_from_s)) for one in claims]
        try:
            for attempt in asyncio.as_completed(attempts):
                await attempt
                await self._mark_all(connection)
        finally:
            await asyncio.gather(*attempts, return_exceptions=True)
        return len(claims)

    def _desk(self, connection: Connection) -> Desk:
        return Desk(connection, self._site, clock.now_utc())

    async def _attempt(self, claimed: Claimed, lease_from_s: float) -> None:
        if clock.monotonic_s() - lease_from_s > LEASE.total_seconds() - SEND_WITHIN_S:
            # Another process has it, or will: whoever stood still sends nothing.
            reason = DeliveryReason.LEASE_OVER
            self._counts.note(self._name, reason)
            get_logger().warning("a lease was over before its message left", reason=reason.value)
            return
        error: ChannelError | None = None
        try:
            if claimed.attempts <= ATTEMPTS_MOST:
                crashpoint(CrashPoint.AFTER_CLAIM)
                async with asyncio.timeout(SEND_WITHIN_S):
                    await self._channel.send(claimed.message)
            else:
                error = ChannelUnavailableError("each attempt ended without a mark")
        except ChannelError as refused:
            error = refused
        except TimeoutError:
            error = ChannelUnavailableError(f"the channel {self._name} did not return in time")
        except Exception as fault:  # noqa: BLE001 -- a fault in one channel must not stop the others
            get_logger().exception("a channel failed", channel=self._name)
            error = ChannelUnavailableError(f"the channel failed: {type(fault).__name__}")
        self._unmarked[claimed.delivery_id] = (claimed, error)

    async def _mark_all(self, connection: Connection) -> None:
        """Mark what was attempted; whatever cannot be marked now is kept for the next time."""
        for delivery_id, (claimed, error) in list(self._unmarked.items()):
            desk = self._desk(connection)
            if error is None:
                crashpoint(CrashPoint.AFTER_SEND_BEFORE_MARK)
                is_marked = await mark_handed_over(desk, claimed)
                crashpoint(CrashPoint.AFTER_MARK)
                del self._unmarked[delivery_id]
                waited_s = (desk.now - claimed.due_at).total_seconds()
                self._counts.note(self._name, DeliveryReason.HANDED_OVER, waited_s)
                if is_marked and self._on_handed_over is not None:
                    self._on_handed_over(claimed.alert_id)
                continue
            failure = after_failure(error, claimed.attempts, desk.now, self._rng)
            await mark_failed(desk, claimed, self._owner, failure)
            del self._unmarked[delivery_id]
            self._counts.note(self._name, failure.reason)
            is_ours = failure.reason is DeliveryReason.OURS_TO_PUT_RIGHT
            say = get_logger().error if is_ours else get_logger().warning
            say(
                "a message was not handed over",
                alert_id=claimed.alert_id,
                channel=self._name,
                reason=failure.reason.value,
                problem=failure.error,
            )
