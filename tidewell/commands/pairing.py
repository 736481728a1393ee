"""`tidewell simulate --pair`: one virtual device that pairs with a code, as a real one would.

It knows the site's address and the code and nothing else: no database, no enrolment.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tidewell.clock import now_ms
from tidewell.commands.shared import run_until_stopped, say
from tidewell.errors import ServerUnavailableError
from tidewell.settings import Settings

if TYPE_CHECKING:
    from firmware_sim.blocks import Source
    from firmware_sim.service import FleetReport


def simulate_paired(
    settings: Settings, site: str, code: str, source: Source, epochs: int, give_up_after_s: float
) -> FleetReport:
    """Pair, say as what, and send everything of a source.

    Raises:
        UsageError: the code does not fit.
        ServerUnavailableError: the site or its broker did not answer.
    """
    from firmware_sim.intentions import FullPolicy  # noqa: PLC0415 -- other commands start without it
    from firmware_sim.pairing.service import pair  # noqa: PLC0415
    from firmware_sim.service import DevicePlan, run_devices  # noqa: PLC0415

    async def work(stop: asyncio.Event) -> FleetReport:
        paired = await pair(site, code)
        say(f"Paired: it sends as {paired.device_name}.")
        plan = DevicePlan(
            paired.device_name,
            paired.shard,
            now_ms() // 1000,
            source,
            FullPolicy.HOLD_SOURCE,
            secret=paired.secret,
        )
        return await run_devices(
            [plan],
            paired.broker_url,
            stop=stop,
            on_progress=lambda _: None,
            give_up_after_s=give_up_after_s,
            authority=settings.broker_ca,
        )

    report = run_until_stopped(work)
    totals = report.totals
    say(
        f"{totals.readings:,} of {epochs:,} readings in {totals.frames_published:,} frames; "
        f"{totals.frames_acknowledged:,} acknowledged as committed in {report.elapsed_s:.1f} s"
    )
    if report.outcome.value == "stalled":
        raise ServerUnavailableError(
            f"nothing was acknowledged for {give_up_after_s:.0f} s; see whether the site still runs"
        )
    return report
