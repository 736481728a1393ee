"""`tidewell device`: who may sign in at the broker, one secret for each device.

A secret is made here, shown once, and kept only as what a broker compares it with. Whoever loses it
gives the device another one; the one before stops working at that moment.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

import typer

from tidewell.clock import monotonic_s, now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Connection, Role, connect
from tidewell.device_credentials import (
    ListedDevice,
    give_secrets,
    listed_devices,
    password_lines,
    revoke_device,
    verifiers_for_brokers,
)
from tidewell.embedded.nats import mqtt_lets_in
from tidewell.enrolment import enrol_device, known_person
from tidewell.errors import ServerUnavailableError, UsageError
from tidewell.settings import Settings
from tidewell.small_site import Addresses, find_site

LET_IN_WITHIN_S: Final = 15.0
"""The site looks every two seconds who may sign in, and is told of it besides."""
ASK_EVERY_S: Final = 0.1
WHEN: Final = (
    "A small site's broker knows it within seconds. Mosquitto has to be told: "
    "docs/operations.md, devices and their secrets."
)

_DEVICE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""As the database holds it."""

Result = TypeVar("Result")
DeviceName = Annotated[str, typer.Argument(help="Name of the device in topics.")]

group = typer.Typer(
    help="The devices of this site and their secrets.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="device")


@group.command("add")
def add(
    name: DeviceName,
    person: Annotated[str, typer.Option(help="Label of the person who will wear it.")],
    model: Annotated[str, typer.Option(help="What kind of device it is.")] = "unknown",
    data_dir: DataDir = None,
) -> None:
    """Give a person a device in place of one that was revoked, and show its secret once."""
    settings = start_command("device", data_dir)
    if not _DEVICE_NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a device's name; use up to 63 of a-z, 0-9 and -")

    async def work(connection: Connection) -> tuple[int, str]:
        who = await known_person(connection, person)
        if who is None:
            raise UsageError(f"nobody is enrolled as {person!r}; `tidewell enrol` does that")
        if name in {one.name for one in await listed_devices(connection)}:
            raise UsageError(
                f"device {name} is enrolled already; `tidewell device rotate {name}` gives it "
                "another secret"
            )
        now = now_utc()
        await enrol_device(connection, name, who.person_id, now, model=model)
        return who.shard, (await give_secrets(connection, [name], now))[name]

    shard, secret = _work(settings, work)
    say(f"{name} is a device of {person}. It publishes to tidewell/v1/{shard}/{name}/frame")
    say(shown_once(name, secret))
    say(WHEN)


@group.command("rotate")
def rotate(name: DeviceName, data_dir: DataDir = None) -> None:
    """Give a device another secret, and show it once; the one before works no longer."""
    settings = start_command("device", data_dir)

    async def work(connection: Connection) -> str:
        return (await give_secrets(connection, [name], now_utc()))[name]

    say(shown_once(name, _work(settings, work)))
    say(WHEN)


@group.command("revoke")
def revoke(name: DeviceName, data_dir: DataDir = None) -> None:
    """Take a device out of use, as when it is lost; it stays out of use."""
    settings = start_command("device", data_dir)

    async def work(connection: Connection) -> None:
        await revoke_device(connection, name, now_utc())

    _work(settings, work)
    say(f"{name} is revoked. What it sent before stays; nothing more is taken from it.")
    say(WHEN)


@group.command("list")
def list_devices(data_dir: DataDir = None) -> None:
    """Show every device, whose it is, and whether it can sign in."""
    devices = _work(start_command("device", data_dir), listed_devices)
    if not devices:
        say("No device is enrolled yet.")
    for one in devices:
        say(_line(one))


@group.command("passwords")
def passwords(data_dir: DataDir = None) -> None:
    """Print what Mosquitto compares the devices' secrets with, as lines of its password file."""
    say(password_lines(_work(start_command("device", data_dir), verifiers_for_brokers)).rstrip())


def shown_once(name: str, secret: str) -> str:
    """Return the line with a device's secret."""
    return (
        f"It signs in at the broker as {name} with {secret}\n"
        "This is shown once. Put it into the device now; it cannot be shown again."
    )


async def until_let_in(site: Addresses, name: str, secret: str) -> None:
    """Wait until the broker knows a device that has just got its secret.

    Raises:
        ServerUnavailableError: it still does not.
    """
    where = urlsplit(site.device_broker_url)
    host, port = str(where.hostname), where.port or 1883
    until_s = monotonic_s() + LET_IN_WITHIN_S
    while monotonic_s() < until_s:
        if await asyncio.to_thread(
            mqtt_lets_in, port, name, secret, host=host, certificate=site.broker_authority
        ):
            return
        await asyncio.sleep(ASK_EVERY_S)
    raise ServerUnavailableError(
        f"the broker did not let {name} in within {LET_IN_WITHIN_S:.0f} s; see whether the site "
        "runs, or give a broker of yours its passwords with `tidewell device passwords`"
    )


def _work(settings: Settings, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Do something as the one who enrols, in one transaction."""

    async def run() -> Result:
        given = settings.database_url
        url = given.get_secret_value() if given else find_site(settings).database_url
        async with await connect(url, Role.ENROL, "tidewell device") as connection:
            return await work(connection)

    return asyncio.run(run())


def _line(one: ListedDevice) -> str:
    worn_by = one.person_label or "nobody"
    if one.revoked_at:
        state = f"revoked on {one.revoked_at:%Y-%m-%d}"
    elif one.credential_set_at:
        state = f"signs in with its secret of {one.credential_set_at:%Y-%m-%d %H:%M} UTC"
    else:
        state = f"cannot sign in; `tidewell device rotate {one.name}` gives it a secret"
    return f"{one.name}  {one.model}, worn by {worn_by}, {state}"
