"""`python -m bench ingest`: the whole way of a reading under load, beside what bounds it.

Real servers, ingest and alerts as processes, devices in a process of their own, 10,000 people,
eight channels, detection on. In the same run: the broker alone (the same subscriber, which only
confirms), the database alone (a bare binary COPY), and the script that most people would write.

A frame is published when it is handed to the socket and committed when its device hears so, which
includes the way of the acknowledgement back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote, urlsplit

from bench import writing
from bench.measuring import Figures
from bench.streaming.servers import Site, Talker, a_site, cpu_s, memory_of_mb, percentile, stage
from tidewell.clock import monotonic_s, now_ms
from tidewell.errors import ServerError

PEOPLE: Final = 10_000
QUICK_PEOPLE: Final = 2_000
BROKERS: Final = ("nats", "mosquitto")
READINGS_PER_FRAME: Final = (1, 5)
CHANNELS: Final = 8
CONNECTIONS: Final = 4
WINDOW: Final = 48_000
"""Frames outstanding at the maximum: four seconds of what is aimed at, since a device is told at
most once a second, and later while frames queue."""
WARM_S: Final = 6.0
"""Until every device has sent a frame and its cursor is in memory."""
MAXIMUM_S: Final = 20.0
LOADED_S: Final = 12.0
SHARES: Final = (0.25, 0.5, 0.9)
BEGIN_AGO_MS: Final = 12 * 60_000
"""A reading a second from then on: at the end all are news, and none lies ahead of us."""
CROSSING_EVERY_S: Final = 0.15
SETTLE_S: Final = 8.0
START_WITHIN_S: Final = 180.0
"""A hundred thousand people are read and their detectors made in a minute on a busy machine."""
GROWING_PEOPLE: Final = (1_000, 10_000, 100_000)
QUICK_GROWING_PEOPLE: Final = (500, 1_000)
GROWING_S: Final = 10.0
GROWING_FIGURES: Final = (
    "frames_per_second",
    "cpu_us_a_frame",
    "ingest_memory_mb",
    "never_acknowledged",
)
HEARD_ONCE_PER_S: Final = 4_000
"""So fast at least every device is heard once before it is measured, also on a slow machine."""
BACK_MS: Final = 6 * 3_600_000
"""Where no alert is timed: few people send so often that their readings would lie ahead of us."""
OVERLOAD_S: Final = 120.0
OVERLOAD_PARTS: Final = 12
FLAT_WITHIN: Final = 1.1
"""What a process holds moves by some percent with the batch that it has in hand."""
OVERLOAD_WINDOW: Final = 200_000
"""Ten times what is committed in a second; most of it waits at the broker."""
BACKFILL_PEOPLE: Final = 10
QUICK_BACKFILL_PEOPLE: Final = 1
BACKFILL_DAYS: Final = 90
BACKFILL_WINDOW: Final = 4_000
BACKFILL_WITHIN_S: Final = 120.0


def run(
    *,
    quick: bool = False,
    part: str | None = None,
    seconds: float = OVERLOAD_S,
    workers: int = 1,
) -> Figures:
    """Measure every broker and size of frame, and what comes with more people and more frames.

    Args:
        part: measure this alone.
        seconds: how long the overload lasts.
        workers: how many processes of ingest there are in the runs.
    """
    figures: Figures = {"cores": os.cpu_count(), "people": QUICK_PEOPLE if quick else PEOPLE}
    if part in (None, "runs"):
        figures["bare_copy"] = writing.run(quick=quick)
        figures["runs"] = _runs(workers, quick=quick)
    if part == "growth" or (part is None and not quick):
        figures["growth"] = growth(QUICK_GROWING_PEOPLE if quick else GROWING_PEOPLE, GROWING_S)
    if part == "overload" or (part is None and not quick):
        figures["overload"] = overload(figures["people"], seconds)
    if part in (None, "backfill"):
        figures["backfill"] = _backfill(QUICK_BACKFILL_PEOPLE if quick else BACKFILL_PEOPLE)
    return figures | {"failures": _failures(figures)}


def _runs(workers: int, *, quick: bool) -> list[Figures]:
    people, seconds = (QUICK_PEOPLE, 3.0) if quick else (PEOPLE, MAXIMUM_S)
    return [
        _measure(broker, readings, people, seconds, workers)
        for broker in (BROKERS[:1] if quick else BROKERS)
        for readings in ((5,) if quick else READINGS_PER_FRAME)
    ]


def _failures(figures: Figures) -> list[str]:
    """Return what must never be, on a machine however slow."""
    measured = [*figures.get("runs", ()), *figures.get("growth", ())]
    measured += [figures[name] for name in ("overload", "backfill") if name in figures]
    lost = sum(one["never_acknowledged"] for one in measured)
    found = [f"{lost} frames were never acknowledged"] if lost else []
    over = figures.get("overload", {})
    if not over.get("is_nothing_lost", True):
        found.append("overload: what was published is not what is stored")
    if not over.get("is_memory_flat", True):
        found.append(f"overload: memory grew: {over['ingest_memory_mb']} MB")
    return found


def growth(numbers: Sequence[int], seconds: float) -> list[Figures]:
    """Return the maximum for more and more people, each of whom sends as often as the others."""
    figures = []
    for people in numbers:
        with a_site("nats", people) as site:
            ours = _ours(site, max(READINGS_PER_FRAME), seconds, shares=())
        figures.append({"people": people, **{name: ours[name] for name in GROWING_FIGURES}})
    return figures


def overload(people: int, seconds: float) -> Figures:
    """Offer more than can be stored for a while; say how memory moved, and what became of it all.

    Its end is bounded: when nothing is acknowledged any more, what is outstanding counts as lost.
    """
    memory_mb, broker_mb, published = list[int](), list[int](), 0
    epochs = max(READINGS_PER_FRAME)
    with a_site("nats", people) as site, stage(site, "ingest") as ingest:
        _wait_until_heard(site)
        with _load(site, epochs, start_ms=now_ms() - BACK_MS) as load:
            each = {"seconds": seconds / OVERLOAD_PARTS, "window": OVERLOAD_WINDOW, "go_on": 1}
            for _ in range(OVERLOAD_PARTS):
                published += load.ask(each)["published"]
                memory_mb.append(memory_of_mb(ingest.pid))
                broker_mb.append(memory_of_mb(site.pids["broker"]))
            lost = load.ask({"seconds": 0, "window": 0})["outstanding"]
        frames, readings = _committed(site), site.ask("readings")[0][0]
    return {
        "seconds": seconds,
        "frames_outstanding": OVERLOAD_WINDOW,
        "frames_published": published,
        "frames_committed": frames,
        "readings_stored": readings,
        "never_acknowledged": lost,
        "is_nothing_lost": not lost and frames == published and readings == published * epochs,
        "ingest_memory_mb": memory_mb,
        "broker_memory_mb": broker_mb,
        "is_memory_flat": is_flat(memory_mb),
    }


def is_flat(memory_mb: Sequence[int]) -> bool:
    """Return whether memory is no higher in the last third than in the one before it.

    Example:
        >>> is_flat([50, 90, 100, 101, 103, 99]), is_flat([50, 90, 100, 110, 120, 130])
        (True, False)
    """
    third = len(memory_mb) // 3
    middle, last = memory_mb[third : 2 * third], memory_mb[-third:]
    return max(last) <= FLAT_WITHIN * max(middle)


def _backfill(people: int) -> Figures:
    """Return how long it takes until ninety days of minutes of each person are committed."""
    frames = people * BACKFILL_DAYS * 24
    with a_site("nats", people) as site, stage(site, "ingest"):
        _wait_until_heard(site)
        begin_ms = now_ms() - BACKFILL_DAYS * 86_400_000
        with _load(site, 60, period_s=60, start_ms=begin_ms // 60_000 * 60_000) as load:
            asked = {"seconds": BACKFILL_WITHIN_S, "window": BACKFILL_WINDOW, "frames": frames}
            answer = load.ask(asked)
        stored = site.ask("readings")[0][0]
    seconds = answer["seconds_until_committed"]
    return {
        "people": people,
        "days": BACKFILL_DAYS,
        "readings": stored,
        "seconds": round(seconds, 1),
        "readings_per_second": round(stored / seconds),
        "never_acknowledged": answer["outstanding"],
    }


def _measure(broker: str, readings: int, people: int, seconds: float, workers: int) -> Figures:
    with a_site(broker, people) as site:
        bare = _bare_limit(site, readings, seconds / 2)
        plain = _plain_script(site, readings, seconds / 2)
    with a_site(broker, people) as site:
        ours = _ours(site, readings, seconds, workers=workers)
    return {
        "broker": broker,
        "readings_per_frame": readings,
        "workers": workers,
        **ours,
        "broker_alone_frames_per_second": round(bare),
        "plain_script_frames_per_second": round(plain),
        "ratio_to_broker": round(ours["frames_per_second"] / bare, 2),
        "ratio_to_plain_script": round(ours["frames_per_second"] / plain, 1),
    }


def _ours(
    site: Site,
    readings: int,
    seconds: float,
    *,
    shares: Sequence[float] = SHARES,
    workers: int = 1,
) -> Figures:
    with (
        stage(site, "ingest", "--workers", str(workers)) as ingest,
        stage(site, "alerts") as alerts,
        _load(site, readings, start_ms=None if shares else now_ms() - BACK_MS) as load,
    ):
        _wait_until_heard(site)
        warm_s = min(max(WARM_S, len(site.ask("devices")) / HEARD_ONCE_PER_S), 3 * seconds)
        load.ask({"seconds": warm_s, "window": WINDOW})
        pids = {**site.pids, "ingest": ingest.pid, "alerts": alerts.pid}
        before, cpu_before, started_s = _committed(site), _cpu(pids), monotonic_s()
        answer = load.ask({"seconds": seconds, "window": WINDOW})
        took_s = monotonic_s() - started_s
        frames = _committed(site) - before
        cpu = {name: used - cpu_before[name] for name, used in _cpu(pids).items()}
        per_second = frames / took_s
        loads = {share: _loaded(site, load, per_second, share, seconds) for share in shares}
        lost = load.ask({"seconds": 0, "window": 0})["outstanding"]
        memory_mb = memory_of_mb(ingest.pid)
    half = loads.get(0.5, {})
    cpu["load"] = answer["load_cpu_s"]
    return {
        "frames_per_second": round(per_second),
        "readings_per_second": round(per_second * readings),
        "values_per_second": round(per_second * readings * CHANNELS),
        "p50_commit_ms": half.get("p50_commit_ms"),
        "p99_commit_ms": half.get("p99_commit_ms"),
        "p99_handed_ms": half.get("p99_handed_ms"),
        "cpu_us_a_frame": {
            name: round(used / max(frames, 1) * 1e6, 1) for name, used in sorted(cpu.items())
        },
        "ingest_memory_mb": memory_mb,
        "loads": list(loads.values()),
        "never_acknowledged": lost,
    }


def _loaded(site: Site, load: Talker, per_second: float, share: float, seconds: float) -> Figures:
    """Send at a share of the maximum; say how long commits and alerts took."""
    known = set(site.arrivals)
    answer = load.ask(
        {
            "seconds": min(LOADED_S, seconds),
            "per_second": share * per_second,
            "every_s": CROSSING_EVERY_S,
        }
    )
    crossed = dict(answer["crossings"])
    handed = _handed_ms(site, crossed, known)
    return {
        "share_of_maximum": share,
        "frames_per_second": round(answer["published"] / answer["seconds"]),
        "p50_commit_ms": percentile(answer["waits_ms"], 0.5),
        "p99_commit_ms": percentile(answer["waits_ms"], 0.99),
        "p50_handed_ms": percentile(handed, 0.5),
        "p99_handed_ms": percentile(handed, 0.99),
        "crossings": len(crossed),
        "handed": len(handed),
    }


def _handed_ms(site: Site, crossed: dict[str, float], known: set[str]) -> list[float]:
    """Return, sorted, how long each alert took from the publish of its deciding reading."""
    until_s = monotonic_s() + SETTLE_S
    while len(site.arrivals) - len(known) < len(crossed) and monotonic_s() < until_s:
        time.sleep(0.1)
    device_of = dict(site.ask("alerts"))
    waits = [
        (handed_s - crossed[device_of[public_id]]) * 1000
        for public_id, handed_s in list(site.arrivals.items())
        if public_id not in known and device_of.get(public_id) in crossed
    ]
    return sorted(waits)


def _bare_limit(site: Site, readings: int, seconds: float) -> float:
    """Return the frames a second that the broker hands to a subscriber which only confirms."""
    client_id = "bare-" + os.urandom(16).hex()
    subscriber = Talker("bench.streaming.bare", site.broker_url, client_id)
    try:
        return _rate_of(subscriber, site, readings, seconds)
    finally:
        subscriber.end()


def _plain_script(site: Site, readings: int, seconds: float) -> float:
    script = Talker("bench.streaming.plain_script", site.broker_url, site.database_url)
    try:
        return _rate_of(script, site, readings, seconds)
    finally:
        script.end()


def _rate_of(subscriber: Talker, site: Site, readings: int, seconds: float) -> float:
    """Return what a subscriber takes while devices send as fast as the broker confirms."""
    with _load(site, readings) as load:
        load.ask({"seconds": 1.0, "unconfirmed": WINDOW})
        before, started_s = subscriber.ask("count"), monotonic_s()
        load.ask({"seconds": seconds, "unconfirmed": WINDOW})
        return float((subscriber.ask("count") - before) / (monotonic_s() - started_s))


@contextmanager
def _load(
    site: Site, readings: int, *, period_s: int = 1, start_ms: int | None = None
) -> Iterator[Talker]:
    address = urlsplit(site.broker_url)
    devices = site.ask("devices")
    load = Talker("bench.streaming.load")
    try:
        load.ask(
            {
                "host": address.hostname,
                "port": address.port,
                "sign_in": [
                    unquote(one) if one else None for one in (address.username, address.password)
                ],
                "devices": devices,
                "watched": list(range(len(devices) - 1, max(-1, len(devices) - 601), -1)),
                "connections": CONNECTIONS,
                "epochs": readings,
                "period_s": period_s,
                "start_ms": start_ms or now_ms() // 1_000 * 1_000 - BEGIN_AGO_MS,
            }
        )
        yield load
    finally:
        load.end()


def _wait_until_heard(site: Site) -> None:
    until_s = monotonic_s() + START_WITHIN_S
    while site.ask("shards_not_heard")[0][0]:
        if monotonic_s() > until_s:
            raise ServerError(f"ingest did not listen within {START_WITHIN_S:g} s; see its log")
        time.sleep(0.1)


def _committed(site: Site) -> int:
    frames, refused = site.ask("committed")[0]
    if refused:
        raise ServerError(f"{refused} frames of the benchmark were refused; see dead_letter")
    return int(frames)


def _cpu(pids: dict[str, int]) -> dict[str, float]:
    return {name: cpu_s(pid) for name, pid in pids.items()}
