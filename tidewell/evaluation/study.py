"""Runs the engine over the sets and turns what it says into figures.

The order of work is the order of the report: recall around known onsets, how quiet it is on quiet
people, changes laid over quiet days, a device taken off, and the laboratory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidewell.evaluation.datasets import DataSet
from tidewell.evaluation.figures import (
    InjectionResult,
    MinuteResult,
    Policy,
    Recall,
    StressResult,
)
from tidewell.evaluation.injections import INJECTIONS, Injection, Placed, place_all, without_half
from tidewell.evaluation.metrics import (
    AROUND,
    MONTH_DAYS,
    Share,
    Timeline,
    chance,
    judge,
    person_rates,
    thresholds,
    timeline,
)
from tidewell.evaluation.minute_injections import (
    OffKind,
    PlacedMinutes,
    place_late_nights,
    place_removals,
)
from tidewell.evaluation.people import (
    FAMILIES,
    Engine,
    Opened,
    PersonDays,
    PersonMinutes,
    Scored,
)
from tidewell.evaluation.published import StressRun
from tidewell.local_time import DAY_MS
from tidewell.vocabulary import Family

SEED: Final = 20_260_101
"""Of every draw; another one gives other draws of the same kind."""
Floats = NDArray[np.float64]


def score(engine: Engine, data: DataSet) -> Scored:
    """Score the people of a set through the door that fits what was recorded."""
    return engine.score_days(data.days) if data.days else engine.score_minutes(data.minutes)


def onsets_of(people: Sequence[PersonDays | PersonMinutes]) -> Floats:
    """Return the onset of each person, NaN where none is known."""
    return np.array([np.nan if one.onset is None else one.onset for one in people], np.float64)


def recall_on(data: DataSet, scored: Scored, seed: int = SEED) -> Recall:
    """Return what the score and the shipped policy reach on one set."""
    onset = onsets_of(data.days or data.minutes)
    line = timeline(scored.person, scored.day, scored.score, onset)
    rng = np.random.default_rng(seed)
    labelled = bool(line.within(AROUND).any())
    policy = policy_on(line, scored.opened, rng)
    scored_days = line.day[line.scored]
    return Recall(
        data.name,
        len(onset),
        data.people_in_all,
        int(line.scored.sum()),
        int(line.quiet.sum()),
        int(scored_days.min(initial=10**6)),
        int(scored_days.max(initial=0)),
        tuple(judge(line, rng)) if labelled else (),
        policy,
        person_rates(line, _quiet_counts(line, scored.opened)),
    )


def policy_on(line: Timeline, opened: Sequence[Opened], rng: np.random.Generator) -> Policy:
    """Count the episodes of the shipped policy about people; those about devices are left out."""
    ours = [one for one in opened if one.family is not Family.DEVICE]
    counts = _quiet_counts(line, ours)
    months = line.quiet.sum() / MONTH_DAYS
    rate = float(counts.sum() / months) if months else float("nan")
    rates = person_rates(line, counts)
    usable: NDArray[np.bool_] = np.any(line.within(AROUND), axis=1)
    found = {one.person for one in ours if _near_onset(line, one)}
    by_chance = 0.0 if usable.any() and rate == 0 else float("nan")
    if usable.any() and rate > 0:
        by_chance = float(chance(line, np.array([rate]), (AROUND,), rng)[0, 0])
    return Policy(
        int(counts.sum()),
        rate,
        float(counts.sum() / _watched_months(line)) if months else float("nan"),
        float(np.quantile(rates, 0.9)) if len(rates) else float("nan"),
        Share(int(sum(usable[person] for person in found)), int(usable.sum())),
        by_chance,
        tuple(
            (family, sum(one.family is family for one in ours if _is_quiet(line, one)))
            for family in FAMILIES
            if family is not Family.DEVICE
        ),
    )


def _is_quiet(line: Timeline, one: Opened) -> bool:
    return bool((line.quiet[one.person] & (line.day[one.person] == one.day)).any())


def _near_onset(line: Timeline, one: Opened) -> bool:
    return bool(AROUND[0] <= one.day - line.onset[one.person] <= AROUND[1])


def _quiet_counts(line: Timeline, opened: Sequence[Opened]) -> NDArray[np.int64]:
    counts = np.zeros(len(line.onset), np.int64)
    for one in opened:
        if one.family is not Family.DEVICE and _is_quiet(line, one):
            counts[one.person] += 1
    return counts


def _watched_months(line: Timeline) -> float:
    first = np.where(line.quiet, line.day, 10**9).min(axis=1, initial=10**9)
    last = np.where(line.quiet, line.day, -1).max(axis=1, initial=-1)
    return float(np.maximum(last - first + 1, 0).sum()) / MONTH_DAYS


def halved_policy(engine: Engine, people: Sequence[PersonDays], seed: int = SEED) -> Policy:
    """Return how the shipped policy does on these people with half of their days taken away."""
    thinned = [without_half(one, seed) for one in people]
    scored = engine.score_days(thinned)
    line = timeline(scored.person, scored.day, scored.score, onsets_of(people))
    return policy_on(line, scored.opened, np.random.default_rng(seed))


def injections_on(
    engine: Engine, people: Sequence[PersonDays], plain: Scored, seed: int = SEED
) -> tuple[InjectionResult, ...]:
    """Return how many injections are found; `plain` is what the engine said without any."""
    placed = place_all(people, seed)
    if not placed:
        return ()
    scored = engine.score_days([one.person for one in placed])
    onset = onsets_of(people)
    results = []
    for injection in INJECTIONS:
        places = [at for at, one in enumerate(placed) if one.injection is injection]
        if places:
            results.append(_judge_injection(injection, placed, places, scored, plain, onset))
    return tuple(results)


def _judge_injection(
    injection: Injection,
    placed: Sequence[Placed],
    places: Sequence[int],
    scored: Scored,
    plain: Scored,
    onset: Floats,
) -> InjectionResult:
    windows = [(placed[at].start, placed[at].last) for at in places]
    before = [placed[at].original for at in places]

    def shares(changed: Floats, unchanged: Floats) -> tuple[Share, Share]:
        limit = _limit(plain, unchanged, onset, injection.budget)
        found = _over(scored, changed, places, windows, limit)
        return found, _over(plain, unchanged, before, windows, limit)

    overall, overall_chance = shares(scored.score, plain.score)
    own: tuple[Share | None, Share | None] = (None, None)
    if scored.families is not None and plain.families is not None:
        column = FAMILIES.index(injection.family)
        own = shares(scored.families[:, column], plain.families[:, column])
    return InjectionResult(
        injection,
        len(set(before)),
        overall,
        overall_chance,
        *own,
        _opened_in(scored.opened, places, windows),
        _opened_in(plain.opened, before, windows),
    )


def _limit(plain: Scored, column: Floats, onset: Floats, budget: float) -> float:
    line = timeline(plain.person, plain.day, column, onset)
    return float(thresholds(line, line.score[None], np.array([budget]))[0, 0])


def _over(
    scored: Scored,
    column: Floats,
    people: Sequence[int],
    windows: Sequence[tuple[int, int]],
    limit: float,
) -> Share:
    """Return in how many windows somebody reaches the limit."""
    over = column >= limit
    days: dict[int, list[int]] = {}
    for person, day in zip(scored.person[over].tolist(), scored.day[over].tolist(), strict=True):
        days.setdefault(person, []).append(day)
    found = sum(
        any(first <= day <= last for day in days.get(person, ()))
        for person, (first, last) in zip(people, windows, strict=True)
    )
    return Share(found, len(windows))


def _opened_in(
    opened: Sequence[Opened], people: Sequence[int], windows: Sequence[tuple[int, int]]
) -> Share:
    days: dict[int, list[int]] = {}
    for one in opened:
        if one.family is not Family.DEVICE:
            days.setdefault(one.person, []).append(one.day)
    found = sum(
        any(first <= day <= last for day in days.get(person, ()))
        for person, (first, last) in zip(people, windows, strict=True)
    )
    return Share(found, len(windows))


def removals_on(
    engine: Engine, people: Sequence[PersonMinutes], seed: int = SEED
) -> list[MinuteResult]:
    """Return how many removals are named within 15 minutes."""
    words = {
        OffKind.HEART_AND_STEPS: "Taken off; the device reports heart rate and steps only",
        OffKind.WITH_TEMPERATURE: "Taken off; skin temperature and motion too (made up)",
    }
    results = []
    for kind in OffKind:
        placed = place_removals(people, kind, seed)
        if placed:
            results.append(_judge_minutes(engine, placed, words[kind], device=True))
    return results


def late_nights_on(
    engine: Engine, people: Sequence[PersonMinutes], seed: int = SEED
) -> list[MinuteResult]:
    """Return how many weeks that happen three hours later bring an episode."""
    placed = place_late_nights(people, seed)
    words = "The whole week three hours later, 7 days"
    return [_judge_minutes(engine, placed, words, device=False)] if placed else []


def _judge_minutes(
    engine: Engine, placed: Sequence[PlacedMinutes], words: str, *, device: bool
) -> MinuteResult:
    def firsts(people: Sequence[PersonMinutes]) -> list[int]:
        """Return the first episode of each window, as ms after its start."""
        opened = engine.score_minutes(people).opened
        delays: dict[int, int] = {}
        for one in opened:
            window = placed[one.person]
            counts = (one.family is Family.DEVICE) == device
            if counts and window.start_ms <= one.at_ms <= window.last_ms:
                delay = one.at_ms - window.start_ms
                delays[one.person] = min(delay, delays.get(one.person, delay))
        return list(delays.values())

    found = firsts([one.changed for one in placed])
    by_chance = firsts([one.plain for one in placed])
    return MinuteResult(
        words,
        len({one.original for one in placed}),
        Share(len(found), len(placed)),
        Share(len(by_chance), len(placed)),
        float(np.median(found)) / 60_000 if found and device else None,
    )


def stress_on(name: str, runs: Sequence[StressRun]) -> StressResult:
    """Return how well heart rate alone tells stressed minutes from others, within each person."""
    areas = [area_under_curve(run.heart_rate, run.stressed) for run in runs]
    return StressResult(name, tuple(area for area in areas if not np.isnan(area)))


def area_under_curve(value: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the share of pairs in which the positive one is higher; ties count one half.

    Example:
        >>> area_under_curve(np.array([1.0, 2.0, 3.0]), np.array([False, True, True]))
        1.0
    """
    high, low = value[positive], value[~positive]
    if not len(high) or not len(low):
        return float("nan")
    differences = high[:, None] - low[None, :]
    return float(np.mean((differences > 0) + 0.5 * (differences == 0)))


def day_of(at_ms: int) -> int:
    """Return the day that ended at a moment, or the day in which it lies: days since 1970, UTC."""
    return (at_ms - 1) // DAY_MS
