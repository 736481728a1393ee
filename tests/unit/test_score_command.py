"""`tidewell score` on files: what it reads, what it refuses, and how it writes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidewell.commands.score import Row, _write, score
from tidewell.errors import UsageError

MINUTES = "time,heart_rate\n2026-01-05T10:00Z,60\n"
DAYS = "person,day,night_heart_rate,steps\nsam,2026-01-05,60,9000\n"


@pytest.mark.parametrize("kind", ["minutes", "days"])
def test_scores_never_overwrite_what_they_are_made_from(tmp_path: Path, kind: str) -> None:
    text = MINUTES if kind == "minutes" else DAYS
    given = tmp_path / "sam.csv"
    given.write_text(text)
    link = tmp_path / "link"
    link.symlink_to(given)
    for out in (given, tmp_path / ".." / tmp_path.name / "sam.csv", link):
        with pytest.raises(UsageError, match="is a file that is to be read; choose another name"):
            score(
                out=out,
                minutes=tmp_path if kind == "minutes" else None,
                days=given if kind == "days" else None,
            )
    assert given.read_text() == text


def test_two_files_of_one_person_are_both_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(MINUTES)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(MINUTES.encode()))
    with pytest.raises(UsageError, match=r"a\.csv and a\.csv\.gz are both of a; keep one in"):
        score(out=tmp_path / "scores", minutes=tmp_path)
    assert not (tmp_path / "scores").exists()


def test_an_ending_may_be_in_capital_letters(tmp_path: Path) -> None:
    (tmp_path / "SAM.CSV").write_text(MINUTES)
    (tmp_path / "Kim.Csv.Gz").write_bytes(gzip.compress(MINUTES.encode()))
    score(out=tmp_path / "scores", minutes=tmp_path)
    assert (tmp_path / "scores").read_text() == "person,day,score,family,level\n"


@pytest.mark.parametrize("kind", ["minutes", "days"])
def test_what_was_left_out_and_why_nothing_was_scored_is_said(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    given = folder / "sam.csv"
    if kind == "minutes":
        days = "".join(f"2026-01-{day:02}T10:00Z,60,x,1\n" for day in range(1, 5))
        given.write_text(f"time,heart_rate,mood,Skin_temperatur\n{days}")
        score(out=tmp_path / "scores", minutes=folder)
    else:
        days = "".join(f"sam,2026-01-{day:02},60,x,1\n" for day in range(1, 4))
        given.write_text(f"person,day,night_heart_rate,mood,step\n{days}")
        score(out=tmp_path / "scores", days=given)
    said = " ".join(capsys.readouterr().err.split())
    meant = "Skin_temperatur (did you mean skin_temperature?)"
    meant = meant if kind == "minutes" else "step (did you mean steps?)"
    assert f"Columns left out: mood, {meant}" in said
    assert "0 person-days scored" in said
    assert "known on 10 earlier days of that person" in said
    assert "The longest series here has 3 days" in said


def test_nothing_is_explained_where_days_were_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "days.csv"
    days = "".join(f"sam,2026-01-{day:02},{60 + day % 3}\n" for day in range(1, 29))
    given.write_text(f"person,day,night_heart_rate\n{days}")
    score(out=tmp_path / "scores", days=given)
    said = capsys.readouterr().err
    assert "Why none" not in said
    assert "left out" not in said


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", r"no <person>\.csv file in .*; name each file after its person, such as P-001"),
        ("absent", r"cannot read the folder .*: No such file or directory; check the path"),
    ],
)
def test_a_folder_without_minutes_is_refused_with_a_remedy(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=message):
        score(out=tmp_path / "scores", minutes=tmp_path / name)


def rows(fails: bool) -> Iterator[Row]:
    yield ("sam", "2026-01-05", "1.0", "", "none")
    if fails:
        raise UsageError("line 7 cannot be read")


def test_scores_that_fail_half_way_leave_the_earlier_ones_whole(tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    assert _write(out, rows(fails=False)) == 1
    before = out.read_text()
    assert before.endswith("sam,2026-01-05,1.0,,none\n")
    with pytest.raises(UsageError, match="line 7"):
        _write(out, rows(fails=True))
    assert out.read_text() == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_link_to_the_scores_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "real.csv")
    _write(link, rows(fails=False))
    assert link.is_symlink()
    assert "sam" in (tmp_path / "real.csv").read_text()


def test_a_folder_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*scores\.csv: No such file"):
        _write(tmp_path / "absent" / "scores.csv", rows(fails=False))
