"""What `tidewell doctor` says about age and erasures. Pure: it is told what the database holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

EXPECTED_WITHIN: Final = timedelta(days=2)
"""It runs once a day; a machine that was off for a night is no trouble."""


def retention_trouble(
    last: datetime | None, first_person: datetime | None, now: datetime
) -> tuple[str, str] | None:
    """Return what is wrong with letting go by age, and what to do; None where nothing is.

    Args:
        last: when it ran last. first_person: when somebody was first enrolled.
    """
    since = last or first_person
    if since is None or now - since <= EXPECTED_WITHIN:
        return None
    when = f"since {last:%Y-%m-%d}" if last else "ever"
    return (
        f"what is too old has not gone {when}",
        "run `tidewell retention run` once a day; `tidewell up` does it by itself",
    )


def erasure_trouble(unfinished: int) -> tuple[str, str] | None:
    """Return that erasures were begun and not finished, and what to do."""
    if not unfinished:
        return None
    return (
        f"{unfinished} erasures were begun and have no certificate",
        "run the same `tidewell erase` again: it goes on",
    )
