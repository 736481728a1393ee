"""How `tidewell replay` and `simulate` end: with an error unless everything is stored."""

from __future__ import annotations

import pytest
import typer

from firmware_sim.service import FleetOutcome, FleetProgress, FleetReport
from ingest.reasons import Refusal
from tidewell.commands.devices import _end_with
from tidewell.commands.refusals import IN_WORDS, Refused, sentence
from tidewell.errors import ServerUnavailableError


def report(outcome: FleetOutcome, acknowledged: int, done: int) -> FleetReport:
    totals = FleetProgress(
        frames_published=9,
        frames_acknowledged=acknowledged,
        frames_retransmitted=0,
        frames_dropped=0,
        readings=540,
        devices_connected=0,
        devices_done=done,
        last_trouble=None,
    )
    return FleetReport(outcome, totals, 1.0)


def test_a_run_that_stored_everything_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    _end_with(report(FleetOutcome.FINISHED, 9, 2), 2, [], may_be_stopped=False)
    _end_with(report(FleetOutcome.STOPPED, 9, 2), 2, [], may_be_stopped=False)
    _end_with(report(FleetOutcome.STOPPED, 9, 0), 2, [], may_be_stopped=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("may_be_stopped", [False, True])
def test_a_run_that_was_cut_short_says_so_and_fails(
    capsys: pytest.CaptureFixture[str],
    may_be_stopped: bool,
) -> None:
    with pytest.raises(typer.Exit) as ended:
        _end_with(report(FleetOutcome.STOPPED, 7, 1), 2, [], may_be_stopped=may_be_stopped)
    assert ended.value.exit_code == 1
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "Stopped early: 1 of 2 devices had everything acknowledged; run it again for the rest"
    ]


def test_every_reason_for_a_refusal_is_a_line_and_the_run_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refusals = [
        Refused("too_old", whole_frame=True, frames=1),
        Refused("epoch_conflict", whole_frame=False, frames=1_200),
    ]
    with pytest.raises(typer.Exit) as ended:
        _end_with(report(FleetOutcome.FINISHED, 9, 2), 2, refusals, may_be_stopped=False)
    assert ended.value.exit_code == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == "1 frame was refused: too_old, from before 2015"
    assert second.startswith("Readings of 1,200 frames were refused: epoch_conflict, another")


def test_a_run_that_stalled_says_what_was_refused_before_it_did(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused = [Refused("too_old", whole_frame=True, frames=9)]
    with pytest.raises(ServerUnavailableError):
        _end_with(report(FleetOutcome.STALLED, 7, 1), 2, refused, may_be_stopped=False)
    assert "9 frames were refused" in capsys.readouterr().out


def test_the_words_are_for_reasons_that_there_are() -> None:
    assert set(IN_WORDS) <= {reason.value for reason in Refusal}
    unusual = sentence(Refused("bad_json", whole_frame=True, frames=2))
    assert unusual == "2 frames were refused: bad_json, docs/operations.md says what it means"
