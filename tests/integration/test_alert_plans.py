"""The loops of alerts stay quick: with 100,000 open alerts and a million lines of history none of
their statements reads a big table from end to end, whether its values are known to the plan or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import pytest

from alerts import store
from alerts.answers import store as answers
from alerts.auditing import store as auditing
from alerts.concerns import store as concerns
from alerts.intake import store as intake
from alerts.sending import store as sending
from tidewell.database import Queries

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ALERTS: Final = 100_000
BIG: Final = frozenset(
    {
        "alert",
        "alert_action",
        "alert_event",
        "alert_intake",
        "assignment",
        "concern",
        "concern_intake",
        "delivery",
        "episode",
        "episode_event",
    }
)
"""What grows with use; staff and their addresses are some hundreds."""

FILL: Final = """
SET synchronous_commit = off;
INSERT INTO staff (role, display_name, created_at)
SELECT 'practitioner', 'S ' || n, '2026-01-01Z' FROM generate_series(1, 5000) AS n;
INSERT INTO contact_method (staff_id, channel, address, created_at)
SELECT n, 'email', n || '@service.example', '2026-01-01Z' FROM generate_series(1, 5000) AS n;
INSERT INTO person (label, shard, timezone, reading_level, created_at)
SELECT 'P-' || n, n % 64, 'UTC', '12-15', '2026-01-01Z' FROM generate_series(1, 50000) AS n;
INSERT INTO assignment (person_id, staff_id, kind, valid_from)
SELECT n, 1 + n % 5000, 'key_worker', '2026-01-01Z' FROM generate_series(1, 50000) AS n;
INSERT INTO episode (person_id, family, opened_at, level, score, explanation, detector_version)
SELECT 1 + n % 50000, 'illness', '2026-11-22 12:00Z'::timestamptz - n * interval '10 s',
       'check_today', 4, '{}', '1' FROM generate_series(1, 100000) AS n
ON CONFLICT DO NOTHING;
INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score, explanation)
SELECT episode_id, kind, opened_at, opened_at, level, 4, '{}'
FROM episode, unnest(ARRAY['opened', 'continued', 'worsened']) AS kind;
INSERT INTO alert (public_id, episode_id, person_id, cause, level, state, since, raised_at,
    accepted_by, accepted_at, explanation, policy, wake_at)
SELECT 'A' || n, n, 1 + n % 50000, 'illness', 'check_today',
    CASE n % 2 WHEN 0 THEN 'notified' ELSE 'accepted' END, at, at,
    CASE n % 2 WHEN 1 THEN 1 + n % 5000 END, CASE n % 2 WHEN 1 THEN at END, '{}',
    jsonb_build_object('name', repeat('as long as a policy ', 50)),
    '2026-11-22 12:00Z'::timestamptz + (n - 500) * interval '1 s'
FROM generate_series(1, 100000) AS n,
    LATERAL (SELECT '2026-11-22 12:00Z'::timestamptz - n * interval '10 s' AS at) AS raised;
INSERT INTO alert_intake (episode_event_id, decided_at, reason, alert_id)
SELECT episode_event_id, at, 'raised', episode_id FROM episode_event
WHERE episode_event_id <= (SELECT max(episode_event_id) - 100 FROM episode_event);
INSERT INTO alert_action (alert_id, staff_id, kind, at, seen_level)
SELECT n, 1 + n % 5000, 'accept', '2026-11-22 12:00Z', 'check_today'
FROM generate_series(1, 100000) AS n;
INSERT INTO alert_event (alert_id, at, kind, reason, staff_id, detail, alert_action_id)
SELECT n, '2026-11-22 12:00Z', kind, 'raised', 1 + n % 5000, 'key_worker',
    CASE WHEN kind = 'accepted' AND n <= 99900 THEN n END
FROM generate_series(1, 100000) AS n, unnest(ARRAY['created', 'notification_queued',
    'notification_sent', 'notification_sent', 'notification_sent', 'duplicate_suppressed',
    'duplicate_suppressed', 'duplicate_suppressed', 'receipt_came', 'accepted']) AS kind;
INSERT INTO delivery (alert_id, staff_id, channel, address, idempotency_key, state, attempts,
    attempt_at, handed_over_at, ask, bundle)
SELECT n, 1 + n % 5000, channel, (1 + n % 5000) || '@service.example', channel || n,
    CASE WHEN n % 100 = 0 THEN 'waiting' ELSE 'handed_over' END, 1,
    '2026-11-22 12:00Z'::timestamptz - n * interval '1 s', NULL, '1.0',
    CASE WHEN n % 10 = 0 THEN 'bundle-' || channel || n / 20 END
FROM generate_series(1, 100000) AS n, unnest(ARRAY['console', 'email', 'webhook']) AS channel;
INSERT INTO concern (person_id, kind, source, choice, at)
SELECT 1 + n % 50000, 'raise', 'young_person', 'talk', '2026-11-22 12:00Z'
FROM generate_series(1, 100000) AS n;
INSERT INTO concern_intake (concern_id, decided_at, reason, alert_id)
SELECT n, '2026-11-22 12:00Z', 'raised', n FROM generate_series(1, 99900) AS n;
INSERT INTO sign_in (username, password_hash, staff_id, created_at, disabled_at)
SELECT 'user-' || n, '', n, '2026-01-01Z',
    CASE WHEN n % 500 = 0 THEN '2026-11-01Z'::timestamptz END FROM generate_series(1, 5000) AS n;
"""

VALUES: Final[Mapping[str, object]] = {
    "now": NOW,
    "late": NOW - timedelta(minutes=5),
    "far": NOW + timedelta(hours=1),
    "far_in_bundle": NOW + timedelta(hours=4),
    "since": NOW - timedelta(hours=3),
    "lease_until": NOW + timedelta(seconds=30),
    "attempt_at": NOW + timedelta(seconds=4),
    "wake_at": NOW + timedelta(seconds=4),
    "at": NOW,
    "most": 200,
    "after": 50_000,
    "look_back": store.LOOK_BACK_USUAL,
    "set_aside": [1, 2],
    "owner": "somebody",
    "attempts": 1,
    "error": "no",
    "reason": "level_rose",
    "alert_id": 77_700,
    "delivery_id": 77_700,
    "episode_id": 77_700,
    "episode_event_id": 299_990,
    "alert_action_id": 99_990,
    "concern_id": 99_990,
    "person_id": 77,
    "staff_id": 78,
    "staff_ids": [78, 79],
    "recipient_staff_id": 78,
    "duty_line": [1],
    "service_managers": [2],
    "channel": "email",
    "channels": ["console", "email", "webhook"],
    "address": "78@service.example",
    "bundle": "bundle-email3885",
    "family": "illness",
    "strand": "",
    "asking": "worry",
    "withdraws": 77,
}

STATEMENTS: Final[tuple[tuple[Queries, tuple[str, ...]], ...]] = (
    (
        store._SQL,
        (
            "due_alerts",
            "alert",
            "history",
            "is_reached",
            "has_left",
            "recipients",
            "addresses_of_staff",
            "is_first_of_person",
            "recent_pushes",
            "withdraw_deliveries",
            "set_next_step",
            "reopen",
        ),
    ),
    (
        intake._SQL,
        (
            "unhandled_episode_events",
            "episode_event",
            "alert_of_cause",
            "is_of_episode",
            "mark_back_to_usual",
        ),
    ),
    (answers._SQL, ("unfolded_actions", "action")),
    (
        concerns._SQL,
        (
            "unhandled_concerns",
            "concern",
            "open_alert",
            "alert_of_request",
            "concerns_of_alert",
        ),
    ),
    (
        sending._SQL,
        (
            "claim_deliveries",
            "mark_handed_over",
            "bundle_members",
            "mark_notified",
            "mark_try_again",
            "mark_given_up",
            "mark_member_given_up",
            "wake_now",
        ),
    ),
    (
        auditing._SQL,
        ("unserved_deliveries", "wake_what_leavers_own", "pull_in_put_off", "unclosed_alerts"),
    ),
)
"""What runs for each hint, alert and message, and each page of a sweep. What looks at everything by
its nature, once a minute, is measured by `bench alerts`."""


@dataclass(frozen=True)
class Read:
    """One place of a plan where a table is read."""

    how: str
    table: str


def reads(plan: Mapping[str, Any]) -> Iterator[Read]:
    """Yield where a plan reads tables."""
    if "Relation Name" in plan and "Scan" in plan["Node Type"]:
        yield Read(plan["Node Type"], plan["Relation Name"])
    for part in plan.get("Plans", ()):
        yield from reads(part)


def generic(query: str) -> str:
    """Return a statement as the server plans it for any values."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${numbers.setdefault(found[1], len(numbers) + 1)}"

    return re.sub(r"%\((\w+)\)s", number, query).replace("%%", "%")


@pytest.fixture
def filled(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(
        database_url, autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(FILL.encode())
        connection.execute("VACUUM ANALYZE")
        yield connection


def test_no_statement_of_the_loops_reads_a_big_table_from_end_to_end(
    filled: psycopg.Connection[Any],
    database_url: str,
) -> None:
    found = []
    for queries, names in STATEMENTS:
        for name in names:
            text = queries[name]
            with filled.transaction(force_rollback=True):
                values_known = b"EXPLAIN (ANALYZE, FORMAT JSON) " + text.encode()
                row = filled.execute(values_known, VALUES).fetchone()
            any_values = "EXPLAIN (GENERIC_PLAN, FORMAT JSON) " + generic(text)
            with psycopg.connect(database_url) as plain:
                other = plain.execute(any_values.encode()).fetchone()
            assert row is not None
            assert other is not None
            for kind, plan in (("these values", row[0][0]), ("any values", other[0][0])):
                found += [
                    f"{name}, {kind}: {read.how} of {read.table}"
                    for read in reads(plan["Plan"])
                    if read.how == "Seq Scan" and read.table in BIG
                ]
    assert filled.execute("SELECT count(*) FROM alert_event").fetchone() == (10 * ALERTS,)
    assert "\n".join(found) == ""
