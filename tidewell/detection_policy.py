"""Policies of detection as files: budgets, rests and what-if limits, in TOML.

A file says only what is to be other than the defaults of `detect.policy`; docs/detection-policy.md
explains every key. Promises: a file is taken as a whole or refused, and a refusal names the file,
the key, what was expected and what was found. Never: guesses what a misspelt key was meant to be.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from tidewell.errors import UsageError
from tidewell.settings import Settings
from tidewell.vocabulary import CHANNEL_NAMES, CHANNELS, Family, Level

LARGEST_FILE_BYTES: Final = 64 * 1024
"""A policy is a page; four limits for each of five hundred people still fit."""
MOST_LIMITS_OF_A_PERSON: Final = 4
"""As many as a plan has room for (`detect.plan_limits`)."""
MOST_PROBLEMS_SAID: Final = 5
"""The first few faults of a file are enough to begin with."""
FOUND_CHARACTERS: Final = 40

BUDGETED: Final = tuple(family for family in Family if family is not Family.DEVICE)
"""Whether a device is silent or off is decided by rules, so it has no budget."""

_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class PolicyKeywords(TypedDict, total=False):
    """What a file gives of the arguments of `detect.policy.Policy`."""

    budgets: tuple[float, ...]
    check_today_share: float
    rest_days: int
    freeze_days: int
    most_open: int


@dataclass(frozen=True, slots=True)
class WhatIfLimit:
    """A limit to try out on stored readings; `people` are labels, None is everybody."""

    channel: str
    direction: Literal["above", "below"]
    value: float
    for_minutes: int
    level: Level
    while_resting: bool
    people: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class DetectionPolicy:
    """What a file says; what it leaves out stays as it is.

    `limits` is None where the file says nothing about limits, and empty where it says "none".
    """

    name: str
    budgets: Mapping[Family, float] = field(default_factory=dict)
    check_today_share: float | None = None
    rest_days: int | None = None
    freeze_days: int | None = None
    most_open: int | None = None
    limits: tuple[WhatIfLimit, ...] | None = None

    def keywords(self, default_budgets: Mapping[Family, float]) -> PolicyKeywords:
        """Return what to make a `detect.policy.Policy` of.

        Example:
            >>> tighter = DetectionPolicy("tight.toml", {Family.DRIFT: 0.0}, rest_days=14)
            >>> keywords = tighter.keywords({Family.DRIFT: 0.1, Family.SLEEP: 0.2})
            >>> keywords["budgets"], keywords["rest_days"]
            ((0.0, 0.2, 0.0, 0.0, 0.0, 0.0), 14)
        """
        budgets = {**default_budgets, **self.budgets}
        given = PolicyKeywords(budgets=tuple(budgets.get(family, 0.0) for family in Family))
        if self.check_today_share is not None:
            given["check_today_share"] = self.check_today_share
        if self.rest_days is not None:
            given["rest_days"] = self.rest_days
        if self.freeze_days is not None:
            given["freeze_days"] = self.freeze_days
        if self.most_open is not None:
            given["most_open"] = self.most_open
        return given

    def limits_for(self, label: str) -> tuple[WhatIfLimit, ...] | None:
        """Return the limits of a person, or None where those of their plan stay as they are."""
        about = [one for one in self.limits or () if one.people is None or label in one.people]
        return tuple(about) if about or self.limits == () else None


def read_policy(path: Path) -> DetectionPolicy:
    """Read a policy.

    Raises:
        UsageError: it cannot be read or holds something else; the message names every fault.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the path") from None
    if len(content) > LARGEST_FILE_BYTES:
        raise UsageError(
            f"{path.name} is larger than {LARGEST_FILE_BYTES:,} bytes; a policy is a page"
        )
    return parse_policy(path.name, content)


def parse_policy(name: str, content: bytes) -> DetectionPolicy:
    """Return the policy in the content of a file called `name`.

    Raises:
        UsageError: as `read_policy`.

    Example:
        >>> parse_policy("no-drift.toml", b"[budgets]\\ndrift = 0").budgets
        {<Family.DRIFT: 'drift'>: 0.0}
    """
    try:
        given = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError(f"{name}: expected text in UTF-8; save it as such") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{name}: expected TOML: {error}") from None
    try:
        return _File.model_validate(given).as_policy(name)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        # Each form that a key may have is tried and each entry of a list reported: one is enough.
        sentences = list({_key_of(one["loc"])[0]: _sentence(one) for one in problems}.values())
        said = "; ".join(sentences[:MOST_PROBLEMS_SAID])
        left = len(sentences) - MOST_PROBLEMS_SAID
        raise UsageError(f"{name}: {said}" + (f"; and {left} more" if left > 0 else "")) from None


def policy_in_use(settings: Settings) -> DetectionPolicy:
    """Return the policy that the service works with: that of the settings, or the one built in.

    Raises:
        UsageError: the file cannot be used, or it holds limits. A limit is agreed with a person and
            stands in their plan; no file may set it for them.
    """
    if settings.detection_policy is None:
        return DetectionPolicy("the built-in policy")
    policy = read_policy(settings.detection_policy)
    if policy.limits is not None:
        raise UsageError(
            f"{policy.name}: limits: the service takes limits from people's agreed plans only; "
            "take them out, or try them with `tidewell backtest --policy`"
        )
    return policy


_Budget = Annotated[float | None, Field(ge=0, le=10)]


class _Budgets(BaseModel):
    model_config = _STRICT

    illness: _Budget = None
    sleep: _Budget = None
    withdrawal: _Budget = None
    acute_load: _Budget = None
    drift: _Budget = None


assert tuple(_Budgets.model_fields) == tuple(family.value for family in BUDGETED)


class _LimitEntry(BaseModel):
    model_config = _STRICT

    channel: str = Field(
        pattern=f"^({'|'.join(CHANNEL_NAMES)})$", description=f"one of {', '.join(CHANNEL_NAMES)}"
    )
    direction: Literal["above", "below"] = Field(description='"above" or "below"')
    value: float = Field(description="a number in the unit of the channel")
    for_minutes: int = Field(ge=0, le=1_440, description="whole minutes from 0 to 1440")
    level: Literal["for_review", "check_today", "check_now"] = Field(
        description='"for_review", "check_today" or "check_now"'
    )
    while_resting: bool = Field(default=False, description="true or false")
    people: Literal["all"] | Annotated[list[str], Field(min_length=1)] = Field(
        default="all", description='"all" or a list of labels'
    )

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        channel = CHANNELS[CHANNEL_NAMES.index(self.channel)]
        if not channel.low <= self.value <= channel.high:
            raise PydanticCustomError(
                "said",
                "value: expected {low} to {high}, which is what {channel} can be, found {value}",
                {
                    "low": f"{channel.low:g}",
                    "high": f"{channel.high:g}",
                    "channel": channel.name,
                    "value": f"{self.value:g}",
                },
            )
        return self

    def as_limit(self) -> WhatIfLimit:
        people = None if isinstance(self.people, str) else frozenset(self.people)
        return WhatIfLimit(
            self.channel,
            self.direction,
            self.value,
            self.for_minutes,
            Level(self.level),
            self.while_resting,
            people,
        )


class _File(BaseModel):
    model_config = _STRICT

    budgets: _Budgets = Field(default=_Budgets(), description="a table of families")
    check_today_share: float | None = Field(
        default=None, gt=0, lt=1, description="a number above 0 and below 1"
    )
    rest_days: int | None = Field(default=None, ge=0, le=60, description="whole days from 0 to 60")
    freeze_days: int | None = Field(
        default=None, ge=1, le=60, description="whole days from 1 to 60"
    )
    most_open: int | None = Field(
        default=None, ge=1, le=5, description="a whole number from 1 to 5"
    )
    limits: list[_LimitEntry] | None = Field(default=None, description="a list of tables")

    @model_validator(mode="after")
    def _fit_into_a_plan(self) -> Self:
        for label in self._labels():
            count = sum(_is_about(one, label) for one in self.limits or ())
            if count > MOST_LIMITS_OF_A_PERSON:
                whom = "everybody" if label is None else label[:FOUND_CHARACTERS]
                raise PydanticCustomError(
                    "said",
                    "limits: expected at most {most} for one person, found {count} for {whom}",
                    {"most": MOST_LIMITS_OF_A_PERSON, "count": count, "whom": whom},
                )
        return self

    def _labels(self) -> list[str | None]:
        named = {label for one in self.limits or () if one.people != "all" for label in one.people}
        return [None, *sorted(named)]

    def as_policy(self, name: str) -> DetectionPolicy:
        given: dict[str, float | None] = self.budgets.model_dump()
        return DetectionPolicy(
            name,
            {Family(key): value for key, value in given.items() if value is not None},
            self.check_today_share,
            self.rest_days,
            self.freeze_days,
            self.most_open,
            None if self.limits is None else tuple(one.as_limit() for one in self.limits),
        )


def _is_about(entry: _LimitEntry, label: str | None) -> bool:
    return entry.people == "all" or (label is not None and label in entry.people)


def _sentence(problem: ErrorDetails) -> str:
    """Return key, what was expected and what was found."""
    key, parts = _key_of(problem["loc"])
    if problem["type"] == "said":
        return f"{key}.{problem['msg']}" if key else problem["msg"]
    if problem["type"] == "extra_forbidden":
        if parts == ("budgets", Family.DEVICE.value):
            return f"{key}: whether a device is silent or off is decided by rules; take it out"
        return f"{key}: unknown; expected one of {', '.join(_fields_of(parts[:-1]))}"
    expected = _description_of(parts)
    if problem["type"] == "missing":
        return f"{key}: missing; expected {expected}"
    return f"{key}: expected {expected}, found {str(problem['input'])[:FOUND_CHARACTERS]!r}"


def _key_of(loc: Sequence[int | str]) -> tuple[str, tuple[str, ...]]:
    """Return a place as people write it, such as `limits[2].level`, and its keys alone."""
    key = ""
    parts: list[str] = []
    for part in loc:
        if isinstance(part, int):
            key += f"[{part + 1}]"
        elif parts and parts[-1] == "people":
            break  # which of its two forms was tried helps nobody
        else:
            key += f".{part}" if key else part
            parts.append(part)
    return key, tuple(parts)


def _model_of(parts: Sequence[str]) -> type[BaseModel]:
    tables: dict[tuple[str, ...], type[BaseModel]] = {
        ("budgets",): _Budgets,
        ("limits",): _LimitEntry,
    }
    return tables.get(tuple(parts), _File)


def _fields_of(parts: Sequence[str]) -> list[str]:
    return list(_model_of(parts).model_fields)


def _description_of(parts: Sequence[str]) -> str:
    known = _model_of(parts[:-1]).model_fields[parts[-1]]
    return known.description or "a number from 0 to 10"
