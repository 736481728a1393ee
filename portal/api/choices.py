"""Fields with a few values that stand somewhere else, such as the names of measures. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic_core import PydanticCustomError

Choice = TypeVar("Choice", int, str)


def one_of(choices: Sequence[Choice]) -> Callable[[Choice], Choice]:
    """Return a check that lets through only what there is to choose from.

    Example:
        >>> one_of([7, 28])(28)
        28
    """

    def check(chosen: Choice) -> Choice:
        if chosen not in choices:
            raise PydanticCustomError("choice", "one of " + ", ".join(map(str, choices)))
        return chosen

    return check
