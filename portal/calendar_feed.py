"""Shifts and covers of one member of staff as a calendar (RFC 5545). Pure.

A calendar leaves the building: it holds times and the name of a rota, never a young person, never
a colleague's name. The same rows give the same bytes all day long, so that a reader can keep them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from icalendar import Calendar, Event

from tidewell.rota import Rota, shifts_between

BEHIND: Final = timedelta(days=28)
AHEAD: Final = timedelta(days=92)
"""As far as anybody plans: a quarter."""

PRODUCT: Final = "-//Tidewell//Shifts//EN"


@dataclass(frozen=True, slots=True)
class FeedCover:
    """A cover that somebody gives or is asked to give, or their own absence."""

    cover_id: int
    valid_from: datetime
    valid_until: datetime
    is_accepted: bool
    is_own_absence: bool


def calendar_of(
    staff_id: int, rotas: Iterable[Rota], covers: Iterable[FeedCover], link: str, now: datetime
) -> bytes:
    """Return a member of staff's calendar; `link` is their page."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Tidewell shifts")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for rota in rotas:
        for shift in shifts_between(rota, today - BEHIND, today + AHEAD):
            if shift.staff_id == staff_id:
                key = f"rota {rota.rota_id} {shift.starts_at.isoformat()}"
                event = _event(key, f"On duty: {rota.name}", link, today)
                _add_times(event, shift.starts_at, shift.ends_at)
                calendar.add_component(event)
    for cover in covers:
        event = _event(f"cover {cover.cover_id} {staff_id}", _cover_words(cover), link, today)
        _add_times(event, cover.valid_from, cover.valid_until)
        event.add("status", "CONFIRMED" if cover.is_accepted else "TENTATIVE")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def etag_of(content: bytes) -> str:
    """Return what names these very bytes."""
    return hashlib.sha256(content).hexdigest()[:32]


def _cover_words(cover: FeedCover) -> str:
    if cover.is_own_absence:
        return "Away, covered" if cover.is_accepted else "Away, cover not accepted yet"
    if cover.is_accepted:
        return "Covering for a colleague"
    return "Asked to cover for a colleague, not accepted yet"


def _event(key: str, summary: str, link: str, stamp: datetime) -> Event:
    event = Event()
    event.add("uid", f"{hashlib.sha256(key.encode()).hexdigest()[:32]}@tidewell")
    event.add("dtstamp", stamp)
    event.add("summary", summary)
    event.add("url", link)
    return event


def _add_times(event: Event, starts_at: datetime, ends_at: datetime) -> None:
    event.add("dtstart", starts_at)
    event.add("dtend", ends_at)
    event.add("transp", "TRANSPARENT")
