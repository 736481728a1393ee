"""A note that was written on the page changes what is noticed: through the real pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firmware_sim.intentions import FullPolicy
from firmware_sim.service import DevicePlan, FleetOutcome, run_devices
from firmware_sim.sources import RecordingSource
from tests.integration.pipeline import invented_recordings, own_broker, rows
from tests.integration.test_ingest_faults import running_ingest
from tests.integration.test_pause_for_real import Site, site
from tidewell.embedded.nats import NatsServer
from tidewell.enrolment import device_name_of, shard_of

__all__ = ["site"]  # a fixture that pytest finds by its name

pytestmark = pytest.mark.timeout(300)

NOTICED = (
    "SELECT DISTINCT label FROM episode JOIN person USING (person_id)"
    " WHERE family <> 'device' AND level = 'check_today'"
)
WORDS = "A cold that nobody else has to know of."


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsServer]:
    with own_broker(tmp_path / "nats") as server:
        yield server


async def test_two_with_the_same_illness_and_only_the_one_without_a_note_is_noticed(
    site: Site, broker: NatsServer
) -> None:
    [ill] = invented_recordings(people=1, days=45, seed=11)
    last_day = datetime.fromtimestamp(int(ill.time_ms[-1]) / 1000, UTC).date()
    note = {
        "kind": "ill",
        "first_day": (last_day - timedelta(days=8)).isoformat(),
        "last_day": last_day.isoformat(),
        "own_words": WORDS,
    }
    assert await site.post("sam", "/me/notes", **note) == 303
    plans = [
        DevicePlan(
            device_name_of(label),
            shard_of(label),
            1_000,
            RecordingSource(replace(ill, person_label=label), None),
            FullPolicy.HOLD_SOURCE,
        )
        for label in ("Sam", "Robin")
    ]
    # Six weeks at once: a lease of a few seconds would run out on a busy machine.
    async with running_ingest(site.url, broker, TIDEWELL_LEASE_S="60"):
        report = await run_devices(
            plans,
            broker.device_url,
            stop=asyncio.Event(),
            on_progress=lambda _: None,
            give_up_after_s=120,
        )
    assert report.outcome is FleetOutcome.FINISHED
    assert await rows(site.url, NOTICED) == [("Robin",)]
    counts = await rows(site.url, "SELECT count(*) FROM reading GROUP BY person_id")
    assert len(set(counts)) == 1, "both were measured alike"
    signal = await rows(site.url, "SELECT kind, verdict, content::text FROM detector_signal")
    assert [row[:2] for row in signal if row[0] == "note"] == [("note", "applied")]
    assert WORDS not in str(signal), "the detector gets the days, never the words"
