"""What a batch amounts to: rows, dead letters, cursors and acks, before any database is asked."""

from __future__ import annotations

import json

import pytest

from ingest.admit import FOREVER_MS, ChannelOff, Device, Person, Registry, Span, Wearing
from ingest.batch import Arrival, DeadLetter, DeviceBoot, Plan, decode_arrival, plan
from ingest.cursors import MOST_GAPS, Cursor, Gap, Kept, advance
from ingest.decode import LARGEST_FRAME_BYTES
from ingest.reasons import Refusal

START_MS = 1_762_000_000_000
NOW_MS = START_MS + 86_400_000
TOPIC = "tidewell/v1/3/band-1/frame"
KEY: DeviceBoot = (1, 7)


def a_registry(*, pauses: tuple[Span, ...] = (), revoked: bool = False) -> Registry:
    wearings = (Wearing(0, FOREVER_MS, 5),)
    return Registry({"band-1": Device(1, revoked, wearings)}, {5: Person(5, 3, "UTC", pauses)})


def a_payload(seq: int, **more: object) -> bytes:
    minute_ms = START_MS + 60_000 * (seq % 1_000)
    frame = {"boot": 7, "seq": seq, "start": minute_ms, "period": 60, "steps": [3, 4], **more}
    return json.dumps(frame).encode()


def planned(
    *payloads: bytes,
    registry: Registry | None = None,
    cursors: dict[DeviceBoot, Cursor] | None = None,
    topic: str = TOPIC,
) -> Plan:
    messages = [decode_arrival(Arrival(topic, payload)) for payload in payloads]
    kept = {key: Kept(cursor, -1) for key, cursor in (cursors or {}).items()}
    return plan(messages, registry or a_registry(), kept, NOW_MS)


def only_letter(made: Plan) -> DeadLetter:
    assert len(made.dead_letters) == 1
    return made.dead_letters[0]


def test_frames_in_order_are_admitted_and_move_the_cursor() -> None:
    made = planned(a_payload(0), a_payload(1))
    assert [one.frame.seq for one in made.admitted] == [0, 1]
    assert made.arrival_of == [0, 1]
    assert made.cursors == {KEY: Cursor(1, 1)}
    assert made.before == {KEY: Cursor()}
    assert (made.tallies[KEY].committed, made.tallies[KEY].dead_lettered) == (2, 0)
    assert made.told[KEY].device == "band-1"
    assert made.dead_letters == []


def test_the_cursors_that_were_given_are_not_changed() -> None:
    held = {KEY: Cursor(4, 4)}
    made = planned(a_payload(5), cursors=held)
    assert held == {KEY: Cursor(4, 4)}
    assert made.before == held
    assert made.cursors == {KEY: Cursor(5, 5)}


def test_a_repeated_frame_is_stored_once_counted_and_acknowledged_again() -> None:
    made = planned(a_payload(0), a_payload(0), a_payload(3), cursors={KEY: Cursor(-1, -1)})
    again = planned(a_payload(2), cursors={KEY: Cursor(2, 2)})
    assert [one.frame.seq for one in made.admitted] == [0, 3]
    assert made.arrival_of == [0, 2]
    assert made.tallies[KEY].repeated == 1
    assert (again.admitted, again.dead_letters) == ([], [])
    assert again.told.keys() == {KEY}
    assert again.cursors == {KEY: Cursor(2, 2)}


def test_the_next_frame_of_a_device_is_planned_the_short_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.batch._plan_one", None)
    made = planned(a_payload(5, oldest=2), cursors={KEY: Cursor(4, 4)})
    assert [one.person_of_epoch for one in made.admitted] == [(5,)]
    assert (made.cursors, made.unknown, made.holed) == ({KEY: Cursor(5, 5)}, set(), set())


def test_frames_that_a_device_gave_up_before_it_was_ever_heard_are_noted_as_lost() -> None:
    made = planned(a_payload(9, oldest=9))
    assert made.tallies[KEY].lost == (Gap(0, 8),)
    assert made.holed == {KEY}
    assert made.unknown == {KEY}


def test_a_repeated_bad_frame_is_kept_once() -> None:
    bad = a_payload(0, steps=[-1])
    made = planned(bad, bad)
    assert len(made.dead_letters) == 1
    assert (made.tallies[KEY].dead_lettered, made.tallies[KEY].repeated) == (1, 1)


def test_a_bad_frame_whose_number_can_be_read_is_passed_by_like_a_stored_one() -> None:
    made = planned(a_payload(0), a_payload(1, steps=[-1]), a_payload(2))
    letter = only_letter(made)
    assert letter.refused.reason is Refusal.OUT_OF_RANGE
    assert (letter.device_id, letter.refused.boot, letter.refused.seq) == (1, 7, 1)
    assert letter.whole_frame
    assert letter.payload == a_payload(1, steps=[-1])
    assert made.cursors == {KEY: Cursor(2, 2)}
    assert (made.tallies[KEY].committed, made.tallies[KEY].dead_lettered) == (2, 1)


def test_a_bad_frame_without_a_number_is_kept_and_moves_nothing() -> None:
    made = planned(b"[1, 2]")
    letter = only_letter(made)
    assert (letter.device_id, letter.refused.seq) == (1, None)
    assert (made.cursors, made.told, made.tallies) == ({}, {}, {})


def test_a_device_that_nobody_enrolled_has_no_cursor_and_gets_no_ack() -> None:
    made = planned(a_payload(0), topic="tidewell/v1/3/band-9/frame")
    letter = only_letter(made)
    assert letter.refused.reason is Refusal.UNKNOWN_DEVICE
    assert letter.device_id is None
    assert letter.payload == a_payload(0)
    assert (made.cursors, made.told, made.admitted) == ({}, {}, [])


def test_a_topic_of_another_shape_is_kept_with_its_reason() -> None:
    made = planned(a_payload(0), topic="tidewell/v1/64/band-1/frame")
    assert only_letter(made).refused.reason is Refusal.BAD_TOPIC
    assert made.cursors == {}


@pytest.mark.parametrize(
    ("registry", "reason"), [(a_registry(revoked=True), Refusal.DEVICE_REVOKED)]
)
def test_a_frame_that_is_not_admitted_is_acknowledged_too(
    registry: Registry, reason: Refusal
) -> None:
    made = planned(a_payload(0), registry=registry)
    assert only_letter(made).refused.reason is reason
    assert made.cursors == {KEY: Cursor(0, 0)}


def test_no_more_is_kept_of_a_payload_than_a_frame_may_hold() -> None:
    payload = a_payload(0, note="x" * LARGEST_FRAME_BYTES)
    letter = only_letter(planned(payload))
    assert letter.refused.reason is Refusal.TOO_LARGE
    assert letter.payload == payload[:LARGEST_FRAME_BYTES]
    assert letter.content == payload


def test_nothing_is_kept_of_a_frame_of_a_pause() -> None:
    made = planned(a_payload(0), registry=a_registry(pauses=(Span(0, FOREVER_MS),)))
    letter = only_letter(made)
    assert (letter.refused.reason, letter.payload) == (Refusal.PAUSED, None)
    assert made.cursors == {KEY: Cursor(0, 0)}


def test_nothing_is_kept_of_a_frame_that_lies_partly_in_a_pause_but_what_lies_outside() -> None:
    made = planned(a_payload(0), registry=a_registry(pauses=(Span(0, START_MS + 1),)))
    letter = only_letter(made)
    assert made.admitted[0].person_of_epoch == (None, 5)
    assert (letter.refused.reason, letter.payload) == (Refusal.PAUSED, None)
    assert not letter.whole_frame
    assert "1 of 2" in letter.refused.detail
    assert (made.tallies[KEY].committed, made.tallies[KEY].dead_lettered) == (1, 0)


def test_nothing_is_kept_of_a_pause_when_the_frame_is_refused_for_something_else() -> None:
    paused = a_registry(pauses=(Span(START_MS, FOREVER_MS),))
    for registry, payload, topic, reason in (
        (paused, a_payload(0), "tidewell/v1/4/band-1/frame", Refusal.WRONG_SHARD),
        (paused, a_payload(0, start=NOW_MS + 10**7), TOPIC, Refusal.FROM_THE_FUTURE),
        (paused, a_payload(0, steps=[-1]), TOPIC, Refusal.OUT_OF_RANGE),
        (paused, b'{"boot":7,"seq":0,"heart_rate":[61', TOPIC, Refusal.BAD_JSON),
        (paused, b"no number at all", TOPIC, Refusal.BAD_JSON),
        (
            a_registry(pauses=(Span(START_MS, FOREVER_MS),), revoked=True),
            a_payload(0),
            TOPIC,
            Refusal.DEVICE_REVOKED,
        ),
    ):
        letter = only_letter(planned(payload, registry=registry, topic=topic))
        assert (letter.refused.reason, letter.payload) == (reason, None)


def test_nothing_is_kept_of_a_channel_that_is_switched_off_whatever_the_frame_is_refused_for() -> (
    None
):
    off = (ChannelOff(START_MS, FOREVER_MS, "steps"),)
    person = Person(5, 3, "UTC", channels_off=off)
    device = Device(1, revoked=False, wearings=(Wearing(0, FOREVER_MS, 5),))
    registry = Registry({"band-1": device}, {5: person})
    for payload, topic, reason in (
        (a_payload(0), TOPIC, Refusal.SWITCHED_OFF),
        (a_payload(0), "tidewell/v1/4/band-1/frame", Refusal.WRONG_SHARD),
        (a_payload(0, steps=[-1]), TOPIC, Refusal.OUT_OF_RANGE),
    ):
        letter = only_letter(planned(payload, registry=registry, topic=topic))
        assert (letter.refused.reason, letter.payload) == (reason, None)


def test_a_frame_whose_times_lie_outside_every_pause_is_kept_for_repair() -> None:
    registry = a_registry(pauses=(Span(0, START_MS),))
    made = planned(a_payload(0), registry=registry, topic="tidewell/v1/4/band-1/frame")
    assert only_letter(made).payload == a_payload(0)


def test_frames_that_the_device_gave_up_are_counted_as_lost() -> None:
    made = planned(a_payload(5, oldest=5), cursors={KEY: Cursor(1, 1)})
    assert made.cursors == {KEY: Cursor(5, 5)}
    assert made.tallies[KEY].lost == (Gap(2, 4),)


def test_a_frame_that_would_leave_a_hole_too_many_is_neither_stored_nor_passed_by() -> None:
    cursor = Cursor(0, 0)
    for seq in range(2, 2 * MOST_GAPS + 2, 2):
        cursor = advance(cursor, seq, None).cursor
    made = planned(a_payload(cursor.highest + 2), cursors={KEY: cursor})
    assert (made.admitted, made.dead_letters) == ([], [])
    assert made.cursors == {KEY: cursor}
    assert made.told.keys() == {KEY}


def test_boots_of_a_device_are_counted_apart() -> None:
    made = planned(a_payload(0), a_payload(0, boot=8))
    assert made.cursors == {(1, 7): Cursor(0, 0), (1, 8): Cursor(0, 0)}
    assert len(made.admitted) == 2


def test_every_message_ends_as_exactly_one_of_stored_kept_or_repeated() -> None:
    payloads = [a_payload(seq) for seq in (0, 2, 2, 1)] + [b"{", a_payload(3, steps=[]), b""]
    made = planned(*payloads)
    tally = made.tallies[KEY]
    unnumbered = sum(one.refused.seq is None for one in made.dead_letters)
    assert tally.committed + tally.dead_lettered + tally.repeated + unnumbered == len(payloads)
    assert len(made.admitted) == tally.committed == 3
