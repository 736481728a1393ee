"""The hand-over that writes itself: whole texts, read aloud before they were put here."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from portal.explanation import read_explanation
from portal.handover import Earlier, HandOverFacts, Said, hand_over
from tests.browser.virtual_site import explanation_of

NOW = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
SINCE = date(2026, 11, 17)
MEASURED = HandOverFacts(
    name="Sam",
    zone="Europe/London",
    level="check_today",
    cause="illness",
    is_asked=False,
    raised_at=NOW - timedelta(hours=3),
    first_day=SINCE,
    explanation=read_explanation({**explanation_of(SINCE), "day": "2026-11-19"}),
    data_sentence="The last full day is Thursday 19 November.",
    key_workers=["Jo"],
    notes=["exams or tests, Tuesday 17 November to Friday 20 November"],
    earlier=[Earlier("Sleep", NOW - timedelta(days=9), is_open=False, outcome="all_fine")],
    accepted_by="Jo",
    accepted_at=NOW - timedelta(hours=2),
    offered_to="Kim",
    snoozed_until=NOW + timedelta(hours=1),
    snooze_said="A visit or call is planned",
)
ASKED = HandOverFacts(
    name="Robin",
    zone="Europe/London",
    level="check_today",
    cause="check_in_asked",
    is_asked=True,
    raised_at=NOW - timedelta(hours=1),
    first_day=NOW.date(),
    explanation=read_explanation({"sentence": "Asked for a check-in: “I'd like to talk”."}),
    said=[Said("Robin asked for a check-in: “I'd like to talk”", NOW - timedelta(hours=1))],
    data_sentence="No data since yesterday at 18:02: the battery is flat.",
)
CARER = replace(
    ASKED,
    cause="worry",
    level="check_now",
    said=[
        Said(
            "A carer is worried (check now); Kim wrote it down",
            NOW - timedelta(hours=1),
            "Has not eaten since Wednesday.",
        )
    ],
    closed_by="Jo",
    closed_at=NOW - timedelta(minutes=5),
    outcome="support_needed",
    note="Saw Robin at home with Kim.",
)

OF_MEASURED = """\
Hand-over about Sam, 20 November 2026

S: Situation
Sam: check today, raised today at 13:30.
As it stood on Thursday 19 November: Night heart rate 63 bpm (usual 56, 54 to 58) for 3 nights; \
steps 2,100 (usual 7,800).
Jo is on it since today at 14:30. Put off until today at 17:30: a visit or call is planned. \
It is offered to Kim, who has not taken it yet.

B: Background
Key worker: Jo.
Night heart rate: 63 bpm; usual for Sam 54 to 58.
Steps: 2,100; usual for Sam 5,200 to 10,400.
Note about these days: exams or tests, Tuesday 17 November to Friday 20 November.
1 other alert in the last 28 days: sleep on Wednesday 11 November (closed: checked in, all fine).

A: Assessment
A clear sign. 3 of 5 measures moved, data on 6 of the last 7 days, worn for 21 hours 50 minutes \
on the last full day.
A note about these days says: exams.
The device: The last full day is Thursday 19 November.
Not measured: blood oxygen at night.
Not known: why it changed; whether anybody has spoken with Sam about it.

R: Recommendation
A friendly check-in today is enough.
It ends by itself after two days near usual; it stays on your list until you close it.
Close it with what was found, so that the next colleague knows.

Drafted by itself from what is stored; read it before you rely on it. Tidewell is not an \
emergency service and not a medical device."""

OF_ASKED = """\
Hand-over about Robin, 20 November 2026

S: Situation
Robin: check today, raised today at 15:30.
Robin asked for a check-in: “I'd like to talk”, today at 15:30.
Nobody is on it yet.

B: Background
Nobody is the key worker.
No other alert in the last 28 days.

A: Assessment
This is what people said. It is no measurement, and none is needed for it.
The device: No data since yesterday at 18:02: the battery is flat.
Not known: more than what was chosen (no note); whether anybody has spoken with Robin about it.

R: Recommendation
They asked for it: get in touch, and say when you will.
Whoever takes it accepts it on its page; until then others go on being asked.
Close it with what was found, so that the next colleague knows.

Drafted by itself from what is stored; read it before you rely on it. Tidewell is not an \
emergency service and not a medical device."""

OF_CLOSED_WORRY = """\
Hand-over about Robin, 20 November 2026

S: Situation
Robin: check now, raised today at 15:30.
A carer is worried (check now); Kim wrote it down, today at 15:30.
Note: “Has not eaten since Wednesday.”
Jo closed it today at 16:25.

B: Background
Nobody is the key worker.
No other alert in the last 28 days.

A: Assessment
This is what people said. It is no measurement, and none is needed for it.
The device: No data since yesterday at 18:02: the battery is flat.
Not known: nothing that this page asks for.

R: Recommendation
Closed with: checked in, support needed.
Note: “Saw Robin at home with Kim.”
Nothing more is asked for by this alert.

Drafted by itself from what is stored; read it before you rely on it. Tidewell is not an \
emergency service and not a medical device."""


@pytest.mark.parametrize(
    ("facts", "text"),
    [(MEASURED, OF_MEASURED), (ASKED, OF_ASKED), (CARER, OF_CLOSED_WORRY)],
    ids=["measured", "asked", "closed worry"],
)
def test_a_hand_over_reads_like_this(facts: HandOverFacts, text: str) -> None:
    assert hand_over(facts, NOW).text == text


def test_what_is_missing_is_said_and_not_passed_over() -> None:
    bare = replace(
        MEASURED, explanation=read_explanation(None), notes=(), key_workers=(), accepted_by=None
    )
    text = hand_over(bare, NOW).text
    assert "Something has changed since Tuesday 17 November." in text
    assert "Not known: why it changed; how sure it is; whether something special" in text
    assert "None" not in text


def test_what_was_written_and_said_already_is_in_it_and_nobody_types_it_again() -> None:
    facts = replace(
        MEASURED,
        columns=[("Worried about", "Sleep"), ("Needs to happen", "Talk to school")],
        columns_by="Jo, today at 15:00",
        contact="Jo spoke to Sam, today at 15:30.",
        is_spoken_since=True,
    )
    text = hand_over(facts, NOW).text
    assert "Jo spoke to Sam, today at 15:30.\nHow things are, as written by Jo, today" in text
    assert "Worried about: Sleep\nNeeds to happen: Talk to school\n" in text
    assert "whether anybody has spoken" not in text


def test_many_earlier_alerts_are_counted_and_the_newest_are_said() -> None:
    many = [Earlier("Sleep", NOW - timedelta(days=day), True, None) for day in range(1, 7)]
    text = hand_over(replace(MEASURED, earlier=many), NOW).text
    assert "6 other alerts in the last 28 days" in text
    assert "and 3 more" in text
    assert text.count("(still open)") == 3


@pytest.mark.parametrize("facts", [MEASURED, ASKED, CARER])
def test_no_part_is_empty_and_no_word_judges_health(facts: HandOverFacts) -> None:
    written = hand_over(facts, NOW)
    assert [part.letter for part in written.parts] == ["S", "B", "A", "R"]
    assert all(part.sentences for part in written.parts)
    assert not re.search(r"\b(depress\w*|anxi\w*|patient|diagnos\w*|symptom\w*)\b", written.text)
