"""One person is erased from a real site, and nothing of them is found in any table or file.

The values are recognisable: words that nobody else uses, and a heart rate that no other device has.
"""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.error
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final, LiteralString

import numpy as np
import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner, Result

from tests.browser.virtual_site import write_site
from tests.integration.test_site import database_of, home, signed_in, site
from tidewell.clock import now_utc
from tidewell.commands import app
from tidewell.errors import UsageError
from tidewell.lawful import erasing
from tidewell.lawful.tables import Copy, Erase, tables, tables_in, tables_that

__all__ = ["home"]

LABEL = "ZEBRAFINCH-77"
NAME = "Quillonia"
USERNAME = "quillonia.z"
DEVICE = "band-zebrafinch-77"
HEART_RATE = 83.28125
"""Exact in four bytes, so it reads the same wherever it is written."""
WORDS = ["kumquat in the shed", "marmalade on the stairs", "persimmon, said the worker"]
NEEDLES = [LABEL, NAME, USERNAME, DEVICE, str(HEART_RATE), *WORDS]
OTHER = "NEIGHBOUR-1"
MINE = "person_id = (SELECT person_id FROM person WHERE label = %(label)s)"
MINUTES = 3 * 1_440
LAST = 60
"""Minutes at the end that come in while they are news."""
FILLING: Final = (Path(__file__).parent / "erasure_filling.sql").read_text(encoding="utf-8")
"""What the pipeline does not write in half a minute."""


def written_minutes(
    folder: Path, label: str, heart_rate: float, first: int = 0, end: int = MINUTES
) -> Path:
    """Write minutes from some to others of the days that end now, each of which has a night."""
    path = folder / f"{label}.csv"
    begin = now_utc().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "heart_rate", "steps", "worn"])
        for minute in range(first, end):
            at = begin + timedelta(minutes=minute)
            asleep = at.hour < 7
            steps = 0 if asleep else 11 + minute % 7
            # A heart that never changes would not be believed.
            beats = heart_rate + minute * 7 % 13
            writer.writerow([at.strftime("%Y-%m-%dT%H:%M:%SZ"), beats, steps, 1])
    return path


def rows_of(connection: psycopg.Connection[tuple[object, ...]], table: str) -> list[str]:
    query = sql.SQL("SELECT one::text FROM {} AS one").format(sql.Identifier(table))
    return sorted(str(row[0]) for row in connection.execute(query).fetchall())


def found_in_tables(database_url: str) -> dict[str, set[str]]:
    """Return which needles are in which tables, the planner's statistics included."""
    needles = {needle: (needle, needle.encode().hex()) for needle in NEEDLES}
    found: dict[str, set[str]] = {}
    with psycopg.connect(database_url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for name in [*(str(name) for (name,) in names), "pg_stats"]:
            text = "\n".join(rows_of(connection, name)).lower()
            hits = {
                needle
                for needle, forms in needles.items()
                if any(form.lower() in text for form in forms)
            }
            if hits:
                found[name] = hits
    return found


def found_in_files(folder: Path, *, leave_out: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*"):
        if path.is_file() and leave_out not in path.parents:
            content = path.read_bytes().lower()
            hits = {needle for needle in NEEDLES if needle.lower().encode() in content}
            if hits:
                found[str(path.relative_to(folder))] = hits
    return found


def remembered_people(database_url: str) -> set[int]:
    with psycopg.connect(database_url) as connection:
        blocks = connection.execute("SELECT state FROM detector_snapshot").fetchall()
    people: set[int] = set()
    for (block,) in blocks:
        with np.load(io.BytesIO(bytes(block))) as columns:
            people |= set(columns["person_id"].tolist())
    return people


def person_number(database_url: str, label: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT person_id FROM person WHERE label = %s", [label]
        ).fetchone()
    assert row is not None
    return int(str(row[0]))


def invoke(home: Path, *arguments: str) -> Result:
    """Run a command in this process: a new one would load everything again each time."""
    where = ["--data-dir", str(home / "site")]
    return CliRunner(env={"XDG_STATE_HOME": str(home)}).invoke(app, [*arguments, *where])


def run(home: Path, *arguments: str) -> str:
    done = invoke(home, *arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def wait_for(database_url: str, query: str, within_s: float = 60.0) -> None:
    until = now_utc() + timedelta(seconds=within_s)
    with psycopg.connect(database_url, autocommit=True) as connection:
        while not connection.execute(query.encode(), {"label": LABEL}).fetchone():
            assert now_utc() < until, query
            connection.execute("SELECT pg_sleep(0.2)")


def replay(home: Path, path: Path, label: str) -> None:
    run(home, "replay", str(path), "--person", label, "--key-worker", "worker")


def fill(home: Path, database_url: str) -> None:
    """Write about a person by every way there is, through the pipeline where it writes it."""
    for label, heart_rate in ((LABEL, HEART_RATE), (OTHER, 61.5)):
        replay(home, written_minutes(home, label, heart_rate, end=MINUTES - LAST), label)
    # A limit of the plan that the last hour goes over, so that an alert comes the real way.
    limit = ["--slot", "0", "--channel", "heart_rate", "--above", "80", "--for-minutes", "5"]
    agreed = ["--level", "check_today", "--agreed-on", "2026-11-01", "--by", "worker"]
    run(home, "plan", LABEL, *limit, *agreed)
    wait_for(database_url, f"SELECT 1 FROM detector_signal WHERE kind = 'limits' AND {MINE}")
    replay(home, written_minutes(home, LABEL, HEART_RATE, MINUTES - LAST), LABEL)
    wait_for(database_url, f"SELECT 1 FROM alert WHERE cause <> 'worry' AND {MINE}")
    _, by_hand, after_the_alert = re.split(r"-- name: \w+\n", FILLING)
    run_all(database_url, by_hand)
    wait_for(database_url, f"SELECT 1 FROM alert WHERE cause = 'worry' AND {MINE}")
    run_all(database_url, after_the_alert)


def run_all(database_url: str, statements: str) -> None:
    values = {"now": now_utc(), "label": LABEL, "device": DEVICE, "username": USERNAME}
    words = {"name": NAME, "words": WORDS[0], "worry": WORDS[1], "said": WORDS[2]}
    with psycopg.connect(database_url, autocommit=True) as connection:
        for one in statements.split(";\n")[:-1]:
            connection.execute(one.encode(), values | words)


@pytest.fixture
def filled(home: Path) -> Iterator[tuple[Path, str, str]]:
    with site(home) as address:
        url = database_of(home)
        fill(home, url)
        yield home, url, address


@pytest.mark.timeout(900)
def test_nothing_of_an_erased_person_is_in_any_table_or_file(
    filled: tuple[Path, str, str],
) -> None:
    home, url, address = filled
    data_dir = home / "site"
    worker = signed_in(home, address, "worker")
    number, other = person_number(url, LABEL), person_number(url, OTHER)
    assert NAME in worker.open(f"{address}/people/{number}").read().decode()
    before = found_in_tables(url)
    assert {needle for hits in before.values() for needle in hits} == set(NEEDLES)
    copy = home / "all.zip"
    run(home, "export", LABEL, "--by", "the office", "--to", str(copy))
    assert_copy_has_everything(copy)
    of_other = rows_about(url, other)

    said = run(home, "erase", LABEL, "--dry-run")
    would_go = {line.split()[1] for line in said.splitlines()[:-1]}
    assert set(tables_that(Erase.DELETED)) - would_go == set(), "the test filled every table"
    after = found_in_tables(url)
    # The planner may look at the tables at any moment.
    assert after | {"pg_stats": set()} == before | {"pg_stats": set()}, "a dry run changes nothing"

    said = run(home, "erase", LABEL, "--reason", "asked for it", "--by", "the office", "--yes")
    copy.unlink()
    (home / f"{LABEL}.csv").unlink()

    assert found_in_tables(url) == {}
    assert found_in_files(data_dir, leave_out=data_dir / "postgres" / "cluster") == {}
    assert number not in remembered_people(url)
    assert rows_about(url, other) == of_other
    with pytest.raises(urllib.error.HTTPError, match="404"):
        worker.open(f"{address}/people/{number}")
    record = json.loads(
        (data_dir / "certificates" / f"erasure-of-person-{number}.json").read_text()
    )
    assert record["rows_deleted"]["reading"] == MINUTES
    assert record["broker"].startswith("the site's own broker was emptied")
    assert f"Person number {number} " in said
    assert_looks_are_kept(url, number)
    again = invoke(home, "erase", LABEL, "--reason", "again", "--by", "x", "--yes")
    assert isinstance(again.exception, UsageError)
    assert "was erased on" in str(again.exception)
    assert_files_of_postgres_are_clean(home, url)
    # The site goes on: the other person's device is heard, scored and remembered.
    replay(home, written_minutes(home, OTHER, 62.5, MINUTES - LAST), OTHER)
    assert len(rows_about(url, other)["reading"]) > len(of_other["reading"])


def rows_about(database_url: str, person_id: int) -> dict[str, list[str]]:
    names = ("reading", "daily_feature", "person", "identity", "device_assignment", "assignment")
    about: LiteralString = "SELECT one::text FROM {} AS one WHERE person_id = %s ORDER BY 1"
    found: dict[str, list[str]] = {}
    with psycopg.connect(database_url) as connection:
        for name in names:
            query = sql.SQL(about).format(sql.Identifier(name))
            found[name] = [str(one) for (one,) in connection.execute(query, [person_id]).fetchall()]
    return found


def assert_copy_has_everything(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        copied = tables_in(frozenset({Copy.THEIRS, Copy.CHECKED}))
        assert names == {f"{form}/{name}.{form}" for name in copied for form in ("csv", "json")} | {
            "README.txt"
        }
        readings = json.loads(archive.read("json/reading.json"))
        assert len(readings) == MINUTES
        assert min(one["heart_rate"] for one in readings) == HEART_RATE
        as_table = list(csv.reader(io.StringIO(archive.read("csv/reading.csv").decode())))
        assert len(as_table) == len(readings) + 1
        assert dict(zip(*as_table[:2], strict=True))["heart_rate"] == str(HEART_RATE)
        assert [float(row[4]) for row in as_table[1:]] == [one["heart_rate"] for one in readings]
        everything = "\n".join(archive.read(name).decode() for name in names)
        assert all(needle in everything for needle in NEEDLES)
        empty = {name for name in copied if json.loads(archive.read(f"json/{name}.json")) == []}
        assert empty == {"legal_hold"}
        readme = archive.read("README.txt").decode()
        assert all(tables()[name].about[:30] in readme.replace("\n  ", " ") for name in copied)


def assert_looks_are_kept(database_url: str, person_id: int) -> None:
    with psycopg.connect(database_url) as connection:
        looks = connection.execute(
            "SELECT looked_at FROM access_log WHERE person_id = %s ORDER BY access_id", [person_id]
        ).fetchall()
    assert ("exported",) in looks
    assert any(look != "exported" for (look,) in looks)


def assert_files_of_postgres_are_clean(home: Path, url: str) -> None:
    """What it had written lies in free space of its files until it is written over."""
    folder = home / "site" / "postgres"
    pointer = folder / "cluster.json"
    cluster = folder / "cluster"
    if pointer.exists():
        cluster = Path(json.loads(pointer.read_text())["cluster"])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (FULL, ANALYZE)")
        connection.execute("CHECKPOINT")
    assert found_in_files(cluster / "base", leave_out=home) == {}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process runs beside these commands that would have to be waited for."""
    monkeypatch.setattr(erasing, "DOOR_S", 0.0)
    monkeypatch.setattr(erasing, "LOOK_AGAIN_S", 0.0)


def on(database_url: str, *arguments: str) -> Result:
    """Run a command on a larger site, whose broker is not its own."""
    addresses = {
        "TIDEWELL_DATABASE_URL": database_url,
        "TIDEWELL_BROKER_URL": "mqtt://x:y@127.0.0.1:1",
    }
    return CliRunner(env=addresses).invoke(app, arguments)


@pytest.mark.usefixtures("at_once")
def test_nothing_goes_while_a_hold_lasts(database_url: str, tmp_path: Path) -> None:
    write_site(database_url)
    about = ["--reason", "a court asked", "--by", "the office"]
    assert on(database_url, "hold", "set", "p-sam", *about).exit_code == 0
    number = person_number(database_url, "p-sam")
    before = rows_about(database_url, number)
    refused = on(database_url, "erase", "p-sam", "--reason", "r", "--by", "x", "--yes")
    assert isinstance(refused.exception, UsageError)
    assert "a court asked" in str(refused.exception)
    assert rows_about(database_url, number) == before
    assert "p-sam: a court asked" in on(database_url, "hold", "list").output
    assert on(database_url, "hold", "lift", "p-sam", "--by", "the office").exit_code == 0
    assert "0 people are on hold" in on(database_url, "hold", "list").output
    folder = ["--to", str(tmp_path)]
    done = on(database_url, "erase", "p-sam", "--reason", "r", "--by", "x", "--yes", *folder)
    assert done.exit_code == 0, done.exception
    assert "the broker is not the site's own" in done.output
    assert rows_about(database_url, number) == {name: [] for name in before}


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("left_out", ["--reason", "--by", "--yes"])
def test_without_yes_or_a_reason_nothing_is_erased(database_url: str, left_out: str) -> None:
    write_site(database_url)
    number = person_number(database_url, "p-sam")
    before = rows_about(database_url, number)
    given = {"--reason": ["--reason", "r"], "--by": ["--by", "x"], "--yes": ["--yes"]}
    options = [word for name, words in given.items() if name != left_out for word in words]
    refused = on(database_url, "erase", "p-sam", *options)
    assert isinstance(refused.exception, UsageError)
    assert "erase" in str(refused.exception) or left_out in str(refused.exception)
    assert rows_about(database_url, number) == before


@pytest.mark.usefixtures("at_once")
def test_an_erasure_that_was_killed_half_way_goes_on(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(database_url)
    options = ["erase", "p-sam", "--reason", "r", "--by", "x", "--yes", "--to", str(tmp_path)]
    number = person_number(database_url, "p-sam")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for where in ("erase_rows", "_wait_for_broker", "_look_until_quiet"):
        with monkeypatch.context() as patched:
            patched.setattr(erasing, where, killed)
            assert on(database_url, *options).exit_code != 0
    done = on(database_url, *options)
    assert done.exit_code == 0, done.exception
    assert rows_about(database_url, number)["person"] == []
    assert f"1: person {number}, " in on(database_url, "certificate").output
    assert f"Person number {number} " in on(database_url, "certificate", "1").output


@pytest.mark.usefixtures("at_once")
def test_a_device_that_another_person_wore_before_stays_with_what_is_theirs(
    database_url: str, tmp_path: Path
) -> None:
    site = write_site(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO device_assignment (device_id, person_id, valid_from, valid_until)"
            " SELECT device_id, %s, '2020-01-01', '2020-06-01' FROM device_assignment"
            " WHERE person_id = %s",
            [site.robin, site.sam],
        )
        devices = connection.execute("SELECT count(*) FROM device").fetchone()
        on(
            database_url, "erase", "p-sam", "--reason", "r", "--by", "x", "--yes",
            "--to", str(tmp_path),
        )  # fmt: skip
        assert connection.execute("SELECT count(*) FROM device").fetchone() == devices
        left = connection.execute(
            "SELECT count(*) FROM device_assignment"
            " WHERE person_id = %s AND valid_from < '2021-01-01'",
            [site.robin],
        ).fetchone()
        revoked = connection.execute("SELECT count(*) FROM device WHERE revoked_at IS NOT NULL")
        assert left == (1,)
        assert revoked.fetchone() == (1,)
