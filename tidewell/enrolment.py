"""Who is here: teams, staff, people, devices, and who knows whom.

The command line and the admin pages write these tables, and nothing else does. A person is enrolled
once, under a label that is not their name; the shard follows from the label and never changes.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tidewell.database import Connection, Queries
from tidewell.errors import UsageError
from tidewell.local_time import zone_table
from tidewell.vocabulary import SHARD_COUNT

QUERIES: Final = Queries("tidewell", "enrolment.sql")
FROM_THE_START: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""What virtual devices of one person play was recorded long before they were enrolled."""

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")


@dataclass(frozen=True, slots=True)
class EnrolledPerson:
    """A person as the database knows them."""

    person_id: int
    shard: int
    timezone: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Somebody to whom people can be assigned."""

    staff_id: int
    username: str
    role: str


def shard_of(label: str) -> int:
    """Return the shard of a person's label, the same on every machine.

    Example:
        >>> shard_of("P-001") == shard_of("P-001"), 0 <= shard_of("P-002") < 64
        (True, True)
    """
    return zlib.crc32(label.encode()) % SHARD_COUNT


def device_name_of(label: str) -> str:
    """Return a device's topic name for a person's label.

    Example:
        >>> device_name_of("A0NVTRV")
        'band-a0nvtrv'
    """
    return "band-" + re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:50]


async def enrol_person(
    connection: Connection,
    label: str,
    now: datetime,
    *,
    preferred_name: str,
    timezone: str,
    reading_level: str = "12-15",
) -> EnrolledPerson:
    """Enrol a person, or return them where the label is known.

    Raises:
        UsageError: the label or the time zone cannot be used.
    """
    if not _LABEL.fullmatch(label):
        raise UsageError(
            f"{label!r} cannot be a label; use 1 to 63 letters, digits, spaces or . _ -"
        )
    zone_table(timezone)
    cursor = await connection.execute(
        QUERIES["add_person"],
        {
            "label": label,
            "shard": shard_of(label),
            "timezone": timezone,
            "reading_level": reading_level,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    if row is not None:
        named = {"person_id": row[0], "preferred_name": preferred_name}
        await connection.execute(QUERIES["name_person"], named)
        return EnrolledPerson(row[0], shard_of(label), timezone, is_new=True)
    known = await known_person(connection, label)
    assert known is not None  # the label was taken
    return known


async def known_person(connection: Connection, label: str) -> EnrolledPerson | None:
    """Return the person with this label, or None where nobody has it."""
    row = await (await connection.execute(QUERIES["find_person"], {"label": label})).fetchone()
    return None if row is None else EnrolledPerson(row[0], row[1], row[2], is_new=False)


async def real_device_of(connection: Connection, person_id: int) -> str | None:
    """Return the name of a device that this person wears and that is not a virtual one."""
    cursor = await connection.execute(QUERIES["find_real_device"], {"person_id": person_id})
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def enrol_device(
    connection: Connection,
    name: str,
    person_id: int,
    now: datetime,
    *,
    model: str,
    from_the_start: bool = False,
) -> None:
    """Enrol a device for a person from now on; a device that is theirs already stays theirs.

    A name says nothing about who wore the thing before: it may hold somebody else's days, so what
    it recorded earlier is not theirs. Only what is certain to be one person's, as a recording that
    is played, is theirs `from_the_start`, and not after another wearer gave it back.

    A person wears one device at a time: steps of two would be added up, and a silence of one would
    be hidden by the other.

    Raises:
        UsageError: the device belongs to somebody else, or the person wears another one.
    """
    which_one = {"person_id": person_id, "name": name}
    other = await (await connection.execute(QUERIES["find_other_device"], which_one)).fetchone()
    if other is not None:
        raise UsageError(
            f"this person wears device {other[0]} already, and one person wears one device; "
            f"`tidewell device revoke {other[0]}` ends that one first"
        )
    await connection.execute(QUERIES["add_device"], {"name": name, "model": model, "now": now})
    known = await (await connection.execute(QUERIES["find_device"], {"name": name})).fetchone()
    assert known is not None  # it was just added, or was there
    device_id, owner = known
    if owner is None:
        begins = FROM_THE_START if from_the_start else now
        which = {"device_id": device_id, "person_id": person_id, "now": now, "begins": begins}
        await connection.execute(QUERIES["assign_device"], which)
    elif owner != person_id:
        raise UsageError(f"device {name} belongs to another person; give this one another name")


async def return_device(connection: Connection, device_id: int, now: datetime) -> None:
    """Take a device back: its wearer's days with it stay, and it signs in no longer."""
    which = {"device_id": device_id, "now": now}
    await connection.execute(QUERIES["return_device"], which)
    await connection.execute(QUERIES["forget_credential"], which)
    await connection.execute(QUERIES["announce_credentials"])


async def add_team(connection: Connection, name: str, now: datetime) -> int:
    """Return the number of a team, which is added where it is not there."""
    row = await (
        await connection.execute(QUERIES["add_team"], {"name": name, "now": now})
    ).fetchone()
    assert row is not None  # RETURNING always answers
    return int(row[0])


async def add_staff(
    connection: Connection,
    role: str,
    display_name: str,
    team_id: int,
    now: datetime,
    *,
    is_service_manager: bool = False,
) -> int:
    """Add a member of staff and return their number."""
    who = {
        "role": role,
        "display_name": display_name,
        "team_id": team_id,
        "is_service_manager": is_service_manager,
        "now": now,
    }
    row = await (await connection.execute(QUERIES["add_staff"], who)).fetchone()
    assert row is not None  # RETURNING always answers
    return int(row[0])


async def assign(
    connection: Connection, staff_id: int, person_id: int, kind: str, now: datetime
) -> None:
    """Let a member of staff see a person, as key worker or clinician, from now on."""
    which = {"staff_id": staff_id, "person_id": person_id, "kind": kind, "now": now}
    await connection.execute(QUERIES["assign_staff"], which)


async def change_key_worker(
    connection: Connection, staff_id: int, person_id: int, first: datetime
) -> None:
    """Give a person another key worker from a moment on; the former one stops at that moment.

    Raises:
        UsageError: a later change is planned already, and only one can hold.
    """
    which = {"person_id": person_id, "from": first}
    await connection.execute(QUERIES["lock_person"], {"person_id": person_id})
    planned = await (await connection.execute(QUERIES["planned_key_worker"], which)).fetchone()
    if planned is not None:
        raise UsageError(
            f"another key worker is planned from {planned[0]:%Y-%m-%d %H:%M} UTC on;"
            " give a later day with --from"
        )
    await connection.execute(QUERIES["end_key_worker"], which)
    await assign(connection, staff_id, person_id, "key_worker", first)


async def add_sign_in(
    connection: Connection,
    username: str,
    password_hash: str,
    now: datetime,
    *,
    staff_id: int | None = None,
    person_id: int | None = None,
) -> None:
    """Let somebody sign in; exactly one of `staff_id` and `person_id` is given."""
    who = {
        "username": username,
        "password_hash": password_hash,
        "staff_id": staff_id,
        "person_id": person_id,
        "now": now,
    }
    await connection.execute(QUERIES["add_sign_in"], who)


async def has_sign_ins(connection: Connection) -> bool:
    """Return whether anybody can sign in yet."""
    row = await (await connection.execute(QUERIES["any_sign_in"])).fetchone()
    return bool(row and row[0])


async def staff_members(connection: Connection) -> list[StaffMember]:
    """Return those to whom people can be assigned."""
    rows = await (await connection.execute(QUERIES["practitioners"])).fetchall()
    return [StaffMember(staff_id, username, role) for staff_id, username, role in rows]
