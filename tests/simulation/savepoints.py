"""A part of a transaction in memory that an error undoes alone, as a savepoint does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from tests.simulation.database import Work


@contextmanager
def savepoint(work: Work) -> Iterator[None]:
    """Take back what is written from here on when the database refuses it; rows stay held."""
    writes = dict(work.writes)
    try:
        yield
    except psycopg.Error:
        work.writes = writes
        raise
