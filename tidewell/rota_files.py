"""Duty rotas as files: a TOML file of ours, or a calendar of another program.

Read strictly: what cannot be understood refuses the whole file, with the place, what is wrong and
what to do. People are named by what they sign in with. Times are those of the file's time zone.
"""

from __future__ import annotations

import tomllib
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidewell.errors import UsageError
from tidewell.local_time import zone_table
from tidewell.rota_calendars import read_calendar
from tidewell.rota_plans import DAY_MINUTES, DatedEntry, RotaPlan, WeeklyEntry, moment_of

FILE_BYTES_MOST: Final = 1_048_576
"""A calendar of ten years of shifts; a rota of ours has some hundred lines."""

CALENDAR_ENDINGS: Final = (".ics", ".ical")

SHIFTS_MOST: Final = 2_000
"""Three shifts a day for nearly two years."""

PROBLEMS_MOST: Final = 8
"""More than fit on a screen are found again with the next run."""

WEEKDAYS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Who = Annotated[list[str], Field(min_length=1, max_length=20)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Weekly(_Document):
    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    begins: Annotated[time, Field(alias="from")]
    until: time
    who: Who


class _Dated(_Document):
    begins: Annotated[datetime, Field(alias="from")]
    until: datetime
    who: Who


class _File(_Document):
    name: str
    timezone: str = "Europe/London"
    holes: Literal["refused", "allowed"] = "refused"
    weekly: Annotated[list[_Weekly], Field(max_length=SHIFTS_MOST)] = []
    dated: Annotated[list[_Dated], Field(max_length=SHIFTS_MOST)] = []


def read_rota_file(file: Path, name: str | None, timezone: str | None) -> RotaPlan:
    """Return what a file says; a calendar needs a name and, for days without a clock, a time zone.

    Raises:
        UsageError: it cannot be a rota; the message says where and why.
    """
    if file.suffix.lower() in CALENDAR_ENDINGS and name is None:
        raise UsageError(f"{file.name}: a calendar does not say whose it is; add --name")
    return read_rota(file.name, _bytes_of(file), name, timezone)


def read_rota(file_name: str, content: bytes, name: str | None, timezone: str | None) -> RotaPlan:
    """Return what the content of a file says, as `read_rota_file` does.

    Raises:
        UsageError: it cannot be a rota; the message says where and why.
    """
    if file_name.lower().endswith(CALENDAR_ENDINGS):
        if name is None:
            raise UsageError(f"{file_name}: a calendar does not say whose it is; give a name")
        plan = read_calendar(file_name, content, name, timezone)
    else:
        plan = _read_toml(file_name, content)
    if (shifts := len(plan.weekly) + len(plan.dated)) > SHIFTS_MOST:
        raise UsageError(
            f"{file_name} has {shifts} shifts, more than {SHIFTS_MOST}; split it by time"
        )
    return plan


def _read_toml(name: str, content: bytes) -> RotaPlan:
    try:
        document = _File.model_validate(tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} is not TOML: {error}") from None
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise UsageError(f"{name}: {'; '.join(problems[:PROBLEMS_MOST])}") from None
    zone_table(document.timezone)
    weekly = [entry for one in document.weekly for entry in _weekly_entries(one)]
    dated = [entry for one in document.dated for entry in _dated_entries(name, one, document)]
    return RotaPlan(
        document.name, document.timezone, tuple(weekly), tuple(dated), document.holes == "allowed"
    )


def _weekly_entries(one: _Weekly) -> list[WeeklyEntry]:
    starts = one.begins.hour * 60 + one.begins.minute
    ends = one.until.hour * 60 + one.until.minute
    # A shift that ends at or before the time at which it begins ends on the next day.
    ends += DAY_MINUTES if ends <= starts else 0
    return [
        WeeklyEntry(who, WEEKDAYS.index(day), starts, ends)
        for day in dict.fromkeys(one.days)
        for who in dict.fromkeys(one.who)
    ]


def _dated_entries(name: str, one: _Dated, document: _File) -> list[DatedEntry]:
    starts_at = moment_of(one.begins, document.timezone)
    ends_at = moment_of(one.until, document.timezone)
    if ends_at <= starts_at:
        raise UsageError(
            f"{name}: dated: the shift from {one.begins} ends before it begins; correct its until"
        )
    return [DatedEntry(who, starts_at, ends_at) for who in dict.fromkeys(one.who)]


def _bytes_of(file: Path) -> bytes:
    try:
        if file.stat().st_size > FILE_BYTES_MOST:
            raise UsageError(f"{file.name} is larger than {FILE_BYTES_MOST} bytes; is it a rota?")
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file.name} cannot be read: {error.strerror}") from None
