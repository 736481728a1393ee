"""Judging days again: what a replay sees, which days it may write, and how it says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from ingest.committing.scoring import Found, ScoringError
from ingest.committing.signals import HeardSignal, Signal
from ingest.reasons import RepairOutcome, SignalKind
from ingest.repairing.judging import (
    WARM_UP_DAYS,
    Day,
    Job,
    Report,
    days_to_write,
    in_all,
    is_history_gone,
    now_unusual,
)
from ingest.repairing.service import SLICE_ROWS, Replay
from ingest.repairing.store import Position, Who
from ingest.rows import Rows
from tidewell.examination import Verdict, judge_passed_holes, judge_repairs
from tidewell.local_time import utc_moment
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES

FIRST = date(2026, 3, 1)
START_MS = 1_772_323_200_000
MINUTE_MS = 60_000


def on(place: int) -> date:
    return FIRST + timedelta(days=place)


def a_day(place: int, **other: object) -> Day:
    numbers = dict.fromkeys((*FEATURE_NAMES, "worn_minutes"), 1.5)
    scored = {"score": 0.1, "family": None, "level": "usual", "family_scores": [0.1, None]}
    return {"day": on(place), **numbers, **scored, "usual": {"steps": [1.0, 0.5, 2.0]}, **other}


def by_day(*days: Day) -> dict[date, Day]:
    return {one["day"]: one for one in days}


JOB = Job(1, 5, on(3), on(4), 10)


def test_only_days_that_differ_are_written_from_the_first_late_one_on_and_never_the_newest() -> (
    None
):
    stored = by_day(*(a_day(place) for place in range(8)))
    other = {place: a_day(place, steps=2.5) for place in (0, 2, 3, 5, 7, 9)}
    judged = by_day(*(other.get(place, a_day(place)) for place in range(10)))
    assert [one["day"] for one in days_to_write(JOB, stored, judged)] == [on(3), on(5)]


def test_a_late_day_that_was_never_judged_is_written_and_another_one_is_not() -> None:
    stored = by_day(a_day(1), a_day(9))
    judged = by_day(*(a_day(place) for place in (1, 3, 4, 5, 8, 9)))
    assert [one["day"] for one in days_to_write(JOB, stored, judged)] == [on(3), on(4)]


def test_a_late_day_is_written_where_none_was_ever_judged() -> None:
    assert len(days_to_write(JOB, {}, by_day(a_day(3), a_day(5)))) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"steps": None},
        {"score": 0.2},
        {"worn_minutes": 2},
        {"family": "sleep"},
        {"level": "for_review"},
        {"family_scores": [0.1, 0.0]},
        {"usual": {"steps": [1.0, 0.5, 2.001]}},
    ],
)
def test_any_other_column_is_a_difference(other: dict[str, Any]) -> None:
    stored = by_day(a_day(3), a_day(9))
    assert len(days_to_write(JOB, stored, by_day(a_day(3, **other)))) == 1


def test_a_number_that_only_the_table_rounds_is_no_difference() -> None:
    stored = by_day(a_day(3, steps=72.3), a_day(9))
    judged = by_day(a_day(3, steps=float(np.float32(72.3))))
    assert float(np.float32(72.3)) != 72.3
    assert days_to_write(JOB, stored, judged) == []


def test_a_day_counts_as_unusual_now_only_where_it_was_not_before() -> None:
    stored = by_day(a_day(1), a_day(2, level="check_today"), a_day(3, level=None))
    written = [a_day(place, level="for_review") for place in (1, 2, 3, 4)] + [a_day(5)]
    assert now_unusual(stored, written) == (on(1), on(3), on(4))


def test_history_is_gone_where_older_days_were_judged_from_readings_that_are_not_kept() -> None:
    assert is_history_gone(FIRST, None, None)
    assert is_history_gone(FIRST, FIRST - timedelta(days=WARM_UP_DAYS - 1), date(2025, 1, 1))
    assert not is_history_gone(FIRST, FIRST - timedelta(days=WARM_UP_DAYS), date(2025, 1, 1))
    begins = FIRST - timedelta(days=5)
    assert not is_history_gone(FIRST, begins, begins)
    assert not is_history_gone(FIRST, begins, begins - timedelta(days=1))  # west of Greenwich


def test_several_reports_are_said_in_one_line() -> None:
    changed = Report("A-1", RepairOutcome.JUDGED_AGAIN, (on(0), on(1), on(2)), (on(1),))
    same = Report("B-2", RepairOutcome.NOTHING_DIFFERED)
    assert in_all([changed, same]) == "3 days of 1 person judged again; 1 now above usual"
    assert "stays as it was judged" in same.sentence()


# -- what the replay sees


@dataclass
class Script:
    """A store and a detector that write down what a replay does, in its order."""

    readings_of_person: Rows
    heard: list[HeardSignal]
    seen: list[object] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    fails: bool = False
    version = "script"

    async def signals(self, person_id: int) -> list[HeardSignal]:
        assert person_id == JOB.person_id
        return list(self.heard)

    async def readings(self, person_id: int, after: Position, most: int) -> Rows:
        assert person_id == JOB.person_id
        rows = self.readings_of_person
        places = [
            place
            for place in range(len(rows))
            if (utc_moment(int(rows.time_ms[place])), int(rows.device_id[place]))
            > (after.time, after.device_id)
        ]
        self.asked.append(len(places))
        return rows.take(np.array(places[:most], np.int64))

    def add_person(self, person_id: int, zone: object) -> None:
        del zone
        assert person_id == JOB.person_id

    def score(self, rows: Rows) -> Found:
        self.seen += zip(rows.time_ms.tolist(), rows.received_ms.tolist(), strict=True)
        return Found([a_day(len(self.seen))], failed=frozenset({5} if self.fails else ()))

    def hear_outcome(self, person_id: int, family: object, *, was_useful: bool) -> None:
        del person_id, family
        self.seen.append(was_useful)

    def tick(self, at_ms: int, counted_from_ms: Mapping[int, int]) -> Found:
        del at_ms, counted_from_ms
        return Found([a_day(3_000)])


def minutes(count: int) -> Rows:
    """Return readings of each minute, all of which came a week later."""
    ones = np.ones(count, np.int64)
    time_ms = START_MS + np.arange(count, dtype=np.int64) * MINUTE_MS
    late_ms = time_ms + 7 * 86_400_000
    values = np.zeros((count, len(CHANNEL_NAMES)), np.float32)
    return Rows(ones, ones * 5, time_ms, ones, ones * 60, ones, ones, late_ms, values)


def an_outcome(heard_ms: int, outcome: str) -> HeardSignal:
    content = {"family": "sleep", "outcome": outcome, "is_plan_limit": False}
    return HeardSignal(heard_ms, Signal(5, SignalKind.OUTCOME, 1, content), 1)


async def replayed(script: Script) -> Replay:
    replay = Replay(script, script, JOB, Who("A-1", 0, "UTC"))  # type: ignore[arg-type] # a script of both
    await replay.run(0.0)
    return replay


async def test_a_replay_sees_each_reading_once_as_if_it_had_come_when_it_was_measured() -> None:
    count = SLICE_ROWS * 2 + 5
    script = Script(minutes(count), [])
    replay = await replayed(script)
    begins = range(START_MS, START_MS + count * MINUTE_MS, MINUTE_MS)
    assert script.seen == [(begin, begin + MINUTE_MS) for begin in begins]
    assert script.asked == [count, SLICE_ROWS + 5, 5, 0]
    assert on(3_000) in replay.judged


@pytest.mark.parametrize(
    ("heard_after", "place"), [([0], [0]), ([7, 7], [7, 8]), ([3, SLICE_ROWS], [3, SLICE_ROWS + 1])]
)
async def test_what_people_said_is_heard_between_the_same_readings(
    heard_after: Sequence[int], place: Sequence[int]
) -> None:
    said = [
        an_outcome(START_MS + after * MINUTE_MS + MINUTE_MS // 2, "all_fine")
        for after in heard_after
    ]
    script = Script(minutes(SLICE_ROWS + 5), said)
    await replayed(script)
    assert [one for one, what in enumerate(script.seen) if what is False] == list(place)


async def test_readings_that_cannot_be_scored_end_a_replay() -> None:
    script = Script(minutes(3), [], fails=True)
    with pytest.raises(ScoringError):
        await replayed(script)


# -- what the examination of a site says of it


def test_a_site_names_the_holes_that_scoring_went_past_and_counts_the_rest() -> None:
    holes = [("band-7", 3, place, place + place % 2) for place in range(7)]
    (found,) = judge_passed_holes(holes)
    assert found.verdict is Verdict.LOOK
    assert "band-7 boot 3 frame 0, band-7 boot 3 frames 1 to 2, " in found.what
    assert found.what.endswith("band-7 boot 3 frame 4 and 2 more holes")
    assert list(judge_passed_holes([])) == []


def test_days_that_wait_longer_than_a_day_are_looked_at() -> None:
    now = utc_moment(START_MS)
    assert list(judge_repairs(0, None, now)) == []
    (soon,) = judge_repairs(1, now - timedelta(hours=1), now)
    (late,) = judge_repairs(2, now - timedelta(hours=25), now)
    assert (soon.verdict, late.verdict) == (Verdict.WELL, Verdict.LOOK)
    assert "days of 2 people wait" in late.what
