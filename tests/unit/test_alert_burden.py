"""The budget of messages and the bundle beyond it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.burden import Push, Slot, place
from alerts.policy import PolicyDocument
from tidewell.vocabulary import Level

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WINDOWS = PolicyDocument().as_policy().push_windows


def sent(*minutes_ago: int) -> list[Push]:
    return [Push(NOW - timedelta(minutes=one), None, is_unsent=False) for one in minutes_ago]


def test_within_the_budget_a_message_leaves_at_once() -> None:
    assert place(sent(5, 10), WINDOWS, Level.CHECK_TODAY, NOW, "b") == Slot(NOW, None)


def test_beyond_the_budget_messages_wait_and_leave_as_one() -> None:
    pushes = sent(1, 5, 10)
    first = place(pushes, WINDOWS, Level.CHECK_TODAY, NOW, "b")
    assert first == Slot(NOW + timedelta(minutes=5), "b")
    waiting = Push(first.attempt_at, "b", is_unsent=True)
    assert place([*pushes, waiting], WINDOWS, Level.FOR_REVIEW, NOW, "c") == first


def test_a_bundle_that_was_tried_is_closed() -> None:
    tried = Push(NOW + timedelta(minutes=1), "b", is_unsent=False)
    slot = place([*sent(1, 5, 10), tried], WINDOWS, Level.CHECK_TODAY, NOW, "c")
    assert slot.bundle == "c"


def test_what_is_to_be_checked_now_is_never_held_back() -> None:
    assert place(sent(*range(60)), WINDOWS, Level.CHECK_NOW, NOW, "b") == Slot(NOW, None)


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from([Level.CHECK_TODAY, Level.FOR_REVIEW])),
        max_size=60,
    )
)
def test_no_window_ever_holds_more_than_its_budget(waits: list[tuple[int, Level]]) -> None:
    pushes: list[Push] = []
    now = NOW
    for number, (minutes, level) in enumerate(waits):
        now += timedelta(minutes=minutes)
        slot = place(pushes, WINDOWS, level, now, f"bundle {number}")
        assert slot.attempt_at >= now
        if slot.bundle is None or slot.bundle not in {push.bundle for push in pushes}:
            pushes.append(Push(slot.attempt_at, slot.bundle, is_unsent=True))
    for push in pushes:
        for span, most in WINDOWS:
            within = [one for one in pushes if push.at - span < one.at <= push.at]
            assert len(within) <= most
