"""`tidewell up`: a small site on one machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tidewell.commands.people import first_sign_ins
from tidewell.commands.shared import DataDir, run_until_stopped, say, start_command
from tidewell.small_site import RunningSite, default_data_dir, running_site


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("up")(up)


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


def _introduce(site: RunningSite, folder: Path, new_sign_ins: Path | None) -> None:
    say(f"Tidewell is up: {site.addresses.portal_url}")
    say(f"Data folder: {folder}")
    if new_sign_ins:
        say(f"First sign-ins (worker, clinician, admin) are in {new_sign_ins}")
    say("Ctrl-C stops it. Tidewell is not an emergency service and not a medical device.")
