"""What follows when somebody asks for a check-in, is worried, or does not need it any more.

Rule 1: whoever asks is heard: a request makes an alert, or joins the one that is open, whatever any
score, budget, pause, or the age of the request says.
Rule 2: a worry that is more urgent than the open alert makes that as urgent; a lesser one never
makes it less.
Rule 3: "I don't need this any more" is written down and closes nothing: a person does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from alerts.reasons import AlertState, ConcernKind, ConcernReason
from tidewell.vocabulary import Asking, CheckInChoice, Level, Source

if TYPE_CHECKING:
    from datetime import datetime

LEVEL_OF_A_REQUEST: Final = Level.CHECK_TODAY
"""Nobody young is asked to judge how urgent they are; who is in danger finds the help lines.
What they write in their own words comes with a level, which nothing here judges."""

_WORRIED: Final = {Source.STAFF: "A colleague is worried", Source.CARER: "A carer is worried"}


@dataclass(frozen=True, slots=True)
class Concern:
    """What somebody asked or said."""

    kind: ConcernKind
    source: Source
    level: Level | None
    choice: CheckInChoice | None
    at: datetime
    staff_id: int | None = None
    takes_it: bool = False

    @property
    def asking(self) -> Asking:
        """Return what kind of alert it is about."""
        is_theirs = self.source is Source.YOUNG_PERSON
        return Asking.CHECK_IN_ASKED if is_theirs else Asking.WORRY

    @property
    def urgency(self) -> Level:
        """Return how soon somebody should look."""
        return self.level or LEVEL_OF_A_REQUEST


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """The alert that a concern could join; for one that is taken back, the one it had joined."""

    state: AlertState
    level: Level


def decide_concern(concern: Concern, alert: OpenAlert | None) -> ConcernReason:
    """Say what becomes of a concern."""
    is_open = alert is not None and alert.state is not AlertState.CLOSED
    if concern.kind is ConcernKind.WITHDRAW:
        return _decide_withdrawal(alert)
    if alert is None or not is_open:
        return ConcernReason.RAISED
    if concern.urgency.rank > alert.level.rank:
        return ConcernReason.LEVEL_ROSE
    return ConcernReason.JOINED


def _decide_withdrawal(alert: OpenAlert | None) -> ConcernReason:
    if alert is None or alert.state is AlertState.CLOSED:
        return ConcernReason.ALREADY_CLOSED
    if alert.state is AlertState.ACCEPTED:
        return ConcernReason.SOMEBODY_IS_ON_IT
    return ConcernReason.NOT_NEEDED_ANY_MORE


def explain(concerns: Sequence[Concern]) -> dict[str, Any]:
    """Return what the pages say of an alert that people raised, from all that it holds, in order.

    It has the shape of an explanation and no number in it. No word that anybody wrote is copied.
    """
    raised = [one for one in concerns if one.kind is ConcernKind.RAISE]
    last = raised[-1]
    often = f" {len(raised)} times" if len(raised) > 1 else ""
    if last.choice is not None:
        lately = "most lately " if often else ""
        sentence = f"Asked for a check-in{often}: {lately}“{last.choice.words}”."
    elif last.source is Source.YOUNG_PERSON:
        sentence = f"Wrote in their own words{', asked' + often if often else ''}. Read that first."
    else:
        sources = dict.fromkeys(_WORRIED[one.source] for one in raised)
        sentence = f"{'. '.join(sources)}{f', said{often}' if often else ''}."
    if concerns[-1].kind is ConcernKind.WITHDRAW:
        sentence += " They say that they do not need it any more."
    return {"family": last.asking.value, "since": concerns[0].at.isoformat(), "sentence": sentence}
