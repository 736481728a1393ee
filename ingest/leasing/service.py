"""A worker among others: takes its share of the shards, gives back what is too much, and leaves.

Promises: before a shard is given back, its frames are no longer taken in, what the detector knows
of its people is stored, and all of that commits together with the release; the next holder goes on
from there. A frame that came for a shard which moved is neither stored nor answered: its device
sends it again, and the holder takes it. Never waits for another worker: a dead one's lease ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from ingest.committing.service import Worker
from ingest.leasing.shares import ROUNDS_IN_A_LEASE, room, session_name, surplus
from ingest.mqtt import BrokerAddress, Handler, Listener, StatusHandler, end_session
from ingest.store import Store
from tidewell.clock import monotonic_s
from tidewell.errors import ServerUnavailableError
from tidewell.logs import get_logger

SILENCE_GRACE_S: Final = 300.0
"""So long after our own start nobody is called silent: what waited at the broker comes first."""
ROUND_MOST_S: Final = 2.0
"""A worker that came or went is noticed within this time, however long the leases are."""
SWEEP_S: Final = 600.0
"""How often a worker looks for a session that nobody comes back to; one is ended at a time."""


class Sessions:
    """The connections of one process to the broker: one listener, under the name of its slot."""

    def __init__(
        self,
        address: BrokerAddress,
        secret: str,
        handler: Handler,
        on_status: StatusHandler | None = None,
    ) -> None:
        self._address = address
        self._on_status = on_status
        self._secret = secret
        self._handler = handler
        self._slot = 0
        self.listener: Listener | None = None

    async def come_in(self, slot: int) -> Listener:
        """Return the listener of a slot; that of another slot is stopped before."""
        if self.listener is None or slot != self._slot:
            await self.stop()
            name = session_name(self._secret, slot)
            listener = Listener(self._address, name, self._handler, self._on_status)
            self._slot, self.listener = slot, listener
        return self.listener

    async def end_left(self, slot: int) -> bool:
        """End the session of a slot that nobody comes back to; return whether it is gone."""
        try:
            await end_session(self._address, session_name(self._secret, slot))
            get_logger().info("ended the session of a worker that did not come back", slot=slot)
        except ServerUnavailableError as error:
            get_logger().warning("a session could not be ended", slot=slot, why=str(error))
            return False
        return True

    async def stop(self, *, for_good: bool = False) -> None:
        """Leave the broker; unless for good, the session keeps frames until we are back."""
        if self.listener is not None:
            await self.listener.stop(for_good=for_good)


class Shift:
    """One worker's time at work, from its slot to its last shard, on one connection of its store.

    `workers` is how many there were at the last round.
    """

    def __init__(self, store: Store, sessions: Sessions, lease_s: int) -> None:
        self._store = store
        self._sessions = sessions
        self._round_s = min(ROUND_MOST_S, lease_s / ROUNDS_IN_A_LEASE)
        self._round_at_s = 0.0
        self._sweep_at_s = monotonic_s() + SWEEP_S
        self._said: frozenset[int] = frozenset()
        self.workers = 1

    @property
    def store(self) -> Store:
        """Return the way to the database on which it works."""
        return self._store

    @property
    def held(self) -> frozenset[int]:
        """Return the shards that this worker holds."""
        return frozenset(self._store.epochs)

    def time_ms(self) -> int:
        """Return the time of the site; devices set their clocks by it."""
        return self._store.leases.time_ms()

    async def begin(self, pause: Callable[[float], Awaitable[bool]]) -> bool:
        """Come in and wait for shards; return whether there are any, False when told to stop.

        Args:
            pause: waits so many seconds and returns whether to stop.
        """
        leases = self._store.leases
        await leases.claim_slot()
        is_said = False
        while True:
            self.workers = await leases.renew_slot()
            if await leases.take(room(0, self.workers)):
                return True
            if not is_said:
                get_logger().info("all shards are held by others; waiting", workers=self.workers)
                is_said = True
            if await pause(self._round_s):
                await leases.leave()
                return False

    async def listen(self) -> None:
        """Hear the frames of the held shards."""
        listener = await self._sessions.come_in(self._store.leases.slot)
        listener.hear(sorted(self._store.epochs))
        self._said = frozenset()

    async def say_listening(self) -> bool:
        """Note in the leases that frames are heard; return whether that is so for all of them."""
        listener = self._sessions.listener
        if listener is None or not listener.heard.is_set():
            return False
        if self._said != self._store.epochs.keys():
            await self._store.leases.say_listening()
            self._said = frozenset(self._store.epochs)
        return True

    def hears_long_enough(self) -> bool:
        """Return whether silence is the device's own: we have heard the broker for a while."""
        listener = self._sessions.listener
        since_s = listener.connected_since_s if listener else None
        return since_s is not None and monotonic_s() - since_s >= SILENCE_GRACE_S

    def hearing(self) -> tuple[bool, int]:
        """Return whether frames of all held shards reach us, and the number of the connection."""
        listener = self._sessions.listener
        if listener is None or not listener.is_connected:
            return False, 0
        return listener.heard.is_set(), listener.connection_number

    async def round(self, worker: Worker) -> None:
        """Renew what is held when it is time, and move towards a fair share.

        Raises:
            LeaseLostError: another worker has taken a shard or the slot.
            ScoringError: the detector failed on readings of a shard that was taken.
        """
        if monotonic_s() < self._round_at_s:
            return
        self.workers = await self._store.leases.renew_slot()
        async with self._store.transaction(await worker.next_moment()):
            pass  # renews the leases, also where no frame comes
        is_more = False
        if too_many := surplus(self._store.epochs, self.workers):
            await self._give_back(worker, too_many)
            is_more = True
        else:  # also where there is no room: some of our own may be left from before
            is_more = await self._take(worker, room(len(self._store.epochs), self.workers))
        if monotonic_s() >= self._sweep_at_s:
            await self._sweep()
        # What is still to be moved is, as soon as the frames in hand are committed.
        self._round_at_s = monotonic_s() + (0.0 if is_more else self._round_s)

    async def leave(self, worker: Worker) -> None:
        """End in order: remember the detector, and give everything back.

        The last worker keeps its session, so that frames wait for the next start; where others go
        on, the session would only keep frames that they commit.
        """
        await worker.save_snapshots(await worker.next_moment())
        await self._sessions.stop(for_good=self.workers > 1)
        await self._store.leases.leave()

    async def _give_back(self, worker: Worker, shards: list[int]) -> None:
        kept = sorted(self._store.epochs.keys() - set(shards))
        listener = await self._sessions.come_in(self._store.leases.slot)
        listener.hear(kept)
        await worker.give_back(shards, await worker.next_moment())
        get_logger().info("gave shards back", shards=len(shards), held=len(kept))

    async def _take(self, worker: Worker, wanted: int) -> bool:
        """Take free shards and catch up with them; return whether there were any."""
        taken = await self._store.leases.take(wanted)
        if not taken:
            return False
        await worker.recover(taken)
        await self.listen()
        get_logger().info("took shards", shards=len(taken), held=len(self._store.epochs))
        return True

    async def _sweep(self) -> None:
        self._sweep_at_s = monotonic_s() + SWEEP_S
        slot = await self._store.leases.claim_left_session()
        if slot is not None and await self._sessions.end_left(slot):
            await self._store.leases.note_session_ended(slot)
