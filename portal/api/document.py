"""The OpenAPI 3.1 document of the interface for programs, from the catalogue and its shapes. Pure.

`docs/openapi.json` is this document, written by `python -m portal.api`; a test holds the two
together. What an operation may answer is all in it: an answer that it does not name is a defect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiohttp import web
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from portal.api.catalogue import DOCUMENT_PATH, OPERATIONS
from portal.api.operations import BASE, JSON_TYPE, NoQuery, Operation
from portal.api.problems import (
    PROBLEM_TYPE,
    ProblemDocument,
    ProblemKind,
    status_of,
    title_of,
)
from portal.api.repeats import KEY_HEADER
from portal.context import Audience, Scope

Json = dict[str, Any]

VERSION: Final = "1.0.0"
_REFERENCE: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{(\w+):([^{}]*(?:\{[0-9,]+\})?)\}")

_ABOUT: Final = (
    "What the pages of Tidewell do, as JSON, by the same rules: a token sees what its owner sees, "
    "and every look at a person is written down. A new field may appear in an answer; none goes "
    f"or changes its meaning below {BASE}. Tidewell is not an emergency service and not a medical "
    "device."
)
_PATH_WORDS: Final = {
    "person_id": "The number of a person.",
    "public_id": "The name of an alert, as in its address.",
    "cover_id": "The number of a cover.",
    "context_note_id": "The number of a note.",
    "data_request_id": "The number of a request.",
    "assignment_id": "The number of an assignment.",
    "staff_id": "The number of somebody who works here.",
    "draft_id": "The number of a policy that was uploaded.",
    "trial_id": "The number of a trial.",
}
_ANY_OPERATION: Final = (
    ProblemKind.UNUSABLE_REQUEST,
    ProblemKind.NOT_SIGNED_IN,
    ProblemKind.OTHER_SITE,
    ProblemKind.NOT_FOUND,
    ProblemKind.TOO_SLOW,
    ProblemKind.TOO_LARGE,
    ProblemKind.TOO_MANY_REQUESTS,
    ProblemKind.UNEXPECTED,
    ProblemKind.NO_DATABASE,
)
_ACTING: Final = (ProblemKind.SCOPE_MISSING, ProblemKind.KEY_USED_DIFFERENTLY)
_WITH_BODY: Final = (ProblemKind.NOT_JSON, ProblemKind.BREAKS_A_RULE)


def make_document() -> Json:
    """Return the whole document."""
    paths: Json = {}
    for operation in OPERATIONS:
        place = paths.setdefault(_PARAMETER.sub(r"{\1}", operation.path), {})
        place[operation.method.lower()] = _operation(operation)
    paths[DOCUMENT_PATH] = {"get": _document_operation()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tidewell",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(one.group for one in OPERATIONS)],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the page “Your tokens” or of `tidewell token add`.",
                }
            },
            "responses": {
                _name_of(kinds): _problem(kinds)
                for one in OPERATIONS
                for kinds in _kinds_by_status(one).values()
            },
            "schemas": _schemas(),
        },
    }


def document_text() -> str:
    """Return the document as the file in docs/ has it."""
    return json.dumps(make_document(), indent=1, ensure_ascii=False) + "\n"


async def show_document(_request: web.Request) -> web.Response:
    """Give the document to anybody: it says nothing about anybody."""
    return web.Response(body=_TEXT.encode(), content_type=JSON_TYPE)


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _for_whom(operation) + _once(operation),
        "tags": [operation.group],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": {str(operation.status): _done(operation), **_problems(operation)},
    }
    if operation.scope is Scope.ACT:
        described["parameters"].append(_key_parameter())
    if operation.stream is not None:
        described["parameters"].append(_last_event_parameter())
    if operation.body is not None:
        content = {JSON_TYPE: {"schema": _ref(operation.body.__name__)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _for_whom(operation: Operation) -> str:
    if operation.audiences == frozenset(Audience) - {Audience.ANYONE}:
        who = "everybody with a token"
    else:
        names = [one.value.replace("_", " ") for one in Audience if one in operation.audiences]
        who = " and ".join(f"{name}s" if name[-3:] != "son" else "young people" for name in names)
    return f"For {who}; scope `{operation.scope}`."


def _once(operation: Operation) -> str:
    if not operation.shown_once:
        return ""
    names = " and ".join(f"`{name}`" for name in sorted(operation.shown_once))
    return f" Never kept: {names}. Sent again with the same key, it is answered with null there."


def _done(operation: Operation) -> Json:
    if operation.stream is not None:
        words = "Events for as long as you listen: `state` and `alert`, see docs/api.md."
        content = {"text/event-stream": {"schema": {"type": "string"}}}
        return {"description": words, "content": content}
    if operation.answer is None:
        return {"description": "Done."}
    words = (operation.answer.__doc__ or "").split("\n", 1)[0]
    content = {JSON_TYPE: {"schema": _ref(operation.answer.__name__)}}
    return {"description": words, "content": content}


def _problems(operation: Operation) -> Json:
    """Return every refusal by its status."""
    return {
        str(status): {"$ref": f"#/components/responses/{_name_of(kinds)}"}
        for status, kinds in sorted(_kinds_by_status(operation).items())
    }


def _name_of(kinds: Iterable[ProblemKind]) -> str:
    return "_or_".join(kind.value for kind in kinds)


def _kinds_by_status(operation: Operation) -> dict[int, list[ProblemKind]]:
    kinds = [*_ANY_OPERATION, *operation.problems]
    kinds += _ACTING if operation.scope is Scope.ACT else ()
    kinds += _WITH_BODY if operation.body is not None else ()
    by_status: dict[int, list[ProblemKind]] = {}
    for kind in kinds:
        by_status.setdefault(status_of(kind), []).append(kind)
    return by_status


def _problem(kinds: Iterable[ProblemKind]) -> Json:
    words = "; ".join(f"`{kind.value}`: {title_of(kind)}" for kind in kinds)
    answer: Json = {
        "description": words + ".",
        "content": {PROBLEM_TYPE: {"schema": _ref(ProblemDocument.__name__)}},
    }
    if ProblemKind.TOO_MANY_REQUESTS in kinds:
        seconds = {"type": "integer", "minimum": 1}
        answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": seconds}}
    return answer


def _path_parameters(operation: Operation) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_WORDS[name],
            "schema": {"type": "string", "pattern": f"^{pattern}$"},
        }
        for name, pattern in _PARAMETER.findall(operation.path)
    ]


def _query_parameters(operation: Operation) -> list[Json]:
    if operation.query is NoQuery:
        return []
    parts = operation.query.model_json_schema()
    required, shapes = parts.get("required", []), parts.get("$defs", {})
    found = []
    for name, schema in parts["properties"].items():
        given = _given(_plain(schema), shapes)
        parameter = {"name": name, "in": "query", "required": name in required, "schema": given}
        if "description" in schema:
            parameter["description"] = schema["description"]
        found.append(parameter)
    return found


def _plain(schema: Mapping[str, Any]) -> Json:
    return {key: value for key, value in schema.items() if key not in {"title", "description"}}


def _given(schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> Json:
    """Return the shape of something that is left out where there is none: never null."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    found = {**rest, **choices[0]} if choices else rest
    if "$ref" in found:
        found |= _plain(shapes[found.pop("$ref").rpartition("/")[2]])
    if schema.get("default") is not None:
        found["default"] = schema["default"]
    return found


def _key_parameter() -> Json:
    return {
        "name": KEY_HEADER,
        "in": "header",
        "required": False,
        "description": "Sent again with the same key within a day, a request is done once.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    }


def _last_event_parameter() -> Json:
    return {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The last `id` that was heard: what was missed since is sent first.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    }


def _document_operation() -> Json:
    return {
        "operationId": "showDocument",
        "summary": "This document",
        "tags": ["Token"],
        "security": [],
        "responses": {
            "200": {
                "description": "OpenAPI 3.1.",
                "content": {JSON_TYPE: {"schema": {"type": "object"}}},
            }
        },
    }


def _schemas() -> Json:
    models: list[tuple[Any, JsonSchemaMode]] = [(ProblemDocument, "serialization")]
    for one in OPERATIONS:
        if one.body is not None:
            models.append((one.body, "validation"))
        if one.answer is not None:
            models.append((one.answer, "serialization"))
    _, made = models_json_schema(list(dict.fromkeys(models)), ref_template=_REFERENCE)
    schemas: Json = made["$defs"]
    return dict(sorted(schemas.items()))


def _ref(name: str) -> Json:
    return {"$ref": _REFERENCE.format(model=name)}


_TEXT: Final = document_text()
