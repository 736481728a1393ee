"""What administrators changed: written down with each change, and a page that shows it.

Promises: a change and its record commit together or not at all, and the database puts the record
into the sealed log of who looked. Never holds a secret, an address, or a word about how somebody
is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from aiohttp import web

from portal.admin.door import administration
from portal.context import now_of, rows, viewer_of
from portal.rendering import page
from tidewell.database import Connection, Queries

SHOWN_MOST: Final = 200
"""Some weeks of changes; all of them are in the table."""

_QUERIES: Final = Queries("portal.admin", "changes.sql")


class ChangeKind(StrEnum):
    """What an administrator did."""

    PERSON_ENROLLED = "person_enrolled"
    BIRTH_MONTH_SET = "birth_month_set"
    DEVICE_PAIRING_STARTED = "device_pairing_started"
    DEVICE_SECRET_GIVEN = "device_secret_given"  # noqa: S105 -- the name of a change
    DEVICE_TAKEN_BACK = "device_taken_back"
    DEVICE_REVOKED = "device_revoked"
    KEY_WORKER_CHANGED = "key_worker_changed"
    CLINICIAN_ASSIGNED = "clinician_assigned"
    ASSIGNMENT_ENDED = "assignment_ended"
    AGREEMENT_RECORDED = "agreement_recorded"
    COMPETENCE_RECORDED = "competence_recorded"
    SHARING_RECORDED = "sharing_recorded"
    BASIS_SET = "basis_set"
    TEXT_SET = "text_set"
    STAFF_ADDED = "staff_added"
    STAFF_INVITED = "staff_invited"
    STAFF_CHANGED = "staff_changed"
    STAFF_DISABLED = "staff_disabled"
    STAFF_ENABLED = "staff_enabled"
    CONTACT_ADDED = "contact_added"
    CONTACT_REMOVED = "contact_removed"
    TEAM_ADDED = "team_added"
    COVER_ARRANGED = "cover_arranged"
    COVER_ENDED = "cover_ended"
    POLICY_UPLOADED = "policy_uploaded"
    POLICY_TRIED = "policy_tried"
    POLICY_SWITCHED_ON = "policy_switched_on"
    ROTA_SAVED = "rota_saved"


WHO_AND_WHAT_KINDS: Final = (
    ChangeKind.KEY_WORKER_CHANGED,
    ChangeKind.CLINICIAN_ASSIGNED,
    ChangeKind.ASSIGNMENT_ENDED,
    ChangeKind.AGREEMENT_RECORDED,
    ChangeKind.COMPETENCE_RECORDED,
    ChangeKind.SHARING_RECORDED,
)
"""Who may see a young person, and what they agreed to."""

CHANGE_WORDS: Final = {
    ChangeKind.PERSON_ENROLLED: "enrolled a young person",
    ChangeKind.BIRTH_MONTH_SET: "wrote down a month of birth",
    ChangeKind.DEVICE_PAIRING_STARTED: "made a code to pair a device",
    ChangeKind.DEVICE_SECRET_GIVEN: "gave a device another secret",
    ChangeKind.DEVICE_TAKEN_BACK: "took a device back",
    ChangeKind.DEVICE_REVOKED: "took a device out of use",
    ChangeKind.KEY_WORKER_CHANGED: "changed a key worker",
    ChangeKind.CLINICIAN_ASSIGNED: "assigned a clinician",
    ChangeKind.ASSIGNMENT_ENDED: "ended an assignment",
    ChangeKind.AGREEMENT_RECORDED: "wrote down what was agreed",
    ChangeKind.COMPETENCE_RECORDED: "wrote down who decides",
    ChangeKind.SHARING_RECORDED: "wrote down with whom to share",
    ChangeKind.BASIS_SET: "set the lawful basis",
    ChangeKind.TEXT_SET: "set the text of the agreement",
    ChangeKind.STAFF_ADDED: "added a member of staff",
    ChangeKind.STAFF_INVITED: "gave a member of staff a new way to sign in",
    ChangeKind.STAFF_CHANGED: "changed a member of staff",
    ChangeKind.STAFF_DISABLED: "stopped a sign-in",
    ChangeKind.STAFF_ENABLED: "allowed a sign-in again",
    ChangeKind.CONTACT_ADDED: "added a way to reach somebody",
    ChangeKind.CONTACT_REMOVED: "removed a way to reach somebody",
    ChangeKind.TEAM_ADDED: "added a team",
    ChangeKind.COVER_ARRANGED: "asked somebody to cover",
    ChangeKind.COVER_ENDED: "ended cover",
    ChangeKind.POLICY_UPLOADED: "uploaded a policy",
    ChangeKind.POLICY_TRIED: "tried a policy",
    ChangeKind.POLICY_SWITCHED_ON: "switched a policy on",
    ChangeKind.ROTA_SAVED: "saved a duty rota",
}


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change as it was written down."""

    at: datetime
    who: str
    kind: str
    person_label: str | None
    about_staff: str | None
    detail: str

    @property
    def words(self) -> str:
        """Return what was done, to whom."""
        known = {one.value: words for one, words in CHANGE_WORDS.items()}
        about = [one for one in (self.person_label, self.about_staff) if one]
        parts = [known.get(self.kind, self.kind), ", ".join(about), self.detail]
        return ": ".join(part for part in parts if part)


async def record_change(
    connection: Connection,
    request: web.Request,
    kind: ChangeKind,
    *,
    person_id: int | None = None,
    about_staff_id: int | None = None,
    detail: str = "",
) -> None:
    """Write down what the administrator who is looking changes, in the same transaction."""
    values = {
        "at": now_of(request),
        "staff_id": viewer_of(request).known_staff_id,
        "kind": kind.value,
        "person_id": person_id,
        "about_staff_id": about_staff_id,
        "detail": detail[:300],
    }
    await connection.execute(_QUERIES["record"], values)


async def read_changes_about_people(
    connection: Connection, since: datetime, limit: int
) -> list[ChangeRow]:
    """Return who got or lost whom, and what was agreed, since a moment; the newest first."""
    kinds = [kind.value for kind in WHO_AND_WHAT_KINDS]
    values = {"since": since, "kinds": kinds, "limit": limit}
    return await rows(connection, ChangeRow, _QUERIES["about_people"], values)


async def show_changes(request: web.Request) -> web.Response:
    """Show what administrators changed, newest first."""
    async with administration(request) as connection:
        found = await read_changes(connection)
    return page(request, "admin/changes.jinja", {"changes": found, "most": SHOWN_MOST})


async def read_changes(connection: Connection) -> list[ChangeRow]:
    """Return what administrators changed, the latest first."""
    return await rows(connection, ChangeRow, _QUERIES["latest"], {"limit": SHOWN_MOST})
