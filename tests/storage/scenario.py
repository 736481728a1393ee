"""A story in SQL for both storage modes: enrol, store, turn to columns, store again, read.

The statements are those of the service, taken from its `.sql` files; the readings are made by the
service's own `copy_bytes`. What is asked in the end must be answered alike in both modes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ingest.rows import Rows, copy_bytes
from tests.storage.engines import Step
from tidewell.database import Queries, Role
from tidewell.vocabulary import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterator

ENROLMENT: Final = Queries("tidewell", "enrolment.sql")
INGEST: Final = Queries("ingest", "store.sql")
HOLES: Final = Queries("ingest.passing", "holes.sql")
READINGS: Final = Queries("ingest.committing", "readings.sql")
SITE: Final = Queries("tidewell", "small_site.sql")
PERSON_PAGE: Final = Queries("portal", "person_page.sql")

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
PEOPLE: Final = (1, 2, 3)
SEEN_BY_STAFF: Final = (1, 2)
BOOT: Final = 5
LEFT_OUT: Final = 7
"""Every seventh minute of the first batch is missing, and comes late, when the chunk is columns."""

_INNER: Final = re.compile(r"COPY \((.*)\) TO STDOUT \(FORMAT binary\)", re.DOTALL)
_PARAMETER: Final = re.compile(r"%\(([a-z0-9_]+)\)s")
_TRAILING: Final = re.compile(r";\s*(--.*\s*)*$")
"""The end of a statement, and the comment of the next one."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days of the story, as the start of each in ms."""

    fresh_ms: int
    in_columns_ms: int
    expired_ms: int
    now: str

    @classmethod
    def before(cls, now_ms: int) -> Days:
        """Return a day that is rows, one that turns to columns, and one that is too old."""
        today_ms = now_ms // DAY_MS * DAY_MS
        now = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat()
        return cls(today_ms - 2 * DAY_MS, today_ms - 20 * DAY_MS, today_ms - 420 * DAY_MS, now)


def query(queries: Queries, name: str) -> str:
    """Return a query; of a COPY to the service, the SELECT inside."""
    text = _TRAILING.sub("", queries[name])
    inner = _INNER.search(text)
    return inner[1].strip() if inner else text


def enrolment(now: str) -> Iterator[Step]:
    """Enrol three people with a device each; one member of staff may see two of them."""

    def step(label: str, query_name: str, /, **parameters: Any) -> Step:  # noqa: ANN401 -- values of any column
        return Step(label, query(ENROLMENT, query_name), parameters, Role.ENROL)

    yield step("team", "add_team", name="Team", now=now)
    kept = {"team_id": 1, "is_service_manager": False, "now": now}
    yield step("staff", "add_staff", role="practitioner", display_name="Kit", **kept)
    yield step("other staff", "add_staff", role="clinician", display_name="Lou", **kept)
    for person in PEOPLE:
        what = {"label": f"P-{person}", "shard": person, "timezone": "UTC", "reading_level": "8-11"}
        yield step(f"person {person}", "add_person", **what, now=now)
        yield step(f"device {person}", "add_device", name=f"band-{person}", model="m", now=now)
        wears = {"device_id": person, "person_id": person, "begins": "2015-01-01Z"}
        yield step(f"wears {person}", "assign_device", **wears, now=now)
    for person in SEEN_BY_STAFF:
        sees = {"staff_id": 1, "person_id": person, "kind": "key_worker", "now": now}
        yield step(f"sees {person}", "assign_staff", **sees)


def batch(name: str, rows: Rows) -> Iterator[Step]:
    """Store readings as ingest does: one transaction, by way of the staging table."""
    role = Role.INGEST
    yield Step(f"{name}: staging", query(READINGS, "create_staging"), role=role)
    yield Step(f"{name}: begin", "BEGIN", role=role)
    copied = copy_bytes(rows)
    yield Step(f"{name}: copy", query(READINGS, "copy_staging"), role=role, copied=copied)
    yield Step(f"{name}: insert", query(READINGS, "insert_readings"), role=role)
    yield Step(f"{name}: known", query(READINGS, "rows_not_inserted") + " ORDER BY 1, 4", role=role)
    yield Step(f"{name}: commit", "COMMIT", role=role)


def first_batch(days: Days) -> Rows:
    """Three days of everybody without every seventh minute."""
    minutes = np.flatnonzero(np.arange(1_440) % LEFT_OUT != 0)
    starts = (days.expired_ms, days.in_columns_ms, days.fresh_ms)
    return Rows.joined([_day(p, start_ms, minutes, 1) for p in PEOPLE for start_ms in starts])


def second_batch(days: Days) -> Rows:
    """The missing minutes, repeats that say the same, and repeats that say something else."""
    late = np.flatnonzero(np.arange(1_440) % LEFT_OUT == 0)
    same, other = np.arange(1, 1_440, 140), np.arange(2, 1_440, 280)
    parts = []
    for person in PEOPLE:
        for start_ms in (days.in_columns_ms, days.fresh_ms):
            repeated = _day(person, start_ms, np.concatenate([same, other]), 2)
            repeated.values[len(same) :, 0] += 1
            parts += [_day(person, start_ms, late, 2), repeated]
    return Rows.joined(parts)


def _day(person: int, start_ms: int, minutes: np.ndarray[Any, Any], seq_step: int) -> Rows:
    """Return readings of one person; every third value is absent, and no two rows are alike."""
    count = len(minutes)
    time_ms = start_ms + minutes.astype(np.int64) * MINUTE_MS
    number = (minutes[:, None] * len(CHANNELS) + np.arange(len(CHANNELS))) * person
    values = (60 + number % 997 / 13).astype(np.float32)
    values[number % 3 == 0] = np.nan
    full = np.full(count, 1, np.int64)
    return Rows(
        frame=full * 0,
        person_id=full * person,
        time_ms=time_ms,
        device_id=full * person,
        period_s=full * 60,
        boot=full * BOOT,
        seq=time_ms // MINUTE_MS // 60 * 4 + seq_step,
        received_ms=full * (start_ms + DAY_MS + seq_step),
        values=values,
    )


def cursors(now: str) -> Iterator[Step]:
    """Say that all of it is committed and scored."""
    each = dict.fromkeys(("upto", "highest", "scored_upto"), 1 << 40) | {"boots": BOOT}
    each |= {"committed": 3, "dead_lettered": 0, "repeated": 1}
    all_of_them = {name: [value for _ in PEOPLE] for name, value in each.items()}
    cursors = {**all_of_them, "devices": list(PEOPLE), "now": now}
    yield Step("cursors", query(INGEST, "save_cursors"), cursors, Role.INGEST)


def reads(days: Days) -> Iterator[Step]:
    """Ask everything that the service asks of readings."""
    span = {"device_id": 2, "boot": BOOT, "first_time": "1970-01-01Z", "last_time": "9999-01-01Z"}
    yield Step("span", query(HOLES, "widen_unscored_span"), span, Role.INGEST)
    held = {"people": [1, 2], "device_id": 2, "boot": BOOT, "after": -1, "upto": 1 << 40}
    held["latest"] = "9999-01-01Z"
    yield Step("read: held", query(INGEST, "copy_held_readings"), held, Role.INGEST)
    scored = {
        "people": list(PEOPLE),
        "received_from": "1970-01-01Z",
        "latest": "9999-01-01Z",
        "shards": [1],  # that of the person who wears the first device
        "devices": [1],
        "boots": [BOOT],
        "seen": [days.in_columns_ms // MINUTE_MS // 60 * 4],
        **{f"hole_{name}": [] for name in ("shards", "devices", "boots", "firsts", "lasts")},
    }
    yield Step("read: scored", query(INGEST, "copy_scored_readings"), scored, Role.INGEST)
    yield Step("read: count", query(SITE, "reading_count"))
    # Longer than a transaction, which is a statement here.
    told = "SELECT set_config('tidewell.viewer_staff_id', '1', false)"
    yield Step("staff look", told, role=Role.PORTAL)
    for person in PEOPLE:
        for which, start_ms in (("columns", days.in_columns_ms), ("fresh", days.fresh_ms)):
            page = {"staff_id": 1, "person_id": person, "now": days.now, **_span(start_ms)}
            text = query(PERSON_PAGE, "heart_rate_by_hour")
            yield Step(f"read: hours of {person} {which}", text, page, Role.PORTAL)
    told = "SELECT set_config('tidewell.viewer_person_id', '3', false)"
    yield Step("a young person looks", told, role=Role.PORTAL)
    mine = "SELECT * FROM readings_for_themselves(%(person_id)s, %(first_time)s, %(end_time)s)"
    own = {"person_id": 3, **_span(days.in_columns_ms)}
    yield Step("read: own", mine + " ORDER BY time, device_id", own, Role.PORTAL)
    yield Step("read: not by portal", "SELECT FROM reading", role=Role.PORTAL)
    yield Step("read: no change", "UPDATE reading SET steps = 0", role=Role.INGEST)
    yield Step("read: no loss", "DELETE FROM reading", role=Role.INGEST)


def _span(start_ms: int) -> dict[str, str]:
    start = datetime.fromtimestamp(start_ms / 1000, UTC)
    return {"first_time": start.isoformat(), "end_time": (start + timedelta(days=1)).isoformat()}


def every_query() -> Iterator[Step]:
    """Plan every query of every stage as the role that runs it, which also asks for its rights."""
    for package, role in (
        ("ingest", Role.INGEST),
        ("alerts", Role.ALERTS),
        ("portal", Role.PORTAL),
    ):
        for file in _sql_files(package):
            behind_the_door = package == "portal" and _is_of_administrators(file)
            yield from _plans(package, file, Role.ENROL if behind_the_door else role)
    yield from _plans("tidewell", "enrolment.sql", Role.ENROL)
    yield from _plans("tidewell", "small_site.sql", None)


def _is_of_administrators(file: str) -> bool:
    """Return whether the portal runs a file behind `portal.admin.door`."""
    is_of_pages = file.startswith("admin/") and file != "admin/audit.sql"
    return is_of_pages or file.endswith("_of_administrators.sql")


def _sql_files(package: str) -> list[str]:
    top = resources.files(package)
    folders = {child.name: child for child in top.iterdir() if child.is_dir()}
    inside = [f"{name}/{one.name}" for name, child in folders.items() for one in child.iterdir()]
    names = [*inside, *(child.name for child in top.iterdir())]
    return sorted(name for name in names if name.endswith(".sql"))


def _plans(package: str, file: str, role: Role | None) -> Iterator[Step]:
    queries = Queries(package, file)
    for name in queries:
        text = query(queries, name)
        if _cannot_be_planned(text):
            continue
        yield Step(f"plan: {package}/{file}: {name}", explained(text), role=role)


def explained(text: str) -> str:
    """Return the statement that plans a query without running it, whatever its parameters."""
    names = list(dict.fromkeys(_PARAMETER.findall(text)))

    def place(match: re.Match[str]) -> str:
        # psycopg says that a number is one; without that, ARRAY[$1] would be an array of text.
        kind = "::integer" if match[1] == "staff_id" else ""
        return f"${names.index(match[1]) + 1}{kind}"

    body = _PARAMETER.sub(place, text)
    # The wire protocol would read $1 as a parameter to be given; a text that is executed does not.
    quoted = "$tidewell$EXPLAIN (GENERIC_PLAN) " + body + "$tidewell$"
    return f"DO $do$ BEGIN EXECUTE {quoted}; END $do$"


def _cannot_be_planned(text: str) -> bool:
    return text.lstrip().startswith(("LISTEN", "COPY", "CREATE TEMPORARY"))
