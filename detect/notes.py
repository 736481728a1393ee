"""Notes of a person or a practitioner about some days: "I was ill", "exam week".

A note explains or sets aside; it never makes anybody be noticed more. What each kind does:

| note         | the days are | illness, sleep, withdrawal open | teaches what is usual |
|--------------|--------------|-----------------------------|-----------------------|
| ill          | scored       | nothing: it is known already | no                   |
| holiday      | scored       | nothing                     | no                    |
| exams, other | scored       | as ever, with the note beside it | yes              |
| someone else | left out     | nothing                     | no                    |

Eight notes of a person are remembered. A ninth takes the place of the one whose days ended first;
one whose days are not over gives way only where it changes nothing but words.

A note that is taken back stops counting: its days are judged and teach again from then on, unless
another note is about them. What was left out of a day (someone else) is gone and stays unknown, and
what was not told then is not told later.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detect.baseline import RING_DAYS, BaselineState
from detect.words import NoteKind
from tidewell.local_time import NEVER

NOTES: Final = 8
KINDS: Final = tuple(NoteKind)
LONGEST_DAYS: Final = 62
"""A note about more than two months says that something else is usual now."""
HOLDS: Final = frozenset({NoteKind.ILL, NoteKind.HOLIDAY})
LEAVES_OUT: Final = frozenset({NoteKind.SOMEONE_ELSE})
_NO_DAY: Final = -(2**31)

COLUMNS: Final[dict[str, tuple[DTypeLike, tuple[int, ...], float]]] = {
    "note_first": (np.int32, (NOTES,), _NO_DAY),
    "note_last": (np.int32, (NOTES,), _NO_DAY),
    "note_kind": (np.int8, (NOTES,), -1),
}


class NoteState(BaselineState):
    """First and last day and kind of eight notes; a kind of -1 is a free place."""

    note_first: NDArray[np.int32]
    note_last: NDArray[np.int32]
    note_kind: NDArray[np.int8]


def remember(state: NoteState, row: int, kind: NoteKind, first_day: int, last_day: int) -> None:
    """Take a note down, and take its days out of what is usual where it says so.

    Raises:
        ValueError: the days are the wrong way round, or more than 62; or eight notes that hold
            something are about days that are not over.
    """
    if not 0 <= last_day - first_day < LONGEST_DAYS:
        raise ValueError(f"a note is about 1 to {LONGEST_DAYS} days, first to last")
    if _places_of(state, row, kind, first_day, last_day).any():
        return
    place = _place_for(state, row, last_day)
    if place is not None:
        state.note_first[row, place], state.note_last[row, place] = first_day, last_day
        state.note_kind[row, place] = KINDS.index(kind)
    if kind not in HOLDS | LEAVES_OUT:
        return
    days = _closed_days(state, row, first_day, last_day)
    state.set_aside[row, days % RING_DAYS] = True
    if kind in LEAVES_OUT:
        state.ring[row][:, days % RING_DAYS] = np.nan


def forget(state: NoteState, row: int, kind: NoteKind, first_day: int, last_day: int) -> None:
    """Let a note that was taken back count no more; one that is not remembered changes nothing."""
    places = _places_of(state, row, kind, first_day, last_day)
    state.note_kind[row, places] = -1
    state.note_first[row, places] = state.note_last[row, places] = _NO_DAY
    if kind not in HOLDS | LEAVES_OUT:
        return
    days = _closed_days(state, row, first_day, last_day)
    rows = np.full(len(days), row)
    free = days[~touches(state, rows, days, HOLDS | LEAVES_OUT)]
    state.set_aside[row, free % RING_DAYS] = False


def touches(
    state: NoteState, rows: NDArray[np.int64], day: NDArray[np.int64], kinds: frozenset[NoteKind]
) -> NDArray[np.bool_]:
    """Return where a note of one of these kinds is about the day: bool[n]."""
    found = np.zeros(len(rows), np.bool_)
    noted = np.flatnonzero((state.note_kind[rows] >= 0).any(axis=1))  # few people, most days
    if len(noted):
        rows, day = rows[noted], day[noted, None]
        about = (state.note_first[rows] <= day) & (day <= state.note_last[rows])
        told = np.isin(state.note_kind[rows], [KINDS.index(kind) for kind in kinds])
        found[noted] = (about & told).any(axis=1)
    return found


def _places_of(
    state: NoteState, row: int, kind: NoteKind, first_day: int, last_day: int
) -> NDArray[np.bool_]:
    same = (state.note_first[row] == first_day) & (state.note_last[row] == last_day)
    return np.asarray(same & (state.note_kind[row] == KINDS.index(kind)))


def _place_for(state: NoteState, row: int, last_day: int) -> int | None:
    """Return where a note is kept, None where its days ended before those of all that are kept.

    Raises:
        ValueError: every place is taken by a note that has to stay.
    """
    free = np.flatnonzero(state.note_kind[row] < 0)
    if len(free):
        return int(free[0])
    closed, last = int(state.last_closed_day[row]), state.note_last[row]
    if closed == NEVER or last_day <= closed:
        ended_before = np.flatnonzero(last <= last_day)
        return _ended_first(last, ended_before) if len(ended_before) else None
    ended = np.flatnonzero(last <= closed)
    holding = [KINDS.index(one) for one in HOLDS | LEAVES_OUT]
    words_only = np.flatnonzero(~np.isin(state.note_kind[row], holding))
    for gives_way in (ended, words_only):
        if len(gives_way):
            return _ended_first(last, gives_way)
    raise ValueError(f"{NOTES} notes are about days that are not over; take one of them back first")


def _ended_first(last: NDArray[np.int32], places: NDArray[np.int64]) -> int:
    return int(places[np.argmin(last[places])])


def _closed_days(state: NoteState, row: int, first_day: int, last_day: int) -> NDArray[np.int64]:
    """Return the days of a note that are over and still remembered: int64[n]."""
    closed = int(state.last_closed_day[row])
    if closed == NEVER:
        return np.empty(0, np.int64)
    return np.arange(max(first_day, closed - RING_DAYS + 1), min(last_day, closed) + 1)


def kinds_about(state: NoteState, row: int, first_day: int, last_day: int) -> tuple[NoteKind, ...]:
    """Return the kinds of the notes that touch any of these days, each once."""
    touched = (state.note_first[row] <= last_day) & (state.note_last[row] >= first_day)
    if not touched.any():
        return ()
    found = set(state.note_kind[row][touched & (state.note_kind[row] >= 0)].tolist())
    return tuple(kind for place, kind in enumerate(KINDS) if place in found)
