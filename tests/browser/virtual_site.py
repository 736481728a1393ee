"""A small site in a test's database: virtual people, staff, days, readings and alerts.

Everything is written through SQL as the owner, in the shapes that ingest and alerts write.
`fold_in` does to waiting actions what the alerts process does, in the same tables, so that the
pages can be tested without starting it.
"""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import psycopg

from portal.passwords import hash_password

PASSWORD: Final = "three small boats"
ZONE: Final = "Europe/London"
USUAL: Final = {"night_heart_rate": [56.0, 54.0, 58.0], "steps": [7800.0, 5200.0, 10400.0]}
USUAL_OF_ALL: Final[dict[str, list[float]]] = USUAL | {
    "resting_heart_rate": [68.0, 64.0, 72.0],
    "night_hrv_rmssd": [62.0, 50.0, 74.0],
    "night_skin_temperature": [34.6, 34.2, 35.0],
    "night_respiratory_rate": [15.2, 14.4, 16.0],
    "heart_rate_per_step": [31.0, 24.0, 38.0],
    "circadian_amplitude": [14.0, 10.0, 18.0],
    "circadian_phase_h": [23.7, 22.6, 24.8],
    "sleep_minutes": [512.0, 455.0, 570.0],
    "sleep_efficiency": [93.0, 85.0, 101.0],
    "sleep_onset_h": [10.75, 10.2, 11.3],
    "sleep_regularity": [78.0, 66.0, 90.0],
    "longest_still_minutes": [95.0, 50.0, 140.0],
    "first_activity_h": [7.4, 6.8, 8.0],
    "eda_level": [2.1, 1.2, 3.0],
    "aroused_minutes": [22.0, -4.0, 48.0],
}
"""What is usual for somebody whose device measures everything but blood oxygen."""
CHANGED_LATELY: Final = {
    "resting_heart_rate": 76.0,
    "night_hrv_rmssd": 41.0,
    "sleep_minutes": 370.0,
    "sleep_onset_h": 13.5,
    "circadian_phase_h": 1.2,
}
NOTHING_USUAL: Final[dict[str, list[float]]] = {}


@lru_cache(maxsize=1)
def password_hash() -> str:
    return hash_password(PASSWORD)


@dataclass(frozen=True, slots=True)
class Site:
    """The numbers of what was written."""

    now: datetime
    practitioner: int
    stranger: int
    clinician: int
    sam: int
    robin: int
    alex: int
    alert_id: int
    public_id: str


class SiteWriter:
    """Writes rows and returns their numbers."""

    def __init__(self, url: str, now: datetime) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.now = now
        self.long_ago = now - timedelta(days=200)

    def close(self) -> None:
        self.connection.close()

    def one(self, statement: str, *values: object) -> Any:  # noqa: ANN401 -- whatever the first column is
        row = self.connection.execute(statement.encode(), values).fetchone()
        return row[0] if row else None

    def run(self, statement: str, *values: object) -> None:
        self.connection.execute(statement.encode(), values)

    def staff(self, role: str, name: str, username: str, team_id: int | None = None) -> int:
        staff_id = self.one(
            "INSERT INTO staff (role, display_name, team_id, created_at) VALUES (%s, %s, %s, %s)"
            " RETURNING staff_id",
            role,
            name,
            team_id,
            self.long_ago,
        )
        self.sign_in(username, staff_id=staff_id)
        return int(staff_id)

    def sign_in(
        self, username: str, *, staff_id: int | None = None, person_id: int | None = None
    ) -> None:
        self.run(
            "INSERT INTO sign_in (username, password_hash, staff_id, person_id, created_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            username,
            password_hash(),
            staff_id,
            person_id,
            self.long_ago,
        )

    def person(self, label: str, name: str, username: str | None = None) -> int:
        person_id = int(
            self.one(
                "INSERT INTO person (label, shard, timezone, reading_level, created_at)"
                " VALUES (%s, 3, %s, '12-15', %s) RETURNING person_id",
                label,
                ZONE,
                self.long_ago,
            )
        )
        self.run("INSERT INTO identity VALUES (%s, %s)", person_id, name)
        if username is not None:
            self.sign_in(username, person_id=person_id)
        return person_id

    def assign(self, staff_id: int, person_id: int, kind: str) -> None:
        self.run(
            "INSERT INTO assignment (staff_id, person_id, kind, valid_from)"
            " VALUES (%s, %s, %s, %s)",
            staff_id,
            person_id,
            kind,
            self.long_ago,
        )

    def device(self, name: str, person_id: int, heard_at: datetime | None) -> int:
        device_id = int(
            self.one(
                "INSERT INTO device (name, model, created_at) VALUES (%s, 'virtual', %s)"
                " RETURNING device_id",
                name,
                self.long_ago,
            )
        )
        self.run(
            "INSERT INTO device_assignment (device_id, person_id, valid_from) VALUES (%s, %s, %s)",
            device_id,
            person_id,
            self.long_ago,
        )
        if heard_at is not None:
            self.run(
                "INSERT INTO device_cursor VALUES (%s, 1, 99, 99, 99, 90, 10, 3, %s, %s)",
                device_id,
                self.long_ago,
                heard_at,
            )
        return device_id

    def day(
        self,
        person_id: int,
        day: date,
        night_heart_rate: float | None,
        steps: float | None,
        *,
        worn_minutes: float = 1310,
        usual: dict[str, list[float]] | None = None,
        more: dict[str, float] | None = None,
    ) -> None:
        others = more or {}
        columns = "".join(f", {name}" for name in others)
        self.run(
            "INSERT INTO daily_feature (person_id, day, night_heart_rate, steps, worn_minutes,"
            f" usual, detector_version{columns})"
            f" VALUES (%s, %s, %s, %s, %s, %s, 'test'{', %s' * len(others)})",
            person_id,
            day,
            night_heart_rate,
            steps,
            worn_minutes,
            json.dumps(USUAL if usual is None else usual),
            *others.values(),
        )

    def readings(
        self, person_id: int, device_id: int, first: datetime, minutes: int, gap: range
    ) -> None:
        rows = [
            (person_id, first + timedelta(minutes=m), device_id, m, self.now, _heart_rate(first, m))
            for m in range(minutes)
            if m not in gap
        ]
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO reading (person_id, time, device_id, period_s, boot, seq, received_at,"
                " heart_rate)"
                " VALUES (%s, %s, %s, 60, 1, %s, %s, %s)",
                rows,
            )

    def episode(
        self,
        person_id: int,
        opened_at: datetime,
        explanation: dict[str, object],
        *,
        family: str = "illness",
        level: str = "check_today",
    ) -> int:
        return int(
            self.one(
                "INSERT INTO episode (person_id, family, opened_at, level, score, explanation,"
                " detector_version) VALUES (%s, %s, %s, %s, 4.2, %s, 'test')"
                " RETURNING episode_id",
                person_id,
                family,
                opened_at,
                level,
                json.dumps(explanation),
            )
        )

    def alert(
        self,
        person_id: int,
        episode_id: int | None,
        public_id: str,
        since: datetime,
        explanation: dict[str, object],
        *,
        level: str = "check_today",
    ) -> int:
        alert_id = int(
            self.one(
                "INSERT INTO alert (public_id, episode_id, person_id, cause, level, state, since,"
                " raised_at, explanation, policy) VALUES (%s, %s, %s, 'illness', %s, 'notified',"
                " %s, %s, %s, '{}') RETURNING alert_id",
                public_id,
                episode_id,
                person_id,
                level,
                since,
                self.now - timedelta(hours=3),
                json.dumps(explanation),
            )
        )
        self.event(alert_id, "created", "raised", self.now - timedelta(hours=3))
        return alert_id

    def event(
        self,
        alert_id: int,
        kind: str,
        reason: str,
        at: datetime,
        *,
        staff_id: int | None = None,
        action_id: int | None = None,
    ) -> None:
        with self.connection.transaction():
            self.run(
                "INSERT INTO alert_event (alert_id, at, kind, reason, staff_id, alert_action_id)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                alert_id,
                at,
                kind,
                reason,
                staff_id,
                action_id,
            )
            self.run("SELECT pg_notify('tidewell_alert', %s::text)", alert_id)

    def fold_in(self) -> int:
        """Do what the alerts process does with waiting actions; return how many there were."""
        waiting = self.connection.execute(
            "SELECT alert_action_id, alert_id, staff_id, kind, outcome, note, at"
            " FROM alert_action a"
            " WHERE NOT EXISTS (SELECT FROM alert_event e"
            " WHERE e.alert_action_id = a.alert_action_id) ORDER BY 1"
        ).fetchall()
        for action_id, alert_id, staff_id, kind, outcome, note, at in waiting:
            if kind == "accept":
                self.run(
                    "UPDATE alert SET state = 'accepted', accepted_by = %s, accepted_at = %s"
                    " WHERE alert_id = %s",
                    staff_id,
                    at,
                    alert_id,
                )
            else:
                self.run(
                    "UPDATE alert SET state = 'closed', closed_by = %s, closed_at = %s,"
                    " outcome = %s, note = %s WHERE alert_id = %s",
                    staff_id,
                    at,
                    outcome,
                    note,
                    alert_id,
                )
            word = "accepted" if kind == "accept" else "closed"
            self.event(alert_id, word, word, at, staff_id=staff_id, action_id=action_id)
        return len(waiting)


def _heart_rate(first: datetime, minute: int) -> float:
    hour = (first + timedelta(minutes=minute)).hour
    return 70 - 14 * math.cos((hour - 4) / 24 * 2 * math.pi) + 6 * math.sin(minute / 7)


def explanation_of(since: date) -> dict[str, object]:
    return {
        "family": "illness",
        "level": "check_today",
        "since": since.isoformat(),
        "sentence": "Night heart rate 63 bpm (usual 56, 54 to 58) for 3 nights; steps 2,100"
        " (usual 7,800).",
        "contributions": [
            _contribution("night_heart_rate", "Night heart rate", "bpm", 63, (56, 54, 58), 0.7),
            _contribution("steps", "Steps", "steps", 2100, (7800, 5200, 10400), 0.3),
        ],
        "young_person": "Your heart has been beating a bit faster at night than it usually does."
        " Also, you have been moving a bit less than you usually do. Lots of things can do that.",
        "coverage": {
            "worn_minutes": 1310,
            "days_with_data": 6,
            "of_days": 7,
            "missing": ["Blood oxygen at night"],
        },
        "worn_minutes": 1310,
        "missing": ["Blood oxygen at night"],
        "agreement": "3 of 5 measures moved",
        "certainty": "a clear sign",
        "remarks": ["A note about these days says: exams."],
        "limit": None,
        "clears_when": "It ends by itself after two days near usual; it stays on your list until"
        " you close it.",
        "version": "2",
    }


def explanation_of_removal(off_since: datetime) -> dict[str, object]:
    """Return what the detector writes when a device came off, as it does to charge."""
    return {
        "family": "device",
        "level": "usual",
        "since": off_since.date().isoformat(),
        "sentence": f"The device was taken off at {off_since:%H:%M}, and has been off since."
        " No usual charging time is known.",
        "young_person": f"Your device has been off since {off_since:%A} at {off_since:%H:%M}."
        " That is okay. You can put it on again when you like.",
        "contributions": [],
        "coverage": {"worn_minutes": None, "days_with_data": None, "of_days": 7, "missing": []},
        "agreement": None,
        "certainty": None,
        "remarks": [],
        "limit": None,
        "clears_when": "It ends when the device is worn again.",
        "version": "2",
    }


def _contribution(
    feature: str,
    label: str,
    unit: str,
    value: float,
    usual: tuple[float, float, float],
    share: float,
) -> dict[str, object]:
    centre, low, high = usual
    return {
        "feature": feature,
        "label": label,
        "unit": unit,
        "value": value,
        "centre": centre,
        "low": low,
        "high": high,
        "share": share,
    }


def write_site(url: str, now: datetime | None = None) -> Site:
    """Write a practitioner with three people, a clinician, an administrator and a stranger."""
    moment = now or datetime.now(UTC)
    writer = SiteWriter(url, moment)
    with closing(writer):
        team = writer.one(
            "INSERT INTO team (name, created_at) VALUES ('Harbour team', %s) RETURNING team_id",
            moment,
        )
        practitioner = writer.staff("practitioner", "Jo Virtual", "jo", team)
        clinician = writer.staff("clinician", "Dr Kim Virtual", "kim", team)
        stranger = writer.staff("practitioner", "Pat Virtual", "pat")
        admin = writer.staff("admin", "Ade Virtual", "ade")
        sam = writer.person("p-sam", "Sam", "sam")
        robin = writer.person("p-robin", "Robin")
        alex = writer.person("p-alex", "Alex")
        for person_id in (sam, robin, alex):
            writer.assign(practitioner, person_id, "key_worker")
            writer.assign(clinician, person_id, "clinician")
        alert_id = _write_sam(writer, sam)
        _write_usual_days(writer, robin, moment)
        writer.device("d-robin", robin, moment - timedelta(minutes=5))
        writer.device("d-alex", alex, moment - timedelta(days=2))
        _write_administration(writer, admin, practitioner)
        public_id = str(writer.one("SELECT public_id FROM alert WHERE alert_id = %s", alert_id))
    return Site(
        now=moment,
        practitioner=practitioner,
        stranger=stranger,
        clinician=clinician,
        sam=sam,
        robin=robin,
        alex=alex,
        alert_id=alert_id,
        public_id=public_id,
    )


def _write_administration(writer: SiteWriter, admin: int, practitioner: int) -> None:
    """Write a rota, and a policy that was uploaded and cannot be used."""
    rota = writer.one(
        "INSERT INTO rota (name, created_at) VALUES ('out-of-hours', %s) RETURNING rota_id",
        writer.long_ago,
    )
    writer.run(
        "INSERT INTO rota_shift (rota_id, staff_id, timezone, weekday, starts_minute, ends_minute,"
        " holds_from) VALUES (%s, %s, 'Europe/London', 0, 1080, 1920, %s)",
        rota,
        practitioner,
        writer.long_ago,
    )
    draft = writer.one(
        "INSERT INTO policy_draft (kind, source, made_at, made_by)"
        " VALUES ('alerts', %s, %s, %s) RETURNING policy_draft_id",
        'name = "weekdays"\nchain = ["key_worker"]\n',
        writer.now,
        admin,
    )
    writer.run(
        "INSERT INTO policy_trial (policy_draft_id, kind, asked_at, asked_by, state, ended_at,"
        " lines) VALUES (%s, 'check', %s, %s, 'refused', %s, %s)",
        draft,
        writer.now,
        admin,
        writer.now,
        ["Line 2: chain: it ends with key_worker, where there may be nobody"],
    )


def _write_sam(writer: SiteWriter, sam: int) -> int:
    """Seven usual weeks with a gap, then three nights that are not."""
    now, today = writer.now, writer.now.date()
    device = writer.device("d-sam", sam, now - timedelta(minutes=2))
    for ago in range(50, 0, -1):
        if 30 <= ago < 33:
            continue
        changed = ago <= 3
        heart_rate = 63.0 + 0.4 * ago if changed else 56 + 2 * math.sin(ago)
        steps = 2100.0 + 300 * ago if changed else 7800 + 1900 * math.cos(ago * 1.3)
        usual = USUAL_OF_ALL if ago <= 36 else NOTHING_USUAL
        day = today - timedelta(days=ago)
        writer.day(sam, day, heart_rate, steps, usual=usual, more=_other_measures(ago))
    hour = now.replace(minute=0, second=0, microsecond=0)
    writer.readings(sam, device, hour - timedelta(hours=60), 60 * 60, range(1300, 1700))
    since = now - timedelta(days=3)
    explanation = explanation_of(since.date())
    episode_id = writer.episode(sam, since, explanation)
    return writer.alert(sam, episode_id, "q7K2Qtest", since, explanation)


def _other_measures(ago: int) -> dict[str, float]:
    """Return a day of the other measures: near usual, but for the last three days."""
    found = {}
    others = [name for name in USUAL_OF_ALL if name not in USUAL]
    for place, name in enumerate(others):
        centre, low, high = USUAL_OF_ALL[name]
        wave = math.sin(ago * (1.1 + 0.17 * place) + place)
        found[name] = round(centre + wave * (high - low) * 0.35, 2)
        if ago <= 3 and name in CHANGED_LATELY:
            found[name] = round(CHANGED_LATELY[name] + 0.05 * ago, 2)
    found["circadian_phase_h"] %= 24
    return found


def _write_usual_days(writer: SiteWriter, person_id: int, now: datetime) -> None:
    for ago in range(40, 0, -1):
        writer.day(
            person_id, now.date() - timedelta(days=ago), 55 + ago % 3, 8000 + 100 * (ago % 9)
        )
