"""The PostgreSQL of a small site keeps its data, its door and its processes in order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.integration.embedded_help import (
    is_gone,
    number_from,
    parent,
    passable_folder,
    wait_until,
)
from tidewell.embedded.identity import facts_of
from tidewell.embedded.postgres import PostgresServer
from tidewell.errors import DataFolderInUseError, ServerError, ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.rows import TupleRow


@pytest.fixture(scope="module")
def site() -> Iterator[PostgresServer]:
    """One cluster for all tests of this file; each leaves it startable."""
    with passable_folder() as folder:
        server = PostgresServer(folder / "postgres")
        try:
            server.start()
            with _open(server) as connection:
                connection.execute("CREATE TABLE kept (word text)")
                connection.execute("INSERT INTO kept VALUES ('first')")
            yield server
        finally:
            server.stop()


@pytest.fixture
def server(site: PostgresServer) -> PostgresServer:
    """The cluster's server, running."""
    site.start()
    return site


def _open(server: PostgresServer) -> Connection[TupleRow]:
    return psycopg.connect(server.url, autocommit=True)


def _words(server: PostgresServer) -> set[str]:
    with _open(server) as connection:
        return {row[0] for row in connection.execute("SELECT word FROM kept").fetchall()}


def _keep(server: PostgresServer, word: str) -> None:
    with _open(server) as connection:
        connection.execute("INSERT INTO kept VALUES (%s)", [word])


def test_a_stop_and_a_start_keep_data_and_address(server: PostgresServer) -> None:
    url = server.url
    _keep(server, "stopped")
    first = server.pid
    server.stop()
    server.stop()
    assert not server.is_alive()
    assert is_gone(first)
    server.start()
    server.start()
    assert server.is_alive()
    assert server.url == url
    assert "stopped" in _words(server)


def test_nobody_gets_in_without_the_password(server: PostgresServer) -> None:
    password = psycopg.conninfo.conninfo_to_dict(server.url)["password"]
    assert len(str(password)) == 43
    for wrong in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url.replace(str(password), wrong), passfile="/dev/null")
    lines = (server.cluster / "pg_hba.conf").read_text().splitlines()
    methods = {line.split()[-1] for line in lines if line.strip() and not line.startswith("#")}
    assert methods == {"scram-sha-256"}
    assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
    assert server.cluster.stat().st_mode & 0o777 == 0o700


def test_it_is_safe_and_listens_on_this_machine_alone(server: PostgresServer) -> None:
    wanted = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }
    with _open(server) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(wanted)]
        ).fetchall()
        collation = connection.execute(
            "SELECT datcollate FROM pg_database WHERE datname = 'tidewell'"
        ).fetchone()
    assert dict(rows) == wanted
    assert collation == ("C.UTF-8",)


def test_a_second_start_says_who_holds_the_folder(server: PostgresServer) -> None:
    with pytest.raises(DataFolderInUseError, match=f"process {os.getpid()} since"):
        PostgresServer(server.folder).start()
    assert server.is_alive()


def test_a_killed_server_recovers_what_was_committed(server: PostgresServer) -> None:
    _keep(server, "committed")
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: not server.is_alive(), "the death is noticed")
    server.start()
    assert "committed" in _words(server)


def test_a_parent_that_is_killed_leaves_no_server_behind(server: PostgresServer) -> None:
    server.stop()
    script = (
        "import pathlib, time; from tidewell.embedded.postgres import PostgresServer\n"
        f"server = PostgresServer(pathlib.Path({str(server.folder)!r})); server.start()\n"
        "print('pid', server.pid, flush=True); time.sleep(600)\n"
    )
    with parent(script) as holder:
        pid = number_from(holder)
        holder.kill()
        wait_until(lambda: is_gone(pid), "PostgreSQL is gone")
    assert not (server.cluster / "postmaster.pid").exists()
    server.start()


def test_an_orphan_of_an_earlier_run_is_stopped_first(server: PostgresServer) -> None:
    _keep(server, "orphaned")
    orphan = server.pid
    successor = PostgresServer(server.folder)
    # As if the earlier run had died without its children noticing, and its notes were lost.
    server._lock.release()
    (server.folder / "state.json").write_text("{")
    with _open(server) as visitor:
        successor.start()
        with pytest.raises(psycopg.OperationalError):
            visitor.execute("SELECT 1")
    assert successor.pid != orphan
    assert not server.is_alive()
    assert "orphaned" in _words(successor)
    successor.stop()


def test_a_stranger_with_the_old_number_does_not_count_as_the_server(
    server: PostgresServer,
) -> None:
    server.stop()
    account = server._place.account
    # Run by the same account: only then does PostgreSQL itself take it for another postmaster.
    with subprocess.Popen(
        ["/bin/sleep", "600"],
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    ) as stranger:
        try:
            facts = facts_of(stranger.pid)
            assert facts is not None
            note, start = server.cluster / "postmaster.pid", round(facts.started_at_s)
            note.write_text(f"{stranger.pid}\n{server.cluster}\n{start}\n5432\n\n\n")
            server.start()
            assert server.pid != stranger.pid
            assert stranger.poll() is None
            assert "first" in _words(server)
        finally:
            stranger.kill()


def test_another_port_is_taken_when_the_old_one_is_in_use(server: PostgresServer) -> None:
    port = psycopg.conninfo.conninfo_to_dict(server.url)["port"]
    server.stop()
    with socket.create_server(("127.0.0.1", int(str(port)))):
        server.start()
        assert psycopg.conninfo.conninfo_to_dict(server.url)["port"] != port
        assert "first" in _words(server)


def test_a_port_that_is_taken_at_the_last_moment_is_given_up(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = iter([other.getsockname()[1]])
        choose = server._choose_ports

        def choose_badly_once() -> None:
            choose()
            server._ports["port"] = next(taken, server._ports["port"])

        monkeypatch.setattr(server, "_choose_ports", choose_badly_once)
        server.start()
        assert "first" in _words(server)


def test_a_server_that_cannot_start_says_what_it_said_and_lets_go(server: PostgresServer) -> None:
    server.stop()
    config = server.cluster / "postgresql.auto.conf"
    before = config.read_text()
    config.write_text("no_such_setting = 1\n")
    with pytest.raises(ServerUnavailableError) as failure:
        server.start()
    assert 'unrecognized configuration parameter "no_such_setting"' in str(failure.value)
    assert str(server.folder / "postgres.log") in str(failure.value)
    assert not server._lock.is_held
    config.write_text(before)
    server.start()


def test_a_missing_password_or_another_version_is_said_clearly(server: PostgresServer) -> None:
    server.stop()
    password, version = server.folder / "password", server.cluster / "PG_VERSION"
    for path, wrong, said in [
        (password, None, "cannot read the password"),
        (password, "", "is empty"),
        (password, "another", "does not open the cluster"),
        (version, "15\n", "was made by PostgreSQL 15"),
    ]:
        before = path.read_text()
        path.unlink() if wrong is None else path.write_text(wrong)
        with pytest.raises(ServerError, match=said):
            server.start()
        path.write_text(before)
        path.chmod(0o600)
    server.start()


def test_a_server_that_only_answers_our_knocking_is_stuck_and_ends(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()

    def knock_in_vain() -> bool:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://nobody:wrong@127.0.0.1:{server._ports['port']}/")
        return False

    monkeypatch.setattr(server, "_answers", knock_in_vain)
    monkeypatch.setattr("tidewell.embedded.server.STALLED_AFTER_S", 0.5)
    monkeypatch.setattr("tidewell.embedded.server.LOOK_LATER_EVERY_S", 0.05)
    with pytest.raises(ServerUnavailableError, match=r"did not start \(stalled\)"):
        server.start()
    assert not server.is_alive()
    assert not (server.cluster / "postmaster.pid").exists()


def test_a_log_is_kept_short_while_the_server_writes_to_it(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidewell.embedded.files.LOG_BYTES", 100)
    server.keep_log_short()
    assert server.log_path.stat().st_size == 0
    assert server.log_path.with_name("postgres.log.1").stat().st_size == 100
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url.replace("tidewell:", "nobody:"))
    assert "nobody" in server.log_path.read_text()
