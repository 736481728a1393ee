"""What a newcomer runs: a site, a replay, the demo. Real commands, real servers, real processes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

import psycopg
import pyotp
import pytest

from tests.recorded import stanford_folder

COMMAND = [sys.executable, "-m", "tidewell"]


def clean_environment(home: Path) -> dict[str, str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("TIDEWELL_")
    }
    return environment | {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_STATE_HOME": str(home),
    }


def processes_with(text: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        except OSError:
            continue
        if text in command:
            found.append(f"{folder.name} {command[:150]}")
    return found


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tw-home-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@contextmanager
def site(home: Path) -> Iterator[str]:
    """Run `tidewell up` on a fresh folder and hand over the address of its pages."""
    data_dir = home / "site"
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "up", "--data-dir", str(data_dir), "--port", "0"],
            env=clean_environment(home),
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline().decode()
            assert first.startswith("Tidewell is up: "), first + (home / "up.log").read_text()
            yield first.split()[-1]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0, (home / "up.log").read_text()
            assert process.stdout is not None
            process.stdout.close()
    assert processes_with(str(data_dir)) == []


def tidewell(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        check=False,
    )


def database_of(home: Path) -> str:
    note = json.loads((home / "site" / "running.json").read_text())
    return str(note["database_url"])


def signed_in(home: Path, address: str, username: str) -> urllib.request.OpenerDirector:
    lines = (home / "site" / "first-sign-ins.txt").read_text().splitlines()[1:]
    passwords = dict(line.split() for line in lines)
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    browser.addheaders = [("Origin", address), ("Sec-Fetch-Site", "same-origin")]
    form = urllib.parse.urlencode({"username": username, "password": passwords[username]}).encode()
    with browser.open(f"{address}/sign-in", form) as answer:
        assert "Set up a second step" in answer.read().decode()
    with browser.open(f"{address}/security/app") as answer:
        key = re.search(r"Key: <strong>([A-Z2-7 ]+)</strong>", answer.read().decode())
    assert key is not None
    digits = pyotp.TOTP(key[1].replace(" ", "")).now()
    form = urllib.parse.urlencode({"code": digits}).encode()
    with browser.open(f"{address}/security/app", form) as answer:
        assert "Your recovery codes" in answer.read().decode()
    return browser


def minutes_in_files(person: str) -> set[str]:
    """Return the minutes for which a person's files have a value, read in the most obvious way."""
    minutes = set()
    for path in stanford_folder().glob(f"{person}_*.zip"):
        with zipfile.ZipFile(path) as archive:
            (name,) = archive.namelist()
            for row in csv.DictReader(io.StringIO(archive.read(name).decode())):
                if row.get("heartrate") or row.get("steps"):
                    minutes.add(row["datetime"][:16])
    return minutes


def test_a_recorded_person_is_replayed_once_and_seen_on_their_page(home: Path) -> None:
    person = "A0NVTRV"
    files = [str(path) for path in sorted(stanford_folder().glob(f"{person}_*.zip"))]
    assert len(files) == 2
    with site(home) as address:
        for _ in range(2):
            replay = tidewell(home, "replay", *files, "--speed", "max")
            assert replay.returncode == 0, replay.stderr
        with psycopg.connect(database_of(home)) as connection:
            rows = connection.execute(
                "SELECT to_char(time, 'YYYY-MM-DD HH24:MI') FROM reading "
                "JOIN person USING (person_id) WHERE label = %s",
                [person],
            ).fetchall()
            row = connection.execute(
                "SELECT person_id FROM person WHERE label = %s", [person]
            ).fetchone()
            assert row is not None
        stored = [str(one[0]) for one in rows]
        assert len(stored) == len(set(stored))
        assert set(stored) == minutes_in_files(person)
        browser = signed_in(home, address, "worker")
        with browser.open(f"{address}/people/{row[0]}") as answer:
            page = answer.read().decode()
        assert person in page
        assert "show the days up to then" in page


def test_a_second_site_on_the_same_folder_says_who_holds_it(home: Path) -> None:
    with site(home):
        second = tidewell(home, "up", "--data-dir", str(home / "site"))
        assert second.returncode == 1
        assert "is in use by" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
        again = tidewell(home, "replay", str(home / "nothing.csv"))
        assert again.returncode == 2
        assert "nothing.csv" in again.stderr
        assert "Traceback" not in again.stderr


def test_staff_and_people_are_added_while_the_site_runs(home: Path) -> None:
    with site(home) as address:
        added = tidewell(
            home, "staff", "second", "--role", "practitioner", "--name", "Second worker"
        )
        assert added.returncode == 0, added.stderr
        username, password = added.stdout.split()
        assert username == "second"
        assert len(password) == 20
        again = tidewell(
            home, "staff", "second", "--role", "practitioner", "--name", "Second worker"
        )
        assert again.returncode == 2
        assert "already" in again.stderr
        who = ("--name", "Sky", "--key-worker", "second")
        enrolled = tidewell(home, "enrol", "P-7", *who)
        assert enrolled.returncode == 0, enrolled.stderr
        assert "/band-p-7/frame" in enrolled.stdout
        assert tidewell(home, "enrol", "P-7", *who).returncode == 2
        with (home / "site" / "first-sign-ins.txt").open("a") as file:
            file.write(added.stdout)
        with signed_in(home, address, "second").open(f"{address}/") as answer:
            assert "Sky" in answer.read().decode()


def test_an_ingest_that_is_killed_is_started_again(home: Path) -> None:
    recording = home / "walk.csv"
    lines = [
        f"2026-03-0{1 + i // 1440}T{i // 60 % 24:02}:{i % 60:02}:00Z,{60 + i % 9},{i % 7}"
        for i in range(2_000)
    ]
    recording.write_text("time,heart_rate,steps\n" + "\n".join(lines) + "\n")
    with site(home) as address:
        ours = [one for one in processes_with("tidewell ingest") if _parent_serves(one, home)]
        assert len(ours) == 1
        os.kill(int(ours[0].split()[0]), signal.SIGKILL)
        replay = tidewell(home, "replay", str(recording))
        assert replay.returncode == 0, replay.stderr
        with psycopg.connect(database_of(home)) as connection:
            row = connection.execute(
                "SELECT count(*), count(DISTINCT time) FROM reading"
            ).fetchone()
        assert row == (2_000, 2_000)
        with urllib.request.urlopen(f"{address}/health") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("server", ["nats-server", "postgres -D"])
def test_a_server_that_is_killed_is_started_again(home: Path, server: str) -> None:
    recording = home / "walk.csv"
    lines = [f"2026-03-01T{i // 60:02}:{i % 60:02}:00Z,{60 + i % 9}" for i in range(600)]
    recording.write_text("time,heart_rate\n" + "\n".join(lines) + "\n")
    with site(home) as address:
        (ours,) = [
            one for one in processes_with(str(home / "site")) if server in one and "-m" not in one
        ]
        os.kill(int(ours.split(maxsplit=1)[0]), signal.SIGKILL)
        replay = tidewell(home, "replay", str(recording), "--data-dir", str(home / "site"))
        for _ in range(60):
            if replay.returncode == 0:
                break
            time.sleep(0.5)
            replay = tidewell(home, "replay", str(recording), "--data-dir", str(home / "site"))
        assert replay.returncode == 0, replay.stderr
        with psycopg.connect(database_of(home)) as connection:
            assert connection.execute("SELECT count(*) FROM reading").fetchone() == (600,)
        with urllib.request.urlopen(f"{address}/health") as answer:
            assert answer.status == 200


def _parent_serves(process: str, home: Path) -> bool:
    environment = Path(f"/proc/{process.split(maxsplit=1)[0]}/environ").read_bytes()
    return str(home).encode() in environment


def test_the_demo_goes_from_a_device_to_a_persons_alert(home: Path) -> None:
    environment = clean_environment(home) | {"TMPDIR": str(home)}
    started = time.monotonic()
    demo = subprocess.run(
        [*COMMAND, "demo", "--until-alert"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    outcome = json.loads(demo.stdout.strip().splitlines()[-1])
    assert outcome["seconds_to_first_alert"] <= 90
    assert (
        outcome["frames_published"] == outcome["frames_committed"] + outcome["frames_dead_lettered"]
    )
    assert outcome["readings"] > 600_000
    assert outcome["alerts"] >= 1
    assert outcome["frames_per_second"] > 0
    assert time.monotonic() - started > outcome["seconds_to_first_alert"]
    assert processes_with(str(home)) == []
    assert list(home.glob("tidewell-demo-*")) == []
