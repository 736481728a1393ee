"""The certificate of an erasure: what went, what stays and why, by whom and when. Pure.

Promises: it holds no word about the person: a number, and a hash by which whoever knows the label
finds it again. It never claims more than was done: what was not looked at is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tidewell.lawful.tables import Erase, tables, tables_that

BROKER_EMPTIED: Final = "the site's own broker was emptied; devices sent again what had waited"
BROKER_ELSEWHERE: Final = (
    "the broker is not the site's own: take the device out of its password file, and delete what "
    "it keeps for the device (docs/data-protection.md says how)"
)
_FREE_SPACE: Final = (
    "free space in the files of the database: it is written over as the database works, and at "
    "once by `VACUUM FULL`; its write-ahead log goes with the next checkpoints"
)
NOT_LOOKED_AT: Final = (
    "what somebody wrote about another person and named this one in it",
    "what left the service before: messages to staff, copies and prints that were made",
    _FREE_SPACE,
    "logs of the processes: they hold numbers of people and no name and no reading",
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is certified about one erasure."""

    person_id: int
    label_hash: bytes
    reason: str
    done_by: str
    begun_at: datetime
    rows_gone_at: datetime
    broker_emptied_at: datetime | None
    checked_at: datetime
    rows: Mapping[str, int]
    backups_kept_d: int

    @property
    def backups_until(self) -> datetime:
        """Return when the last backup that may hold the person is gone."""
        return self.checked_at + timedelta(days=self.backups_kept_d)

    def as_record(self) -> dict[str, Any]:
        """Return it for a program, in the types of JSON."""
        return {
            "what": "erasure of one person",
            "person": self.person_id,
            "label_sha256": self.label_hash.hex(),
            "reason": self.reason,
            "done_by": self.done_by,
            "begun_at": self.begun_at.isoformat(),
            "rows_gone_at": self.rows_gone_at.isoformat(),
            "broker": BROKER_EMPTIED if self.broker_emptied_at else BROKER_ELSEWHERE,
            "checked_at": self.checked_at.isoformat(),
            "rows_deleted": dict(self.rows),
            "cleaned": tables_that(Erase.CLEANED),
            "kept": {name: tables()[name].why for name in tables_that(Erase.KEPT)},
            "not_looked_at": list(NOT_LOOKED_AT),
            "backups_gone_by": self.backups_until.date().isoformat(),
        }


def certificate_text(record: Mapping[str, Any]) -> str:
    """Return a certificate for a person to read and to file."""
    deleted = [f"  {rows:>9,}  {name}" for name, rows in record["rows_deleted"].items() if rows]
    kept = [f"  {name}: {why}" for name, why in record["kept"].items()]
    begun, gone, checked = (record[name] for name in ("begun_at", "rows_gone_at", "checked_at"))
    backups = (
        f"backups made before: the last of them is gone by {record['backups_gone_by']}; "
        "whoever restores one repeats this erasure first"
    )
    lines = [
        "Certificate of erasure",
        "",
        f"Person number {record['person']} (SHA-256 of their label: {record['label_sha256']})",
        f"Why: {record['reason']}",
        f"Done by: {record['done_by']}",
        f"Begun {begun}, gone {gone}, checked {checked}",
        "",
        "Rows deleted, by table:",
        *(deleted or ["  none: nothing was stored about the person"]),
        f"Taken out of: {', '.join(record['cleaned'])}",
        f"Messages waiting: {record['broker']}",
        "",
        "What stays, and why:",
        *kept,
        "",
        "What this erasure did not reach:",
        *(f"  {one}" for one in (*record["not_looked_at"], backups)),
    ]
    return "\n".join(lines) + "\n"
