"""From a device through a real broker into a real database, with ingest killed in the middle."""

from __future__ import annotations

import asyncio
import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import psycopg
import pytest

from tests.integration.pipeline import (
    DAYS,
    EPISODE_EVENTS,
    EPISODES,
    READINGS,
    ingest_process,
    invented_recordings,
    own_broker,
    play,
    rows,
    wait_until_ready,
)
from tidewell.embedded.postgres import PostgresServer
from tidewell.vocabulary import CHANNEL_NAMES, FEATURE_NAMES

RECORDINGS = invented_recordings(people=3, days=45, seed=11)


async def everything(database_url: str) -> dict[str, list[tuple[object, ...]]]:
    queries = {"readings": READINGS, "days": DAYS, "episodes": EPISODES, "events": EPISODE_EVENTS}
    return {name: await rows(database_url, query) for name, query in queries.items()}


@pytest.fixture
async def undisturbed(database_url: str, tmp_path: Path) -> dict[str, list[tuple[object, ...]]]:
    with own_broker(tmp_path / "calm") as broker, ingest_process(database_url, broker):
        await wait_until_ready(database_url)
        await play(database_url, broker, RECORDINGS, boot=1_000)
    return await everything(database_url)


@pytest.fixture
def second_database(postgres: PostgresServer, database_url: str) -> str:
    """Another fresh database, beside `database_url`."""
    name = "second_" + database_url.rsplit("_", 1)[1]
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_tidewell".encode())
    return database_url.rsplit("/", 1)[0] + "/" + name


async def test_every_reading_is_stored_once_and_scored(
    undisturbed: dict[str, list[tuple[object, ...]]], database_url: str
) -> None:
    assert len(undisturbed["readings"]) == sum(len(one.time_ms) for one in RECORDINGS)
    told = [(row[0], row[3], row[4]) for row in undisturbed["episodes"]]
    assert set(told) == {("T-0", None, "check_today")}
    assert len(told) <= 2, "one illness, and at most one other kind of change beside it"
    families = [row[-2] for row in undisturbed["days"] if row[0] == "T-0"]
    assert families[-3:] == ["illness"] * 3
    counts = await rows(
        database_url,
        "SELECT sum(frames_committed), sum(frames_dead_lettered), min(done) "
        "FROM (SELECT *, (upto = highest AND scored_upto = upto)::int AS done "
        "FROM device_cursor) AS one",
    )
    assert counts[0][1:] == (0, 1)


async def test_ingest_killed_in_mid_replay_leaves_the_rows_and_episodes_of_an_undisturbed_run(
    undisturbed: dict[str, list[tuple[object, ...]]], second_database: str, tmp_path: Path
) -> None:
    small_batches = {"TIDEWELL_BATCH_FRAMES": "20", "TIDEWELL_BATCH_WAIT_MS": "1"}
    with (
        own_broker(tmp_path / "rough") as broker,
        ingest_process(second_database, broker, **small_batches) as ingest,
    ):
        await wait_until_ready(second_database)
        playing = asyncio.create_task(play(second_database, broker, RECORDINGS, boot=1_000))
        killed_at = []
        for wanted in (200, 900, 1_800):
            while not playing.done() and await committed_frames(second_database) < wanted:
                await asyncio.sleep(0.005)
            ingest.kill()
            killed_at.append(await committed_frames(second_database))
            ingest.start()
        report = await playing
    frames = report.totals.frames_published
    assert max(killed_at) < frames, (
        f"a kill came too late to be in the middle: {killed_at} of {frames}"
    )
    assert report.totals.frames_acknowledged == frames
    disturbed = await everything(second_database)
    for name, expected in undisturbed.items():
        assert disturbed[name] == expected, name


async def committed_frames(database_url: str) -> int:
    answer = await rows(
        database_url, "SELECT coalesce(sum(frames_committed), 0) FROM device_cursor"
    )
    return int(str(answer[0][0]))


async def test_every_feature_that_the_devices_can_give_is_stored(
    undisturbed: dict[str, list[tuple[object, ...]]], database_url: str
) -> None:
    assert len(undisturbed["days"]) > 120
    filled = await rows(
        database_url,
        f"SELECT {', '.join(f'count({name})' for name in FEATURE_NAMES)}, count(family_scores), "
        "count(*) FILTER (WHERE cardinality(family_scores) = 6), "
        "count(*) FILTER (WHERE score IS NULL AND family_scores IS NOT NULL) FROM daily_feature",
    )
    *counts, with_scores, six_long, without_score = (int(str(one)) for one in filled[0])
    assert dict(zip(FEATURE_NAMES, counts, strict=True)) == {
        name: count for name, count in zip(FEATURE_NAMES, counts, strict=True) if count > 40
    }
    assert with_scores == six_long == len(undisturbed["days"])
    assert without_score > 0


async def test_a_second_replay_adds_no_row(
    undisturbed: dict[str, list[tuple[object, ...]]], database_url: str, tmp_path: Path
) -> None:
    with own_broker(tmp_path / "again") as broker, ingest_process(database_url, broker):
        await wait_until_ready(database_url)
        await play(database_url, broker, RECORDINGS, boot=2_000)
    assert await everything(database_url) == undisturbed
    assert await rows(database_url, "SELECT reason, detail FROM dead_letter") == []


async def test_score_on_files_equals_what_the_live_path_stored(
    undisturbed: dict[str, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    folder = tmp_path / "minutes"
    folder.mkdir()
    for one in RECORDINGS:
        with (folder / f"{one.person_label}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["time", *CHANNEL_NAMES])
            times = one.time_ms.astype("datetime64[ms]").astype("datetime64[s]").astype(str)
            for time, values in zip(times, one.values, strict=True):
                writer.writerow(
                    [time, *("" if np.isnan(value) else str(value) for value in values)]
                )
    out = tmp_path / "scores.csv"
    subprocess.run(
        [sys.executable, "-m", "tidewell", "score", "--minutes", str(folder), "--out", str(out)],
        check=True,
    )
    with out.open(newline="") as file:
        scored = [tuple(row.values()) for row in csv.DictReader(file)]
    stored = [
        (label, str(day), str(np.float32(str(score))), family or "", level)
        for label, day, *_, score, family, level in undisturbed["days"]
        if score is not None
    ]
    assert scored == stored
    assert len(scored) > 60
