"""The probe: an alert about nobody, for nobody, that goes the way of every other alert.

Rule 1: its person has the number 0, which nobody has; so no page shows it and no figure counts it.
Rule 2: its only recipient is nobody and its only address is a sink within the process: whatever a
policy says and whoever is at work, it cannot reach a person.
Rule 3: the next one is raised only when the last has arrived: one that is lost stays noticed.
"""

from __future__ import annotations

from typing import Final

from alerts.deliveries import Address
from alerts.policy import Step
from alerts.routing import Recipients

PROBE_PERSON: Final = 0
"""People are numbered from 1."""
PROBE_STAFF: Final = 0
PROBE_CHANNEL: Final = "probe"
PROBE_ADDRESS: Final = Address(PROBE_STAFF, PROBE_CHANNEL, "this process")
PROBE_RECIPIENTS: Final = Recipients({Step.KEY_WORKER: frozenset({PROBE_STAFF})})
