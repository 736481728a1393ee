"""`tidewell rota check|import|add|cancel|show`: who is on duty when, as a service keeps it.

A file is the whole rota: once it is imported, nothing else of that rota holds. `add` writes one
dated shift over it, which wins over the shifts of the week while it lasts; `cancel` takes it back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Connection, Queries, Role, connect
from tidewell.errors import UsageError
from tidewell.local_time import zone_table
from tidewell.rota import Rota, Shift, holes, local_moment_of, shifts_between
from tidewell.rota_files import PROBLEMS_MOST, read_rota_file
from tidewell.rota_plans import RotaPlan, hole_words, plan_problems
from tidewell.rota_store import QUERIES as ROTA
from tidewell.rota_store import dated_numbers, practitioners, read_rotas, write_rota
from tidewell.small_site import find_site

DATED_DAYS_MOST: Final = 92
"""Longer than a quarter is no exception but another rota."""

_QUERIES: Final = Queries("tidewell.commands", "rota.sql")
_CLOCK: Final = "%a %Y-%m-%d %H:%M"

File = Annotated[Path, typer.Argument(help="The rota: a TOML file, or a calendar (.ics).")]
Name = Annotated[str, typer.Argument(help="The name of the rota.")]
FileName = Annotated[
    str | None, typer.Option("--name", help="Name of the rota, where a calendar has none.")
]
FileZone = Annotated[
    str | None, typer.Option("--timezone", help="For times of a calendar that have none.")
]
Zone = Annotated[str, typer.Option("--timezone", help="Whose clock is meant.")]


@dataclass(frozen=True, slots=True)
class _Known:
    """A rota of the site with the names of its people."""

    rota: Rota
    names: dict[int, str]
    numbers: dict[Shift, int]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    rota = typer.Typer(help="Who is on duty when.", no_args_is_help=True)
    rota.command("check")(check)
    rota.command("import")(import_file)
    rota.command("add")(add)
    rota.command("cancel")(cancel)
    rota.command("show")(show)
    app.add_typer(rota, name="rota")


def check(
    file: File, name: FileName = None, timezone: FileZone = None, data_dir: DataDir = None
) -> None:
    """Say whether a rota can be imported, and change nothing; works without a running site."""
    settings = start_command("rota", data_dir)
    plan = read_rota_file(file, name, timezone)
    try:
        url = find_site(settings).database_url
    except UsageError:
        _refuse(file, plan_problems(plan, None, now_utc()))
        say(
            f"{file.name} is a rota: {_counted(plan)}. No site runs here, so no name was looked up."
        )
        return
    asyncio.run(_checked(url, file, plan))
    say(f"{file.name} can be imported: {_counted(plan)}. Every name was looked up on the site.")


def import_file(
    file: File, name: FileName = None, timezone: FileZone = None, data_dir: DataDir = None
) -> None:
    """Check a rota and let it hold from now on; what the file does not say no longer holds."""
    settings = start_command("rota", data_dir)
    url = find_site(settings).database_url
    plan = read_rota_file(file, name, timezone)

    async def work() -> list[str]:
        now = now_utc()
        staff = await _checked(url, file, plan)
        async with await connect(url, Role.ENROL, "tidewell rota") as connection:
            await write_rota(connection, plan, staff, now)
        rota = plan.as_rota(staff, now)
        return hole_words(holes(rota, now, now + timedelta(days=14)), plan.timezone)

    left = asyncio.run(work())
    say(f"{plan.name} holds from now on: {_counted(plan)}.")
    for words in left[:PROBLEMS_MOST]:
        say(f"  {words}")


def add(
    name: Name,
    who: Annotated[list[str], typer.Option("--who", help="User name; may be given again.")],
    first: Annotated[str, typer.Option("--from", help="Like 2026-12-24T09:00.")],
    end: Annotated[str, typer.Option("--until", help="The same way.")],
    timezone: Zone = "Europe/London",
    data_dir: DataDir = None,
) -> None:
    """Put somebody on duty for once; while it lasts, the shifts of the week do not count."""
    settings = start_command("rota", data_dir)
    starts_at, ends_at = dated_span(first, end, timezone, now_utc())

    async def work() -> None:
        now = now_utc()
        url = find_site(settings).database_url
        async with await connect(url, Role.ENROL, "tidewell rota") as connection:
            known = await _known(connection, name, now)
            staff = await practitioners(connection, now)
            shifts = [Shift(starts_at, ends_at, _number(staff, one), is_dated=True) for one in who]
            _refuse_overlap(known, shifts)
            for shift in shifts:
                values = {"rota_id": known.rota.rota_id, "staff_id": shift.staff_id, "now": now}
                times = {"starts_at": starts_at, "ends_at": ends_at}
                await connection.execute(ROTA["add_dated"], values | times)

    asyncio.run(work())
    say(f"{', '.join(who)}: on duty for {name} from {first} until {end}, instead of the week's.")


def cancel(
    name: Name,
    number: Annotated[int, typer.Argument(help="The number that `tidewell rota show` prints.")],
    data_dir: DataDir = None,
) -> None:
    """Take a dated shift back; the shifts of the week count again."""
    settings = start_command("rota", data_dir)

    async def work() -> None:
        now = now_utc()
        url = find_site(settings).database_url
        async with await connect(url, Role.ENROL, "tidewell rota") as connection:
            known = await _known(connection, name, now)
            which = {"rota_id": known.rota.rota_id, "rota_shift_id": number, "now": now}
            if await (await connection.execute(ROTA["end_shift"], which)).fetchone() is None:
                raise UsageError(
                    f"{name} has no dated shift {number} to come; `tidewell rota show {name}`"
                    " prints their numbers"
                )

    asyncio.run(work())
    say(f"The dated shift {number} no longer holds; the shifts of the week count again.")


def show(
    name: Name,
    days: Annotated[int, typer.Option(min=1, max=92, help="How far to look ahead.")] = 14,
    timezone: Zone = "Europe/London",
    data_dir: DataDir = None,
) -> None:
    """Say who is on duty in the days to come, and when nobody is."""
    settings = start_command("rota", data_dir)
    zone_table(timezone)

    async def work() -> list[str]:
        now = now_utc()
        url = find_site(settings).database_url
        async with await connect(url, Role.ENROL, "tidewell rota") as connection:
            known = await _known(connection, name, now)
        return shown(known.rota, known.names, known.numbers, now, days, timezone)

    for line in asyncio.run(work()):
        say(line)


def shown(
    rota: Rota,
    names: dict[int, str],
    numbers: dict[Shift, int],
    now: datetime,
    days: int,
    timezone: str,
) -> list[str]:
    """Return a line for each shift and each hole, in order."""
    zone, end = ZoneInfo(timezone), now + timedelta(days=days)
    lines: list[tuple[datetime, str]] = []
    for shift in shifts_between(rota, now, end):
        times = (
            f"{shift.starts_at.astimezone(zone):{_CLOCK}} until"
            f" {shift.ends_at.astimezone(zone):{_CLOCK}}"
        )
        number = _number_of(shift, numbers)
        dated = f", instead of the week's (number {number})" if number is not None else ""
        lines.append((shift.starts_at, f"{times}  {names[shift.staff_id]}{dated}"))
    for hole in holes(rota, now, end):
        times = (
            f"{hole.starts_at.astimezone(zone):{_CLOCK}} until"
            f" {hole.ends_at.astimezone(zone):{_CLOCK}}"
        )
        lines.append((hole.starts_at, f"{times}  NOBODY"))
    return [line for _, line in sorted(lines)]


def dated_span(first: str, end: str, timezone: str, now: datetime) -> tuple[datetime, datetime]:
    """Return from when until when a dated shift lasts, by the clock of a time zone.

    Raises:
        UsageError: these are not such times.
    """
    zone_table(timezone)
    try:
        given = datetime.fromisoformat(first), datetime.fromisoformat(end)
    except ValueError:
        raise UsageError("--from and --until are times like 2026-12-24T09:00") from None
    starts_at, ends_at = (
        local_moment_of(timezone, one.date(), one.hour * 60 + one.minute)
        if one.tzinfo is None
        else one
        for one in given
    )
    if not starts_at < ends_at <= starts_at + timedelta(days=DATED_DAYS_MOST):
        raise UsageError(
            f"--until is not after --from, or more than {DATED_DAYS_MOST} days later; correct them"
        )
    if ends_at <= now:
        raise UsageError("--until lies in the past; correct it")
    return starts_at, ends_at


def _number_of(shift: Shift, numbers: dict[Shift, int]) -> int | None:
    """Return the number of a dated shift, which may be cut to what is shown."""
    for dated, number in numbers.items():
        is_part = dated.starts_at <= shift.starts_at and shift.ends_at <= dated.ends_at
        if shift.is_dated and is_part and dated.staff_id == shift.staff_id:
            return number
    return None


def _counted(plan: RotaPlan) -> str:
    return f"{len(plan.weekly)} shifts of each week, {len(plan.dated)} dated"


def _refuse(file: Path, problems: list[str]) -> None:
    if problems:
        raise UsageError(f"{file.name}: {'; '.join(problems[:PROBLEMS_MOST])}")


async def _checked(url: str, file: Path, plan: RotaPlan) -> dict[str, int]:
    async with await connect(url, Role.ENROL, "tidewell rota") as connection:
        staff = await practitioners(connection, now_utc())
    _refuse(file, plan_problems(plan, staff, now_utc()))
    return staff


async def _known(connection: Connection, name: str, now: datetime) -> _Known:
    row = await (await connection.execute(ROTA["lock_rota"], {"name": name})).fetchone()
    if row is None:
        raise UsageError(f"there is no rota {name[:60]!r}; `tidewell rota import FILE` makes one")
    rotas = await read_rotas(connection, now, [row[0]])
    names = await (await connection.execute(_QUERIES["names"])).fetchall()
    numbers = await dated_numbers(connection, row[0], now)
    return _Known(rotas[row[0]], {number: str(one) for number, one in names}, numbers)


def _number(staff: dict[str, int], name: str) -> int:
    if name not in staff:
        raise UsageError(
            f"{name[:60]!r} does not work here as a practitioner, or left; name somebody else"
        )
    return staff[name]


def _refuse_overlap(known: _Known, shifts: list[Shift]) -> None:
    for dated in known.rota.dated:
        for one in shifts:
            if dated.starts_at < one.ends_at and one.starts_at < dated.ends_at:
                number, who = known.numbers[dated], known.names[dated.staff_id]
                raise UsageError(
                    f"the dated shift {number} of {who} lasts until"
                    f" {dated.ends_at:%Y-%m-%d %H:%M} UTC and overlaps this one;"
                    f" `tidewell rota cancel {known.rota.name} {number}` takes it back"
                )
