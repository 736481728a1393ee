"""People for programs of staff: the list, one person, days, hours, episodes, alerts, worries.

Numbers come beside the words of the pages. Whoever asks is let in and written down as on a page; a
measure that is missing stays missing, and silence is never told as wellness.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal, cast

from pydantic import Field

from portal.alert_forms import NOTE_CHARACTERS_MAX
from portal.api.operations import Answer, Call, Day, Request, Text, Written, broken_rules
from portal.api.paging import PageQuery, page_of
from portal.context import SETTINGS
from portal.daily import all_trends, measured, usual_range
from portal.data_state import DataState
from portal.no_data import NoDataKind, kind_of
from portal.people import (
    LookedAt,
    PersonCard,
    PersonRow,
    find_person,
    log_list_look,
    log_look,
    people_of_staff,
    person_card,
)
from portal.person_page import (
    ALERTS_MAX,
    EARLIEST_DAY,
    Window,
    changed_days,
    read_alerts,
    read_days,
    read_episodes,
    read_hours,
    values_of,
)
from portal.words import local_day
from portal.worry_pages import WorryForm, waiting_worries, write_worry
from tidewell.vocabulary import FEATURE_NAMES, FEATURES, Family, Level

DAYS_DEFAULT: Final = 28
DAYS_MAX: Final = 366
"""A leap year; longer stretches are several requests."""


class Person(Answer):
    """A person with how it stands with their data."""

    person_id: int
    name: str = Field(description="What they like to be called.")
    timezone: str
    data_state: DataState = Field(description="What we can say about their data.")
    sentence: str = Field(description="The same in words.")
    not_worn: str = Field(description="That the device is off the body, where it is known to be.")
    open_alerts: int
    changed_families: list[str] = Field(description="Kinds of change that are open.")
    paused_from: datetime | None
    paused_until: datetime | None
    heard_at: datetime | None = Field(description="When their device was heard last.")
    last_day: date | None = Field(description="The last closed day.")


class People(Answer):
    """A page of somebody's people."""

    items: list[Person]
    next: str | None


class Worry(Answer):
    """What somebody said and alerts has not taken in yet."""

    at: datetime
    level: str
    staff_name: str


class PersonAnswer(Answer):
    """One person, with what was said about them and is not an alert yet."""

    person: Person
    waiting_worries: list[Worry]


class UntilQuery(Request):
    """Up to which day."""

    until: Annotated[Day | None, Field(description="The last day; today where it is left out.")] = (
        None
    )


class DaysQuery(UntilQuery):
    """Which days."""

    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = DAYS_DEFAULT


class OneDay(Answer):
    """One closed day. What was not measured, or is not usual yet, is left out."""

    day: date
    worn_minutes: float
    measured: dict[str, float] = Field(description="Daily measures by name.")
    usual: dict[str, tuple[float, float]] = Field(description="From low to high, by name.")
    changed: bool = Field(description="Whether a change was open on this day.")


class Days(Answer):
    """The closed days of a window; a day that is not there was not measured."""

    first_day: date
    last_day: date
    items: list[OneDay]


class Measure(Answer):
    """A daily measure and its unit."""

    name: str
    label: str
    unit: str
    sentence: str = Field(description="What the days say, against what is usual for this person.")
    away: float = Field(description="How far the latest values lie from usual, in half widths.")
    has_data: bool


class Trends(Answer):
    """What each measure says over a window of days, in the words of the pages."""

    first_day: date
    last_day: date
    items: list[Measure]


class Hour(Answer):
    """Heart rate in one hour that has data."""

    hour: datetime
    lowest: float
    middle: float
    highest: float


class Gap(Answer):
    """A stretch without data and why, as far as it is known."""

    starts_at: datetime
    ends_at: datetime
    reason: NoDataKind


class Hours(Answer):
    """The last three days by the hour. An hour that is not there has no data."""

    first: datetime
    end: datetime
    items: list[Hour]
    no_data: list[Gap]


class Episode(Answer):
    """A time during which something was different."""

    family: Family
    level: Level
    first_day: date
    opened_at: datetime
    closed_at: datetime | None
    sentence: str


class Episodes(Answer):
    """Times in a window of days during which something was different."""

    items: list[Episode]


class PersonAlert(Answer):
    """An alert about a person, as a line."""

    public_id: str
    level: Level
    state: str
    cause: str
    about: str
    raised_at: datetime
    closed_at: datetime | None
    outcome: str | None
    accepted_by_name: str | None


class PersonAlerts(Answer):
    """Alerts about a person, the open ones first; the latest ones only."""

    items: Annotated[list[PersonAlert], Field(max_length=ALERTS_MAX)]


class WorryRequest(Request):
    """What somebody is worried about, for colleagues to read."""

    level: Literal["check_now", "check_today", "for_review"]
    source: Literal["staff", "carer"] = "staff"
    note: Annotated[Text, Field(max_length=NOTE_CHARACTERS_MAX)] = ""
    takes_it: bool = Field(default=False, description="The writer is on it from the start.")


async def list_people(call: Call) -> People:
    """Return the people of a member of staff."""
    staff_id = call.viewer.known_staff_id
    people = await people_of_staff(call.connection, staff_id, call.now)
    shown, following = page_of(people, lambda one: str(one.person_id), call.query_as(PageQuery))
    looked_at = [one.person_id for one in shown]
    await log_list_look(call.connection, staff_id, looked_at, call.now)
    return People(items=[person_answer(card_of(call, one)) for one in shown], next=following)


async def show_person(call: Call) -> PersonAnswer:
    """Return one person."""
    person = await looked_at(call)
    worries = await waiting_worries(call.connection, person.person_id)
    said = [Worry(at=one.at, level=one.level, staff_name=one.staff_name) for one in worries]
    return PersonAnswer(person=person_answer(card_of(call, person)), waiting_worries=said)


async def show_days(call: Call) -> Days:
    """Return days as numbers."""
    person = await looked_at(call)
    window, values = _window(call, person)
    days = await read_days(call.connection, values)
    episodes = await read_episodes(call.connection, values)
    changed = changed_days(episodes, window, person.timezone, call.now)
    items = [
        OneDay(
            day=row.day,
            worn_minutes=row.worn_minutes,
            measured=_known({name: measured(row, name) for name in FEATURE_NAMES}),
            usual=_known({name: usual_range(row, name) for name in FEATURE_NAMES}),
            changed=row.day in changed,
        )
        for row in days
    ]
    return Days(first_day=window.first_day, last_day=window.last_day, items=items)


async def show_trends(call: Call) -> Trends:
    """Return days as sentences."""
    person = await looked_at(call)
    window, values = _window(call, person)
    days = await read_days(call.connection, values)
    trends = all_trends(days, window.first_day, window.last_day, set(), person.name)
    items = [
        Measure(
            name=one.feature.name,
            label=one.feature.label,
            unit=one.feature.unit,
            sentence=one.sentence,
            away=round(one.change, 2),
            has_data=one.has_data,
        )
        for one in trends
    ]
    assert len(items) == len(FEATURES)
    return Trends(first_day=window.first_day, last_day=window.last_day, items=items)


async def show_hours(call: Call) -> Hours:
    """Return the last hours of a window."""
    person = await looked_at(call)
    _, values = _window(call, person)
    hours, missing = await read_hours(call.connection, values)
    return Hours(
        first=cast("datetime", values["first_time"]),
        end=cast("datetime", values["end_time"]),
        items=[
            Hour(hour=one.hour, lowest=one.lowest, middle=one.middle, highest=one.highest)
            for one in hours
        ],
        no_data=[
            Gap(starts_at=one.starts_at, ends_at=one.ends_at, reason=kind_of(one.kind))
            for one in missing
        ],
    )


async def show_episodes(call: Call) -> Episodes:
    """Return when something was different."""
    person = await looked_at(call)
    _, values = _window(call, person)
    items = [
        Episode(
            family=Family(one.family),
            level=Level(one.level),
            first_day=one.first_day(person.timezone),
            opened_at=one.opened_at,
            closed_at=one.closed_at,
            sentence=one.sentence,
        )
        for one in await read_episodes(call.connection, values)
    ]
    return Episodes(items=items)


async def show_person_alerts(call: Call) -> PersonAlerts:
    """Return the alerts about a person."""
    person = await looked_at(call)
    _, values = _window(call, person)
    items = [
        PersonAlert(
            public_id=one.public_id,
            level=Level(one.level),
            state=one.state,
            cause=one.cause,
            about=one.about,
            raised_at=one.raised_at,
            closed_at=one.closed_at,
            outcome=one.outcome,
            accepted_by_name=one.accepted_by_name,
        )
        for one in await read_alerts(call.connection, values)
    ]
    return PersonAlerts(items=items)


async def say_worry(call: Call) -> Written:
    """Write down that somebody is worried."""
    said = call.body_as(WorryRequest)
    form = WorryForm(
        level=said.level,
        source=said.source,
        note=said.note,
        takes_it="yes" if said.takes_it else "",
    )
    if errors := form.errors():
        raise broken_rules(errors)
    return Written(is_new=await write_worry(call.connection, call.request, form))


async def looked_at(call: Call) -> PersonRow:
    """Return the person in the address, and write down that their days were looked at."""
    staff_id = call.viewer.known_staff_id
    person = await find_person(call.connection, call.request, staff_id, call.now)
    await log_look(call.connection, staff_id, person.person_id, LookedAt.TRENDS, call.now)
    return person


def card_of(call: Call, person: PersonRow) -> PersonCard:
    """Return a person with how it stands with their data."""
    silence_after = timedelta(seconds=call.request.app[SETTINGS].silence_after_s)
    return person_card(person, call.now, silence_after)


def person_answer(card: PersonCard) -> Person:
    """Return a person with how it stands with their data."""
    row = card.person
    return Person(
        person_id=row.person_id,
        name=row.name,
        timezone=row.timezone,
        data_state=card.state,
        sentence=card.sentence,
        not_worn=card.not_worn,
        open_alerts=row.open_alerts,
        changed_families=row.open_families,
        paused_from=row.paused_from,
        paused_until=row.paused_until,
        heard_at=row.heard_at,
        last_day=row.last_day,
    )


def _window(call: Call, person: PersonRow) -> tuple[Window, dict[str, object]]:
    query = call.query
    days = query.days if isinstance(query, DaysQuery) else DAYS_DEFAULT
    until = query.until if isinstance(query, UntilQuery) else None
    today = local_day(call.now, person.timezone)
    earliest = EARLIEST_DAY + timedelta(days=DAYS_MAX)
    last_day = min(max(until or today, earliest), today)
    window = Window(last_day - timedelta(days=days - 1), last_day, days, last_day == today)
    values = values_of(person, window, call.viewer.known_staff_id, call.now)
    return window, values


def _known(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
