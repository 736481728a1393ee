"""What programs of administrators can do beside enrolment. Nothing here says how anybody is."""

from __future__ import annotations

from typing import Final

from portal.api import policies, running, service
from portal.api.for_enrolment import FOR_ENROLMENT
from portal.api.operations import BASE, Operation
from portal.api.paging import PageQuery
from portal.context import Audience

_ADMIN: Final = frozenset({Audience.ADMIN})
_MANAGERS: Final = frozenset({Audience.ADMIN, Audience.SERVICE_MANAGER})

_DRAFT: Final = BASE + "/service/policies/drafts/{draft_id:[0-9]{1,9}}"

_OF_THE_SERVICE: Final = (
    Operation(
        method="GET",
        path=BASE + "/service",
        name="showService",
        summary="The service in numbers",
        group="Service",
        audiences=_ADMIN,
        work=service.show_service,
        answer=service.ServiceAnswer,
    ),
    Operation(
        method="GET",
        path=BASE + "/service/alerts",
        name="showAlertHealth",
        summary="How alerts are doing",
        group="Service",
        audiences=_MANAGERS,
        work=service.show_alert_health,
        query=service.AlertHealthQuery,
        answer=service.AlertHealth,
    ),
    Operation(
        method="GET",
        path=BASE + "/service/audit",
        name="showAudit",
        summary="Who looked at whom in the last thirty days",
        group="Service",
        audiences=_ADMIN,
        work=running.show_audit,
        query=PageQuery,
        answer=running.AuditAnswer,
    ),
    Operation(
        method="GET",
        path=BASE + "/service/changes",
        name="listChanges",
        summary="What administrators changed",
        group="Service",
        audiences=_ADMIN,
        work=running.list_changes,
        answer=running.AdminChanges,
        is_administration=True,
    ),
    Operation(
        method="GET",
        path=BASE + "/service/staff",
        name="listStaff",
        summary="Everybody who works here or did, and the teams",
        group="Service",
        audiences=_ADMIN,
        work=running.list_staff,
        query=PageQuery,
        answer=running.Staff,
        is_administration=True,
    ),
    Operation(
        method="GET",
        path=BASE + "/service/agreements",
        name="listAgreementsDue",
        summary="Who has to be asked, and why",
        group="Service",
        audiences=_ADMIN,
        work=running.list_agreements_due,
        answer=running.AgreementsDue,
        is_administration=True,
    ),
)

_OF_POLICIES: Final = (
    Operation(
        method="GET",
        path=BASE + "/service/policies",
        name="listPolicies",
        summary="What holds, what held, and what was uploaded",
        group="Policies",
        audiences=_ADMIN,
        work=policies.list_policies,
        answer=policies.Policies,
        is_administration=True,
    ),
    Operation(
        method="POST",
        path=BASE + "/service/policies/drafts",
        name="uploadPolicy",
        summary="Take a policy in and have it checked; it holds nowhere because of that",
        group="Policies",
        audiences=_ADMIN,
        work=policies.upload,
        body=policies.DraftRequest,
        answer=policies.Draft,
        status=202,
        is_administration=True,
    ),
    Operation(
        method="GET",
        path=_DRAFT,
        name="showPolicyDraft",
        summary="A policy that was uploaded, with its trials",
        group="Policies",
        audiences=_ADMIN,
        work=policies.show_draft,
        answer=policies.Draft,
        is_administration=True,
    ),
    Operation(
        method="POST",
        path=_DRAFT + "/trials",
        name="tryPolicy",
        summary="Check it again, or try it on the past; nothing changes",
        group="Policies",
        audiences=_ADMIN,
        work=policies.try_draft,
        body=policies.TrialRequest,
        answer=policies.Trial,
        status=202,
        is_administration=True,
    ),
    Operation(
        method="GET",
        path=BASE + "/service/policies/trials/{trial_id:[0-9]{1,9}}",
        name="showPolicyTrial",
        summary="How far a trial is, or what it found",
        group="Policies",
        audiences=_ADMIN,
        work=policies.show_trial,
        answer=policies.Trial,
        is_administration=True,
    ),
)

FOR_ADMINISTRATORS: Final = (*_OF_THE_SERVICE, *FOR_ENROLMENT, *_OF_POLICIES)
