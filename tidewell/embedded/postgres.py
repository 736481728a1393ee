"""The PostgreSQL of a small site: its programs from a wheel, everything else ours.

It promises: it listens on the loopback address alone; nobody gets in without the generated
password, over any way; what was committed is on the disk; it is only said to run after a query with
that password was answered by this very cluster; an earlier postmaster that still runs on the
cluster is stopped cleanly first, and a stranger's process that has its number is left alone. It
must never run as root, and never weaken `fsync`.
"""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING, ClassVar, Final

import psycopg
from psycopg.conninfo import make_conninfo

from tidewell.database import Queries
from tidewell.embedded.files import (
    LOOPBACK,
    known_secret,
    last_lines,
    open_log,
    secret,
    sync_folder,
    text_since,
)
from tidewell.embedded.identity import ProcessFacts, ProcessIdentity, facts_of
from tidewell.embedded.launch import Account, Launched, launch, launch_and_wait
from tidewell.embedded.lock import LOCK_NAME
from tidewell.embedded.place import SHARED_BASE, Place, catalogue_path, find_place, forget_cluster
from tidewell.embedded.server import EmbeddedServer, StartProblem
from tidewell.errors import ServerError

if TYPE_CHECKING:
    from pathlib import Path

USER: Final = "tidewell"
DATABASE: Final = "tidewell"
FIRST_DATABASE: Final = "postgres"

SETTINGS: Final[dict[str, str]] = {
    "listen_addresses": LOOPBACK,
    # A path of a socket is limited to 107 bytes, and a file more to protect; nobody needs it.
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    # Every process of a small site together takes a third of these.
    "max_connections": "60",
    # Holds the newest weeks of some hundred people, and fits a machine of 1 GB.
    "shared_buffers": "256MB",
    # What the system's own cache can be expected to hold besides; only the planner reads it.
    "effective_cache_size": "1GB",
    # A sort of one person's year; sixty of them at once still fit.
    "work_mem": "16MB",
    # Indexes and vacuum of a chunk stay in memory.
    "maintenance_work_mem": "128MB",
    # Fewer checkpoints while a device's history streams in; bounds the disk and the recovery time.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # Readings compress well, and a small site's disk is slower than its processor.
    "wal_compression": "on",
    # All queries are short; compiling them costs more than it saves.
    "jit": "off",
    # A forgotten transaction would keep vacuum from its work.
    "idle_in_transaction_session_timeout": "5min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # The text and the details of a failed statement may hold what is known about a person.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

INITDB_WITHIN_S: Final = 600.0
"""It takes two seconds; a slow network disk was seen to take minutes."""

QUERY_WITHIN_S: Final = 5
"""A server on this machine that starts answers a connection at once, if only with `not yet`."""

START_TIME_SLACK_S: Final = 10.0
"""The postmaster notes its start a moment after the system does, and clocks are corrected."""

PROGRAM_ENVIRONMENT: Final[dict[str, str]] = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
"""All that the server sees of our environment, which may hold secrets and other servers' names."""

_QUERIES: Final = Queries("tidewell.embedded", "postgres.sql")


class PostgresServer(EmbeddedServer):
    """A PostgreSQL in `folder`, or pointed to from there (see `tidewell.embedded.place`)."""

    label: ClassVar[str] = "PostgreSQL"
    program: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    rude_signal: ClassVar[signal.Signals] = signal.SIGQUIT
    port_names: ClassVar[tuple[str, ...]] = ("port",)
    echoes: ClassVar[tuple[str, ...]] = ("FATAL:",)

    def __init__(self, folder: Path, *, shared_base: Path = SHARED_BASE) -> None:
        super().__init__(folder)
        self._shared_base = shared_base
        self._password = ""
        self._found: Place | None = None

    @property
    def url(self) -> str:
        """Return the address with user and password, a secret; valid after `start`."""
        self._started()
        return f"postgresql://{USER}:{self._password}@{LOOPBACK}:{self._ports['port']}/{DATABASE}"

    @property
    def cluster(self) -> Path:
        """Return where the data really lie; valid after `start`."""
        return self._place.cluster

    def erase(self) -> None:
        """Stop the server and remove its data for good, wherever they lie."""
        self.stop()
        with self._lock:
            forget_cluster(self.folder)

    @property
    def _password_path(self) -> Path:
        return self.folder / "password"

    @property
    def _place(self) -> Place:
        assert self._found is not None, "found before anything else"
        return self._found

    def _prepare(self) -> None:
        if os.geteuid() == 0 and [path.name for path in self.folder.iterdir()] == [LOCK_NAME]:
            # Ours and empty, so it may be passed through; nothing in it can be listed or read.
            self.folder.chmod(0o711)
        self._found = place = find_place(self.folder, self._shared_base)
        if place.cluster.exists():
            self._password = known_secret(self._password_path)
            _check_version(place)
        else:
            self._password = secret(self._password_path)
            _create_cluster(place, self._password, self.log_path)

    def _recorded_orphan(self) -> ProcessIdentity | None:
        """Return a postmaster on this cluster, from our own note or from its own."""
        noted = super()._recorded_orphan()
        postmaster = _postmaster_of(self.cluster)
        if noted is not None or postmaster is None:
            return noted
        facts, started_at_s = postmaster
        return facts.identity if _is_postmaster(facts, started_at_s) else None

    def _launch(self, output: int) -> Launched:
        settings = {**SETTINGS, "port": str(self._ports["port"])}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return launch(
            [str(self._place.programs / "bin" / "postgres"), "-D", str(self.cluster), *arguments],
            at_our_death=self.stop_signal,
            output=output,
            account=self._place.account,
            environment=PROGRAM_ENVIRONMENT | self._stranger(),
            private=True,
        )

    def _stranger(self) -> dict[str, str]:
        """Tell the postmaster to leave out of account a process that only has its old number.

        It is the way of `pg_ctl`. Removing `postmaster.pid` instead would also remove what lets
        PostgreSQL see that old backends still write to the cluster.
        """
        postmaster = _postmaster_of(self.cluster)
        return {"PG_GRANDPARENT_PID": str(postmaster[0].identity.pid)} if postmaster else {}

    def _answers(self) -> bool:
        try:
            with self._connect(FIRST_DATABASE) as connection:
                row = connection.execute(_QUERIES["data_folder"]).fetchone()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ServerError(
                    f"the password in {self._password_path} does not open the cluster "
                    f"{self.cluster}; bring the file back from a backup"
                ) from error
            return False
        return row is not None and self.cluster.samefile(str(row[0]))

    def _problem(self, log: str) -> StartProblem:
        if "could not bind" in log:
            return StartProblem.PORT_TAKEN
        if "is still in use" in log:
            return StartProblem.OLD_PROCESSES_REMAIN
        return StartProblem.DIED

    def _after_start(self) -> None:
        with self._connect(FIRST_DATABASE) as connection:
            if connection.execute(_QUERIES["database_exists"]).fetchone() == (False,):
                connection.execute(_QUERIES["create_database"])

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        conninfo = make_conninfo(
            host=LOOPBACK,
            port=self._ports["port"],
            user=USER,
            password=self._password,
            dbname=database,
            connect_timeout=QUERY_WITHIN_S,
            sslmode="disable",
            gssencmode="disable",
        )
        return psycopg.connect(conninfo, autocommit=True)


def _check_version(place: Place) -> None:
    """Refuse a cluster of another major version; PostgreSQL would refuse it less clearly."""
    made_by = (place.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    with catalogue_path(place.programs).open(encoding="ascii") as stream:
        programs = stream.readline().split()[-1]
    if made_by != programs:
        raise ServerError(
            f"the cluster {place.cluster} was made by PostgreSQL {made_by}, and version {programs} "
            f"is installed; dump it with version {made_by} and restore it into a new data folder"
        )


def _create_cluster(place: Place, password: str, log_path: Path) -> None:
    """Make the cluster aside and rename it when it is whole, so that a crash leaves no half one."""
    draft = place.cluster.with_name("cluster.new")
    password_path = place.cluster.with_name("password.once")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    _write_for(place.account, password_path, password)
    if place.account:
        os.chown(draft, place.account.uid, place.account.gid)
    try:
        _initdb(place, draft, password_path, log_path)
    finally:
        password_path.unlink()
    draft.rename(place.cluster)
    sync_folder(place.cluster.parent)


def _initdb(place: Place, draft: Path, password_path: Path, log_path: Path) -> None:
    output = open_log(log_path)
    log_start = log_path.stat().st_size
    command = [
        str(place.programs / "bin" / "initdb"),
        f"--pgdata={draft}",
        f"--username={USER}",
        f"--pwfile={password_path}",
        "--auth=scram-sha-256",
        "--locale=C.UTF-8",
        "--encoding=UTF8",
        "--data-checksums",
    ]
    try:
        status = launch_and_wait(
            command,
            output=output,
            limit_s=INITDB_WITHIN_S,
            account=place.account,
            environment=PROGRAM_ENVIRONMENT,
        )
    finally:
        os.close(output)
    if status != 0:
        said = last_lines(text_since(log_path, log_start))
        raise ServerError(f"the cluster {draft} could not be made: {said}; see {log_path}")


def _write_for(account: Account | None, path: Path, text: str) -> None:
    """Write a file that only the account can read, and that was never readable by another."""
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        stream.write(text)
        if account:
            os.fchown(stream.fileno(), account.uid, account.gid)


def _postmaster_of(cluster: Path) -> tuple[ProcessFacts, float] | None:
    """Return who has the number in `postmaster.pid`, and when the postmaster says it started."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid, started_at_s = int(lines[0]), float(lines[2])
    except (OSError, ValueError, IndexError):
        return None
    facts = facts_of(pid)
    return None if facts is None else (facts, started_at_s)


def _is_postmaster(facts: ProcessFacts, started_at_s: float) -> bool:
    same_start = abs(facts.started_at_s - started_at_s) <= START_TIME_SLACK_S
    return facts.name == PostgresServer.program and same_start and not facts.is_dead
