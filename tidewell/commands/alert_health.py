"""`tidewell alert health`: how alerts did in the last days, in figures about nobody in them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from tidewell.alert_health.figures import Group, Health
from tidewell.alert_health.store import DAYS_MOST, read_health
from tidewell.clock import now_utc
from tidewell.commands.shared import DataDir, say, start_command
from tidewell.database import Role, connect
from tidewell.small_site import find_site


def health(
    days: Annotated[int, typer.Option(min=1, max=DAYS_MOST, help="How far back.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Say how many alerts there were, how soon they were answered, how often they were right."""
    settings = start_command("alert", data_dir)
    found = asyncio.run(_read(find_site(settings).database_url, days))
    if as_json:
        say(json.dumps(asdict(found), indent=2))
        return
    for line in health_lines(found):
        say(line)


async def _read(url: str, days: int) -> Health:
    async with await connect(url, Role.PORTAL, "tidewell alert health") as connection:
        return await read_health(connection, now_utc(), days)


def health_lines(found: Health) -> list[str]:
    """Return the figures as lines."""
    lines = [f"{found.people} people, the last {found.days} days", _line("all", found.total)]
    for title, groups in (("level", found.levels), ("rule", found.rules), ("team", found.teams)):
        lines += [_line(f"{title} {one.counts.name or 'none'}", one) for one in groups]
    for one in found.unreached:
        why = "has no address" if one.has_no_address else "no message was handed over"
        lines.append(f"never reached: {one.name}, {one.alerts} alerts, {why}")
    return lines


def _line(name: str, group: Group) -> str:
    counts, precision = group.counts, group.precision
    right = "not enough yet"
    if precision is not None:
        share = precision.right / precision.judged
        right = f"{share:.0%} of {precision.judged} ({precision.low:.0%} to {precision.high:.0%})"
    rate = "too few people" if group.per_person_month is None else f"{group.per_person_month:g}"
    parts = [
        f"{counts.alerts} alerts",
        f"per person-month {rate}",
        f"right {right}",
        f"accepted in {_hours(counts.accept_s)}",
        f"closed in {_hours(counts.close_s)}",
        f"escalated {counts.escalated}",
        f"held {counts.held}",
        f"out of hours {counts.out_of_hours}",
    ]
    return f"{name}: {', '.join(parts)}"


def _hours(seconds: list[float] | None) -> str:
    if seconds is None:
        return "-"
    return " / ".join(f"{one / 3_600:.1f} h" for one in seconds)
