"""Carries the faults of a run out, one task each, and takes every one of them back.

A fault that cannot happen here, or found nothing to break at its moment, says why and is counted
apart: a fault that did not happen must never look like one that was survived.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from typing import TYPE_CHECKING, Final

import aiomqtt
import psycopg

from bench.faulting.broken_site import LEASE_S, Site
from bench.faulting.devices import ANSWER_WITHIN_S, LedgerDevice, client_of
from bench.faulting.making import POISONS, make_garbage
from bench.faulting.provider import Mood, Provider
from bench.faulting.proxy import Mode, Proxy, Trap
from bench.faulting.schedule import Fault, Planned
from bench.faulting.stages import ALERTS, INGEST, Stage
from bench.faulting.waiting import until
from tidewell.clock import monotonic_s
from tidewell.crashpoints import CrashPoint
from tidewell.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path
    from random import Random

TRAP_WITHIN_S: Final = 8.0
"""Ingest may be between two leases; longer than that is not waited for."""
CRASH_WITHIN_S: Final = 12.0
"""A process that was to die at a named place and did not by then dies there and then."""
DEAF_S: Final = (2.0, 4.0)
BAD_LINE_S: Final = (1.5, 3.0)
MOOD_S: Final = (2.0, 4.0)
FULL_S: Final = 2.0
BALLAST_BYTES: Final = 1 << 20
FLOOD_FRAMES: Final = 600
"""Ten minutes of a device at once: more than a batch takes while the others go on."""
STORMS: Final = 3
TAKEOVERS: Final = 4
GARBAGE_MESSAGES: Final = 40
FREEZE_AT_PASS_MOST: Final = 8
COPYING: Final = b"COPY "
"""Readings go straight into their table, or by way of another one."""
COMMITTING: Final = b"COMMIT\x00"

INGEST_POINTS: Final = (
    (CrashPoint.BEFORE_TRANSACTION, 12),
    (CrashPoint.AFTER_COPY_BEFORE_COMMIT, 12),
    (CrashPoint.BEFORE_COMMIT, 12),
    (CrashPoint.AFTER_COMMIT_BEFORE_CONFIRM, 12),
    (CrashPoint.AFTER_CONFIRM_BEFORE_ACK, 12),
    (CrashPoint.IN_RECOVERY, 4),
)
ALERT_POINTS: Final = (
    (CrashPoint.AFTER_INTAKE, 3),
    (CrashPoint.AFTER_CLAIM, 3),
    (CrashPoint.AFTER_SEND_BEFORE_MARK, 3),
    (CrashPoint.AFTER_MARK, 3),
)
"""Places to die at, and at which passing of them at the latest."""


class _NothingToBreakError(Exception):
    """The fault found nothing to break; the text says why."""


class Nemesis:
    """Breaks one site."""

    def __init__(
        self, site: Site, provider: Provider, devices: Sequence[LedgerDevice], rng: Random
    ) -> None:
        self.happened: Counter[str] = Counter()
        self.skipped: dict[str, str] = {}
        self.server_kills = 0
        self._site = site
        self._provider = provider
        self._devices = devices
        self._rng = rng
        self._line = asyncio.Lock()
        self._disk = asyncio.Lock()

    @property
    def kills(self) -> int:
        """Return how many processes ended by SIGKILL: at random, at named places, and servers."""
        return self.server_kills + sum(one.kills + one.crashes for one in self._site.stages)

    async def run(self, planned: Sequence[Planned]) -> None:
        """Begin each fault at its time, and return when the last one has been taken back."""
        started_s = monotonic_s()
        async with asyncio.TaskGroup() as group:
            for one in planned:
                await asyncio.sleep(max(0.0, started_s + one.at_s - monotonic_s()))
                group.create_task(self._do(one.fault))

    async def _do(self, fault: Fault) -> None:
        try:
            await self._deed(fault)()
        except _NothingToBreakError as reason:
            self.skipped[fault.value] = str(reason)
        except (psycopg.Error, aiomqtt.MqttError, ServerError, OSError) as error:
            why = type(error).__name__
            self.skipped[fault.value] = f"another fault was in the way ({why})"
        else:
            self.happened[fault.value] += 1

    def _deed(self, fault: Fault) -> Callable[[], Awaitable[None]]:
        site, proxies = self._site, self._site.proxies
        deeds: dict[Fault, Callable[[], Awaitable[None]]] = {
            Fault.KILL_INGEST: lambda: self._kill(INGEST),
            Fault.KILL_ALERTS: lambda: self._kill(ALERTS),
            Fault.CRASH_INGEST: lambda: self._crash(INGEST, INGEST_POINTS),
            Fault.CRASH_ALERTS: lambda: self._crash(ALERTS, ALERT_POINTS),
            Fault.KILL_BROKER: lambda: self._kill_server("broker", wipe=False),
            Fault.WIPE_BROKER: lambda: self._kill_server("broker", wipe=True),
            Fault.KILL_DATABASE: lambda: self._kill_server("database", wipe=False),
            Fault.KILL_BACKEND: self._kill_backend,
            Fault.STOP_BROKER: lambda: site.restart(site.nats, signal.SIGTERM, wipe=False),
            Fault.STOP_DATABASE_AT_ONCE: lambda: site.restart(
                site.postgres, signal.SIGQUIT, wipe=False
            ),
            Fault.TERMINATE_IN_COPY: self._terminate_in_copy,
            Fault.LOSE_ANSWER_TO_COMMIT: self._lose_answer,
            Fault.CUT_DATABASE: lambda: self._cut(
                self._rng.choice((proxies.ingest_database, proxies.alerts_database))
            ),
            Fault.CUT_BROKER: lambda: self._cut(proxies.ingest_broker),
            Fault.DEAF_DATABASE: lambda: self._line_is(
                Mode.DEAF, self._rng.choice((proxies.ingest_database, proxies.alerts_database))
            ),
            Fault.DEAF_BROKER: lambda: self._line_is(Mode.DEAF, proxies.ingest_broker),
            Fault.DEAF_DEVICES: lambda: self._line_is(Mode.DEAF, proxies.device_broker),
            Fault.SLICED: lambda: self._line_is(Mode.SLICED, self._rng.choice(proxies.all)),
            Fault.SLOW: lambda: self._line_is(Mode.SLOW, self._rng.choice(proxies.all)),
            Fault.FREEZE_INGEST: self._freeze,
            Fault.FREEZE_BEFORE_COMMIT: self._freeze_before_commit,
            Fault.DISK_FULL: self._fill_disk,
            Fault.FLOOD: self._flood,
            Fault.RECONNECT_STORM: self._storm,
            Fault.POISON: self._poison,
            Fault.GARBAGE: self._garbage,
            Fault.TAKE_SESSION_OVER: self._take_over,
            Fault.PROVIDER_HANGS: lambda: self._mood(Mood.HANGS),
            Fault.PROVIDER_BROKEN: lambda: self._mood(Mood.BROKEN),
            Fault.PROVIDER_BUSY: lambda: self._mood(Mood.BUSY),
            Fault.PROVIDER_DROPS: lambda: self._mood(Mood.DROPS),
        }
        return deeds[fault]

    # -- processes

    async def _kill(self, kind: str) -> None:
        stage = await self._victim(kind)
        if not stage.kill():
            raise _NothingToBreakError("the process was down already")

    async def _crash(self, kind: str, points: Sequence[tuple[CrashPoint, int]]) -> None:
        """Start a process again so that it dies at a named place."""
        stage = await self._victim(kind)
        point, most = self._rng.choice(points)
        crashes = stage.crashes
        stage.crash_at_next_start(point, self._rng.randint(1, most))
        stage.kill()
        died = await until(lambda: stage.crashes > crashes, CRASH_WITHIN_S)
        self.happened[f"at {point.value}" if died else "never came to its place"] += 1
        if not died:
            stage.kill()

    async def _victim(self, kind: str) -> Stage:
        """Return the process to be hit: of ingest one that holds shards, if any does."""
        stages = self._site.of_kind(kind)
        if kind == INGEST:
            with contextlib.suppress(psycopg.Error):
                holders = {owner for owner, _ in await self._site.ask("holders")}
                stages = [one for one in stages if one.name in holders] or stages
        return self._rng.choice(stages)

    async def _freeze(self) -> None:
        """Freeze the holder of shards until others must have taken them; then let it go on."""
        stage = await self._victim(INGEST)
        if not stage.freeze():
            raise _NothingToBreakError("the process was down already")
        await self._thaw_beyond_lease(stage)

    async def _freeze_before_commit(self) -> None:
        """Freeze it with a batch in hand and no lock held: only the fence refuses its commit."""
        stage = await self._victim(INGEST)
        stage.freeze_at_next_start(
            CrashPoint.BEFORE_TRANSACTION, self._rng.randint(1, FREEZE_AT_PASS_MOST)
        )
        stage.kill()
        if not await until(lambda: stage.is_frozen, CRASH_WITHIN_S):
            stage.kill()
            raise _NothingToBreakError("it committed nothing meanwhile")
        await self._thaw_beyond_lease(stage)

    async def _thaw_beyond_lease(self, stage: Stage) -> None:
        try:
            await asyncio.sleep(LEASE_S * self._rng.uniform(1.6, 2.2))
        finally:
            stage.thaw()

    # -- servers

    async def _kill_server(self, which: str, *, wipe: bool) -> None:
        server = self._site.nats if which == "broker" else self._site.postgres
        await self._site.restart(server, signal.SIGKILL, wipe=wipe)
        self.server_kills += 1

    async def _kill_backend(self) -> None:
        backends = await self._site.ask("backends")
        if not backends:
            raise _NothingToBreakError("nobody was connected")
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(str(self._rng.choice(backends)[0])), signal.SIGKILL)
            self.server_kills += 1

    async def _terminate_in_copy(self) -> None:
        async def terminate(port: int) -> None:
            with contextlib.suppress(psycopg.Error):
                for (pid,) in await self._site.ask("backend_of_port", port=port):
                    await self._site.ask("terminate", pid=pid)

        await self._trap(Trap(COPYING, terminate))

    async def _lose_answer(self) -> None:
        await self._trap(Trap(COMMITTING))

    async def _trap(self, trap: Trap) -> None:
        async with self._line:
            proxy = self._site.proxies.ingest_database
            proxy.set_trap(trap)
            try:
                async with asyncio.timeout(TRAP_WITHIN_S):
                    await trap.sprung.wait()
            except TimeoutError:
                raise _NothingToBreakError("ingest wrote nothing meanwhile") from None
            finally:
                proxy.set_trap(None)

    async def _fill_disk(self) -> None:
        if not self._site.has_own_disk:
            raise _NothingToBreakError("no small disk could be mounted; that takes root")
        async with self._disk:
            ballast = self._site.folder / "ballast"
            try:
                await asyncio.to_thread(_fill, ballast)
                await asyncio.sleep(FULL_S)
            finally:
                await asyncio.to_thread(_remove, ballast)
            await self._site.settle_servers()

    # -- lines

    async def _cut(self, proxy: Proxy) -> None:
        await proxy.cut()

    async def _line_is(self, mode: Mode, proxy: Proxy) -> None:
        """Keep a line in a mode for a while; one at a time, so that each is taken back."""
        async with self._line:
            await proxy.switch(mode)
            try:
                lasts_s = DEAF_S if mode is Mode.DEAF else BAD_LINE_S
                await asyncio.sleep(self._rng.uniform(*lasts_s))
            finally:
                await proxy.switch(Mode.OPEN)

    # -- devices

    async def _flood(self) -> None:
        self._devices[0].flood(FLOOD_FRAMES)

    async def _poison(self) -> None:
        for kind in POISONS:
            self._rng.choice(self._devices).poison(kind)

    async def _storm(self) -> None:
        for _ in range(STORMS):
            await self._site.proxies.device_broker.cut()
            await asyncio.sleep(self._rng.uniform(0.2, 1.0))

    async def _garbage(self) -> None:
        """Publish what is no frame at all, under the topic of a device that has others to send."""
        device = self._rng.choice(self._devices)
        client_id = f"garbage-{self._rng.getrandbits(64):x}"
        async with client_of(device.url, client_id, ANSWER_WITHIN_S) as client:
            for _ in range(GARBAGE_MESSAGES):
                await client.publish(f"{device.topic}/frame", make_garbage(self._rng), qos=1)

    async def _take_over(self) -> None:
        """Sign in again and again under the client id of a device that is connected."""
        device = self._rng.choice(self._devices)
        for _ in range(TAKEOVERS):
            async with client_of(device.url, device.client_id, ANSWER_WITHIN_S):
                await asyncio.sleep(self._rng.uniform(0.1, 0.5))

    async def _mood(self, mood: Mood) -> None:
        self._provider.mood = mood
        try:
            await asyncio.sleep(self._rng.uniform(*MOOD_S))
        finally:
            self._provider.mood = Mood.WELL


def _fill(path: Path) -> None:
    """Write until there is no room left, as other people's files do on a shared disk."""
    block = bytes(BALLAST_BYTES)
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as ballast:
        while ballast.write(block):
            pass


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
