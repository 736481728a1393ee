"""Looks every few seconds whether devices are heard, and tells the people who run the service once.

That a colleague opened somebody's pages in need is told the same way, to whoever should know.

It works beside the decider, on its own connection: an outage of ours must not wait behind anybody's
alert, nor hold one up.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from alerts.deliveries import Failure, after_failure
from alerts.openings.store import tell_of_openings
from alerts.operations.notices import TROUBLES, NoticeAbout, NoticeDecision
from alerts.operations.store import (
    AUDIT_MISSED_AFTER,
    ClaimedNotice,
    claim,
    look,
    mark,
)
from alerts.store import Desk, Site
from tidewell import clock
from tidewell.errors import ChannelError, ChannelUnavailableError
from tidewell.logs import get_logger

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from alerts.channels import Channel
    from tidewell.database import Connection

LOOK_EVERY_S: Final = 5.0
"""Small beside the two minutes that a trouble has to last."""
SEND_WITHIN_S: Final = 15.0
"""Above the time-out of any channel: one that hangs is cut off."""

_SAID: Final = frozenset({NoticeDecision.RAISED, NoticeDecision.RAISED_AFTERWARDS})


class Operations:
    """Tells the people who run the service."""

    def __init__(self, channels: Mapping[str, Channel], site: Site, rng: random.Random) -> None:
        self._channels = channels
        self._site = site
        self._rng = rng
        self._started_s = clock.monotonic_s()

    async def work(self, connection: Connection, stop: asyncio.Event) -> None:
        """Look until told to stop; raises what the database raises."""
        while not stop.is_set():
            await self.look_once(connection)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)

    def _abouts(self) -> list[NoticeAbout]:
        """Return what to look for; who just started cannot say yet that nobody looks at alerts."""
        is_new = clock.monotonic_s() - self._started_s < AUDIT_MISSED_AFTER.total_seconds()
        of_alerts = NoticeAbout.ALERTS_NOT_CERTAIN
        return [about for about in TROUBLES if not (is_new and about is of_alerts)]

    async def look_once(self, connection: Connection) -> dict[NoticeAbout, NoticeDecision]:
        """Decide, then send what is due."""
        decisions = await look(self._desk(connection), self._abouts())
        for about, decision in decisions.items():
            if decision in _SAID:
                get_logger().error(
                    "operations are told of an outage",
                    about=about.value,
                    reason=decision.value,
                )
        await tell_of_openings(self._desk(connection))
        for claimed in await claim(self._desk(connection)):
            await mark(self._desk(connection), claimed, await self._send(claimed))
        return decisions

    def _desk(self, connection: Connection) -> Desk:
        return Desk(connection, self._site, clock.now_utc())

    async def _send(self, claimed: ClaimedNotice) -> Failure | None:
        """Send one message; return what follows where it could not be handed over."""
        error = await self._hand_over(claimed)
        if error is None:
            return None
        get_logger().warning(
            "a notice to operations was not handed over",
            channel=claimed.channel,
            problem=str(error),
        )
        return after_failure(error, claimed.attempts, clock.now_utc(), self._rng)

    async def _hand_over(self, claimed: ClaimedNotice) -> ChannelError | None:
        channel = self._channels.get(claimed.channel)
        if channel is None:
            return ChannelError(f"the site has no channel {claimed.channel} any more")
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                await channel.send(claimed.message)
        except ChannelError as refused:
            return refused
        except TimeoutError:
            return ChannelUnavailableError(f"the channel {claimed.channel} did not return in time")
        except Exception as fault:  # noqa: BLE001 -- a fault in one channel must not stop the others
            get_logger().exception("a channel failed", channel=claimed.channel)
            return ChannelUnavailableError(f"the channel failed: {type(fault).__name__}")
        return None
