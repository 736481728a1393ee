"""A provider of messages that keeps a ledger, and that has bad days; and the human behind it.

It promises: what it answered is in its ledger before the answer leaves. A message that it kept
reaches a human, who accepts the alert; one that it dropped behind a 200 reaches nobody.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

import psycopg
from aiohttp import web

from bench.faulting.waiting import until_told
from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Queries

if TYPE_CHECKING:
    from random import Random
    from types import TracebackType

LOOPBACK: Final = "127.0.0.1"
HANG_S: Final = 14.0
"""Longer than alerts waits for a provider."""
THINKS_S: Final = 0.5
"""A human who is quick, so that a run of seconds sees what comes after."""
RETRY_S: Final = 0.5
HUMANS: Final = 8
"""Who answer at the same time; connections that they hold are few beside those of the service."""
GIVES_UP_AFTER_S: Final = 120.0
"""Longer than any fault of a run; a human would try again in the afternoon."""
HEARD_AFTER_S: Final = 5.0
"""What was on its way when an alert was accepted may still arrive; later is a fault."""

_SQL: Final = Queries("bench.faulting", "site.sql")


class Mood(StrEnum):
    """How the provider answers."""

    WELL = "well"
    HANGS = "hangs"
    BROKEN = "broken"
    BUSY = "busy"
    DROPS = "drops"


@dataclass(frozen=True, slots=True)
class Notification:
    """One request, and what became of it."""

    key: str
    public_id: str
    at_s: float
    mood: Mood

    @property
    def was_taken(self) -> bool:
        """Return whether the answer said that all is well."""
        return self.mood in (Mood.WELL, Mood.DROPS)


@dataclass(slots=True)
class ProviderLedger:
    """All requests in their order, and when each alert was accepted."""

    notifications: list[Notification] = field(default_factory=list)
    accepted_s: dict[str, float] = field(default_factory=dict)

    @property
    def kept(self) -> set[str]:
        """Return the alerts of which a human heard."""
        return {one.public_id for one in self.notifications if one.mood is Mood.WELL}

    @property
    def taken(self) -> set[str]:
        """Return the keys of the messages that got a good answer."""
        return {one.key for one in self.notifications if one.was_taken}

    def duplicates(self) -> int:
        """Return how many messages came again after a good answer to the same key."""
        taken = Counter(one.key for one in self.notifications if one.was_taken)
        return sum(count - 1 for count in taken.values())

    def told_after_accept(self) -> int:
        """Return how many messages came about an alert well after somebody had accepted it."""
        return sum(
            one.at_s > self.accepted_s.get(one.public_id, one.at_s) + HEARD_AFTER_S
            for one in self.notifications
        )


class Provider:
    """The webhook of a run; `async with Provider(…) as provider: … provider.url`."""

    def __init__(self, database_url: str, rng: Random) -> None:
        self.ledger = ProviderLedger()
        self.mood = Mood.WELL
        self.url = ""
        self._database_url = database_url
        self._rng = rng
        self._heard: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self._runner: web.AppRunner | None = None
        self._human: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/hook", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}/hook"
        self._human = asyncio.create_task(self._accept_all())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._human is not None
        assert self._runner is not None
        self._human.cancel()
        await asyncio.gather(self._human, return_exceptions=True)
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        event: dict[str, Any] = json.loads(await request.read())
        mood, public_id = self.mood, str(event["subject"])
        key = request.headers["Idempotency-Key"]
        self.ledger.notifications.append(Notification(key, public_id, monotonic_s(), mood))
        if mood is Mood.HANGS:
            await asyncio.sleep(HANG_S)
        if mood is Mood.WELL:
            self._heard.put_nowait((public_id, int(event["data"]["staff_id"])))
        return web.Response(status={Mood.BROKEN: 500, Mood.BUSY: 429}.get(mood, 204))

    async def _accept_all(self) -> None:
        """Accept every alert that a human heard of, as the pages would; several at once."""
        async with asyncio.TaskGroup() as group:
            for _ in range(HUMANS):
                group.create_task(self._accept_one_by_one())

    async def _accept_one_by_one(self) -> None:
        while True:
            public_id, staff_id = await self._heard.get()
            await asyncio.sleep(self._rng.uniform(0, THINKS_S))
            await until_told(partial(self._accept, public_id, staff_id), GIVES_UP_AFTER_S, RETRY_S)

    async def _accept(self, public_id: str, staff_id: int) -> bool:
        accept = {"public_id": public_id, "staff_id": staff_id, "now": now_utc()}
        try:
            async with await psycopg.AsyncConnection.connect(
                self._database_url, autocommit=True, connect_timeout=2
            ) as connection:
                await connection.execute(_SQL["accept"], accept)
                await connection.execute(_SQL["hint_at_accept"])
                accepted = await connection.execute(_SQL["is_accepted"], accept)
                row = await accepted.fetchone()
        except psycopg.Error:
            return False
        if row is None or not row[0]:
            return False
        self.ledger.accepted_s.setdefault(public_id, monotonic_s())
        return True
