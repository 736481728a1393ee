"""`tidewell repair`: judge days again whose readings came too late, now and not in a while.

It writes days and nothing else: no episode, no alert, and nothing that ingest remembers. It may run
beside ingest; whoever is done first with a person's days writes them.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from tidewell.commands.shared import DataDir, say, start_command
from tidewell.errors import ServerError, UsageError
from tidewell.small_site import find_site

if TYPE_CHECKING:
    from ingest.repairing.judging import Job, Report
    from ingest.repairing.store import RepairStore
    from tidewell.settings import Settings

NOTHING_WAITS = "no day waits to be judged again"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("repair")(repair)


def repair(
    person: Annotated[
        str | None,
        typer.Option(help="Only this person, by label; all their days where none of them wait."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be other than it is; write nothing.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Judge days again whose readings came too late for it; nobody is alerted."""
    settings = start_command("repair", data_dir)
    for line in asyncio.run(_repair(settings, person, writes=not dry_run)):
        say(line)


async def _repair(settings: Settings, label: str | None, *, writes: bool) -> list[str]:
    from ingest.repairing.judging import in_all  # noqa: PLC0415 -- other commands start without it
    from ingest.repairing.store import RepairStore  # noqa: PLC0415 -- see above

    async with RepairStore.open(find_site(settings).database_url) as store:
        jobs = await _jobs(store, label)
        if not jobs:
            return [NOTHING_WAITS]
        reports = [await _judge(store, settings, job, writes=writes) for job in jobs]
    said = [one.sentence() for one in reports]
    said += [in_all(reports)] if len(reports) > 1 else []
    return said if writes else [*said, "nothing was written"]


async def _jobs(store: RepairStore, label: str | None) -> list[Job]:
    jobs = await store.open_jobs(label)
    if jobs or label is None:
        return jobs
    if not await store.is_known(label):
        raise UsageError(f"nobody is enrolled as {label!r}; use the label that the pages show")
    whole = await store.whole_history(label)
    if whole is None:
        raise UsageError(f"no day of {label} was ever judged; a day is when the next one begins")
    return [whole]


async def _judge(store: RepairStore, settings: Settings, job: Job, *, writes: bool) -> Report:
    from detect.policy import DEFAULT_BUDGETS, Policy  # noqa: PLC0415 -- see above
    from ingest.repairing.service import repair as judge_again  # noqa: PLC0415 -- see above
    from ingest.service import DetectorScoring  # noqa: PLC0415 -- see above
    from tidewell.detection_policy import policy_in_use  # noqa: PLC0415 -- see above

    policy = Policy(**policy_in_use(settings).keywords(DEFAULT_BUDGETS))
    scoring = partial(DetectorScoring, settings.silence_after_s, policy, one_by_one=False)
    report = await judge_again(store, scoring, job, 0.0, writes=writes)
    if report is None:
        raise ServerError(
            "these days change while they are judged: readings come in for them; try again later"
        )
    return report
