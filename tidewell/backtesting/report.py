"""What a backtest found, as people read it and as JSON.

Promises: both say what the numbers rest on; totals count all people together. Never: a name, or
whether a change is for the better; that is for the people who know the young person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidewell.backtesting.comparison import Change, ChangeKind, Episode, Window
from tidewell.local_time import day_date, utc_moment

DAYS_PER_MONTH: Final = 30.44
MOST_LINES: Final = 100
"""More alerts than anybody reads one by one in a terminal; JSON has all of them."""

COUNTS: Final = (
    "Counted are episodes: times at which somebody would be asked to look. One episode may send "
    "several messages, or none when it is old."
)
NOT_REPLAYED: Final = (
    "a device that is silent or not worn, which no policy changes",
    "how late readings came: each day is taken as it is stored now",
    "limits of plans as they were earlier: those of today are taken",
)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a backtest rests on.

    Attributes:
        people: with at least one stored day. person_days: their days in the window, from their
            first stored day on; days_without_data of these have nothing to compare.
        compared_days: days whose score the proposed policy could be asked about.
        readings: replayed, late_readings of which decided nothing because they came too late.
        on_record: episodes that really opened in the window, with whatever policy was in use.
    """

    people: int = 0
    person_days: int = 0
    days_without_data: int = 0
    compared_days: int = 0
    readings: int = 0
    late_readings: int = 0
    on_record: int = 0


@dataclass(frozen=True, slots=True)
class Backtest:
    """The answer of a backtest; `present` and `proposed` are the names of the two policies."""

    present: str
    proposed: str
    window: Window
    labels: Mapping[int, str]
    changes: tuple[Change, ...]
    present_count: int
    proposed_count: int
    basis: Basis


def headline(changes: Sequence[Change]) -> str:
    """Return all changes in one sentence.

    Example:
        >>> headline([])
        'Nothing would change.'
    """
    parts = [
        _counted(kind, those)
        for kind in ChangeKind
        if (those := [one for one in changes if kind in one.kinds])
    ]
    return ", ".join(parts) + "." if parts else "Nothing would change."


def as_lines(found: Backtest) -> list[str]:
    """Return the answer as people read it, each change with a person's label and a day."""
    lines = _in_all(found)
    if found.changes:
        lines += ["", "Each of them, with the day that decides it:"]
    lines += [_line(one, found.labels) for one in found.changes[:MOST_LINES]]
    if len(found.changes) > MOST_LINES:
        lines.append(f"  … and {len(found.changes) - MOST_LINES} more; --json has all of them")
    return [*lines, "", *_rests_on(found)]


def as_totals(found: Backtest) -> list[str]:
    """Return the answer for whoever may not know how anybody is: numbers, and no person or day."""
    return [*_in_all(found), "", *_rests_on(found)]


def _in_all(found: Backtest) -> list[str]:
    first, last = day_date(found.window.first_day), day_date(found.window.last_day)
    present, proposed = found.present_count, found.proposed_count
    rates = f"{_rate(proposed, found)} a person-month instead of {_rate(present, found)}"
    return [
        f"{found.proposed} against {found.present}, {first} to {last}:",
        headline(found.changes),
        f"In all {proposed} alerts instead of {present}: {rates}.",
    ]


def as_json(found: Backtest) -> dict[str, Any]:
    """Return the answer as JSON: every key is always there."""
    changes = [_change_json(one, found.labels) for one in found.changes]
    return totals_as_json(found) | {"changes": changes}


def totals_as_json(found: Backtest) -> dict[str, Any]:
    """Return the answer as JSON without a person or a day on which something was."""
    basis = found.basis
    return {
        "proposed": found.proposed,
        "present": found.present,
        "first_day": day_date(found.window.first_day).isoformat(),
        "last_day": day_date(found.window.last_day).isoformat(),
        "sentence": headline(found.changes),
        "alerts": {"present": found.present_count, "proposed": found.proposed_count},
        "totals": {
            kind.value: {"alerts": len(those), "people": len({one.person_id for one in those})}
            for kind in ChangeKind
            for those in [[one for one in found.changes if kind in one.kinds]]
        },
        "rests_on": {name: getattr(basis, name) for name in Basis.__slots__},
        "counts": COUNTS,
        "not_replayed": list(NOT_REPLAYED),
    }


def _counted(kind: ChangeKind, those: Sequence[Change]) -> str:
    count, people = len(those), len({one.person_id for one in those})
    whom = "1 person" if people == 1 else f"{people} people"
    match kind:
        case ChangeKind.MORE:
            return f"{count} more alert{'s' * (count != 1)} for {whom}"
        case ChangeKind.FEWER:
            return f"{count} fewer for {whom}"
        case ChangeKind.EARLIER | ChangeKind.LATER:
            return f"{count} {kind.value} by {_span(those)}"
        case ChangeKind.HIGHER | ChangeKind.LOWER:
            return f"{count} at a {kind.value} level"


def _span(those: Sequence[Change]) -> str:
    """Return by how much alerts move, such as "2 days" or "1 to 4 days"."""
    days = sorted(abs(one.moved_days) for one in those)
    unit, lengths = "day", days
    if days[-1] == 0:
        unit, lengths = "minute", sorted(abs(one.moved_minutes) for one in those)
    low, high = lengths[0], lengths[-1]
    words = f"{high} {unit}{'s' * (high != 1)}"
    return words if low == high else f"{low} to {words}"


def _line(change: Change, labels: Mapping[int, str]) -> str:
    who = f"  {labels[change.person_id]}, {_about(change)}: "
    present, proposed = change.present, change.proposed
    if proposed is None:
        return who + f"none; now {_opened(present)}"
    if present is None:
        return who + f"{_opened(proposed)}; now none"
    moved = [kind for kind in change.kinds if kind in {ChangeKind.EARLIER, ChangeKind.LATER}]
    said = "".join(f" ({_span([change])} {kind.value})" for kind in moved)
    return who + f"{_opened(proposed)}{said}; now {_opened(present)}"


def _about(change: Change) -> str:
    subject = change.subject
    if subject.is_limit:
        return f"limit of {subject.channel} {subject.direction}"
    return subject.family.value.replace("_", " ")


def _opened(one: Episode | None) -> str:
    assert one is not None  # a change has at least one of both
    at = f" {utc_moment(one.opened_ms):%H:%M} UTC" if one.subject.is_limit else ""
    return f"{one.level.words.lower()} on {day_date(one.opened_day)}{at}"


def _rests_on(found: Backtest) -> list[str]:
    basis = found.basis
    without, compared = f"{basis.days_without_data:,}", f"{basis.compared_days:,}"
    rests = f"{basis.person_days:,} days of {basis.people:,} people: {without} without data"
    lines = [f"It rests on {rests}, {compared} that could be compared with what was usual then."]
    if basis.readings:
        lines.append(
            f"{basis.readings:,} readings were replayed; {basis.late_readings:,} of them came too "
            "late to be told as now and decide nothing about limits, then as here."
        )
    lines.append(f"Episodes on record that opened in these days: {basis.on_record:,}.")
    return [*lines, COUNTS, f"Not replayed: {'; '.join(NOT_REPLAYED)}."]


def _rate(count: int, found: Backtest) -> str:
    days = found.basis.person_days - found.basis.days_without_data
    return f"{count * DAYS_PER_MONTH / days:.2f}" if days else "0.00"


def _change_json(change: Change, labels: Mapping[int, str]) -> dict[str, Any]:
    return {
        "person": labels[change.person_id],
        "family": change.subject.family.value,
        "channel": change.subject.channel,
        "direction": change.subject.direction,
        "kinds": [kind.value for kind in change.kinds],
        "moved_days": change.moved_days,
        "moved_minutes": change.moved_minutes,
        "present": _episode_json(change.present),
        "proposed": _episode_json(change.proposed),
    }


def _episode_json(one: Episode | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "day": day_date(one.opened_day).isoformat(),
        "opened_at": utc_moment(one.opened_ms).isoformat(),
        "closed_at": None if one.closed_ms is None else utc_moment(one.closed_ms).isoformat(),
        "level": one.level.value,
    }


def total(parts: Iterable[Basis]) -> Basis:
    """Return what several parts rest on together."""
    rows = [tuple(getattr(one, name) for name in Basis.__slots__) for one in parts]
    return Basis(*(sum(column) for column in zip(*rows, strict=True)))
