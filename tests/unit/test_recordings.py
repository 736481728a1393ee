"""Recordings: files become people, and history ends now."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from firmware_sim.blocks import DAY_MS, MINUTE_MS
from firmware_sim.recordings import Recording, shift_to_now
from firmware_sim.store import load_recordings
from tidewell.errors import UsageError
from tidewell.vocabulary import CHANNEL_INDEX, CHANNELS

HEART_RATE, STEPS = CHANNEL_INDEX["heart_rate"], CHANNEL_INDEX["steps"]
DATA = Path(os.environ.get("TIDEWELL_DATA", Path(__file__).parents[2] / "../shared/data"))
STUDY = DATA / "stanford_covid_phase1"
needs_study = pytest.mark.skipif(
    not STUDY.is_dir() and not os.environ.get("CI"),
    reason="the recorded data of stanford_covid_phase1 is not on this machine",
)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_files_of_one_user_make_one_person(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a_hr.csv",
        ",user,datetime,heartrate\n0,A1,2020-03-10 00:00:06,80\n1,A1,2020-03-10 00:00:11,83\n"
        "2,A1,2020-03-10 00:02:00,90\n",
    )
    write(
        tmp_path,
        "a_steps.csv",
        ",user,datetime,steps\n0,A1,2020-03-10 00:00:00,12\n1,A1,2020-03-10 00:01:00,0\n",
    )
    (person,) = load_recordings([tmp_path])
    assert person.person_label == "A1"
    assert ((person.time_ms - person.time_ms[0]) // MINUTE_MS).tolist() == [0, 1, 2]
    assert person.values[:, HEART_RATE].tolist() == pytest.approx([81.5, np.nan, 90], nan_ok=True)
    assert person.values[:, STEPS].tolist() == pytest.approx([12, 0, np.nan], nan_ok=True)


def test_two_users_in_one_file_are_two_people(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "both.csv",
        ",user,datetime,steps\n0,B,2020-03-10 00:00:00,1\n1,A,2020-03-10 00:00:00,2\n",
    )
    people = load_recordings([file])
    assert [(person.person_label, person.values[0, STEPS]) for person in people] == [
        ("A", 2.0),
        ("B", 1.0),
    ]


def test_a_generic_file_is_a_person_called_like_the_file(tmp_path: Path) -> None:
    write(tmp_path, "kim.csv", "time,heart_rate\n2020-03-10T00:00Z,61\n")
    with zipfile.ZipFile(tmp_path / "lee.csv.zip", "w") as archive:
        archive.writestr("x.csv", "time,heart_rate\n2020-03-10T00:00,62\n")
    people = load_recordings([tmp_path], "Europe/London")
    assert [person.person_label for person in people] == ["kim", "lee"]


def test_the_same_file_named_twice_is_read_once(tmp_path: Path) -> None:
    file = write(tmp_path, "kim.csv", "time,heart_rate\n2020-03-10T00:00Z,61\n")
    assert len(load_recordings([file, tmp_path])) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",user,datetime,glucose\n0,A,2020-03-10 00:00:00,5\n", "line 1: expected `user,datetime`"),
        (",user,datetime\n0,A,2020-03-10 00:00:00\n", "line 1: expected `user,datetime`"),
        (",user,datetime,steps\n0,A,soon,5\n", "line 2: expected a time in ISO 8601"),
        (",user,datetime,steps\n0,A,2020-03-10 00:00:00,x\n", "line 2: expected a number for st"),
        (",user,datetime,steps\n0,,2020-03-10 00:00:00,5\n", "line 2: expected a user"),
        (",user,datetime,heartrate\n0,A,2020-03-10 00:00:00,0\n", "line 2: expected a number for"),
        (",user,datetime,steps\n0,A,2020-03-10 00:00:00,\n", "A: expected at least one row"),
        ("kilometres,when\n5,2020\n", "line 1: expected a header with `time`"),
    ],
)
def test_a_file_of_another_format_is_refused_in_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    file = write(tmp_path, "a.csv", text)
    with pytest.raises(UsageError) as refused:
        load_recordings([file])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_generic_files_of_one_name_are_not_taken_for_one_person(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    text = "time,heart_rate\n2020-03-10T00:00Z,61\n"
    files = [write(tmp_path, "kim.csv", text), write(tmp_path / "other", "kim.csv", text)]
    with pytest.raises(UsageError, match="is called kim too"):
        load_recordings(files)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found none"):
        load_recordings([tmp_path])


@pytest.mark.parametrize("moved_min", [0, 1, 154, 719, 1_439, 1_440, 400_000])
def test_history_ends_within_the_last_day_and_never_in_the_future(moved_min: int) -> None:
    time_ms = np.array([0, 5, 900]) * MINUTE_MS
    old = Recording("a", time_ms, np.ones((3, len(CHANNELS)), dtype=np.float32))
    now_ms = 1_762_000_012_345 + moved_min * MINUTE_MS
    new = shift_to_now(old, now_ms)
    end_ms = int(new.time_ms[-1]) + MINUTE_MS
    assert now_ms - DAY_MS < end_ms <= now_ms
    assert np.unique((new.time_ms - time_ms) % DAY_MS).tolist() == [0]
    assert len(np.unique(new.time_ms - time_ms)) == 1


@needs_study
@pytest.mark.parametrize("user", ["A0NVTRV", "A36HR6Y", "A4G0044", "AJ7TSV9", "AS2MVDL", "AURCTAK"])
def test_every_minute_of_the_study_with_a_value_is_there_once(user: str) -> None:
    (person,) = load_recordings(sorted(STUDY.glob(f"{user}_*.zip")))
    for quantity, index in (("hr", HEART_RATE), ("steps", STEPS)):
        with zipfile.ZipFile(STUDY / f"{user}_{quantity}.csv.zip") as archive:
            lines = archive.read(archive.namelist()[0]).decode().splitlines()[1:]
        minutes = {line.split(",")[2][:16] for line in lines}
        assert np.count_nonzero(~np.isnan(person.values[:, index])) == len(minutes)
    assert (np.diff(person.time_ms) > 0).all()
    assert not np.isnan(person.values).all(axis=1).any()
