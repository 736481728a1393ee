"""`tidewell token`: tokens of programs, made, listed and revoked without the pages.

A token belongs to somebody who signs in, and sees what they see. It is shown once and kept as a
hash; what stands here ends at the latest after a year.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Final

import typer

from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Role, connect
from tidewell.errors import UsageError
from tidewell.small_site import find_site

SCOPES: Final = ("read", "act")
DAYS_DEFAULT: Final = 90

Username = Annotated[str, typer.Argument(help="What they sign in with.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    token = typer.Typer(help="Tokens of programs, which see what their owner sees.")
    token.command("add")(add)
    token.command("list")(show)
    token.command("revoke")(revoke)
    app.add_typer(token, name="token", no_args_is_help=True)


def add(
    username: Username,
    name: Annotated[str, typer.Argument(help="What the program is.")],
    scope: Annotated[str, typer.Option(help="read, or act: what its owner can do.")] = "read",
    days: Annotated[int, typer.Option(help="How long it holds, 1 to 365.")] = DAYS_DEFAULT,
    data_dir: DataDir = None,
) -> None:
    """Make a token and print it once."""
    from portal.api.tokens import LONGEST, NAME_CHARACTERS_MAX  # noqa: PLC0415 -- loads slowly

    settings = start_command("token", data_dir)
    if scope not in SCOPES:
        raise UsageError(f"unknown scope {scope!r}; choose one of {', '.join(SCOPES)}")
    if not 1 <= days <= LONGEST.days:
        raise UsageError(f"a token holds for 1 to {LONGEST.days} days, not {days}; say --days")
    if not 1 <= len(name.strip()) <= NAME_CHARACTERS_MAX:
        raise UsageError(f"the name of a program has 1 to {NAME_CHARACTERS_MAX} characters")
    url = find_site(settings).database_url
    made = asyncio.run(_add(url, username, name.strip(), may_act=scope == "act", days=days))
    say(made)


def show(
    username: Annotated[str | None, typer.Argument(help="Only theirs.")] = None,
    data_dir: DataDir = None,
) -> None:
    """List the tokens that hold; never a token itself."""
    settings = start_command("token", data_dir)
    lines = asyncio.run(_list(find_site(settings).database_url, username))
    for line in lines:
        say(line)
    if not lines:
        say("No token holds.")


def revoke(
    number: Annotated[int, typer.Argument(help="The number that `tidewell token list` shows.")],
    data_dir: DataDir = None,
) -> None:
    """Let a token hold no longer, from the next request on."""
    settings = start_command("token", data_dir)
    if not asyncio.run(_revoke(find_site(settings).database_url, number)):
        raise UsageError(f"no token number {number} holds; `tidewell token list` has the numbers")
    say(f"Token {number} holds no longer.")


async def _add(url: str, username: str, name: str, *, may_act: bool, days: int) -> str:
    from portal.api.tokens import TOKENS_MOST, has_sign_in, make_token  # noqa: PLC0415

    now = now_utc()
    # The pages write this table, and so does this command in their name.
    async with await connect(url, Role.PORTAL, "tidewell token") as connection:
        if not await has_sign_in(connection, username):
            raise UsageError(f"nobody signs in as {username[:63]!r}; see the spelling")
        token = await make_token(
            connection, username, name, may_act=may_act, lasts=timedelta(days=days), now=now
        )
    if token is None:
        raise UsageError(
            f"{username} has {TOKENS_MOST} tokens, and more cannot be had; revoke one first:"
            f" tidewell token list {username}"
        )
    return token


async def _list(url: str, username: str | None) -> list[str]:
    from portal.api.tokens import list_tokens  # noqa: PLC0415

    async with await connect(url, Role.PORTAL, "tidewell token") as connection:
        tokens = await list_tokens(connection, username, now_utc())
    return [
        f"{one.api_token_id:>5}  {one.username}  {one.name}  {one.scope_words}  "
        f"until {one.expires_at:%Y-%m-%d}  "
        + (f"last used {one.used_at:%Y-%m-%d}" if one.used_at else "not used yet")
        for one in tokens
    ]


async def _revoke(url: str, number: int) -> bool:
    from portal.api.tokens import revoke_token  # noqa: PLC0415

    async with await connect(url, Role.PORTAL, "tidewell token") as connection:
        return await revoke_token(connection, number, None, now_utc())
