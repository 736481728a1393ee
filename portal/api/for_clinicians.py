"""What programs of staff can do with the record of a person, and those of clinicians beside it."""

from __future__ import annotations

from typing import Final

from portal.api import asked, caseload, clinic, record
from portal.api.operations import BASE, Operation, Written
from portal.api.paging import PageQuery
from portal.api.problems import ProblemKind
from portal.context import Audience

_PRACTITIONER: Final = frozenset({Audience.PRACTITIONER})
_CLINICIAN: Final = frozenset({Audience.CLINICIAN})
_STAFF: Final = frozenset({Audience.PRACTITIONER, Audience.CLINICIAN})
_CLINICIAN_AND_ADMIN: Final = frozenset({Audience.CLINICIAN, Audience.ADMIN})

_PERSON: Final = BASE + "/people/{person_id:[0-9]{1,9}}"

FOR_THE_RECORD: Final = (
    Operation(
        method="GET",
        path=_PERSON + "/timeline",
        name="showTimeline",
        summary="Everything that happened around a person, in one line of time",
        group="Record",
        audiences=_STAFF,
        work=record.show_timeline,
        query=record.TimelineQuery,
        answer=record.TimelineAnswer,
    ),
    Operation(
        method="POST",
        path=_PERSON + "/timeline/corrections",
        name="correctRecord",
        summary="Put an earlier contact, or the note of a closed alert, right",
        group="Record",
        audiences=_STAFF,
        work=record.correct,
        body=record.CorrectionRequest,
        answer=Written,
        status=201,
    ),
    Operation(
        method="GET",
        path=_PERSON + "/contacts",
        name="listContacts",
        summary="Contacts, with what was put right about them",
        group="Record",
        audiences=_STAFF,
        work=record.list_contacts,
        query=record.ContactsQuery,
        answer=record.Contacts,
    ),
    Operation(
        method="POST",
        path=_PERSON + "/contacts",
        name="addContact",
        summary="Write down a contact",
        group="Record",
        audiences=_STAFF,
        work=record.add_contact,
        body=record.ContactRequest,
        answer=Written,
        status=201,
    ),
    Operation(
        method="GET",
        path=_PERSON + "/three-columns",
        name="listThreeColumns",
        summary="Worried about, working well, needs to happen, and 0 to 10",
        group="Record",
        audiences=_STAFF,
        work=record.list_columns,
        answer=record.ThreeColumns,
    ),
    Operation(
        method="POST",
        path=_PERSON + "/three-columns",
        name="addThreeColumns",
        summary="Keep a new version of the three columns",
        group="Record",
        audiences=_STAFF,
        work=record.add_columns,
        body=record.ColumnsRequest,
        answer=Written,
        status=201,
    ),
    Operation(
        method="GET",
        path=_PERSON + "/check-ins",
        name="listCheckIns",
        summary="How a young person said that they are",
        group="Record",
        audiences=_STAFF,
        work=record.list_check_ins,
        answer=record.CheckIns,
    ),
    Operation(
        method="GET",
        path=BASE + "/requests",
        name="listRequests",
        summary="What one's people asked about their information",
        group="Record",
        audiences=_PRACTITIONER,
        work=asked.list_asked,
        answer=asked.AskedAboutMany,
    ),
    Operation(
        method="POST",
        path=BASE + "/requests/{data_request_id:[0-9]{1,18}}/answer",
        name="answerRequest",
        summary="Answer it; their young person reads it",
        group="Record",
        audiences=_PRACTITIONER,
        work=asked.answer_asked,
        body=asked.AnswerRequest,
        answer=Written,
        status=201,
    ),
)

FOR_CLINICIANS: Final = (
    Operation(
        method="GET",
        path=BASE + "/caseload",
        name="listCaseload",
        summary="A clinician's people, those who need a look first",
        group="Over time",
        audiences=_CLINICIAN,
        work=caseload.list_caseload,
        query=PageQuery,
        answer=caseload.Caseload,
    ),
    Operation(
        method="GET",
        path=_PERSON + "/series",
        name="showSeries",
        summary="Channels in equal steps, with what is usual, gaps and marks",
        group="Over time",
        audiences=_CLINICIAN,
        work=clinic.show_series,
        query=clinic.SpanQuery,
        answer=clinic.SeriesAnswer,
    ),
    Operation(
        method="GET",
        path=_PERSON + "/rhythm",
        name="showRhythm",
        summary="Hours of the day in percentiles, nights, and how regular they are",
        group="Over time",
        audiences=_CLINICIAN,
        work=clinic.show_rhythm,
        query=clinic.RhythmQuery,
        answer=clinic.RhythmAnswer,
    ),
    Operation(
        method="GET",
        path=_PERSON + "/weeks",
        name="listWeeks",
        summary="Six weeks side by side",
        group="Over time",
        audiences=_CLINICIAN,
        work=clinic.show_weeks,
        query=clinic.WeeksQuery,
        answer=clinic.WeeksAnswer,
    ),
    Operation(
        method="GET",
        path=_PERSON + "/before-after",
        name="compareBeforeAfter",
        summary="One measure before and after a day",
        group="Over time",
        audiences=_CLINICIAN,
        work=caseload.compare,
        query=caseload.CompareQuery,
        answer=caseload.ComparisonAnswer,
        problems=(ProblemKind.BREAKS_A_RULE,),
    ),
    Operation(
        method="GET",
        path=BASE + "/counts",
        name="showCounts",
        summary="Numbers of teams in a month, small ones hidden",
        group="Service",
        audiences=_CLINICIAN_AND_ADMIN,
        work=caseload.show_counts,
        query=caseload.CountsQuery,
        answer=caseload.CountsAnswer,
        problems=(ProblemKind.BREAKS_A_RULE,),
    ),
)
