"""Trials of policies: a process of its own for each, looked after until it ends.

Promises: a backtest never holds up the pages or another check for longer than its turn; a process
that dies or takes too long is said to have failed; none is left behind when the pages stop. Its
question and its answer are a row of `policy_trial`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from aiohttp import web

from portal.admin.door import ENROL_POOL
from portal.context import NOW
from tidewell.clock import monotonic_s
from tidewell.database import Queries
from tidewell.logs import get_logger
from tidewell.process import stage_command
from tidewell.settings import FILE_SUFFIX, PREFIX

TRIAL_MOST_S: Final = 1_800.0
"""A backtest of a year of a large site takes minutes; after half an hour something is wrong."""

BEAT_S: Final = 10.0
LOST_AFTER: Final = timedelta(seconds=90)
"""Nine beats; the process that looked after the trial is gone."""

CHECKS_AT_ONCE: Final = 2
NO_ANSWER: Final = "It ended without an answer. Try it again; the log of the pages says more."
TOO_LONG: Final = "It took longer than half an hour and was ended. Try fewer days."
LOST: Final = "The pages were started again meanwhile. Try it again."

_QUERIES: Final = Queries("portal.admin", "policies.sql")


class TrialRunner:
    """Starts trials and looks after them."""

    def __init__(self, application: web.Application, database_url: str) -> None:
        self._application = application
        self._database_url = database_url
        self._tasks: set[asyncio.Task[None]] = set()
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._backtests = asyncio.Semaphore(1)

    async def run(self, trial_id: int, kind: str, wait_s: float) -> None:
        """Start a trial and wait for its end, but not for longer than `wait_s`."""
        turn = self._backtests if kind == "backtest" else self._checks
        task = asyncio.create_task(self._look_after(trial_id, turn), name=f"trial {trial_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=wait_s)

    async def close(self) -> None:
        """End every trial that runs."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_after(self, trial_id: int, turn: asyncio.Semaphore) -> None:
        words = NO_ANSWER
        try:
            async with turn:
                if not await self._process(trial_id):
                    words = TOO_LONG
        except asyncio.CancelledError:
            words = LOST
            raise
        finally:
            with contextlib.suppress(Exception):
                await self._write("give_up", trial_id, words)

    async def _process(self, trial_id: int) -> bool:
        """Run the process to its end; return whether it ended by itself."""
        process = await asyncio.create_subprocess_exec(
            *stage_command("try-policy", str(trial_id)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            env=self._environment(),
        )
        started_s = monotonic_s()
        try:
            while process.returncode is None and monotonic_s() - started_s < TRIAL_MOST_S:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), BEAT_S)
                await self._write("beat", trial_id, "")
            return process.returncode is not None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            get_logger().info("trial ended", trial=trial_id, status=process.returncode)

    async def _write(self, query: str, trial_id: int, words: str) -> None:
        now = self._application[NOW]()
        values = {"policy_trial_id": trial_id, "now": now, "words": words}
        async with self._application[ENROL_POOL].connection() as connection:
            await connection.execute(_QUERIES[query], values)

    def _environment(self) -> dict[str, str]:
        """Return our environment; the address of the database is in it, or is added."""
        environment = dict(os.environ)
        name = PREFIX + "DATABASE_URL"
        if name not in environment and name + FILE_SUFFIX not in environment:
            environment[name] = self._database_url
        return environment


TRIALS: Final = web.AppKey("trials", TrialRunner)


async def keep_trials(application: web.Application) -> AsyncIterator[None]:
    """End the trials when the application ends."""
    yield
    await application[TRIALS].close()
