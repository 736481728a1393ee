"""Processes that are not: tasks with a name, which can be killed or frozen at any await.

Promises: a killed process does nothing more outside itself. Its sessions at the database and the
broker are cut first, so that what its tasks do while they end reaches nobody; its transactions roll
back. A frozen process keeps its sessions and what it holds, and stands still at its next word with
the outside.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from tests.simulation.virtual_time import set_wall_clock

PROCESS: Final[contextvars.ContextVar[Process]] = contextvars.ContextVar("process")
ENDING_TURNS_MOST: Final = 200
"""Turns of the loop that the tasks of a killed process get to end."""


@dataclass(eq=False)
class Process:
    """One start of one part."""

    name: str
    clock_offset_ms: int = 0
    is_dead: bool = False
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    cuts: list[Callable[[], None]] = field(default_factory=list)
    main: asyncio.Task[Any] | None = None
    _thawed: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Begin."""
        self._thawed.set()
        context = contextvars.copy_context()
        context.run(PROCESS.set, self)
        context.run(set_wall_clock, lambda: self.clock_offset_ms)
        self.main = asyncio.get_running_loop().create_task(_own(work), context=context)

    async def speak(self) -> None:
        """Wait while frozen; call before anything that the outside can see."""
        while not self._thawed.is_set():
            await self._thawed.wait()
        if self.is_dead:
            raise asyncio.CancelledError(f"{self.name} was killed")

    @property
    def is_frozen(self) -> bool:
        """Return whether it stands still."""
        return not self._thawed.is_set()

    def freeze(self) -> None:
        """Stand still at the next word with the outside."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Go on."""
        self._thawed.set()

    async def kill(self) -> None:
        """End at once, wherever each of its tasks is."""
        self.is_dead = True
        for cut in self.cuts:
            cut()
        self.thaw()
        for _ in range(ENDING_TURNS_MOST):
            left = [task for task in self.tasks if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            await asyncio.sleep(0)
        raise AssertionError(f"{self.name} does not end when it is killed")

    @property
    def has_ended(self) -> bool:
        """Return whether its main task has ended."""
        return self.main is not None and self.main.done()


async def _own(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401 -- what the work returns
    return await work()


def make_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    *,
    context: contextvars.Context | None = None,
) -> asyncio.Task[Any]:
    """Make a task, and note whose it is; the loop's task factory."""
    task = asyncio.Task(coroutine, loop=loop, context=context)
    process = context.get(PROCESS) if context is not None else PROCESS.get(None)
    if process is not None:
        process.tasks[task] = None
        task.add_done_callback(lambda done: process.tasks.pop(done, None))
    return task
