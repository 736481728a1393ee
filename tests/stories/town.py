"""The people of a story and what they and the measurements do, as rows in a real database.

What ingest and the pages would write is written here in their own way; alerts alone decide what
follows. Every name contains `NAME`, so that one in an outgoing text is seen at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row, scalar_row
from psycopg.types.json import Jsonb

LONG_AGO: Final = timedelta(days=400)
NAME: Final = "NAME"
EXPLANATION: Final = {"family": "illness", "sentence": "Something has changed."}


@dataclass
class Town:
    """A site with its people, and the ways to look at it and to change it."""

    owner: psycopg.AsyncConnection[Any]
    begins: datetime
    staff: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)

    async def value(self, query: str, *parameters: object) -> Any:  # noqa: ANN401 -- whatever the query asks for
        async with self.owner.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchone()

    async def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        async with self.owner.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchall()

    async def do(self, query: str, *parameters: object) -> None:
        await self.owner.execute(query.encode(), parameters)

    # ---- Who is there --------------------------------------------------------

    async def hire(self, who: str, channels: tuple[str, ...], team: int | None = None) -> int:
        """Add a member of staff with an address on each of these channels."""
        if who in self.staff:
            return self.staff[who]
        since = self.begins - LONG_AGO
        self.staff[who] = await self.value(
            "INSERT INTO staff (role, display_name, team_id, created_at)"
            " VALUES ('practitioner', %s, %s, %s) RETURNING staff_id",
            f"{NAME} of {who}",
            team,
            since,
        )
        for channel in channels:
            await self.do(
                "INSERT INTO contact_method (staff_id, channel, address, created_at)"
                " VALUES (%s, %s, %s, %s)",
                self.staff[who],
                channel,
                f"https://{channel}.example/{self.staff[who]}",
                since,
            )
        return self.staff[who]

    async def enrol(self, label: str, key_worker: str | None) -> int:
        """Add a young person with their key worker."""
        if label in self.people:
            return self.people[label]
        since = self.begins - LONG_AGO
        self.people[label] = await self.value(
            "INSERT INTO person (label, shard, timezone, reading_level, created_at)"
            " VALUES (%s, 3, 'Europe/London', '12-15', %s) RETURNING person_id",
            f"person-{label.lower()}",
            since,
        )
        await self.do(
            "INSERT INTO identity VALUES (%s, %s)", self.people[label], f"{NAME} of {label}"
        )
        if key_worker is not None:
            await self.assign(label, key_worker, "key_worker", since)
        return self.people[label]

    async def assign(self, label: str, who: str, kind: str, since: datetime) -> None:
        await self.do(
            "INSERT INTO assignment (staff_id, person_id, kind, valid_from)"
            " VALUES (%s, %s, %s, %s)",
            self.staff[who],
            self.people[label],
            kind,
            since,
        )

    async def save_policy(self, body: dict[str, Any]) -> None:
        await self.do(
            "INSERT INTO policy (name, body, valid_from) VALUES ('alerts', %s, %s)",
            Jsonb(body),
            self.begins - timedelta(days=1),
        )

    async def cover(
        self, away: str, by: str, since: datetime, until: datetime, accepted_at: datetime | None
    ) -> None:
        await self.do(
            "INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until,"
            " accepted_at) VALUES (%s, %s, %s, %s, %s)",
            self.staff[away],
            self.staff[by],
            since,
            until,
            accepted_at,
        )

    async def leave(self, who: str, at: datetime) -> None:
        """Let somebody leave the service: they can no longer sign in."""
        await self.do(
            "INSERT INTO sign_in (username, password_hash, staff_id, created_at, disabled_at)"
            " VALUES (%s, '', %s, %s, %s)",
            f"user-{self.staff[who]}",
            self.staff[who],
            self.begins - LONG_AGO,
            at,
        )

    # ---- What the measurements say -------------------------------------------

    async def opens(
        self, label: str, cause: str, level: str, at: datetime, recorded_at: datetime
    ) -> int:
        """Open an episode, as ingest does: what decided it may lie some time back."""
        episode_id: int = await self.value(
            "INSERT INTO episode (person_id, family, opened_at, level, score, explanation,"
            " detector_version) VALUES (%s, %s, %s, %s, 4, %s, '1')"
            " RETURNING episode_id",
            self.people[label],
            cause,
            at,
            level,
            Jsonb(EXPLANATION),
        )
        await self._say(episode_id, "opened", level, at, recorded_at)
        return episode_id

    async def goes_on(
        self,
        label: str,
        cause: str,
        kind: str,
        level: str,
        at: datetime,
        recorded_at: datetime,
    ) -> None:
        """Let the open episode of a cause go on, or become worse."""
        episode_id = await self._newest_episode(label, cause)
        await self.do("UPDATE episode SET level = %s WHERE episode_id = %s", level, episode_id)
        await self._say(episode_id, kind, level, at, recorded_at)

    async def ends(self, label: str, cause: str, at: datetime, recorded_at: datetime) -> None:
        """End the open episode of a cause."""
        episode_id = await self._newest_episode(label, cause)
        await self.do("UPDATE episode SET closed_at = %s WHERE episode_id = %s", at, episode_id)
        await self._say(episode_id, "closed", "usual", at, recorded_at)

    async def _newest_episode(self, label: str, cause: str) -> int:
        found: int = await self.value(
            "SELECT max(episode_id) FROM episode WHERE person_id = %s AND family = %s",
            self.people[label],
            cause,
        )
        return found

    async def _say(
        self, episode_id: int, kind: str, level: str, at: datetime, recorded_at: datetime
    ) -> None:
        await self.do(
            "INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score,"
            " explanation) VALUES (%s, %s, %s, %s, %s, 4, %s)",
            episode_id,
            kind,
            at,
            recorded_at,
            level,
            Jsonb(EXPLANATION),
        )

    # ---- What people ask and say ---------------------------------------------

    async def ask(self, label: str, at: datetime) -> None:
        """Let a young person ask for a check-in, as their pages do."""
        await self.do(
            "INSERT INTO concern (person_id, kind, source, choice, at)"
            " VALUES (%s, 'raise', 'young_person', 'talk', %s)",
            self.people[label],
            at,
        )

    async def worry(self, who: str, label: str, level: str, at: datetime) -> None:
        """Let somebody say that they are worried, as the pages do."""
        await self.do(
            "INSERT INTO concern (person_id, kind, source, staff_id, level, at)"
            " VALUES (%s, 'raise', 'staff', %s, %s, %s)",
            self.people[label],
            self.staff[who],
            level,
            at,
        )

    # ---- What people do ------------------------------------------------------

    async def act(
        self, who: str, kind: str, label: str, cause: str, at: datetime, **asked: object
    ) -> None:
        """Ask something of the newest alert about somebody, as the pages do."""
        alert = (
            await self.rows(
                "SELECT alert_id, level FROM alert WHERE person_id = %s AND cause = %s"
                " ORDER BY alert_id DESC LIMIT 1",
                self.people[label],
                cause,
            )
        )[0]
        await self.do(
            "INSERT INTO alert_action (alert_id, staff_id, kind, outcome, note, at, seen_level,"
            " to_staff_id, snooze_reason, snooze_until) VALUES (%s, %s, %s, %s, '', %s, %s, %s,"
            " %s, %s)",
            alert["alert_id"],
            self.staff[who],
            kind,
            asked.get("outcome"),
            at,
            asked.get("seen_level") or alert["level"],
            asked.get("to_staff_id"),
            asked.get("snooze_reason"),
            asked.get("snooze_until"),
        )

    def who(self, staff_id: int | None) -> str:
        """Return what the story calls somebody."""
        names = {number: name for name, number in self.staff.items()}
        return names.get(staff_id, "nobody") if staff_id is not None else "nobody"
