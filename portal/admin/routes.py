"""Where the administrator's pages are. Every one of them is for administrators alone, but for two
that service managers may read, and the one where a device pairs, which has no sign-in.
"""

from __future__ import annotations

from typing import Final

from portal import alert_health_pages
from portal.admin import (
    agreement_pages,
    assignment_pages,
    audit_pages,
    changes,
    cover_pages,
    device_pages,
    pairing_pages,
    people_pages,
    policy_pages,
    reach_pages,
    retention_pages,
    rota_pages,
    staff_pages,
)
from portal.admin.pairing import PAIR_PATH
from portal.security import Handler

_PERSON: Final = "/service/people/{person_id:[0-9]{1,9}}"
_ASSIGNMENT: Final = "/assignments/{assignment_id:[0-9]{1,9}}"
_MEMBER: Final = "/service/staff/{staff_id:[0-9]{1,9}}"
_COVER: Final = "/service/cover/{cover_id:[0-9]{1,9}}"
_DRAFT: Final = "/service/policies/drafts/{draft_id:[0-9]{1,9}}"

Entry = tuple[str, str, Handler]

ADMIN_ROUTES: Final[tuple[Entry, ...]] = (
    ("GET", "/service/people", people_pages.show_people),
    ("GET", "/service/people/new", people_pages.show_enrol),
    ("POST", "/service/people/new", people_pages.enrol),
    ("GET", _PERSON, people_pages.show_person),
    ("POST", _PERSON + "/birth-month", people_pages.set_birth_month),
    ("POST", _PERSON + "/device/pair", device_pages.pair),
    ("POST", _PERSON + "/device/secret", device_pages.give_secret),
    ("POST", _PERSON + "/device/end", device_pages.end_device),
    ("POST", _PERSON + "/key-worker", assignment_pages.change_worker),
    ("POST", _PERSON + "/clinician", assignment_pages.assign_clinician),
    ("POST", _PERSON + _ASSIGNMENT + "/end", assignment_pages.end_assignment),
    ("POST", _PERSON + "/agreement", agreement_pages.record_agreement),
    ("POST", _PERSON + "/competence", agreement_pages.record_competence),
    ("POST", _PERSON + "/sharing", agreement_pages.record_sharing),
    ("GET", "/service/agreements", agreement_pages.show_agreements),
    ("POST", "/service/agreements/basis", agreement_pages.set_basis),
    ("POST", "/service/agreements/text", agreement_pages.set_text),
    ("GET", "/service/staff", staff_pages.show_staff),
    ("GET", "/service/staff/new", staff_pages.show_new),
    ("POST", "/service/staff/new", staff_pages.add),
    ("POST", "/service/teams", staff_pages.add_a_team),
    ("GET", _MEMBER, staff_pages.show_member),
    ("POST", _MEMBER + "/change", staff_pages.change),
    ("POST", _MEMBER + "/stop", staff_pages.stop_sign_in),
    ("POST", _MEMBER + "/allow", staff_pages.allow_sign_in),
    ("POST", _MEMBER + "/invite", staff_pages.invite),
    ("POST", _MEMBER + "/contacts/add", staff_pages.add_contact),
    ("POST", _MEMBER + "/contacts/remove", staff_pages.remove_contact),
    ("GET", "/service/cover", cover_pages.show_cover),
    ("POST", "/service/cover", cover_pages.arrange),
    ("POST", _COVER + "/end", cover_pages.end),
    ("GET", "/service/policies", policy_pages.show_policies),
    ("POST", "/service/policies/upload", policy_pages.upload),
    ("POST", "/service/policies/{policy_id:[0-9]{1,9}}/again", policy_pages.go_back),
    ("GET", _DRAFT, policy_pages.show_draft),
    ("POST", _DRAFT + "/try", policy_pages.try_draft),
    ("POST", _DRAFT + "/switch-on", policy_pages.switch_on),
    ("GET", "/service/policies/trials/{trial_id:[0-9]{1,9}}", policy_pages.show_trial),
    ("GET", "/service/rotas", rota_pages.show_rotas),
    ("POST", "/service/rotas/upload", rota_pages.upload),
    ("GET", "/service/rotas/{rota_id:[0-9]{1,9}}", rota_pages.show_rota),
    ("GET", "/service/retention", retention_pages.show_retention),
    ("GET", "/service/changes", changes.show_changes),
    ("GET", "/service/audit", audit_pages.show_audit),
    ("GET", "/service/audit.csv", audit_pages.give_audit),
)

MANAGER_ROUTES: Final[tuple[Entry, ...]] = (
    ("GET", "/service/alerts", alert_health_pages.show_alert_health),
    ("GET", "/service/reach", reach_pages.show_reach),
)

DEVICE_ROUTES: Final[tuple[Entry, ...]] = (("POST", PAIR_PATH, pairing_pages.pair_device),)
