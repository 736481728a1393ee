"""When somebody looks: said truthfully, for working hours and for the time outside of them. Pure.

Who is away, who does their work, when work begins, and what happens to a message that cannot wait.
What is not known is said in the more careful way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.check_in import Stretch, ahead_words
from portal.words import clock_words
from portal.young.texts import say


@dataclass(frozen=True, slots=True)
class Away:
    """The key worker is away, and who said that they do their work."""

    until: datetime
    cover_name: str | None


def looking_words(
    worker: str | None,
    stretch: Stretch | None,
    away: Away | None,
    level: str,
    zone: str,
    now: datetime,
) -> list[str]:
    """Return who looks and when, in a few sentences."""
    if worker is None:
        return [say("common.no_worker", level)]
    lines, looks = [], worker
    if away is not None:
        until = ahead_words(away.until, zone, now).removeprefix("on ")
        key = "common.away_covered" if away.cover_name else "common.away_not_covered"
        lines.append(say(key, level, worker=worker, cover=away.cover_name or "", until=until))
        looks = away.cover_name or say("common.somebody", level)
    lines.append(_hours_words(looks, stretch, level, zone, now))
    if stretch is not None and stretch.begins_at is not None:
        lines.append(urgent_words(looks, stretch, level))
    return lines


def urgent_words(worker: str, stretch: Stretch | None, level: str) -> str:
    """Return what happens outside of working hours to a message that cannot wait."""
    if stretch is not None and stretch.begins_at is None:
        return say("common.looks_no_hours", level, worker=worker)
    if stretch is not None and stretch.has_duty_line:
        return say("common.on_duty", level)
    return say("common.nobody_on_duty", level, worker=worker)


def _hours_words(worker: str, stretch: Stretch | None, level: str, zone: str, now: datetime) -> str:
    # What alerts told the pages may be old, when alerts is away: then nothing exact is said.
    if stretch is None:
        return say("common.looks_not_known", level, worker=worker)
    if stretch.begins_at is None or stretch.ends_at is None:
        return say("common.looks_no_hours", level, worker=worker)
    if now >= stretch.ends_at:
        return say("common.looks_not_known", level, worker=worker)
    if now >= stretch.begins_at:
        ends = clock_words(stretch.ends_at, zone)
        return say("common.looks_at_work", level, worker=worker, ends=ends)
    begins = ahead_words(stretch.begins_at, zone, now)
    return say("common.looks_later", level, worker=worker, begins=begins)
