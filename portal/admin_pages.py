"""How the service is doing, in numbers: nothing on this page is about one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from portal.context import SETTINGS, first_row, now_of, rows, transaction
from portal.rendering import page
from portal.words import age_words, counted, minutes_words
from tidewell.database import Connection, Queries
from tidewell.vocabulary import SHARD_COUNT

_QUERIES: Final = Queries("portal", "admin.sql")

TABLES: Final[tuple[tuple[str, str], ...]] = (
    ("open_alerts_by_level", "Open alerts"),
    ("deliveries_by_state", "Messages"),
    ("open_silences_by_reason", "People of whom nothing comes, and why"),
    ("refused_by_reason", "Frames or readings kept aside, and why"),
    ("gaps_by_state", "Frames that have not come"),
    ("shards_by_owner", "Which worker looks after the parts (shards)"),
)


NUMBER_WORDS: Final = {
    "check_now": "Check now",
    "check_today": "Check today",
    "for_review": "For review",
    "raised": "no message has left yet",
    "notified": "sent, nobody is on it yet",
    "accepted": "somebody is on it",
    "console": "On the console",
    "email": "E-mail",
    "web_push": "Notification on a phone",
    "sms": "Text message",
    "webhook": "Webhook",
    "handed_over": "handed over",
    "given_up": "given up",
    "lost_on_device": "lost on the device",
}
"""What an administrator reads; the codes of refusals stay, because the documents explain them."""

OUTAGE_WORDS: Final = {
    "broker_away": "no connection to the broker",
    "database_away": "the database was away",
    "lease_lost": "a worker stood still",
    "not_running": "ingest was not running",
    "nobody_heard": "no device was heard though the broker was there",
}
OUTAGES_MAX: Final = 10
"""The latest; all of them are in the table."""


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
    """One line of a table: codes of the database, parted by strokes."""

    name: str
    number: int

    @property
    def words(self) -> str:
        """Return the codes as words; one that these pages do not know is shown as it is."""
        return ", ".join(NUMBER_WORDS.get(code, code) for code in self.name.split(" / "))


@dataclass(frozen=True, slots=True)
class AuditRow:
    """The auditor's last run."""

    at: datetime
    alerts_checked: int
    violations: int
    repaired: int


@dataclass(frozen=True, slots=True)
class OutageRow:
    """A time in which frames were not heard."""

    reason: str
    shards: int
    began_at: datetime
    ended_at: datetime | None

    @property
    def words(self) -> str:
        """Return how long it lasted and what was the matter."""
        what = OUTAGE_WORDS.get(self.reason, "frames were not heard")
        whole = "all shards" if self.shards == SHARD_COUNT else counted(self.shards, "shard")
        if self.ended_at is None:
            return f"{what}, {whole}, and still is so"
        minutes = max(1, round((self.ended_at - self.began_at).total_seconds() / 60))
        return f"{what}, {whole}, for {minutes_words(minutes)}"


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """What the administrators were told last about our own outages."""

    began_at: datetime
    noticed_at: datetime
    ended_at: datetime | None
    handed_over: int


@dataclass(frozen=True, slots=True)
class ReachRow:
    """Who would not be reached this week, as alerts found at its last look."""

    at: datetime
    people: int
    findings: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class ServiceView:
    """Everything that the page shows."""

    counts: CountsRow | None
    tables: dict[str, list[NumberRow]]
    outages: list[OutageRow]
    notice: NoticeRow | None
    reach: ReachRow | None
    audit: AuditRow | None


async def show_service(request: web.Request) -> web.Response:
    """Show the numbers of the service."""
    async with transaction(request) as connection:
        view = await read_service(connection, request)
    return page(
        request,
        "service.jinja",
        {
            "counts": view.counts,
            "tables": [(title, view.tables[query]) for query, title in TABLES],
            "outages": view.outages,
            "notice": view.notice,
            "audit": view.audit,
            "reach": view.reach,
            "age": age_words,
        },
    )


async def read_service(connection: Connection, request: web.Request) -> ServiceView:
    """Read the numbers of the service."""
    now = now_of(request)
    recent = now - timedelta(seconds=request.app[SETTINGS].silence_after_s)
    moments = {"now": now, "recent": recent}
    return ServiceView(
        counts=await first_row(connection, CountsRow, _QUERIES["counts"], moments),
        tables={
            query: await rows(connection, NumberRow, _QUERIES[query], {"now": now})
            for query, _ in TABLES
        },
        outages=await rows(connection, OutageRow, _QUERIES["outages"], {"limit": OUTAGES_MAX}),
        notice=await first_row(connection, NoticeRow, _QUERIES["last_notice"], {}),
        reach=await first_row(connection, ReachRow, _QUERIES["last_reach"], {}),
        audit=await first_row(connection, AuditRow, _QUERIES["last_audit"], {}),
    )
