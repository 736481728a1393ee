"""How much one device may send before others would feel it.

A device that sends too fast is not told off and not refused for good: what is beyond its rate is
confirmed to the broker, so that it makes no queue there, and neither stored nor acknowledged to the
device, which therefore keeps it and sends it again later. So nothing is lost, and nobody waits for
it. While nobody would have to wait, nobody is turned away: a recording of a year may come as fast
as it is stored. It must never hold a frame back: what waits would fill the window that all devices
share.
"""

from __future__ import annotations

from typing import Final

from ingest.reasons import Passage

VALUES_PER_TOKEN: Final = 64
"""A frame of one minute costs a token, one of an hour with nine channels nine of them. Counted
without decoding: a flood must not cost us that."""
TOKENS_PER_S: Final = 500.0
"""30,000 times what a device needs that sends each minute, and 4 % of what one worker takes in: a
device that never rests slows the others by no more than that."""
BURST_TOKENS: Final = 20_000.0
"""At once, after an outage: all that a device keeps (72 hours, 4,320 frames) four times over, or
eight weeks in frames of an hour, as a first upload or the demo has them."""
CROWDED_FROM: Final = 1_000
"""So many frames wait for their turn: a tenth of a second of work, before anybody feels it."""
MOST_DEVICES: Final = 20_000
"""Devices looked at before those that rested long enough are forgotten; two numbers for each."""


def cost_of(payload: bytes) -> int:
    """Return what a frame costs: one token, and one more for every 64 values.

    Example:
        >>> cost_of(b'{"steps": [1, 2]}'), cost_of(b"," * 640)
        (1, 11)
    """
    return 1 + payload.count(b",") // VALUES_PER_TOKEN


def device_of(topic: str) -> str:
    """Return whose allowance a message takes from.

    The shard is left out, readable or not: a device may publish under any, and has one allowance.

    Example:
        >>> device_of("tidewell/v1/7/band-1/frame"), device_of("tidewell/v1/x/band-1/frame")
        ('band-1', 'band-1')
    """
    parts = topic.split("/", 4)
    return parts[3] if len(parts) > 3 else topic


class FloodGate:
    """The allowance of each device; `now_s` is a monotonic clock.

    A device is one number: when its allowance will be whole again, on a clock that ticks once a
    token, so that whole tokens stay exact. It is forgotten from then on.
    """

    def __init__(
        self, tokens_per_s: float = TOKENS_PER_S, burst_tokens: float = BURST_TOKENS
    ) -> None:
        self._tokens_per_s = tokens_per_s
        self._burst_tokens = burst_tokens
        self._whole_at: dict[str, float] = {}
        self._look_at = MOST_DEVICES
        self.turned_away = 0

    def passage(self, topic: str, payload: bytes, now_s: float, *, waiting: int) -> Passage:
        """Say whether a message may go on, and take its cost from the device's allowance.

        Args:
            waiting: how many messages wait for their turn.
        """
        device, now = device_of(topic), now_s * self._tokens_per_s
        whole_at = max(self._whole_at.get(device, now), now) + cost_of(payload)
        if whole_at - now > self._burst_tokens:
            if waiting >= CROWDED_FROM:
                self.turned_away += 1
                return Passage.TOO_FAST
            whole_at = now + self._burst_tokens  # spent, and not in debt for what cost nobody
        self._whole_at[device] = whole_at
        if len(self._whole_at) > self._look_at:
            self._forget_the_rested(now)
        return Passage.WITHIN_RATE

    def _forget_the_rested(self, now: float) -> None:
        self._whole_at = {
            device: whole_at for device, whole_at in self._whole_at.items() if whole_at > now
        }
        # Where nearly all are busy, looking at each message would cost more than it frees.
        self._look_at = max(MOST_DEVICES, 2 * len(self._whole_at))
