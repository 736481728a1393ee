"""`tidewell up` and `tidewell doctor`: a small site on one machine, and what is the matter with it."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import Annotated, Final

import typer
from psycopg import OperationalError
from pydantic import SecretStr

from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, run_until_stopped, say, start_command
from tidewell.database import Connection, Role, connect
from tidewell.enrolment import add_sign_in, add_staff, add_team, has_sign_ins
from tidewell.errors import TidewellError
from tidewell.schema import storage_mode
from tidewell.settings import PREFIX, Settings
from tidewell.small_site import RunningSite, default_data_dir, find_site, running_site

FIRST_STAFF: Final = (
    ("worker", "practitioner", "First key worker"),
    ("clinician", "clinician", "First clinician"),
    ("admin", "admin", "Administrator"),
)
PASSWORD_BYTES: Final = 15
"""120 random bits: 20 characters to type once."""


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("up")(up)
    app.command("doctor")(doctor)


def up(
    data_dir: DataDir = None,
    port: Annotated[int | None, typer.Option(help="Port of the pages; 0 takes a free one.")] = None,
) -> None:
    """Run a small site: its servers, ingest, alerts and pages, until Ctrl-C."""
    settings = start_command("up", data_dir)
    if port is not None:
        settings = settings.model_copy(update={"portal_port": port})
    folder = (settings.data_dir or default_data_dir()).absolute()

    async def work(stop: asyncio.Event) -> None:
        async with running_site(settings, folder) as site:
            new_sign_ins = await first_sign_ins(site.addresses.database_url, folder)
            await site.start_stages()
            _introduce(site, folder, new_sign_ins)
            await site.watch(stop)

    run_until_stopped(work)


def doctor(
    data_dir: DataDir = None,
    settings_only: Annotated[
        bool, typer.Option("--settings", help="Only list the settings.")
    ] = False,
) -> None:
    """Say how this site is set up and whether its parts answer."""
    settings = start_command("doctor", data_dir)
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = (
            "(set, secret)"
            if isinstance(value, SecretStr)
            else "(not set)"
            if value is None
            else value
        )
        say(f"{PREFIX}{name.upper()} = {shown}\n    {field.description}")
    if not settings_only:
        asyncio.run(_examine(settings))


async def first_sign_ins(database_url: str, folder: Path) -> Path | None:
    """Make the first sign-ins of an empty site; return the private file that holds their passwords."""
    from portal.passwords import hash_password  # noqa: PLC0415 -- argon2 is only needed here

    async with await connect(database_url, Role.ENROL, "tidewell up") as connection:
        if await has_sign_ins(connection):
            return None
        path = folder / "first-sign-ins.txt"
        lines = [
            await _add_first(connection, *one, hash_password=hash_password) for one in FIRST_STAFF
        ]
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(
                "Sign-ins of this site; keep this file private, and delete it once they are known.\n"
            )
            file.writelines(lines)
        return path


async def _add_first(
    connection: Connection, username: str, role: str, name: str, *, hash_password: object
) -> str:
    assert callable(hash_password)  # given by the one caller above
    now = now_utc()
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    team_id = await add_team(connection, "First team", now)
    staff_id = await add_staff(connection, role, name, team_id, now)
    await add_sign_in(connection, username, hash_password(password), now, staff_id=staff_id)
    return f"{username}  {password}\n"


def _introduce(site: RunningSite, folder: Path, new_sign_ins: Path | None) -> None:
    say(f"Tidewell is up: {site.addresses.portal_url}")
    say(f"Data folder: {folder}")
    if new_sign_ins:
        say(f"First sign-ins (worker, clinician, admin) are in {new_sign_ins}")
    say("Ctrl-C stops it. Tidewell is not an emergency service and not a medical device.")


async def _examine(settings: Settings) -> None:
    try:
        site = find_site(settings)
        async with await connect(site.database_url, None, "tidewell doctor") as connection:
            mode = await storage_mode(connection)
        say(
            f"The database answers; readings are kept as {mode.value if mode else '(no schema yet)'}."
        )
    except (TidewellError, OperationalError) as error:
        say(f"No database: {error}")
        raise typer.Exit(1) from None
