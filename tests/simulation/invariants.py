"""What must hold after every commit, at every answer to a device, and when all has come to rest.

I1 what a device was told is committed is there, once, as it was measured
I2 everything that was produced ends as readings or as a dead letter
I3 nothing is there that no device produced
I4 the detector remembers what a replay of the stored readings would teach it
I5 every change that opened has an alert, and somebody was told; an open one has a next step
I6 nobody is told twice without a reason
I7 an alert that was accepted tells its owner at most, and one that was closed nobody
I8 what is committed never goes back, and no device hears of more than that
I9 an outage ends when all are heard, and who runs the service is told of it no oftener than it says
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.simulation.database import Commit, MemoryDatabase, Row
from tests.simulation.devices import Boot, Ledger
from tests.simulation.ingest_statements import rows_of
from tests.simulation.order_statements import in_order_of_scoring, not_after_scoring
from tests.simulation.phone import Telephones
from tests.simulation.scoring import Chain, CountingScoring
from tidewell.local_time import utc_moment, zone_table

Turns = dict[tuple[str, Any], int]
"""By table and key, at the how-manieth commit a row came."""


@dataclass(frozen=True, slots=True)
class SetBack:
    """The how-manieth commit let the moments of a shard go on from an earlier one."""

    turn: int
    shard: int
    at_ms: int


OPEN_STATES = ("raised", "notified")


class Violation(AssertionError):  # noqa: N818 -- a broken promise, not an error of a call
    """A promise was broken."""


class Referee:
    """Watches commits and answers, and holds both against the ledger."""

    def __init__(self, database: MemoryDatabase, ledger: Ledger, phones: Telephones) -> None:
        self._database = database
        self._ledger = ledger
        self._phones = phones
        self._readings: dict[Boot, dict[int, int]] = {}
        self._dead: dict[Boot, set[int]] = {}
        self.turns: Turns = {}
        self.set_back: list[SetBack] = []
        self._turn = 0
        database.watchers.append(self.committed)

    # -- after each commit

    def committed(self, commit: Commit) -> None:
        """Look at what a transaction changed."""
        self._turn += 1
        self._note_turns(commit)
        for _, before, after in commit.of("reading"):
            self._look_at_reading(before, after)
        for _, _, after in commit.of("dead_letter"):
            if after and after["whole_frame"] and after["device_id"] is not None:
                boot = (after["device_id"], after["boot"])
                self._dead.setdefault(boot, set()).add(after["seq"])
        for key, before, after in commit.of("device_cursor"):
            self._look_at_cursor((key[0], key[1]), before, after)
        for _, before, after in commit.of("delivery"):
            self._look_at_delivery(before, after)
        for _, _, after in commit.of("operations_delivery"):
            self._look_at_notice(after)
        for _, before, after in commit.of("alert"):
            self._look_at_alert(before, after)

    def _note_turns(self, commit: Commit) -> None:
        for table in ("reading", "scored_later"):
            for key, before, _ in commit.of(table):
                if before is None:
                    self.turns[table, key] = self._turn
        for key, before, after in commit.of("shard"):
            self._note_set_back(key[0], before, after)

    def _note_set_back(self, shard: int, before: Row | None, after: Row | None) -> None:
        was, moment = ((row or {}).get("last_moment") for row in (before, after))
        if was is not None and moment is not None and moment < was:
            self.set_back.append(SetBack(self._turn, shard, round(moment.timestamp() * 1000)))

    def _look_at_reading(self, before: Row | None, after: Row | None) -> None:
        if before is not None or after is None:
            raise Violation("I1: a stored reading was changed")
        boot = (after["device_id"], after["boot"])
        frame = self._ledger.frames.get(boot, {}).get(after["seq"], [])
        if (after["time_ms"], after["values"]) not in frame:
            raise Violation(f"I3: a reading that no device produced: {boot} {after['seq']}")
        count = self._readings.setdefault(boot, {})
        count[after["seq"]] = count.get(after["seq"], 0) + 1

    def _look_at_cursor(self, boot: Boot, before: Row | None, after: Row | None) -> None:
        if after is None:
            raise Violation("I8: a cursor was deleted")
        for name in ("upto", "highest", "scored_upto"):
            if before is not None and after[name] < before[name]:
                raise Violation(f"I8: {name} of {boot} went back to {after[name]}")
        if after["scored_upto"] > self._scorable_upto(boot, after["highest"]):
            raise Violation(f"I4: more of {boot} is scored than may be")
        holes = self._holes_of(boot)
        for seq in range(after["highest"] + 1):
            if not self._is_stored(boot, seq) and seq not in holes:
                raise Violation(f"I1: the cursor of {boot} says {seq} has come; it is not stored")

    def _holes_of(self, boot: Boot) -> set[int]:
        return {
            seq
            for key, row in self._database.table("frame_gap").items()
            if key[:2] == boot
            for seq in range(key[2], row["last_seq"] + 1)
        }

    def _scorable_upto(self, boot: Boot, highest: int) -> int:
        """Return the highest frame below the first hole that scoring did not pass."""
        firsts = [
            key[2]
            for key, row in self._database.table("frame_gap").items()
            if key[:2] == boot and row["state"] == "waiting" and row["passed_at"] is None
        ]
        return min(firsts) - 1 if firsts else highest

    def _is_stored(self, boot: Boot, seq: int) -> bool:
        if seq in self._dead.get(boot, ()):
            return True
        frame = self._ledger.frames.get(boot, {}).get(seq)
        return frame is not None and self._readings.get(boot, {}).get(seq) == len(frame)

    def _look_at_delivery(self, before: Row | None, after: Row | None) -> None:
        assert after is not None
        key = after["idempotency_key"]
        if after["state"] == "handed_over":
            if not self._phones.heard[key]:
                raise Violation(f"I5: message {after['delivery_id']} is marked and never left")
            self._phones.marked(key)
        if before is None:
            alert = self._database.table("alert")[after["alert_id"],]
            owner = alert["accepted_by"] if alert["state"] == "accepted" else None
            if alert["state"] not in OPEN_STATES and owner != after["staff_id"]:
                raise Violation(f"I7: alert {after['alert_id']} is answered and tells again")

    def _look_at_notice(self, after: Row | None) -> None:
        assert after is not None
        key = after["idempotency_key"]
        if after["state"] == "handed_over":
            if not self._phones.heard[key]:
                raise Violation(f"I9: operations were told {key}, it says, and nobody was")
            self._phones.marked(key)

    def _look_at_alert(self, before: Row | None, after: Row | None) -> None:
        assert after is not None
        if after["state"] != "closed" and after["wake_at"] is None:
            raise Violation(f"I5: nobody would come back to alert {after['alert_id']}")
        if before is not None and before["state"] == "closed" and after["state"] != "closed":
            raise Violation(f"I7: alert {after['alert_id']} was closed and is open again")

    # -- when a device is told

    def told(self, boot: Boot, upto: int) -> None:
        """Look at an answer: everything that it frees must be stored now."""
        self._ledger.told_upto[boot] = max(self._ledger.told_upto.get(boot, -1), upto)
        committed = self._database.table("device_cursor").get(boot, {"upto": -1})["upto"]
        if upto > committed:
            raise Violation(f"I8: {boot} was told {upto}; committed is {committed}")
        below = self._ledger.given_up_below.get(boot, 0)
        for seq in range(below, upto + 1):
            if not self._is_stored(boot, seq):
                raise Violation(f"I1: {boot} was told that {seq} is committed; it is not stored")

    # -- when all has come to rest

    def at_rest(self, now: datetime, *, counting: bool) -> None:
        """Look at everything."""
        self._look_for_lost_frames()
        self._look_for_lost_alerts(now)
        if counting:
            self._look_for_lost_episodes()
        self._look_at_outages()
        for key, count in self._phones.heard.items():
            if count > 1 + self._phones.excused[key]:
                raise Violation(f"I6: a message left {count} times without a reason")

    def _look_for_lost_frames(self) -> None:
        for boot, frames in self._ledger.frames.items():
            below = self._ledger.given_up_below.get(boot, 0)
            for seq in frames:
                is_gone = seq < below or boot in self._ledger.switched_off
                if not is_gone and not self._is_stored(boot, seq):
                    raise Violation(f"I2: frame {seq} of {boot} is neither stored nor refused")

    def _look_at_outages(self) -> None:
        told = {row["notice"] for row in self._database.table("operations_delivery").values()}
        for (number,) in self._database.table("operations_notice").keys() - {("lock",)}:
            if number not in told:
                raise Violation(f"I9: nobody was to be told of the outage in notice {number}")
        for row in self._database.table("outage").values():
            if row["ended_at"] is None:
                raise Violation(f"I9: all are heard, and an outage goes on: {row}")

    def _look_for_lost_alerts(self, now: datetime) -> None:
        intake = self._database.table("alert_intake")
        for number in self._database.table("episode_event"):
            if number not in intake:
                raise Violation(f"I5: nobody looked at episode event {number[0]}")
        for (number,), row in self._database.table("episode_event").items():
            of_device = self._database.table("episode")[row["episode_id"],]["family"] == "device"
            is_moot = of_device and intake[number,]["reason"] == "episode_closed"
            if row["kind"] == "opened" and intake[number,]["alert_id"] is None and not is_moot:
                raise Violation(f"I5: the change that event {number} opened has no alert")
        for row in self._database.table("alert").values():
            if row["state"] in OPEN_STATES and row["wake_at"] <= now:
                raise Violation(f"I5: alert {row['alert_id']} is past its next step")
        told = {row["alert_id"] for row in self._database.table("delivery").values()}
        for row in self._database.table("alert").values():
            if row["state"] == "raised" and row["alert_id"] not in told:
                raise Violation(f"I5: nobody was told of alert {row['alert_id']}")

    def _look_for_lost_episodes(self) -> None:
        replayed = self.replay()
        expected = {
            (person, boot)
            for person, chains in replayed.state().items()
            for boot, chain in chains.items()
            if chain["open"]
        }
        stored = {
            (row["person_id"], row["strand"].removeprefix("boot "))
            for row in self._database.table("episode").values()
            if row["closed_at"] is None
        }
        if stored != expected:
            raise Violation(f"I4: open episodes are {stored}, a replay says {expected}")

    def replay(self) -> CountingScoring:
        """Return a detector that has seen all stored readings, each boot in its own order."""
        counting: CountingScoring = self.replayed_into(CountingScoring())
        return counting

    def replayed_into(self, scoring: Any, shard: int | None = None) -> Any:  # noqa: ANN401 -- any detector
        """Score all stored readings that were scored, in that order; of the people of one shard.

        It goes by the order of the commits, which no clock can spoil, and hears where moments were
        set back.
        """
        shard_of = {key[0]: row["shard"] for key, row in self._database.table("person").items()}
        people = [one for one in sorted(shard_of) if shard in (None, shard_of[one])]
        for person_id in people:
            scoring.add_person(person_id, zone_table("UTC"))
        set_back = [one for one in self.set_back if one.shard == shard]
        waiting = self._scored(people)
        for one in set_back:
            before = [row for turn, row in waiting if turn < one.turn]
            waiting = waiting[len(before) :]
            if before:
                scoring.score(rows_of(before))
            scoring.set_back(one.at_ms)
        if waiting:
            scoring.score(rows_of([row for _, row in waiting]))
        return scoring

    def _scored(self, people: Sequence[int]) -> list[tuple[int, Row]]:
        """Return the readings of these people that were scored, in order, each with its turn.

        What waited until after moments were set back was not received after it was scored.
        """
        cursors = self._database.table("device_cursor")
        readings = [
            {**row, "received_ms": self.turns["reading", key], "as_stored": row}
            for key, row in self._database.table("reading").items()
            if row["seq"] <= cursors[row["device_id"], row["boot"]]["scored_upto"]
            and row["person_id"] in people
        ]
        stored = self._database.table("scored_later")
        later = {
            key: {**row, "scored_at": utc_moment(self.turns["scored_later", key])}
            for key, row in stored.items()
        }
        scored = in_order_of_scoring(readings, later, latest_ms=2**62, from_ms=-1)
        return [(turn, not_after_scoring(row["as_stored"], stored)) for turn, row in scored]

    def compare_state(self, state: Mapping[int, Mapping[str, Chain]], whose: str) -> None:
        """Hold what a detector remembers against a replay."""
        expected = self.replay().state()
        for person in expected.keys() | state.keys():
            if state.get(person, {}) != expected.get(person, {}):
                raise Violation(
                    f"I4: {whose} remembers {state.get(person)} of person {person}; "
                    f"a replay gives {expected.get(person)}"
                )
