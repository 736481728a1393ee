"""`tidewell demo`: the whole flow on real parts, with eight virtual young people.

Starts a site of its own in a folder of its own, streams eight weeks of history through MQTT as fast
as the pipeline takes it, and goes on live. With `--until-alert` it ends when the first alert was
handed to a channel, and its last line is one JSON object with what was counted, not assumed.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tidewell.clock import monotonic_s, now_ms, now_utc
from tidewell.commands import demo_agreements
from tidewell.commands.demo_past import DemoNumbers, play_past
from tidewell.commands.devices import run_with_progress
from tidewell.commands.shared import console, run_until_stopped, say, start_command
from tidewell.database import Connection, Queries, Role, connect
from tidewell.demo_people import (
    ASKS_AT_NIGHT,
    DEMO_DAYS,
    DEMO_PASSWORD,
    DEMO_SEED,
    DEMO_SIGN_INS,
    DEMO_TIMEZONE,
    STORIES,
    WORRIED_ABOUT,
    DemoSignIn,
    Story,
)
from tidewell.device_credentials import give_secrets
from tidewell.enrolment import (
    add_sign_in,
    add_staff,
    add_team,
    assign,
    device_name_of,
    enrol_device,
    enrol_person,
)
from tidewell.errors import ServerError
from tidewell.settings import Settings
from tidewell.small_site import Addresses, RunningSite, running_site

if TYPE_CHECKING:
    from firmware_sim.scenarios import Scenario
    from firmware_sim.service import DevicePlan, FleetReport

DAY_MS: Final = 86_400_000
MINUTES_A_DAY: Final = 1_440
ALERT_WITHIN_S: Final = 300.0
"""From servers up to the first alert; far above what it takes, so a slow machine still ends."""

PASSABLE: Final = 0o711
"""As root the database works as another account, which has to pass through the folder."""

_QUERIES: Final = Queries("tidewell", "small_site.sql")


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("demo")(demo)


def demo(
    until_alert: Annotated[
        bool, typer.Option("--until-alert", help="End once the first alert was handed over.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Port of the pages; 0 takes a free one.")] = None,
) -> None:
    """Show everything with virtual people: from a device to a person's alert, in one command."""
    settings = start_command("demo").model_copy(update={"demo": True})
    if port is not None or until_alert:
        settings = settings.model_copy(update={"portal_port": port or 0})

    async def work(stop: asyncio.Event) -> dict[str, object] | None:
        with tempfile.TemporaryDirectory(prefix="tidewell-demo-") as folder:
            Path(folder).chmod(PASSABLE)  # noqa: ASYNC240 -- one call, before anything else runs
            return await _play(settings, Path(folder), stop, until_alert=until_alert)

    outcome = run_until_stopped(work)
    if outcome is not None:
        say(json.dumps(outcome))


async def _play(
    settings: Settings, folder: Path, stop: asyncio.Event, *, until_alert: bool
) -> dict[str, object] | None:
    console.print("Starting the database and the broker")
    async with running_site(settings, folder) as site:
        servers_up_s = monotonic_s()
        shards, secrets = await _enrol_everybody(site.addresses.database_url)
        console.print("Starting ingest, alerts and the pages")
        await site.start_stages()
        _introduce(site)
        plans = _plans(shards, secrets, live=not until_alert)
        streaming = asyncio.create_task(
            _stream(plans, site.addresses, stop, until_alert=until_alert)
        )
        watching = asyncio.create_task(site.watch(stop))
        try:
            if until_alert:
                return await _until_alert(site, streaming, watching, stop, servers_up_s)
            await asyncio.wait({streaming, watching}, return_when=asyncio.FIRST_COMPLETED)
            await watching if watching.done() else await streaming
            return None
        finally:
            stop.set()
            await asyncio.gather(streaming, watching, return_exceptions=True)


async def _until_alert(
    site: RunningSite,
    streaming: asyncio.Task[FleetReport],
    watching: asyncio.Task[None],
    stop: asyncio.Event,
    servers_up_s: float,
) -> dict[str, object] | None:
    """Wait for the first alert and for the end of the history, then count."""
    first = asyncio.create_task(_first_alert(site.addresses.database_url, stop))
    await asyncio.wait(
        {first, watching}, timeout=ALERT_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
    )
    if not first.done():
        first.cancel()
        site.raise_if_a_stage_ended()
        raise ServerError(
            f"no alert was handed over within {ALERT_WITHIN_S:.0f} s; see the messages above"
        )
    handed_over_s = await first
    if stop.is_set():
        return None
    report = await streaming
    async with await connect(
        site.addresses.database_url, Role.INGEST, "tidewell demo"
    ) as connection:
        committed, dead_lettered = await _one(connection, "frame_counts")
        (readings,) = await _one(connection, "reading_count")
    async with await connect(
        site.addresses.database_url, Role.ALERTS, "tidewell demo"
    ) as connection:
        (alerts,) = await _one(connection, "alert_count")
    return {
        "seconds_to_first_alert": round(handed_over_s - servers_up_s, 1),
        "frames_published": report.totals.frames_published,
        "frames_committed": committed,
        "frames_dead_lettered": dead_lettered,
        "readings": readings,
        "frames_per_second": round(report.totals.frames_acknowledged / report.elapsed_s),
        "alerts": alerts,
    }


async def _first_alert(database_url: str, stop: asyncio.Event) -> float:
    """Wait until an alert was handed to a channel and return when that was seen."""
    async with await connect(
        database_url, Role.ALERTS, "tidewell demo", autocommit=True
    ) as connection:
        while not stop.is_set():
            (handed_over,) = await _one(connection, "handed_over")
            if handed_over:
                break
            await asyncio.sleep(0.1)
    return monotonic_s()


async def _stream(
    plans: list[DevicePlan], addresses: Addresses, stop: asyncio.Event, *, until_alert: bool
) -> FleetReport:
    epochs = len(plans) * DEMO_DAYS * MINUTES_A_DAY
    patience_s = ALERT_WITHIN_S if until_alert else None
    return await run_with_progress(plans, addresses, stop, epochs, patience_s)


async def _one(connection: Connection, name: str) -> tuple[int, ...]:
    row = await (await connection.execute(_QUERIES[name])).fetchone()
    assert row is not None  # each of these queries returns one row
    return tuple(row)


async def _enrol_everybody(database_url: str) -> tuple[list[int], dict[str, str]]:
    """Enrol the demo's people and staff as of when the history begins, and play their past.

    Return the people's shards and their devices' secrets.
    """
    now = now_utc()
    since = now - timedelta(days=DEMO_DAYS)
    async with await connect(database_url, Role.ENROL, "tidewell demo") as connection:
        team_id = await add_team(connection, "Harbour team", since)
        people = [await _enrol_story(connection, place, since) for place in range(len(STORIES))]
        known = [person_id for person_id, _ in people]
        staff = {
            one.username: await _enrol_sign_in(connection, one, team_id, known, since)
            for one in DEMO_SIGN_INS
        }
        await demo_agreements.agree(connection, staff["admin"], known, since, now)
        names = [device_name_of(_label(place)) for place in range(len(STORIES))]
        secrets = await give_secrets(connection, names, now)
    numbers = DemoNumbers(
        key_worker=staff["worker"],
        cover=staff["colleague"],
        clinician=staff["clinician"],
        manager=staff["manager"],
        worried_about=known[WORRIED_ABOUT],
        asks_at_night=known[ASKS_AT_NIGHT],
    )
    await play_past(database_url, numbers, now, random.Random(DEMO_SEED))  # noqa: S311 -- codes of virtual people's alerts
    return [shard for _, shard in people], secrets


async def _enrol_story(connection: Connection, place: int, since: datetime) -> tuple[int, int]:
    story, label, now = STORIES[place], _label(place), since
    person = await enrol_person(
        connection,
        label,
        now,
        preferred_name=story.preferred_name,
        timezone=DEMO_TIMEZONE,
        reading_level=story.reading_level,
    )
    name = device_name_of(label)
    await enrol_device(
        connection, name, person.person_id, now, model="virtual", from_the_start=True
    )
    return person.person_id, person.shard


async def _enrol_sign_in(
    connection: Connection, one: DemoSignIn, team_id: int, people: list[int], since: datetime
) -> int:
    """Let somebody sign in; return the number of a member of staff, and 0 for a young person."""
    from portal.passwords import hash_password  # noqa: PLC0415 -- argon2 is only needed here

    password_hash = await asyncio.to_thread(hash_password, DEMO_PASSWORD)
    if one.story is not None:
        person_id = people[one.story]
        await add_sign_in(connection, one.username, password_hash, since, person_id=person_id)
        return 0
    staff_id = await add_staff(
        connection,
        one.role,
        one.display_name,
        team_id,
        since,
        is_service_manager=one.is_service_manager,
    )
    await add_sign_in(connection, one.username, password_hash, since, staff_id=staff_id)
    if one.knows is not None:
        for person_id in people:
            await assign(connection, staff_id, person_id, one.knows, since)
    return staff_id


def _plans(shards: list[int], secrets: dict[str, str], *, live: bool) -> list[DevicePlan]:
    from firmware_sim.intentions import FullPolicy  # noqa: PLC0415 -- other commands start without it
    from firmware_sim.people import build_virtual_people  # noqa: PLC0415
    from firmware_sim.service import DevicePlan  # noqa: PLC0415
    from firmware_sim.sources import HistoryThenLiveSource, Life  # noqa: PLC0415

    started_ms = now_ms()
    people = build_virtual_people(len(STORIES), DEMO_SEED)
    plans = []
    for place, (traits, story) in enumerate(zip(people, STORIES, strict=True)):
        life = Life(traits, DEMO_TIMEZONE, _scenarios(story, started_ms), DEMO_SEED)
        source = HistoryThenLiveSource(life, started_ms - DEMO_DAYS * DAY_MS, started_ms, live=live)
        name = device_name_of(_label(place))
        plans.append(
            DevicePlan(
                name,
                shards[place],
                started_ms // 1000,
                source,
                FullPolicy.HOLD_SOURCE,
                secret=secrets[name],
            )
        )
    return plans


def _scenarios(story: Story, started_ms: int) -> tuple[Scenario, ...]:
    from firmware_sim.scenarios import Scenario, ScenarioName  # noqa: PLC0415 -- other commands start without it

    return tuple(
        Scenario(
            ScenarioName(one.scenario),
            started_ms - round(one.days_ago * DAY_MS),
            round(one.days_long * DAY_MS),
            strength=one.strength,
        )
        for one in story.chapters
    )


def _label(place: int) -> str:
    return f"D-{place + 1:02}"


def _introduce(site: RunningSite) -> None:
    say(f"\nTidewell's demo is at {site.addresses.portal_url}")
    for one in DEMO_SIGN_INS:
        say(f"  {one.who:<24} user name {one.username:<10} password {DEMO_PASSWORD}")
    worried, asked = STORIES[WORRIED_ABOUT].preferred_name, STORIES[ASKS_AT_NIGHT].preferred_name
    say("What to look at:")
    say("  as worker    My people: new alerts within a minute; open one, “I'm on it”, close it")
    say(f"               {worried}, then Alerts: nobody answered, so it went on to a colleague")
    say(f"               {asked}, then Alerts: asked in the evening, held until the morning")
    say("  as sam       My week, and “Ask my worker to check in”; then look as worker again")
    say("  as admin     who would not be reached this week; How alerts are doing; Agreements")
    say("The past has working hours, from now on there are none: people are told by day and night.")
    say("Messages to staff appear in this window.")
    say("These are virtual people. Tidewell is not an emergency service and not a medical device.")
    say("Ctrl-C stops everything.\n")
