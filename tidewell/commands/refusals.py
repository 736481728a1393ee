"""What the service refused of what a command sent, from the database, in words for a terminal.

An acknowledgement says only that a frame needs no sending again: a refused frame is acknowledged
too. Only `dead_letter` tells the two apart, so a command that promises to have stored something
asks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidewell.database import Connection, Queries

QUERIES: Final = Queries("tidewell.commands", "refusals.sql")
IN_WORDS: Final = {
    "epoch_conflict": "another frame had claimed their minutes with other values",
    "paused": "the young person had paused, and nothing of that time is kept",
    "out_of_range": "a value lies outside what its sensor can report",
    "from_the_future": "more than five minutes ahead of the clock of the service",
    "too_old": "from before 2015",
    "device_revoked": "the device was taken out of use",
    "not_assigned": "the device belonged to nobody at that time",
    "could_not_be_stored": "a fault of ours; the frames are kept aside",
}
"""What can happen to frames of our own encoder; docs/operations.md has every other reason."""
ELSEWHERE: Final = "docs/operations.md says what it means"


@dataclass(frozen=True, slots=True)
class Refused:
    """How many frames were refused for one reason, wholly or in part."""

    reason: str
    whole_frame: bool
    frames: int


async def refusals_of(connection: Connection, boots: Sequence[tuple[str, int]]) -> list[Refused]:
    """Return what was refused of these boots, each a device's name and its boot number."""
    which = {"devices": [name for name, _ in boots], "boots": [boot for _, boot in boots]}
    rows = await (await connection.execute(QUERIES["refusals"], which)).fetchall()
    return [Refused(reason, whole_frame, frames) for reason, whole_frame, frames in rows]


def sentence(refused: Refused) -> str:
    """Return one line about it.

    Example:
        >>> sentence(Refused("too_old", whole_frame=True, frames=9))
        '9 frames were refused: too_old, from before 2015'
    """
    why = f"{refused.reason}, {IN_WORDS.get(refused.reason, ELSEWHERE)}"
    frames = f"{refused.frames:,} frame{'' if refused.frames == 1 else 's'}"
    if refused.whole_frame:
        return f"{frames} {'was' if refused.frames == 1 else 'were'} refused: {why}"
    return f"Readings of {frames} were refused: {why}"
