"""One command for each stage and the schema: what `tidewell up` starts and a larger site runs."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from typing import Annotated, Final

import typer

from tidewell.commands.shared import run_until_stopped, say, start_command
from tidewell.demo_people import DEMO_PASSWORD, DEMO_SIGN_INS
from tidewell.errors import SettingsError
from tidewell.logs import get_logger
from tidewell.metrics import ALERTS_PLACE, INGEST_PLACE, PORTAL_PLACE, Board, Measure, served_board
from tidewell.process import ChildProcess, stage_command
from tidewell.schema import migrate
from tidewell.settings import Settings
from tidewell.vocabulary import SHARD_COUNT

SHORTEST_CLIENT_ID: Final = 32
"""Characters: 128 random bits in hexadecimal."""
BEAT_S: Final = 5.0
"""A turn of the event loop that takes longer would be noticed by whoever reads a page."""


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("ingest")(run_ingest_stage)
    app.command("alerts")(run_alerts_stage)
    app.command("portal")(run_portal_stage)
    app.command("migrate")(run_migrate)


def run_ingest_stage(
    workers: Annotated[
        int | None, typer.Option(min=1, max=SHARD_COUNT, help="Processes that share the shards.")
    ] = None,
    number: Annotated[int | None, typer.Option(hidden=True)] = None,
    owner: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Take readings in: from the broker to the database, scored on the way."""
    settings = start_command("ingest")
    database_url = _database_url(settings)
    client_id = _ingest_client_id(settings)
    count = workers or settings.ingest_workers
    # Whoever starts a process again and again gives it one name for all its lives.
    owner = owner or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    if count > 1 and number is None:
        run_until_stopped(lambda stop: _keep_workers(count, owner, stop))
        return
    from ingest.service import run_ingest  # noqa: PLC0415 -- only this process pays for its imports

    async def work(stop: asyncio.Event) -> None:
        assert settings.broker_url is not None  # asked for with the client id
        async with served_board(settings, INGEST_PLACE + (number or 0)) as board:
            counts = await run_ingest(
                settings,
                database_url,
                settings.broker_url.get_secret_value(),
                client_id,
                stop=stop,
                owner=owner if number is None else f"{owner}-{number}",
                board=board,
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


async def _keep_workers(count: int, owner: str, stop: asyncio.Event) -> None:
    """Keep so many workers running, each a process, until `stop` is set.

    A worker that is started again is the same owner to the leases: it goes on with its own shards
    at once, and the epoch fences whatever its former life may still be about to commit.

    Raises:
        ServerError: a worker refused its settings or dies too often; the others were stopped.
    """
    children = [
        ChildProcess(
            f"ingest-{number}",
            stage_command("ingest", "--number", str(number), "--owner", owner),
        )
        for number in range(count)
    ]
    running = [asyncio.create_task(child.run(stop)) for child in children]
    try:
        await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stop.set()
        ended = await asyncio.gather(*running, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one


def _ingest_client_id(settings: Settings) -> str:
    if settings.broker_url is None:
        raise SettingsError(
            "TIDEWELL_BROKER_URL is not set; ingest needs a broker, or use `tidewell up`"
        )
    client_id = settings.ingest_client_id
    if client_id is None or len(client_id.get_secret_value()) < SHORTEST_CLIENT_ID:
        raise SettingsError(
            f"TIDEWELL_INGEST_CLIENT_ID must be a secret of {SHORTEST_CLIENT_ID} characters "
            "or more: whoever knows it can take the broker's session over"
        )
    return client_id.get_secret_value()


def run_alerts_stage() -> None:
    """Turn findings into alerts and hand them to people."""
    from alerts.service import run_alerts  # noqa: PLC0415 -- only this process pays for its imports

    settings = start_command("alerts")
    database_url = _database_url(settings)

    async def work(stop: asyncio.Event) -> None:
        handed_over = 0

        def on_handed_over(alert_id: int) -> None:
            nonlocal handed_over
            del alert_id
            handed_over += 1

        async with served_board(settings, ALERTS_PLACE) as board:
            board.add(
                lambda: [
                    Measure.counter(
                        "tidewell_alerts_handed_over_total",
                        "Messages that a channel took; nobody may have read them.",
                        handed_over,
                    )
                ]
            )
            await run_alerts(
                settings, database_url, stop=stop, on_handed_over=on_handed_over, board=board
            )

    run_until_stopped(work)


def run_portal_stage() -> None:
    """Serve the pages."""
    from portal.context import DemoSignIn  # noqa: PLC0415 -- only this process pays for its imports
    from portal.service import run_portal  # noqa: PLC0415

    settings = start_command("portal")
    database_url = _database_url(settings)
    shown = [DemoSignIn(one.who, one.username, DEMO_PASSWORD) for one in DEMO_SIGN_INS]

    async def work(stop: asyncio.Event) -> None:
        async with served_board(settings, PORTAL_PLACE) as board:

            def on_ready(url: str) -> None:
                get_logger().info("ready", url=url)
                board.not_ready = ""

            beating = asyncio.create_task(_beat(board))
            try:
                await run_portal(
                    settings,
                    database_url,
                    stop=stop,
                    on_ready=on_ready,
                    demo_sign_ins=shown if settings.demo else (),
                )
            finally:
                beating.cancel()

    run_until_stopped(work)


async def _beat(board: Board) -> None:
    """Say that the event loop turns: the pages have no main loop of their own."""
    while True:
        board.beat()
        await asyncio.sleep(BEAT_S)


def run_migrate() -> None:
    """Bring the database to the newest schema."""
    settings = start_command("migrate")
    mode = asyncio.run(migrate(_database_url(settings), settings.storage_mode))
    say(f"The schema is up to date; readings are kept as {mode.value}.")


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        raise SettingsError("TIDEWELL_DATABASE_URL is not set; set it, or use `tidewell up`")
    return settings.database_url.get_secret_value()
