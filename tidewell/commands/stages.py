"""One command for each stage and the schema: what `tidewell up` starts and a larger site runs."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from typing import Final

import typer

from tidewell.commands.shared import run_until_stopped, say, start_command
from tidewell.demo_people import DEMO_PASSWORD, DEMO_SIGN_INS
from tidewell.errors import SettingsError
from tidewell.logs import get_logger
from tidewell.schema import migrate
from tidewell.settings import Settings

SHORTEST_CLIENT_ID: Final = 32
"""Characters: 128 random bits in hexadecimal."""


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("ingest")(run_ingest_stage)
    app.command("alerts")(run_alerts_stage)
    app.command("portal")(run_portal_stage)
    app.command("migrate")(run_migrate)


def run_ingest_stage() -> None:
    """Take readings in: from the broker to the database, scored on the way."""
    from ingest.service import run_ingest  # noqa: PLC0415 -- only this process pays for its imports

    settings = start_command("ingest")
    database_url, broker_url = _database_url(settings), settings.broker_url
    if broker_url is None:
        raise SettingsError(
            "TIDEWELL_BROKER_URL is not set; ingest needs a broker, or use `tidewell up`"
        )
    client_id = settings.ingest_client_id
    if client_id is None or len(client_id.get_secret_value()) < SHORTEST_CLIENT_ID:
        raise SettingsError(
            f"TIDEWELL_INGEST_CLIENT_ID must be a secret of {SHORTEST_CLIENT_ID} characters "
            "or more: whoever knows it can take the broker's session over"
        )
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"

    async def work(stop: asyncio.Event) -> None:
        counts = await run_ingest(
            settings,
            database_url,
            broker_url.get_secret_value(),
            client_id.get_secret_value(),
            stop=stop,
            owner=owner,
        )
        get_logger().info(
            "stopped",
            frames_committed=counts.frames_committed,
            frames_dead_lettered=counts.frames_dead_lettered,
            frames_repeated=counts.frames_repeated,
            readings=counts.readings,
            batches=counts.batches,
            reasons={reason.value: count for reason, count in counts.by_reason.items()},
        )

    run_until_stopped(work)


def run_alerts_stage() -> None:
    """Turn findings into alerts and hand them to people."""
    from alerts.service import run_alerts  # noqa: PLC0415 -- only this process pays for its imports

    settings = start_command("alerts")
    database_url = _database_url(settings)
    run_until_stopped(lambda stop: run_alerts(settings, database_url, stop=stop))


def run_portal_stage() -> None:
    """Serve the pages."""
    from portal.context import DemoSignIn  # noqa: PLC0415 -- only this process pays for its imports
    from portal.service import run_portal  # noqa: PLC0415

    settings = start_command("portal")
    database_url = _database_url(settings)
    shown = [DemoSignIn(one.who, one.username, DEMO_PASSWORD) for one in DEMO_SIGN_INS]

    def on_ready(url: str) -> None:
        get_logger().info("ready", url=url)

    run_until_stopped(
        lambda stop: run_portal(
            settings,
            database_url,
            stop=stop,
            on_ready=on_ready,
            demo_sign_ins=shown if settings.demo else (),
        )
    )


def run_migrate() -> None:
    """Bring the database to the newest schema."""
    settings = start_command("migrate")
    mode = asyncio.run(migrate(_database_url(settings), settings.storage_mode))
    say(f"The schema is up to date; readings are kept as {mode.value}.")


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        raise SettingsError("TIDEWELL_DATABASE_URL is not set; set it, or use `tidewell up`")
    return settings.database_url.get_secret_value()
