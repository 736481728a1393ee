"""`tidewell simulate` and `tidewell replay`: devices that talk to a site which runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tidewell.clock import now_ms, now_utc
from tidewell.commands.credentials import until_let_in
from tidewell.commands.pairing import simulate_paired
from tidewell.commands.refusals import Refused, refusals_of, sentence
from tidewell.commands.shared import DataDir, console, run_until_stopped, say, start_command
from tidewell.database import Connection, Role, connect
from tidewell.device_credentials import give_secrets
from tidewell.enrolment import (
    StaffMember,
    assign,
    device_name_of,
    enrol_device,
    enrol_person,
    real_device_of,
    staff_members,
)
from tidewell.errors import ServerUnavailableError, UsageError
from tidewell.local_time import zone_table
from tidewell.small_site import Addresses, find_site

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
    seed: Annotated[int, typer.Option(help="The same seed gives the same people.", min=0)] = 1,
    scenario: Annotated[
        str, typer.Option(help="What happens to everybody in the last days.")
    ] = "none",
    live: Annotated[
        bool, typer.Option("--live", help="Go on in real time after the history.")
    ] = False,
    timezone: Annotated[str, typer.Option(help="Where they live.")] = "Europe/London",
    key_worker: Annotated[str | None, typer.Option(help="User name of their key worker.")] = None,
    pair: Annotated[
        str | None,
        typer.Option(
            help="A code from the pages: one device, enrolled already. The site refuses what is "
            "from before its first code; --live goes on from there."
        ),
    ] = None,
    portal: Annotated[
        str | None, typer.Option(help="With --pair: the address of the pages.")
    ] = None,
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
    started_ms = now_ms()
    happens = usual_scenario(ScenarioName(scenario), started_ms - 3 * DAY_MS)
    traits = build_virtual_people(people if pair is None else 1, seed)
    sources = [
        HistoryThenLiveSource(
            Life(one, timezone, (happens,), seed), started_ms - days * DAY_MS, started_ms, live=live
        )
        for one in traits
    ]
    if pair is not None:
        address = portal or find_site(settings).portal_url
        simulate_paired(settings, address, pair, sources[0], days * 1440, GIVE_UP_AFTER_S)
        return
    site = find_site(settings)
    labels = [f"V{seed}-{one.number}" for one in traits]

    async def work(stop: asyncio.Event) -> tuple[FleetReport, int, list[Refused]]:
        enrolled = await _enrol(site, labels, timezone, key_worker)
        plans = _plans(labels, enrolled, sources)
        return await _run_and_ask(plans, site, stop, people * days * 1440)

    _end_with(*run_until_stopped(work), may_be_stopped=live)


def replay(
    paths: Annotated[list[Path], typer.Argument(help="Recorded files, or folders of them.")],
    speed: Annotated[str, typer.Option(help="Times real time, or `max`.")] = "max",
    timezone: Annotated[
        str | None,
        typer.Option(
            help="Time zone of people's days, UTC by default; needed for naive times of a generic "
            "file; recordings of the study use UTC."
        ),
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

    async def work(stop: asyncio.Event) -> tuple[FleetReport, int, list[Refused]]:
        enrolled = await _enrol(site, labels, timezone, key_worker)
        sources = [RecordingSource(one, factor) for one in recordings]
        plans = _plans(labels, enrolled, sources)
        epochs = sum(len(one.time_ms) for one in recordings)
        return await _run_and_ask(plans, site, stop, epochs)

    _end_with(*run_until_stopped(work), may_be_stopped=False)


async def run_with_progress(
    plans: Sequence[DevicePlan],
    site: Addresses,
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
            plans,
            site.device_broker_url,
            stop=stop,
            on_progress=show,
            give_up_after_s=give_up_after_s,
            authority=site.broker_authority,
        )


async def _run_and_ask(
    plans: Sequence[DevicePlan], site: Addresses, stop: asyncio.Event, epochs: int
) -> tuple[FleetReport, int, list[Refused]]:
    """Run devices and say what they sent; return the report, for how many, and what was refused."""
    report = await run_with_progress(plans, site, stop, epochs)
    totals = report.totals
    say(
        f"{totals.readings:,} readings in {totals.frames_published:,} frames; "
        f"{totals.frames_acknowledged:,} acknowledged as committed in {report.elapsed_s:.1f} s"
    )
    boots = [(plan.device_name, plan.boot) for plan in plans]
    async with await connect(site.database_url, Role.INGEST, "tidewell devices") as connection:
        return report, len(plans), await refusals_of(connection, boots)


@dataclass(frozen=True, slots=True)
class _Enrolled:
    """What a virtual device has to know of itself."""

    shard: int
    secret: str | None


async def _enrol(
    site: Addresses, labels: Sequence[str], timezone: str | None, key_worker: str | None
) -> list[_Enrolled]:
    """Enrol people who are not known yet, with a device and their staff.

    Their devices get new secrets each time: nobody kept the ones before.
    """
    async with await connect(site.database_url, Role.ENROL, "tidewell enrol") as connection:
        team = _team_for(await staff_members(connection), key_worker)
        shards = [await _enrol_one(connection, label, timezone, team) for label in labels]
        names = [device_name_of(label) for label in labels]
        secrets: dict[str, str] = {}
        if site.devices_sign_in_as_themselves:
            secrets = await give_secrets(connection, names, now_utc())
    if secrets:
        await until_let_in(site, names[-1], secrets[names[-1]])
    return [_Enrolled(shard, secrets.get(name)) for shard, name in zip(shards, names, strict=True)]


async def _enrol_one(
    connection: Connection, label: str, timezone: str | None, team: Sequence[StaffMember]
) -> int:
    now = now_utc()
    zone = timezone or "UTC"
    one = await enrol_person(connection, label, now, preferred_name=label, timezone=zone)
    if timezone not in {None, one.timezone}:
        raise UsageError(
            f"{label} is enrolled with the time zone {one.timezone}, not {timezone}; "
            "leave --timezone out of it or choose another label"
        )
    if (device_name := await real_device_of(connection, one.person_id)) is not None:
        raise UsageError(
            f"{label} wears a real device, {device_name}; choose another label with --person"
        )
    name = device_name_of(label)
    await enrol_device(connection, name, one.person_id, now, model="virtual", from_the_start=True)
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
    labels: Sequence[str], enrolled: Sequence[_Enrolled], sources: Sequence[Source]
) -> list[DevicePlan]:
    from firmware_sim.intentions import FullPolicy  # noqa: PLC0415 -- other commands start without it
    from firmware_sim.service import DevicePlan  # noqa: PLC0415

    boot = now_ms() // 1000
    return [
        DevicePlan(
            device_name_of(label),
            one.shard,
            boot,
            source,
            FullPolicy.HOLD_SOURCE,
            secret=one.secret,
        )
        for label, one, source in zip(labels, enrolled, sources, strict=True)
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


def _end_with(
    report: FleetReport, devices: int, refusals: Sequence[Refused], *, may_be_stopped: bool
) -> None:
    """Say what was refused or left, and end with an error where not everything is stored."""
    for refused in refusals:
        say(sentence(refused))
    if report.outcome.value == "stalled":
        raise ServerUnavailableError(
            f"nothing was acknowledged for {GIVE_UP_AFTER_S:.0f} s; see whether the site still runs"
        )
    cut_short = report.outcome.value == "stopped" and not _is_complete(
        report, devices, may_be_stopped=may_be_stopped
    )
    if cut_short:
        say(
            f"Stopped early: {report.totals.devices_done} of {devices} devices had everything "
            "acknowledged; run it again for the rest"
        )
    if cut_short or refusals:
        raise typer.Exit(1)


def _is_complete(report: FleetReport, devices: int, *, may_be_stopped: bool) -> bool:
    """Return whether nothing is left to send; what goes on live has no end to wait for."""
    totals = report.totals
    if may_be_stopped:
        return totals.frames_acknowledged == totals.frames_published
    return totals.devices_done == devices
