"""The policy: what a site decided about who is told of an alert, when, and how often.

Rule 1: it is stamped on an alert when that is raised; later changes do not reach that alert.
Rule 2: a key that is not known, or a value out of bounds, refuses the whole policy.
Rule 3: a chain never loops and, once a site saves it, never ends in nobody.

As shipped, a policy has no working hours, because nobody can guess those of a team: it tells at
once by day and night. `docs/examples/alert-policy.toml` is where a service begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from alerts.bank_holidays import Division
from alerts.working_time import OpenHours, WorkingTime
from tidewell.errors import UsageError
from tidewell.local_time import zone_table
from tidewell.vocabulary import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400

WEEKDAYS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
OPEN_MINUTES_LEAST: Final = 60
"""A day of less than an hour would let a deadline of hours run for weeks."""

STRETCHES_MOST: Final = 6
"""Two are a day with a break; six are more than any team works."""

OVERDUE_FACTOR: Final = 4
"""An overdue alert comes back after so many times what it may wait; see `overdue_after`."""

Seconds = Annotated[int, Field(ge=MINUTE_S, le=30 * DAY_S)]
"""Shorter than a minute is a race with the person's own hands; longer than a month is forgotten."""

StaffId = Annotated[int, Field(ge=1)]
RotaId = Annotated[int, Field(ge=1)]


class Step(StrEnum):
    """Who is asked, in the order of the chain; the last one is never written into a chain."""

    KEY_WORKER = "key_worker"
    COVER = "cover"
    ASSIGNED = "assigned"
    TEAM = "team"
    DUTY_LINE = "duty_line"
    SERVICE_MANAGER = "service_manager"
    EVERYBODY = "everybody"


SHIPPED_CHAIN: Final = tuple(step for step in Step if step is not Step.EVERYBODY)


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _OfEachLevel(_Document):
    check_now: Seconds
    check_today: Seconds
    for_review: Seconds

    def spans(self) -> dict[Level, timedelta]:
        """Return the spans by level."""
        return {
            Level.CHECK_NOW: timedelta(seconds=self.check_now),
            Level.CHECK_TODAY: timedelta(seconds=self.check_today),
            Level.FOR_REVIEW: timedelta(seconds=self.for_review),
        }


class AcceptWithin(_OfEachLevel):
    """How long a level may wait until somebody says "I'm on it"."""

    check_now: Seconds = 15 * MINUTE_S
    check_today: Seconds = 4 * HOUR_S
    for_review: Seconds = 3 * DAY_S


class CloseWithin(_OfEachLevel):
    """How long an accepted alert may stay open until its owner is asked how it went."""

    check_now: Seconds = 30 * MINUTE_S
    check_today: Seconds = 8 * HOUR_S
    for_review: Seconds = 5 * DAY_S


class SnoozeMost(_OfEachLevel):
    """How long an alert may be put off at once."""

    check_now: Seconds = HOUR_S
    check_today: Seconds = DAY_S
    for_review: Seconds = 7 * DAY_S


class PushBudget(_Document):
    """How many messages one person gets before further ones are bundled; never for check now."""

    in_15_minutes: Annotated[int, Field(ge=1, le=100)] = 3
    in_1_hour: Annotated[int, Field(ge=1, le=400)] = 7
    in_3_hours: Annotated[int, Field(ge=1, le=1_000)] = 15

    def windows(self) -> tuple[tuple[timedelta, int], ...]:
        """Return each stretch of time with how many messages fit in it."""
        return (
            (timedelta(minutes=15), self.in_15_minutes),
            (timedelta(hours=1), self.in_1_hour),
            (timedelta(hours=3), self.in_3_hours),
        )


class WorkingDay(_Document):
    """A stretch of a day in which a team is at work."""

    opens: time
    closes: time

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("it closes before it opens; give the later time as closes")
        return self

    def hours(self) -> OpenHours:
        """Return it in minutes after midnight."""
        return OpenHours(_minute_of(self.opens), _minute_of(self.closes))


def _minute_of(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def _as_list(stretches: object) -> object:
    """Take one stretch for a list of one, as most days have it."""
    is_list = isinstance(stretches, list | tuple)
    return stretches if is_list else [stretches]


Stretches = Annotated[
    tuple[WorkingDay, ...],
    BeforeValidator(_as_list),
    Field(min_length=1, max_length=STRETCHES_MOST),
]


def _in_order(name: str, stretches: tuple[WorkingDay, ...]) -> tuple[WorkingDay, ...]:
    ordered = tuple(sorted(stretches, key=lambda one: one.opens))
    for one, after in pairwise(ordered):
        if after.opens < one.closes:
            raise ValueError(
                f"{name}: {one.opens:%H:%M} to {one.closes:%H:%M} and {after.opens:%H:%M} to"
                f" {after.closes:%H:%M} overlap; begin the second when the first is over"
            )
    hours = [one.hours() for one in ordered]
    if sum(one.closes_minute - one.opens_minute for one in hours) < OPEN_MINUTES_LEAST:
        raise ValueError(f"{name}: less than an hour of work; make it longer, or leave the day out")
    return ordered


class WorkingHours(_Document):
    """When a team is at work."""

    timezone: str = "Europe/London"
    days: Annotated[dict[str, Stretches], Field(min_length=1)]
    bank_holidays: Division | None = None
    closed_days: Annotated[frozenset[date], Field(max_length=100)] = frozenset()

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            zone_table(name)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return name

    @field_validator("days")
    @classmethod
    def _are_weekdays(
        cls, days: dict[str, tuple[WorkingDay, ...]]
    ) -> dict[str, tuple[WorkingDay, ...]]:
        if unknown := sorted(set(days) - set(WEEKDAYS)):
            raise ValueError(f"not a weekday: {', '.join(unknown)}; use {', '.join(WEEKDAYS)}")
        return {name: _in_order(name, stretches) for name, stretches in days.items()}

    def as_working_time(self) -> WorkingTime:
        """Return the form that decisions are made with."""
        hours = {
            WEEKDAYS.index(name): tuple(one.hours() for one in stretches)
            for name, stretches in self.days.items()
        }
        return WorkingTime(self.timezone, hours, self.bank_holidays, self.closed_days)


class PolicyDocument(_Document):
    """The policy as it is stored and as it is stamped on an alert; staff are numbers here."""

    name: Annotated[str, Field(min_length=1, max_length=60)] = "default"
    fresh_within_h: Annotated[int, Field(ge=1, le=14 * 24)] = 36
    accept_within_s: AcceptWithin = AcceptWithin()
    close_within_s: CloseWithin = CloseWithin()
    snooze_most_s: SnoozeMost = SnoozeMost()
    escalations_most: Annotated[int, Field(ge=1, le=20)] = 3
    unreached_retry_s: Seconds = 15 * MINUTE_S
    overdue_check_s: Seconds = DAY_S
    merge_within_h: Annotated[int, Field(ge=0, le=14 * 24)] = 72
    raise_again_after_days: Annotated[int, Field(ge=1, le=30)] = 3
    push_budget: PushBudget = PushBudget()
    chain: Annotated[tuple[Step, ...], Field(min_length=1, max_length=6)] = SHIPPED_CHAIN
    duty_line: Annotated[tuple[StaffId, ...], Field(max_length=50)] = ()
    service_managers: Annotated[tuple[StaffId, ...], Field(max_length=50)] = ()
    duty_rota: RotaId | None = None
    service_manager_rota: RotaId | None = None
    working_hours: WorkingHours | None = None

    @model_validator(mode="after")
    def _chain_is_a_line(self) -> Self:
        if Step.EVERYBODY in self.chain:
            raise ValueError("everybody is asked after the chain by itself; leave it out")
        if len(set(self.chain)) != len(self.chain):
            raise ValueError("a chain that comes back to a step would loop; name each step once")
        return self

    def people_at(self, step: Step) -> tuple[int, ...]:
        """Return the staff whom the policy itself names for a step."""
        named = {Step.DUTY_LINE: self.duty_line, Step.SERVICE_MANAGER: self.service_managers}
        return named.get(step, ())

    def rota_at(self, step: Step) -> int | None:
        """Return the rota that a step goes by; whom the policy names stands in for its holes."""
        rotas = {Step.DUTY_LINE: self.duty_rota, Step.SERVICE_MANAGER: self.service_manager_rota}
        return rotas.get(step)

    @property
    def has_duty_line(self) -> bool:
        """Return whether a duty line is asked; a hole in its rota is told by the preflight."""
        return Step.DUTY_LINE in self.chain and bool(self.duty_line or self.duty_rota is not None)

    def rotas(self) -> tuple[int, ...]:
        """Return every rota that a step goes by."""
        return tuple(one for one in (self.duty_rota, self.service_manager_rota) if one is not None)

    def people_of_rotas(self, step: Step, on_duty: Mapping[int, frozenset[int]]) -> tuple[int, ...]:
        """Return whom a step names at a moment: those on duty, or where nobody is, the named."""
        rota_id = self.rota_at(step)
        now = on_duty.get(rota_id, frozenset()) if rota_id is not None else frozenset[int]()
        return tuple(sorted(now)) or self.people_at(step)

    def as_policy(self) -> Policy:
        """Return the form that decisions are made with."""
        return Policy(
            name=self.name,
            fresh_within=timedelta(hours=self.fresh_within_h),
            accept_within=self.accept_within_s.spans(),
            close_within=self.close_within_s.spans(),
            snooze_most=self.snooze_most_s.spans(),
            escalations_most=self.escalations_most,
            unreached_retry=timedelta(seconds=self.unreached_retry_s),
            overdue_check=timedelta(seconds=self.overdue_check_s),
            merge_within=timedelta(hours=self.merge_within_h),
            raise_again_after=timedelta(days=self.raise_again_after_days),
            push_windows=self.push_budget.windows(),
            chain=self.chain,
            working_time=self.working_hours.as_working_time() if self.working_hours else None,
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What a site decided about being told; without `working_time` somebody is always at work."""

    name: str
    fresh_within: timedelta
    accept_within: Mapping[Level, timedelta]
    close_within: Mapping[Level, timedelta]
    snooze_most: Mapping[Level, timedelta]
    escalations_most: int
    unreached_retry: timedelta
    overdue_check: timedelta
    merge_within: timedelta
    raise_again_after: timedelta
    push_windows: tuple[tuple[timedelta, int], ...]
    chain: tuple[Step, ...]
    working_time: WorkingTime | None

    def is_open(self, moment: datetime) -> bool:
        """Return whether the team is at work."""
        return self.working_time is None or self.working_time.is_open(moment)

    def held_until(self, level: Level, moment: datetime) -> datetime | None:
        """Return until when a level waits for the team to come to work; check now never waits."""
        if level is Level.CHECK_NOW or self.working_time is None or self.is_open(moment):
            return None
        until = self.working_time.next_start(moment)
        return until if until > moment else None

    def deadline(self, level: Level, start: datetime, span: timedelta) -> datetime:
        """Return the end of a span: by the clock for check now, else in working time."""
        if level is Level.CHECK_NOW or self.working_time is None:
            return start + span
        return self.working_time.after(start, span)

    def overdue_after(self, level: Level) -> timedelta:
        """Return how long after the end of the chain everybody is asked once more.

        Never sooner than the level may wait: what is left for days is not asked for each day.
        """
        wait = self.accept_within[level]
        return max(wait, min(self.overdue_check, OVERDUE_FACTOR * wait))


def chain_problems(document: PolicyDocument, at_work: frozenset[int]) -> list[str]:
    """Say what keeps a policy from being saved: whom it names, and where its chain ends."""
    problems = []
    for step in (Step.DUTY_LINE, Step.SERVICE_MANAGER):
        named = document.people_at(step)
        problems += [
            f"{step.value}: staff {staff_id} left or was never here; name another"
            for staff_id in sorted(set(named) - at_work)
        ]
        is_set = bool(named) or document.rota_at(step) is not None
        if is_set and step not in document.chain:
            problems.append(
                f"{step.value}: people or a rota are named but the chain leaves the step out;"
                " add it to the chain, or take them out"
            )
    last = document.chain[-1]
    if document.rota_at(last) is not None and not document.people_at(last):
        problems.append(
            f"chain: it ends with the rota of {last.value}, and a rota can have a hole;"
            " name somebody beside it who stands in"
        )
    elif not set(document.people_at(last)) & at_work:
        problems.append(
            f"chain: it ends with {last.value}, where there may be nobody;"
            " end it with duty_line or service_manager and name somebody there"
        )
    return problems


def hours_problems(document: PolicyDocument, now: datetime) -> list[str]:
    """Say whether the working hours never open: then nothing would be held, against the wish."""
    hours = document.working_hours
    if hours is None or hours.as_working_time().ever_opens(now):
        return []
    never = "working_hours: nobody is at work on any day of the next two months"
    return [f"{never}; correct the days and closed_days"]
