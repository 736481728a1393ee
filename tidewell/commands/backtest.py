"""`tidewell backtest`: what another policy would have changed, before anybody switches it on."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tidewell.backtesting.comparison import Window
from tidewell.backtesting.report import as_json, as_lines
from tidewell.backtesting.store import History
from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.detection_policy import policy_in_use, read_policy
from tidewell.errors import UsageError
from tidewell.local_time import FIRST_YEAR, LAST_YEAR, day_date, day_number
from tidewell.small_site import find_site

if TYPE_CHECKING:
    from tidewell.backtesting.report import Backtest
    from tidewell.commands.what_if import Question

MOST_DAYS: Final = 3_650
"""Ten years, longer than anybody is watched over."""


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("backtest")(backtest)


def backtest(
    policy: Annotated[Path, typer.Option(help="The policy to try out, a TOML file.")],
    days: Annotated[
        int, typer.Option(help="How many of the last days count.", min=1, max=MOST_DAYS)
    ],
    against: Annotated[
        Path | None, typer.Option(help="A policy to compare with, in place of the one in use.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Last day that counts, like 2026-01-31; yesterday if absent.")
    ] = None,
    readings: Annotated[
        bool, typer.Option("--readings", help="Replay every reading, not the stored days; slow.")
    ] = False,
    as_data: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Say what another policy would have changed on stored days; nothing is written."""
    from tidewell.commands.what_if import Question  # noqa: PLC0415 -- other commands start without it

    settings = start_command("backtest", data_dir)
    proposed = read_policy(policy)
    present = policy_in_use(settings) if against is None else read_policy(against)
    last_day = _last_day(until)
    window = Window(last_day - days + 1, last_day)
    question = Question(present, proposed, window, readings, settings.silence_after_s)
    found = asyncio.run(_answer(find_site(settings).database_url, question))
    say(json.dumps(as_json(found), indent=2) if as_data else "\n".join(as_lines(found)))


async def _answer(url: str, question: Question) -> Backtest:
    from tidewell.commands.what_if import backtest as run  # noqa: PLC0415 -- see above

    async with History.open(url) as history:
        found = await run(history, question)
        if not found.basis.people:
            newest = await history.newest_day()
            said = "none" if newest is None else day_date(newest).isoformat()
            raise UsageError(
                f"nobody has a stored day up to {day_date(question.window.last_day)}; "
                f"the newest one is {said}: give --until"
            )
        return found


def _last_day(until: str | None) -> int:
    """Return the last day that counts; today is not over yet."""
    if until is None:
        return day_number(now_utc().date()) - 1
    try:
        day = date.fromisoformat(until)
    except ValueError:
        raise UsageError(f"--until: expected a day like 2026-01-31, found {until[:40]!r}") from None
    if not FIRST_YEAR < day.year < LAST_YEAR:
        raise UsageError(f"--until: expected a year after {FIRST_YEAR} and before {LAST_YEAR}")
    return day_number(day)
