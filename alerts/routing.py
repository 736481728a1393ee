"""Who is asked, and in which order: the chain of a policy with the people who are there today.

Rule 1: an empty step is passed over at once, and whoever is away with cover is not asked.
Rule 2: the walk only goes on: a step that was passed is not asked again before the end.
Rule 3: nobody stands twice in one step.
Rule 4: a step where no message can arrive is passed over at once too, and that is said; where none
can arrive anywhere, the first step with somebody in it is asked all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerts.policy import Policy, Step
from tidewell.vocabulary import Level


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who could be asked at this moment, by step.

    `away` have cover that somebody accepted; to the `unreachable` no message can be sent.
    """

    at: Mapping[Step, frozenset[int]] = field(default_factory=dict)
    away: frozenset[int] = frozenset()
    unreachable: frozenset[int] = frozenset()

    @property
    def key_worker(self) -> int | None:
        """Return the key worker, who may be away."""
        return min(self.at.get(Step.KEY_WORKER, frozenset()), default=None)

    @property
    def is_key_worker_away(self) -> bool:
        """Return whether the key worker is away and somebody accepted to cover."""
        return self.key_worker is not None and self.key_worker in self.away

    @property
    def present(self) -> frozenset[int]:
        """Return everybody of every step who is not away."""
        return frozenset[int]().union(*self.at.values()) - self.away

    def of_step(self, step: Step) -> tuple[int, ...]:
        """Return whom to ask at a step: the key worker first, then the others in a fixed order."""
        wanted = self.present if step is Step.EVERYBODY else self.at.get(step, frozenset())
        there = wanted - self.away
        first = [self.key_worker] if self.key_worker in there else []
        return (*(one for one in first if one is not None), *sorted(there - set(first)))


@dataclass(frozen=True, slots=True)
class Asking:
    """A step of the chain, the people there, and the steps before it where none can be reached."""

    step: Step
    staff_ids: tuple[int, ...]
    unreachable: tuple[Step, ...] = ()


def first_asking(
    policy: Policy, recipients: Recipients, level: Level, *, is_open: bool
) -> Asking | None:
    """Return whom to ask first; out of hours a check now begins with the duty line."""
    if level is Level.CHECK_NOW and not is_open:
        duty = recipients.of_step(Step.DUTY_LINE)
        if set(duty) - recipients.unreachable and Step.DUTY_LINE in policy.chain:
            return Asking(Step.DUTY_LINE, duty)
    return next_asking(policy, recipients, None)


def next_asking(
    policy: Policy,
    recipients: Recipients,
    after: Step | None,
    *,
    but: frozenset[int] = frozenset(),
) -> Asking | None:
    """Return the next step with somebody in it besides `but`; everybody at the end of the chain."""
    passed: list[Step] = []
    for step in (*_steps_after(policy, after), Step.EVERYBODY):
        # At the very end whoever is left is asked, also the one who just gave it back.
        there = set(recipients.of_step(step)) - (frozenset() if step is Step.EVERYBODY else but)
        if there - recipients.unreachable:
            return Asking(step, recipients.of_step(step), tuple(passed))
        if there:
            passed.append(step)
    return Asking(passed[0], recipients.of_step(passed[0])) if passed else None


def _steps_after(policy: Policy, after: Step | None) -> tuple[Step, ...]:
    if after is Step.EVERYBODY:
        return ()
    if after in policy.chain:
        return policy.chain[policy.chain.index(after) + 1 :]
    return policy.chain


def is_last(policy: Policy, recipients: Recipients, after: Step | None) -> bool:
    """Return whether nothing of the chain itself is left after a step."""
    asking = next_asking(policy, recipients, after)
    return asking is None or asking.step is Step.EVERYBODY
