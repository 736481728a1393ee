"""What commands say, and how they end, when a newcomer stumbles. One real site for all of it."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.test_site import COMMAND, clean_environment, database_of, site, tidewell

HURRY_S = 20.0
"""More than a command needs to start on a busy machine."""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tw-home-") as folder:
        path = Path(folder)
        path.chmod(0o711)
        with site(path):
            yield path


def recording(home: Path, name: str, heart_rate: int, offset: str = "Z") -> str:
    path = home / name
    rows = [f"2026-03-01T10:{minute:02}:00{offset},{heart_rate}" for minute in range(30)]
    path.write_text("time,heart_rate\n" + "\n".join(rows) + "\n")
    return str(path)


def in_one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """Return the error, which is one line below the progress bar."""
    assert "Traceback" not in ended.stderr
    return ended.stderr.strip().splitlines()[-1]


def test_a_replay_says_what_was_refused_and_fails(home: Path) -> None:
    first = recording(home, "kim.csv", 60)
    for _ in range(2):
        replay = tidewell(home, "replay", first)
        assert replay.returncode == 0, replay.stderr
        assert "refused" not in replay.stdout
    other = recording(home, "other.csv", 61)
    replay = tidewell(home, "replay", other, "--person", "kim")
    assert replay.returncode == 1
    lines = replay.stdout.splitlines()
    assert "acknowledged as committed" in lines[0]
    why = "epoch_conflict, another frame had claimed their minutes with other values"
    assert lines[1:] == [f"Readings of 1 frame were refused: {why}"]


def test_a_person_keeps_their_time_zone(home: Path) -> None:
    file = recording(home, "zoe.csv", 60, offset="")
    replay = tidewell(home, "replay", file)
    assert replay.returncode == 2
    assert "--timezone" in in_one_line(replay)
    assert tidewell(home, "replay", file, "--timezone", "Europe/London").returncode == 0
    moved = tidewell(home, "replay", file, "--timezone", "Asia/Tokyo")
    assert moved.returncode == 2
    assert "zoe is enrolled with the time zone Europe/London, not Asia/Tokyo" in in_one_line(moved)
    with_offsets = recording(home, "offsets.csv", 60)
    assert tidewell(home, "replay", with_offsets, "--person", "zoe").returncode == 0


def test_a_person_with_a_real_device_is_not_replayed(home: Path) -> None:
    enrolled = tidewell(home, "enrol", "P-7", "--name", "Sky", "--key-worker", "worker")
    assert enrolled.returncode == 0, enrolled.stderr
    replay = tidewell(home, "replay", recording(home, "sky.csv", 60), "--person", "P-7")
    assert replay.returncode == 2
    assert in_one_line(replay) == (
        "tidewell: P-7 wears a real device, band-p-7; choose another label with --person"
    )


def test_a_replay_that_is_stopped_says_that_it_is_not_complete(home: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "replay", recording(home, "slow.csv", 60), "--speed", "1"],
        env=clean_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until_s = time.monotonic() + HURRY_S
    with psycopg.connect(database_of(home), autocommit=True) as connection:
        while time.monotonic() < until_s:
            if connection.execute("SELECT 1 FROM person WHERE label = 'slow'").fetchone():
                break
            time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=HURRY_S)
    assert process.returncode == 1, errors
    assert out.splitlines()[-1] == (
        "Stopped early: 0 of 1 devices had everything acknowledged; run it again for the rest"
    )
    assert "Traceback" not in errors


def test_a_plan_is_set_shown_and_taken_away(home: Path) -> None:
    assert tidewell(home, "replay", recording(home, "lou.csv", 60)).returncode == 0
    assert tidewell(home, "plan", "lou").stdout == "The plan of lou has no limits.\n"
    limit = ["--slot", "2", "--channel", "heart_rate", "--above", "130", "--level", "check_today"]
    agreed = ["--agreed-on", "2026-01-31", "--by"]
    unknown = tidewell(home, "plan", "lou", *limit, *agreed, "nobody")
    assert unknown.returncode == 2
    assert in_one_line(unknown).endswith("expected a practitioner or clinician who signs in here")
    made = tidewell(home, "plan", "lou", *limit, *agreed, "worker")
    line = "2  Heart rate above 130 bpm for 10 minutes: Check today, agreed on 2026-01-31\n"
    assert (made.returncode, made.stdout) == (0, line), made.stderr
    assert tidewell(home, "plan", "lou").stdout == line
    assert "nobody is enrolled" in in_one_line(tidewell(home, "plan", "who"))
    cleared = tidewell(home, "plan", "lou", "--slot", "2", "--clear")
    assert cleared.stdout == "The plan of lou has no limits.\n"


def test_a_negative_seed_is_refused(home: Path) -> None:
    simulated = tidewell(home, "simulate", "--seed", "-1")
    assert simulated.returncode == 2
    assert "Traceback" not in simulated.stderr
    assert "--seed" in simulated.stderr


def test_a_misspelt_setting_is_one_line_with_a_remedy_that_works(home: Path) -> None:
    environment = clean_environment(home) | {"TIDEWELL_COLOUR": "red"}
    ended = subprocess.run(
        [*COMMAND, "doctor", "--settings"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    remedy = "docs/operations.md lists the known ones"
    assert ended.stderr == f"tidewell: unknown setting: TIDEWELL_COLOUR; {remedy}\n"
