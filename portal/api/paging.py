"""Long lists in pages: how many, and after which one. Pure.

A cursor names the last one of a page and where it stood. When that one is gone meanwhile, the list
goes on from where it stood; an entry may then be seen twice or not at all, as in any list that
changes while it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

from pydantic import Field

from portal.api.operations import Request

Item = TypeVar("Item")

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
"""A page of this size has some 100 kB; there is always a next one."""


CURSOR: Final = r"^[0-9]{1,6}\.[A-Za-z0-9_-]{1,64}$"
AFTER_WORDS: Final = "`next` of the page before."


class PageQuery(Request):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    after: Annotated[str | None, Field(pattern=CURSOR, description=AFTER_WORDS)] = None


def page_of(
    items: Sequence[Item], name_of: Callable[[Item], str], query: PageQuery
) -> tuple[list[Item], str | None]:
    """Return one page of a list, and the cursor of the next one where there is one.

    Example:
        >>> page_of(["a", "b", "c"], str, PageQuery(limit=2))
        (['a', 'b'], '1.b')
        >>> page_of(["a", "b", "c"], str, PageQuery(limit=2, after="1.b"))
        (['c'], None)
    """
    first = 0
    if query.after is not None:
        place, _, name = query.after.partition(".")
        places = (index for index, item in enumerate(items) if name_of(item) == name)
        first = next(places, int(place)) + 1
    shown = list(items[first : first + query.limit])
    last = first + len(shown) - 1
    is_more = bool(shown) and last + 1 < len(items)
    return shown, f"{last}.{name_of(shown[-1])}" if is_more else None
