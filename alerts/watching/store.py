"""Turns, probes and figures in PostgreSQL.

One row says who looked last, so that several processes look once a minute between them and the next
one takes over when one is gone. A probe is raised in one transaction with the end of the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from alerts.policy import PolicyDocument
from alerts.reasons import AlertEventKind, IntakeReason
from alerts.store import Desk, record
from alerts.texts import new_public_id
from tidewell.database import Queries

if TYPE_CHECKING:
    import random

AHEAD_MOST: Final = timedelta(minutes=1)
"""Clocks of machines that keep time agree far better than this."""
PROBES_KEPT: Final = timedelta(days=1)
"""Long enough to look at one that was late."""

_SQL: Final = Queries("alerts.watching", "store.sql")


class ProbeOutcome(StrEnum):
    """What became of a turn to probe."""

    RAISED = "raised"
    NOT_OUR_TURN = "not_our_turn"
    STILL_ON_ITS_WAY = "still_on_its_way"


@dataclass(frozen=True, slots=True)
class OpenProbe:
    """The probe that was raised last, and whether it arrived."""

    alert_id: int
    raised_at: datetime
    arrived_at: datetime | None

    @property
    def took_s(self) -> float | None:
        """Return how long it took; a clock that was set back makes nothing negative."""
        if self.arrived_at is None:
            return None
        return max(0.0, (self.arrived_at - self.raised_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Figures:
    """How alerts stand."""

    alerts_open: int
    alerts_unaccepted: int
    audited_at: datetime | None
    violations: int | None
    heartbeat: str | None
    probe_seconds: float | None


async def take_turn_to_look(desk: Desk, every: timedelta) -> bool:
    """Return whether it is for this process to look now."""
    return await _take_turn(desk, "take_turn_to_look", every)


async def open_probe(desk: Desk) -> OpenProbe | None:
    """Return the probe that is under way, or that arrived and waits for the next one."""
    async with desk.connection.cursor(row_factory=kwargs_row(OpenProbe)) as cursor:
        await cursor.execute(_SQL["open_probe"])
        return await cursor.fetchone()


async def probe(desk: Desk, every: timedelta, rng: random.Random) -> ProbeOutcome:
    """Raise the next probe if it is time and the last one has arrived."""
    async with desk.connection.transaction():
        if not await _take_turn(desk, "take_turn_to_probe", every):
            return ProbeOutcome.NOT_OUR_TURN
        last = await open_probe(desk)
        if last is not None and last.arrived_at is None:
            return ProbeOutcome.STILL_ON_ITS_WAY
        if last is not None:
            closing = {"alert_id": last.alert_id, "now": desk.now}
            await desk.connection.execute(_SQL["close_probe"], closing)
        await _raise_probe(desk, rng)
        await desk.connection.execute(_SQL["forget_probes"], {"before": desk.now - PROBES_KEPT})
    return ProbeOutcome.RAISED


async def figures(desk: Desk) -> Figures:
    """Return how alerts stand; probes are not counted."""
    async with desk.connection.cursor(row_factory=kwargs_row(Figures)) as cursor:
        await cursor.execute(_SQL["figures"])
        found = await cursor.fetchone()
    assert found is not None  # counts always answer
    return found


async def _take_turn(desk: Desk, query: str, every: timedelta) -> bool:
    bounds = {"now": desk.now, "before": desk.now - every, "ahead": desk.now + AHEAD_MOST}
    return bool((await desk.connection.execute(_SQL[query], bounds)).rowcount)


async def _raise_probe(desk: Desk, rng: random.Random) -> None:
    policy = Jsonb(PolicyDocument().model_dump(mode="json"))
    values = {"public_id": new_public_id(rng), "policy": policy, "now": desk.now}
    row = await (await desk.connection.execute(_SQL["raise_probe"], values)).fetchone()
    assert row is not None  # INSERT … RETURNING always answers
    await record(desk, row[0], AlertEventKind.CREATED, IntakeReason.RAISED)
