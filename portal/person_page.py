"""A person's page for the staff who are assigned to them: trends, episodes, alerts.

Every view is written down before anything is shown. The page draws what it asked the database for
and no more: days as rows, hours as three numbers each, never single readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from aiohttp import web

from portal.alert_words import cause_words, level_shape, outcome_words
from portal.context import SETTINGS, Audience, first_row, now_of, rows, transaction, viewer_of
from portal.context_notes import NoteRow, Reader
from portal.daily import DayRow, all_trends
from portal.explanation import first_changed_day, read_explanation
from portal.hourly import HourlyTrend, HourRow, hourly_trend
from portal.no_data import NoDataLine, NoDataRow, no_data_lines, no_data_sentence
from portal.note_pages import notes_for_staff
from portal.people import LookedAt, PersonRow, find_person, log_look, person_card
from portal.rendering import page
from portal.trend_groups import GroupedTrends, grouped_trends
from portal.words import age_words, local_day, zone_of
from portal.worry_pages import waiting_worries
from portal.young.staff_pages import what_is_off
from tidewell.database import Connection, Queries

WINDOWS_DAYS: Final = (28, 56, 90)
"""A month, two, and what the detector itself looks back on."""

HOURS: Final = 72
"""Three days and nights of hours fit a phone; 4,320 readings become 72 rows in the database."""

EPISODES_MAX: Final = 50
ALERTS_MAX: Final = 50
"""Half a year of weekly alerts; older ones are in the record."""

_QUERIES: Final = Queries("portal", "person_page.sql")
EARLIEST_DAY: Final = date(2015, 1, 1)
"""No reading is older: the wire format does not admit it."""


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """A time during which something was different."""

    family: str
    opened_at: datetime
    closed_at: datetime | None
    level: str
    explanation: object

    @property
    def sentence(self) -> str:
        """Return what changed."""
        return read_explanation(self.explanation).sentence

    @property
    def day(self) -> date | None:
        """Return the day that the sentence is about, where the detector said it."""
        return read_explanation(self.explanation).day

    def first_day(self, zone: str) -> date:
        """Return the day since when the change lasted."""
        return first_changed_day(self.explanation, self.opened_at, zone)


@dataclass(frozen=True, slots=True)
class PersonAlertRow:
    """An alert in the list on a person's page."""

    public_id: str
    level: str
    state: str
    cause: str
    since: datetime
    raised_at: datetime
    closed_at: datetime | None
    outcome: str | None
    accepted_by_name: str | None

    @property
    def about(self) -> str:
        """Return what it is about."""
        return cause_words(self.cause)

    @property
    def shape(self) -> str:
        """Return the sign of the level."""
        return level_shape(self.level)

    @property
    def outcome_words(self) -> str:
        """Return how it ended."""
        return outcome_words(self.outcome)


@dataclass(frozen=True, slots=True)
class LastDayRow:
    """The last day on which the device was worn."""

    day: date


@dataclass(frozen=True, slots=True)
class Window:
    """The days that the page shows."""

    first_day: date
    last_day: date
    days: int
    is_current: bool

    @property
    def earlier(self) -> date:
        """Return the last day of the window before this one."""
        return self.first_day - timedelta(days=1)

    @property
    def later(self) -> date:
        """Return the last day of the window after this one."""
        return self.last_day + timedelta(days=self.days)

    @property
    def query(self) -> str:
        """Return the part of an address that asks for these days."""
        until = "" if self.is_current else f"&until={self.last_day.isoformat()}"
        return f"days={self.days}{until}"


@dataclass(frozen=True, slots=True)
class _PersonView:
    trends: GroupedTrends
    hourly: HourlyTrend
    episodes: list[EpisodeRow]
    alerts: list[PersonAlertRow]
    notes: list[NoteRow]
    last_worn_day: date | None
    has_days: bool
    no_data: list[NoDataLine]
    no_data_sentence: str


async def show_person(request: web.Request) -> web.Response:
    """Show a person to somebody who is assigned to them."""
    viewer, now = viewer_of(request), now_of(request)
    staff_id = viewer.known_staff_id
    async with transaction(request) as connection:
        person = await find_person(connection, request, staff_id, now)
        await log_look(connection, staff_id, person.person_id, LookedAt.TRENDS, now)
        window = read_window(request.query, local_day(now, person.timezone))
        view = await _read_view(connection, person, window, staff_id, now)
        worries = await waiting_worries(connection, person.person_id)
        switched_off = await what_is_off(connection, person, staff_id, now)
    silence_after = timedelta(seconds=request.app[SETTINGS].silence_after_s)
    return page(
        request,
        "person.jinja",
        {
            "person": person,
            "card": person_card(person, now, silence_after),
            "window": window,
            "windows": WINDOWS_DAYS,
            "view": view,
            "worries": worries,
            "switched_off": switched_off,
            "reader": Reader.STAFF,
            "may_write": viewer.audience is Audience.PRACTITIONER,
            "age": age_words,
        },
    )


def read_window(query: Mapping[str, str], today: date) -> Window:
    """Return the days that an address asks for; what it says wrongly counts as not said."""
    days = next((size for size in WINDOWS_DAYS if str(size) == query.get("days")), WINDOWS_DAYS[0])
    try:
        until = date.fromisoformat(query.get("until", ""))
    except ValueError:
        until = today
    last_day = min(max(until, EARLIEST_DAY + timedelta(days=max(WINDOWS_DAYS))), today)
    return Window(last_day - timedelta(days=days - 1), last_day, days, last_day == today)


def values_of(person: PersonRow, window: Window, staff_id: int, now: datetime) -> dict[str, object]:
    """Return what the queries of the page are asked with."""
    end = hour_after(window.last_day, person.timezone, now)
    return {
        "person_id": person.person_id,
        "staff_id": staff_id,
        "now": now,
        "first_day": window.first_day,
        "last_day": window.last_day,
        "since": datetime.combine(window.first_day, time(), zone_of(person.timezone)),
        "until": end,
        "first_time": end - timedelta(hours=HOURS),
        "end_time": end,
    }


async def read_days(connection: Connection, values: Mapping[str, object]) -> list[DayRow]:
    """Return the closed days of a window."""
    return await rows(connection, DayRow, _QUERIES["days"], values)


async def read_hours(
    connection: Connection, values: Mapping[str, object]
) -> tuple[list[HourRow], list[NoDataRow]]:
    """Return the last hours of a window, and the stretches without data among them."""
    hours = await rows(connection, HourRow, _QUERIES["heart_rate_by_hour"], values)
    return hours, await rows(connection, NoDataRow, _QUERIES["no_data"], values)


async def read_episodes(connection: Connection, values: Mapping[str, object]) -> list[EpisodeRow]:
    """Return the times of a window during which something was different."""
    return await rows(
        connection, EpisodeRow, _QUERIES["episodes"], {**values, "limit": EPISODES_MAX}
    )


async def read_alerts(connection: Connection, values: Mapping[str, object]) -> list[PersonAlertRow]:
    """Return the alerts about a person, the open ones first."""
    limited = {**values, "limit": ALERTS_MAX}
    return await rows(connection, PersonAlertRow, _QUERIES["alerts"], limited)


async def _read_view(
    connection: Connection, person: PersonRow, window: Window, staff_id: int, now: datetime
) -> _PersonView:
    end = hour_after(window.last_day, person.timezone, now)
    values = values_of(person, window, staff_id, now)
    days = await read_days(connection, values)
    episodes = await read_episodes(connection, values)
    hours, missing = await read_hours(connection, values)
    last_worn = await first_row(connection, LastDayRow, _QUERIES["last_worn_day"], values)
    changed = changed_days(episodes, window, person.timezone, now)
    trends = all_trends(days, window.first_day, window.last_day, changed, person.name)
    return _PersonView(
        trends=grouped_trends(trends),
        hourly=hourly_trend(hours, end, HOURS, person.timezone, missing),
        episodes=episodes,
        alerts=await read_alerts(connection, values),
        notes=await notes_for_staff(
            connection, person.person_id, staff_id, now, window.first_day, window.last_day
        ),
        last_worn_day=last_worn.day if last_worn else None,
        has_days=bool(days),
        no_data=no_data_lines(missing, person.timezone, now),
        no_data_sentence=no_data_sentence(missing),
    )


def hour_after(last_day: date, zone: str, now: datetime) -> datetime:
    """Return the whole hour after which nothing is shown: the end of the day, or of this hour."""
    end_of_day = datetime.combine(last_day + timedelta(days=1), time(), zone_of(zone))
    this_hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    end = min(end_of_day.astimezone(UTC), this_hour.astimezone(UTC))
    return end.replace(minute=0, second=0, microsecond=0)


def changed_days(episodes: list[EpisodeRow], window: Window, zone: str, now: datetime) -> set[date]:
    """Return the days of the window on which an episode was open."""
    changed: set[date] = set()
    for episode in episodes:
        day = max(window.first_day, episode.first_day(zone))
        last = min(window.last_day, local_day(episode.closed_at or now, zone))
        while day <= last:
            changed.add(day)
            day += timedelta(days=1)
    return changed
