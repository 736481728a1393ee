"""Files of daily features: what is read, and what is said of every file that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidewell import day_files
from tidewell.day_files import DayTable, read_days
from tidewell.errors import UsageError
from tidewell.local_time import day_date, day_number
from tidewell.vocabulary import FEATURE_NAMES

HEADER = "person,day,night_heart_rate,steps\n"
OF_HEADER = [FEATURE_NAMES.index(name) for name in ("night_heart_rate", "steps")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "days.csv"


def read(file: Path, text: str | bytes) -> DayTable:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_days(file)


def said(file: Path, text: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read(file, text)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_rows_come_in_the_order_of_person_and_day(file: Path) -> None:
    table = read(
        file, HEADER + "b,2026-01-02,60,100\na,2026-01-03,,5\nb,2026-01-01,61.5,\na,2026-01-01,,\n"
    )
    assert table.labels == ("a", "b")
    assert table.person.tolist() == [0, 0, 1, 1]
    days = [day_date(one).isoformat() for one in table.day.tolist()]
    assert days == ["2026-01-01", "2026-01-03", "2026-01-01", "2026-01-02"]
    expected = np.array([[np.nan, np.nan], [np.nan, 5], [61.5, np.nan], [60, 100]], np.float32)
    assert table.features.dtype == np.float32
    assert np.array_equal(table.features[:, OF_HEADER], expected, equal_nan=True)
    others = np.delete(table.features, OF_HEADER, axis=1)
    assert others.shape == (4, len(FEATURE_NAMES) - 2)
    assert np.isnan(others).all()
    assert table.ignored_columns == ()


def test_columns_may_come_in_any_order_and_others_are_named_and_left_out(file: Path) -> None:
    table = read(file, "steps, mood ,day,person,note\n7,sunny,2026-01-01, a ,x\n")
    assert table.ignored_columns == ("mood", "note")
    assert table.labels == ("a",)
    row = dict(zip(FEATURE_NAMES, table.features[0].tolist(), strict=True))
    assert row["steps"] == 7
    assert np.isnan(row["night_heart_rate"])


@given(st.lists(st.sampled_from(FEATURE_NAMES), unique=True, min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_any_of_the_features_in_any_order_are_read(file: Path, names: list[str]) -> None:
    cells = ",".join(str(place) for place in range(len(names)))
    table = read(file, f"person,{','.join(names)},day\na,{cells},2026-01-01\n")
    wanted = [names.index(name) if name in names else np.nan for name in FEATURE_NAMES]
    assert np.array_equal(table.features[0], np.array(wanted, np.float32), equal_nan=True)


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_do_not_matter(file: Path) -> None:
    table = read(file, b"\xef\xbb\xbfperson,day,steps\r\n\r\na,2026-01-01,7\r\n\r\n")
    assert table.features[:, FEATURE_NAMES.index("steps")].tolist() == [7]


@pytest.mark.parametrize(
    ("text", "line", "expectation"),
    [
        ("", 1, "expected a header with person, day and features, each once; found an empty file"),
        ("person,steps\n", 1, "expected a header with person, day"),
        ("Person;Day\n", 1, "each once; found 'Person;Day'"),
        ("person,day,day,steps\n", 1, "each once"),
        ("person,day,mood\n", 1, f"{', '.join(FEATURE_NAMES)}; found 'person,day,mood'"),
        (HEADER + "a,2026-01-01,60\n", 2, "expected 4 cells, found 3"),
        (HEADER + "a,2026-01-01,60,1,2\n", 2, "expected 4 cells, found 5"),
        (HEADER + "\n\n,2026-01-01,60,1\n", 4, "expected a person, found an empty cell"),
        (HEADER + "a,01/02/2026,60,1\n", 2, "expected a day like 2026-01-31, found '01/02/2026'"),
        (HEADER + "a,2026-02-29,60,1\n", 2, "expected a day like 2026-01-31"),
        (HEADER + "a,,60,1\n", 2, "expected a day like 2026-01-31, found ''"),
        (HEADER + "a,2026-01-01,sixty,1\n", 2, "for night_heart_rate, found 'sixty'"),
        (HEADER + "a,2026-01-01,60,-1\n", 2, "a number of 0 or more for steps, found '-1'"),
        (HEADER + "a,2026-01-01,nan,1\n", 2, "for night_heart_rate, found 'nan'"),
        (HEADER + "a,2026-01-01,inf,1\n", 2, "for night_heart_rate, found 'inf'"),
        (HEADER + "a,2026-01-01,60,1e300\n", 2, "for steps, found '1e300'"),
        (HEADER + "a,2026-01-01,60,1_000\n", 2, "for steps, found '1_000'"),
        (HEADER + "a,2026-01-01,60,٣\n", 2, "for steps, found '٣'"),
        (HEADER + "a,2026-01-01,60,1\na,2026-01-01,61,2\n", 3, "expected each person and day once"),
        (HEADER + 'a,2026-01-01,60,"1\n', 2, "expected comma separated values"),
        (HEADER + 'a,2026-01-01,60,"1"2\n', 2, "expected comma separated values"),
        (HEADER.encode() + b"a,2026-01-01,60,1\nb\xff,2026-01-01,60,1\n", 3, "text in UTF-8"),
    ],
)
def test_every_fault_is_said_with_its_file_its_line_and_what_was_expected(
    file: Path, text: str | bytes, line: int, expectation: str
) -> None:
    message = said(file, text)
    assert message.startswith(f"days.csv, line {line}: "), message
    assert expectation in message


def test_a_wrong_cell_is_shown_shortened(file: Path) -> None:
    assert len(said(file, HEADER + f"a,2026-01-01,{'9' * 5_000},1\n")) < 150
    assert len(said(file, HEADER + f"a,{'9' * 5_000},60,1\n")) < 150


def test_a_file_with_nothing_below_its_header_is_refused(file: Path) -> None:
    assert said(file, HEADER) == "days.csv: expected at least one row below the header"


def test_a_file_that_is_not_there_and_a_folder_are_named(file: Path) -> None:
    for path in (file, file.parent):
        with pytest.raises(UsageError, match=r"^cannot read .*; check the path$"):
            read_days(path)


def test_a_file_with_too_many_rows_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_files, "MOST_ROWS", 1)
    text = HEADER + "a,2026-01-01,60,1\na,2026-01-02,60,1\n"
    assert said(file, text) == "days.csv has more than 1 rows; split it by person"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.binary(max_size=120), st.booleans())
def test_any_bytes_are_a_table_or_an_error_of_one_line(
    file: Path, content: bytes, with_header: bool
) -> None:
    file.write_bytes(HEADER.encode() * with_header + content)
    try:
        table = read_days(file)
    except UsageError as error:
        assert "\n" not in str(error)  # noqa: PT017 -- either way out is right
    else:
        assert len(table.day) == len(table.features) > 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.dates()),
        st.tuples(*[st.none() | st.floats(0, 1e9, width=32)] * 2),
        min_size=1,
        max_size=8,
    )
)
def test_what_was_written_is_what_is_read(
    file: Path, rows: dict[tuple[str, object], tuple[float | None, float | None]]
) -> None:
    lines = [
        f"{person},{day},{','.join('' if one is None else repr(one) for one in cells)}\n"
        for (person, day), cells in rows.items()
    ]
    table = read(file, HEADER + "".join(lines))
    assert len(table.day) == len(rows)
    for (person, day), cells in rows.items():
        at = np.flatnonzero(
            (table.person == table.labels.index(person)) & (table.day == day_number(day))  # type: ignore[arg-type] # Hypothesis gives dates
        )
        wanted = np.array([np.nan if one is None else one for one in cells], np.float32)
        assert np.array_equal(table.features[at[0], OF_HEADER], wanted, equal_nan=True)
