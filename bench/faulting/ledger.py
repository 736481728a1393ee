"""What a device writes down for itself: every frame before it is published, every answer it heard.

A file of its own, one JSON object a line, never read by the service. The verdict of a run is
reached from these files and the database alone, in both directions.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import TextIO

CHANNELS: Final = ("heart_rate", "skin_temperature", "steps")
"""What a ledger device measures, in the order in which it is hashed."""

READINGS: Final = "readings"
"""A frame that has to be stored; any other kind names the poison in it."""

Epoch = tuple[int, float, float, float]
"""Start in ms UTC, then one value for each of `CHANNELS`."""

FrameKey = tuple[str, int, int]
"""Device, boot, seq."""


def content_hash(epochs: Iterable[Sequence[float | None]]) -> str:
    """Return what stands for these epochs; the same for a frame and for its rows.

    Example:
        >>> content_hash([(1000, 71.5, 33.0, 2.0)]) == content_hash([(1000, 71.5, 33, 2)])
        True
    """
    lines = (
        ";".join("-" if value is None else f"{value:.10g}" for value in epoch) for epoch in epochs
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LedgerFrame:
    """A frame as its device wrote it down."""

    device: str
    boot: int
    seq: int
    kind: str
    payload_hash: str
    content: str
    epochs: int
    beyond_s: int
    """Seconds of this frame beyond the limit of the person's plan."""

    @property
    def key(self) -> FrameKey:
        """Return what names this frame everywhere."""
        return (self.device, self.boot, self.seq)


@dataclass(slots=True)
class Ledger:
    """All that the devices of a run wrote down."""

    frames: dict[FrameKey, LedgerFrame] = field(default_factory=dict)
    told: dict[tuple[str, int], int] = field(default_factory=dict)
    """The highest "committed up to" of each device and boot."""

    @property
    def told_committed(self) -> int:
        """Return how many frames their devices were told are committed."""
        return sum(seq <= self.told.get((device, boot), -1) for device, boot, seq in self.frames)

    def beyond_by_device(self) -> dict[str, int]:
        """Return how many seconds each device sent beyond its person's limit."""
        seconds: dict[str, int] = {}
        for frame in self.frames.values():
            seconds[frame.device] = seconds.get(frame.device, 0) + frame.beyond_s
        return seconds


class LedgerFile:
    """The file of one device, written as things happen."""

    def __init__(self, path: Path) -> None:
        self._stream: TextIO = path.open("a", encoding="utf-8")

    def note_frame(self, frame: LedgerFrame) -> None:
        """Write a frame down; it is in the file before this returns."""
        self._write({"frame": [getattr(frame, name) for name in LedgerFrame.__slots__]})

    def note_told(self, device: str, boot: int, upto: int) -> None:
        """Write down what the service said is committed."""
        self._write({"told": [device, boot, upto]})

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _write(self, entry: dict[str, Any]) -> None:
        self._stream.write(json.dumps(entry, separators=(",", ":")) + "\n")
        # Out of this process: nothing that happens to the site can take it back.
        self._stream.flush()


def read_ledger(folder: Path) -> Ledger:
    """Return what the files of this folder say."""
    ledger = Ledger()
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if "frame" in entry:
                frame = LedgerFrame(*entry["frame"])
                ledger.frames[frame.key] = frame
            else:
                device, boot, upto = entry["told"]
                before = ledger.told.get((device, boot), -1)
                ledger.told[device, boot] = max(before, upto)
    return ledger
