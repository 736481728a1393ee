"""Cursors against a model that remembers every number that came."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ingest.cursors import MOST_GAPS, MOST_RANGES_TOLD, Cursor, Gap, advance
from ingest.reasons import Progress

HIGHEST = 40


def ranges(numbers: set[int]) -> list[tuple[int, int]]:
    """Return runs of numbers as first and last."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


class CursorMachine(RuleBasedStateMachine):
    """The model: the set of numbers that came, and the highest `oldest` that was said."""

    def __init__(self) -> None:
        super().__init__()
        self.cursor = Cursor()
        self.received: set[int] = set()
        self.given_up_below = 0
        self.lost: set[int] = set()

    @rule(seq=st.integers(0, HIGHEST), ago=st.none() | st.integers(0, HIGHEST))
    def a_frame_comes(self, seq: int, ago: int | None) -> None:
        oldest = None if ago is None else max(0, seq - ago)
        done = self.received | set(range(self.given_up_below))
        step = advance(self.cursor, seq, oldest)
        assert step.progress is (Progress.REPEATED if seq in done else Progress.NEW)
        assert step.cursor.upto >= self.cursor.upto
        assert step.cursor.highest >= self.cursor.highest
        if seq not in done:
            self.received.add(seq)
        self.given_up_below = max(self.given_up_below, oldest or 0)
        lost = {number for gap in step.lost for number in range(gap.first, gap.last + 1)}
        assert not lost & (self.lost | self.received)
        self.lost |= lost
        self.cursor = step.cursor

    @rule(seq=st.integers(0, HIGHEST))
    def the_same_frame_comes_again(self, seq: int) -> None:
        if seq in self.received:
            step = advance(self.cursor, seq, None)
            assert (step.progress, step.cursor, step.lost) == (Progress.REPEATED, self.cursor, ())

    @invariant()
    def it_equals_the_model(self) -> None:
        highest = max(self.received, default=-1)
        missing = {
            number
            for number in range(highest + 1)
            if number not in self.received and number >= self.given_up_below
        }
        assert self.cursor.highest == highest
        assert self.cursor.upto == (min(missing) - 1 if missing else highest)
        assert [(gap.first, gap.last) for gap in self.cursor.gaps] == ranges(missing)
        assert self.cursor.missing() == [list(one) for one in ranges(missing)][:MOST_RANGES_TOLD]
        assert self.lost == set(range(highest + 1)) - self.received - missing


CursorMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestCursorAgainstItsModel = CursorMachine.TestCase


@given(st.integers(0, 30).flatmap(lambda last: st.permutations(range(last + 1))))
def test_any_order_of_all_frames_ends_at_the_same_cursor(order: list[int]) -> None:
    cursor = Cursor()
    for seq in order:
        cursor = advance(cursor, seq, None).cursor
    assert cursor == Cursor(upto=len(order) - 1, highest=len(order) - 1)


@given(
    st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=20, unique=True).flatmap(
        lambda numbers: st.tuples(st.permutations(numbers), st.permutations(numbers))
    )
)
def test_any_two_orders_of_the_same_frames_end_at_the_same_cursor(
    orders: tuple[list[int], list[int]],
) -> None:
    ends = []
    for order in orders:
        cursor = Cursor()
        for seq in order:
            cursor = advance(cursor, seq, None).cursor
        ends.append(cursor)
    assert ends[0] == ends[1]
    gaps = ends[0].gaps
    assert all(one.last + 1 < other.first for one, other in pairwise(gaps))


def full_of_holes() -> Cursor:
    """Return a cursor with as many holes as are remembered: every second frame is missing."""
    cursor = Cursor(upto=0, highest=0)
    for seq in range(2, 2 * MOST_GAPS + 2, 2):
        cursor = advance(cursor, seq, None).cursor
    return cursor


def test_a_hole_too_many_is_not_taken_and_changes_nothing() -> None:
    cursor = full_of_holes()
    assert len(cursor.gaps) == MOST_GAPS
    step = advance(cursor, cursor.highest + 2, None)
    assert (step.progress, step.cursor, step.lost) == (Progress.TOO_MANY_GAPS, cursor, ())


def test_a_cursor_full_of_holes_still_takes_what_fills_one() -> None:
    cursor = full_of_holes()
    step = advance(cursor, cursor.gaps[0].first, None)
    assert step.progress is Progress.NEW
    assert step.cursor.upto == 2


def test_a_cursor_full_of_holes_still_takes_the_next_frame() -> None:
    cursor = full_of_holes()
    step = advance(cursor, cursor.highest + 1, None)
    assert (step.progress, step.cursor.highest) == (Progress.NEW, cursor.highest + 1)


def test_a_cursor_full_of_holes_is_freed_by_a_device_that_gives_them_up() -> None:
    cursor = full_of_holes()
    step = advance(cursor, cursor.highest + 2, oldest=cursor.highest + 2)
    assert step.cursor == Cursor(cursor.highest + 2, cursor.highest + 2)
    assert len(step.lost) == MOST_GAPS + 1


def test_a_frame_sent_again_may_say_that_the_hole_before_it_is_final() -> None:
    cursor = advance(Cursor(upto=4, highest=4), seq=7, oldest=5).cursor
    step = advance(cursor, seq=7, oldest=7)
    assert step.progress is Progress.REPEATED
    assert step.cursor == Cursor(upto=7, highest=7)
    assert step.lost == (Gap(5, 6),)


def test_an_ack_names_no_more_ranges_than_a_device_can_use() -> None:
    told = full_of_holes().missing()
    assert len(told) == MOST_RANGES_TOLD
    assert told[:2] == [[1, 1], [3, 3]]
