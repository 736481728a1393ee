"""`tidewell simulate` and `tidewell replay`: devices that talk to a site which runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tidewell.clock import now_ms, now_utc
from tidewell.commands.shared import DataDir, console, run_until_stopped, say, start_command
from tidewell.database import Connection, Role, connect
from tidewell.enrolment import (
    StaffMember,
    assign,
    device_name_of,
    enrol_device,
    enrol_person,
    staff_members,
)
from tidewell.errors import ServerUnavailableError, UsageError
from tidewell.local_time import zone_table
from tidewell.small_site import find_site

if TYPE_CHECKING:
    from firmware_sim.blocks import Source
    from firmware_sim.service import DevicePlan, FleetProgress, FleetReport

DAY_MS: Final = 86_400_000
GIVE_UP_AFTER_S: Final = 120.0
"""A device would wait for days; a person at a command line would not."""
MOST_DAYS: Final = 3_650


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("simulate")(simulate)
    app.command("replay")(replay)


def simulate(
    people: Annotated[int, typer.Option(help="How many virtual young people.", min=1)] = 8,
    days: Annotated[
        int, typer.Option(help="Days of history that end now.", min=0, max=MOST_DAYS)
    ] = 56,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people.")] = 1,
    scenario: Annotated[
        str, typer.Option(help="What happens to everybody in the last days.")
    ] = "none",
    live: Annotated[
        bool, typer.Option("--live", help="Go on in real time after the history.")
    ] = False,
    timezone: Annotated[str, typer.Option(help="Where they live.")] = "Europe/London",
    key_worker: Annotated[str | None, typer.Option(help="User name of their key worker.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Enrol virtual young people at the site that runs, and let their devices talk."""
    from firmware_sim.people import build_virtual_people  # noqa: PLC0415 -- other commands start without it
    from firmware_sim.scenarios import ScenarioName, usual_scenario  # noqa: PLC0415
    from firmware_sim.sources import HistoryThenLiveSource, Life  # noqa: PLC0415

    settings = start_command("simulate", data_dir)
    if scenario not in set(ScenarioName):
        raise UsageError(f"unknown scenario {scenario!r}; choose one of {', '.join(ScenarioName)}")
    zone_table(timezone)
    site = find_site(settings)
    started_ms = now_ms()
    happens = usual_scenario(ScenarioName(scenario), started_ms - 3 * DAY_MS)
    traits = build_virtual_people(people, seed)
    sources = [
        HistoryThenLiveSource(
            Life(one, timezone, (happens,), seed), started_ms - days * DAY_MS, started_ms, live=live
        )
        for one in traits
    ]
    labels = [f"V{seed}-{one.number}" for one in traits]

    async def work(stop: asyncio.Event) -> FleetReport:
        shards = await _enrol(site.database_url, labels, timezone, key_worker)
        plans = _plans(labels, shards, sources)
        return await run_with_progress(plans, site.device_broker_url, stop, people * days * 1440)

    _say_report(run_until_stopped(work))


def replay(
    paths: Annotated[list[Path], typer.Argument(help="Recorded files, or folders of them.")],
    speed: Annotated[str, typer.Option(help="Times real time, or `max`.")] = "max",
    timezone: Annotated[
        str | None,
        typer.Option(help="Time zone of naive times and of the person's days; UTC by default."),
    ] = None,
    shift_to_now: Annotated[
        bool,
        typer.Option("--shift-to-now", help="Move by whole days so that the history ends now."),
    ] = False,
    person: Annotated[
        str | None, typer.Option(help="Label of the person, where the files are of one.")
    ] = None,
    key_worker: Annotated[str | None, typer.Option(help="User name of their key worker.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Play recorded files to the site that runs, as a device would have sent them."""
    from firmware_sim.recordings import shift_to_now as shifted  # noqa: PLC0415 -- other commands start without it
    from firmware_sim.sources import RecordingSource  # noqa: PLC0415
    from firmware_sim.store import load_recordings  # noqa: PLC0415

    settings = start_command("replay", data_dir)
    factor = _speed(speed)
    recordings = load_recordings(paths, timezone)
    if person is not None and len(recordings) != 1:
        raise UsageError(f"--person names one person, but the files are of {len(recordings)}")
    if shift_to_now:
        recordings = [shifted(one, now_ms()) for one in recordings]
    for one in recordings:
        _say_about(one.person_label, one.ambiguous_rows, one.nonexistent_rows)
    labels = [person or one.person_label for one in recordings]
    site = find_site(settings)

    async def work(stop: asyncio.Event) -> FleetReport:
        shards = await _enrol(site.database_url, labels, timezone or "UTC", key_worker)
        sources = [RecordingSource(one, factor) for one in recordings]
        plans = _plans(labels, shards, sources)
        epochs = sum(len(one.time_ms) for one in recordings)
        return await run_with_progress(plans, site.device_broker_url, stop, epochs)

    _say_report(run_until_stopped(work))


async def run_with_progress(
    plans: Sequence[DevicePlan],
    broker_url: str,
    stop: asyncio.Event,
    epochs: int,
    give_up_after_s: float | None = GIVE_UP_AFTER_S,
) -> FleetReport:
    """Run devices with a progress bar of the readings that they sent."""
    from firmware_sim.service import run_devices  # noqa: PLC0415 -- other commands start without it

    bar = Progress(
        TextColumn("Readings sent"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[frames]:,} frames acknowledged"),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task("send", total=epochs or None, frames=0)

        def show(progress: FleetProgress) -> None:
            bar.update(task, completed=progress.readings, frames=progress.frames_acknowledged)

        return await run_devices(
            plans, broker_url, stop=stop, on_progress=show, give_up_after_s=give_up_after_s
        )


async def _enrol(
    database_url: str, labels: Sequence[str], timezone: str, key_worker: str | None
) -> list[int]:
    """Enrol people who are not known yet, with a device and their staff; return the shards."""
    async with await connect(database_url, Role.ENROL, "tidewell enrol") as connection:
        team = _team_for(await staff_members(connection), key_worker)
        return [await _enrol_one(connection, label, timezone, team) for label in labels]


async def _enrol_one(
    connection: Connection, label: str, timezone: str, team: Sequence[StaffMember]
) -> int:
    now = now_utc()
    one = await enrol_person(connection, label, now, preferred_name=label, timezone=timezone)
    await enrol_device(connection, device_name_of(label), one.person_id, now, model="virtual")
    if one.is_new:
        for member in team:
            kind = "key_worker" if member.role == "practitioner" else "clinician"
            await assign(connection, member.staff_id, one.person_id, kind, now)
    return one.shard


def _team_for(staff: Sequence[StaffMember], key_worker: str | None) -> list[StaffMember]:
    """Return the key worker and the clinicians who are to see a new person."""
    practitioners = [one for one in staff if one.role == "practitioner"]
    chosen = [one for one in practitioners if key_worker in (None, one.username)]
    if key_worker is not None and not chosen:
        raise UsageError(f"no practitioner signs in as {key_worker!r}")
    if len(chosen) > 1:
        names = ", ".join(one.username for one in chosen)
        raise UsageError(f"several practitioners work here; choose one with --key-worker: {names}")
    return [*chosen, *(one for one in staff if one.role == "clinician")]


def _plans(
    labels: Sequence[str], shards: Sequence[int], sources: Sequence[Source]
) -> list[DevicePlan]:
    from firmware_sim.intentions import FullPolicy  # noqa: PLC0415 -- other commands start without it
    from firmware_sim.service import DevicePlan  # noqa: PLC0415

    boot = now_ms() // 1000
    return [
        DevicePlan(device_name_of(label), shard, boot, source, FullPolicy.HOLD_SOURCE)
        for label, shard, source in zip(labels, shards, sources, strict=True)
    ]


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= 1e6:
        raise UsageError(f"--speed {text!r}: expected a number above 0, or max")
    return factor


def _say_about(label: str, ambiguous: int, nonexistent: int) -> None:
    if ambiguous:
        console.print(f"{label}: {ambiguous} rows lie in the hour that a change of clocks repeats")
    if nonexistent:
        console.print(
            f"{label}: {nonexistent} rows lie in the hour that a change of clocks leaves out"
        )


def _say_report(report: FleetReport) -> None:
    totals = report.totals
    say(
        f"{totals.readings:,} readings in {totals.frames_published:,} frames; "
        f"{totals.frames_acknowledged:,} acknowledged as committed in {report.elapsed_s:.1f} s"
    )
    if report.outcome.value == "stalled":
        raise ServerUnavailableError(
            f"nothing was acknowledged for {GIVE_UP_AFTER_S:.0f} s; see whether the site still runs"
        )
