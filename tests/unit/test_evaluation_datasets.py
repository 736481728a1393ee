"""What the evaluation reads: sets found by their content, people split for good, clear errors."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tidewell.errors import UsageError
from tidewell.evaluation.datasets import DataSet, Form, find_sets, load_set, read_onsets
from tidewell.evaluation.people import Half, PersonMinutes, half_of
from tidewell.local_time import day_number
from tidewell.vocabulary import FEATURE_NAMES

LIFESNAPS = (
    "id,date,resting_hr,rmssd,nightly_temperature,full_sleep_breathing_rate,spo2,"
    "minutesAsleep,sleep_efficiency,scl_avg,steps\n"
)
WEARABLES = '"user_code","day","resting_pulse","steps_count"\n'


def no_minutes(paths: object) -> list[PersonMinutes]:
    raise AssertionError(f"no minutes were expected in {paths}")


def load_both(folder: Path) -> list[DataSet]:
    (found,) = find_sets(folder)
    return [load_set(found, half, no_minutes) for half in Half]


def test_the_split_is_stable_disjoint_and_about_half() -> None:
    labels = [f"person {number}" for number in range(1000)]
    halves = [half_of(label) for label in labels]
    assert 440 < sum(half is Half.REPORT for half in halves) < 560
    assert halves == [half_of(label) for label in reversed(labels)][::-1]
    assert [half_of(one).value for one in ("a", "d", "e", "f")] == [
        "report",
        "report",
        "tune",
        "tune",
    ]


def test_days_are_found_by_their_header_and_split_by_person(tmp_path: Path) -> None:
    folder = tmp_path / "sets" / "anything"
    folder.mkdir(parents=True)
    rows = "".join(f"{name},2026-01-0{day},60,9000\n" for name in "adef" for day in (1, 2))
    (folder / "whatever.csv").write_text(f"person,day,night_heart_rate,steps\n{rows}")
    (folder / "onsets.csv").write_text("person,onset,kind\na,2026-01-02,x\ne,,x\n")
    (folder / "notes.txt").write_text("person,day,steps\n")
    tune, report = load_both(tmp_path / "sets")
    assert (tune.name, tune.form, tune.people_in_all) == ("anything", Form.DAYS, 4)
    assert [one.label for one in tune.days] == ["e", "f"]
    assert [one.label for one in report.days] == ["a", "d"]
    assert [one.onset for one in report.days] == [20_455, None]
    assert report.days[0].day.tolist() == [20_454, 20_455]
    assert report.days[0].features[0, FEATURE_NAMES.index("steps")] == 9000


def test_only_the_files_of_the_half_are_opened(tmp_path: Path) -> None:
    for label in "adef":
        for quantity in ("hr", "steps"):
            (tmp_path / f"{label}_{quantity}.csv").write_text(",user,datetime,heartrate\n")
    asked: list[str] = []

    def read(paths: object) -> list[PersonMinutes]:
        assert isinstance(paths, list)
        asked.extend(path.name for path in paths)
        return [PersonMinutes("a", np.array([0]), np.zeros((1, 10), np.float32))]

    (found,) = find_sets(tmp_path)
    data = load_set(found, Half.REPORT, read)
    assert asked == ["a_hr.csv", "a_steps.csv", "d_hr.csv", "d_steps.csv"]
    assert (data.form, data.people_in_all, len(data.minutes)) == (Form.MINUTES, 4, 1)


def test_zero_heart_rate_and_zero_steps_are_not_worn(tmp_path: Path) -> None:
    text = LIFESNAPS + "a,2021-05-24,0.0,,,,,,,,0\na,2021-05-25,60,,,,,,,,8000\n"
    (tmp_path / "daily.csv.gz").write_bytes(gzip.compress(text.encode()))
    _, report = load_both(tmp_path)
    assert report.days[0].day.tolist() == [day_number(date(2021, 5, 25))]


def test_times_of_sleep_come_from_hourly_steps(tmp_path: Path) -> None:
    daily = LIFESNAPS + "".join(f"a,2021-05-{day},60,,,,,,,,8000\n" for day in (24, 25))
    (tmp_path / "daily.csv.gz").write_bytes(gzip.compress(daily.encode()))
    hours = [f"a,2021-05-24,{hour},{500 if hour < 23 else 0}\n" for hour in range(24)]
    hours += [f"a,2021-05-25,{hour},{500 if hour >= 7 else 10}\n" for hour in range(24)]
    hourly = "id,date,hour,steps\n" + "".join(hours)
    (tmp_path / "steps_hourly.csv.gz").write_bytes(gzip.compress(hourly.encode()))
    _, report = load_both(tmp_path)
    night = report.days[0].features[1]
    assert night[FEATURE_NAMES.index("sleep_onset_h")] == 11  # 23:00
    assert night[FEATURE_NAMES.index("first_activity_h")] == 7
    assert np.isnan(report.days[0].features[0, FEATURE_NAMES.index("sleep_onset_h")])


def test_welltory_people_need_enough_days_and_may_have_an_onset(tmp_path: Path) -> None:
    rows = [f'"{name}","2020-03-{day:02}",60,8000\n' for name in "ad" for day in range(1, 30)]
    rows += ['"z","2020-03-01",60,8000\n']
    (tmp_path / "wearables.csv").write_text(WEARABLES + "".join(rows))
    (tmp_path / "participants.csv").write_text("user_code,symptoms_onset\na,3/20/2020\nd,\n")
    (tmp_path / "sleep.csv").write_text(
        "user_code,sleep_begin,sleep_end,sleep_duration\n"
        "a,2020-03-01 23:30:00,2020-03-02 07:30:00,27000\n"
        "a,2020-03-02 14:00:00,2020-03-02 15:00:00,3600\n"
    )
    _, report = load_both(tmp_path)
    assert [(one.label, one.onset) for one in report.days] == [("a", 18_341), ("d", None)]
    night = report.days[0].features[1]
    assert night[FEATURE_NAMES.index("sleep_onset_h")] == 11.5
    assert night[FEATURE_NAMES.index("sleep_minutes")] == 450


def test_the_laboratory_is_averaged_by_minute(tmp_path: Path) -> None:
    seconds = "".join(
        f"2,{60 + second // 60},12,{second},{second // 60}\n" for second in range(120)
    )
    (tmp_path / "s.csv").write_text(f"Participant,HR,respr,Time(sec),Label\n{seconds}")
    runs = [run for data in load_both(tmp_path) for run in data.stress]
    assert [run.heart_rate.tolist() for run in runs] == [[60, 61]]
    assert runs[0].stressed.tolist() == [False, True]


def test_a_folder_without_data_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("one,two\n1,2\n")
    (tmp_path / "b.zip").write_bytes(b"not a zip")
    (tmp_path / "c.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(
        UsageError, match=r"no recorded data in .*; expected a CSV with person, day"
    ):
        find_sets(tmp_path)
    with pytest.raises(UsageError, match=r"cannot read the folder .*absent: No such file"):
        find_sets(tmp_path / "absent")


def test_a_wrong_cell_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "daily.csv").write_text(LIFESNAPS + "a,2021-05-24,fast,,,,,,,,0\n")
    (found,) = find_sets(tmp_path)
    with pytest.raises(UsageError, match=r"daily\.csv, line 2: expected a number for resting_hr"):
        load_set(found, Half.REPORT, no_minutes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person,day\na,2026-01-01\n", "line 1: expected a header with person and onset"),
        ("person,onset\na,soon\n", "line 2: expected a day for onset, found 'soon'"),
        ("person,onset\na,2026-01-01\na,2026-01-02\n", "expected each person once"),
    ],
)
def test_wrong_onsets_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "onsets.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_onsets(tmp_path / "onsets.csv")


def test_two_tables_of_days_are_one_too_many(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("person,day,steps\nx,2026-01-01,1\n")
    (found,) = find_sets(tmp_path)
    with pytest.raises(UsageError, match=r"a\.csv and b\.csv both hold days; keep one"):
        load_set(found, Half.REPORT, no_minutes)
