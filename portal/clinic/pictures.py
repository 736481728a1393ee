"""From columns to the geometry of pictures that need no script: panels, profiles, nights. Pure.

Widths are percentages and heights pixels, as in `portal/charts.py`, which draws the lines. A gap
stays a gap; what is hatched says which kind of gap it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal.charts import TICKS_ACROSS, Chart, Tick, steps_chart
from portal.clinic.marks import Mark
from portal.clinic.series import Explored, Panel
from portal.words import clock_words, number_words, short_day_words

PANEL_HEIGHT: Final = 130
"""Ten panels, one above the other, share one axis of time."""
LETTER_PERCENT: Final = 2.2
"""Letters nearer than this beside each other would touch; the list has them all."""
HOURS_BELOW_DAYS: Final = 3
"""A shorter span has clock times below it, a longer one days."""


@dataclass(frozen=True, slots=True)
class Hatch:
    """Steps without enough values."""

    first_percent: float
    width_percent: float
    is_off: bool


@dataclass(frozen=True, slots=True)
class Letter:
    """Something that happened: a line over the whole height, with a letter where there is room."""

    at_percent: float
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One panel of the explorer as SVG."""

    chart: Chart | None
    hatches: tuple[Hatch, ...]
    letters: tuple[Letter, ...]


def panel_picture(panel: Panel, view: Explored, letters: tuple[Letter, ...]) -> Picture:
    """Return one panel."""
    chart = steps_chart(
        (panel.low, panel.middle, panel.high),
        (panel.usual_low, panel.usual_high),
        ticks_across(view),
        lambda value: number_words(value, panel.kind.decimals),
        height=PANEL_HEIGHT,
    )
    hatches = tuple(
        Hatch(
            round(one.first / view.count * 100, 2),
            round((one.end - one.first) / view.count * 100, 2),
            one.is_off,
        )
        for one in view.stretches
    )
    return Picture(chart, hatches, letters)


def letters_of(marks: Sequence[Mark], view: Explored) -> tuple[Letter, ...]:
    """Return where things happened; a letter that would touch its neighbour is left out."""
    length = view.step * view.count
    found: list[Letter] = []
    free_from = 0.0
    for mark in sorted(marks, key=lambda one: one.starts_at):
        at = round(max(0.0, (mark.starts_at - view.first) / length) * 100, 2)
        text = mark.letter if at >= free_from else ""
        free_from = at + LETTER_PERCENT if text else free_from
        found.append(Letter(at, text))
    return tuple(found)


def ticks_across(view: Explored) -> tuple[Tick, ...]:
    """Return labels for the foot: clock times in a short span, days in a longer one."""
    length = view.step * view.count
    if length <= timedelta(days=HOURS_BELOW_DAYS):
        return tuple(
            _tick(
                at / TICKS_ACROSS, clock_words(view.first + length * at / TICKS_ACROSS, view.zone)
            )
            for at in range(TICKS_ACROSS)
        )
    places = [round(part * (view.count - 1) / (TICKS_ACROSS - 1)) for part in range(TICKS_ACROSS)]
    return tuple(
        _tick((place + 0.5) / view.count, short_day_words(view.dates[place]))
        for place in dict.fromkeys(places)
    )


def _tick(part: float, text: str) -> Tick:
    percent = round(part * 100, 2)
    anchor = "start" if percent < 8 else "end" if percent > 92 else "middle"
    return Tick(percent, text, anchor)


def moment_of(view: Explored, place: int) -> datetime:
    """Return when a step begins."""
    return view.first + view.step * place
