"""`tidewell erase`, `export`, `hold`, `certificate` and `retention`: what the law asks.

They work as the owner of the database, as `tidewell migrate` does. Nothing is erased without
`--yes`, and a dry run shows what would go.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import connect
from tidewell.embedded.files import write_private
from tidewell.enrolment import known_person
from tidewell.errors import UsageError
from tidewell.lawful import retention
from tidewell.lawful.certificate import certificate_text
from tidewell.lawful.erasing import QUERIES, Asked, erase, would_go
from tidewell.lawful.exporting import EVERYTHING, export_of
from tidewell.lawful.exporting import QUERIES as EXPORTING
from tidewell.settings import Settings
from tidewell.small_site import Addresses, find_site
from tidewell.viewing import look_as

CERTIFICATES_FOLDER: Final = "certificates"
"""In the data folder of a small site."""
WORDS_MOST: Final = 500
NAME_MOST: Final = 100

Label = Annotated[str, typer.Argument(help="The person's code, as the pages show it.")]
Reason = Annotated[str, typer.Option(help="Why, without a name: it is kept.")]
By = Annotated[str, typer.Option(help="Who does it; it is kept.")]

hold = typer.Typer(
    help="Nothing about a person is erased while a hold lasts.", no_args_is_help=True
)
ages = typer.Typer(help="What is older than the settings say goes.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("erase")(erase_person)
    app.command("export")(export_person)
    app.command("certificate")(print_certificate)
    hold.command("set")(set_hold)
    hold.command("lift")(lift_hold)
    hold.command("list")(list_holds)
    app.add_typer(hold, name="hold")
    ages.command("run")(run_retention)
    app.add_typer(ages, name="retention")


def erase_person(
    label: Label,
    reason: Reason = "",
    by: By = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many rows would go; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. It cannot be undone.")] = False,
    to: Annotated[
        Path | None, typer.Option(help="Folder for the certificate; a small site has its own.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Erase a person everywhere, and write a certificate of it."""
    from detect.state import block_without  # noqa: PLC0415 -- other commands start without it

    settings = start_command("erase", data_dir)
    site = find_site(settings)
    if dry_run:
        gone = asyncio.run(would_go(site.database_url, label, block_without))
        _say_rows(gone)
        return
    _check(reason, by)
    if not yes:
        raise UsageError(
            "erasing cannot be undone; look at what would go with --dry-run, then say --yes"
        )
    asked = Asked(
        reason, by, settings.keep_backups_d, broker_is_ours=_broker_is_ours(settings, site)
    )
    record = asyncio.run(erase(site.database_url, label, asked, block_without))
    _write_certificate(record, _certificates(site, to))


def _broker_is_ours(settings: Settings, site: Addresses) -> bool:
    return bool(site.data_dir) and settings.broker_url is None


def _certificates(site: Addresses, to: Path | None) -> Path:
    if to is not None:
        return to
    return Path(site.data_dir) / CERTIFICATES_FOLDER if site.data_dir else Path.cwd()


def _write_certificate(record: dict[str, Any], folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    base = folder / f"erasure-of-person-{record['person']}"
    text = certificate_text(record)
    write_private(base.with_suffix(".json"), json.dumps(record, indent=2) + "\n")
    write_private(base.with_suffix(".txt"), text)
    say(text)
    say(f"The certificate is in {base}.txt and .json; file it outside this machine.")


def _say_rows(gone: dict[str, int]) -> None:
    for name, rows in gone.items():
        if rows:
            say(f"{rows:>9,}  {name}")
    say(f"{sum(gone.values()):>9,}  rows would go; nothing was changed")


def _check(reason: str, by: str) -> None:
    """Refuse words that cannot stand on a certificate."""
    if not 0 < len(reason.strip()) <= WORDS_MOST:
        raise UsageError(f"--reason is needed, up to {WORDS_MOST} characters and without a name")
    if not 0 < len(by.strip()) <= NAME_MOST:
        raise UsageError(f"--by is needed: who does it, up to {NAME_MOST} characters")


def export_person(
    label: Label,
    by: By = "",
    to: Annotated[Path | None, typer.Option(help="The zip file to write.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write everything about a person into one zip; read it before you hand it over."""
    settings = start_command("export", data_dir)
    if not 0 < len(by.strip()) <= NAME_MOST:
        raise UsageError(f"--by is needed: who does it, up to {NAME_MOST} characters")
    path = to or Path(f"tidewell-{label}.zip")
    if path.exists():
        raise UsageError(f"{path} is there already; name another file with --to")
    asyncio.run(_export(find_site(settings).database_url, label, path))
    say(f"Everything about {label} is in {path}. Others may be named in it: read it first.")


async def _export(url: str, label: str, path: Path) -> None:
    now = now_utc()
    async with await connect(url, None, "tidewell export") as connection:
        person = await known_person(connection, label)
        if person is None:
            raise UsageError(f"nobody is enrolled as {label!r}; use the label that the pages show")
        which = {"person_id": person.person_id, "now": now, "looked_at": "exported"}
        await connection.execute(EXPORTING["log_export"], which)
        await connection.commit()
        await connection.execute(EXPORTING["see_one_moment"])
        await look_as(connection, None, person.person_id, now)
        write_private(path, "")
        with path.open("wb") as file:
            async for part in export_of(connection, person.person_id, EVERYTHING, now):
                file.write(part)


def print_certificate(
    number: Annotated[
        int | None, typer.Argument(help="Of the erasure; the list without it.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Print the certificate of an erasure, or the list of them."""
    settings = start_command("certificate", data_dir)
    found = asyncio.run(_certificate_rows(find_site(settings).database_url))
    if number is None:
        for erasure_id, record in found.items():
            say(f"{erasure_id}: person {record['person']}, {record['checked_at'][:10]}")
        say(f"{len(found)} people were erased")
        return
    if number not in found:
        raise UsageError(f"there is no certificate {number}; without a number they are listed")
    say(certificate_text(found[number]))


async def _certificate_rows(url: str) -> dict[int, dict[str, Any]]:
    async with await connect(url, None, "tidewell certificate") as connection:
        rows = await (await connection.execute(QUERIES["certificates"])).fetchall()
    return dict(rows)


def set_hold(label: Label, reason: Reason = "", by: By = "", data_dir: DataDir = None) -> None:
    """Let nothing about a person be erased, by age or on request."""
    settings = start_command("hold", data_dir)
    _check(reason, by)
    values = {"reason": reason, "set_by": by}
    changed = asyncio.run(_change_hold(find_site(settings).database_url, "set_hold", label, values))
    say(f"{label} is on hold." if changed else f"{label} was on hold already.")


def lift_hold(label: Label, by: By = "", data_dir: DataDir = None) -> None:
    """End a hold; what is too old goes with the next run."""
    settings = start_command("hold", data_dir)
    _check("-", by)
    url = find_site(settings).database_url
    changed = asyncio.run(_change_hold(url, "lift_hold", label, {"lifted_by": by}))
    say(f"{label} is not on hold any more." if changed else f"{label} was not on hold.")


async def _change_hold(url: str, name: str, label: str, values: dict[str, str]) -> bool:
    async with await connect(url, None, "tidewell hold") as connection:
        person = await known_person(connection, label)
        if person is None:
            raise UsageError(f"nobody is enrolled as {label!r}; use the label that the pages show")
        which = {"person_id": person.person_id, "now": now_utc(), **values}
        return (await connection.execute(QUERIES[name], which)).rowcount > 0


def list_holds(data_dir: DataDir = None) -> None:
    """List who is on hold, why and since when."""
    settings = start_command("hold", data_dir)

    async def work() -> list[tuple[Any, ...]]:
        async with await connect(
            find_site(settings).database_url, None, "tidewell hold"
        ) as connection:
            return await (await connection.execute(QUERIES["holds"])).fetchall()

    rows = asyncio.run(work())
    for label, reason, set_by, set_at in rows:
        say(f"{label}: {reason} ({set_by}, {set_at:%Y-%m-%d})")
    say(f"{len(rows)} people are on hold")


def run_retention(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; change nothing.")
    ] = False,
    at: Annotated[
        datetime | None, typer.Option(help="As if it were this moment, for a dry run.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Let go of what is older than the settings say; a small site does it each day by itself."""
    settings = start_command("retention", data_dir)
    if at is not None and not dry_run:
        raise UsageError("--at is for a dry run; what goes, goes by the clock")
    now = now_utc() if at is None else at.replace(tzinfo=UTC)
    url = find_site(settings).database_url
    for gone in asyncio.run(retention.run(url, settings, now, dry_run=dry_run)):
        say(gone.sentence("would go" if dry_run else "went"))
