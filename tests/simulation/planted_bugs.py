# ruff: noqa: ANN401 -- what is wrapped is passed on as it came, whatever its kind
"""Bugs that are planted on purpose, to see that the simulation and `bench faults` find them.

Each is a mistake that somebody could make in good faith. A test plants one in this process with
`planted`; `python -m tests.simulation.planted_bugs NAME -- tidewell ingest` runs a command with one
in it. Nothing outside `tests/` imports this, and no setting of Tidewell reaches it.
"""

from __future__ import annotations

import contextvars
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, Final
from unittest import mock

import alerts.sending.service as sending
import ingest.committing.service as committing
from alerts.sending.store import Claimed, mark_handed_over
from alerts.sending.store import claim as claim_usual
from ingest.batch import plan as plan_batch
from ingest.cursors import Kept
from ingest.leasing.store import Leases
from ingest.service import _Ingest
from ingest.store import QUERIES, Store, Transaction
from tidewell.errors import LeaseLostError

Plant = Callable[[ExitStack], None]

_INGEST: Final[contextvars.ContextVar[Any]] = contextvars.ContextVar("ingest")


def _ack_before_commit(patches: ExitStack) -> None:
    """Tell devices "committed up to n" when the batch is planned; the commit comes after."""
    usual_commit, usual_plan = _Ingest._commit, plan_batch

    async def commit(self: Any, *given: Any, **more: Any) -> Any:
        _INGEST.set(self)
        return await usual_commit(self, *given, **more)

    def plan(*given: Any, **more: Any) -> Any:
        made, ingest = usual_plan(*given, **more), _INGEST.get()
        for key, address in made.told.items():
            ingest._acks.note(address, key[1], made.cursors[key])
        ingest._send_acks()
        return made

    patches.enter_context(mock.patch.object(_Ingest, "_commit", commit))
    patches.enter_context(mock.patch.object(committing, "plan", plan))


def _cursor_before_rows(patches: ExitStack) -> None:
    """Commit the cursors of a batch in a transaction of their own, ahead of its readings."""
    usual_commit, usual_plan = committing.Worker.commit, plan_batch
    made_last: list[Any] = []

    def plan(*given: Any, **more: Any) -> Any:
        made_last[:] = [usual_plan(*given, **more)]
        return made_last[0]

    async def commit(self: Any, *given: Any, **more: Any) -> Any:
        hasty = _HastyStore(self._store, made_last, self._kept)
        with mock.patch.object(self, "_store", hasty):
            return await usual_commit(self, *given, **more)

    patches.enter_context(mock.patch.object(committing, "plan", plan))
    patches.enter_context(mock.patch.object(committing.Worker, "commit", commit))


class _HastyStore:
    """A store whose batches begin by committing where the cursors will be."""

    def __init__(self, store: Store, made: list[Any], kept: Mapping[Any, Any]) -> None:
        self._store = store
        self._made = made
        self._kept = kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def transaction(self, now: Any) -> AsyncIterator[Transaction]:
        made = self._made[0]
        moved = {
            key: Kept(cursor, self._kept[key].scored_upto if key in self._kept else -1)
            for key, cursor in made.cursors.items()
        }
        async with self._store.transaction(now) as ahead:
            await ahead.save_cursors(moved, made.tallies)
        async with self._store.transaction(now) as inner:
            yield inner


def _missing_fence(patches: ExitStack) -> None:
    """Renew as usual, and go on when told that the shards or the slot went to another worker.

    The database would end the transaction of whoever froze in it; that fence is open too.
    """
    usual_open = Store.open

    async def open_for_ever(*given: Any) -> Store:
        store = await usual_open(*given)
        await store._connection.execute(QUERIES["give_up_when_idle"], {"most": "0s"})
        return store

    usual_renew, usual_renew_slot = Leases.renew, Leases.renew_slot

    async def renew(self: Leases, *given: Any) -> None:
        with suppress(LeaseLostError):
            await usual_renew(self, *given)

    async def renew_slot(self: Leases) -> int:
        with suppress(LeaseLostError):
            return await usual_renew_slot(self)
        return 1

    patches.enter_context(mock.patch.object(Store, "open", open_for_ever))
    patches.enter_context(mock.patch.object(Leases, "renew", renew))
    patches.enter_context(mock.patch.object(Leases, "renew_slot", renew_slot))


def _marked_before_sent(patches: ExitStack) -> None:
    """Mark a message as handed over, and hand it over then."""
    usual = claim_usual

    async def claim(desk: Any, channel: str, owner: str) -> list[Claimed]:
        claims = await usual(desk, channel, owner)
        for claimed in claims:
            await mark_handed_over(desk, claimed)
        return claims

    patches.enter_context(mock.patch.object(sending, "claim", claim))


BUGS: Final[Mapping[str, Plant]] = {
    "ack-before-commit": _ack_before_commit,
    "cursor-before-rows": _cursor_before_rows,
    "missing-fence": _missing_fence,
    "marked-before-sent": _marked_before_sent,
}
"""By name, as the command line takes them."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Have one of the bugs in this process for as long as the block lasts."""
    with ExitStack() as patches:
        BUGS[name](patches)
        yield


def main(arguments: Sequence[str]) -> int:
    """Run a command of Tidewell in this process with a bug in it."""
    if len(arguments) < 4 or arguments[0] not in BUGS or arguments[1:3] != ["--", "tidewell"]:
        names = ", ".join(BUGS)
        sys.stderr.write(f"python -m tests.simulation.planted_bugs NAME -- tidewell …; {names}\n")
        return 2
    from tidewell.commands import main as tidewell

    with planted(arguments[0]):
        sys.argv = ["tidewell", *arguments[3:]]
        tidewell()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
