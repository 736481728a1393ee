"""`tidewell alert raise|accept|close|log|cover`: what the pages do, for a hand without a browser.

An answer goes the way of the pages: it is written down as the portal writes it, and the alerts
process folds it in and judges it by the same rules. Nothing here changes an alert by itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final

import typer
from psycopg.rows import kwargs_row

from alerts.reasons import Outcome
from tidewell.clock import now_utc
from tidewell.commands.alert_health import health
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Connection, Queries, Role, connect
from tidewell.errors import UsageError
from tidewell.local_time import utc_moment, zone_table
from tidewell.small_site import find_site
from tidewell.viewing import look_as
from tidewell.vocabulary import Level, Source

LINES_MOST: Final = 1_000
"""An alert that escalates every hour for a month stays below this."""

NOTE_CHARACTERS_MOST: Final = 500
"""As many as on the pages."""

COVER_DAYS_MOST: Final = 92
"""Longer than a quarter is no cover but another key worker."""

LEVELS: Final = tuple(level.value for level in Level if level is not Level.USUAL)
OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)
_QUERIES: Final = Queries("tidewell.commands", "alert.sql")

Code = Annotated[str, typer.Argument(help="The alert's code, the end of its link.")]
By = Annotated[str, typer.Option("--by", help="User name of whoever answers.")]


@dataclass(frozen=True, slots=True)
class _Alert:
    alert_id: int
    level: str
    state: str


@dataclass(frozen=True, slots=True)
class _Line:
    at: datetime
    kind: str
    reason: str
    staff_id: int | None
    detail: str


def register(app: typer.Typer) -> None:
    """Add these commands."""
    alert = typer.Typer(help="Answer alerts and read their story.", no_args_is_help=True)
    alert.command("raise")(raise_)
    alert.command("accept")(accept)
    alert.command("close")(close)
    alert.command("log")(log)
    alert.command("cover")(cover)
    alert.command("health")(health)
    app.add_typer(alert, name="alert")


def raise_(
    person: Annotated[str, typer.Argument(help="The person's code, as it was enrolled.")],
    by: By,
    level: Annotated[str, typer.Option(help=f"One of {', '.join(LEVELS)}.")],
    carer: Annotated[bool, typer.Option("--carer", help="A carer said so to them.")] = False,
    note: Annotated[str, typer.Option(help="What colleagues need; it never leaves.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Say that somebody is worried: no measurement is needed for it."""
    settings = start_command("alert", data_dir)
    if level not in LEVELS:
        raise UsageError(f"--level {level[:40]!r}: choose one of {', '.join(LEVELS)}")
    if len(note.strip()) > NOTE_CHARACTERS_MOST:
        raise UsageError(f"--note is too long; shorten it to {NOTE_CHARACTERS_MOST} characters")
    if "\0" in note:
        raise UsageError("--note holds a null character, which cannot be stored; take it out")
    source = Source.CARER if carer else Source.STAFF
    worry = {"source": source.value, "level": level, "note": note.strip()}
    asyncio.run(_say_worry(find_site(settings).database_url, person, by, worry))
    say("Sent. The alerts process takes it in within seconds; it is on the person's page.")


def accept(code: Code, by: By, data_dir: DataDir = None) -> None:
    """Say "I'm on it"."""
    settings = start_command("alert", data_dir)
    asyncio.run(_ask(find_site(settings).database_url, code, by, "accept", None, ""))
    say("Sent. `tidewell alert log` says what became of it.")


def close(
    code: Code,
    by: By,
    outcome: Annotated[str, typer.Option(help=f"One of {', '.join(OUTCOMES)}.")],
    note: Annotated[str, typer.Option(help="What the next colleague needs.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Close an alert with what was found."""
    settings = start_command("alert", data_dir)
    if outcome not in OUTCOMES:
        raise UsageError(f"--outcome {outcome[:40]!r}: choose one of {', '.join(OUTCOMES)}")
    if len(note) > NOTE_CHARACTERS_MOST:
        raise UsageError(f"--note is too long; shorten it to {NOTE_CHARACTERS_MOST} characters")
    asyncio.run(_ask(find_site(settings).database_url, code, by, "close", outcome, note))
    say("Sent. `tidewell alert log` says what became of it.")


def log(code: Code, data_dir: DataDir = None) -> None:
    """Tell an alert's story, a line for each thing that happened, with its reason."""
    settings = start_command("alert", data_dir)
    for line in asyncio.run(_story(find_site(settings).database_url, code)):
        say(line)


def cover(
    away: Annotated[str, typer.Argument(help="User name of who will be away.")],
    by: By,
    first_day: Annotated[str, typer.Option("--from", help="First day, like 2026-12-21.")] = "",
    last_day: Annotated[str, typer.Option("--until", help="Last day, the same way.")] = "",
    timezone: Annotated[str, typer.Option(help="Whose midnight counts.")] = "Europe/London",
    accepted: Annotated[
        bool, typer.Option("--accept", help="The one who covers accepts what was arranged.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Arrange who covers for somebody; until it is accepted, alerts stay with the giver."""
    settings = start_command("alert", data_dir)
    days = None if accepted else cover_days(first_day, last_day, timezone)
    say(asyncio.run(_cover(find_site(settings).database_url, away, by, days)))


def cover_days(first_day: str, last_day: str, timezone: str) -> tuple[datetime, datetime]:
    """Return from when until when somebody covers, whole days of a time zone.

    Raises:
        UsageError: these are not such days.
    """
    try:
        first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
    except ValueError:
        raise UsageError("--from and --until are days like 2026-12-21") from None
    if not 0 <= (last - first).days < COVER_DAYS_MOST:
        raise UsageError(
            f"--until is before --from, or more than {COVER_DAYS_MOST} days after it; correct them"
        )
    return _midnight(first, timezone), _midnight(last + timedelta(days=1), timezone)


def _midnight(day: date, timezone: str) -> datetime:
    local = datetime.combine(day, time()) - datetime(1970, 1, 1)  # noqa: DTZ001 -- a local clock
    return utc_moment(zone_table(timezone).utc_ms(round(local.total_seconds()) * 1_000))


async def _ask(url: str, code: str, by: str, kind: str, outcome: str | None, note: str) -> None:
    now = now_utc()
    async with await connect(url, Role.PORTAL, "tidewell alert") as connection:
        staff_id = await _staff(connection, by, now)
        await look_as(connection, staff_id, None, now)
        alert = await _find(connection, code, f" that {by[:60]!r} may see")
        asked = {
            "alert_id": alert.alert_id,
            "staff_id": staff_id,
            "kind": kind,
            "outcome": outcome,
            "note": note,
            "now": now,
            "seen_level": alert.level,
        }
        row = await (await connection.execute(_QUERIES["ask"], asked)).fetchone()
        if row is None:
            raise AssertionError("an INSERT … RETURNING without a row")
        await connection.execute(_QUERIES["tell_alerts"], {"alert_action_id": row[0]})


async def _say_worry(url: str, person: str, by: str, worry: dict[str, str]) -> None:
    now = now_utc()
    person_id = await _person(url, person)
    async with await connect(url, Role.PORTAL, "tidewell alert") as connection:
        staff_id = await _staff(connection, by, now)
        await look_as(connection, staff_id, None, now)
        who = {"person_id": person_id, "staff_id": staff_id, "now": now}
        cursor = await connection.execute(_QUERIES["say_worry"], {**who, **worry})
        row = await cursor.fetchone()
        if row is None:
            raise UsageError(
                f"{by[:60]!r} does not work with people here; name a practitioner or clinician"
            )
        await connection.execute(_QUERIES["tell_of_worry"], {"concern_id": row[0]})


async def _story(url: str, code: str) -> list[str]:
    # Nobody looks here but whoever runs the service, at a story without a person in it.
    async with await connect(url, Role.ALERTS, "tidewell alert") as connection:
        alert = await _find(connection, code)
        async with connection.cursor(row_factory=kwargs_row(_Line)) as cursor:
            which = {"alert_id": alert.alert_id, "most": LINES_MOST}
            await cursor.execute(_QUERIES["story"], which)
            return [story_line(line) for line in await cursor.fetchall()]


def story_line(line: _Line) -> str:
    """Return one thing that happened as a line; people appear by their staff number."""
    who = "" if line.staff_id is None else f"  staff {line.staff_id}"
    detail = f"  {line.detail}" if line.detail else ""
    moment = line.at.isoformat(timespec="seconds")
    return f"{moment}  {line.kind}  {line.reason}{who}{detail}"


async def _cover(url: str, away: str, by: str, days: tuple[datetime, datetime] | None) -> str:
    now = now_utc()
    async with await connect(url, Role.ENROL, "tidewell alert") as connection:
        who = {
            "away": await _staff(connection, away, now),
            "by": await _staff(connection, by, now),
            "now": now,
        }
        if who["away"] == who["by"]:
            raise UsageError("nobody covers for themselves; name somebody else with --by")
        if days is not None:
            if days[1] <= now:
                raise UsageError("--until is over already; give days that are still to come")
            await connection.execute(
                _QUERIES["add_cover"], {**who, "first": days[0], "end": days[1]}
            )
            return f"Arranged. Until {by} accepts it, alerts stay with {away}."
        cursor = await connection.execute(_QUERIES["accept_cover"], who)
        if not await cursor.fetchall():
            raise UsageError(f"nothing waits for {by} to cover {away}; arrange it first")
        return f"{by} covers for {away} on the days that were arranged."


async def _person(url: str, label: str) -> int:
    """Return anybody who is enrolled: staff may be worried about any of them."""
    async with await connect(url, Role.ENROL, "tidewell alert") as connection:
        cursor = await connection.execute(_QUERIES["find_person"], {"label": label})
        found = await cursor.fetchone()
    if found is None:
        raise UsageError(f"nobody is enrolled as {label[:40]!r}; use the code of the person")
    return int(found[0])


async def _find(connection: Connection, code: str, which: str = "") -> _Alert:
    async with connection.cursor(row_factory=kwargs_row(_Alert)) as cursor:
        await cursor.execute(_QUERIES["find_alert"], {"public_id": code})
        alert = await cursor.fetchone()
    if alert is None:
        raise UsageError(f"there is no alert {code[:40]!r}{which}; its code is the end of its link")
    return alert


async def _staff(connection: Connection, username: str, now: datetime) -> int:
    cursor = await connection.execute(_QUERIES["staff_of"], {"username": username, "now": now})
    row = await cursor.fetchone()
    if row is None:
        raise UsageError(f"nobody who works here signs in as {username[:60]!r}")
    return int(row[0])
