"""Every operation for programs: its address, for whom, its shapes, and what does it.

An operation that is not here does not exist; the routes and the document both come from here.
"""

from __future__ import annotations

from typing import Final

from portal.api.for_administrators import FOR_ADMINISTRATORS
from portal.api.for_clinicians import FOR_CLINICIANS, FOR_THE_RECORD
from portal.api.for_staff import FOR_STAFF
from portal.api.for_young_people import FOR_ANYBODY, FOR_YOUNG_PEOPLE
from portal.api.operations import BASE

DOCUMENT_PATH: Final = BASE + "/openapi.json"

OPERATIONS: Final = (
    *FOR_ANYBODY,
    *FOR_STAFF,
    *FOR_THE_RECORD,
    *FOR_CLINICIANS,
    *FOR_YOUNG_PEOPLE,
    *FOR_ADMINISTRATORS,
)
