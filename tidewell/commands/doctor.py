"""`tidewell doctor`: what is wrong with a site, one line for each finding, and what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from tidewell.channel_examination import examine_channels
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.examination import Addresses, Finding, Verdict, examine, worst, worst_first
from tidewell.settings import PREFIX, Settings
from tidewell.small_site import find_site


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("doctor")(doctor)


def doctor(
    data_dir: DataDir = None,
    settings_only: Annotated[
        bool, typer.Option("--settings", help="Only list the settings.")
    ] = False,
) -> None:
    """Say how this site is and what to do about it; ends with 1 where something must be done."""
    settings = start_command("doctor", data_dir)
    if settings_only:
        _list_settings(settings)
        return
    site = find_site(settings)
    addresses = Addresses(
        site.database_url,
        site.broker_url,
        Path(site.data_dir) if site.data_dir else None,
        site.broker_authority,
    )
    findings = asyncio.run(_examine(settings, addresses))
    for one in findings:
        say(one.line())
    if worst(findings) is Verdict.ACT:
        raise typer.Exit(1)


async def _examine(settings: Settings, addresses: Addresses) -> list[Finding]:
    site = await examine(settings, addresses)
    return worst_first([*site, *await examine_channels(settings, addresses.database_url)])


def _list_settings(settings: Settings) -> None:
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = value
        if value is None:
            shown = "(not set)"
        elif isinstance(value, SecretStr):
            shown = "(set, secret)"
        say(f"{PREFIX}{name.upper()} = {shown}\n    {field.description}")
