"""What a story expects and what happened, held against each other and printed when they differ.

Every message that a person got must have been expected, and every expected one must have come
within its window. A repeat under the same key is the same message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.stories.moments import told


@dataclass(frozen=True, slots=True)
class Expected:
    """A message that a story waits for."""

    who: str
    what: str
    since: datetime
    until: datetime
    channel: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that somebody got."""

    who: str
    what: str
    at: datetime
    channel: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the timeline."""

    at: datetime
    words: str


def compare(
    expected: Sequence[Expected], arrived: Sequence[Arrived]
) -> tuple[list[Expected], list[Arrived]]:
    """Return which expected messages did not come, and which came unexpectedly."""
    left = list({message.key: message for message in reversed(arrived)}.values())
    left.sort(key=lambda message: message.at)
    missing = []
    for one in sorted(expected, key=lambda one: one.until):
        fitting = [message for message in left if _fits(one, message)]
        if fitting:
            left.remove(fitting[0])
        else:
            missing.append(one)
    return missing, left


def _fits(one: Expected, message: Arrived) -> bool:
    return (one.who, one.what, one.channel) == (message.who, message.what, message.channel) and (
        one.since <= message.at <= one.until
    )


def printed(
    lines: Sequence[Line], missing: Sequence[Expected], unexpected: Sequence[Arrived]
) -> str:
    """Return the whole timeline with what is wrong at its end."""
    wrong = [
        f"MISSING     {one.who}: {one.what} between {told(one.since)} and {told(one.until)}"
        f" ({one.channel})"
        for one in missing
    ]
    wrong += [
        f"UNEXPECTED  {one.who}: {one.what} at {told(one.at)} ({one.channel})" for one in unexpected
    ]
    happened = [f"{told(line.at)}  {line.words}" for line in sorted(lines, key=lambda one: one.at)]
    return "\n".join(["", *happened, "", *wrong])
