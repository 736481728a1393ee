"""Runs a fleet of devices in one event loop: `tidewell simulate` and `tidewell replay`.

It ends when every frame of every finite source is acknowledged by the service, when it is told to
stop, or when nothing was acknowledged for as long as the caller has patience. It never reports a
frame as acknowledged because a broker took it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from firmware_sim.device_clock import ClockError, DeviceClock
from firmware_sim.firmware import Firmware
from firmware_sim.intentions import DeviceIdentity, FullPolicy
from firmware_sim.mqtt import Broker, ConnectionTrouble, Device, parse_broker_url
from tidewell.clock import monotonic_s, now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from firmware_sim.blocks import Source

PROGRESS_EVERY_S: Final = 0.25
"""As often as a progress bar can be read."""


class FleetOutcome(StrEnum):
    """Why the fleet ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """One device to run. `boot` must be higher than ever before: unix seconds are.

    With a `secret` it signs in as itself, else with the account in the broker's address.
    """

    device_name: str
    shard: int
    boot: int
    source: Source
    policy: FullPolicy
    clock_error: ClockError = field(default_factory=ClockError)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FleetProgress:
    """Where the fleet stands. A reading is one epoch of one device, whatever channels it has."""

    frames_published: int
    frames_acknowledged: int
    frames_retransmitted: int
    frames_dropped: int
    readings: int
    devices_connected: int
    devices_done: int
    last_trouble: ConnectionTrouble | None


@dataclass(frozen=True, slots=True)
class FleetReport:
    """How it ended."""

    outcome: FleetOutcome
    totals: FleetProgress
    elapsed_s: float


async def run_devices(
    plans: Sequence[DevicePlan],
    broker_url: str,
    *,
    stop: asyncio.Event,
    on_progress: Callable[[FleetProgress], None],
    give_up_after_s: float | None = None,
    authority: Path | None = None,
) -> FleetReport:
    """Run these devices until all is acknowledged, `stop` is set, or patience ends.

    Args:
        authority: what the broker's certificate has to come from, where it is `mqtts://`.

    Raises:
        UsageError: the broker's address cannot be read.
        SettingsError: `authority` cannot be used.
    """
    broker = parse_broker_url(broker_url, authority)
    started_s = monotonic_s()
    fleet = [_device(broker, plan) for plan in plans]
    running = asyncio.gather(*(device.run() for device in fleet))
    patience = _Patience(give_up_after_s, started_s)
    stopping = asyncio.create_task(stop.wait())
    outcome = FleetOutcome.FINISHED
    try:
        while not running.done():
            watched: list[asyncio.Future[Any]] = [running]
            if outcome is FleetOutcome.FINISHED:
                watched.append(stopping)
            await asyncio.wait(
                watched,
                timeout=PROGRESS_EVERY_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            progress = _progress(fleet)
            on_progress(progress)
            if outcome is FleetOutcome.FINISHED and not running.done():
                outcome = patience.verdict(progress, monotonic_s(), told_to_stop=stop.is_set())
                if outcome is not FleetOutcome.FINISHED:
                    _stop_all(fleet)
        await running
    finally:
        stopping.cancel()
        running.cancel()
        await asyncio.gather(running, stopping, return_exceptions=True)
    return FleetReport(outcome, _progress(fleet), monotonic_s() - started_s)


class _Patience:
    """Knows since when nothing was acknowledged."""

    def __init__(self, give_up_after_s: float | None, started_s: float) -> None:
        self._give_up_after_s = give_up_after_s
        self._moved_at_s = started_s
        self._acknowledged = 0

    def verdict(
        self, progress: FleetProgress, elapsed_s: float, *, told_to_stop: bool
    ) -> FleetOutcome:
        if told_to_stop:
            return FleetOutcome.STOPPED
        if progress.frames_acknowledged != self._acknowledged:
            self._acknowledged = progress.frames_acknowledged
            self._moved_at_s = elapsed_s
        patience_s = self._give_up_after_s
        if patience_s is not None and elapsed_s - self._moved_at_s >= patience_s:
            return FleetOutcome.STALLED
        return FleetOutcome.FINISHED


def _device(broker: Broker, plan: DevicePlan) -> Device:
    identity = DeviceIdentity(plan.device_name, plan.shard, plan.boot)
    clock = DeviceClock(plan.clock_error, now_ms())
    firmware = Firmware(identity, plan.policy, clock, np.random.default_rng())
    if plan.secret is not None:
        broker = broker.as_device(plan.device_name, plan.secret)
    return Device(broker, firmware, plan.source)


def _stop_all(fleet: Sequence[Device]) -> None:
    for device in fleet:
        device.stop()


def _progress(fleet: Sequence[Device]) -> FleetProgress:
    troubles = [device.tally.last_trouble for device in fleet if device.tally.last_trouble]
    return FleetProgress(
        frames_published=sum(device.tally.frames_published for device in fleet),
        frames_acknowledged=sum(device.firmware.counts.frames_acknowledged for device in fleet),
        frames_retransmitted=sum(device.tally.frames_retransmitted for device in fleet),
        frames_dropped=sum(device.firmware.counts.frames_dropped for device in fleet),
        readings=sum(device.tally.readings for device in fleet),
        devices_connected=sum(device.tally.is_connected for device in fleet),
        devices_done=sum(device.is_done for device in fleet),
        last_trouble=troubles[-1] if troubles else None,
    )
