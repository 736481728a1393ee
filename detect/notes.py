"""Notes of a person or a practitioner about some days: "I was ill", "exam week".

A note explains or sets aside; it never makes anybody be noticed more. What each kind does:

| note         | the days are | illness, sleep, withdrawal open | teaches what is usual |
|--------------|--------------|-----------------------------|-----------------------|
| ill          | scored       | nothing: it is known already | no                   |
| holiday      | scored       | nothing                     | no                    |
| exams, other | scored       | as ever, with the note beside it | yes              |
| someone else | left out     | nothing                     | no                    |

The last eight notes of a person are remembered, which is more than the days of a baseline hold.
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
    "note_next": (np.int8, (), 0),
}


class NoteState(BaselineState):
    """First and last day and kind of the last eight notes; `note_next` is the place of the next."""

    note_first: NDArray[np.int32]
    note_last: NDArray[np.int32]
    note_kind: NDArray[np.int8]
    note_next: NDArray[np.int8]


def remember(state: NoteState, row: int, kind: NoteKind, first_day: int, last_day: int) -> None:
    """Take a note down, and take its days out of what is usual where it says so.

    Raises:
        ValueError: the days are the wrong way round, or more than 62.
    """
    if not 0 <= last_day - first_day < LONGEST_DAYS:
        raise ValueError(f"a note is about 1 to {LONGEST_DAYS} days, first to last")
    known = (state.note_kind[row] == KINDS.index(kind)) & (state.note_first[row] == first_day)
    if (known & (state.note_last[row] == last_day)).any():
        return
    place = int(state.note_next[row])
    state.note_first[row, place], state.note_last[row, place] = first_day, last_day
    state.note_kind[row, place] = KINDS.index(kind)
    state.note_next[row] = (place + 1) % NOTES
    closed = int(state.last_closed_day[row])
    if closed == NEVER or kind not in HOLDS | LEAVES_OUT:
        return
    days = np.arange(max(first_day, closed - RING_DAYS + 1), min(last_day, closed) + 1)
    state.set_aside[row, days % RING_DAYS] = True
    if kind in LEAVES_OUT:
        state.ring[row][:, days % RING_DAYS] = np.nan


def touches(
    state: NoteState, rows: NDArray[np.int64], day: NDArray[np.int64], kinds: frozenset[NoteKind]
) -> NDArray[np.bool_]:
    """Return where a note of one of these kinds is about the day: bool[n]."""
    places = [KINDS.index(kind) for kind in kinds]
    about = (state.note_first[rows] <= day[:, None]) & (day[:, None] <= state.note_last[rows])
    told = about & np.isin(state.note_kind[rows], places)
    return np.asarray(told.any(axis=1))


def kinds_about(state: NoteState, row: int, first_day: int, last_day: int) -> tuple[NoteKind, ...]:
    """Return the kinds of the notes that touch any of these days, each once."""
    touched = (state.note_first[row] <= last_day) & (state.note_last[row] >= first_day)
    found = set(state.note_kind[row][touched & (state.note_kind[row] >= 0)].tolist())
    return tuple(kind for place, kind in enumerate(KINDS) if place in found)
