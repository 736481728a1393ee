"""Which episodes of two replays are the same, and what is said about the others."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from detect import EpisodeChange, EpisodeKind
from tests.stored_histories import (
    DAYS,
    FIRST_DAY,
    Features,
    people,
    quiet_days,
    stored,
    with_fever,
    with_fewer_steps,
)
from tidewell.backtesting.comparison import (
    MINUTE_MS,
    Change,
    ChangeKind,
    Episode,
    Subject,
    Window,
    compare,
)
from tidewell.backtesting.report import (
    MOST_LINES,
    Backtest,
    Basis,
    as_json,
    as_lines,
    as_totals,
    headline,
    total,
    totals_as_json,
)
from tidewell.commands.replays import Book, Replay
from tidewell.detection_policy import DetectionPolicy, parse_policy
from tidewell.local_time import DAY_MS, zone_table
from tidewell.vocabulary import Family, Level

WINDOW = Window(100, 189)
ILLNESS, SLEEP = Subject(Family.ILLNESS), Subject(Family.SLEEP)
LIMIT = Subject(Family.ACUTE_LOAD, "heart_rate", "above")
REVIEW, TODAY = Level.FOR_REVIEW, Level.CHECK_TODAY


def episode(
    day: float, length: float | None = 3, *, subject: Subject = ILLNESS, level: Level = REVIEW
) -> Episode:
    opened_ms = round((day + 1) * DAY_MS)
    closed_ms = None if length is None else opened_ms + round(length * DAY_MS)
    return Episode(1, subject, opened_ms, int(day), closed_ms, level)


def kinds(old: list[Episode], new: list[Episode]) -> list[tuple[str, ...]]:
    return [tuple(one.kinds) for one in compare(old, new, WINDOW)]


def test_an_episode_that_stays_as_it_is_is_no_change() -> None:
    assert kinds([episode(120)], [episode(120, length=9)]) == []


def test_an_episode_that_only_one_policy_opens_is_more_or_fewer() -> None:
    assert kinds([], [episode(120)]) == [("more",)]
    assert kinds([episode(120)], []) == [("fewer",)]


def test_an_episode_that_opens_on_another_day_is_moved() -> None:
    (change,) = compare([episode(120)], [episode(118, level=TODAY)], WINDOW)
    assert change.kinds == (ChangeKind.EARLIER, ChangeKind.HIGHER)
    assert change.moved_days == -2
    assert kinds([episode(120, level=TODAY)], [episode(121)]) == [("later", "lower")]


def test_episodes_a_week_apart_are_the_same_and_further_apart_are_not() -> None:
    assert kinds([episode(120, 3)], [episode(130)]) == [("later",)]
    assert kinds([episode(120, 3)], [episode(130.01)]) == [("fewer",), ("more",)]
    assert kinds([episode(130)], [episode(120, 3)]) == [("earlier",)]
    assert kinds([episode(120, None)], [episode(180)]) == [("later",)]


def test_episodes_of_other_kinds_or_people_are_never_the_same() -> None:
    for other in (SLEEP, LIMIT):
        found = kinds([episode(120)], [episode(120, subject=other)])
        assert sorted(found) == [("fewer",), ("more",)]


def test_limits_are_the_same_within_an_hour() -> None:
    hour = 1 / 24
    old = episode(120, hour, subject=LIMIT)
    (moved,) = compare([old], [episode(120 + hour / 4, hour, subject=LIMIT)], WINDOW)
    assert (moved.kinds, moved.moved_days, moved.moved_minutes) == ((ChangeKind.LATER,), 0, 15)
    assert kinds([old], [episode(120.2, hour, subject=LIMIT)]) == [("fewer",), ("more",)]


def test_each_episode_has_one_counterpart_which_is_the_nearest() -> None:
    old, new = [episode(120, 2), episode(127, 2)], [episode(126, 2)]
    found = compare(old, new, WINDOW)
    assert [one.kinds for one in found] == [(ChangeKind.FEWER,), (ChangeKind.EARLIER,)]
    assert found[1].present == old[1]


def test_only_what_opens_in_the_window_counts() -> None:
    assert kinds([], [episode(99), episode(190)]) == []
    assert kinds([], [episode(100), episode(189)]) == [("more",), ("more",)]
    assert kinds([episode(101)], [episode(98)]) == [("earlier",)]
    assert WINDOW.days == 90


def change(kind: ChangeKind, person: int = 1, days: int = 0, minutes: int = 0) -> Change:
    old = episode(120)
    moved_ms = old.opened_ms + days * DAY_MS + minutes * MINUTE_MS
    new = Episode(person, ILLNESS, moved_ms, old.opened_day + days, None, TODAY)
    return Change(
        person,
        ILLNESS,
        (kind,),
        None if kind is ChangeKind.MORE else old,
        None if kind is ChangeKind.FEWER else new,
    )


def test_the_headline_counts_alerts_and_people() -> None:
    more = [change(ChangeKind.MORE, person) for person in (1, 1, 2)]
    earlier = [change(ChangeKind.EARLIER, days=-2)]
    fewer = [change(ChangeKind.FEWER) for _ in range(4)]
    higher = [change(ChangeKind.HIGHER)]
    assert headline([*more, *earlier, *fewer, *higher]) == (
        "3 more alerts for 2 people, 4 fewer for 1 person, 1 earlier by 2 days, "
        "1 at a higher level."
    )
    assert headline([change(ChangeKind.MORE)]) == "1 more alert for 1 person."
    spread = [change(ChangeKind.LATER, days=days) for days in (4, 1, 2)]
    assert headline(spread) == "3 later by 1 to 4 days."
    assert headline([change(ChangeKind.EARLIER, minutes=-5)]) == "1 earlier by 5 minutes."


def answer(changes: list[Change]) -> Backtest:
    basis = Basis(2, 180, 10, 160, on_record=3)
    return Backtest("now", "new.toml", WINDOW, {1: "P-1"}, tuple(changes), 3, 5, basis)


def test_the_answer_says_what_it_rests_on_and_that_it_counts_episodes() -> None:
    lines = as_lines(answer([change(ChangeKind.MORE), change(ChangeKind.EARLIER, days=-2)]))
    assert lines[0] == "new.toml against now, 1970-04-11 to 1970-07-09:"
    assert "In all 5 alerts instead of 3: 0.90 a person-month instead of 0.54." in lines
    assert "  P-1, illness: check today on 1970-05-01; now none" in lines
    moved = (
        "  P-1, illness: check today on 1970-04-29 (2 days earlier); now for review on 1970-05-01"
    )
    assert moved in lines
    said = "\n".join(lines)
    assert "It rests on 180 days of 2 people: 10 without data, 160 that could be compared" in said
    assert "Counted are episodes" in said
    assert "Not replayed" in said


def test_a_long_answer_is_cut_in_words_and_whole_in_json() -> None:
    found = answer([change(ChangeKind.MORE)] * (MOST_LINES + 5))
    assert "  … and 5 more; --json has all of them" in as_lines(found)
    content = json.loads(json.dumps(as_json(found)))
    assert len(content["changes"]) == MOST_LINES + 5
    assert content["totals"]["more"] == {"alerts": MOST_LINES + 5, "people": 1}
    assert content["totals"]["lower"] == {"alerts": 0, "people": 0}
    assert content["rests_on"]["days_without_data"] == 10
    assert content["changes"][0]["present"] is None
    assert content["changes"][0]["proposed"]["day"] == "1970-05-01"


def test_totals_are_the_same_numbers_without_a_person_or_a_day() -> None:
    found = answer([change(ChangeKind.MORE), change(ChangeKind.EARLIER, days=-2)])
    lines = as_totals(found)
    assert set(lines) < set(as_lines(found))
    assert "1 more alert for 1 person, 1 earlier by 2 days." in lines
    content = totals_as_json(found)
    assert as_json(found) == content | {"changes": as_json(found)["changes"]}
    said = "\n".join(lines) + json.dumps(content)
    assert "P-1" not in said
    assert "1970-05-01" not in said


def test_an_answer_about_nobody_divides_by_nothing() -> None:
    found = Backtest("now", "new.toml", WINDOW, {}, (), 0, 0, Basis())
    assert "In all 0 alerts instead of 0: 0.00 a person-month instead of 0.00." in as_lines(found)
    assert total([Basis(1, 2), Basis(10, 20, on_record=5)]) == Basis(11, 22, on_record=5)


USUAL = DetectionPolicy("usual")
LAST_60 = Window(FIRST_DAY + DAYS - 60, FIRST_DAY + DAYS - 1)


def replayed(policy: DetectionPolicy, several: list[Features]) -> list[Episode]:
    replay = Replay(policy, people(len(several)), silence_after_s=4 * 3600)
    compared = replay.take_days(stored(several), [], LAST_60)
    assert compared == 60 * len(several)
    return replay.book.episodes()


def budgets(**wanted: float) -> DetectionPolicy:
    lines = "\n".join(f"{family} = {budget}" for family, budget in wanted.items())
    return parse_policy("other.toml", f"[budgets]\n{lines}".encode())


def difference(policy: DetectionPolicy, several: list[Features]) -> list[Change]:
    return compare(replayed(USUAL, several), replayed(policy, several), LAST_60)


def test_a_mild_drop_of_steps_is_told_by_the_looser_policy_only() -> None:
    several = [quiet_days(), with_fewer_steps(80, 82, 0.7), quiet_days()]
    (found,) = difference(budgets(withdrawal=3), several)
    assert (found.person_id, found.kinds) == (2, (ChangeKind.MORE,))
    assert found.subject == Subject(Family.WITHDRAWAL)
    assert found.proposed is not None
    assert 80 <= found.proposed.opened_day - FIRST_DAY <= 82


def test_a_clear_drop_of_steps_is_told_earlier_by_the_looser_policy() -> None:
    (found,) = difference(budgets(withdrawal=3), [with_fewer_steps(80, 86, 0.5)])
    assert ChangeKind.EARLIER in found.kinds
    assert found.moved_days < 0


def test_a_family_that_is_switched_off_tells_nothing() -> None:
    several = [with_fever(80, 86, 6), quiet_days()]
    before = replayed(USUAL, several)
    assert Subject(Family.ILLNESS) in {one.subject for one in before}
    off = dict.fromkeys(("illness", "sleep", "withdrawal", "acute_load", "drift"), 0.0)
    assert replayed(budgets(**off), several) == []
    found = difference(budgets(**off), several)
    assert [one.kinds for one in found] == [(ChangeKind.FEWER,)] * len(before)


def changed(kind: str, at: int, level: Level, limit: float | None = None) -> EpisodeChange:
    about = {"channel": "heart_rate", "direction": "above", "limit": limit}
    return EpisodeChange(
        person_id=1,
        family=Family.ACUTE_LOAD if limit else Family.ILLNESS,
        kind=EpisodeKind(kind),
        opened_at_ms=100 * DAY_MS,
        at_ms=(100 + at) * DAY_MS,
        level=level,
        score=1.0,
        explanation={"limit": about if limit else None},
    )


def booked(changes: list[EpisodeChange]) -> list[Episode]:
    book = Book({1: zone_table("UTC")})
    book.hear(changes)
    return book.episodes()


def test_an_episode_has_the_highest_level_that_it_reached() -> None:
    opened, worse = changed("opened", 0, REVIEW), changed("worsened", 2, TODAY)
    assert booked([opened]) == [Episode(1, ILLNESS, 100 * DAY_MS, 99, None, REVIEW)]
    assert booked([opened, worse])[0].level is TODAY
    assert booked([opened, worse, changed("closed", 4, TODAY)]) == [
        Episode(1, ILLNESS, 100 * DAY_MS, 99, 104 * DAY_MS, TODAY)
    ]


def test_two_limits_of_one_channel_are_two_episodes() -> None:
    found = booked(
        [
            changed("opened", 0, REVIEW, 120),
            changed("opened", 0, TODAY, 140),
            changed("closed", 1, TODAY, 140),
        ]
    )
    assert {one.subject for one in found} == {LIMIT}
    assert sorted((one.closed_ms or 0) for one in found) == [0, 101 * DAY_MS]


def test_a_device_is_not_a_matter_of_a_policy() -> None:
    assert booked([replace(changed("opened", 0, REVIEW), family=Family.DEVICE)]) == []


@pytest.mark.parametrize("zone", ["Europe/London", "Pacific/Auckland", "America/Los_Angeles"])
def test_the_day_of_an_episode_is_the_day_that_was_judged(zone: str) -> None:
    who = [replace(one, timezone=zone) for one in people(1)]
    replay = Replay(USUAL, who, silence_after_s=4 * 3600)
    days = stored([with_fever(80, 86, 8)])
    replay.take_days(days, [], LAST_60)
    opened = {one.opened_day - FIRST_DAY for one in replay.book.episodes()}
    replay = Replay(USUAL, people(1), silence_after_s=4 * 3600)
    replay.take_days(days, [], LAST_60)
    assert opened == {one.opened_day - FIRST_DAY for one in replay.book.episodes()}
    assert min(opened) in range(80, 84)
