"""`python -m bench faults`: a real site, real faults, and a ledger that says what became of it all.

Promises: everything that is counted is counted by somebody outside the service, devices and the
provider of messages, and compared with the database at the end. A run whose faults did not happen
is not called a good one: what was skipped is said, with its reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
import psycopg

from bench.faulting.broken_site import Enrolled, Site, broken_site, make_stages, small_disk
from bench.faulting.devices import LedgerDevice, Pace
from bench.faulting.ledger import Ledger, read_ledger
from bench.faulting.making import CROSSING_S, SECOND_MS, Life
from bench.faulting.nemesis import Nemesis
from bench.faulting.provider import Provider, ProviderLedger
from bench.faulting.replaying import Comparison, Stored, compare_with_replay
from bench.faulting.schedule import Fault, Planned, plan_faults
from bench.faulting.stages import ALERTS, INGEST, PLANTED_IN
from bench.faulting.verdict import Told, Verdict, judge_alerts, judge_frames, judge_messages
from bench.faulting.waiting import until_told
from tidewell.broker_access import client_id_of
from tidewell.clock import monotonic_s, now_ms
from tidewell.database import Queries
from tidewell.errors import UsageError
from tidewell.logs import configure_logs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.measuring import Figures

DEVICES: Final = 60
SECONDS_USUAL: Final = 45.0
SECONDS_LEAST: Final = 10.0
BOOT: Final = 7
READINGS_BEFORE_S: Final = 360.0
"""A run starts with readings from six minutes ago and reaches the present: a crossing of a minute
fits into seconds, and no reading is so old that it is only history."""
BEFORE_FACTOR: Final = 10.0
FRAMES_A_SECOND: Final = 3.0
"""Of each device; 180 in all keep ingest busy while two cores are shared with everything else."""
WITHOUT_CROSSING: Final = 5
"""Every fifth device stays within its limit: nobody may be told about it."""
CALM_LOOK_S: Final = 0.5

_SQL: Final = Queries("bench.faulting", "verdict.sql")


@dataclass(slots=True)
class Witness:
    """Asks the database, past every fault, whether what a device was just told is true."""

    site: Site
    asked: int = 0
    told_too_early: list[str] = field(default_factory=list)
    _waiting: asyncio.Queue[tuple[str, int, int]] = field(default_factory=asyncio.Queue)

    def hear(self, device: str, boot: int, upto: int) -> None:
        """Note what a device was told."""
        self._waiting.put_nowait((device, boot, upto))

    async def run(self) -> None:
        """Compare until cancelled; while the database is away nothing can be said, nor is."""
        while True:
            device, boot, upto = await self._waiting.get()
            try:
                rows = await self.site.ask("committed_upto", device=device, boot=boot)
            except psycopg.Error:
                continue
            self.asked += 1
            if not rows or int(str(rows[0][0])) < upto:
                self.told_too_early.append(f"{device}: told {upto}, committed {rows}")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a run was asked for."""

    seed: int
    seconds: float
    plant: str | None
    only: tuple[Fault, ...]
    calm_s: float


@dataclass(frozen=True, slots=True)
class Times:
    """How long the parts of a run took, in seconds."""

    until_live_s: float
    faults_s: float
    until_calm_s: float
    is_calm: bool


def run(
    *,
    seed: int,
    seconds: float = SECONDS_USUAL,
    plant: str | None,
    only: str | None = None,
    calm_s: float,
    logs: Path | None = None,
) -> Figures:
    """Break a site for so many seconds, and return the ledger.

    Raises:
        UsageError: the run would be too short to show anything, or there is no such fault.
    """
    if seconds < SECONDS_LEAST:
        raise UsageError(f"--seconds {seconds:g}: expected {SECONDS_LEAST:g} or more")
    if plant is not None and plant not in PLANTED_IN:
        raise UsageError(f"--plant {plant}: choose one of {', '.join(PLANTED_IN)}")
    chosen = Chosen(seed, seconds, plant, _faults_named(only), calm_s)
    configure_logs("error", "console", "bench faults")
    with small_disk() as (folder, has_disk), tempfile.TemporaryDirectory() as records:
        try:
            return asyncio.run(_run(folder, Path(records), has_disk, chosen))
        finally:
            if logs is not None:
                _keep_logs((Path(records), folder / "nats", folder / "postgres"), logs)


async def _run(folder: Path, records: Path, has_disk: bool, chosen: Chosen) -> Figures:
    asyncio.get_running_loop().set_exception_handler(_keep_quiet_about_cuts)
    rng = Random(chosen.seed)  # noqa: S311 -- a seed repeats a run; nothing here is a secret
    started_s = monotonic_s()
    async with (
        broken_site(folder, DEVICES, has_disk=has_disk) as site,
        Provider(site.postgres.url, rng) as provider,
    ):
        site.stages = make_stages(site, records, provider.url, chosen.plant, rng)
        for stage in site.stages:
            stage.start()
        await site.wait_until_heard()
        site.watch_servers()
        witness = Witness(site)
        devices = _devices(site, records, witness, rng, chosen.seconds)
        running = [asyncio.create_task(one.run()) for one in devices]
        running.append(asyncio.create_task(witness.run()))
        live_s = monotonic_s()
        nemesis = Nemesis(site, provider, devices, rng)
        await nemesis.run(faults_of(chosen.seed, chosen.seconds, chosen.only))
        await asyncio.sleep(max(0.0, live_s + chosen.seconds - monotonic_s()))
        calm_from_s = monotonic_s()
        is_calm = await _calm_down(site, devices, chosen.calm_s)
        times = Times(
            live_s - started_s, calm_from_s - live_s, monotonic_s() - calm_from_s, is_calm
        )
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        statuses = [await one.stop() for one in site.of_kind(INGEST) + site.of_kind(ALERTS)]
        await site.stop_watching()
        rows = await _read_all(site)
    ledger = await asyncio.to_thread(read_ledger, records)
    verdict = _judge(ledger, rows, provider.ledger)
    comparison = await asyncio.to_thread(compare_with_replay, _stored(rows))
    return _figures(
        chosen,
        ledger,
        verdict,
        comparison,
        provider.ledger,
        nemesis,
        witness,
        times,
        statuses,
        site,
    )


def faults_of(seed: int, seconds: float, only: Sequence[Fault] = ()) -> list[Planned]:
    """Return the faults of a run: the same for the same seed, whatever else chance decides."""
    return plan_faults(Random(seed), seconds, only)  # noqa: S311 -- a seed repeats a run


def _faults_named(only: str | None) -> tuple[Fault, ...]:
    names = [] if only is None else only.split(",")
    if unknown := [name for name in names if name not in set(Fault)]:
        raise UsageError(f"--only {unknown[0]}: choose among {', '.join(Fault)}")
    return tuple(Fault(name) for name in names)


def _devices(
    site: Site, records: Path, witness: Witness, rng: Random, seconds: float
) -> list[LedgerDevice]:
    before_s = min(READINGS_BEFORE_S, BEFORE_FACTOR * seconds)
    times = (before_s + seconds) / seconds
    frame_s = max(1, round(times / FRAMES_A_SECOND))
    first_ms = (now_ms() - int(before_s * SECOND_MS)) // SECOND_MS * SECOND_MS
    pace = Pace(first_ms, monotonic_s(), times, frame_s)
    return [
        LedgerDevice(
            _life(one, number, first_ms, int(before_s), rng),
            BOOT,
            site.device_url(one),
            client_id_of(one.secret),
            records,
            rng,
            pace,
            witness.hear,
        )
        for number, one in enumerate(site.enrolled)
    ]


def _life(one: Enrolled, number: int, first_ms: int, span_s: int, rng: Random) -> Life:
    """Return what a device goes through; its crossing ends well before the run does."""
    crossing_ms = None
    if number % WITHOUT_CROSSING:
        latest_s = max(6, span_s - CROSSING_S)
        crossing_ms = first_ms + rng.randint(5, latest_s) * SECOND_MS
    return Life(one.device, one.shard, first_ms, crossing_ms)


async def _calm_down(site: Site, devices: Sequence[LedgerDevice], within_s: float) -> bool:
    """Let everything that was sent arrive, with no fault left; return whether it did in time."""
    for device in devices:
        device.takes_in = False
    await site.settle_servers()

    async def is_settled() -> bool:
        if not all(device.is_drained for device in devices):
            return False
        with contextlib.suppress(psycopg.Error):
            return await site.ask("unsettled") == [(0, 0)]
        return False

    return await until_told(is_settled, within_s, CALM_LOOK_S)


async def _read_all(site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """Return the answers to all questions of the verdict."""
    async with await psycopg.AsyncConnection.connect(site.postgres.url) as connection:
        return {
            name: await (await connection.execute(_SQL[name])).fetchall() for name in sorted(_SQL)
        }


def _judge(ledger: Ledger, rows: dict[str, list[tuple[Any, ...]]], told: ProviderLedger) -> Verdict:
    verdict = Verdict()
    judge_frames(verdict, ledger, rows["readings"], rows["dead_letters"], rows["counted"])
    judge_messages(verdict, [str(row[0]) for row in rows["handed_over"]], told.taken)
    judge_alerts(verdict, ledger, [Told(*row) for row in rows["alerts"]], told.kept)
    return verdict


def _stored(rows: dict[str, list[tuple[Any, ...]]]) -> Stored:
    return Stored(
        rows["people"],
        rows["told"],
        rows["committed_order"],
        rows["snapshots"],
        rows["episode_events"],
    )


def _figures(
    chosen: Chosen,
    ledger: Ledger,
    verdict: Verdict,
    comparison: Comparison,
    told: ProviderLedger,
    nemesis: Nemesis,
    witness: Witness,
    times: Times,
    statuses: Sequence[int | None],
    site: Site,
) -> Figures:
    counts = asdict(verdict)
    examples = counts.pop("examples")
    figures: Figures = {
        **asdict(chosen),
        "devices": DEVICES,
        "published": len(ledger.frames),
        "committed": counts.pop("committed"),
        "dead_lettered": counts.pop("dead_lettered"),
        "told_committed": ledger.told_committed,
        **counts,
        "duplicate_notifications": told.duplicates(),
        "told_after_accept": told.told_after_accept(),
        "told_too_early": len(witness.told_too_early),
        "answers_checked": witness.asked,
        "notifications": len(told.notifications),
        "kills": nemesis.kills,
        "faults": dict(sorted(nemesis.happened.items())),
        "skipped": nemesis.skipped,
        "server_deaths": site.server_deaths,
        "state_equal_to_replay": comparison.is_equal,
        "died_by_themselves": [note for one in site.stages for note in one.died_by_itself],
        "stopped_in_order": all(status == 0 for status in statuses),
        "times": {name: round(value, 1) for name, value in asdict(times).items()},
        "examples": examples
        | {"memory that differs": list(comparison.differences)[:5]}
        | {"told too early": witness.told_too_early[:5]},
    }
    return figures | {"failures": _failures(figures)}


def _failures(figures: Figures) -> list[str]:
    """Return every promise that this run broke, and whether it had enough faults to show any."""
    zero = (
        "lost",
        "duplicated_rows",
        "phantom_rows",
        "alerts_lost",
        "alerts_unexpected",
        "marked_never_sent",
        "told_after_accept",
        "told_too_early",
    )
    failures = [f"{name} is {figures[name]}, not 0" for name in zero if figures[name]]
    if figures["duplicate_notifications"] > figures["kills"]:
        failures.append("more notifications came twice than processes were killed")
    if not figures["state_equal_to_replay"]:
        failures.append("the detector's memory or findings differ from those of a replay")
    if not figures["times"]["is_calm"]:
        failures.append(f"not everything had arrived {figures['calm_s']:g} s after the last fault")
    failures += [f"a process died by itself: {note}" for note in figures["died_by_themselves"]]
    return failures


def _keep_logs(folders: Sequence[Path], target: Path) -> None:
    """Copy what processes, servers and devices wrote, for somebody who looks into a failure."""
    target.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        for path in [*folder.glob("*.log"), *folder.glob("*.jsonl")]:
            shutil.copyfile(path, target / path.name)


def _keep_quiet_about_cuts(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of a lost connection that nobody waited for: this bench loses them on purpose."""
    if not isinstance(context.get("exception"), aiomqtt.MqttError | OSError):
        loop.default_exception_handler(context)
