"""When episodes open, rest, are held and end: one behaviour at a time, on days of one person."""

from __future__ import annotations

import numpy as np
import pytest

from detect import Detector, EpisodeChange
from detect.words import NoteKind
from tidewell.local_time import zone_table
from tidewell.vocabulary import FEATURE_NAMES, Family

FIRST_DAY = 20_000
USUAL = {
    "night_heart_rate": (58.0, 1.2),
    "night_skin_temperature": (34.0, 0.25),
    "sleep_minutes": (490.0, 25.0),
    "sleep_onset_h": (10.4, 0.4),
    "steps": (9_000.0, 1_500.0),
}
ILL = {"night_heart_rate": 9.0, "night_skin_temperature": 1.2, "steps": -6_500.0}
INACTIVE = {"steps": -8_200.0}
AWAKE = {"sleep_minutes": -230.0, "sleep_onset_h": 3.5}
Shift = dict[str, float]


class Days:
    """Days of one person, given one by one."""

    def __init__(self, seed: int = 3) -> None:
        self.detector = Detector(silence_after_s=4 * 3_600)
        self.detector.add_person(1, zone_table("UTC"))
        self.rng = np.random.default_rng(seed)
        self.changes: list[EpisodeChange] = []
        self.scores: list[float] = []
        self.next = 0

    def live(
        self, days: int, shift: Shift | None = None, share: float = 1.0
    ) -> list[EpisodeChange]:
        """Let days pass; return what they changed."""
        before = len(self.changes)
        for _ in range(days):
            row = np.full((1, len(FEATURE_NAMES)), np.nan, np.float32)
            for name, (middle, spread) in USUAL.items():
                value = middle + spread * self.rng.normal() + share * (shift or {}).get(name, 0.0)
                row[0, FEATURE_NAMES.index(name)] = max(value, 0)
            self.give(row)
        return self.changes[before:]

    def give(self, row: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
        day = np.array([FIRST_DAY + self.next])
        found = self.detector.score_days(np.array([1]), day, row)
        self.changes += found.changes
        self.scores.append(float(found.days.score[0]))
        self.next += 1

    def note(self, kind: NoteKind, first: int, last: int) -> None:
        self.detector.note(1, kind, FIRST_DAY + first, FIRST_DAY + last)

    def unnote(self, kind: NoteKind, first: int, last: int) -> None:
        self.detector.unnote(1, kind, FIRST_DAY + first, FIRST_DAY + last)


def after_a_month() -> Days:
    days = Days()
    assert days.live(40) == []
    return days


def kinds(changes: list[EpisodeChange]) -> list[tuple[str, str]]:
    turns = ("opened", "closed")
    return [(one.family.value, one.kind.value) for one in changes if one.kind.value in turns]


def test_usual_days_change_nothing() -> None:
    assert Days().live(120) == []


def test_an_illness_opens_and_ends_after_two_days_near_usual() -> None:
    days = after_a_month()
    assert kinds(days.live(5, ILL)) == [("illness", "opened")]
    assert kinds(days.live(20)) == [("illness", "closed")]


def test_where_only_behaviour_moved_it_is_withdrawal() -> None:
    assert kinds(after_a_month().live(9, INACTIVE)) == [("withdrawal", "opened")]


def test_nights_that_turned_are_about_sleep() -> None:
    assert kinds(after_a_month().live(7, AWAKE)) == [("sleep", "opened")]


def test_an_episode_worsens_and_never_eases() -> None:
    days = after_a_month()
    found = [*days.live(6, ILL, share=0.4), *days.live(4, ILL), *days.live(3, ILL, share=0.4)]
    levels = [one.level.rank for one in found if one.family is Family.ILLNESS]
    assert levels == sorted(levels)
    assert "worsened" in {one.kind.value for one in found}


def test_no_data_neither_opens_nor_closes() -> None:
    days = after_a_month()
    days.live(5, ILL)
    nothing = np.full((1, len(FEATURE_NAMES)), np.nan, np.float32)
    before = len(days.changes)
    for _ in range(10):
        days.give(nothing)
    assert len(days.changes) == before
    assert np.isnan(days.scores[-10:]).all()


def test_one_day_of_data_after_a_hole_opens_nothing() -> None:
    days = after_a_month()
    days.next += 5
    assert days.live(1, ILL, share=4) == []
    assert kinds(days.live(1, ILL, share=4)) == [("illness", "opened")]


def test_a_mild_change_waits_for_the_rest_to_end() -> None:
    days = after_a_month()
    days.live(5, ILL)
    closed = days.live(20)[-1]
    assert closed.kind.value == "closed"
    soon = after_a_month()
    soon.live(5, ILL)
    while soon.changes[-1].kind.value != "closed":
        soon.live(1)
    assert soon.live(5, ILL, share=0.35) == []


def test_check_today_opens_during_the_rest() -> None:
    days = after_a_month()
    days.live(5, ILL)
    while days.changes[-1].kind.value != "closed":
        days.live(1)
    closed_ms = days.changes[-1].at_ms
    opened = next(one for one in days.live(6, ILL, share=2) if one.kind.value == "opened")
    assert opened.level.value == "check_today"
    assert opened.at_ms - closed_ms <= 7 * 86_400_000


def levels_open(changes: list[EpisodeChange]) -> list[tuple[str, str]]:
    opened = [one for one in changes if one.kind.value == "opened"]
    return [(one.family.value, one.level.value) for one in opened]


def test_a_large_change_of_another_kind_is_told_beside_one_that_asks_for_today() -> None:
    days = after_a_month()
    assert levels_open(days.live(5, ILL, share=2)) == [("illness", "check_today")]
    assert levels_open(days.live(8, ILL | AWAKE, share=2)) == [("sleep", "check_today")]


def test_a_mild_change_of_another_kind_waits_while_one_is_open() -> None:
    mild = {name: 0.25 * change for name, change in AWAKE.items()}
    alone, beside = after_a_month(), after_a_month()
    for days, before in ((alone, {}), (beside, {name: 2 * one for name, one in ILL.items()})):
        days.live(5, before)
        days.live(8, before | mild)
    told_alone = next(one for one in alone.changes if one.family is Family.SLEEP)
    told_beside = next(one for one in beside.changes if one.family is Family.SLEEP)
    assert (told_alone.level.value, told_beside.level.value) == ("for_review", "check_today")
    assert told_alone.at_ms < told_beside.at_ms


def test_what_an_illness_does_to_behaviour_is_told_with_it_and_not_beside_it() -> None:
    days = after_a_month()
    assert levels_open(days.live(14, ILL, share=2)) == [("illness", "check_today")]


def test_a_body_that_changes_during_a_withdrawal_is_told() -> None:
    days = after_a_month()
    days.live(9, INACTIVE)
    assert days.changes[-1].family is Family.WITHDRAWAL
    assert days.changes[-1].level.value == "check_today"
    a_little = INACTIVE | {"night_heart_rate": 2.5}
    assert levels_open(days.live(8, a_little)) == [], "the body alone asks for nothing"
    assert levels_open(days.live(6, ILL, share=2)) == [("illness", "check_today")]


def test_changes_that_begin_on_one_day_are_told_one_a_day() -> None:
    days = after_a_month()
    by_day: dict[int, int] = {}
    for one in days.live(8, ILL | AWAKE, share=2):
        if one.kind.value == "opened":
            by_day[one.at_ms] = by_day.get(one.at_ms, 0) + 1
    assert sorted(by_day.values()) == [1, 1]


def test_never_more_than_two_episodes_are_open() -> None:
    worst = Days(seed=5)
    worst.live(130)
    drifting = {"night_heart_rate": 6.0, "steps": -4_000.0}
    is_open: set[str] = set()
    for share in np.linspace(0, 3, 40).tolist():
        for one in worst.live(1, drifting | AWAKE, share=share):
            is_open.discard(one.family.value)
            if one.kind.value != "closed":
                is_open.add(one.family.value)
            assert len(is_open) <= 2
    assert is_open


def test_a_note_of_illness_holds_illness_and_sleep() -> None:
    days = after_a_month()
    days.note(NoteKind.ILL, 40, 46)
    fever = {name: ILL[name] for name in ("night_heart_rate", "night_skin_temperature")}
    assert kinds(days.live(7, fever | AWAKE)) == []
    assert max(days.scores[-7:]) > 1, "the days are scored all the same"


def test_a_note_of_exams_holds_nothing() -> None:
    days = after_a_month()
    days.note(NoteKind.EXAMS, 40, 46)
    assert ("illness", "opened") in kinds(days.live(7, ILL))


def test_days_of_someone_else_are_left_out() -> None:
    days = after_a_month()
    days.note(NoteKind.SOMEONE_ELSE, 40, 46)
    assert days.live(7, ILL, share=3) == []
    assert np.isnan(days.scores[-7:]).all()


def test_a_note_about_days_that_are_over_takes_them_out_of_what_is_usual() -> None:
    told, untold = Days(), Days()
    for days in (told, untold):
        days.live(30)
        days.live(12, ILL)
    told.note(NoteKind.ILL, 30, 41)
    for days in (told, untold):
        days.live(14)
        days.live(1, ILL)
    assert told.scores[-1] > untold.scores[-1]


@pytest.mark.parametrize(("was_useful", "factor"), [(False, 1.3), (True, 0.7)])
def test_answers_move_a_threshold_by_thirty_per_cent_at_most(
    was_useful: bool, factor: float
) -> None:
    plain, answered = after_a_month(), after_a_month()
    for _ in range(50):
        answered.detector.hear_outcome(1, Family.ILLNESS, was_useful=was_useful)
    once, moved = plain.live(3, ILL, share=2)[-1], answered.live(3, ILL, share=2)[-1]
    assert once.score / moved.score == pytest.approx(factor, rel=1e-4)


def test_what_is_usual_is_held_for_three_weeks_and_then_learned_again_and_it_says_so() -> None:
    days = after_a_month()
    found = days.live(45, ILL)
    opened_ms = found[0].opened_at_ms
    held, again = [], []
    for one in found:
        remarks = " ".join(str(remark) for remark in one.explanation["remarks"])
        day = (one.at_ms - opened_ms) // 86_400_000
        held += [day] if "is made from the days before" in remarks else []
        again += [day] if "learned again" in remarks else []
    assert held
    assert again
    assert 15 <= max(held) <= 21 < min(again) + 1
    assert min(again) <= 22


def test_after_three_weeks_a_lasting_change_becomes_usual_and_its_episode_ends() -> None:
    days = after_a_month()
    found = [family_kind for family_kind in kinds(days.live(90, ILL)) if "illness" in family_kind]
    assert found[:2] == [("illness", "opened"), ("illness", "closed")]


def test_another_model_of_device_starts_again_with_what_depends_on_it() -> None:
    known, changed = after_a_month(), after_a_month()
    changed.detector.change_device_model(1)
    warmer = {"night_skin_temperature": 3.0}
    for days in (known, changed):
        days.live(4, warmer)
    assert known.scores[-1] > changed.scores[-1] + 0.3
