"""`tidewell plan`: the hard limits of the plan that was agreed with a person.

They were agreed with the young person and their practitioner, so nothing here guesses one. A limit
holds for readings that come after it was set; ingest hears it within seconds.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Final

import typer

from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Connection, Queries, Role, connect
from tidewell.enrolment import QUERIES as ENROLMENT
from tidewell.enrolment import staff_members
from tidewell.errors import UsageError
from tidewell.small_site import find_site
from tidewell.vocabulary import CHANNELS, Level

SLOTS: Final = 4
"""As many limits as the detector watches for a person; more would be read by nobody."""
MINUTES_MOST: Final = 1_440
LEVELS: Final = (Level.FOR_REVIEW, Level.CHECK_TODAY, Level.CHECK_NOW)

_CHANNELS: Final = {channel.name: channel for channel in CHANNELS}
_QUERIES: Final = Queries("tidewell.commands", "plan.sql")


@dataclass(frozen=True, slots=True)
class PlannedLimit:
    """A limit as it was asked for, and found to be one."""

    slot: int
    channel: str
    direction: str
    value: float
    for_minutes: int
    level: Level
    while_resting: bool
    agreed_on: date


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("plan")(plan)


def plan(
    label: Annotated[str, typer.Argument(help="The person's label.")],
    slot: Annotated[
        int | None, typer.Option(help="Which limit of the plan, 0 to 3; without it: show.")
    ] = None,
    channel: Annotated[str, typer.Option(help="What is measured, such as heart_rate.")] = "",
    above: Annotated[float | None, typer.Option(help="Say it when it is above this.")] = None,
    below: Annotated[float | None, typer.Option(help="Say it when it is below this.")] = None,
    for_minutes: Annotated[int, typer.Option(help="For this many minutes without a break.")] = 10,
    level: Annotated[str, typer.Option(help="for_review, check_today or check_now.")] = "",
    while_resting: Annotated[
        bool, typer.Option("--while-resting", help="Only after ten minutes without movement.")
    ] = False,
    agreed_on: Annotated[str, typer.Option(help="Day of the agreement, like 2026-01-31.")] = "",
    by: Annotated[str, typer.Option(help="User name of who agreed it with the person.")] = "",
    clear: Annotated[
        bool, typer.Option("--clear", help="Take the limit in this slot away.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Show the limits of a person's agreed plan, set one, or take one away."""
    settings = start_command("plan", data_dir)
    limit = None
    if slot is not None:
        check_slot(slot)
        if not clear:
            limit = planned_limit(
                slot, channel, above, below, for_minutes, level, agreed_on, while_resting
            )
    url = find_site(settings).database_url
    for line in asyncio.run(_change_and_show(url, label, slot, limit, by)):
        say(line)


def check_slot(slot: int) -> None:
    """Refuse a slot that a plan does not have.

    Raises:
        UsageError: there is no such slot.
    """
    if not 0 <= slot < SLOTS:
        raise UsageError(
            f"--slot {slot}: a plan has the slots 0 to {SLOTS - 1}; choose one of them"
        )


def planned_limit(
    slot: int,
    channel: str,
    above: float | None,
    below: float | None,
    for_minutes: int,
    level: str,
    agreed_on: str,
    while_resting: bool,
) -> PlannedLimit:
    """Return the limit that was asked for.

    Raises:
        UsageError: it cannot be one; the message says what was expected.
    """
    if channel not in _CHANNELS:
        raise UsageError(f"--channel {channel!r}: choose one of {', '.join(_CHANNELS)}")
    value = above if above is not None else below
    if value is None or (above is not None and below is not None):
        raise UsageError("a limit is one value: give either --above or --below")
    unit = _CHANNELS[channel]
    if not unit.low <= value <= unit.high:
        raise UsageError(
            f"{value:g} {unit.unit} cannot be reported; "
            f"give a limit from {unit.low:g} to {unit.high:g} {unit.unit}"
        )
    if not 0 <= for_minutes <= MINUTES_MOST:
        raise UsageError(f"--for-minutes {for_minutes}: expected 0 to {MINUTES_MOST:,}")
    if level not in LEVELS:
        raise UsageError(f"--level {level!r}: choose one of {', '.join(LEVELS)}")
    try:
        agreed = date.fromisoformat(agreed_on)
    except ValueError:
        raise UsageError(
            f"--agreed-on {agreed_on[:40]!r}: expected a day like 2026-01-31"
        ) from None
    direction = "above" if above is not None else "below"
    return PlannedLimit(
        slot, channel, direction, value, for_minutes, Level(level), while_resting, agreed
    )


async def _change_and_show(
    url: str, label: str, slot: int | None, limit: PlannedLimit | None, by: str
) -> list[str]:
    async with await connect(url, Role.ENROL, "tidewell plan") as connection:
        cursor = await connection.execute(ENROLMENT["find_person"], {"label": label})
        person = await cursor.fetchone()
        if person is None:
            raise UsageError(f"nobody is enrolled as {label!r}; see `tidewell enrol --help`")
        if limit is not None:
            await set_limit(connection, person[0], limit, by, now_utc())
        elif slot is not None:
            which = {"person_id": person[0], "slot": slot}
            await connection.execute(_QUERIES["clear"], which)
        return await _lines(connection, person[0], label)


async def set_limit(
    connection: Connection, person_id: int, limit: PlannedLimit, by: str, now: datetime
) -> None:
    """Write a limit into its slot, in place of the one before.

    Raises:
        UsageError: nobody signs in as `by`.
    """
    staff_ids = {one.username: one.staff_id for one in await staff_members(connection)}
    if by not in staff_ids:
        raise UsageError(f"--by {by!r}: expected a practitioner or clinician who signs in here")
    what = {"person_id": person_id, "set_by": staff_ids[by], "now": now}
    await connection.execute(_QUERIES["set"], {**asdict(limit), **what})


async def _lines(connection: Connection, person_id: int, label: str) -> list[str]:
    cursor = await connection.execute(_QUERIES["show"], {"person_id": person_id})
    rows = [PlannedLimit(*row) for row in await cursor.fetchall()]
    return [limit_line(one) for one in rows] or [f"The plan of {label} has no limits."]


def limit_line(limit: PlannedLimit) -> str:
    """Return a limit as one line."""
    channel = _CHANNELS[limit.channel]
    resting = " while resting" if limit.while_resting else ""
    return (
        f"{limit.slot}  {channel.label} {limit.direction} {limit.value:g} {channel.unit} for "
        f"{limit.for_minutes} minutes{resting}: {Level(limit.level).words}, "
        f"agreed on {limit.agreed_on.isoformat()}"
    )
