"""The process of alerts: a decider, a sender for each channel, a watch, who tells operations, and
who looks ahead at who would not be reached.

Each works on its own connection.

The decider folds in what people did, takes in what they ask for and what changed, and asks policies
that are due. The watch looks whether an alert could be lost, and tells somebody outside that none
is.
A hint from the database makes it prompt; looking each second makes it certain. A slow channel
holds up neither the decider nor another channel, and any number of these processes may run at once.
A database that restarts is waited for, and said once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
from typing import TYPE_CHECKING, Final

import psycopg

from alerts.answers import store as answers
from alerts.channels import open_channels
from alerts.channels.probe import ProbeChannel
from alerts.concerns import store as concerns
from alerts.intake import store as intake
from alerts.operations.service import Operations
from alerts.probe import PROBE_CHANNEL
from alerts.reaching.service import Reaching
from alerts.receipts.service import Receipts
from alerts.sending.service import Sender, SendingCounts
from alerts.set_aside import SetAside
from alerts.store import (
    BATCH_MOST,
    LOOK_BACK_ALL,
    LOOK_BACK_USUAL,
    Desk,
    Site,
    due_alerts,
    limit_idle,
    wake,
)
from alerts.texts import LINK_BASE_CHARACTERS_MOST
from alerts.watching.service import Watch, heartbeat_of
from tidewell import clock
from tidewell.contact_addresses import SMS
from tidewell.crashpoints import CrashPoint, crashpoint
from tidewell.database import Connection, Role, connect
from tidewell.errors import ServerUnavailableError, SettingsError
from tidewell.logs import get_logger
from tidewell.metrics import Board

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from alerts.channels import Channel
    from tidewell.settings import Settings

POLL_S: Final = 1.0
"""How late a decision can be when every hint gets lost."""

LOOK_AT_ALL_EVERY_S: Final = 60.0
"""How late a decision can be on a number that was given out long before it was committed."""

ROUNDS_MOST: Final = 50
"""Batches of one kind of work before the next kind has its turn."""

RECONNECT_FIRST_S: Final = 0.5
RECONNECT_LONGEST_S: Final = 10.0
"""Alerts wait while the database is away: soon enough for the most urgent, and no storm."""

_CONNECTION_IS_LOST: Final = (
    psycopg.OperationalError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    ServerUnavailableError,
)
_CANNOT_BE_HANDLED: Final = (psycopg.DataError, psycopg.IntegrityError, ValueError)
"""What is wrong with one row and not with the database or with us."""


async def run_alerts(
    settings: Settings,
    database_url: str,
    *,
    stop: asyncio.Event,
    on_handed_over: Callable[[int], None] | None = None,
    board: Board | None = None,
) -> None:
    """Serve alerts until `stop` is set; `on_handed_over` hears the number of each alert that left.

    Raises:
        SettingsError: a setting of alerts cannot be used.
    """
    channels = open_channels(settings)
    site = site_of(settings, channels)
    owner = f"{os.getpid()}-{secrets.token_hex(4)}"
    rng = random.SystemRandom()
    board = board or Board()
    counts = SendingCounts()
    board.add(counts.measures)
    served: dict[str, Channel] = dict(channels)
    if settings.probe_every_s:
        served[PROBE_CHANNEL] = ProbeChannel()

    def on_sent(channel: str) -> Callable[[int], None] | None:
        return None if channel == PROBE_CHANNEL else on_handed_over

    senders = {
        name: Sender(
            name, channel, site, owner=owner, rng=rng, on_handed_over=on_sent(name), counts=counts
        )
        for name, channel in served.items()
    }
    decider = Decider(site, rng, senders.values(), board)
    watch = Watch(
        site,
        heartbeat_of(settings),
        rng,
        probe_every_s=settings.probe_every_s,
        nudge=decider.nudge_senders,
    )
    board.add(watch.measures)
    parts = {
        "decider": decider.work,
        "watch": watch.work,
        "operations": Operations(channels, site, rng).work,
        "reaching": Reaching(site).work,
        **({"receipts": Receipts(site).work} if SMS in channels else {}),
        **{name: sender.work for name, sender in senders.items()},
    }
    try:
        async with asyncio.TaskGroup() as group:
            for part, work in parts.items():
                group.create_task(_keep_connected(part, database_url, stop, work))
    finally:
        for channel in channels.values():
            await channel.close()


def site_of(settings: Settings, channels: Iterable[str]) -> Site:
    """Return what alerts need of the settings."""
    host = f"[{settings.portal_host}]" if ":" in settings.portal_host else settings.portal_host
    link_base = settings.public_url or f"http://{host}:{settings.portal_port}"
    if len(link_base) > LINK_BASE_CHARACTERS_MOST:
        raise SettingsError(
            f"TIDEWELL_PUBLIC_URL has {len(link_base)} characters and a short message has no room"
            f" for it; use one of at most {LINK_BASE_CHARACTERS_MOST}"
        )
    return Site(link_base, settings.webhook_url, frozenset(channels), settings.fresh_within_h)


class Decider:
    """Decides what is to be done about alerts; never sends anything."""

    def __init__(
        self,
        site: Site,
        rng: random.Random,
        senders: Iterable[Sender],
        board: Board | None = None,
    ) -> None:
        self._board = board or Board()
        self._site = site
        self._rng = rng
        self._senders = tuple(senders)
        self._events_aside = SetAside()
        self._actions_aside = SetAside()
        self._concerns_aside = SetAside()
        self._alerts_aside = SetAside()
        self._look_back = LOOK_BACK_ALL
        self._look_at_all_s = clock.monotonic_s() + LOOK_AT_ALL_EVERY_S

    async def work(self, connection: Connection, stop: asyncio.Event) -> None:
        """Decide until told to stop; raises what the database raises."""
        await intake.listen(connection)
        await answers.listen(connection)
        await concerns.listen(connection)
        await concerns.tell_stretch(self._desk(connection))
        self._look_back = LOOK_BACK_ALL
        while not stop.is_set():
            await self.decide_once(connection)
            self._board.beat()
            self._board.not_ready = ""
            await _await_hint(connection)

    async def decide_once(self, connection: Connection) -> None:
        """Do everything that is to be decided now."""
        await self._fold_actions(connection)
        await self._take_in_concerns(connection)
        await self._take_in_events(connection)
        await self._wake_alerts(connection)
        self._look_back = LOOK_BACK_USUAL
        if clock.monotonic_s() >= self._look_at_all_s:
            await concerns.tell_stretch(self._desk(connection))
            self._look_at_all_s = clock.monotonic_s() + LOOK_AT_ALL_EVERY_S
            self._look_back = LOOK_BACK_ALL

    async def _fold_actions(self, connection: Connection) -> None:
        for _ in range(ROUNDS_MOST):
            aside = self._actions_aside.numbers(clock.now_utc())
            batch = await answers.unfolded_actions(connection, aside, look_back=self._look_back)
            for pending in batch:
                folding = answers.fold(self._desk(connection), pending)
                await _handle(folding, "action", pending.alert_action_id, self._actions_aside)
            if len(batch) < BATCH_MOST:
                break

    async def _take_in_concerns(self, connection: Connection) -> None:
        for _ in range(ROUNDS_MOST):
            aside = self._concerns_aside.numbers(clock.now_utc())
            batch = await concerns.unhandled_concerns(connection, aside, look_back=self._look_back)
            for pending in batch:
                taking = concerns.take_in(self._desk(connection), pending, self._rng)
                await _handle(taking, "concern", pending.concern_id, self._concerns_aside)
                crashpoint(CrashPoint.AFTER_INTAKE)
                self.nudge_senders()
            if len(batch) < BATCH_MOST:
                break

    async def _take_in_events(self, connection: Connection) -> None:
        for _ in range(ROUNDS_MOST):
            aside = self._events_aside.numbers(clock.now_utc())
            batch = await intake.unhandled_events(connection, aside, look_back=self._look_back)
            for pending in batch:
                taking = intake.take_in(self._desk(connection), pending, self._rng)
                number = pending.episode_event_id
                await _handle(taking, "episode event", number, self._events_aside)
                crashpoint(CrashPoint.AFTER_INTAKE)
                self.nudge_senders()
            if len(batch) < BATCH_MOST:
                break

    async def _wake_alerts(self, connection: Connection) -> None:
        for _ in range(ROUNDS_MOST):
            aside = self._alerts_aside.numbers(clock.now_utc())
            batch = await due_alerts(self._desk(connection), aside)
            for alert_id in batch:
                waking = wake(self._desk(connection), alert_id)
                await _handle(waking, "alert", alert_id, self._alerts_aside)
                self.nudge_senders()
            if len(batch) < BATCH_MOST:
                break

    def _desk(self, connection: Connection) -> Desk:
        return Desk(connection, self._site, clock.now_utc())

    def nudge_senders(self) -> None:
        """Let every sender look for messages now."""
        for sender in self._senders:
            sender.nudge()


async def _handle(work: Awaitable[object], what: str, number: int, set_aside: SetAside) -> None:
    """Do one piece of work; one that cannot be done is set aside and does not stop the next."""
    try:
        await work
    except _CANNOT_BE_HANDLED as error:
        set_aside.add(number, clock.now_utc())
        get_logger().error(
            "set aside for a minute", what=what, number=number, problem=type(error).__name__
        )


async def _await_hint(connection: Connection) -> None:
    """Return when the database hints at work, or when it is time to look without a hint."""
    async with contextlib.aclosing(connection.notifies(timeout=POLL_S, stop_after=1)) as hints:
        async for _ in hints:
            pass


async def _keep_connected(
    part: str,
    database_url: str,
    stop: asyncio.Event,
    work: Callable[[Connection, asyncio.Event], Awaitable[None]],
) -> None:
    """Work on a connection, and on a fresh one whenever that is lost."""
    wait_s = RECONNECT_FIRST_S
    is_lost = False
    while not stop.is_set():
        try:
            name = f"tidewell alerts {part}"
            async with await connect(
                database_url, Role.ALERTS, name, autocommit=True
            ) as connection:
                if is_lost:
                    get_logger().info("the database is back", worker=part)
                wait_s, is_lost = RECONNECT_FIRST_S, False
                await limit_idle(connection)
                await work(connection, stop)
        except _CONNECTION_IS_LOST as error:
            if not is_lost:
                get_logger().warning("the database is away", worker=part, problem=str(error))
            is_lost = True
            await _pause(stop, wait_s)
            wait_s = min(RECONNECT_LONGEST_S, wait_s * 2)


async def _pause(stop: asyncio.Event, wait_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), wait_s)
