"""What programs of young people and administrators can do, and what those of everybody can."""

from __future__ import annotations

from typing import Final

from portal.api import notes, service, young_person
from portal.api.operations import BASE, Operation, Written
from portal.context import Audience

_YOUNG_PERSON: Final = frozenset({Audience.YOUNG_PERSON})
_ADMIN: Final = frozenset({Audience.ADMIN})
_SIGNED_IN: Final = frozenset(Audience) - {Audience.ANYONE}

_NOTE: Final = "/notes/{context_note_id:[0-9]{1,18}}"

FOR_ANYBODY: Final = (
    Operation(
        method="GET",
        path=BASE + "/me",
        name="showMyself",
        summary="Whose token this is, and what it may do",
        group="Token",
        audiences=_SIGNED_IN,
        work=young_person.show_myself,
        answer=young_person.Myself,
    ),
)

FOR_YOUNG_PEOPLE: Final = (
    Operation(
        method="GET",
        path=BASE + "/me/week",
        name="showMyWeek",
        summary="My last seven days in words, good things first",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=young_person.show_week,
        answer=young_person.MyWeekAnswer,
    ),
    Operation(
        method="GET",
        path=BASE + "/me/pause",
        name="showMyPause",
        summary="Whether it is paused",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=young_person.show_pause,
        answer=young_person.PauseAnswer,
    ),
    Operation(
        method="POST",
        path=BASE + "/me/pause",
        name="pause",
        summary="Keep nothing of me from now on",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=young_person.start_pause,
        body=young_person.PauseRequest,
        answer=young_person.PauseAnswer,
    ),
    Operation(
        method="POST",
        path=BASE + "/me/resume",
        name="resume",
        summary="Keep everything again",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=young_person.end_pause,
        answer=young_person.PauseAnswer,
    ),
    Operation(
        method="GET",
        path=BASE + "/me/check-in",
        name="listMyAsks",
        summary="What I asked, and what became of it",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=young_person.list_asks,
        answer=young_person.Asks,
    ),
    Operation(
        method="POST",
        path=BASE + "/me/check-in",
        name="askForCheckIn",
        summary="Ask my worker to check in",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=young_person.ask,
        body=young_person.AskRequest,
        answer=Written,
        status=202,
    ),
    Operation(
        method="POST",
        path=BASE + "/me/check-in/take-back",
        name="takeAsksBack",
        summary="I do not need it any more",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=young_person.take_back,
        answer=young_person.Asks,
    ),
    Operation(
        method="GET",
        path=BASE + "/me/who-looked",
        name="listLooks",
        summary="Who looked at my information",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=young_person.list_looks,
        answer=young_person.Looks,
    ),
    Operation(
        method="GET",
        path=BASE + "/me/notes",
        name="listMyNotes",
        summary="Notes about my days",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=notes.list_my_notes,
        answer=notes.Notes,
    ),
    Operation(
        method="POST",
        path=BASE + "/me/notes",
        name="addMyNote",
        summary="Note what was different about some of my days",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=notes.add_my_note,
        body=notes.NoteRequest,
        answer=notes.Notes,
        status=201,
    ),
    Operation(
        method="DELETE",
        path=BASE + "/me" + _NOTE,
        name="removeMyNote",
        summary="Take back a note that I wrote",
        group="My own",
        audiences=_YOUNG_PERSON,
        work=notes.remove_my_note,
        status=204,
    ),
)

FOR_ADMINISTRATORS: Final = (
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
        audiences=_ADMIN,
        work=service.show_alert_health,
        query=service.AlertHealthQuery,
        answer=service.AlertHealth,
    ),
)
