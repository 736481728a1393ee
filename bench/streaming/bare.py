"""The bare limit of a broker: ingest's own connection, with a handler that only confirms.

`python -m bench.streaming.bare URL CLIENT_ID` prints, for each line of its input, how many frames
have come.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from ingest.batch import Arrival
from ingest.mqtt import WILDCARD, IngestConnection, parse_broker_url
from ingest.waiting import WayBack


class _Counter:
    frames = 0

    def take(self, arrivals: Sequence[Arrival], way_back: WayBack) -> None:
        self.frames += len(arrivals)
        way_back.confirm([one.receipt for one in arrivals])


async def _work(url: str, client_id: str) -> None:
    counter = _Counter()
    connection = IngestConnection(client_id, counter.take)
    await connection.open(parse_broker_url(url), [WILDCARD], [])
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(f"{counter.frames}\n")
        sys.stdout.flush()
    await connection.close()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], sys.argv[2]))
