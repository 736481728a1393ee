"""`tidewell staff` and `tidewell enrol`: who works here, and who wears a device.

`tidewell plan` belongs with them and has its own module.

A password or a link is made here, shown once, and kept only as a hash.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
from psycopg.errors import CheckViolation, UniqueViolation

from tidewell.clock import now_utc
from tidewell.commands import credentials, plan
from tidewell.commands.credentials import shown_once
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.commands.sign_ins import database_of, link_words
from tidewell.database import Connection, Role, connect
from tidewell.device_credentials import give_secrets
from tidewell.embedded.files import write_private
from tidewell.enrolment import (
    add_sign_in,
    add_staff,
    add_team,
    assign,
    device_name_of,
    enrol_device,
    enrol_person,
    has_sign_ins,
    staff_members,
)
from tidewell.errors import UsageError
from tidewell.settings import Settings
from tidewell.small_site import find_site

FIRST_TEAM: Final = "First team"
FIRST_STAFF: Final = (
    ("worker", "practitioner", "First key worker"),
    ("clinician", "clinician", "First clinician"),
    ("admin", "admin", "Administrator"),
)
ROLES: Final = ("practitioner", "clinician", "admin")
PASSWORD_BYTES: Final = 15
"""120 random bits: 20 characters to type once."""

HashPassword = Callable[[str], str]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("staff")(staff)
    app.command("enrol")(enrol)
    credentials.register(app)
    plan.register(app)


def staff(
    username: Annotated[str, typer.Argument(help="What they sign in with.")],
    role: Annotated[str, typer.Option(help="practitioner, clinician or admin.")],
    name: Annotated[str, typer.Option(help="What people call them.")],
    team: Annotated[
        str, typer.Option(help="Their team; it is made where it is not there.")
    ] = FIRST_TEAM,
    link: Annotated[
        bool, typer.Option("--link", help="A link to choose a password, instead of one made here.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Let a member of staff sign in, and print their password or link once."""
    from portal.passwords import hash_password  # noqa: PLC0415 -- argon2 is only needed here

    settings = start_command("staff", data_dir)
    if role not in ROLES:
        raise UsageError(f"unknown role {role!r}; choose one of {', '.join(ROLES)}")
    made = _add_one(settings, username, role, name, team, None if link else hash_password)
    say(asyncio.run(made))


def enrol(
    label: Annotated[str, typer.Argument(help="A code for the person that is not their name.")],
    name: Annotated[str, typer.Option(help="What the person likes to be called.")],
    key_worker: Annotated[str, typer.Option(help="User name of their key worker.")],
    timezone: Annotated[str, typer.Option(help="Where they live.")] = "Europe/London",
    reading_level: Annotated[str, typer.Option(help="8-11, 12-15 or 16-18.")] = "12-15",
    device: Annotated[str | None, typer.Option(help="Name of their device in topics.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Enrol a young person with a device and a key worker, and say where the device sends."""
    settings = start_command("enrol", data_dir)
    if reading_level not in ("8-11", "12-15", "16-18"):
        raise UsageError(f"unknown reading level {reading_level!r}; choose 8-11, 12-15 or 16-18")
    device_name = device or device_name_of(label)

    async def work() -> tuple[int, str]:
        now = now_utc()
        async with await connect(
            find_site(settings).database_url, Role.ENROL, "tidewell enrol"
        ) as connection:
            known = {one.username: one for one in await staff_members(connection)}
            if key_worker not in known or known[key_worker].role != "practitioner":
                raise UsageError(f"no practitioner signs in as {key_worker!r}")
            person = await enrol_person(
                connection,
                label,
                now,
                preferred_name=name,
                timezone=timezone,
                reading_level=reading_level,
            )
            if not person.is_new:
                raise UsageError(f"{label!r} is enrolled already; choose another label")
            await enrol_device(connection, device_name, person.person_id, now, model="unknown")
            await assign(
                connection, known[key_worker].staff_id, person.person_id, "key_worker", now
            )
            secrets_given = await give_secrets(connection, [device_name], now)
            return person.shard, secrets_given[device_name]

    try:
        shard, device_secret = asyncio.run(work())
    except CheckViolation:
        raise UsageError(
            f"{device_name!r} cannot be a device's name; use up to 63 of a-z, 0-9 and -"
        ) from None
    say(f"{label} is enrolled. Their device publishes to tidewell/v1/{shard}/{device_name}/frame")
    say(shown_once(device_name, device_secret))


async def first_sign_ins(database_url: str, folder: Path) -> Path | None:
    """Make the first sign-ins of an empty site; return the private file with their passwords."""
    from portal.passwords import hash_password  # noqa: PLC0415 -- argon2 is only needed here

    async with await connect(database_url, Role.ENROL, "tidewell up") as connection:
        if await has_sign_ins(connection):
            return None
        path = folder / "first-sign-ins.txt"
        lines = [
            await _add(connection, username, role, name, FIRST_TEAM, hash_password)
            for username, role, name in FIRST_STAFF
        ]
        heading = (
            "Sign-ins of this site; keep this file private, and delete it once they are known."
        )
        write_private(path, "".join(f"{line}\n" for line in (heading, *lines)))
        return path


async def _add_one(
    settings: Settings,
    username: str,
    role: str,
    name: str,
    team: str,
    hash_password: HashPassword | None,
) -> str:
    url = database_of(settings)
    try:
        async with await connect(url, Role.ENROL, "tidewell staff") as connection:
            made = await _add(connection, username, role, name, team, hash_password)
            if hash_password is None:
                return await link_words(connection, settings, username, now_utc())
            return made
    except CheckViolation:
        raise UsageError(
            f"{username!r} cannot be a user name; "
            "use up to 63 of a-z, 0-9 and . _ -, a letter or digit first"
        ) from None
    except UniqueViolation:
        raise UsageError(
            f"somebody signs in as {username!r} already; choose another name"
        ) from None


async def _add(
    connection: Connection,
    username: str,
    role: str,
    name: str,
    team: str,
    hash_password: HashPassword | None,
) -> str:
    """Add a member of staff; without a way to hash a password they have none yet."""
    now = now_utc()
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    team_id = await add_team(connection, team, now)
    staff_id = await add_staff(connection, role, name, team_id, now)
    password_hash = hash_password(password) if hash_password else ""
    await add_sign_in(connection, username, password_hash, now, staff_id=staff_id)
    return f"{username}  {password}"
