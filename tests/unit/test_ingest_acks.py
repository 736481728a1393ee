"""Acks: at most one a second for each device, none forgotten, nothing remembered for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.acks import LEAST_INTERVAL_S, MOST_WHILE_BEHIND, Ack, AckBook
from ingest.cursors import Cursor, Gap
from ingest.decode import Address

ONE, OTHER = Address(3, "band-1"), Address(9, "band-2")


def told(acks: list[Ack]) -> list[tuple[str, int, int]]:
    return [(ack.address.device, ack.boot, ack.cursor.upto) for ack in acks]


def test_an_ack_says_how_far_its_boot_is_committed_and_what_is_missing() -> None:
    ack = Ack(ONE, 7, Cursor(4, 9, (Gap(5, 6), Gap(8, 8))))
    assert ack.topic == "tidewell/v1/3/band-1/ack"
    assert ack.body(123) == {"boot": 7, "upto": 4, "missing": [[5, 6], [8, 8]], "time": 123}


def test_a_device_hears_at_most_once_a_second() -> None:
    book = AckBook()
    book.note(ONE, 1, Cursor(1, 1))
    assert told(book.due(100.0)) == [("band-1", 1, 1)]
    book.note(ONE, 1, Cursor(2, 2))
    assert book.due(100.0 + LEAST_INTERVAL_S - 0.001) == []
    assert told(book.due(100.0 + LEAST_INTERVAL_S)) == [("band-1", 1, 2)]


def test_a_newer_ack_takes_the_place_of_one_that_waits() -> None:
    book = AckBook()
    book.note(ONE, 1, Cursor(1, 1))
    book.note(ONE, 1, Cursor(5, 5))
    assert told(book.due(0.0)) == [("band-1", 1, 5)]
    assert book.due(10.0) == []


def test_the_oldest_boot_of_a_device_is_told_first() -> None:
    book = AckBook()
    for boot in (9, 7, 8):
        book.note(ONE, boot, Cursor(boot, boot))
    heard = [told(book.due(float(second))) for second in range(4)]
    assert heard == [[("band-1", 7, 7)], [("band-1", 8, 8)], [("band-1", 9, 9)], []]


def test_devices_do_not_wait_for_each_other() -> None:
    book = AckBook()
    book.note(ONE, 1, Cursor(1, 1))
    book.due(0.0)
    book.note(ONE, 1, Cursor(2, 2))
    book.note(OTHER, 1, Cursor(3, 3))
    assert told(book.due(0.5)) == [("band-2", 1, 3)]
    assert told(book.due(1.0)) == [("band-1", 1, 2)]


def test_what_was_said_is_forgotten() -> None:
    book = AckBook()
    for number in range(1_000):
        book.note(Address(0, f"band-{number}"), number, Cursor(1, 1))
        book.due(float(number) * 2)
    book.due(10_000.0)
    assert book._waiting == {}
    assert book._sent_at_s == {}


NOTES = st.lists(
    st.tuples(st.sampled_from([ONE, OTHER]), st.integers(0, 3), st.floats(0, 3, allow_nan=False)),
    max_size=40,
)


@given(NOTES)
def test_whatever_is_noted_every_boot_hears_its_newest_cursor_and_no_device_too_often(
    notes: list[tuple[Address, int, float]],
) -> None:
    book, now_s = AckBook(), 0.0
    heard: dict[tuple[Address, int], int] = {}
    wanted: dict[tuple[Address, int], int] = {}
    last_s: dict[Address, float] = {}
    steps = [*enumerate(notes), *((len(notes), None) for _ in range(5))]
    for number, note in steps:
        if note is not None:
            address, boot, wait_s = note
            now_s += wait_s
            book.note(address, boot, Cursor(number, number))
            wanted[address, boot] = number
        else:
            now_s += LEAST_INTERVAL_S
        for ack in book.due(now_s):
            before_s = last_s.get(ack.address)
            assert before_s is None or now_s - before_s >= LEAST_INTERVAL_S
            last_s[ack.address] = now_s
            heard[ack.address, ack.boot] = ack.cursor.upto
    assert heard == wanted


def test_while_frames_queue_those_who_waited_longest_are_told_first_and_nobody_is_forgotten() -> (
    None
):
    book = AckBook()
    devices = [Address(place % 64, f"band-{place}") for place in range(MOST_WHILE_BEHIND + 7)]
    for device in devices:
        book.note(device, 1, Cursor(upto=1, highest=1))
    first = book.due(10.0, behind=True)
    assert [one.address for one in first] == devices[:MOST_WHILE_BEHIND]
    book.note(devices[0], 1, Cursor(upto=2, highest=2))  # comes after those who still wait
    assert [one.address for one in book.due(12.0)] == [*devices[MOST_WHILE_BEHIND:], devices[0]]
