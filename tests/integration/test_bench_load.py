"""The load process of `python -m bench ingest`: what it sends is what a device would send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.ingesting import BACKFILL_DAYS, _backfill
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
