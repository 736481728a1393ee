"""A backtest from end to end: read what is stored, replay it with two policies, compare.

Families are replayed from the features that are stored for each day, limits of a plan from the
readings; with `whole_readings`, both come from readings. Never: writes anything, or holds more than
some people's days and one block of readings in memory.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Final

import numpy as np

from detect.moments import OLD_NEWS_MS
from detect.plan_limits import Limit
from detect.words import Direction
from tidewell.backtesting.comparison import Episode, Window, compare
from tidewell.backtesting.report import Backtest, Basis, total
from tidewell.backtesting.store import (
    History,
    StoredDays,
    StoredLimit,
    StoredPerson,
    StoredReadings,
    StoredSignal,
)
from tidewell.commands.replays import Replay, heard_ms_of
from tidewell.detection_policy import DetectionPolicy, WhatIfLimit
from tidewell.errors import UsageError
from tidewell.local_time import DAY_MS, utc_moment

PEOPLE_AT_ONCE: Final = 200
"""Ten years of days of so many people take 60 MB."""
PEOPLE_WITH_READINGS_AT_ONCE: Final = 8
"""The database sorts their readings; those of a hundred days fit into its memory or one file."""
LEAD_IN_DAYS: Final = 14
"""After a fortnight the detector knows which channels a device usually has."""
WARM_UP_DAYS: Final = 98
"""What drift looks back on, and a fortnight: from then on a replay judges as the service does."""
MOST_PERSON_DAYS_OF_READINGS: Final = 100_000
"""144 million readings, which take some ten minutes."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: two policies, and the days that count."""

    present: DetectionPolicy
    proposed: DetectionPolicy
    window: Window
    whole_readings: bool
    silence_after_s: int


Sides = tuple[list[Episode], list[Episode]]


OnProgress = Callable[[int, int], Awaitable[None]]


async def _tell_nobody(done: int, total: int) -> None:
    del done, total


async def backtest(
    history: History, question: Question, on_progress: OnProgress = _tell_nobody
) -> Backtest:
    """Return what the proposed policy would have changed; `on_progress` hears of people replayed.

    Raises:
        UsageError: nothing is stored, a label is unknown, or too much would have to be replayed.
    """
    people = await history.people()
    _refuse_unknown_labels(question, people)
    newest = await history.newest_day()
    if newest is None:
        raise UsageError("no day is stored yet; a backtest needs days that closed")
    chosen = people if question.whole_readings else await _with_other_limits(history, question)
    _refuse_too_much(question, len(chosen))
    sides: Sides = ([], [])
    bases, done = [await _on_record(history, question.window)], 0
    for replay, those, at_once in (
        (_replay_days, people, PEOPLE_AT_ONCE),
        (_replay_readings, chosen, PEOPLE_WITH_READINGS_AT_ONCE),
    ):
        for some in _some(those, at_once):
            await on_progress(done, len(people) + len(chosen))
            bases.append(await replay(history, question, some, sides))
            done += len(some)
    present, proposed = sides
    window = question.window
    return Backtest(
        question.present.name,
        question.proposed.name,
        window,
        {one.person_id: one.label for one in people},
        tuple(compare(present, proposed, window)),
        sum(map(window.holds, present)),
        sum(map(window.holds, proposed)),
        total(bases),
    )


async def _on_record(history: History, window: Window) -> Basis:
    # A day is decided at the midnight that ends it.
    opened_from = utc_moment((window.first_day + 1) * DAY_MS)
    opened_before = utc_moment((window.last_day + 2) * DAY_MS)
    return Basis(on_record=await history.episodes_on_record(opened_from, opened_before))


async def _replay_days(
    history: History,
    question: Question,
    people: Sequence[StoredPerson],
    sides: Sides,
) -> Basis:
    ids = [one.person_id for one in people]
    days = await history.days(ids, question.window.last_day)
    basis = _basis(days, question.window)
    if question.whole_readings:
        return basis
    signals, compared = await history.signals(ids), 0
    for side, policy in zip(sides, (question.present, question.proposed), strict=True):
        replay = Replay(policy, people, question.silence_after_s)
        compared = replay.take_days(days, signals, question.window)
        side.extend(replay.book.episodes())
    return total([basis, Basis(compared_days=compared)])


async def _replay_readings(
    history: History,
    question: Question,
    people: Sequence[StoredPerson],
    sides: Sides,
) -> Basis:
    policies = (question.present, question.proposed)
    replays = [Replay(policy, people, question.silence_after_s) for policy in policies]
    ids = [one.person_id for one in people]
    plans = _plans(await history.plan_limits(ids))
    for replay, policy in zip(replays, policies, strict=True):
        replay.set_limits({one.person_id: _limits(policy, one, plans) for one in people})
    compared = readings = late = 0
    async for block, told in _blocks(history, question, ids):
        compared += [replay.take_readings(block, told, question.window) for replay in replays][-1]
        readings += len(block)
        ends_ms = block.time_ms + block.period_s * 1000
        late += int(np.count_nonzero(block.received_ms - ends_ms > OLD_NEWS_MS))
    for side, replay in zip(sides, replays, strict=True):
        found = replay.book.episodes()
        side.extend(one for one in found if question.whole_readings or one.subject.is_limit)
    rests = compared if question.whole_readings else 0
    return Basis(compared_days=rests, readings=readings, late_readings=late)


async def _blocks(
    history: History, question: Question, people: Sequence[int]
) -> AsyncIterator[tuple[StoredReadings, list[StoredSignal]]]:
    """Yield readings in blocks, each with what the detector was told before its end."""
    signals, told = await history.signals(people), 0
    lead_in = WARM_UP_DAYS if question.whole_readings else LEAD_IN_DAYS
    time_from = utc_moment((question.window.first_day - lead_in) * DAY_MS)
    time_before = utc_moment((question.window.last_day + 2) * DAY_MS)
    async for block in history.readings(people, time_from, time_before):
        until_ms, first = int(block.received_ms.max()), told
        while told < len(signals) and heard_ms_of(signals[told]) <= until_ms:
            told += 1
        yield block, signals[first:told]


async def _with_other_limits(history: History, question: Question) -> list[StoredPerson]:
    """Return the people for whom the two policies mean other limits."""
    if question.present.limits is None and question.proposed.limits is None:
        return []
    people = await history.people()
    plans = _plans(await history.plan_limits([one.person_id for one in people]))
    return [
        one
        for one in people
        if _limits(question.present, one, plans) != _limits(question.proposed, one, plans)
    ]


def _limits(
    policy: DetectionPolicy, person: StoredPerson, plans: Mapping[int, Sequence[StoredLimit]]
) -> list[Limit]:
    """Return a person's limits: those of the file, where it has any for them, else the plan's."""
    given: Sequence[WhatIfLimit | StoredLimit] | None = policy.limits_for(person.label)
    return [
        Limit(
            one.channel,
            Direction(one.direction),
            one.value,
            one.for_minutes,
            one.level,
            one.while_resting,
        )
        for one in (plans.get(person.person_id, ()) if given is None else given)
    ]


def _plans(limits: Iterable[StoredLimit]) -> dict[int, list[StoredLimit]]:
    plans: dict[int, list[StoredLimit]] = {}
    for one in limits:
        plans.setdefault(one.person_id, []).append(one)
    return plans


def _basis(days: StoredDays, window: Window) -> Basis:
    """Return what the days of some people rest on; before their first day nobody was there."""
    if not len(days):
        return Basis()
    people, place = np.unique(days.person_id, return_inverse=True)
    first_day = np.full(len(people), np.iinfo(np.int64).max)
    np.minimum.at(first_day, place, days.day)
    expected = window.last_day - np.maximum(first_day, window.first_day) + 1
    inside = (days.day >= window.first_day) & ~np.isnan(days.features).all(axis=1)
    person_days = int(expected.sum())
    return Basis(
        people=len(people),
        person_days=person_days,
        days_without_data=person_days - int(np.count_nonzero(inside)),
    )


def _refuse_unknown_labels(question: Question, people: Sequence[StoredPerson]) -> None:
    known = {one.label for one in people}
    for policy in (question.present, question.proposed):
        named = {label for one in policy.limits or () for label in one.people or ()}
        if unknown := sorted(named - known):
            raise UsageError(
                f"{policy.name}: limits: nobody is enrolled as {unknown[0]!r}; "
                "use the label that the pages show"
            )


def _refuse_too_much(question: Question, people: int) -> None:
    lead_in = WARM_UP_DAYS if question.whole_readings else LEAD_IN_DAYS
    person_days = people * (question.window.days + lead_in)
    if person_days > MOST_PERSON_DAYS_OF_READINGS:
        raise UsageError(
            f"{person_days:,} days of readings would have to be replayed, and "
            f"{MOST_PERSON_DAYS_OF_READINGS:,} is the most; give fewer --days, or limits for "
            "fewer people"
        )


def _some(people: Sequence[StoredPerson], count: int) -> Iterator[Sequence[StoredPerson]]:
    for start in range(0, len(people), count):
        yield people[start : start + count]
