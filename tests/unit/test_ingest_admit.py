"""Whose is a frame, and may it be stored: every refusal, the edges of pauses and assignments."""

from __future__ import annotations

import pytest

from ingest.admit import (
    FOREVER_MS,
    FUTURE_TOLERANCE_MS,
    Admitted,
    ChannelOff,
    Device,
    Person,
    Registry,
    Span,
    Wearing,
    admit,
)
from ingest.decode import Address, Refused
from ingest.frames import Frame
from ingest.reasons import Refusal

START_MS = 1_762_000_000_000
MINUTE_MS = 60_000
NOW_MS = START_MS + 86_400_000
ADDRESS = Address(3, "band-1")
ALWAYS = Wearing(0, FOREVER_MS, 5)


def a_frame(epochs: int = 4, *, period_s: int = 60, start_ms: int = START_MS) -> Frame:
    return Frame.of(7, 1, None, start_ms, period_s, {"steps": [1.0] * epochs})


def a_registry(
    *wearings: Wearing, pauses: tuple[Span, ...] = (), revoked: bool = False
) -> Registry:
    people = {5: Person(5, 3, "UTC", pauses), 6: Person(6, 3, "UTC"), 7: Person(7, 4, "UTC")}
    return Registry({"band-1": Device(1, revoked, wearings or (ALWAYS,))}, people)


def decide(registry: Registry, frame: Frame | None = None, address: Address = ADDRESS) -> object:
    return admit(frame or a_frame(), address, registry, NOW_MS)


def refusal(answer: object) -> Refusal:
    assert isinstance(answer, Refused), answer
    assert (answer.boot, answer.seq) == (7, 1)
    assert answer.detail
    return answer.reason


def owners(answer: object) -> tuple[int | None, ...]:
    assert isinstance(answer, Admitted), answer
    told = answer.person_of_epoch
    assert len(told) in (1, answer.frame.epochs)
    return told * answer.frame.epochs if len(told) == 1 else told


def test_a_frame_of_an_assigned_device_is_its_persons() -> None:
    answer = decide(a_registry())
    assert owners(answer) == (5, 5, 5, 5)
    assert isinstance(answer, Admitted)
    assert (answer.device_id, answer.paused_epochs) == (1, 0)


def test_a_device_that_nobody_enrolled_is_refused() -> None:
    assert refusal(decide(a_registry(), address=Address(3, "band-2"))) is Refusal.UNKNOWN_DEVICE


def test_a_revoked_device_is_refused() -> None:
    assert refusal(decide(a_registry(revoked=True))) is Refusal.DEVICE_REVOKED


def test_a_device_of_nobody_is_refused() -> None:
    registry = Registry({"band-1": Device(1, revoked=False, wearings=())}, {})
    assert refusal(decide(registry)) is Refusal.NOT_ASSIGNED


@pytest.mark.parametrize("shard", [0, 4, 63])
def test_another_shard_than_that_of_the_person_is_refused(shard: int) -> None:
    assert refusal(decide(a_registry(), address=Address(shard, "band-1"))) is Refusal.WRONG_SHARD


def test_a_frame_that_touches_a_person_of_another_shard_is_refused() -> None:
    change_ms = START_MS + 2 * MINUTE_MS
    registry = a_registry(Wearing(0, change_ms, 5), Wearing(change_ms, FOREVER_MS, 7))
    assert refusal(decide(registry)) is Refusal.WRONG_SHARD


@pytest.mark.parametrize(("ahead_ms", "refused"), [(-1, False), (0, False), (1, True)])
def test_the_clock_of_a_device_may_be_five_minutes_fast_to_the_millisecond(
    ahead_ms: int, refused: bool
) -> None:
    start_ms = NOW_MS + FUTURE_TOLERANCE_MS + ahead_ms
    answer = decide(a_registry(), a_frame(1, start_ms=start_ms))
    assert isinstance(answer, Refused) is refused
    if refused:
        assert refusal(answer) is Refusal.FROM_THE_FUTURE


def test_the_last_epoch_of_a_frame_decides_whether_it_lies_in_the_future() -> None:
    last_allowed_ms = NOW_MS + FUTURE_TOLERANCE_MS
    registry = a_registry()
    start_ms = last_allowed_ms - 3 * MINUTE_MS
    assert owners(decide(registry, a_frame(4, start_ms=start_ms))) == (5, 5, 5, 5)
    late = a_frame(4, start_ms=start_ms + 1)
    assert refusal(decide(registry, late)) is Refusal.FROM_THE_FUTURE


@pytest.mark.parametrize(
    ("first_ms", "end_ms", "kept"),
    [
        (START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS, (5, None, 5, 5)),
        (START_MS + MINUTE_MS - 1, START_MS + 2 * MINUTE_MS, (None, None, 5, 5)),
        (START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS + 1, (5, None, None, 5)),
        (START_MS + 90_000, START_MS + 90_001, (5, None, 5, 5)),
        (0, START_MS, (5, 5, 5, 5)),
        (0, START_MS + 1, (None, 5, 5, 5)),
        (START_MS + 4 * MINUTE_MS, FOREVER_MS, (5, 5, 5, 5)),
        (START_MS + 4 * MINUTE_MS - 1, FOREVER_MS, (5, 5, 5, None)),
    ],
)
def test_an_epoch_is_dropped_when_any_part_of_it_lies_in_a_pause(
    first_ms: int, end_ms: int, kept: tuple[int | None, ...]
) -> None:
    answer = decide(a_registry(pauses=(Span(first_ms, end_ms),)))
    assert owners(answer) == kept
    assert isinstance(answer, Admitted)
    assert answer.paused_epochs == kept.count(None)


def test_a_frame_that_lies_in_a_pause_as_a_whole_is_refused() -> None:
    pauses = (Span(START_MS, START_MS + 2 * MINUTE_MS), Span(START_MS + 2 * MINUTE_MS, FOREVER_MS))
    assert refusal(decide(a_registry(pauses=pauses))) is Refusal.PAUSED


def test_the_pause_of_one_person_does_not_touch_another() -> None:
    change_ms = START_MS + 2 * MINUTE_MS
    registry = a_registry(
        Wearing(0, change_ms, 5), Wearing(change_ms, FOREVER_MS, 6), pauses=(Span(0, FOREVER_MS),)
    )
    assert owners(decide(registry)) == (None, None, 6, 6)


def test_the_values_of_a_channel_that_is_switched_off_are_left_out_and_nothing_else() -> None:
    off = ChannelOff(START_MS + 90_000, START_MS + 90_001, "heart_rate")
    people = {5: Person(5, 3, "UTC", channels_off=(off,))}
    registry = Registry({"band-1": Device(1, revoked=False, wearings=(ALWAYS,))}, people)
    channels: dict[str, list[float | None]] = {
        "steps": [1.0] * 4,
        "heart_rate": [60.0, 61.0, None, 63.0],
    }
    frame = Frame.of(7, 1, None, START_MS, 60, channels)
    answer = decide(registry, frame)
    assert isinstance(answer, Admitted)
    assert answer.frame.spelled_out() == channels | {"heart_rate": [60.0, None, None, 63.0]}
    assert (owners(answer), answer.values_switched_off) == ((5, 5, 5, 5), 1)
    assert frame.spelled_out() == channels, "what came is left as it was"
    assert decide(registry) == decide(a_registry()), "it has nothing of that channel"


def test_a_frame_of_nothing_but_channels_that_are_switched_off_is_refused() -> None:
    off = (ChannelOff(0, FOREVER_MS, "steps"),)
    people = {5: Person(5, 3, "UTC", channels_off=off), 6: Person(6, 3, "UTC")}
    wearings = (Wearing(0, START_MS + MINUTE_MS, 6), Wearing(START_MS + MINUTE_MS, FOREVER_MS, 5))
    registry = Registry({"band-1": Device(1, revoked=False, wearings=wearings[1:])}, people)
    frame = a_frame(start_ms=START_MS + MINUTE_MS)
    assert refusal(decide(registry, frame)) is Refusal.SWITCHED_OFF
    shared = Registry({"band-1": Device(1, revoked=False, wearings=wearings)}, people)
    answer = decide(shared)
    assert isinstance(answer, Admitted)
    assert answer.frame.spelled_out() == {"steps": [1.0, None, None, None]}, (
        "only one of them said so"
    )


def test_a_device_that_changes_hands_in_the_middle_of_a_frame_splits_it() -> None:
    change_ms = START_MS + 2 * MINUTE_MS
    registry = a_registry(Wearing(0, change_ms, 5), Wearing(change_ms, FOREVER_MS, 6))
    assert owners(decide(registry)) == (5, 5, 6, 6)


def test_an_epoch_belongs_to_whoever_wore_the_device_when_it_started() -> None:
    change_ms = START_MS + 2 * MINUTE_MS + 1
    registry = a_registry(Wearing(0, change_ms, 5), Wearing(change_ms, FOREVER_MS, 6))
    assert owners(decide(registry)) == (5, 5, 5, 6)


def test_readings_between_two_owners_are_nobodys_and_are_no_pause() -> None:
    registry = a_registry(
        Wearing(0, START_MS + MINUTE_MS, 5), Wearing(START_MS + 3 * MINUTE_MS, FOREVER_MS, 6)
    )
    answer = decide(registry)
    assert owners(answer) == (5, None, None, 6)
    assert isinstance(answer, Admitted)
    assert answer.paused_epochs == 0


@pytest.mark.parametrize(
    ("first_ms", "end_ms", "expected"),
    [
        (START_MS, START_MS + 3 * MINUTE_MS + 1, (5, 5, 5, 5)),
        (START_MS, START_MS + 3 * MINUTE_MS, (5, 5, 5, None)),
        (START_MS + 1, FOREVER_MS, (None, 5, 5, 5)),
    ],
)
def test_an_assignment_holds_from_its_start_and_before_its_end(
    first_ms: int, end_ms: int, expected: tuple[int | None, ...]
) -> None:
    assert owners(decide(a_registry(Wearing(first_ms, end_ms, 5)))) == expected


def test_a_frame_before_and_after_every_assignment_is_refused() -> None:
    for wearing in (Wearing(0, START_MS, 5), Wearing(NOW_MS, FOREVER_MS, 5)):
        assert refusal(decide(a_registry(wearing))) is Refusal.NOT_ASSIGNED


def test_a_device_keeps_the_wearings_of_people_who_are_known_and_loses_the_others() -> None:
    first, second = Wearing(0, 10, 1), Wearing(10, 20, 2)
    device = Device(1, False, (first, second))
    assert device.worn_by({1, 2}) is device
    assert device.worn_by({2}).wearings == (second,)
    assert device.worn_by(set()).wearings == ()
