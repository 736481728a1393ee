"""Sources hand over each epoch once, in order, and never before it is over."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_sim.blocks import DAY_MS, MINUTE_MS, Block, BlockKind, Finished, NotBefore, Source
from firmware_sim.people import build_virtual_people
from firmware_sim.recordings import Recording
from firmware_sim.scenarios import ScenarioName, usual_scenario
from firmware_sim.sources import HistoryThenLiveSource, Life, RecordingSource
from tidewell.vocabulary import CHANNELS

NOW = 1_762_000_012_345
(PERSON,) = build_virtual_people(1, 5)
LIFE = Life(PERSON, "Europe/London", (), 5)


def drain(source: Source, now_ms: int) -> tuple[list[Block], NotBefore | Finished]:
    blocks = []
    while isinstance(block := source.next_block(now_ms), Block):
        blocks.append(block)
    return blocks, block


def recording(minutes: int) -> Recording:
    time_ms = 1_600_000_020_000 + np.arange(minutes, dtype=np.int64) * MINUTE_MS
    return Recording("a", time_ms, np.ones((minutes, len(CHANNELS)), dtype=np.float32))


def test_history_comes_at_once_and_live_minutes_when_they_are_over() -> None:
    source = HistoryThenLiveSource(LIFE, NOW - 3 * DAY_MS, NOW, live=True)
    blocks, wait = drain(source, NOW)
    time_ms = np.concatenate([block.time_ms for block in blocks])
    assert np.unique(np.diff(time_ms)).tolist() == [MINUTE_MS]
    assert len(time_ms) == 3 * 1_440 - 1
    assert time_ms[-1] + MINUTE_MS <= NOW
    assert isinstance(wait, NotBefore)
    assert isinstance(source.next_block(wait.time_ms - 1), NotBefore)
    live = source.next_block(wait.time_ms)
    assert isinstance(live, Block)
    assert live.kind is BlockKind.LIVE
    assert live.time_ms.tolist() == [time_ms[-1] + MINUTE_MS]


def test_a_source_without_live_minutes_ends_with_its_history() -> None:
    source = HistoryThenLiveSource(LIFE, NOW - DAY_MS, NOW, live=False)
    assert drain(source, NOW + DAY_MS)[1] == Finished()


def test_what_was_missed_for_hours_is_sent_as_history() -> None:
    source = HistoryThenLiveSource(LIFE, NOW, NOW, live=True)
    blocks, _ = drain(source, NOW + 3 * 60 * MINUTE_MS)
    assert [block.kind for block in blocks] == [BlockKind.HISTORY]


def test_a_recording_at_full_speed_comes_whole() -> None:
    source = RecordingSource(recording(3_000), None)
    blocks, end = drain(source, NOW)
    assert sum(len(block.time_ms) for block in blocks) == 3_000
    assert end == Finished()


@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0, 7_200.0])
def test_a_recording_plays_at_its_speed(speed: float) -> None:
    played = recording(100)
    source = RecordingSource(played, speed)
    now_ms, got = NOW, 0
    while not isinstance(block := source.next_block(now_ms), Finished):
        if isinstance(block, NotBefore):
            assert block.time_ms > now_ms
            now_ms = block.time_ms
        else:
            got += len(block.time_ms)
            over_ms = played.time_ms[got - 1] + MINUTE_MS - played.time_ms[0]
            assert over_ms <= (now_ms - NOW) * speed
    assert got == 100
    assert now_ms - NOW == pytest.approx(100 * MINUTE_MS / speed, abs=2)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0"):
        RecordingSource(recording(1), speed)


def test_a_dying_battery_reads_lower_and_lower() -> None:
    dying = usual_scenario(ScenarioName.BATTERY_DYING, NOW)
    source = HistoryThenLiveSource(Life(PERSON, "UTC", (dying,), 5), NOW, NOW, live=True)
    levels = [source.battery_percent(NOW + hours * 3_600_000) for hours in (1, 12, 24, 36)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] <= 20
    assert levels[-1] == 1


def test_an_ordinary_battery_is_between_empty_and_full() -> None:
    source = HistoryThenLiveSource(LIFE, NOW, NOW, live=True)
    levels = [source.battery_percent(NOW + hours * 3_600_000) for hours in range(240)]
    assert 30 <= min(levels) <= max(levels) <= 100
