"""Policies and their trials in rows and words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from portal.admin.forms import Form, Short, number_of

KIND_WORDS: Final = {
    "alerts": "Who is told of alerts",
    "detection": "When a change is worth telling (thresholds)",
}
TRIAL_WORDS: Final = {
    "check": "Check",
    "simulate": "Try on alerts of the past",
    "backtest": "Try on stored days",
}
STATE_WORDS: Final = {
    "waiting": "waits for its turn",
    "running": "is being worked on",
    "passed": "done",
    "refused": "cannot be used like this",
    "failed": "did not come to an end",
}
STEP_WORDS: Final = {
    "key_worker": "the key worker",
    "cover": "whoever covers",
    "assigned": "everybody assigned",
    "team": "the team",
    "duty_line": "the duty line",
    "service_manager": "a service manager",
}
SOURCE_BYTES_MOST: Final = 65_536
DAYS: Final = (7, 28, 90, 365)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy that holds or held."""

    policy_id: int
    body: dict[str, Any]
    valid_from: datetime
    set_by: str | None

    @property
    def name(self) -> str:
        """Return what it is called."""
        return str(self.body.get("name", "without a name"))


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A policy that was uploaded."""

    policy_draft_id: int
    kind: str
    source: str
    made_at: datetime
    made_by: str

    @property
    def kind_words(self) -> str:
        """Return what it is about."""
        return KIND_WORDS[self.kind]


@dataclass(frozen=True, slots=True)
class TrialRow:
    """What was asked about a policy, and what came out."""

    policy_trial_id: int
    policy_draft_id: int | None
    kind: str
    days: int | None
    asked_at: datetime
    state: str
    done: int
    total: int
    ended_at: datetime | None
    lines: list[str]
    body: dict[str, Any] | None

    @property
    def is_over(self) -> bool:
        """Return whether there is an answer."""
        return self.ended_at is not None

    @property
    def title(self) -> str:
        """Return what was asked."""
        words = TRIAL_WORDS[self.kind]
        return words if self.days is None else f"{words}, {self.days} days"

    @property
    def state_words(self) -> str:
        """Return how far it is."""
        if self.state == "running" and self.total:
            return f"{self.done} of {self.total} people done"
        return STATE_WORDS[self.state]


class TryForm(Form):
    """What to try, and on how many days."""

    kind: Short = ""
    days: Short = ""

    def question(self, about: str) -> tuple[str, int | None] | None:
        """Return the kind of trial and its days, or None where that makes no sense."""
        if self.kind == "check":
            return "check", None
        fits = {"alerts": "simulate", "detection": "backtest"}[about] == self.kind
        days = number_of(self.days)
        return (self.kind, days) if fits and days in DAYS else None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a policy, as people read it."""

    key: str
    value: str


def lines_of(
    body: Mapping[str, Any], staff: Mapping[int, str], rotas: Mapping[int, str]
) -> list[Line]:
    """Return a stored policy as lines, with names in place of numbers."""
    return [Line(key, _value(key, value, staff, rotas)) for key, value in _flat("", body)]


def _flat(above: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in body.items():
        path = f"{above} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(path, value)
        elif value not in (None, [], ""):
            yield path, value


def _value(key: str, value: object, staff: Mapping[int, str], rotas: Mapping[int, str]) -> str:
    if key in ("duty line", "service managers") and isinstance(value, list):
        return ", ".join(staff.get(one, f"staff {one}") for one in value)
    if key in ("duty rota", "service manager rota") and isinstance(value, int):
        return rotas.get(value, f"rota {value}")
    if key == "chain" and isinstance(value, list):
        return ", then ".join(STEP_WORDS.get(one, str(one)) for one in value)
    if isinstance(value, list):
        return ", ".join(_stretch(one) for one in value)
    if isinstance(value, int) and key.split(maxsplit=1)[0] in ("accept", "close", "snooze"):
        return seconds_words(value)
    return str(value)


def _stretch(one: object) -> str:
    if isinstance(one, Mapping) and {"opens", "closes"} <= set(one):
        return f"{str(one['opens'])[:5]} to {str(one['closes'])[:5]}"
    return str(one)


def seconds_words(seconds: int) -> str:
    """Return a length as people say it.

    Example:
        >>> seconds_words(900), seconds_words(14_400), seconds_words(259_200)
        ('15 minutes', '4 hours', '3 days')
    """
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % size == 0 and seconds >= size:
            count = seconds // size
            return f"{count} {word}{'s' * (count != 1)}"
    return f"{seconds} seconds"
