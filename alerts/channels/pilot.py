"""Apprise, for pilots: one of the many services that it knows, such as ntfy or a chat room.

Nobody vouches for such a service, so nothing but the fixed sentences can get there: any other text
is replaced by one of them, never passed on and never lost. Apprise waits in a thread and says only
whether it worked, so every failure may pass; it never retries by itself.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from alerts.channels.threads import Threads
from alerts.texts import anybodys_text
from tidewell.errors import ChannelError, ChannelUnavailableError, SettingsError

if TYPE_CHECKING:
    from alerts.deliveries import Message

WITHIN_S: Final = 12.0
"""For one message as a whole, below the cut-off of the sender; the thread then ends by itself."""

WAIT_S: Final = 5
"""For connecting and for each wait for bytes, as Apprise's addresses say it."""

THREADS_MOST: Final = 4
"""A pilot has a handful of people."""

logging.getLogger("apprise").setLevel(logging.CRITICAL)


class Pilot:
    """Hands messages to Apprise."""

    def __init__(self, within_s: float = WITHIN_S) -> None:
        try:
            self._apprise: Any = import_module("apprise")
        except ImportError:
            raise SettingsError(
                "TIDEWELL_APPRISE is set and Apprise is not there; install requirements/pilots.txt"
            ) from None
        self._threads = Threads("apprise", "the service of Apprise", THREADS_MOST, within_s)

    async def send(self, message: Message) -> None:
        """Hand a message over."""
        await self._threads.hand_over(self._hand_over, message)

    async def close(self) -> None:
        """Begin no further message; those under way end by themselves."""
        self._threads.close()

    def _hand_over(self, message: Message) -> None:
        service = self._apprise.Apprise()
        mark = "&" if "?" in message.address else "?"
        if not service.add(f"{message.address}{mark}cto={WAIT_S}&rto={WAIT_S}"):
            raise ChannelError("Apprise cannot read this address; correct it")
        text = anybodys_text(message.text, message.level, message.link)
        if not service.notify(body=text, body_format=self._apprise.NotifyFormat.TEXT):
            raise ChannelUnavailableError("the service behind Apprise did not take the message")
