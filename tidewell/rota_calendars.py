"""Duty rotas out of a calendar (iCal, RFC 5545) of another program.

An event is a shift, and its summary names who is on duty by what they sign in with. What repeats
each week without an end is a shift of the week; every other repetition, and every exception to one,
refuses the file: guessing would leave a night without anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final

import icalendar

from tidewell.errors import UsageError
from tidewell.local_time import zone_table
from tidewell.rota_plans import DAY_MINUTES, DatedEntry, RotaPlan, WeeklyEntry, moment_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_EXCEPTIONS: Final = ("RDATE", "EXDATE", "RECURRENCE-ID", "EXRULE")
_RULE_PARTS: Final = frozenset({"FREQ", "BYDAY", "WKST", "INTERVAL"})


@dataclass(frozen=True, slots=True)
class _Event:
    """An event as far as it is understood; times without a zone are those of `zone`."""

    where: str
    names: tuple[str, ...]
    starts: datetime
    ends: datetime
    rule: Mapping[str, list[object]] | None


def read_calendar(file: str, content: bytes, name: str, timezone: str | None) -> RotaPlan:
    """Return what a calendar says; `timezone` is whose clock its times without a zone are.

    Raises:
        UsageError: it cannot be a rota; the message says where and why.
    """
    try:
        calendar = icalendar.Calendar.from_ical(content)
    except (ValueError, IndexError, KeyError) as error:
        raise UsageError(f"{file} is not a calendar: {error}") from None
    zone = timezone or str(calendar.get("X-WR-TIMEZONE", "")) or "Europe/London"
    zone_table(zone)
    weekly: list[WeeklyEntry] = []
    dated: list[DatedEntry] = []
    for component in calendar.walk("VEVENT"):
        event = _read_event(file, component, timezone)
        if event.rule is not None:
            weekly += _weekly_of(event, event.rule, zone)
            continue
        first, end = moment_of(event.starts, zone), moment_of(event.ends, zone)
        dated += [DatedEntry(who, first, end) for who in event.names]
    return RotaPlan(name, zone, tuple(weekly), tuple(dated), are_holes_allowed=True)


def _read_event(file: str, component: icalendar.Component, timezone: str | None) -> _Event:
    where = f"{file}: the event {str(component.get('UID', ''))[:60]!r}"
    for key in _EXCEPTIONS:
        if component.get(key) is not None:
            raise UsageError(
                f"{where} has {key}, an exception to a repetition, which is not read here;"
                " write it as an event of its own: a dated shift wins over those of the week"
            )
    names = [one.strip() for one in str(component.get("SUMMARY", "")).split(",")]
    if not any(names):
        raise UsageError(f"{where} has no SUMMARY; write there who is on duty, by sign-in name")
    first = _time_of(where, component, "DTSTART", timezone)
    end = _time_of(where, component, "DTEND", timezone)
    # Without a zone on both sides the clock of the wall compares them, as it was written.
    if (first.tzinfo is None) is not (end.tzinfo is None) or end <= first:
        raise UsageError(f"{where} ends before it begins; correct its end")
    rule = component.get("RRULE")
    if isinstance(rule, list):
        raise UsageError(f"{where} repeats in two ways; write two events")
    parts = None if rule is None else {str(key).upper(): list(rule[key]) for key in rule}
    return _Event(where, tuple(dict.fromkeys(filter(None, names))), first, end, parts)


def _time_of(
    where: str, component: icalendar.Component, key: str, timezone: str | None
) -> datetime:
    value = component.get(key)
    moment = getattr(value, "dt", None)
    if isinstance(moment, datetime):
        if moment.tzinfo is None and timezone is None:
            raise UsageError(f"{where} has a time without a time zone; add --timezone")
        return moment
    if not isinstance(moment, date):
        raise UsageError(f"{where} has no {key} that is a day or a moment; give it one")
    if timezone is None:
        raise UsageError(f"{where} lasts whole days, and whose midnight? Add --timezone")
    return datetime.combine(moment, time())


def _weekly_of(event: _Event, rule: Mapping[str, list[object]], zone: str) -> list[WeeklyEntry]:
    is_weekly = [str(one).upper() for one in rule.get("FREQ", [])] == ["WEEKLY"]
    every = [str(one) for one in rule.get("INTERVAL", ["1"])]
    days = [str(one).upper() for one in rule.get("BYDAY", [_DAYS[event.starts.weekday()]])]
    if not is_weekly or every != ["1"] or set(rule) - _RULE_PARTS or set(days) - set(_DAYS):
        raise UsageError(
            f"{event.where} repeats in a way that is not read here; only each week without an end"
            " is. Write others as events of their own"
        )
    own_zone = event.starts.tzinfo
    if own_zone is not None and str(own_zone) != zone:
        raise UsageError(
            f"{event.where} repeats by the clock of {own_zone}, and the rota goes by {zone};"
            f" add --timezone {own_zone}, or write it by that clock"
        )
    length = round((event.ends - event.starts).total_seconds() / 60)
    if length > DAY_MINUTES:
        raise UsageError(f"{event.where} repeats each week and lasts more than a day; split it")
    starts = event.starts.hour * 60 + event.starts.minute
    first = moment_of(event.starts, zone).astimezone(UTC)
    return [
        WeeklyEntry(who, _DAYS.index(day), starts, starts + length, first)
        for day in days
        for who in event.names
    ]
