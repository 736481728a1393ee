"""How the service is doing, in numbers: nothing on this page is about one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from portal.context import SETTINGS, first_row, now_of, rows, transaction
from portal.rendering import page
from portal.words import age_words
from tidewell.database import Queries

_QUERIES: Final = Queries("portal", "admin.sql")

TABLES: Final[tuple[tuple[str, str], ...]] = (
    ("refused_by_reason", "Frames or readings kept aside, by reason"),
    ("gaps_by_state", "Frames that have not come"),
    ("open_alerts_by_level", "Open alerts, by level and state"),
    ("deliveries_by_state", "Messages, by channel and state"),
    ("shards_by_owner", "Shards, by the worker that holds them"),
)


@dataclass(frozen=True, slots=True)
class CountsRow:
    """The numbers of the service."""

    people: int
    people_without_key_worker: int
    devices: int
    devices_heard: int
    frames_committed: int
    frames_dead_lettered: int
    frames_repeated: int
    frames_unscored: int
    open_episodes: int
    waiting_actions: int


@dataclass(frozen=True, slots=True)
class NumberRow:
    """One line of a table."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class AuditRow:
    """The auditor's last run."""

    at: datetime
    alerts_checked: int
    violations: int
    repaired: int


async def show_service(request: web.Request) -> web.Response:
    """Show the numbers of the service."""
    now = now_of(request)
    recent = now - timedelta(seconds=request.app[SETTINGS].silence_after_s)
    async with transaction(request) as connection:
        counts = await first_row(
            connection, CountsRow, _QUERIES["counts"], {"now": now, "recent": recent}
        )
        tables = [
            (title, await rows(connection, NumberRow, _QUERIES[query], {"now": now}))
            for query, title in TABLES
        ]
        audit = await first_row(connection, AuditRow, _QUERIES["last_audit"], {})
    return page(
        request,
        "service.jinja",
        {"counts": counts, "tables": tables, "audit": audit, "age": age_words},
    )
