"""`tidewell audit`: whether the access log is as it was written, and its head for safe keeping.

The log has every look, every change by an administrator and every opening in need.

It works as the owner of the database and reads only. `verify` ends with status 1 and names the
first entry that does not hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

import typer

from tidewell.access_chain import Entry, Followed, Follower, Head, Seal, head_from
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Connection, Queries, connect
from tidewell.errors import ServerError
from tidewell.small_site import find_site

QUERIES: Final = Queries("tidewell.commands", "audit.sql")

ROWS_AT_ONCE: Final = 10_000
"""About two megabytes."""

audit = typer.Typer(help="Who looked, and proof that nobody changed it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    audit.command("verify")(verify)
    audit.command("head")(print_head)
    app.add_typer(audit, name="audit")


def verify(
    head: Annotated[
        str | None, typer.Option(help="What `tidewell audit head` printed earlier.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Work out every seal of the access log again; the first that does not hold is named."""
    settings = start_command("audit", data_dir)
    kept = head_from(head) if head else None
    followed, waiting = asyncio.run(verified(find_site(settings).database_url, kept))
    if followed.problem:
        raise ServerError(
            f"the access log was tampered with: {followed.problem}; everything up to seal"
            f" {followed.head.number} holds. Keep the database as it is and compare with a backup"
        )
    say(f"The access log holds: {followed.head.number} seals, {waiting} entries wait for theirs.")


async def verified(url: str, kept: Head | None) -> tuple[Followed, int]:
    """Follow the seals of a database, and return how many looks wait for theirs as well."""
    async with await connect(url, None, "tidewell audit") as connection:
        await connection.execute(QUERIES["see_one_moment"])
        follower = Follower(kept)
        async for seal in _seals(connection):
            if not follower.take(seal):
                break
        followed = follower.end()
        lost = await (await connection.execute(QUERIES["unaccounted"])).fetchone()
        if lost is not None and not followed.problem:
            followed = Followed(followed.head, str(lost[0]))
        waiting = await (await connection.execute(QUERIES["waiting"])).fetchone()
    return followed, int(waiting[0]) if waiting else 0


async def _seals(connection: Connection) -> AsyncIterator[Seal]:
    async with connection.cursor(name="seals") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        await cursor.execute(QUERIES["seals"])
        async for number, access_id, sealed, at_us, *written in cursor:
            entry = None if at_us is None else Entry(at_us, *written)
            yield Seal(number, access_id, bytes(sealed), entry)


def print_head(data_dir: DataDir = None) -> None:
    """Print the newest seal: keep it where nobody who runs the database can change it."""
    settings = start_command("audit", data_dir)
    say(str(asyncio.run(newest_head(find_site(settings).database_url))))


async def newest_head(url: str) -> Head:
    """Return the newest seal.

    Raises:
        ServerError: there is none yet.
    """
    async with await connect(url, None, "tidewell audit") as connection:
        row = await (await connection.execute(QUERIES["head"])).fetchone()
    if row is None:
        raise ServerError("no look was sealed yet; the portal seals what is looked at, try again")
    return Head(row[0], bytes(row[1]))
