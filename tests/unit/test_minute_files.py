"""Files of minutes: what is read, how minutes are made, and what every refusal says."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tidewell.errors import UsageError
from tidewell.minute_files import MINUTE_MS, MinuteSeries, read_minutes
from tidewell.vocabulary import CHANNEL_INDEX

if TYPE_CHECKING:
    from pathlib import Path

LONDON = "Europe/London"


def read(folder: Path, text: str | bytes, timezone: str | None = LONDON) -> MinuteSeries:
    path = folder / "sam.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_minutes(path, timezone)


def column(series: MinuteSeries, name: str) -> list[float]:
    return [float(value) for value in series.values[:, CHANNEL_INDEX[name]]]


def times(series: MinuteSeries) -> list[str]:
    return [str(time) for time in series.time_ms.astype("datetime64[ms]").astype("datetime64[m]")]


def test_columns_come_in_any_order_and_an_empty_cell_is_no_value(tmp_path: Path) -> None:
    series = read(tmp_path, "steps,time,heart_rate\n4,2026-01-05T10:00,\n,2026-01-05T10:01,70.5\n")
    assert column(series, "steps") == pytest.approx([4, np.nan], nan_ok=True)
    assert column(series, "heart_rate") == pytest.approx([np.nan, 70.5], nan_ok=True)
    assert np.isnan(series.values[:, CHANNEL_INDEX["eda"]]).all()


def test_a_minute_has_the_mean_of_its_rows_and_the_sum_of_their_steps(tmp_path: Path) -> None:
    text = (
        "time,heart_rate,steps\n"
        "2026-01-05T10:00:59.9Z,80,3\n2026-01-05T10:00:00Z,60,4\n2026-01-05T10:00:30Z,,\n"
    )
    series = read(tmp_path, text)
    assert times(series) == ["2026-01-05T10:00"]
    assert column(series, "heart_rate") == [70.0]
    assert column(series, "steps") == [7.0]


def test_minutes_are_sorted_and_each_is_there_once(tmp_path: Path) -> None:
    text = "time,steps\n2026-01-05T10:02Z,1\n2026-01-05T10:00Z,2\n2026-01-05T10:02Z,3\n"
    series = read(tmp_path, text)
    assert np.diff(series.time_ms).tolist() == [2 * MINUTE_MS]
    assert column(series, "steps") == [2.0, 4.0]


def test_a_row_without_any_value_is_left_out(tmp_path: Path) -> None:
    series = read(tmp_path, "time,steps\n2026-01-05T10:00Z,\n2026-01-05T10:01Z,0\n")
    assert times(series) == ["2026-01-05T10:01"]


def test_times_with_and_without_offset_may_be_mixed(tmp_path: Path) -> None:
    text = "time,steps\n2026-07-05T10:00,1\n2026-07-05T10:01+02:00,2\n2026-07-05T10:02Z,3\n"
    assert times(read(tmp_path, text)) == [
        "2026-07-05T08:01",
        "2026-07-05T09:00",
        "2026-07-05T10:02",
    ]


def test_the_hour_that_spring_skips_is_read_as_the_next_one_and_counted(tmp_path: Path) -> None:
    series = read(tmp_path, "time,steps\n2026-03-29T00:59,1\n2026-03-29T01:30,2\n")
    assert times(series) == ["2026-03-29T00:59", "2026-03-29T01:30"]
    assert (series.nonexistent_rows, series.ambiguous_rows) == (1, 0)


def test_the_hour_that_autumn_repeats_keeps_both_its_passes(tmp_path: Path) -> None:
    rows = ["00:59", "01:00", "01:30", "01:59", "01:00", "01:30", "02:00"]
    lines = [f"2026-10-25T{row},{number}" for number, row in enumerate(rows)]
    series = read(tmp_path, "\n".join(["time,steps", *lines]))
    assert [time[-5:] for time in times(series)] == [
        "23:59",
        "00:00",
        "00:30",
        "00:59",
        "01:00",
        "01:30",
        "02:00",
    ]
    assert column(series, "steps") == [0, 1, 2, 3, 4, 5, 6]
    assert series.ambiguous_rows == 5


def test_a_file_may_be_gzipped_or_zipped_and_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    content = "\ufefftime,steps\r\n2026-01-05T10:00Z,7\r\n".encode()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", content)
    (tmp_path / "A.CSV.GZ").write_bytes(gzip.compress(content))
    (tmp_path / "A.ZIP").write_bytes((tmp_path / "a.zip").read_bytes())
    for name in ("a.csv.gz", "a.zip", "A.CSV.GZ", "A.ZIP"):
        assert column(read_minutes(tmp_path / name, None), "steps") == [7.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sam.csv, line 1: expected a header, found an empty file"),
        ("\n\n", "sam.csv, line 1: expected a header, found an empty file"),
        ("time,steps\n", "sam.csv, line 2: expected at least one row below the header"),
        (
            "when,steps\n1,2\n",
            "sam.csv, line 1: expected a header with `time` and channel names, found 'when,steps'",
        ),
        ("time\n2026-01-05T10:00\n", "sam.csv, line 1: expected at least one channel"),
        ("time,glucose\n2026-01-05T10:00,5\n", "sam.csv, line 1: unknown column 'glucose'"),
        ("time,steps,steps\n2026-01-05T10:00,5,5\n", "line 1: column `steps` is there twice"),
        ("time,steps\n2026-01-05T10:00,1\nsoon,2\n", "line 3: expected a time in ISO 8601"),
        ("time,steps\n2026-13-05T10:00,1\n", "line 2: expected a time in ISO 8601"),
        ("time,steps\n0001-01-01T00:00+10:00,1\n", "line 2: expected a time in ISO 8601"),
        ("time,steps\n\n\n2026-01-05T10:00,many\n", "line 4: expected a number for steps"),
        ("time,steps\n2026-01-05T10:00,1\n2026-01-05T10:01,nan\n", "line 3: expected a number"),
        ("time,steps\n2026-01-05T10:00,inf\n", "line 2: expected a number for steps from 0 to 400"),
        ("time,steps\n2026-01-05T10:00,1_0\n", "line 2: expected a number"),
        ("time,steps\n2026-01-05T10:00, \n", "line 2: expected a number"),
        ("time,heart_rate\n2026-01-05T10:00,1e999\n", "expected a number for heart_rate"),
        ("time,heart_rate\n2026-01-05T10:00,19\n", "from 20 to 250, found '19'"),
        ("time,steps\n2026-01-05T10:00,300\n2026-01-05T10:00:30,101\n", "at most 400 steps"),
        ("time,steps\n2026-01-05T10:00\n", "line 2: expected 2 cells, found 1"),
        ("time,steps\n2026-01-05T10:00,1,2\n", "line 2: expected 2 cells, found 3"),
        ('time,steps\n"2026-01-05T10:00,1\n', "expected comma separated values"),
        ("time,steps\n2026-01-05T10:00,\n", "line 2: expected at least one row with a value"),
        (b"time,steps\n2026-01-05T10:00,1\n\xff,2\n", "sam.csv, line 3: expected text in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, text)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_columns_that_are_no_channels_are_named_to_who_tells_them(tmp_path: Path) -> None:
    file = tmp_path / "sam.csv"
    file.write_text("mood,time,steps,Heartrate\nfine,2026-01-05T10:00,7,60\n")
    series = read_minutes(file, "UTC", other_columns_are_told=True)
    assert series.ignored_columns == ("mood", "Heartrate")
    assert column(series, "steps") == [7.0]
    with pytest.raises(UsageError, match="unknown column 'mood'"):
        read_minutes(file, "UTC")
    file.write_text("time,mood\n2026-01-05T10:00,7\n")
    with pytest.raises(UsageError, match="unknown column 'mood'"):
        read_minutes(file, "UTC", other_columns_are_told=True)


def test_a_time_without_offset_needs_a_time_zone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 3: expected a time with an offset"):
        read(tmp_path, "time,steps\n2026-01-05T10:00Z,1\n2026-01-05T10:01,1\n", timezone=None)


@pytest.mark.parametrize("name", ["Europe/Lundon", "", "../etc/passwd", "Europe"])
def test_an_unknown_time_zone_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="unknown time zone"):
        read(tmp_path, "time,steps\n2026-01-05T10:00,1\n", timezone=name)


@pytest.mark.parametrize(
    ("name", "message"), [("a.zip", "expected a zip file"), ("a.csv.gz", "expected a gzip file")]
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / name).write_bytes(b"time,steps\n2026-01-05T10:00Z,7\n")
    with pytest.raises(UsageError, match=message):
        read_minutes(tmp_path / name, None)


def test_a_zip_with_two_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(UsageError, match="expected one file in the zip, found 2"):
        read_minutes(tmp_path / "a.zip", None)


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "time,steps\n" + "2026-01-05T10:00Z,7\n" * 500)
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[60:70] = b"0123456789"
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UsageError, match="expected a zip file"):
        read_minutes(tmp_path / "a.zip", None)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_minutes(tmp_path / "nobody.csv", None)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        read_minutes(tmp_path, None)
