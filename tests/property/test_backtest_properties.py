"""What holds for the comparison of any two replays."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tidewell.backtesting.comparison import Change, ChangeKind, Episode, Subject, Window, compare
from tidewell.backtesting.report import headline
from tidewell.local_time import DAY_MS
from tidewell.vocabulary import Family, Level

SUBJECTS = (
    Subject(Family.ILLNESS),
    Subject(Family.DRIFT),
    Subject(Family.ACUTE_LOAD, "heart_rate", "above"),
)
ALWAYS = Window(-10, 10_000)


@st.composite
def replays(draw: st.DrawFn) -> list[Episode]:
    """Draw the episodes of a replay: of one person and subject, one after the other."""
    found = []
    for person in range(1, draw(st.integers(1, 3)) + 1):
        for subject in SUBJECTS:
            now_ms = 0
            for _ in range(draw(st.integers(0, 5))):
                now_ms += draw(st.integers(1, 20 * DAY_MS))
                opened_ms, length_ms = now_ms, draw(st.integers(0, 12 * DAY_MS))
                now_ms += length_ms
                level = draw(st.sampled_from(list(Level)[1:]))
                day = opened_ms // DAY_MS
                found.append(Episode(person, subject, opened_ms, day, now_ms, level))
    return draw(st.permutations(found))


def count(changes: list[Change]) -> Counter[ChangeKind]:
    return Counter(kind for one in changes for kind in one.kinds)


@given(replays())
def test_a_replay_compared_with_itself_changes_nothing(replay: list[Episode]) -> None:
    found = compare(replay, list(reversed(replay)), ALWAYS)
    assert found == []
    assert headline(found) == "Nothing would change."


@given(replays(), replays())
def test_more_and_fewer_add_up_to_the_difference(old: list[Episode], new: list[Episode]) -> None:
    kinds = count(compare(old, new, ALWAYS))
    assert kinds[ChangeKind.MORE] - kinds[ChangeKind.FEWER] == len(new) - len(old)


@given(replays(), replays())
def test_seen_from_the_other_side_everything_is_the_opposite(
    old: list[Episode], new: list[Episode]
) -> None:
    here, there = count(compare(old, new, ALWAYS)), count(compare(new, old, ALWAYS))
    for kind, opposite in (
        (ChangeKind.MORE, ChangeKind.FEWER),
        (ChangeKind.FEWER, ChangeKind.MORE),
    ):
        assert here[kind] == there[opposite]


@given(replays(), replays())
def test_no_episode_is_counted_twice(old: list[Episode], new: list[Episode]) -> None:
    found = compare(old, new, ALWAYS)
    for side in ("present", "proposed"):
        seen = [one for change in found if (one := getattr(change, side)) is not None]
        assert len(seen) == len(set(seen))
