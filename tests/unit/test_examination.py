"""What `tidewell doctor` says of what it finds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidewell import examination
from tidewell.examination import (
    Addresses,
    Finding,
    Verdict,
    is_weak,
    judge_auditor,
    judge_clocks,
    judge_disk,
    judge_encryption,
    judge_exposure,
    judge_gaps,
    judge_intake,
    judge_secrets,
    judge_shards,
    worst,
)
from tidewell.settings import load_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STRONG = "q7Vd-ktImO64pvGVHVnf"


def verdicts(findings: Iterable[Finding]) -> list[Verdict]:
    return [one.verdict for one in findings]


def addresses(database: str = STRONG, broker: str = STRONG) -> Addresses:
    return Addresses(
        f"postgresql://u:{database}@127.0.0.1/t", f"mqtt://u:{broker}@127.0.0.1", None, None
    )


def test_whatever_is_to_be_done_says_what_to_do() -> None:
    found = [
        judge_clocks(NOW + timedelta(seconds=5), NOW),
        judge_encryption("database", is_encrypted=False, is_local=False),
        judge_shards(3, 0, 1),
        judge_shards(0, 3, 1),
        *judge_intake(None, 5, NOW),
        *judge_intake(NOW - timedelta(hours=1), 0, NOW),
        *judge_intake(NOW + timedelta(hours=1), 0, NOW),
        *judge_gaps(1, 1, NOW - timedelta(days=2), 4, NOW),
        judge_auditor(None, NOW),
        *judge_secrets(load_settings({}), addresses(database="postgres")),
        *judge_exposure(load_settings({"TIDEWELL_PORTAL_HOST": "192.0.2.7"})),
    ]
    assert len(found) == 12
    assert all(one.verdict is not Verdict.WELL and one.remedy for one in found)
    assert all("\n" not in one.line() for one in found)


def test_a_site_that_is_well_asks_for_nothing() -> None:
    found = [
        judge_clocks(NOW + timedelta(milliseconds=300), NOW),
        judge_encryption("database", is_encrypted=True, is_local=False),
        judge_encryption("database", is_encrypted=False, is_local=True),
        judge_shards(0, 0, 2),
        *judge_intake(NOW - timedelta(seconds=20), 0, NOW),
        *judge_gaps(0, 0, None, 0, NOW),
        *judge_gaps(2, 1, NOW - timedelta(minutes=3), 4, NOW),
        judge_auditor(NOW - timedelta(seconds=50), NOW),
        *judge_secrets(load_settings({}), addresses()),
        *judge_exposure(load_settings({})),
    ]
    assert set(verdicts(found)) == {Verdict.WELL}
    assert not any(one.remedy for one in found)


@pytest.mark.parametrize("secret", ["postgres", "tidewell-1", "PASSWORD"])
def test_a_secret_that_can_be_guessed_is_named_and_not_shown(secret: str) -> None:
    found = list(judge_secrets(load_settings({}), addresses(broker=secret)))
    assert verdicts(found) == [Verdict.ACT]
    assert "the broker" in found[0].what
    assert secret not in found[0].line()
    assert is_weak(secret)


def test_messages_without_a_signature_are_found() -> None:
    settings = load_settings({"TIDEWELL_WEBHOOK_URL": "https://sms.example"})
    assert "TIDEWELL_WEBHOOK_SECRET" in "".join(
        one.remedy for one in judge_secrets(settings, addresses())
    )


def test_a_full_disk_is_found_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verdicts(judge_disk(None)) == []
    monkeypatch.setattr(examination, "DISK_FREE_LEAST", 0)
    assert verdicts(judge_disk(tmp_path)) == [Verdict.WELL]
    monkeypatch.setattr(examination, "DISK_FREE_LEAST", 2**80)
    assert verdicts(judge_disk(tmp_path)) == [Verdict.ACT]


def test_the_worst_finding_decides() -> None:
    assert worst([Finding(Verdict.WELL, "a"), Finding(Verdict.LOOK, "b", "c")]) is Verdict.LOOK
    assert worst([Finding(Verdict.ACT, "a", "b"), Finding(Verdict.LOOK, "c", "d")]) is Verdict.ACT
