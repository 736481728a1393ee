"""People's telephones, and what people do when one rings: accept, close, or nothing.

The telephone notes what it heard before anybody else can know of it; an alert that the database
calls handed over and that no telephone heard is a lost one.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.database import MemoryDatabase
from tests.simulation.processes import PROCESS, Process
from tests.simulation.virtual_time import true_ms
from tidewell.errors import ChannelUnavailableError
from tidewell.local_time import utc_moment

if TYPE_CHECKING:
    from alerts.deliveries import Message

SOONEST_ANSWER_S = 0.5
LATEST_ANSWER_S = 40.0


@dataclass
class Telephones:
    """All of them, as one channel."""

    database: MemoryDatabase
    rng: random.Random
    refuses: float = 0.0
    loses_answer: float = 0.0
    hangs: float = 0.0
    accepts: float = 0.75
    heard: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    on_the_way: dict[str, Process] = field(default_factory=dict)
    wrong_clocks: int = 0

    async def send(self, message: Message) -> None:
        """Ring, unless the network is against it."""
        process = PROCESS.get()
        await process.speak()
        if self.rng.random() < self.refuses:
            raise ChannelUnavailableError("no network")
        if self.rng.random() < self.hangs:
            await asyncio.sleep(60.0)
        self.heard[message.idempotency_key] += 1
        self.on_the_way[message.idempotency_key] = process
        # Two processes that disagree about the time disagree about whose lease has ended.
        self.excused[message.idempotency_key] += self.wrong_clocks
        if not message.public_id.startswith("operations"):
            self._react(message)
        await asyncio.sleep(self.rng.uniform(0.001, 0.3))
        if self.rng.random() < self.loses_answer:
            self.excused[message.idempotency_key] += 1
            raise ChannelUnavailableError("the answer was lost")

    async def close(self) -> None:
        """Telephones stay."""

    def marked(self, key: str) -> None:
        """A message was marked as handed over."""
        self.on_the_way.pop(key, None)

    def excuse(self, process: Process | None = None) -> None:
        """Allow one repeat of every message that has left and is not marked."""
        for key, sender in self.on_the_way.items():
            if process is None or sender is process:
                self.excused[key] += 1

    def _react(self, message: Message) -> None:
        if self.rng.random() < self.accepts:
            wait_s = self.rng.uniform(SOONEST_ANSWER_S, LATEST_ANSWER_S)
            self._later(wait_s, message, "accept")
            if self.rng.random() < 0.5:
                self._later(wait_s + self.rng.uniform(0.0, LATEST_ANSWER_S), message, "close")

    def _later(self, wait_s: float, message: Message, kind: str) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(wait_s, self.ask, message, kind)

    def ask(self, message: Message, kind: str) -> None:
        """Write down what somebody asked of an alert, as the pages do."""
        for (alert_id,), row in self.database.table("alert").items():
            if row["public_id"] == message.public_id:
                number = self.database.next_number("alert_action")
                action = {
                    "alert_action_id": number,
                    "alert_id": alert_id,
                    "staff_id": message.staff_id,
                    "kind": kind,
                    "outcome": "all_fine" if kind == "close" else None,
                    "note": "",
                    "seen_level": message.level.value,
                    "at": utc_moment(true_ms()),
                }
                self.database.put("alert_action", (number,), action)
                self.database.notify("tidewell_alert_action")
                return
