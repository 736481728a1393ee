"""The service of alerts in virtual time: real statements and decisions, no clock, no waiting.

One turn does what a second of `tidewell alerts` does: folds in answers, takes in events, asks
policies that are due, sends, audits on the minute. A `Mode` says how rough its life is: whatever a
story expects must also hold when the process dies between any two steps, and when work comes in
another order.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, TypeVar

import psycopg

from alerts.answers import store as answers
from alerts.auditing.store import audit_alerts
from alerts.channels.posting import Answer
from alerts.channels.webhook import judge
from alerts.concerns import store as concerns
from alerts.deliveries import ATTEMPTS_MOST, after_failure
from alerts.intake import store as intake
from alerts.sending import store as messages
from alerts.sending.service import SEND_WITHIN_S
from alerts.set_aside import COMES_BACK_AFTER, SetAside
from alerts.store import LOOK_BACK_ALL, LOOK_BACK_USUAL, Desk, Site, due_alerts, wake
from tests.stories.moments import span
from tests.stories.timeline import Arrived
from tidewell.database import Connection
from tidewell.errors import ChannelError, ChannelUnavailableError

CONSOLE: Final = "console"
AUDITED_AFTER: Final = (timedelta(minutes=1), timedelta(minutes=5))
"""Between two turns nothing changes but time: what an auditor would find, it finds on these."""
SOON: Final = span("1 s")
"""How often the service looks by itself."""

ASIDE_FOR: Final = COMES_BACK_AFTER + SOON

_CANNOT_BE_HANDLED: Final = (psycopg.DataError, psycopg.IntegrityError, ValueError)
_Work = TypeVar("_Work")


class Mode(Enum):
    """How rough the life of the process is."""

    IN_ORDER = "in order"
    RESTARTED = "restarted between any two steps"
    OUT_OF_ORDER = "in another order"


@dataclass
class Channel:
    """A way to reach people: it hands over, or does what a provider in trouble does."""

    name: str
    does: str = "works"

    def send(self) -> bool:
        """Hand over and return whether the message arrives; raise as a real channel would."""
        if self.does == "hangs":
            raise ChannelUnavailableError("the channel did not return in time")
        if self.does.startswith("answers "):
            judge(Answer(int(self.does.removeprefix("answers "))))
        return self.does != "drops"


@dataclass
class Memory:
    """What a process knows by heart, and loses when it dies."""

    actions: SetAside = field(default_factory=SetAside)
    events: SetAside = field(default_factory=SetAside)
    concerns: SetAside = field(default_factory=SetAside)
    alerts: SetAside = field(default_factory=SetAside)
    look_back: int = LOOK_BACK_ALL


@dataclass
class Service:
    """A process of alerts, what it sent, and what its auditor found."""

    connection: Connection
    site: Site
    channels: dict[str, Channel]
    mode: Mode
    who: Callable[[int | None], str]
    rng: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311
    arrived: list[Arrived] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    ahead: timedelta = timedelta(0)
    is_running: bool = True
    audits: set[datetime] = field(default_factory=set)
    _aside: bool = False

    def desk(self, at: datetime) -> Desk:
        return Desk(self.connection, self.site, at + self.ahead)

    async def turn(self, at: datetime) -> None:
        """Do what is to be done at a moment."""
        for kind in (self._fold, self._take_in, self._hear, self._wake):
            await kind(at)
            self._maybe_die()
        self.memory.look_back = LOOK_BACK_USUAL
        for name in self.channels:
            await self._send(name, at)
        memory = self.memory
        parts = (memory.actions, memory.events, memory.concerns, memory.alerts)
        self._aside = any(part.numbers(at) for part in parts)
        self.audits |= {_boundary(at, every) for every in AUDITED_AFTER}

    async def audit(self, at: datetime) -> None:
        """Let the auditor look, as the service does on the minute."""
        self.audits = {one for one in self.audits if one > at}
        summary = await audit_alerts(self.desk(at))
        self.memory.look_back = LOOK_BACK_ALL
        if summary.violations:
            self.violations.append(f"{summary.violations} found, {summary.repaired} repaired")

    @property
    def is_anything_aside(self) -> bool:
        """Return whether something could not be handled and waits for another try."""
        return self._aside

    def _maybe_die(self) -> None:
        if self.mode is Mode.RESTARTED:
            self.memory = Memory()

    def _mixed(self, batch: list[_Work]) -> list[_Work]:
        if self.mode is Mode.OUT_OF_ORDER:
            self.rng.shuffle(batch)
        return batch

    async def _fold(self, at: datetime) -> None:
        aside, look_back = self.memory.actions, self.memory.look_back
        batch = await answers.unfolded_actions(
            self.connection, aside.numbers(at), look_back=look_back
        )
        for pending in batch:
            await self._handle(
                answers.fold(self.desk(at), pending), pending.alert_action_id, aside, at
            )
            self._maybe_die()

    async def _take_in(self, at: datetime) -> None:
        aside, look_back = self.memory.events, self.memory.look_back
        batch = await intake.unhandled_events(
            self.connection, aside.numbers(at), look_back=look_back
        )
        for pending in self._mixed(batch):
            taking = intake.take_in(self.desk(at), pending, self.rng)
            await self._handle(taking, pending.episode_event_id, aside, at)
            self._maybe_die()

    async def _hear(self, at: datetime) -> None:
        aside, look_back = self.memory.concerns, self.memory.look_back
        batch = await concerns.unhandled_concerns(
            self.connection, aside.numbers(at), look_back=look_back
        )
        for pending in self._mixed(batch):
            taking = concerns.take_in(self.desk(at), pending, self.rng)
            await self._handle(taking, pending.concern_id, aside, at)
            self._maybe_die()

    async def _wake(self, at: datetime) -> None:
        aside = self.memory.alerts
        for alert_id in self._mixed(await due_alerts(self.desk(at), aside.numbers(at))):
            await self._handle(wake(self.desk(at), alert_id), alert_id, aside, at)
            self._maybe_die()

    async def _handle(
        self, work: Awaitable[object], number: int, aside: SetAside, at: datetime
    ) -> None:
        try:
            await work
        except _CANNOT_BE_HANDLED:
            aside.add(number, at)

    async def _send(self, name: str, at: datetime) -> None:
        while claims := await messages.claim(self.desk(at), name, "story"):
            for claimed in claims:
                await self._attempt(self.channels[name], claimed, at)

    async def _attempt(self, channel: Channel, claimed: messages.Claimed, at: datetime) -> None:
        """Send and mark; a process with a hard life dies once before sending and once after."""
        dies = self.mode is Mode.RESTARTED and channel.does == "works"
        if dies and claimed.attempts == 1:
            return
        error: ChannelError | None = None
        try:
            if claimed.attempts > ATTEMPTS_MOST:
                raise ChannelUnavailableError("each attempt ended without a mark")
            if channel.send() and channel.name != CONSOLE:
                self._note_arrival(channel, claimed, at)
        except ChannelError as refused:
            error = refused
        if dies and claimed.attempts == 2:
            return
        marked_at = at + timedelta(seconds=SEND_WITHIN_S) if channel.does == "hangs" else at
        desk = self.desk(marked_at)
        if error is None:
            await messages.mark_handed_over(desk, claimed)
        else:
            failure = after_failure(error, claimed.attempts, desk.now, self.rng)
            await messages.mark_failed(desk, claimed, "story", failure)

    def _note_arrival(self, channel: Channel, claimed: messages.Claimed, at: datetime) -> None:
        message = claimed.message
        self.arrived.append(
            Arrived(
                self.who(message.staff_id),
                what_it_says(message.text),
                at,
                channel.name,
                f"{channel.name} {message.idempotency_key}",
                message.text,
            )
        )


def what_it_says(text: str) -> str:
    """Return the part of a text that a story speaks of: "check today", or "4 people"."""
    for words in ("check now", "check today", "for review"):
        if words in text:
            return words
    return text.removeprefix("Wellbeing: ").split(" to check.")[0]


def _boundary(at: datetime, every: timedelta) -> datetime:
    since = timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
    return at - since % every + every
