"""Charts: from arrays to the geometry of an SVG that needs no script. Pure.

Promises: a gap in the data is a gap in the line, never a straight line across it; the grey band is
what is usual for this person on that day, and is absent where nothing is learned yet; every mark
has a shape and a word, never a colour alone. Widths are percentages, so that text keeps its size on
every screen; heights are pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from portal.words import clock_words, short_day_words, zone_of

Floats = NDArray[np.float64]

HEIGHT: Final = 180
SPARKLINE_HEIGHT: Final = 96
TOP: Final = 26
"""Room above the plot for the marks of days on which something had changed."""
BOTTOM: Final = 8

LABEL_PX: Final = 24
"""Labels nearer than this above each other would touch."""

SPAN: Final = 1000.0
"""The plot is this wide in its own units; the page stretches it to the width of the screen."""

TICKS_ACROSS: Final = 4
"""Four dates fit side by side on a screen of 320 pixels."""

WORD_PERCENT: Final = 20
"""Two short words fit into a fifth of the narrowest chart, that of a screen of 320 pixels."""

_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
"""A step of 2.5 would put "58" at 57.5 where a measure has no decimals."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on an axis: how far along (percent or pixels) and what it says."""

    at: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Dot:
    """A value without neighbours: a line cannot show it, so a dot does."""

    across_percent: float
    down: float


@dataclass(frozen=True, slots=True)
class Mark:
    """Days on which something had changed: a bar with a triangle and a word."""

    first_percent: float
    width_percent: float
    text: str
    text_percent: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Shade:
    """A time without data: a shade over the whole height, with a word where there is room."""

    first_percent: float
    width_percent: float
    text: str

    @classmethod
    def of(cls, start: float, end: float) -> Shade:
        """Return the shade between two parts of the width, 0 to 1."""
        width = round((end - start) * 100, 2)
        return cls(round(start * 100, 2), width, "no data" if width >= WORD_PERCENT else "")


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws."""

    height: int
    line: str
    band: str
    ranges: str
    dots: tuple[Dot, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    shades: tuple[Shade, ...] = ()


def daily_chart(
    days: Sequence[date],
    values: Floats,
    low: Floats,
    high: Floats,
    marked: Sequence[str],
    *,
    height: int = HEIGHT,
    write: Callable[[float], str],
    steps: Sequence[float] = (),
) -> Chart | None:
    """Return the chart of one measure a day, or None when there is nothing to draw.

    `low` and `high` are what is usual; NaN where nothing was measured or learned. `marked` has a
    word for each day on which something had changed, and an empty one for every other day. `steps`
    are the distances between labels that can be written as they are, smallest first; the plot is
    never so narrow that no label falls into it.
    """
    if not np.isfinite(values).any():
        return None
    bottom, top, ticks = _scale(np.concatenate([values, low, high]), write, height, steps)
    down = _down(bottom, top, height)
    width = SPAN / len(days)
    middles = _middles(len(days))
    return Chart(
        height=height,
        line=_line(middles, down(values)),
        band=_band(down(low), down(high), width),
        ranges="",
        dots=_dots(middles, down(values)),
        across=_day_ticks(days),
        up=tuple(Tick(float(down(np.array([tick]))[0]), write(tick)) for tick in ticks),
        marks=_marks(marked),
    )


def hourly_chart(
    first_hour: datetime,
    lowest: Floats,
    middle: Floats,
    highest: Floats,
    zone: str,
    write: Callable[[float], str],
    shades: Sequence[Shade] = (),
) -> Chart | None:
    """Return the chart of lowest, middle and highest an hour, or None when there is nothing."""
    if not np.isfinite(middle).any():
        return None
    bottom, top, ticks = _scale(np.concatenate([lowest, highest]), write, HEIGHT)
    down = _down(bottom, top, HEIGHT)
    middles = _middles(len(middle))
    return Chart(
        height=HEIGHT,
        line=_line(middles, down(middle)),
        band="",
        ranges=_ranges(middles, down(lowest), down(highest)),
        dots=_dots(middles, down(middle)),
        across=_hour_ticks(first_hour, len(middle), zone),
        up=tuple(Tick(float(down(np.array([tick]))[0]), write(tick)) for tick in ticks),
        marks=(),
        shades=tuple(shades),
    )


def steps_chart(
    values: tuple[Floats, Floats, Floats],
    usual: tuple[Floats, Floats],
    across: Sequence[Tick],
    write: Callable[[float], str],
    *,
    height: int = HEIGHT,
    steps: Sequence[float] = (),
    scaled_with: Sequence[Floats] = (),
) -> Chart | None:
    """Return the chart of lowest, middle and highest in equal steps, over a band of what is usual.

    A measure without a range has three equal columns. `scaled_with` are values of other charts that
    share its scale. None when there is nothing to draw.
    """
    lowest, middle, highest = values
    if not np.isfinite(middle).any():
        return None
    scaled = np.concatenate([lowest, highest, *usual, *scaled_with])
    bottom, top, ticks = _scale(scaled, write, height, steps)
    down = _down(bottom, top, height)
    middles = _middles(len(middle))
    has_range = bool((lowest[np.isfinite(lowest)] != highest[np.isfinite(lowest)]).any())
    return Chart(
        height=height,
        line=_line(middles, down(middle)),
        band=_band(down(usual[0]), down(usual[1]), SPAN / len(middle)),
        ranges=_ranges(middles, down(lowest), down(highest)) if has_range else "",
        dots=_dots(middles, down(middle)),
        across=tuple(across),
        up=tuple(Tick(float(down(np.array([tick]))[0]), write(tick)) for tick in ticks),
        marks=(),
    )


def profile_chart(
    percentiles: Sequence[Floats],
    scaled_with: Floats,
    across: Sequence[Tick],
    write: Callable[[float], str],
) -> Chart | None:
    """Return the chart of five percentiles by part of a day, lowest first.

    The outer two are its band, the inner two its `ranges`, the middle one its line. `scaled_with`
    are the values of all charts that share its scale. None when there is nothing to draw.
    """
    if not np.isfinite(percentiles[2]).any():
        return None
    bottom, top, ticks = _scale(scaled_with, write, HEIGHT)
    down = _down(bottom, top, HEIGHT)
    outer_low, inner_low, middle, inner_high, outer_high = (down(one) for one in percentiles)
    width = SPAN / len(middle)
    return Chart(
        height=HEIGHT,
        line=_line(_middles(len(middle)), middle),
        band=_band(outer_low, outer_high, width),
        ranges=_band(inner_low, inner_high, width),
        dots=_dots(_middles(len(middle)), middle),
        across=tuple(across),
        up=tuple(Tick(float(down(np.array([tick]))[0]), write(tick)) for tick in ticks),
        marks=(),
    )


def runs(present: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and one-past-last index of every run of True.

    Example:
        >>> runs(np.array([True, True, False, True]))
        [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], present.astype(np.int8), [0]])))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _scale(
    values: Floats, write: Callable[[float], str], height: int, steps: Sequence[float] = ()
) -> tuple[float, float, list[float]]:
    """Return the bottom and top of the plot and the values that get a label."""
    finite = values[np.isfinite(values)]
    lowest, highest = float(finite.min()), float(finite.max())
    padding = max((highest - lowest) * 0.08, abs(highest) * 0.02, *steps[:1], 1e-6)
    bottom = lowest - padding if lowest < 0 or lowest - padding > 0 else 0.0
    top = highest + padding
    step = _nice_step((top - bottom) * LABEL_PX / (height - TOP - BOTTOM), steps)
    first = np.ceil(bottom / step) * step
    ticks = [float(first + index * step) for index in range(int((top - first) / step + 1e-9) + 1)]
    distinct = {write(tick): tick for tick in reversed(ticks)}
    return bottom, top, sorted(distinct.values())


def _nice_step(rough: float, steps: Sequence[float]) -> float:
    """Return the smallest step that is not below `rough`, from `steps` or in powers of ten."""
    if fitting := [step for step in steps if step >= rough * 0.999]:
        return fitting[0]
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(step * power for step in _STEPS if step * power >= rough * 0.999))


def _down(bottom: float, top: float, height: int) -> Callable[[Floats], Floats]:
    """Return the function from a value to pixels from the upper edge."""
    room = height - TOP - BOTTOM

    def place(values: Floats) -> Floats:
        placed: Floats = TOP + room * (1.0 - (values - bottom) / (top - bottom))
        return placed

    return place


def _middles(count: int) -> Floats:
    """Return how far along the middle of each of `count` equal steps lies."""
    middles: Floats = (np.arange(count, dtype=np.float64) + 0.5) * (SPAN / count)
    return middles


def _line(across: Floats, down: Floats) -> str:
    """Return one path for each unbroken run of at least two values."""
    parts: list[str] = []
    points = [f"{x:.1f} {y:.1f}" for x, y in zip(across.tolist(), down.tolist(), strict=True)]
    for start, end in runs(np.isfinite(down)):
        if end - start > 1:
            parts.append("M" + "L".join(points[start:end]))
    return "".join(parts)


def _dots(across: Floats, down: Floats) -> tuple[Dot, ...]:
    single = [start for start, end in runs(np.isfinite(down)) if end - start == 1]
    return tuple(
        Dot(round(float(across[i]) / SPAN * 100, 2), round(float(down[i]), 1)) for i in single
    )


def _band(low_down: Floats, high_down: Floats, width: float) -> str:
    """Return one closed path for each run of days with something usual; each day is a step.

    In whole pixels, which an edge of a band is as sharp as, and without the days on which nothing
    moves: eighteen bands of a season are most of what the page would weigh.
    """
    parts: list[str] = []
    for start, end in runs(np.isfinite(low_down) & np.isfinite(high_down)):
        edges = [round(at * width) for at in range(start, end + 1)]
        upper = [round(one) for one in high_down[start:end].tolist()]
        lower = [round(one) for one in low_down[start:end].tolist()]
        back = _stairs(edges[::-1], lower[::-1])
        parts.append(f"M{edges[0]} {lower[0]}{_stairs(edges, upper)}{back}Z")
    return "".join(parts)


def _stairs(edges: Sequence[int], heights: Sequence[int]) -> str:
    """Return the way from the first edge to the last one, up or down only where the height changes.

    Example:
        >>> _stairs([0, 10, 20, 30], [7, 7, 4])
        'V7H20V4H30'
    """
    parts = [f"V{heights[0]}"]
    for edge, here, further in zip(edges[1:], heights, heights[1:], strict=False):
        if further != here:
            parts.append(f"H{edge}V{further}")
    return "".join([*parts, f"H{edges[-1]}"])


def _ranges(across: Floats, low_down: Floats, high_down: Floats) -> str:
    present = np.flatnonzero(np.isfinite(low_down) & np.isfinite(high_down))
    return "".join(f"M{across[i]:.1f} {low_down[i]:.1f}V{high_down[i]:.1f}" for i in present)


def _day_ticks(days: Sequence[date]) -> tuple[Tick, ...]:
    count = min(TICKS_ACROSS, len(days))
    chosen = sorted({round(position) for position in np.linspace(0, len(days) - 1, count)})
    return tuple(
        Tick(
            round((index + 0.5) / len(days) * 100, 2),
            short_day_words(days[index]),
            _anchor((index + 0.5) / len(days) * 100),
        )
        for index in chosen
    )


def _hour_ticks(first_hour: datetime, hours: int, zone: str) -> tuple[Tick, ...]:
    """Return a label at every local midnight."""
    ticks: list[Tick] = []
    for index in range(hours):
        hour = first_hour + timedelta(hours=index)
        if clock_words(hour, zone) == "00:00":
            at = index / hours * 100
            ticks.append(
                Tick(
                    round(at, 2),
                    short_day_words(hour.astimezone(zone_of(zone)).date()),
                    _anchor(at),
                )
            )
    return tuple(ticks)


def _marks(marked: Sequence[str]) -> tuple[Mark, ...]:
    """Return a bar for each run of marked days; a word where it does not run into the last one."""
    marks: list[Mark] = []
    free_from = 0.0
    for start, end in runs(np.array([bool(word) for word in marked], dtype=np.bool_)):
        first, width = start / len(marked) * 100, (end - start) / len(marked) * 100
        anchor = "end" if first > 60 else "start"
        at = first + width if anchor == "end" else first
        fits = first >= free_from if anchor == "start" else at - 40 >= free_from
        text = marked[start] if fits or not marks else ""
        free_from = at + 40 if anchor == "start" else at
        marks.append(Mark(round(first, 2), round(width, 2), text, round(at, 2), anchor))
    return tuple(marks)


def _anchor(percent: float) -> str:
    if percent < 8:
        return "start"
    return "end" if percent > 92 else "middle"
