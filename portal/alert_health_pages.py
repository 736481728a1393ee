"""How alerts are doing, for whoever runs the service: a page to look at once a month.

Nothing on it is about one young person, and a team with few of them is not told apart.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from portal.alert_words import cause_words
from portal.context import now_of, transaction
from portal.rendering import page
from portal.words import level_words, minutes_words
from tidewell.alert_health.figures import (
    JUDGED_LEAST,
    PEOPLE_LEAST,
    Group,
    Precision,
    RuleVerdict,
)
from tidewell.alert_health.store import read_health

PERIODS_DAYS: Final = (30, 90, 365)
"""A month to look at, a quarter and a year to see where it goes."""

_LIMIT: Final = " limit"
_VERDICT_WORDS: Final = {
    RuleVerdict.NOT_ENOUGH_YET: "Not enough answers yet to say",
    RuleVerdict.NOISY: "Mostly not right: talk about whether it should go on",
    RuleVerdict.USEFUL: "Worth having",
}


async def show_alert_health(request: web.Request) -> web.Response:
    """Show the figures of a period."""
    asked = request.query.get("days", "")
    days = int(asked) if asked in {str(one) for one in PERIODS_DAYS} else PERIODS_DAYS[0]
    async with transaction(request) as connection:
        health = await read_health(connection, now_of(request), days)
    return page(
        request,
        "alert_health.jinja",
        {
            "health": health,
            "periods": PERIODS_DAYS,
            "judged_least": JUDGED_LEAST,
            "people_least": PEOPLE_LEAST,
            "group_name": group_name,
            "precision": precision_words,
            "rate": rate_words,
            "half": lambda seconds: wait_words(seconds, 0),
            "most": lambda seconds: wait_words(seconds, 1),
            "verdict": lambda group: _VERDICT_WORDS[group.verdict],
        },
    )


def group_name(group: Group) -> str:
    """Return what a line is about."""
    kind, name = group.counts.kind, group.counts.name
    if kind == "level":
        return level_words(name)
    if kind == "team":
        return name or "No team"
    if name.endswith(_LIMIT):
        return f"{cause_words(name.removesuffix(_LIMIT))}: a limit of the plan"
    return cause_words(name)


def precision_words(precision: Precision | None) -> str:
    """Return how many alerts were right, with how sure that is.

    Example:
        >>> precision_words(Precision(12, 20, 0.387, 0.781))
        '12 of 20 (between 39% and 78%)'
    """
    if precision is None:
        return "Not enough yet"
    between = f"between {precision.low:.0%} and {precision.high:.0%}"
    return f"{precision.right} of {precision.judged} ({between})"


def rate_words(group: Group) -> str:
    """Return how many alerts a person causes in a month."""
    rate = group.per_person_month
    return "Too few people to say" if rate is None else f"{rate:.2f}"


def wait_words(seconds: list[float] | None, place: int) -> str:
    """Return the median (0) or what nine of ten stay below (1)."""
    if seconds is None or seconds[place] is None:
        return "-"
    minutes = seconds[place] / 60
    if minutes < 1:
        return "under a minute"
    if minutes >= 48 * 60:
        return f"{minutes / 1_440:.0f} days"
    return minutes_words(minutes)
