"""The document of what devices say: as committed, whole, and true for the vectors of both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.wire.asyncapi import document_text, make_asyncapi
from tidewell.vocabulary import CHANNEL_NAMES

TOP = Path(__file__).parents[2]
DOCUMENT: Any = make_asyncapi()
SHAPES: Any = DOCUMENT["components"]["schemas"]
BY_SHAPE_ALONE = {"out_of_range", "missing_key", "unknown_key", "not_an_object", "empty"}

BEYOND_A_SHAPE = {"more steps than a minute has", "more steps than an hour has", "oldest above seq"}
"""What one number says about another; docs/wire-format.md has it in words."""


def vectors(name: str) -> list[Any]:
    found: list[Any] = json.loads((TOP / "tests" / "vectors" / name).read_text(encoding="utf-8"))
    return found


def test_the_committed_document_is_what_the_decoders_check() -> None:
    text = (TOP / "docs" / "asyncapi.json").read_text(encoding="utf-8")
    assert text == document_text(), "run: python -m tests.wire.asyncapi > docs/asyncapi.json"


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SHAPES[name])


def test_everything_that_is_referred_to_is_there() -> None:
    def references(part: Any) -> list[str]:  # noqa: ANN401 -- any part of a document
        if isinstance(part, list):
            return [found for one in part for found in references(one)]
        if not isinstance(part, dict):
            return []
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for one in part.values() for found in references(one)]

    found = references(DOCUMENT)
    assert len(found) > 10
    for reference in found:
        place = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_a_frame_has_every_channel_and_no_place() -> None:
    properties = SHAPES["frame"]["properties"]
    assert set(properties) == {"boot", "seq", "oldest", "start", "period", *CHANNEL_NAMES}
    assert SHAPES["frame"]["additionalProperties"] is False


@pytest.mark.parametrize(("name", "file"), [("frame", "frames.json"), ("ack", "acks.json")])
def test_every_vector_that_is_valid_has_the_shape(name: str, file: str) -> None:
    check = Draft202012Validator(SHAPES[name])
    valid = [one for one in vectors(file) if one["valid"] and "payload" in one]
    assert len(valid) > 3
    for one in valid:
        assert check.is_valid(json.loads(one["payload"])), one["name"]


def test_vectors_that_are_wrong_by_their_shape_do_not_have_it() -> None:
    check = Draft202012Validator(SHAPES["frame"])
    wrong = [one for one in vectors("frames.json") if one.get("reason") in BY_SHAPE_ALONE]
    assert len(wrong) > 3
    let_through = {one["name"] for one in wrong if check.is_valid(json.loads(one["payload"]))}
    assert let_through == BEYOND_A_SHAPE
