"""Looks each minute whether an alert could be lost, and says to somebody outside that none is.

It works beside the decider on its own connection, so that it neither waits for it nor holds it up.
The outside watcher hears from whichever process looked; it must take silence for trouble: nothing
is said when a violation is left, and nothing can be said when nobody looks. Order: look, repair,
store what was found, then speak.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import aiohttp

from alerts.auditing.store import Summary, audit_alerts, look_beside
from alerts.auditor import is_probe_late
from alerts.reasons import AuditReason, HeartbeatReason, WatcherAnswer
from alerts.store import Desk, Site
from alerts.watching.store import Figures, figures, open_probe, probe, take_turn_to_look
from tidewell import clock
from tidewell.errors import SettingsError
from tidewell.logs import get_logger
from tidewell.metrics import Measure
from tidewell.settings import is_web_address

if TYPE_CHECKING:
    import random

    from tidewell.database import Connection
    from tidewell.settings import Settings

AUDIT_EVERY: Final = timedelta(seconds=60)
"""Well under the quarter of an hour that the most urgent level has."""
LOOK_EVERY_S: Final = 5.0
"""How soon another process takes over from one that is gone."""
FIRST_LOOK_AFTER_S: Final = 20.0
"""Whatever became due while nobody worked has its turn first."""
SPEAK_WITHIN_S: Final = 10.0
"""A watcher that is slower is as good as none; the next word goes out in a minute."""


class Heartbeat:
    """Words to the outside watcher."""

    def __init__(self, url: str | None, fail_url: str | None) -> None:
        self._urls = {True: url, False: fail_url}

    async def say(self, reason: HeartbeatReason) -> WatcherAnswer:
        """Tell the watcher that all is well, or that it is not where it can hear that."""
        url = self._urls[reason.is_well]
        if url is None:
            return WatcherAnswer.NOT_SET
        timeout = aiohttp.ClientTimeout(total=SPEAK_WITHIN_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, allow_redirects=False) as answer,
            ):
                is_heard = 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError):
            # A host's name that no resolver takes is a UnicodeError.
            return WatcherAnswer.NOT_REACHED
        return WatcherAnswer.TOLD if is_heard else WatcherAnswer.REFUSED


def heartbeat_of(settings: Settings) -> Heartbeat:
    """Return the watcher that the settings name, which may be none.

    Raises:
        SettingsError: an address of the watcher is not one; the message does not repeat it.
    """
    urls = {
        "TIDEWELL_HEARTBEAT_URL": settings.heartbeat_url,
        "TIDEWELL_HEARTBEAT_FAIL_URL": settings.heartbeat_fail_url,
    }
    known = {name: None if url is None else url.get_secret_value() for name, url in urls.items()}
    for name, url in known.items():
        if url is not None and not is_web_address(url):
            raise SettingsError(
                f"{name} is not an address; expected one such as https://watcher.example/ping"
            )
    return Heartbeat(*known.values())


@dataclass(slots=True)
class _Counts:
    """What this process did since it started."""

    violations: Counter[AuditReason] = field(default_factory=Counter)
    heartbeats: Counter[HeartbeatReason] = field(default_factory=Counter)
    words: Counter[WatcherAnswer] = field(default_factory=Counter)


class Watch:
    """Audits, probes and speaks, in turns with other processes."""

    def __init__(
        self,
        site: Site,
        heartbeat: Heartbeat,
        rng: random.Random,
        *,
        probe_every_s: int,
        nudge: Callable[[], None],
    ) -> None:
        self._site = site
        self._heartbeat = heartbeat
        self._rng = rng
        self._probe_every = timedelta(seconds=probe_every_s)
        self._nudge = nudge
        self._counts = _Counts()
        self._figures: Figures | None = None
        self._counted_at_s = -AUDIT_EVERY.total_seconds()

    async def work(self, connection: Connection, stop: asyncio.Event) -> None:
        """Look until told to stop; raises what the database raises."""
        wait_s = FIRST_LOOK_AFTER_S
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s)
                return
            await self.look_once(connection)
            wait_s = LOOK_EVERY_S

    async def look_once(self, connection: Connection) -> Summary | None:
        """Audit if it is this process's turn, and probe if it is time."""
        summary = None
        if await take_turn_to_look(self._desk(connection), AUDIT_EVERY):
            summary = await self._audit(connection)
        if self._probe_every:
            await probe(self._desk(connection), self._probe_every, self._rng)
        await self._count(connection, at_once=summary is not None)
        return summary

    async def _audit(self, connection: Connection) -> Summary:
        desk = self._desk(connection)
        beside = await look_beside(desk)
        latest = await open_probe(desk)
        if latest is not None and is_probe_late(latest.raised_at, latest.arrived_at, desk.now):
            beside[AuditReason.PROBE_IS_LATE] += 1
        summary = await audit_alerts(desk, beside, latest.took_s if latest else None)
        self._nudge()
        self._counts.violations.update(summary.found)
        self._counts.heartbeats[summary.heartbeat] += 1
        await self._speak(summary)
        return summary

    async def _speak(self, summary: Summary) -> None:
        answer = await self._heartbeat.say(summary.heartbeat)
        self._counts.words[answer] += 1
        found = {reason.value: count for reason, count in summary.found.items()}
        if not summary.heartbeat.is_well:
            get_logger().error(
                "an alert may be lost; the outside watcher does not hear that all is well",
                reason=summary.heartbeat.value,
                watcher=answer.value,
                **found,
            )
        elif answer in (WatcherAnswer.REFUSED, WatcherAnswer.NOT_REACHED):
            get_logger().warning("the outside watcher did not hear us", watcher=answer.value)

    async def _count(self, connection: Connection, *, at_once: bool) -> None:
        now_s = clock.monotonic_s()
        if at_once or now_s - self._counted_at_s >= AUDIT_EVERY.total_seconds():
            self._figures = await figures(self._desk(connection))
            self._counted_at_s = now_s

    def _desk(self, connection: Connection) -> Desk:
        return Desk(connection, self._site, clock.now_utc())

    def measures(self) -> Iterator[Measure]:
        """Yield what a monitoring system may know: numbers and reasons, nobody in particular."""
        yield Measure.counters(
            "tidewell_alert_violations_total",
            "What the auditor of this process found, by reason.",
            "reason",
            {one.value: self._counts.violations[one] for one in AuditReason if one.is_violation},
        )
        yield Measure.counters(
            "tidewell_alert_heartbeats_total",
            "Runs of the auditor of this process, by what the outside watcher may hear.",
            "reason",
            {one.value: self._counts.heartbeats[one] for one in HeartbeatReason},
        )
        yield Measure.counters(
            "tidewell_alert_watcher_words_total",
            "Words to the outside watcher, by its answer.",
            "answer",
            {one.value: self._counts.words[one] for one in WatcherAnswer},
        )
        yield from _measures_of(self._figures, clock.now_utc().timestamp())


def _measures_of(known: Figures | None, now_s: float) -> Iterator[Measure]:
    """Yield what all processes know alike, from the database."""
    if known is None:
        return
    yield Measure.gauge(
        "tidewell_alerts_open", "Alerts that are not closed.", float(known.alerts_open)
    )
    yield Measure.gauge(
        "tidewell_alerts_unaccepted",
        "Open alerts that nobody is on.",
        float(known.alerts_unaccepted),
    )
    if known.probe_seconds is not None:
        yield Measure.gauge(
            "tidewell_alert_probe_seconds",
            "How long the latest probe took that arrived.",
            known.probe_seconds,
        )
    if known.audited_at is not None:
        yield Measure.gauge(
            "tidewell_alert_audit_age_seconds",
            "How long ago any process looked whether an alert could be lost.",
            max(0.0, now_s - known.audited_at.timestamp()),
        )
        is_well = known.heartbeat in {one.value for one in HeartbeatReason if one.is_well}
        yield Measure.gauge(
            "tidewell_alert_heartbeat_well",
            "1 where the latest look found nothing that is not repaired.",
            float(is_well),
        )
