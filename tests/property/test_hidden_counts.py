"""Numbers of teams: no difference of what is shown says that a hidden number is a small one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog

from portal.clinic.counts import (
    MOVED,
    SMALL_BELOW,
    Counts,
    Hidden,
    Month,
    TeamRow,
    counts_lines,
    hide,
    is_small,
    months_over,
    with_sums,
)

tables = st.tuples(st.integers(1, 6), st.integers(2, 4)).flatmap(
    lambda shape: hnp.arrays(np.int64, shape, elements=st.integers(0, 4) | st.integers(0, 40))
)


def highest_possible(whole: Counts, hidden: Hidden, at: tuple[int, int]) -> float:
    """Return how large a hidden number may be for whoever knows all that is shown, and adds up."""
    rows, columns = whole.shape
    places = {(r, c): r * columns + c for r in range(rows) for c in range(columns)}
    sums = []
    for row in range(rows):
        line = np.zeros(rows * columns)
        for column in range(columns):
            line[places[row, column]] = -1 if column == columns - 1 else 1
        sums.append(line)
    for column in range(columns):
        line = np.zeros(rows * columns)
        for row in range(rows):
            line[places[row, column]] = -1 if row == rows - 1 else 1
        sums.append(line)
    goal = np.zeros(rows * columns)
    goal[places[at]] = -1
    bounds = [
        (1, 10_000) if hidden[place] and whole[place] else (0, 10_000) if hidden[place] else (n, n)
        for place, n in ((one, int(whole[one])) for one in places)
    ]
    solved = linprog(goal, A_eq=np.array(sums), b_eq=np.zeros(len(sums)), bounds=bounds)
    assert solved.success
    return float(-solved.fun)


@settings(max_examples=50)
@given(tables)
def test_no_difference_of_numbers_reveals_a_small_one(counts: Counts) -> None:
    whole = with_sums(counts)
    hidden = hide(whole)
    assert hidden[is_small(whole)].all()
    for row, column in np.argwhere(is_small(whole)).tolist():
        most = highest_possible(whole, hidden, (row, column))
        assert most >= whole[row, column] + MOVED - 1e-6
        assert most >= SMALL_BELOW


def test_hiding_the_small_number_alone_would_reveal_it() -> None:
    whole = with_sums(np.array([[3, 20, 9], [12, 30, 8]]))
    assert highest_possible(whole, is_small(whole), (0, 0)) == pytest.approx(3)
    assert highest_possible(whole, hide(whole), (0, 0)) >= 8


def test_where_nothing_is_small_nothing_is_hidden() -> None:
    assert not hide(with_sums(np.array([[5, 0, 9], [12, 30, 0]]))).any()


def test_sums_stay_where_parts_are_enough() -> None:
    hidden = hide(with_sums(np.array([[3, 20, 9], [12, 30, 8], [14, 22, 7]])))
    assert not hidden[-1].any()
    assert not hidden[:, -1].any()
    assert int(hidden.sum()) == 4


def test_a_service_with_one_small_team_shows_no_number_of_it() -> None:
    [team, everybody] = counts_lines([TeamRow("Harbour", 3, 1, 0)])
    assert (team.people, everybody.people) == ("hidden", "hidden")
    assert team.groups == ("hidden", "hidden", "0")


def test_teams_are_told_with_their_names_and_all_of_them_last() -> None:
    lines = counts_lines([TeamRow("", 12, 5, 0), TeamRow("Harbour", 40, 10, 6)])
    assert [line.name for line in lines] == ["No team", "Harbour", "All teams"]
    assert lines[-1].people == "52"
    assert lines[1].groups == ("10", "24", "6")


def test_only_months_that_are_over_are_shown() -> None:
    months = months_over(Month(2026, 1).first_day)
    assert [one.key for one in months][:2] == ["2025-12", "2025-11"]
    assert len(set(months)) == 12
    assert Month(2024, 2).days == 29
