"""Says by its exit status whether a process of a larger site does its work: 0 for yes, 1 for no.

Run as `python healthy.py ingest`, `… alerts` or `… portal`, with the settings of that process. It
asks what the process has done, not whether it exists: one that hangs is not healthy. It reads
only, and never says anything about a person.
"""

from __future__ import annotations

import asyncio
import re
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Final

from tidewell.clock import now_utc
from tidewell.database import Role, connect
from tidewell.errors import TidewellError
from tidewell.settings import Settings, load_settings

ANSWER_WITHIN_S: Final = 5.0
"""Less than compose waits; the portal itself gives the database less."""
AUDIT_WITHIN: Final = timedelta(minutes=5)
"""The auditor looks each minute; at its start a database may be slow to come."""
QUERIES: Final = dict(
    re.findall(
        r"^-- name: (\w+)\n(.*?;)$",
        Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)


def main(process: str) -> int:
    """Return the exit status for a process."""
    settings = load_settings()
    try:
        if process == "portal":
            return 0 if portal_answers(settings) else 1
        role = {"ingest": Role.INGEST, "alerts": Role.ALERTS}[process]
        return 0 if asyncio.run(has_worked(settings, process, role)) else 1
    except (TidewellError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def portal_answers(settings: Settings) -> bool:
    """Return whether the pages are served and their database answers."""
    address = f"http://127.0.0.1:{settings.portal_port}/health"
    with urllib.request.urlopen(address, timeout=ANSWER_WITHIN_S) as answer:
        return bool(answer.status == 200)


async def has_worked(settings: Settings, process: str, role: Role) -> bool:
    """Return whether the process left its mark in the database lately."""
    if settings.database_url is None:
        return False
    url = settings.database_url.get_secret_value()
    now = now_utc()
    times = {"now": now, "since": now - AUDIT_WITHIN}
    async with asyncio.timeout(ANSWER_WITHIN_S):
        async with await connect(url, role, "tidewell health") as connection:
            answer = await connection.execute(QUERIES[process].encode(), times)
            row = await answer.fetchone()
    return row is not None and row[0] > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
