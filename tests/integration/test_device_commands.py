"""`tidewell device` at a site that runs, judged by whom its broker lets in."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.integration.embedded_help import wait_until
from tests.integration.test_site import database_of, site, tidewell
from tidewell.embedded.nats import mqtt_lets_in

WITHIN_S = 30.0
"""Looking every two seconds, on a busy machine."""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A site with one person, whose device is band-w."""
    with tempfile.TemporaryDirectory(prefix="tw-home-") as folder:
        path = Path(folder)
        path.chmod(0o711)
        with site(path):
            yield path


def lets_in(home: Path, name: str, secret: str) -> bool:
    note = json.loads((home / "site" / "running.json").read_text())
    where = urlsplit(note["device_broker_url"])
    assert where.username is None
    assert where.port is not None
    return mqtt_lets_in(where.port, name, secret)


def shown(ended: subprocess.CompletedProcess[str], name: str) -> str:
    """Return the secret that a command shows once."""
    assert ended.returncode == 0, ended.stderr
    (line,) = [one for one in ended.stdout.splitlines() if one.startswith("It signs in")]
    assert line.split()[7] == name
    secret = line.split()[-1]
    assert len(secret) == 43
    return secret


def is_let_in(home: Path, name: str, secret: str) -> None:
    wait_until(lambda: lets_in(home, name, secret), f"{name} is let in", WITHIN_S)


def is_kept_out(home: Path, name: str, secret: str) -> None:
    wait_until(lambda: not lets_in(home, name, secret), f"{name} is kept out", WITHIN_S)


def test_a_device_lives_from_its_first_secret_to_the_end(home: Path) -> None:
    enrolled = tidewell(home, "enrol", "W-1", "--name", "Wren", "--key-worker", "worker")
    first = shown(enrolled, "band-w-1")
    is_let_in(home, "band-w-1", first)
    second = shown(tidewell(home, "device", "rotate", "band-w-1"), "band-w-1")
    is_let_in(home, "band-w-1", second)
    assert not lets_in(home, "band-w-1", first)
    assert (
        "one person wears one" in tidewell(home, "device", "add", "spare", "--person", "W-1").stderr
    )
    assert tidewell(home, "device", "revoke", "band-w-1").returncode == 0
    is_kept_out(home, "band-w-1", second)
    spare = shown(tidewell(home, "device", "add", "spare", "--person", "W-1"), "spare")
    is_let_in(home, "spare", spare)
    assert lets_in(home, "spare", spare)
    listed = tidewell(home, "device", "list").stdout.splitlines()
    assert listed[0].startswith("band-w-1  unknown, worn by W-1, revoked on ")
    (own,) = [line for line in listed if line.startswith("spare  ")]
    assert own.startswith("spare  unknown, worn by W-1, signs in with its secret of ")
    for path in (home / "site").rglob("*"):
        if path.is_file() and "postgres" not in path.parts:
            held = path.read_bytes()
            assert not [one for one in (first, second, spare) if one.encode() in held], path
    with psycopg.connect(database_of(home)) as connection:
        rows = connection.execute(
            "SELECT device_credential::text FROM device_credential"
        ).fetchall()
    assert not [one for one in (first, second, spare) if one in str(rows)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rotate", "nobody"), "no device 'nobody' is enrolled"),
        (("revoke", "nobody"), "no device 'nobody' is enrolled"),
        (("add", "another", "--person", "X-9"), "nobody is enrolled as 'X-9'"),
        (("add", "Not A Name", "--person", "W-2"), "cannot be a device's name"),
        (("add", "band-w-2", "--person", "W-2"), "enrolled already"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    home: Path, words: tuple[str, ...], says: str
) -> None:
    tidewell(home, "enrol", "W-2", "--name", "Wren", "--key-worker", "worker")
    ended = tidewell(home, "device", *words)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert says in ended.stderr.strip().splitlines()[-1]


def test_a_revoked_device_stays_revoked(home: Path) -> None:
    secret = shown(
        tidewell(home, "enrol", "W-3", "--name", "Wren", "--key-worker", "worker"), "band-w-3"
    )
    is_let_in(home, "band-w-3", secret)
    assert tidewell(home, "device", "revoke", "band-w-3").returncode == 0
    for words in (("rotate", "band-w-3"), ("revoke", "band-w-3")):
        ended = tidewell(home, "device", *words)
        assert ended.returncode == 2
        assert "was revoked on" in ended.stderr
    is_kept_out(home, "band-w-3", secret)


def test_what_the_database_says_reaches_the_broker_whoever_changed_it(home: Path) -> None:
    secret = shown(
        tidewell(home, "enrol", "W-4", "--name", "Wren", "--key-worker", "worker"), "band-w-4"
    )
    is_let_in(home, "band-w-4", secret)
    with psycopg.connect(database_of(home), autocommit=True) as connection:
        connection.execute("UPDATE device SET revoked_at = created_at WHERE name = 'band-w-4'")
    is_kept_out(home, "band-w-4", secret)


def test_the_lines_for_mosquitto_hold_each_device_that_may_sign_in_and_no_secret(
    home: Path,
) -> None:
    secret = shown(
        tidewell(home, "enrol", "W-5", "--name", "Wren", "--key-worker", "worker"), "band-w-5"
    )
    ended = tidewell(home, "device", "passwords")
    assert ended.returncode == 0
    names = [line.split(":")[0] for line in ended.stdout.splitlines()]
    assert "band-w-5" in names
    assert secret not in ended.stdout
    assert all(line.split(":")[1].startswith("$7$101$") for line in ended.stdout.splitlines())
