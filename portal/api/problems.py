"""What went wrong, for a program and for whoever reads its log: RFC 9457 problem documents.

Each says fact, object and remedy. None repeats what was sent: a value may be about a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

PROBLEM_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:tidewell:problem:"


class ProblemKind(StrEnum):
    """Why a request of a program was not done."""

    UNUSABLE_REQUEST = "unusable_request"
    NOT_SIGNED_IN = "not_signed_in"
    SCOPE_MISSING = "scope_missing"
    OTHER_SITE = "other_site"
    NOT_FOUND = "not_found"
    NOT_DONE_HERE = "not_done_here"
    TOO_SLOW = "too_slow"
    CANNOT_BE_DONE_NOW = "cannot_be_done_now"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    BREAKS_A_RULE = "breaks_a_rule"
    KEY_USED_DIFFERENTLY = "key_used_differently"
    TOO_MANY_REQUESTS = "too_many_requests"
    UNEXPECTED = "unexpected"
    NO_DATABASE = "no_database"
    TOO_MANY_STREAMS = "too_many_streams"


@dataclass(frozen=True, slots=True)
class _Words:
    status: int
    title: str
    fact: str
    remedy: str


_NO_HARM: Final = "Nothing was changed."

_WORDS: Final[dict[ProblemKind, _Words]] = {
    ProblemKind.UNUSABLE_REQUEST: _Words(
        400,
        "We could not read that",
        f"The request does not have the shape that is described. {_NO_HARM}",
        "Compare it with /api/v1/openapi.json; `errors` names what does not fit.",
    ),
    ProblemKind.NOT_SIGNED_IN: _Words(
        401,
        "We do not know who is asking",
        "There is no token with the request, or it is unknown, expired or revoked.",
        "Send `Authorization: Bearer` with a token that holds; the page “Your tokens” makes one.",
    ),
    ProblemKind.SCOPE_MISSING: _Words(
        403,
        "This token may only read",
        f"The token has the scope `read`, and this needs `act`. {_NO_HARM}",
        "Use a token with the scope `act`.",
    ),
    ProblemKind.OTHER_SITE: _Words(
        403,
        "That did not come from one of our pages",
        f"A request with a cookie came from somewhere else. {_NO_HARM}",
        "Send a token with `Authorization: Bearer` and no cookie.",
    ),
    ProblemKind.NOT_FOUND: _Words(
        404,
        "There is nothing here for you",
        "It does not exist, or it is about somebody who is not assigned to whom the token is for.",
        "Look at the list that it should stand in.",
    ),
    ProblemKind.NOT_DONE_HERE: _Words(
        405,
        "That cannot be done here",
        "There is something at this address, but not with this method.",
        "Use a method that the header `Allow` names.",
    ),
    ProblemKind.TOO_SLOW: _Words(
        408,
        "That took too long to arrive",
        f"The request was not complete in time. {_NO_HARM}",
        "Send it again.",
    ),
    ProblemKind.CANNOT_BE_DONE_NOW: _Words(
        409,
        "That cannot be done as things are",
        f"Something else is there that it does not go with. {_NO_HARM}",
        "Read how it is, and decide again.",
    ),
    ProblemKind.TOO_LARGE: _Words(
        413,
        "That was too long",
        f"The request is larger than any that makes sense here. {_NO_HARM}",
        "Shorten it.",
    ),
    ProblemKind.NOT_JSON: _Words(
        415,
        "That is not JSON",
        f"The request has a body of another type. {_NO_HARM}",
        "Send it with `Content-Type: application/json`.",
    ),
    ProblemKind.BREAKS_A_RULE: _Words(
        422,
        "Something in it does not go",
        f"The request has its shape, but breaks a rule. {_NO_HARM}",
        "`errors` says for each field what to do.",
    ),
    ProblemKind.KEY_USED_DIFFERENTLY: _Words(
        422,
        "That key belongs to another request",
        f"A different request came with this `Idempotency-Key` lately. {_NO_HARM}",
        "Use a new key for each new request, and the same one only to repeat it.",
    ),
    ProblemKind.TOO_MANY_REQUESTS: _Words(
        429,
        "Too many requests",
        f"More requests came than are answered. {_NO_HARM}",
        "Wait for as many seconds as the header `Retry-After` says.",
    ),
    ProblemKind.UNEXPECTED: _Words(
        500,
        "Something went wrong on our side",
        "It is in our log.",
        "Try again in a minute. If you are worried about somebody, contact them as you would "
        "without Tidewell.",
    ),
    ProblemKind.NO_DATABASE: _Words(
        503,
        "Tidewell cannot reach its data right now",
        "Nothing old is shown instead.",
        "Try again in a minute. If you are worried about somebody, contact them as you would "
        "without Tidewell.",
    ),
    ProblemKind.TOO_MANY_STREAMS: _Words(
        503,
        "Too many streams are open",
        "The service, or this token, has as many streams of events as it can have.",
        "Close one, or try again later.",
    ),
}

assert set(_WORDS) == set(ProblemKind)

_KIND_OF_STATUS: Final[dict[int, ProblemKind]] = {
    words.status: kind for kind, words in reversed(_WORDS.items())
} | {503: ProblemKind.NO_DATABASE, 403: ProblemKind.OTHER_SITE}
"""What a status means where nothing else is known: the first kind of it, but for these."""


class FieldError(BaseModel):
    """What is wrong with one field."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(description="Where: a name, or a path such as `days`; empty for the whole.")
    remedy: str = Field(description="What to do about it.")


class ProblemDocument(BaseModel):
    """An RFC 9457 problem document."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="`urn:tidewell:problem:` and the kind; docs/api.md lists them.")
    title: str
    status: int
    detail: str = Field(description="Fact and remedy as one text.")
    fact: str = Field(description="What is the case.")
    object: str = Field(description="What it is about: the method and the kind of address.")
    remedy: str = Field(description="What to do.")
    errors: tuple[FieldError, ...] = ()


class ProblemError(Exception):
    """Raised where a request cannot be done; the answer is a problem document."""

    def __init__(
        self,
        kind: ProblemKind,
        *,
        fact: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.fact = fact
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def status_of(kind: ProblemKind) -> int:
    """Return the status of the answer."""
    return _WORDS[kind].status


def title_of(kind: ProblemKind) -> str:
    """Return the problem in a few words."""
    return _WORDS[kind].title


def problem_answer(request: web.Request, problem: ProblemError) -> web.Response:
    """Return the answer that says what went wrong."""
    words = _WORDS[problem.kind]
    fact = problem.fact or words.fact
    document = ProblemDocument(
        type=TYPE_PREFIX + problem.kind.value,
        title=words.title,
        status=words.status,
        detail=f"{fact} {words.remedy}",
        fact=fact,
        object=_object_of(request),
        remedy=words.remedy,
        errors=problem.errors,
    )
    return web.Response(
        body=document.model_dump_json().encode(),
        status=words.status,
        content_type=PROBLEM_TYPE,
        headers=problem.headers,
    )


def problem_of_status(
    request: web.Request, status: int, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return the answer for an error of which nothing but the status is known."""
    kind = _KIND_OF_STATUS.get(status, ProblemKind.UNEXPECTED)
    return problem_answer(request, ProblemError(kind, headers=headers))


def _object_of(request: web.Request) -> str:
    """Return what it is about, without anybody's number."""
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical}" if resource else "an address that is not there"
