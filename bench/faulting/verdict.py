"""The verdict: what devices wrote down against what is stored, in both directions. Pure.

A frame that its device made must be stored whole, or refused with a reason, once. A row must have
come from a device, as it is. A crossing of a limit must have reached a human.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bench.faulting.ledger import READINGS, FrameKey, Ledger, content_hash
from bench.faulting.making import LIMIT_MINUTES

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

EXAMPLES_MOST: Final = 5
"""Of each kind of broken promise, so that somebody can look them up."""
SURELY_BEYOND_S: Final = LIMIT_MINUTES * 60 + 5
"""A reading or two may not be believed; what is beyond for longer has to be told."""


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as the database has it."""

    device: str
    public_id: str
    state: str


@dataclass(slots=True)
class Verdict:
    """How the ledgers and the database stand to each other."""

    committed: int = 0
    dead_lettered: int = 0
    lost: int = 0
    told_and_lost: int = 0
    duplicated_rows: int = 0
    phantom_rows: int = 0
    alerts_expected: int = 0
    alerts_raised: int = 0
    alerts_lost: int = 0
    alerts_unexpected: int = 0
    marked_never_sent: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)

    def note(self, what: str, which: object) -> None:
        """Keep an example of something that should not be."""
        examples = self.examples.setdefault(what, [])
        if len(examples) < EXAMPLES_MOST:
            examples.append(str(which))


def judge_frames(
    verdict: Verdict,
    ledger: Ledger,
    readings: Iterable[Sequence[Any]],
    dead_letters: Iterable[Sequence[Any]],
    counted: Iterable[Sequence[Any]],
) -> None:
    """Compare frames and rows, each way."""
    stored = _by_frame(readings)
    refused: dict[FrameKey, int] = {
        (name, boot, seq): count for name, boot, seq, count in dead_letters
    }
    for key, frame in ledger.frames.items():
        rows = stored.pop(key, [])
        if frame.kind == READINGS:
            _judge_good(verdict, ledger, key, rows)
        elif rows:
            verdict.phantom_rows += len(rows)
            verdict.note("poison was stored", key)
        if refused.get(key):
            verdict.dead_lettered += 1
        if not rows and not refused.get(key):
            _lose(verdict, ledger, key)
    for key, rows in stored.items():
        verdict.phantom_rows += len(rows)
        verdict.note("no device made this", key)
    for key, count in refused.items():
        if count > 1 or key not in ledger.frames:
            verdict.duplicated_rows += count - (key in ledger.frames)
            verdict.note("refused more than once, or unknown", key)
    _judge_counts(verdict, ledger, counted)


def _by_frame(readings: Iterable[Sequence[Any]]) -> dict[FrameKey, list[Sequence[Any]]]:
    stored: dict[FrameKey, list[Sequence[Any]]] = {}
    for name, boot, seq, *epoch in readings:
        stored.setdefault((name, boot, seq), []).append(epoch)
    return stored


def _judge_good(verdict: Verdict, ledger: Ledger, key: FrameKey, rows: list[Sequence[Any]]) -> None:
    frame = ledger.frames[key]
    if not rows:
        return
    if len(rows) > frame.epochs:
        verdict.duplicated_rows += len(rows) - frame.epochs
        verdict.note("more rows than readings", key)
    elif len(rows) < frame.epochs:
        verdict.note("stored in part", key)
        _lose(verdict, ledger, key)
    elif content_hash(rows) != frame.content:
        verdict.phantom_rows += len(rows)
        verdict.note("other values than were sent", key)
    else:
        verdict.committed += 1


def _lose(verdict: Verdict, ledger: Ledger, key: FrameKey) -> None:
    verdict.lost += 1
    was_told = key[2] <= ledger.told.get(key[:2], -1)
    verdict.told_and_lost += was_told
    verdict.note("told committed and lost" if was_told else "never settled", key)


def _judge_counts(verdict: Verdict, ledger: Ledger, counted: Iterable[Sequence[Any]]) -> None:
    """Find batches that were committed twice though their rows could not be."""
    made = Counter(key[:2] for key in ledger.frames)
    for name, boot, count in counted:
        if (more := count - made[name, boot]) > 0:
            verdict.duplicated_rows += more
            verdict.note("frames counted more than once", (name, boot, more))


def judge_messages(verdict: Verdict, marked: Iterable[str], taken: Container[str]) -> None:
    """Find messages that the service says have left, and that the provider never took."""
    for key in marked:
        if key not in taken:
            verdict.marked_never_sent += 1
            verdict.note("marked as handed over and never sent", key)


def judge_alerts(
    verdict: Verdict, ledger: Ledger, alerts: Sequence[Told], heard_by_a_human: set[str]
) -> None:
    """Compare the crossings that devices sent with the alerts that reached somebody."""
    beyond = ledger.beyond_by_device()
    expected = {name for name, seconds in beyond.items() if seconds >= SURELY_BEYOND_S}
    by_device: Mapping[str, list[Told]] = {
        name: [one for one in alerts if one.device == name] for name in beyond
    }
    verdict.alerts_expected = len(expected)
    verdict.alerts_raised = len(alerts)
    for name in sorted(expected):
        if not any(one.public_id in heard_by_a_human for one in by_device[name]):
            verdict.alerts_lost += 1
            states = [one.state for one in by_device[name]] or "none was raised"
            verdict.note("a crossing reached nobody", (name, states))
    for name, told in by_device.items():
        allowed = 1 if beyond[name] else 0
        if len(told) > allowed:
            verdict.alerts_unexpected += len(told) - allowed
            verdict.note("more alerts than crossings", (name, len(told)))
