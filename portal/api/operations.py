"""What every operation passes: scope, rate, shape, one transaction, an answer as described.

An operation is a line of the catalogue: address, audience, shapes and the function that does it.
From the same lines come the routes and the document that describes them, so that the two cannot
differ. Everything an operation reads and writes, looks that are written down included, is in one
transaction, which commits only once the answer is ready.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Final, TypeVar

from aiohttp import web
from multidict import MultiMapping
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from portal.admin.door import administration
from portal.api.limits import RateLimit
from portal.api.problems import FieldError, ProblemError, ProblemKind, problem_answer
from portal.api.repeats import KEYS, answered_before, keep_answer, repeatable
from portal.context import API_PATH, Audience, Scope, Viewer, now_of, transaction, viewer_of
from portal.forms import read_body
from portal.security import Handler
from tidewell.database import Connection
from tidewell.logs import get_logger

Shape = TypeVar("Shape", bound=BaseModel)

BASE: Final = API_PATH + "v1"
LIMIT: Final = web.AppKey("api_limit", RateLimit)
JSON_TYPE: Final = "application/json"
REPEATED_HEADER: Final = "Idempotency-Replayed"
QUERY_FIELDS_MAX: Final = 20
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
ERRORS_SAID_MOST: Final = 10
"""Whoever sent more wrong fields than that sent something else altogether."""


Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""What people write: PostgreSQL keeps no null character, and no person types one."""


def _written_as_a_day(value: object) -> date:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("day", "write a day such as 2026-11-22")


Day = Annotated[date, BeforeValidator(_written_as_a_day)]
"""A day as people write it. Left to itself, the check would take seconds since 1970 as well."""


class Request(BaseModel):
    """What programs send: nothing that is not described."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """What programs get. Fields may be added in this version; none goes or changes its meaning."""

    model_config = ConfigDict(frozen=True)


class Written(Answer):
    """It is written down, and takes effect within seconds."""

    is_new: bool = Field(description="False where the same was waiting already.")


class NoQuery(Request):
    """Nothing stands behind the question mark."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read and let through, with the transaction that it happens in."""

    request: web.Request
    connection: Connection
    viewer: Viewer
    now: datetime
    query: BaseModel
    body: BaseModel | None
    once_written: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What is begun as soon as everything is written, such as a process that reads it."""

    def query_as(self, shape: type[Shape]) -> Shape:
        """Return what stood behind the question mark."""
        if not isinstance(self.query, shape):
            raise TypeError(f"this operation does not read {shape.__name__}")
        return self.query

    def body_as(self, shape: type[Shape]) -> Shape:
        """Return what was sent."""
        if not isinstance(self.body, shape):
            raise TypeError(f"this operation does not read {shape.__name__}")
        return self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that a program can do."""

    method: str
    path: str
    name: str
    summary: str
    group: str
    audiences: frozenset[Audience]
    work: Callable[[Call], Awaitable[BaseModel | None]] | None = None
    stream: Handler | None = None
    """Instead of work: what goes on for as long as somebody listens."""
    answer: type[BaseModel] | None = None
    """None: there is nothing to say but that it is done."""
    status: int = 200
    query: type[Request] = NoQuery
    body: type[Request] | None = None
    problems: tuple[ProblemKind, ...] = ()
    """Those that only this operation has; what everything may meet is added to them."""
    is_administration: bool = False
    """It works in the role that enrols, by the administrator's own way to the database."""
    shown_once: frozenset[str] = frozenset()
    """Fields with a secret: they are never kept, so a request that comes again is answered without
    them."""

    @property
    def scope(self) -> Scope:
        """Return what a token needs."""
        return Scope.READ if self.method == "GET" else Scope.ACT


def handler_of(operation: Operation) -> Handler:
    """Return the handler that does an operation."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            check_program(request, operation.scope)
            if operation.stream is not None:
                _read_query(request.query, operation.query)
                return await operation.stream(request)
            return await _do(operation, request)
        except ProblemError as problem:
            get_logger().info("request refused", reason=problem.kind.value, method=request.method)
            return problem_answer(request, problem)

    return handle


def check_program(request: web.Request, scope: Scope) -> None:
    """Let a request through that its token allows, as often as it may.

    Raises:
        ProblemError: the token may not, or not now.
    """
    viewer = viewer_of(request)
    if scope not in viewer.scopes:
        raise ProblemError(ProblemKind.SCOPE_MISSING)
    wait_s = request.app[LIMIT].wait_s(viewer.token_hash, now_of(request))
    if wait_s:
        headers = {"Retry-After": str(math.ceil(wait_s))}
        raise ProblemError(ProblemKind.TOO_MANY_REQUESTS, headers=headers)


async def _do(operation: Operation, request: web.Request) -> web.Response:
    if operation.work is None:
        raise AssertionError(f"{operation.name} does nothing")
    query = _read_query(request.query, operation.query)
    sent = await read_body(request)
    body = _read_json(request, sent, operation.body) if operation.body else None
    viewer, now = viewer_of(request), now_of(request)
    acts, door = operation.scope is Scope.ACT, _DOORS[operation.is_administration]
    again = repeatable(request, viewer.username, sent, now) if acts else None
    async with door(request) as connection:
        keys = KEYS[operation.is_administration]
        kept = await answered_before(connection, keys, again) if again else None
        if kept is not None:
            return _response(kept.status, kept.body, {REPEATED_HEADER: "true"})
        call = Call(request, connection, viewer, now, query, body)
        answer = await operation.work(call)
        if again is not None:
            text = _text_of(answer, operation.shown_once)
            await keep_answer(connection, keys, again, operation.status, text)
    for begin in call.once_written:
        await begin()
    return _response(operation.status, _text_of(answer))


_DOORS: Final = {False: transaction, True: administration}


def _text_of(answer: BaseModel | None, without: frozenset[str] = frozenset()) -> str:
    """Return an answer as it is sent, with null in the place of what is shown once."""
    if answer is None:
        return ""
    return answer.model_copy(update=dict.fromkeys(without)).model_dump_json()


def _response(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    if not text:
        return web.Response(status=status, headers=headers)
    return web.Response(body=text.encode(), status=status, content_type=JSON_TYPE, headers=headers)


def _read_query(query: MultiMapping[str], shape: type[Request]) -> BaseModel:
    if len(query) > QUERY_FIELDS_MAX or len(set(query)) != len(query):
        remedy = "Say each of them once."
        raise ProblemError(
            ProblemKind.UNUSABLE_REQUEST, errors=[FieldError(field="query", remedy=remedy)]
        )
    try:
        return shape.model_validate_strings(dict(query))
    except ValidationError as error:
        raise _unusable(error) from None


def _read_json(request: web.Request, sent: bytes, shape: type[Request]) -> BaseModel:
    if request.content_type != JSON_TYPE:
        raise ProblemError(ProblemKind.NOT_JSON)
    try:
        return shape.model_validate_json(sent, strict=True)
    except ValidationError as error:
        raise _unusable(error) from None


def _unusable(error: ValidationError) -> ProblemError:
    """Say what does not fit, by field, in the words of the check; never what was sent."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    errors = [
        FieldError(field=".".join(str(part) for part in one["loc"])[:100], remedy=one["msg"])
        for one in found[:ERRORS_SAID_MOST]
    ]
    return ProblemError(ProblemKind.UNUSABLE_REQUEST, errors=errors)


def broken_rules(errors: dict[str, str]) -> ProblemError:
    """Return the problem of a request that a form of the pages would refuse, in its words."""
    found = [FieldError(field=field, remedy=remedy) for field, remedy in errors.items()]
    return ProblemError(ProblemKind.BREAKS_A_RULE, errors=found)
