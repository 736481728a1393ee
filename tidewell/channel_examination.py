"""What `tidewell doctor` says of the ways to people: set up or not, at work or not, dead or alive.

It looks only. It names staff by their user name and a way by its name, never an address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import psycopg

from tidewell.clock import now_utc
from tidewell.contact_addresses import APPRISE, EMAIL, SMS, WEB_PUSH, WEBHOOK
from tidewell.database import Queries, connect
from tidewell.errors import TidewellError
from tidewell.examination import Finding, Verdict, is_weak
from tidewell.settings import Settings

MESSAGES_LOOKED_AT: Final = timedelta(days=1)
"""What was wrong longer ago was put right, or somebody has heard of it."""

DEAD_NAMED_MOST: Final = 5
"""More would not fit into a line that anybody reads; `tidewell contact list` has them all."""

_QUERIES: Final = Queries("tidewell", "channel_examination.sql")


async def examine_channels(settings: Settings, database_url: str) -> list[Finding]:
    """Return what can be said of the ways to people now."""
    found = list(judge_channels(settings))
    now = now_utc()
    since = {"now": now, "since": now - MESSAGES_LOOKED_AT}
    try:
        async with await connect(database_url, None, "tidewell doctor") as connection:
            messages = await (await connection.execute(_QUERIES["messages"], since)).fetchall()
            dead = await (await connection.execute(_QUERIES["dead_addresses"], since)).fetchall()
            alone = await (await connection.execute(_QUERIES["without_address"], since)).fetchone()
    except (TidewellError, psycopg.Error):
        # Without a database, or with an older schema: that is said elsewhere.
        return found
    found += [judge_messages(*row) for row in messages]
    found += judge_dead([(who, channel) for who, channel in dead])
    return found + list(judge_unreached(int(alone[0]) if alone else 0))


def judge_channels(settings: Settings) -> Iterator[Finding]:
    """Say which ways to people are set up, and what is missing about them."""
    ways = {
        WEBHOOK: settings.webhook_secret,
        EMAIL: settings.smtp_host,
        WEB_PUSH: settings.push_key,
        SMS: settings.notify_key,
        APPRISE: settings.apprise or None,
    }
    there = [way for way, needed in ways.items() if needed is not None]
    if there:
        yield Finding(Verdict.WELL, f"people can be told by {', '.join(there)}, and on the console")
    else:
        yield Finding(
            Verdict.LOOK,
            "people are told on the console only, which nobody carries",
            "set up a channel: docs/channels.md",
        )
    if settings.apprise:
        yield Finding(
            Verdict.LOOK,
            "Apprise is on: nobody vouches for the services behind it",
            "unset TIDEWELL_APPRISE when the pilot ends",
        )
    if settings.notify_key is not None and settings.notify_receipt_token is None:
        yield Finding(
            Verdict.LOOK,
            "no receipts of texts come in: a number that died goes unnoticed",
            "set TIDEWELL_NOTIFY_RECEIPT_TOKEN",
        )
    token = settings.notify_receipt_token
    if token is not None and is_weak(token.get_secret_value()):
        yield Finding(
            Verdict.ACT, "the token of receipts can be guessed", "generate one of 20 characters"
        )


def judge_messages(
    channel: str, sent_at: datetime | None, failing: int, given_up: int, said: str | None
) -> Finding:
    """Say how one channel did within a day."""
    last = "none yet" if sent_at is None else f"the last at {sent_at:%Y-%m-%d %H:%M} UTC"
    if not failing and not given_up:
        return Finding(Verdict.WELL, f"{channel} took what it was given, {last}")
    what = f"{channel}: {failing} messages tried again now, {given_up} given up within a day"
    return Finding(
        Verdict.ACT if failing else Verdict.LOOK,
        f"{what}; taken: {last}",
        said or "the log of alerts says why",
    )


def judge_dead(dead: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    """Name those one of whose addresses died: user name and channel of each."""
    if not dead:
        return
    named = ", ".join(f"{channel} of {who}" for who, channel in dead[:DEAD_NAMED_MOST])
    more = len(dead) - DEAD_NAMED_MOST
    yield Finding(
        Verdict.LOOK,
        f"dead addresses: {named}" + (f" and {more} more" if more > 0 else ""),
        "write another down with `tidewell contact add`; a phone is switched on again on itself",
    )


def judge_unreached(count: int) -> Iterator[Finding]:
    """Say how many practitioners only the pages can tell."""
    if count:
        people = "1 practitioner has" if count == 1 else f"{count} practitioners have"
        yield Finding(
            Verdict.LOOK,
            f"{people} no address that works: only the pages tell them",
            "run `tidewell contact add`, or let them switch notifications on",
        )
