"""`tidewell sign-in`: links to choose an own password, and ways in that are closed.

A link is shown once (`tidewell/sign_in_links.py`); whoever hands it over sees to it that it reaches
the right person: it is as good as a password until then.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import typer
from psycopg.errors import CheckViolation, UniqueViolation
from psycopg.rows import class_row

from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Connection, Queries, Role, connect
from tidewell.enrolment import add_sign_in, known_person
from tidewell.errors import UsageError
from tidewell.settings import Settings
from tidewell.sign_in_links import drop_password, end_ways_in, make_link
from tidewell.small_site import find_site

_QUERIES: Final = Queries("tidewell.commands", "sign_ins.sql")

Username = Annotated[str, typer.Argument(help="What they sign in with.")]


@dataclass(frozen=True, slots=True)
class SignInState:
    """How a sign-in stands, without anything that would let somebody in."""

    username: str
    role: str
    disabled_at: datetime | None
    has_password: bool
    passkeys: int
    has_app: bool
    codes_left: int
    link_until: datetime | None

    def line(self, now: datetime) -> str:
        """Return one line of the list."""
        parts = []
        if self.disabled_at is not None and self.disabled_at <= now:
            parts.append("disabled: nobody can sign in with it")
        elif not self.has_password:
            parts.append("no password chosen yet")
        if self.link_until is not None and self.link_until > now:
            parts.append(f"a link waits until {_when(self.link_until)}")
        if self.has_factor:
            parts.append(self._factor_words())
        elif self.role != "young_person":
            parts.append("no second step yet")
        return "  ".join((self.username, self.role.replace("_", " "), ", ".join(parts) or "ready"))

    @property
    def has_factor(self) -> bool:
        """Return whether a second step is set up."""
        return self.has_app or self.passkeys > 0

    def _factor_words(self) -> str:
        passkeys = f"{self.passkeys} passkey{'' if self.passkeys == 1 else 's'}"
        ways = [passkeys] if self.passkeys else []
        ways += ["an app"] if self.has_app else []
        codes = (
            f", {self.codes_left} recovery code{'' if self.codes_left == 1 else 's'} left"
            if self.role != "young_person"
            else ""
        )
        return " and ".join(ways) + codes


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="Who can sign in, and how they start.", no_args_is_help=True)
    group.command("list")(show)
    group.command("invite")(invite)
    group.command("reset")(reset)
    group.command("disable")(disable)
    group.command("enable")(enable)
    app.add_typer(group, name="sign-in")


def show(data_dir: DataDir = None) -> None:
    """List who can sign in, and what is missing."""
    settings = start_command("sign-in", data_dir)
    now = now_utc()
    found = asyncio.run(_all(database_of(settings)))
    for one in found:
        say(one.line(now))
    if not found:
        say("Nobody can sign in yet; `tidewell staff` adds somebody.")


def invite(
    username: Username,
    person: Annotated[
        str | None, typer.Option(help="Label of a young person, to let them sign in.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a link with which somebody chooses their own password; earlier links are void."""
    settings = start_command("sign-in", data_dir)
    say(asyncio.run(_invite(settings, username, person)))


def reset(username: Username, data_dir: DataDir = None) -> None:
    """Close every way in of somebody who lost theirs, and make a link to start anew."""
    settings = start_command("sign-in", data_dir)
    link = asyncio.run(_reset(settings, username))
    say(f"{username} is signed out everywhere. Their password and their second step are gone.")
    say(link)


def disable(username: Username, data_dir: DataDir = None) -> None:
    """Let nobody sign in with this name any more, and sign them out everywhere, at once."""
    settings = start_command("sign-in", data_dir)
    asyncio.run(_disable(database_of(settings), username))
    say(f"Nobody can sign in as {username} any more, and they are signed out everywhere.")
    say("Their alerts go to others: `tidewell policy reach` says whom that leaves without anybody.")


def enable(username: Username, data_dir: DataDir = None) -> None:
    """Let somebody sign in again who was disabled."""
    settings = start_command("sign-in", data_dir)
    asyncio.run(_enable(database_of(settings), username))
    say(f"{username} can sign in again, with what they had before.")


def database_of(settings: Settings) -> str:
    """Return the address of the database; these commands need no broker."""
    given = settings.database_url
    return given.get_secret_value() if given else find_site(settings).database_url


async def link_words(
    connection: Connection, settings: Settings, username: str, now: datetime
) -> str:
    """Make a link and return what to say about it; earlier ones are void."""
    link = await make_link(connection, username, now)
    return (
        f"{link.address(_pages(settings))}\n"
        f"With this link {username} chooses a password. It works once, until"
        f" {link.until_words}, and is not shown again: give it to nobody else."
    )


def _pages(settings: Settings) -> str:
    own_site = "" if settings.database_url else find_site(settings).portal_url
    address = settings.public_url or own_site
    return address or f"http://{settings.portal_host}:{settings.portal_port}"


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


async def _all(url: str) -> list[SignInState]:
    async with (
        await connect(url, Role.ENROL, "tidewell sign-in") as connection,
        connection.cursor(row_factory=class_row(SignInState)) as cursor,
    ):
        await cursor.execute(_QUERIES["sign_ins"])
        return await cursor.fetchall()


async def _state(connection: Connection, username: str) -> SignInState | None:
    async with connection.cursor(row_factory=class_row(SignInState)) as cursor:
        await cursor.execute(_QUERIES["sign_in"], {"username": username})
        return await cursor.fetchone()


async def _known(connection: Connection, username: str) -> SignInState:
    state = await _state(connection, username)
    if state is None:
        raise UsageError(
            f"nobody signs in as {username[:63]!r}; `tidewell sign-in list` has the names"
        )
    return state


async def _open(connection: Connection, username: str, now: datetime) -> SignInState:
    state = await _known(connection, username)
    if state.disabled_at is not None and state.disabled_at <= now:
        raise UsageError(
            f"{username} is disabled; `tidewell sign-in enable {username}` lets them in again"
        )
    return state


async def _invite(settings: Settings, username: str, label: str | None) -> str:
    now = now_utc()
    url = database_of(settings)
    async with await connect(url, Role.ENROL, "tidewell sign-in") as connection:
        if label is not None:
            await _add_young_person(connection, username, label, now)
        elif await _state(connection, username) is None:
            raise UsageError(
                f"nobody signs in as {username[:63]!r}; for a young person add --person LABEL,"
                f" for staff use `tidewell staff {username[:63]} --role … --name … --link`"
            )
        await _open(connection, username, now)
        return await link_words(connection, settings, username, now)


async def _add_young_person(
    connection: Connection, username: str, label: str, now: datetime
) -> None:
    person = await known_person(connection, label)
    if person is None:
        raise UsageError(f"nobody is enrolled as {label!r}; `tidewell enrol` enrols somebody")
    which = {"person_id": person.person_id}
    has = await (await connection.execute(_QUERIES["sign_in_of_person"], which)).fetchone()
    if has is not None and has[0] == username:
        return
    if has is not None:
        raise UsageError(f"{label} signs in as {has[0]} already; invite that name")
    try:
        await add_sign_in(connection, username, "", now, person_id=person.person_id)
    except CheckViolation:
        raise UsageError(
            f"{username!r} cannot be a user name; "
            "use up to 63 of a-z, 0-9 and . _ -, a letter or digit first"
        ) from None
    except UniqueViolation:
        raise UsageError(
            f"somebody signs in as {username!r} already; choose another name"
        ) from None


async def _reset(settings: Settings, username: str) -> str:
    now = now_utc()
    which = {"username": username, "now": now}
    url = database_of(settings)
    async with await connect(url, Role.ENROL, "tidewell sign-in") as connection:
        await _open(connection, username, now)
        await drop_password(connection, username)
        await end_ways_in(connection, username, now)
        await connection.execute(_QUERIES["remove_second_factors"], which)
        return await link_words(connection, settings, username, now)


async def _disable(url: str, username: str) -> None:
    now = now_utc()
    async with await connect(url, Role.ENROL, "tidewell sign-in") as connection:
        await _known(connection, username)
        await connection.execute(_QUERIES["disable"], {"username": username, "now": now})
        await end_ways_in(connection, username, now)


async def _enable(url: str, username: str) -> None:
    async with await connect(url, Role.ENROL, "tidewell sign-in") as connection:
        await _known(connection, username)
        await connection.execute(_QUERIES["enable"], {"username": username})
