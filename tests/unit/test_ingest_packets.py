"""Frames in bulk: what is read, what is left, and what no broker may send."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.streaming import packets as twin
from ingest.batch import Arrival
from ingest.receiving.packets import (
    MalformedPacketError,
    packet_at,
    publish_at_most_once,
    take_frames,
)

TOPIC = "tidewell/v1/3/band-1/frame"
PINGRESP = b"\xd0\x00"
NUMBERS = st.integers(1, 65_535)


def a_frame(number: int, payload: bytes, topic: str = TOPIC) -> bytes:
    return twin.publish(twin.prefixed(topic), number, payload)


def arrival(number: int, payload: bytes, topic: str = TOPIC) -> Arrival:
    return Arrival(topic, payload, b"\x40\x02" + number.to_bytes(2, "big"))


@given(st.lists(st.tuples(NUMBERS, st.binary(max_size=300)), max_size=8), st.integers(0, 3_000))
@example([(1, b"x" * 90), (2, b"y" * 16_340), (3, b"z" * 16_360), (4, b"")], 5_000)
@example([(1, b"x" * 90), (2, b"y" * 16_340), (3, b"z" * 16_360), (4, b"")], 17_000)
def test_frames_are_read_whole_and_in_order_wherever_the_bytes_are_cut(
    sent: list[tuple[int, bytes]], cut: int
) -> None:
    data = b"".join(a_frame(*one) for one in sent)
    cut = min(cut, len(data))
    first, place = take_frames(data[:cut], 0)
    rest, end = take_frames(data[place:], 0)
    assert first + rest == [arrival(*one) for one in sent]
    assert place + end == len(data)


def test_a_packet_of_another_kind_ends_the_run_and_stays_where_it_is() -> None:
    data = a_frame(1, b"{}") + PINGRESP + a_frame(2, b"[]")
    frames, place = take_frames(data, 0)
    assert frames == [arrival(1, b"{}")]
    assert packet_at(data, place) == (place + 2, place + 2)
    assert take_frames(data, place) == ([], place)
    assert take_frames(data, place + 2) == ([arrival(2, b"[]")], len(data))


@pytest.mark.parametrize("flags", [0x08, 0x01, 0x09])
def test_a_frame_that_comes_again_or_was_retained_is_a_frame(flags: int) -> None:
    data = bytearray(a_frame(9, b"{}"))
    data[0] |= flags
    assert take_frames(bytes(data), 0)[0] == [arrival(9, b"{}")]


@pytest.mark.parametrize("first", [0x30, 0x34, 0x40, 0x90])
def test_other_qualities_of_service_and_other_packets_are_not_touched(first: int) -> None:
    data = bytes([first]) + a_frame(9, b"{}")[1:]
    assert take_frames(data, 0) == ([], 0)


def test_a_topic_that_is_no_text_is_passed_on_to_be_refused_by_name() -> None:
    (frame,), _ = take_frames(twin.publish(b"\x00\x02\xff\xfe", 5, b"{}"), 0)
    assert frame.topic == "\ufffd\ufffd"


@pytest.mark.parametrize(
    "data",
    [
        a_frame(0, b"{}"),
        twin.packet(0x32, b""),
        twin.packet(0x32, b"\x00"),
        twin.packet(0x32, b"\x00\x05ab"),
        twin.packet(0x32, b"\x00\x02ab\x00"),
        b"\x32\xff\xff\xff\xff\x01",
        b"\xd0\x80\x80\x80\x80\x01",
    ],
)
def test_what_no_broker_may_send_is_malformed(data: bytes) -> None:
    def read() -> None:
        _, place = take_frames(data, 0)
        packet_at(data, place)

    with pytest.raises(MalformedPacketError):
        read()


def test_a_length_is_read_only_when_all_of_it_is_there() -> None:
    data = a_frame(7, bytes(70_000))
    for size in (0, 1, 2, 3, 4, 5, len(data) - 1):
        assert packet_at(data[:size], 0) is None
        assert take_frames(data[:size], 0) == ([], 0)
    assert packet_at(data, 0) == (4, len(data))


@pytest.mark.parametrize("size", [0, 1, 100, 124, 125, 253, 1_000, 16_379, 16_380, 70_000])
@pytest.mark.parametrize("topic", ["a", "tidewell/v1/3/bänd/ack"])
def test_what_is_told_is_read_as_it_was_meant(topic: str, size: int) -> None:
    payload = bytes(size)
    buffer = bytearray(publish_at_most_once(topic, payload))
    assert list(twin.split(buffer)) == [(twin.PUBLISH, twin.prefixed(topic) + payload)]
