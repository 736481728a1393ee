"""`tidewell up` and `tidewell doctor`: a small site on one machine, and what is wrong with it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from psycopg import OperationalError
from pydantic import SecretStr

from tidewell.commands.people import first_sign_ins
from tidewell.commands.shared import DataDir, run_until_stopped, say, start_command
from tidewell.database import connect
from tidewell.errors import TidewellError
from tidewell.schema import storage_mode
from tidewell.settings import PREFIX, Settings
from tidewell.small_site import RunningSite, default_data_dir, find_site, running_site


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
            "The database answers; "
            f"readings are kept as {mode.value if mode else '(no schema yet)'}."
        )
    except (TidewellError, OperationalError) as error:
        say(f"No database: {error}")
        raise typer.Exit(1) from None
