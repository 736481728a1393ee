"""Links with which somebody chooses their own password, and ways in that are closed.

A link is shown once and kept only as a hash; it works once and for three days, and makes earlier
ones void. Whoever hands it over sees to it that it reaches the right person: it is as good as a
password until then. For connections of the role that enrols.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tidewell.database import Connection, Queries
from tidewell.secret_tokens import new_token, token_hash

LINK_HOLDS: Final = timedelta(hours=72)
"""From a Friday to the Monday after it; a link that lies about for longer is a risk."""

_QUERIES: Final = Queries("tidewell", "sign_in_links.sql")


@dataclass(frozen=True, slots=True)
class SignInLink:
    """A link that was just made."""

    token: str
    expires_at: datetime

    def address(self, pages: str) -> str:
        """Return the link, below the address at which people reach the pages.

        Example:
            >>> from datetime import UTC
            >>> link = SignInLink("abc", datetime(2026, 11, 30, tzinfo=UTC))
            >>> link.address("https://pages.example/")
            'https://pages.example/sign-in/link/abc'
        """
        return f"{pages.rstrip('/')}/sign-in/link/{self.token}"

    @property
    def until_words(self) -> str:
        """Return until when it works."""
        return f"{self.expires_at:%Y-%m-%d %H:%M} UTC"


async def make_link(connection: Connection, username: str, now: datetime) -> SignInLink:
    """Make a link; earlier ones are void."""
    link = SignInLink(new_token(), now + LINK_HOLDS)
    what = {
        "link_hash": token_hash(link.token),
        "username": username,
        "now": now,
        "expires_at": link.expires_at,
    }
    await connection.execute(_QUERIES["void_links"], what)
    await connection.execute(_QUERIES["add_link"], what)
    return link


async def end_ways_in(connection: Connection, username: str, now: datetime) -> None:
    """End every session, known browser and link of somebody, at once."""
    await connection.execute(_QUERIES["end_ways_in"], {"username": username, "now": now})


async def drop_password(connection: Connection, username: str) -> None:
    """Let a password open nothing any more; another one is chosen with a link."""
    await connection.execute(_QUERIES["drop_password"], {"username": username})
