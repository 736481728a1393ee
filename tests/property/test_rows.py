"""Frames as columns and as PostgreSQL's binary COPY: nothing is lost on the way, no bit changes."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest.admit import Admitted
from ingest.decode import HIGHEST_BOOT, HIGHEST_SEQ
from ingest.frames import Frame
from ingest.rows import (
    COPY_HEADER,
    COPY_TRAILER,
    Rows,
    assemble,
    copy_bytes,
    copy_bytes_with_nulls,
    parse_copy,
)
from tests.binary_copy import fields_of
from tidewell.vocabulary import CHANNEL_NAMES

TIMES = st.integers(1_420_070_400_000, 2_500_000_000_000)
INTEGERS = {
    "person_id": st.integers(0, 2**31 - 1),
    "time_ms": TIMES,
    "device_id": st.integers(0, 2**31 - 1),
    "period_s": st.integers(1, 3_600),
    "boot": st.integers(0, HIGHEST_BOOT),
    "seq": st.integers(0, HIGHEST_SEQ),
    "received_ms": TIMES,
}


@st.composite
def any_rows(draw: st.DrawFn) -> Rows:
    count = draw(st.integers(0, 8))
    columns = {
        name: np.array(draw(st.lists(values, min_size=count, max_size=count)), np.int64)
        for name, values in INTEGERS.items()
    }
    bits = st.integers(0, 2**32 - 1)
    values = np.array(
        draw(
            st.lists(bits, min_size=count * len(CHANNEL_NAMES), max_size=count * len(CHANNEL_NAMES))
        ),
        np.uint32,
    )
    return Rows(
        frame=np.full(count, -1, np.int64),
        values=values.view(np.float32).reshape(count, len(CHANNEL_NAMES)),
        **columns,
    )


def same_numbers(left: NDArray[np.float32], right: NDArray[np.float32]) -> bool:
    """Return whether two arrays are equal bit for bit; one NaN is as good as another."""
    there = ~np.isnan(left)
    return bool(
        np.array_equal(there, ~np.isnan(right)) and left[there].tobytes() == right[there].tobytes()
    )


@given(any_rows())
def test_rows_come_back_from_the_binary_format_as_they_went(rows: Rows) -> None:
    back = parse_copy(copy_bytes(rows))
    for name in ("frame", *INTEGERS):
        column = getattr(back, name)
        assert column.dtype == np.int64
        assert np.array_equal(column, getattr(rows, name)), name
    assert same_numbers(rows.values, back.values)


@given(any_rows())
def test_the_bytes_are_those_of_the_documentation_of_postgresql(rows: Rows) -> None:
    data = copy_bytes(rows)
    assert data.startswith(b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0))
    assert data.endswith(struct.pack(">h", -1))
    at = len(COPY_HEADER)
    for place in range(len(rows)):
        (fields,) = struct.unpack_from(">h", data, at)
        at += 2
        lengths = []
        for _ in range(fields):
            (length,) = struct.unpack_from(">i", data, at)
            lengths.append(length)
            at += 4 + length
        assert lengths == [4, 8, 4, 2, 4, 8, 8, *([4] * len(CHANNEL_NAMES))], place
    assert at == len(data) - len(COPY_TRAILER)


@given(any_rows())
def test_with_nulls_the_same_fields_come_by_person_and_what_is_absent_has_none(rows: Rows) -> None:
    nulls = list(fields_of(copy_bytes_with_nulls(rows)))
    rows = rows.take(np.argsort(rows.person_id, kind="stable"))
    plain = list(fields_of(copy_bytes(rows)))
    assert len(plain) == len(nulls) == len(rows)
    first = len(plain[0]) - len(CHANNEL_NAMES) if plain else 0
    for place, (with_nan, with_null) in enumerate(zip(plain, nulls, strict=True)):
        missing = np.isnan(rows.values[place]).tolist()
        expected = [
            None if gone else one for one, gone in zip(with_nan[first:], missing, strict=True)
        ]
        assert with_null == with_nan[:first] + expected


def test_a_time_counts_microseconds_from_the_year_2000() -> None:
    one = np.array([1], np.int64)
    time_ms = np.array([946_684_800_000 + 1], np.int64)
    rows = Rows(
        one, one, time_ms, one, one, one, one, time_ms, np.zeros((1, len(CHANNEL_NAMES)), "f4")
    )
    (microseconds,) = struct.unpack_from(">q", copy_bytes(rows), len(COPY_HEADER) + 2 + 8 + 4)
    assert microseconds == 1_000


FRAMES = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.integers(1, 3_600),
        st.sets(st.sampled_from(CHANNEL_NAMES), min_size=1),
        st.randoms(use_true_random=False),
    ),
    max_size=5,
)


@given(FRAMES)
def test_each_epoch_of_a_frame_is_one_row_in_its_place(
    drawn: list[tuple[int, int, set[str], object]],
) -> None:
    admitted, expected = [], []
    for place, (epochs, period_s, names, random) in enumerate(drawn):
        channels = {
            name: [None if random.random() < 0.3 else random.uniform(0, 99) for _ in range(epochs)]  # type: ignore[attr-defined] # Hypothesis gives a random.Random
            for name in names
        }
        owners = tuple(random.choice([None, 5, 6]) for _ in range(epochs))  # type: ignore[attr-defined] # the same
        frame = Frame.of(place, 10 * place, None, 1_762_000_000_123, period_s, channels)
        admitted.append(Admitted(frame, 40 + place, owners, 0))
        for number, owner in enumerate(owners):
            if owner is not None:
                values = [channels.get(name, [None] * epochs)[number] for name in CHANNEL_NAMES]
                time_ms = 1_762_000_000_123 + number * period_s * 1_000
                expected.append(
                    (place, owner, time_ms, 40 + place, period_s, place, 10 * place, values)
                )
    rows = assemble(admitted, 77)
    assert len(rows) == len(expected)
    for at, (*integers, values) in enumerate(expected):
        got = [
            int(getattr(rows, name)[at])
            for name in ("frame", "person_id", "time_ms", "device_id", "period_s", "boot", "seq")
        ]
        assert got == integers
        assert rows.received_ms[at] == 77
        wanted = np.array([np.nan if one is None else one for one in values]).astype(np.float32)
        assert same_numbers(rows.values[at], wanted)


def test_no_frame_at_all_is_no_row() -> None:
    rows = assemble([], 1)
    assert len(rows) == 0
    assert rows.values.shape == (0, len(CHANNEL_NAMES))
    assert len(parse_copy(copy_bytes(rows))) == 0
