"""`tidewell assign`: who is key worker of a young person, from a day on.

The former key worker stops at the moment at which the next one begins, so that nobody is without
one in between; until then nothing changes.
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated

import typer

from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Role, connect
from tidewell.enrolment import change_key_worker, known_person
from tidewell.errors import UsageError
from tidewell.local_time import zone_table
from tidewell.rota import local_moment_of
from tidewell.rota_store import practitioners
from tidewell.small_site import find_site


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("assign")(assign)


def assign(
    label: Annotated[str, typer.Argument(help="The code under which the person is enrolled.")],
    key_worker: Annotated[str, typer.Option(help="User name of their next key worker.")],
    first_day: Annotated[
        str | None, typer.Option("--from", help="First day, like 2026-12-21; else from now on.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Whose midnight counts.")] = "Europe/London",
    data_dir: DataDir = None,
) -> None:
    """Change the key worker of a young person, now or from a day on."""
    settings = start_command("assign", data_dir)
    first = first_moment(first_day, timezone, now_utc())
    asyncio.run(_assign(find_site(settings).database_url, label, key_worker, first))
    when = "from now on" if first_day is None else f"from {first_day} on"
    say(f"{key_worker} is key worker of {label} {when}.")


def first_moment(first_day: str | None, timezone: str, now: datetime) -> datetime:
    """Return from when on an assignment holds: from now, or from a midnight to come.

    Raises:
        UsageError: it is no day, or one that has begun.
    """
    if first_day is None:
        return now
    zone_table(timezone)
    try:
        day = date.fromisoformat(first_day)
    except ValueError:
        raise UsageError("--from is a day like 2026-12-21") from None
    first = local_moment_of(timezone, day, 0)
    if first < now:
        raise UsageError(f"--from {first_day} has begun; give a day to come, or leave it out")
    return first


async def _assign(url: str, label: str, key_worker: str, first: datetime) -> None:
    async with await connect(url, Role.ENROL, "tidewell assign") as connection:
        staff = await practitioners(connection, first)
        if key_worker not in staff:
            raise UsageError(
                f"{key_worker[:60]!r} does not work here as a practitioner then; name somebody else"
            )
        person = await known_person(connection, label)
        if person is None:
            raise UsageError(f"nobody is enrolled as {label[:60]!r}")
        await change_key_worker(connection, staff[key_worker], person.person_id, first)
