"""The console: one line on standard output for each message, there when this returns."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from tidewell.errors import ChannelUnavailableError

if TYPE_CHECKING:
    from alerts.deliveries import Message


class Console:
    """Prints messages; people appear by their staff number."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, message: Message) -> None:
        """Print one line and flush it."""
        stream = self._stream or sys.stdout
        try:
            stream.write(f"To staff {message.staff_id}: {message.text}\n")
            stream.flush()
        except (OSError, ValueError) as error:
            raise ChannelUnavailableError(
                f"standard output took no line: {error}; keep it open"
            ) from error

    async def close(self) -> None:
        """Leave standard output open: it is not ours."""
