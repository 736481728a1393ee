"""Every operation for programs: its address, for whom, its shapes, and what does it.

An operation that is not here does not exist; the routes and the document both come from here.
"""

from __future__ import annotations

from typing import Final

from portal.api.for_others import FOR_ADMINISTRATORS, FOR_ANYBODY, FOR_YOUNG_PEOPLE
from portal.api.for_staff import FOR_STAFF
from portal.api.operations import BASE

DOCUMENT_PATH: Final = BASE + "/openapi.json"

OPERATIONS: Final = (*FOR_ANYBODY, *FOR_STAFF, *FOR_YOUNG_PEOPLE, *FOR_ADMINISTRATORS)
