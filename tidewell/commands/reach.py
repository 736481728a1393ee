"""`tidewell policy reach`: who would not be reached in the days to come, before it matters.

It looks and changes nothing. Staff and rotas are named; of young people only a number is said, and
with `--labels` the codes under which they are enrolled.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Queries, Role, connect
from tidewell.small_site import find_site

if TYPE_CHECKING:
    from alerts.policy import PolicyDocument
    from tidewell.settings import Settings

LABELS_MOST: Final = 20
"""As many as fit on a line or two; whoever has more to do begins with these."""

_QUERIES: Final = Queries("tidewell.commands", "reach.sql")


def reach(
    file: Annotated[
        Path | None, typer.Argument(help="Another policy to look with, a TOML file.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=92, help="How far to look ahead.")] = 7,
    labels: Annotated[
        bool, typer.Option("--labels", help="Also say about whom, by their labels.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Say who would not be reached in the days to come; ends with 1 where anybody would not."""
    settings = start_command("policy", data_dir)
    lines, is_well = asyncio.run(_reach(settings, file, days, labels=labels))
    for line in lines:
        say(line)
    if not is_well:
        raise typer.Exit(1)


async def _reach(
    settings: Settings, file: Path | None, days: int, *, labels: bool
) -> tuple[list[str], bool]:
    from alerts.channels import open_channels  # noqa: PLC0415 -- only this command needs them
    from alerts.reaching.store import gather  # noqa: PLC0415 -- as above
    from alerts.service import site_of  # noqa: PLC0415 -- as above
    from alerts.store import Desk  # noqa: PLC0415 -- as above

    url = find_site(settings).database_url
    document = await _document(url, file)
    channels = open_channels(settings)
    site = site_of(settings, channels)
    for channel in channels.values():
        await channel.close()
    async with await connect(url, Role.ALERTS, "tidewell policy", autocommit=True) as connection:
        gathered = await gather(Desk(connection, site, now_utc()), days, document)
        found = gathered.look()
        named = await _labels(url) if labels else {}
    lines = []
    for finding, one in zip(found, gathered.told(found), strict=True):
        lines.append(f"{one.reason.value:<20} {one.line()}")
        if labels and finding.people:
            said = [named[person_id] for person_id in finding.people[:LABELS_MOST]]
            more = len(finding.people) - len(said)
            lines.append(f"{'':<20} {', '.join(said)}" + (f" and {more} more" if more else ""))
    summary = f"{len(gathered.people)} people, {days} days and nights: "
    summary += f"{len(found)} findings." if found else "everybody would be reached."
    return [*lines, summary], not found


async def _document(url: str, file: Path | None) -> PolicyDocument | None:
    from tidewell.commands.policy import (  # noqa: PLC0415 -- it registers this command
        checked_policy,
        open_policy,
    )

    return None if file is None else await checked_policy(url, open_policy(file))


async def _labels(url: str) -> dict[int, str]:
    async with await connect(url, Role.ENROL, "tidewell policy") as connection:
        rows = await (await connection.execute(_QUERIES["labels"])).fetchall()
    return {int(person_id): str(label) for person_id, label in rows}
