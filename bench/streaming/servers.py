"""A site for a benchmark: real servers in a temporary folder, people with devices, processes.

Everything listens on loopback and ends with the `with` block. Never stops a process that it did not
start.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import psycopg

from tidewell.clock import monotonic_s, now_utc
from tidewell.database import Queries
from tidewell.embedded.nats import NatsServer
from tidewell.embedded.postgres import PostgresServer
from tidewell.errors import ServerError, UsageError
from tidewell.schema import migrate

QUERIES: Final = Queries("bench.streaming", "servers.sql")
DEPLOYED: Final = Path(__file__).parents[2] / "deploy" / "mosquitto" / "mosquitto.conf"
PASSABLE: Final = 0o711
"""The account that PostgreSQL runs under has to get through the temporary folder."""
START_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 60.0
ANSWER_WITHIN_S: Final = 600.0
"""Beyond what was asked for: until all that is outstanding has come, on a slow machine."""
WATCHED: Final = 600
"""People whose plan has a limit, each of whom crosses it once at most."""


@dataclass(slots=True)
class Site:
    """Servers that run."""

    database_url: str
    broker_url: str
    pids: dict[str, int]
    arrivals: dict[str, float] = field(default_factory=dict)
    """When each alert was handed to the channel, by its public id."""
    webhook_url: str = ""

    def ask(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, or none."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(QUERIES[name], parameters)
            return cursor.fetchall() if cursor.description else []

    def environment(self) -> dict[str, str]:
        """Return the settings of a stage."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("TIDEWELL_")}
        return kept | {
            "TIDEWELL_DATABASE_URL": self.database_url,
            "TIDEWELL_BROKER_URL": self.broker_url,
            "TIDEWELL_INGEST_CLIENT_ID": secrets.token_hex(32),
            "TIDEWELL_WEBHOOK_URL": self.webhook_url,
            "TIDEWELL_WEBHOOK_SECRET": secrets.token_hex(32),
            "TIDEWELL_LOG_LEVEL": "warning",
        }


class Talker:
    """A process that answers a line with a line."""

    def __init__(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def ask(self, line: object) -> Any:  # noqa: ANN401 -- what JSON holds
        """Send an object, return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        # Its input and output are pipes, so only its end can end the wait for its answer.
        limit = threading.Timer(ANSWER_WITHIN_S + _seconds_in(line), self.process.kill)
        limit.start()
        answer = self.process.stdout.readline()
        limit.cancel()
        if not answer:
            raise ServerError(
                f"a process of the benchmark ended with {self.process.wait()}, or did not answer "
                f"within {ANSWER_WITHIN_S:g} s; the lines above say why"
            )
        return json.loads(answer)

    def end(self) -> None:
        """Close its input and wait for its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        end(self.process)
        self.process.stdout.close()


def _seconds_in(line: object) -> float:
    """Return how long a request itself says that it takes."""
    return float(line.get("seconds", 0.0)) if isinstance(line, dict) else 0.0


@contextmanager
def a_site(broker: str, people: int) -> Iterator[Site]:
    """Run PostgreSQL and a broker, with people who have a device each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidewell-bench-")))
        folder.chmod(PASSABLE)
        postgres = PostgresServer(folder / "postgres")
        postgres.start()
        stack.callback(postgres.stop)
        asyncio.run(migrate(postgres.url, "plain"))
        broker_url, broker_pid = _BROKERS[broker](folder, stack)
        site = Site(postgres.url, broker_url, {"database": _pid_of(postgres), "broker": broker_pid})
        _enrol(site, people)
        stack.enter_context(webhook(site))
        yield site


def _enrol(site: Site, people: int) -> None:
    now = now_utc()
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        row = connection.execute(QUERIES["add_key_worker"], {"now": now}).fetchone()
        assert row is not None  # RETURNING always answers
        known = {"now": now, "people": people, "staff_id": row[0], "watched": min(WATCHED, people)}
        for name in ("enrol_people", "enrol_devices", "assign_devices", "assign_key_worker"):
            connection.execute(QUERIES[name], known)
        connection.execute(QUERIES["agree_on_limits"], known)
        connection.execute(QUERIES["make_plain_table"])
        connection.execute("VACUUM ANALYZE")


def _nats(folder: Path, stack: ExitStack) -> tuple[str, int]:
    server = NatsServer(folder / "nats")
    server.start()
    stack.callback(server.stop)
    return server.service_url, _pid_of(server)


def _mosquitto(folder: Path, stack: ExitStack) -> tuple[str, int]:
    """Run Mosquitto with the limits of `deploy/`, without its passwords."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise UsageError("mosquitto is not installed; install it, or measure NATS alone")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    kept = [
        line
        for line in DEPLOYED.read_text(encoding="utf-8").splitlines()
        if line.startswith(("max_", "persist", "autosave"))
    ]
    (folder / "mosquitto").mkdir()
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        *[one for one in kept if not one.startswith("persistence_location")],
        f"persistence_location {folder / 'mosquitto'}/",
        *(["user root"] if os.geteuid() == 0 else []),
    ]
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    output = subprocess.DEVNULL
    process = subprocess.Popen([program, "-c", str(config)], stdout=output, stderr=output)
    stack.callback(end, process)
    until_s = monotonic_s() + START_WITHIN_S
    while monotonic_s() < until_s:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    return f"mqtt://127.0.0.1:{port}", process.pid


_BROKERS: Final = {"nats": _nats, "mosquitto": _mosquitto}


def _pid_of(server: PostgresServer | NatsServer) -> int:
    pid = server.pid
    assert pid is not None  # it was just started
    return pid


@contextmanager
def webhook(site: Site) -> Iterator[None]:
    """Receive what a site posts, and remember when each alert came first."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            site.arrivals.setdefault(json.loads(body)["subject"], monotonic_s())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site.webhook_url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def stage(site: Site, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tidewell …` as a process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tidewell", *arguments],
        env=site.environment(),
        stdout=sys.stderr.fileno(),  # figures alone go to the output
    )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Ask a process of ours to stop, and wait for it."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_s(pid: int) -> float:
    """Return the seconds of processor that a process and its children have used."""
    return sum(_family_cpu_s(pid).values())


def _family_cpu_s(pid: int) -> dict[int, float]:
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue  # it has just ended
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            # The last two are of children that have ended.
            used[int(entry.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    family = [pid]
    for one in family:  # it grows meanwhile
        family += children.get(one, [])
    return {one: used.get(one, 0.0) for one in family}


def memory_of_mb(pid: int) -> int:
    """Return the resident memory of a process and its children."""
    kilobytes = _resident_kb(pid)
    for child in _family_cpu_s(pid).keys() - {pid}:
        with suppress(OSError, StopIteration):  # it has just ended
            kilobytes += _resident_kb(child)
    return kilobytes // 1024


def _resident_kb(pid: int) -> int:
    text = (Path("/proc") / str(pid) / "status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1])


def percentile(sorted_values: Sequence[float], share: float) -> float | None:
    """Return the value below which a share of them lies, or None of none."""
    if not sorted_values:
        return None
    return round(sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))], 1)
