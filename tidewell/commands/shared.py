"""What several commands need: settings with options over them, logs, one way to run async code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from tidewell import crashpoints
from tidewell.logs import configure_logs
from tidewell.process import stop_requested
from tidewell.settings import Settings, load_settings

Result = TypeVar("Result")

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the site; `tidewell up` says which.")
]

console = Console(stderr=True, highlight=False)
"""Progress goes to standard error, so that standard output holds results only."""


def start_command(part: str, data_dir: Path | None = None) -> Settings:
    """Read the settings, with the command's data folder over them, and set up logs."""
    settings = load_settings()
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir})
    configure_logs(settings.log_level, settings.log_format, part)
    crashpoints.arm(settings)
    return settings


def run_until_stopped(work: Callable[[asyncio.Event], Awaitable[Result]]) -> Result:
    """Run `work` with an event that SIGINT or SIGTERM sets."""

    async def run() -> Result:
        return await work(await stop_requested())

    return asyncio.run(run())


def say(text: str) -> None:
    """Print a line of a result."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
