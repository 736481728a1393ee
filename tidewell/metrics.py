"""What a process can say about itself in numbers, for a monitoring system, and whether it is well.

Served on loopback only, at `/metrics` (Prometheus text format, version 0.0.4), `/health/live` and
`/health/ready`. Names end in their base unit; a counter ends in `_total`. It must never carry a
label for a person or a device: a monitoring system keeps what it reads, and whoever runs it is not
assigned to anybody.

Source: prometheus.io/docs/instrumenting/exposition_formats.
"""

from __future__ import annotations

import os
import resource
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from aiohttp import web

from tidewell.clock import monotonic_s
from tidewell.errors import UsageError
from tidewell.logs import get_logger
from tidewell.settings import Settings

LOOPBACK: Final = "127.0.0.1"
"""Nothing here is secret, and nothing here is anybody's business outside the machine either."""
STILL_AFTER_S: Final = 60.0
"""A main loop that has not come round for a minute hangs; catching up comes round every second."""
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From one small commit to a lease."""


class MeasureKind(StrEnum):
    """What a monitoring system may do with a number."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


PORTAL_PLACE: Final = 0
ALERTS_PLACE: Final = 1
INGEST_PLACE: Final = 2
"""Ports counted from `TIDEWELL_METRICS_PORT`; more workers of ingest have those after it."""

Sample = tuple[str, Mapping[str, str], float]
"""What is added to the name, labels, value."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One named measure with its samples."""

    name: str
    kind: MeasureKind
    says: str
    samples: Sequence[Sample]

    @classmethod
    def counter(cls, name: str, says: str, value: float) -> Measure:
        """Return a counter without labels."""
        return cls(name, MeasureKind.COUNTER, says, [("", {}, value)])

    @classmethod
    def counters(cls, name: str, says: str, label: str, values: Mapping[str, float]) -> Measure:
        """Return a counter with one label."""
        samples = [("", {label: key}, value) for key, value in sorted(values.items())]
        return cls(name, MeasureKind.COUNTER, says, samples)

    @classmethod
    def gauge(cls, name: str, says: str, value: float) -> Measure:
        """Return a gauge without labels."""
        return cls(name, MeasureKind.GAUGE, says, [("", {}, value)])


@dataclass(slots=True)
class Timings:
    """How long something took, counted into ranges."""

    name: str
    says: str
    _counts: list[int] = field(default_factory=lambda: [0] * (len(SECONDS_BOUNDS) + 1))
    _sum_s: float = 0.0

    def note(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(SECONDS_BOUNDS, seconds)] += 1
        self._sum_s += seconds

    def measure(self) -> Measure:
        """Return the ranges, each with all below it, as the format wants them."""
        samples: list[Sample] = []
        below = 0
        for bound, count in zip([*map(str, SECONDS_BOUNDS), "+Inf"], self._counts, strict=True):
            below += count
            samples.append(("_bucket", {"le": bound}, below))
        samples += [("_sum", {}, self._sum_s), ("_count", {}, below)]
        return Measure(self.name, MeasureKind.HISTOGRAM, self.says, samples)


class Board:
    """Where a process hangs up what it measures, and says that it is well.

    `not_ready` says why it does not do its work yet; empty means that it does.
    """

    def __init__(self, clock: Callable[[], float] = monotonic_s) -> None:
        self._clock = clock
        self._sources: list[Callable[[], Iterable[Measure]]] = []
        self._beat_s = clock()
        self.not_ready = "starting"

    def add(self, source: Callable[[], Iterable[Measure]]) -> None:
        """Ask this source whenever somebody reads."""
        self._sources.append(source)

    def beat(self) -> None:
        """Say that the main loop came round."""
        self._beat_s = self._clock()

    @property
    def still_s(self) -> float:
        """Return how long ago the main loop came round."""
        return self._clock() - self._beat_s

    def text(self) -> str:
        """Return everything in the text format."""
        measures = [one for source in self._sources for one in source()]
        ready = Measure.gauge(
            "tidewell_ready", "1 while this process does its work.", float(not self.not_ready)
        )
        return "".join(_lines([*_process_measures(), ready, *measures]))


def _process_measures() -> Iterator[Measure]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield Measure.counter(
        "process_cpu_seconds_total",
        "User and system time of this process.",
        usage.ru_utime + usage.ru_stime,
    )
    memory = Path("/proc/self/statm")
    if memory.is_file():
        pages = int(memory.read_text(encoding="ascii").split()[1])
        yield Measure.gauge(
            "process_resident_memory_bytes",
            "Memory that this process has in use.",
            pages * os.sysconf("SC_PAGE_SIZE"),
        )


def _lines(measures: Iterable[Measure]) -> Iterator[str]:
    for one in measures:
        yield f"# HELP {one.name} {_escaped(one.says)}\n# TYPE {one.name} {one.kind.value}\n"
        for suffix, labels, value in one.samples:
            named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            yield f"{one.name}{suffix}{'{' + named + '}' if named else ''} {float(value)!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


async def _show_metrics(request: web.Request) -> web.Response:
    body = request.app[_BOARD].text().encode()
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


async def _show_live(request: web.Request) -> web.Response:
    still_s = request.app[_BOARD].still_s
    if still_s > STILL_AFTER_S:
        return web.Response(text=f"nothing has moved for {still_s:.0f} s\n", status=503)
    return web.Response(text="ok\n")


async def _show_ready(request: web.Request) -> web.Response:
    why = request.app[_BOARD].not_ready
    return web.Response(text=f"{why or 'ok'}\n", status=503 if why else 200)


_BOARD: Final = web.AppKey("board", Board)


@asynccontextmanager
async def served_board(settings: Settings, place: int) -> AsyncIterator[Board]:
    """Serve a board for as long as the process works, if the settings want that.

    Args:
        place: counted from `metrics_port`; every process of a machine has its own.

    Raises:
        UsageError: the port is taken.
    """
    board = Board()
    if not settings.metrics_port:
        yield board
        return
    application = web.Application()
    application[_BOARD] = board
    application.router.add_get("/metrics", _show_metrics)
    application.router.add_get("/health/live", _show_live)
    application.router.add_get("/health/ready", _show_ready)
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    port = settings.metrics_port + place
    try:
        try:
            await web.TCPSite(runner, LOOPBACK, port).start()
        except OSError as error:
            raise UsageError(
                f"cannot serve measures on port {port}: {error.strerror or error}; "
                "set TIDEWELL_METRICS_PORT so that this and the next ports are free"
            ) from error
        get_logger().info("measures are served", port=port)
        yield board
    finally:
        await runner.cleanup()
