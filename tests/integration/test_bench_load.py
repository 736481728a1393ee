"""The load process of `python -m bench ingest`: what it sends is what a device would send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.ingesting import BACKFILL_DAYS, OVERLOAD_PARTS, _backfill, _failures, overload
from bench.streaming import packets


@given(st.lists(st.tuples(st.integers(0, 65_535), st.binary(max_size=400))), st.data())
def test_packets_are_found_however_they_were_cut(
    sent: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    topic = packets.prefixed("tidewell/v1/1/band-1/frame")
    stream = b"".join(packets.publish(topic, number, payload) for number, payload in sent)
    buffer, found = bytearray(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        buffer += stream[:cut]
        stream = stream[cut:]
        found += list(packets.split(buffer))
    assert [kind for kind, _ in found] == [packets.PUBLISH] * len(sent)
    assert [body[len(topic) + 2 :] for _, body in found] == [payload for _, payload in sent]
    assert not buffer


def test_ninety_days_of_one_person_are_stored_and_every_frame_is_acknowledged() -> None:
    figures = _backfill(1)
    assert figures["readings"] == BACKFILL_DAYS * 1_440
    assert figures["never_acknowledged"] == 0
    assert figures["readings_per_second"] > 0


def test_an_overload_ends_with_all_that_was_published_in_the_database() -> None:
    figures = overload(people=200, seconds=6.0)
    assert figures["frames_committed"] == figures["frames_published"] > 0
    assert figures["is_nothing_lost"]
    assert len(figures["ingest_memory_mb"]) == OVERLOAD_PARTS
    assert min(figures["ingest_memory_mb"] + figures["broker_memory_mb"]) > 0


def test_a_figure_that_must_never_be_is_a_failure_of_the_whole() -> None:
    sound = {"never_acknowledged": 0, "is_nothing_lost": True, "is_memory_flat": True}
    assert _failures({"overload": sound}) == []
    for wrong in ({"never_acknowledged": 3}, {"is_nothing_lost": False}):
        assert len(_failures({"overload": sound | wrong})) == 1
    grown = {"is_memory_flat": False, "ingest_memory_mb": [1, 2, 3]}
    assert len(_failures({"overload": sound | grown})) == 1
    assert len(_failures({"runs": [{"never_acknowledged": 1}]})) == 1
