"""What devices say about themselves: the bytes of a status topic to a word, kept until stored.

The latest word of a device counts, and the broker keeps it for us (it is retained), so nothing here
has to be confirmed. Bounded: a device has one place, whatever it sends, and a name that nobody
enrolled is forgotten when the words are taken. Never raises for input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.decode import HIGHEST_BOOT
from ingest.silence.reasons import StatusVerdict

LARGEST_STATUS_BYTES: Final = 1_024
"""Ten times what ours say; a longer one is not a status."""
MOST_DEVICES: Final = 100_000
"""Words that wait to be stored, some 30 MB; they are stored every few seconds."""

_TOPIC: Final = re.compile(r"tidewell/v1/[0-9]{1,2}/([a-z0-9][a-z0-9-]{0,62})/status")


class _Status(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    online: bool
    time: Annotated[int, Field(ge=0, le=2**53)]
    battery: Annotated[int, Field(ge=0, le=100)]
    firmware: Annotated[str, Field(max_length=64)] = ""
    boot: Annotated[int, Field(ge=0, le=HIGHEST_BOOT)]


@dataclass(frozen=True, slots=True)
class DeviceWord:
    """What a device said last; `told_ms` is when it measured its battery, by a clock that we trust.

    A last will was written when its device connected, so its battery may be older than what the
    device said since: the later `told_ms` holds.
    """

    online: bool
    told_ms: int
    heard_ms: int
    battery_percent: int
    firmware: str
    boot: int


@dataclass(slots=True)
class StatusBook:
    """The latest words, by the name of the device."""

    _waiting: dict[str, DeviceWord] = field(default_factory=dict)

    def hear(self, topic: str, payload: bytes, now_ms: int) -> StatusVerdict:
        """Take a message of a status topic."""
        match = _TOPIC.fullmatch(topic)
        if match is None or len(payload) > LARGEST_STATUS_BYTES:
            return StatusVerdict.UNREADABLE
        try:
            status = _Status.model_validate_json(payload)
        except ValidationError:
            return StatusVerdict.UNREADABLE
        name = match[1]
        if len(self._waiting) >= MOST_DEVICES and name not in self._waiting:
            return StatusVerdict.TOO_MANY
        before = self._waiting.get(name)
        word = DeviceWord(
            status.online,
            min(status.time, now_ms),
            now_ms,
            status.battery,
            # PostgreSQL stores every letter but this one.
            status.firmware.replace("\0", ""),
            status.boot,
        )
        self._waiting[name] = word if before is None else later_battery(before, word)
        return StatusVerdict.TAKEN

    def take(self) -> dict[str, DeviceWord]:
        """Return the words that were not stored yet, and let go of them."""
        waiting, self._waiting = self._waiting, {}
        return waiting

    def put_back(self, words: dict[str, DeviceWord]) -> None:
        """Keep words that could not be stored, except where a newer one has come."""
        self._waiting = {**words, **self._waiting}


def later_battery(before: DeviceWord, word: DeviceWord) -> DeviceWord:
    """Return the newer word with the battery that was measured last.

    Example:
        >>> said = DeviceWord(True, 9_000, 9_000, 31, "1.0", 7)
        >>> will = DeviceWord(False, 2_000, 9_500, 88, "1.0", 7)
        >>> later_battery(said, will).battery_percent
        31
    """
    if word.told_ms >= before.told_ms:
        return word
    return DeviceWord(
        word.online,
        before.told_ms,
        word.heard_ms,
        before.battery_percent,
        word.firmware,
        word.boot,
    )
