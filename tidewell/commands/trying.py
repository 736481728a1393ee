"""`tidewell try-policy`: what the pages start when an administrator tries a policy.

A process of its own, because pages import no other stage and a backtest takes all of a processor.
Its question and its answer are a row of `policy_trial`, which an administrator reads. Never: lets a
policy hold, or says anything of one person: administrators do not learn how anybody is.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import typer
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from tidewell.backtesting.comparison import Window
from tidewell.backtesting.report import as_totals, totals_as_json
from tidewell.backtesting.store import History
from tidewell.clock import now_utc
from tidewell.commands.policy import (
    PolicyFile,
    RefusedPolicyError,
    checked_again,
    checked_policy,
    simulated,
    what_to_know,
)
from tidewell.commands.shared import start_command
from tidewell.database import Queries, Role, connect
from tidewell.detection_policy import parse_policy, policy_in_use
from tidewell.errors import ServerUnavailableError, UsageError
from tidewell.local_time import day_number
from tidewell.settings import Settings

FILE_NAME: Final = "policy.toml"
NO_PAST: Final = (
    "The account of the pages cannot read what this needs, or the database is away. Try it on the "
    "command line: tidewell policy simulate, or tidewell backtest."
)
LIMITS_ELSEWHERE: Final = (
    "limits: a limit is agreed with a person and stands in their plan; take them out here, or have"
    " them tried with `tidewell backtest`"
)
LINES_MOST: Final = 300
"""More than anybody reads on a page."""

_QUERIES: Final = Queries("tidewell.commands", "trying.sql")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_\"-]+)\s*=")
_TABLE: Final = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about which policy."""

    kind: str
    days: int | None
    about: str
    source: str | None
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out; `body` is a checked policy, or a backtest as data."""

    state: Literal["passed", "refused", "failed"]
    lines: list[str] = field(default_factory=list)
    body: dict[str, Any] | None = None


def register(app: typer.Typer) -> None:
    """Add this command; people use `tidewell policy` and `tidewell backtest`."""
    app.command("try-policy", hidden=True)(try_policy)


def try_policy(number: Annotated[int, typer.Argument(help="Number of the trial.")]) -> None:
    """Answer one question about a policy that the pages wrote down."""
    settings = start_command("policy")
    if settings.database_url is None:
        raise UsageError("TIDEWELL_DATABASE_URL is not set; the pages start this with their own")
    asyncio.run(_try(settings, settings.database_url.get_secret_value(), number))


async def _try(settings: Settings, url: str, number: int) -> None:
    which = {"policy_trial_id": number}
    async with await connect(url, Role.ENROL, "tidewell policy", autocommit=True) as connection:
        async with connection.cursor(row_factory=class_row(Asked)) as cursor:
            await cursor.execute(_QUERIES["claim"], which | {"now": now_utc()})
            asked = await cursor.fetchone()
        if asked is None:
            raise UsageError(f"no trial {number} waits; the pages make one")

        async def on_progress(done: int, total: int) -> None:
            told = which | {"done": done, "total": total, "now": now_utc()}
            await connection.execute(_QUERIES["progress"], told)

        answer = await _answer(settings, url, asked, on_progress)
        values = which | {
            "state": answer.state,
            "lines": answer.lines[:LINES_MOST],
            "body": None if answer.body is None else Jsonb(answer.body),
            "now": now_utc(),
        }
        await connection.execute(_QUERIES["end"], values)


async def _answer(settings: Settings, url: str, asked: Asked, on_progress: Any) -> Answer:  # noqa: ANN401 -- a callback of what_if
    source = asked.source or ""
    try:
        if asked.about == "detection":
            return await _about_detection(settings, url, asked, on_progress)
        if asked.source is None:
            document = await checked_again(url, asked.body or {})
            return Answer("passed", what_to_know(document), document.model_dump(mode="json"))
        file = PolicyFile(FILE_NAME, source)
        if asked.kind == "simulate":
            return Answer("passed", await simulated(url, file, asked.days or 1))
        document = await checked_policy(url, file)
        return Answer("passed", what_to_know(document), document.model_dump(mode="json"))
    except ServerUnavailableError:
        # Where each process has an account of its own, that of the pages may not read the past.
        return Answer("failed", [NO_PAST])
    except RefusedPolicyError as error:
        return Answer("refused", [with_line(source, one) for one in error.problems])
    except UsageError as error:
        words = str(error).removeprefix(f"{FILE_NAME}: ").removeprefix(f"{FILE_NAME} ")
        return Answer("refused", [with_line(source, one) for one in words.split("; ")])


async def _about_detection(settings: Settings, url: str, asked: Asked, on_progress: Any) -> Answer:  # noqa: ANN401 -- a callback of what_if
    proposed = parse_policy(FILE_NAME, (asked.source or "").encode())
    if proposed.limits is not None:
        # A limit can be for one person: how often it would have been crossed says how they are.
        raise UsageError(f"{FILE_NAME}: {LIMITS_ELSEWHERE}")
    if asked.kind == "check":
        return Answer("passed", ["It can be tried on stored days."])
    from tidewell.commands.what_if import Question, backtest  # noqa: PLC0415 -- loads NumPy and more

    last_day = day_number(now_utc().date()) - 1
    window = Window(last_day - (asked.days or 1) + 1, last_day)
    present = policy_in_use(settings)
    question = Question(present, proposed, window, False, settings.silence_after_s)
    async with History.open(url) as history:
        found = await backtest(history, question, on_progress)
    return Answer("passed", as_totals(found), totals_as_json(found))


def with_line(source: str, problem: str) -> str:
    """Return a problem with the line of the file that it is about, where one can be told.

    Example:
        >>> with_line('name = "x"\\nchain = []', "chain: too short")
        'Line 2: chain: too short'
    """
    keys = [part for part in re.split(r"[.\[\]]", problem.partition(":")[0]) if part]
    number = line_of(source, [part for part in keys if not part.isdigit()])
    return problem if number is None else f"Line {number}: {problem}"


def line_of(source: str, keys: list[str]) -> int | None:
    """Return the line of a key, or of the table that it is missing in."""
    table: list[str] = []
    best, depth = None, 0
    for number, line in enumerate(source.splitlines(), 1):
        if heading := _TABLE.fullmatch(line.partition("#")[0].rstrip()):
            table = [part.strip(' "') for part in heading[1].split(".")]
            path = table
        elif key := _KEY.match(line):
            path = [*table, key[1].strip('"')]
        else:
            continue
        if path == keys[: len(path)] and len(path) > depth:
            best, depth = number, len(path)
    return best
