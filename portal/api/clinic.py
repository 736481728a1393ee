"""One person over time, for programs of clinicians: series, hours of the day, nights, weeks.

The numbers are those that the pages draw: of steps and never of every reading, with what is usual,
what is missing and what happened beside them. A gap stays a gap. Every look is written down as on
the page that shows the same.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

import numpy as np
from pydantic import AfterValidator, Field

from portal.api.choices import one_of
from portal.api.operations import Answer, Call, Day, Request
from portal.charts import Floats
from portal.clinic.asking import ask
from portal.clinic.explorer_pages import numbers_of, read_marks, read_view
from portal.clinic.marks import Mark, MarkKind
from portal.clinic.rhythm import (
    BINS,
    PROFILE_CHANNELS,
    Block,
    Night,
    profile_unit,
    profiles,
)
from portal.clinic.rhythm_pages import (
    RegularityRow,
    nights_of,
    profile_of,
    read_minutes,
    read_regularity,
    regularity_said,
)
from portal.clinic.series import Explored, Panel, panel_sentence
from portal.clinic.spans import SIZES_DAYS, ZOOMS_DAYS
from portal.clinic.weeks import WeekCell, WeekLine, mondays, week_lines
from portal.clinic.weeks_pages import read_days
from portal.people import LookedAt
from tidewell.vocabulary import Channel

MINUTES_A_PERCENT: Final = 14.4
"""Of a day; nights are drawn in percent from noon to noon."""


_CHANNELS: Final = [channel.name for channel in PROFILE_CHANNELS]
Size = Annotated[
    int, AfterValidator(one_of(ZOOMS_DAYS)), Field(json_schema_extra={"enum": list(ZOOMS_DAYS)})
]
ProfileChannel = Annotated[
    str, AfterValidator(one_of(_CHANNELS)), Field(json_schema_extra={"enum": [*_CHANNELS]})
]
Until = Annotated[Day | None, Field(description="The last day; today where it is left out.")]


class SpanQuery(Request):
    """Which days."""

    days: Size = SIZES_DAYS[1]
    until: Until = None


class RhythmQuery(SpanQuery):
    """Which channel in which days."""

    channel: ProfileChannel = _CHANNELS[0]


class WeeksQuery(Request):
    """The last of the weeks."""

    until: Until = None


class StretchAnswer(Answer):
    """Steps of which too little was seen, from the first on and before the end."""

    first: int
    end: int
    is_off: bool = Field(description="The device was off the body; otherwise there is no data.")


class MarkAnswer(Answer):
    """Something that happened."""

    kind: MarkKind
    starts_at: datetime
    ends_at: datetime | None
    words: str


class Series(Answer):
    """A channel in equal steps; a list is empty where there is nothing at all, null is a gap."""

    name: str
    label: str
    unit: str
    sentence: str
    lowest: list[float | None]
    average: list[float | None]
    highest: list[float | None]
    usual: str = Field(description="Of what the two next ones are usual.")
    usual_low: list[float | None]
    usual_high: list[float | None]


class SeriesAnswer(Answer):
    """A person's channels on one axis of at most 512 equal steps."""

    timezone: str
    first_day: date
    last_day: date
    first: datetime
    step_s: int
    steps: int
    worn: str
    stretches: list[StretchAnswer]
    marks: list[MarkAnswer]
    series: list[Series]


class HalfHour(Answer):
    """A half hour of the day, over all days: so many percent of minutes lay below."""

    clock: str
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float


class ProfileAnswer(Answer):
    """Working days or weekends; a half hour that is not there has too few values."""

    name: str
    sentence: str
    half_hours: list[HalfHour]


class Minutes(Answer):
    """A part of a night, in minutes since the noon before it."""

    first: int
    length: int


class NightAnswer(Answer):
    """One night from noon to noon. What is neither asleep nor without data was awake."""

    evening: date
    asleep_minutes: int
    from_clock: str
    until_clock: str
    asleep: list[Minutes]
    without_data: list[Minutes]


class Regularity(Answer):
    """How regular sleep was in the week up to a day: 100 is every day alike, 0 is chance."""

    day: date | None
    index: float | None
    usual: tuple[float, float] | None
    sentence: str


class RhythmAnswer(Answer):
    """Hours of the day, and nights below each other."""

    channel: str
    unit: str
    first_day: date
    last_day: date
    profiles: list[ProfileAnswer]
    nights: list[NightAnswer]
    regularity: Regularity


class Week(Answer):
    """A measure in one week, told by its middle day."""

    monday: date
    value: float | None
    words: str
    days: int = Field(description="Days with a value; of few of them nothing is said.")
    against_usual: str


class WeeksLine(Answer):
    """A measure over all weeks."""

    name: str
    label: str
    unit: str
    weeks: list[Week]


class WeeksAnswer(Answer):
    """Every daily measure in the last six weeks; the last one may not be over."""

    items: list[WeeksLine]


async def show_series(call: Call) -> SeriesAnswer:
    """Return the channels of a person."""
    asked = await ask(call.connection, call.request, LookedAt.DETAIL)
    view = await read_view(call.connection, asked)
    marks = await read_marks(call.connection, asked)
    return SeriesAnswer(
        timezone=asked.person.timezone,
        first_day=asked.span.first_day,
        last_day=asked.span.last_day,
        first=view.first,
        step_s=int(view.step.total_seconds()),
        steps=view.count,
        worn=view.worn_sentence,
        stretches=[
            StretchAnswer(first=one.first, end=one.end, is_off=one.is_off) for one in view.stretches
        ],
        marks=[mark_answer(one) for one in marks],
        series=[_series(one, view, asked.person.name) for one in view.panels],
    )


async def show_rhythm(call: Call) -> RhythmAnswer:
    """Return hours of the day and nights."""
    name = call.query_as(RhythmQuery).channel
    channel = next(one for one in PROFILE_CHANNELS if one.name == name)
    asked = await ask(call.connection, call.request, LookedAt.DETAIL)
    minutes = await read_minutes(call.connection, asked, channel)
    columns = profile_of(minutes, asked)
    regular = await read_regularity(call.connection, asked)
    return RhythmAnswer(
        channel=channel.name,
        unit=profile_unit(channel),
        first_day=asked.span.first_day,
        last_day=asked.span.last_day,
        profiles=[
            ProfileAnswer(
                name=one.name, sentence=one.sentence, half_hours=_half_hours(part, channel)
            )
            for one, part in zip(profiles(columns, channel), columns, strict=True)
        ],
        nights=[_night(one) for one in nights_of(minutes, asked)],
        regularity=_regularity(regular, asked.person.name),
    )


async def show_weeks(call: Call) -> WeeksAnswer:
    """Return the last weeks."""
    asked = await ask(call.connection, call.request, LookedAt.TRENDS)
    last = asked.span.last_day
    found = week_lines(await read_days(call.connection, asked), last)
    return WeeksAnswer(items=[_weeks(one, mondays(last)) for one in found])


def mark_answer(mark: Mark) -> MarkAnswer:
    """Return something that happened."""
    return MarkAnswer(
        kind=mark.kind, starts_at=mark.starts_at, ends_at=mark.ends_at, words=mark.words
    )


def _series(panel: Panel, view: Explored, name: str) -> Series:
    kind, decimals = panel.kind, panel.kind.decimals
    has_range = kind.has_range
    return Series(
        name=kind.name,
        label=kind.label,
        unit=kind.unit,
        sentence=panel_sentence(panel, view, name),
        lowest=numbers_of(panel.low, decimals) if has_range else [],
        average=numbers_of(panel.middle, decimals),
        highest=numbers_of(panel.high, decimals) if has_range else [],
        usual=kind.usual_label,
        usual_low=numbers_of(panel.usual_low, decimals),
        usual_high=numbers_of(panel.usual_high, decimals),
    )


def _half_hours(columns: Floats, channel: Channel) -> list[HalfHour]:
    digits = 2 if channel.name == "eda" else 1
    return [
        HalfHour.model_validate(
            {"clock": f"{place // 2:02d}:{place % 2 * 30:02d}"}
            | dict(zip(("p10", "p25", "p50", "p75", "p90"), column, strict=True))
        )
        for place, column in enumerate(np.round(columns.T, digits).tolist())
        if place < BINS and np.isfinite(column).all()
    ]


def _night(night: Night) -> NightAnswer:
    return NightAnswer(
        evening=night.evening,
        asleep_minutes=night.asleep_minutes,
        from_clock=night.from_clock,
        until_clock=night.until_clock,
        asleep=[_minutes(one) for one in night.asleep],
        without_data=[_minutes(one) for one in night.without_data],
    )


def _minutes(block: Block) -> Minutes:
    return Minutes(
        first=round(block.first_percent * MINUTES_A_PERCENT),
        length=round(block.width_percent * MINUTES_A_PERCENT),
    )


def _regularity(row: RegularityRow | None, name: str) -> Regularity:
    return Regularity(
        day=row.day if row else None,
        index=round(row.value, 1) if row else None,
        usual=row.usual_range if row else None,
        sentence=regularity_said(row, name),
    )


def _weeks(line: WeekLine, starts: list[date]) -> WeeksLine:
    feature = line.feature
    return WeeksLine(
        name=feature.name,
        label=feature.label,
        unit=feature.unit,
        weeks=[_week(one, monday) for one, monday in zip(line.cells, starts, strict=True)],
    )


def _week(cell: WeekCell, monday: date) -> Week:
    return Week(
        monday=monday,
        value=None if cell.value is None else round(cell.value, 2),
        words=cell.words,
        days=cell.days,
        against_usual=cell.against,
    )
