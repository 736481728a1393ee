"""The script that most people would write: subscribe, parse, INSERT a message, confirm.

aiomqtt and psycopg, one statement a message, each committed on its own. It scores nothing, checks
nothing and tells no device what it committed. `python -m bench.streaming.plain_script BROKER_URL
DATABASE_URL` prints, for each line of its input, how many messages it has stored.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import aiomqtt
import psycopg

from tidewell.database import Queries

QUERIES: Final = Queries("bench.streaming", "servers.sql")
CHANNELS: Final = (
    "heart_rate",
    "hrv_rmssd",
    "skin_temperature",
    "eda",
    "steps",
    "spo2",
    "respiratory_rate",
    "motion",
)


def parameters_of(topic: str, frame: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of one INSERT."""
    start = datetime.fromtimestamp(frame["start"] / 1000, UTC)
    epochs = max(len(frame[name]) for name in CHANNELS if name in frame)
    return {
        "device": topic.split("/")[3],
        "times": [start + timedelta(seconds=place * frame["period"]) for place in range(epochs)],
        **{name: frame.get(name, [None] * epochs) for name in CHANNELS},
    }


async def _work(broker_url: str, database_url: str) -> None:
    address, stored = urlsplit(broker_url), 0
    client = aiomqtt.Client(
        address.hostname or "",
        address.port or 1883,
        username=address.username,
        password=address.password,
    )
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    async with connection, client:
        await client.subscribe("tidewell/v1/+/+/frame", qos=1)
        asyncio.get_running_loop().run_in_executor(None, _tell, lambda: stored)
        async for message in client.messages:
            frame = json.loads(message.payload)
            parameters = parameters_of(str(message.topic), frame)
            await connection.execute(QUERIES["insert_plainly"], parameters)
            stored += 1


def _tell(stored: Callable[[], int]) -> None:
    for _ in sys.stdin:
        sys.stdout.write(f"{stored()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], sys.argv[2]))
