"""Where probes end: in this process. It takes every message and shows it to nobody.

That a probe came so far is stored by the sender's mark, like that of any other message. It must
never be given to a person as an address; `alerts.store` refuses that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.probe import PROBE_STAFF
from tidewell.errors import ChannelError

if TYPE_CHECKING:
    from alerts.deliveries import Message


class ProbeChannel:
    """A sink."""

    async def send(self, message: Message) -> None:
        """Take a probe.

        Raises:
            ChannelError: the message is for a person, who would never see it.
        """
        if message.staff_id != PROBE_STAFF:
            raise ChannelError(
                "a message for a person was sent to the probe's sink; check addresses"
            )

    async def close(self) -> None:
        """Nothing to let go of."""
