"""What a process says about itself: the text format, and what live and ready mean."""

from __future__ import annotations

import re
import socket

import aiohttp
import pytest

from ingest.committing.counts import Counts
from ingest.measuring.service import commit_timings, measures_of
from ingest.reasons import Refusal
from tidewell.errors import UsageError
from tidewell.metrics import STILL_AFTER_S, Board, Measure, served_board
from tidewell.settings import load_settings

LINE = re.compile(
    r"(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\})? \S+)"
)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_every_line_is_in_the_text_format_and_no_label_is_about_a_person_or_a_device() -> None:
    counts = Counts(frames_committed=3, readings=9, readings_late=4, readings_too_late=1)
    counts.by_reason = {Refusal.BAD_JSON: 2}
    timings = commit_timings()
    for seconds in (0.004, 0.3, 99):
        timings.note(seconds)
    board = Board()
    board.add(lambda: [*measures_of(counts, 32, 5), timings.measure()])
    text = board.text()
    assert text.endswith("\n")
    assert [line for line in text.splitlines() if not LINE.fullmatch(line)] == []
    assert 'tidewell_ingest_refusals_total{reason="bad_json"} 2.0' in text
    assert 'tidewell_ingest_readings_total{came="late"} 3.0' in text
    assert 'tidewell_ingest_commit_seconds_bucket{le="0.5"} 2.0' in text
    assert 'tidewell_ingest_commit_seconds_bucket{le="+Inf"} 3.0' in text
    assert "tidewell_ingest_shards 32.0" in text
    assert set(re.findall(r"[{,]([a-z]+)=", text)) <= {"became", "came", "reason", "le"}


def test_text_that_would_break_a_line_is_escaped() -> None:
    board = Board()
    board.add(lambda: [Measure.counters("a_total", "says\nmore", "reason", {'a"b\\c\nd': 1})])
    assert 'a_total{reason="a\\"b\\\\c\\nd"} 1.0' in board.text()
    assert "# HELP a_total says\\nmore" in board.text()


def test_a_loop_that_does_not_come_round_is_noticed() -> None:
    clock = Hand()
    board = Board(clock)
    clock.now_s = STILL_AFTER_S + 1
    assert board.still_s > STILL_AFTER_S
    board.beat()
    assert board.still_s == 0


async def test_live_and_ready_are_told_apart() -> None:
    port = free_port()
    settings = load_settings({"TIDEWELL_METRICS_PORT": str(port)})
    async with served_board(settings, 0) as board, aiohttp.ClientSession() as session:

        async def answer(path: str) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{port}{path}") as found:
                return found.status, await found.text()

        assert await answer("/health/live") == (200, "ok\n")
        assert await answer("/health/ready") == (503, "starting\n")
        assert "tidewell_ready 0.0" in (await answer("/metrics"))[1]
        board.not_ready = ""
        assert await answer("/health/ready") == (200, "ok\n")
        assert "tidewell_ready 1.0" in (await answer("/metrics"))[1]
        with pytest.raises(UsageError, match="TIDEWELL_METRICS_PORT"):
            async with served_board(settings, 0):
                pass


async def test_nothing_is_served_unless_it_is_asked_for() -> None:
    async with served_board(load_settings({}), 0) as board:
        assert board.not_ready
