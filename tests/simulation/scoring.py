"""A detector that only counts: quick enough for thousands of runs, and it notices every disorder.

For each boot of a device it keeps a chain over its readings, so that one that is scored twice, or
never, or in another order, leaves another end of the chain. It opens and closes episodes by the
heart rate alone, so that what must be found can be reckoned from the ledger.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from ingest.committing.scoring import EpisodeRow, Found, PlanLimit
from ingest.rows import Rows
from tidewell.local_time import ZoneTable, utc_moment
from tidewell.vocabulary import Family, Level

OPENS_FROM: Final = 140.0
WORSENS_FROM: Final = 180.0
CLOSES_BELOW: Final = 90.0

Chain = dict[str, int]


class CountingScoring:
    """Keeps, per person and boot, how many readings came and a chain over them."""

    version: Final = "counting-1"

    def __init__(self) -> None:
        self._chains: dict[int, dict[str, Chain]] = {}

    def add_person(self, person_id: int, zone: ZoneTable) -> None:
        """Make a person known."""
        del zone
        self._chains.setdefault(person_id, {})

    def knows(self, person_id: int) -> bool:
        """Return whether a person was added."""
        return person_id in self._chains

    def score(self, rows: Rows) -> Found:
        """Take readings in, in their order."""
        episodes: list[EpisodeRow] = []
        for place in range(len(rows)):
            person_id = int(rows.person_id[place])
            boot = f"{rows.device_id[place]}.{rows.boot[place]}"
            chain = self._chains[person_id].setdefault(boot, {"count": 0, "end": 0, "open": 0})
            time_ms, values = int(rows.time_ms[place]), rows.values[place]
            chain["count"] += 1
            said = f"{rows.seq[place]} {time_ms} ".encode() + values.tobytes()
            chain["end"] = zlib.crc32(said, chain["end"])
            episodes += _changes(chain, person_id, boot, time_ms, float(values[0]))
        return Found(episodes=episodes)

    def tick(self, at_ms: int, counted_from_ms: Mapping[int, int]) -> Found:
        """Nothing comes of time alone."""
        del at_ms, counted_from_ms
        return Found()

    def note(self, person_id: int, kind: str, first_day: date, last_day: date) -> None:
        """Notes are not part of the simulation."""

    def set_limits(self, person_id: int, limits: Sequence[PlanLimit]) -> None:
        """Limits are not part of the simulation."""

    def hear_outcome(self, person_id: int, family: Family, *, was_useful: bool) -> None:
        """Outcomes are not part of the simulation."""

    def change_device_model(self, person_id: int) -> None:
        """Models are not part of the simulation."""

    def set_back(self, at_ms: int) -> None:
        """Nothing is remembered of when readings came."""

    def snapshot(self, people: Sequence[int]) -> bytes:
        """Return all that is remembered of these people."""
        remembered = {person: self._chains[person] for person in people}
        return json.dumps(remembered, sort_keys=True).encode()

    def restore(self, state: bytes, zones: Mapping[int, ZoneTable]) -> None:
        """Take over what a snapshot remembered."""
        for person, chains in json.loads(state).items():
            if int(person) in zones:
                self._chains[int(person)] = chains

    def keep_only(self, zones: Mapping[int, ZoneTable]) -> None:
        """Forget everybody else."""
        self._chains = {one: chains for one, chains in self._chains.items() if one in zones}

    def state(self) -> dict[int, dict[str, Chain]]:
        """Return everything, to be compared."""
        return {person: chains for person, chains in self._chains.items() if chains}


def _changes(
    chain: Chain, person_id: int, boot: str, time_ms: int, heart_rate: float
) -> list[EpisodeRow]:
    """Move the episode of a boot; `open` holds when it opened, negative once it has worsened."""
    if chain["open"] == 0:
        if heart_rate < OPENS_FROM:
            return []
        chain["open"] = time_ms
        return [_episode(chain, person_id, boot, time_ms, "opened", Level.CHECK_TODAY)]
    if heart_rate < CLOSES_BELOW:
        change = _episode(chain, person_id, boot, time_ms, "closed", Level.CHECK_TODAY)
        chain["open"] = 0
        return [change]
    if heart_rate >= WORSENS_FROM and chain["open"] > 0:
        chain["open"] = -chain["open"]
        return [_episode(chain, person_id, boot, time_ms, "worsened", Level.CHECK_NOW)]
    return []


def _episode(
    chain: Chain, person_id: int, boot: str, time_ms: int, kind: str, level: Level
) -> EpisodeRow:
    opened_at: datetime = utc_moment(abs(chain["open"]))
    return EpisodeRow(
        person_id=person_id,
        family=Family.ACUTE_LOAD.value,
        kind=kind,
        opened_at=opened_at,
        at=utc_moment(time_ms),
        level=level.value,
        score=1.0,
        explanation={},
        closes=kind == "closed",
        strand=f"boot {boot}",
    )
