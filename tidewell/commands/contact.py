"""`tidewell contact` and `tidewell push keys`: how staff are reached, tried before it matters.

An address is checked before it is stored and never printed whole. Removing keeps the row and its
date. A test sends one message that says that it is a test, and tells what the provider said.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from psycopg.rows import kwargs_row

from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.contact_addresses import checked_address, shown
from tidewell.database import Connection, Queries, Role, connect
from tidewell.embedded.files import write_private
from tidewell.errors import ChannelError, UsageError
from tidewell.push_key import load_push_key, new_push_key, public_half
from tidewell.settings import Settings
from tidewell.small_site import find_site
from tidewell.vocabulary import Level

CONTACTS_MOST: Final = 10
"""Each of them rings for each alert; whoever has more looks at none of them."""

TEST_WITHIN_S: Final = 20.0
"""Above the time-out of any channel."""

_QUERIES: Final = Queries("tidewell.commands", "contact.sql")

Username = Annotated[str, typer.Argument(help="What they sign in with.")]


@dataclass(frozen=True, slots=True)
class _Contact:
    username: str
    staff_id: int
    channel: str
    address: str
    is_dead: bool
    contact_method_id: int | None

    def line(self, channels: frozenset[str]) -> str:
        """Return one line of the list."""
        number = "" if self.contact_method_id is None else f"{self.contact_method_id}"
        state = "works as far as we know"
        if self.channel not in channels:
            state = "not used: this channel is not set up here"
        elif self.is_dead:
            state = "dead: nothing is sent there until it is written down again"
        return f"{number:>5}  {self.username}  {self.channel}  {self.hidden}  {state}"

    @property
    def hidden(self) -> str:
        """Return the address so that nobody learns it."""
        return shown(self.channel, self.address)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    contact = typer.Typer(help="How staff are reached, and a test of it.", no_args_is_help=True)
    contact.command("add")(add)
    contact.command("list")(show)
    contact.command("test")(try_out)
    contact.command("remove")(remove)
    app.add_typer(contact, name="contact")
    push = typer.Typer(help="Notifications to phones.", no_args_is_help=True)
    push.command("keys")(keys)
    push.callback()(lambda: None)
    app.add_typer(push, name="push")


def add(
    username: Username,
    channel: Annotated[str, typer.Argument(help="email, sms, webhook or apprise.")],
    address: Annotated[str, typer.Argument(help="The address, number or link.")],
    data_dir: DataDir = None,
) -> None:
    """Write down how somebody is reached."""
    settings = start_command("contact", data_dir)
    checked = checked_address(channel, address)
    asyncio.run(_add(find_site(settings).database_url, username, channel, checked))
    say(f"{username} is reached by {channel} at {shown(channel, checked)}.")
    if channel not in _channels(settings):
        say(f"Nothing is sent there yet: {channel} is not set up here; docs/channels.md says how.")
    say(f"Try it: tidewell contact test {username}")


def show(
    username: Annotated[str | None, typer.Argument(help="Only theirs.")] = None,
    data_dir: DataDir = None,
) -> None:
    """List who is reached how, and what does not work; addresses are not shown whole."""
    settings = start_command("contact", data_dir)
    found = asyncio.run(_contacts(find_site(settings).database_url, username))
    for one in found:
        say(one.line(_channels(settings)))
    if not found:
        say("No address is written down, and no phone has notifications on.")


def try_out(username: Username, data_dir: DataDir = None) -> None:
    """Send a test message to every address of somebody and say what became of each."""
    settings = start_command("contact", data_dir)
    found = asyncio.run(_contacts(find_site(settings).database_url, username))
    if not found:
        raise UsageError(
            f"{username} has no address; `tidewell contact add` writes one down, or they switch"
            " notifications on on their phone"
        )
    results = asyncio.run(_test(settings, found))
    for contact, problem in zip(found, results, strict=True):
        said = problem or "the provider took it: look whether it came"
        say(f"{contact.channel}  {contact.hidden}  {said}")
    if any(results):
        raise typer.Exit(1)


def remove(
    number: Annotated[int, typer.Argument(help="The number that `tidewell contact list` shows.")],
    data_dir: DataDir = None,
) -> None:
    """Send nothing to an address any more."""
    settings = start_command("contact", data_dir)
    channel, address = asyncio.run(_remove(find_site(settings).database_url, number))
    say(f"Nothing is sent to {shown(channel, address)} by {channel} any more.")


def keys(
    file: Annotated[Path, typer.Argument(help="Where the private key goes.")],
) -> None:
    """Make the key that signs notifications; changing it later switches every phone off."""
    if file.exists():
        raise UsageError(f"{file} is there already; a new key would switch every phone off")
    text = new_push_key()
    try:
        write_private(file, text)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}; choose another") from None
    say(f"The private key is in {file}; only this account can read it.")
    say(f"Its public half, which each phone sees: {public_half(load_push_key(text))}")
    say(f"Set TIDEWELL_PUSH_KEY_FILE={file} for the pages and for alerts, and")
    say("TIDEWELL_PUSH_CONTACT=mailto:… to an address of whoever runs this site.")


def _channels(settings: Settings) -> frozenset[str]:
    from alerts.channels import open_channels  # noqa: PLC0415 -- the libraries load slowly

    return frozenset(open_channels(settings))


async def _add(url: str, username: str, channel: str, address: str) -> None:
    now = now_utc()
    async with await connect(url, Role.ENROL, "tidewell contact") as connection:
        staff_id = await _staff(connection, username, now)
        what = {"staff_id": staff_id, "channel": channel, "address": address, "now": now}
        await connection.execute(_QUERIES["lock_staff"], what)
        row = await (await connection.execute(_QUERIES["count_contacts"], what)).fetchone()
        if row is not None and row[0] >= CONTACTS_MOST:
            raise UsageError(
                f"{username} has {CONTACTS_MOST} addresses already; remove one first:"
                " each of them rings for each alert"
            )
        await connection.execute(_QUERIES["add_contact"], what)


async def _staff(connection: Connection, username: str, now: datetime) -> int:
    which = {"username": username, "now": now}
    row = await (await connection.execute(_QUERIES["staff_of"], which)).fetchone()
    if row is None:
        raise UsageError(f"no member of staff signs in as {username[:63]!r}; see the spelling")
    return int(row[0])


async def _contacts(url: str, username: str | None) -> list[_Contact]:
    now = now_utc()
    which = {"username": username, "now": now}
    async with await connect(url, Role.ENROL, "tidewell contact") as connection:
        if username is not None:
            await _staff(connection, username, now)
        async with connection.cursor(row_factory=kwargs_row(_Contact)) as cursor:
            await cursor.execute(_QUERIES["contacts"], which)
            return await cursor.fetchall()


async def _remove(url: str, number: int) -> tuple[str, str]:
    which = {"contact_method_id": number, "now": now_utc()}
    async with await connect(url, Role.ENROL, "tidewell contact") as connection:
        row = await (await connection.execute(_QUERIES["remove_contact"], which)).fetchone()
    if row is None:
        raise UsageError(
            f"there is no address number {number}; `tidewell contact list` has the numbers;"
            " a phone is removed by its owner, on the page Notifications"
        )
    return row[0], row[1]


async def _test(settings: Settings, contacts: list[_Contact]) -> list[str]:
    """Send to each of these; return what was wrong with each, or nothing."""
    from alerts.channels import open_channels  # noqa: PLC0415 -- the libraries load slowly
    from alerts.deliveries import Message  # noqa: PLC0415
    from alerts.service import site_of  # noqa: PLC0415
    from alerts.texts import link_to_list, trial_text  # noqa: PLC0415

    channels = open_channels(settings)
    link = link_to_list(site_of(settings, channels).link_base)
    now = now_utc()

    async def try_one(contact: _Contact) -> str:
        channel = channels.get(contact.channel)
        if channel is None:
            return f"not sent: {contact.channel} is not set up here; docs/channels.md says how"
        message = Message(
            idempotency_key=secrets.token_hex(20),
            public_id="test",
            staff_id=contact.staff_id,
            address=contact.address,
            level=Level.FOR_REVIEW,
            text=trial_text(link),
            link=link,
            raised_at=now,
        )
        try:
            async with asyncio.timeout(TEST_WITHIN_S):
                await channel.send(message)
        except ChannelError as error:
            return f"not sent: {error}"
        except TimeoutError:
            return "not sent: the provider did not answer in time; try again later"
        return ""

    try:
        return list(await asyncio.gather(*(try_one(one) for one in contacts)))
    finally:
        for channel in channels.values():
            await channel.close()
