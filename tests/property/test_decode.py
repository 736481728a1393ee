"""For any bytes, `decode` returns a frame or one of the named refusals: it never raises.

A frame that it returns is within every limit of `docs/wire-format.md`. The golden vectors are
written by hand from that page; the device's encoder is the other side of the round trip.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware_sim.encoder import encode_body, encode_frame, fits
from ingest.admit import FOREVER_MS, Admitted, Device, Person, Registry, Wearing, admit
from ingest.decode import (
    EARLIEST_MS,
    HIGHEST_BOOT,
    HIGHEST_SEQ,
    LARGEST_FRAME_BYTES,
    LONGEST_DETAIL,
    MOST_EPOCHS,
    Address,
    Refused,
    decode,
    parse_topic,
)
from ingest.frames import Frame
from ingest.reasons import Refusal
from ingest.rows import assemble
from tidewell.vocabulary import CHANNEL_NAMES, CHANNELS

VECTORS: Final = json.loads(
    (Path(__file__).parents[1] / "vectors" / "frames.json").read_text(encoding="utf-8")
)
ADDRESS: Final = Address(3, "band-1")
REGISTRY: Final = Registry(
    {"band-1": Device(1, False, (Wearing(0, FOREVER_MS, 5),))}, {5: Person(5, 3, "UTC")}
)
HEAD: Final = '"boot":7,"seq":1,"start":1762000000000,"period":60'


def payload_of(vector: dict[str, Any]) -> bytes:
    """Return the bytes of a vector; the forms are in `tests/vectors/README.md`."""
    if "payload_hex" in vector:
        return bytes.fromhex(vector["payload_hex"])
    if "repeat" in vector:
        part = vector["repeat"]
        text = part["before"] + part["piece"] * part["times"] + part["after"]
        return str(text).encode()
    return str(vector["payload"]).encode()


def check(answer: Frame | Refused) -> None:
    """Assert what holds for every answer."""
    if isinstance(answer, Refused):
        assert isinstance(answer.reason, Refusal)
        assert 0 < len(answer.detail) <= LONGEST_DETAIL
        assert "\n" not in answer.detail
        assert (answer.boot is None) == (answer.seq is None)
        assert answer.boot is None or 0 <= answer.boot <= HIGHEST_BOOT
        assert answer.seq is None or 0 <= answer.seq <= HIGHEST_SEQ
        return
    assert 0 <= answer.boot <= HIGHEST_BOOT
    assert 0 <= answer.seq <= HIGHEST_SEQ
    assert answer.oldest is None or 0 <= answer.oldest <= answer.seq
    assert answer.start_ms >= EARLIEST_MS
    assert 1 <= answer.period_s <= 3_600
    assert 1 <= answer.epochs <= MOST_EPOCHS
    assert answer.channels
    for name, values in answer.spelled_out().items():
        channel = next(one for one in CHANNELS if one.name == name)
        most = channel.high * (max(1, answer.period_s / 60) if channel.per_minute else 1)
        assert len(values) == answer.epochs
        assert all(one is None or channel.low <= one <= most for one in values)
        assert all(one is None or type(one) is float for one in values)


@pytest.mark.parametrize("vector", VECTORS, ids=[one["name"] for one in VECTORS])
def test_every_vector_is_read_as_the_wire_format_says(vector: dict[str, Any]) -> None:
    decoded = decode(payload_of(vector))
    check(decoded)
    answer: Frame | Refused | Admitted = decoded
    if isinstance(decoded, Frame):
        answer = admit(decoded, ADDRESS, REGISTRY, vector["now"])
    if not vector["valid"]:
        assert isinstance(answer, Refused), answer
        assert answer.reason.value == vector["reason"]
        return
    assert isinstance(answer, Admitted), answer
    frame = answer.frame
    assert {name: getattr(frame, name) for name in ("boot", "seq", "oldest")} == {
        name: vector[name] for name in ("boot", "seq", "oldest")
    }
    assert (frame.start_ms, frame.period_s) == (vector["start"], vector["period"])
    assert frame.spelled_out() == vector["channels"]


def test_the_vectors_hold_every_reason_that_a_payload_alone_can_have() -> None:
    of_more_than_the_payload = {
        Refusal.BAD_TOPIC,
        Refusal.UNKNOWN_DEVICE,
        Refusal.DEVICE_REVOKED,
        Refusal.NOT_ASSIGNED,
        Refusal.WRONG_SHARD,
        Refusal.PAUSED,
        Refusal.SWITCHED_OFF,
        Refusal.EPOCH_CONFLICT,
        Refusal.COULD_NOT_BE_STORED,
    }
    held = {Refusal(one["reason"]) for one in VECTORS if not one["valid"]}
    assert held == set(Refusal) - of_more_than_the_payload


@given(st.binary(max_size=400))
@example(b"")
@example(b"\xef\xbb\xbf{}")
@example(b"\x00" * LARGEST_FRAME_BYTES)
@example(b"\xff" * (LARGEST_FRAME_BYTES + 1))
@example(b"[" * LARGEST_FRAME_BYTES)
@example(b'{"a":' * 3_000)
@example(b'"' + b"\\u0000" * 2_000 + b'"')
def test_any_bytes_give_a_frame_or_a_refusal(payload: bytes) -> None:
    check(decode(payload))


@given(st.text(max_size=300))
def test_any_text_gives_a_frame_or_a_refusal(text: str) -> None:
    check(decode(text.encode("utf-8", "surrogatepass")))


NUMBERS = st.one_of(
    st.integers(-3, 450),
    st.integers(-(10**400), 10**400),
    st.sampled_from([2**31 - 1, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, EARLIEST_MS]),
    st.floats(),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8))
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["boot", "seq", "oldest", "start", "period", *CHANNEL_NAMES, "location"])
PAIRS = st.tuples(
    KEYS | st.text(max_size=6),
    st.one_of(
        ANYTHING,
        st.lists(st.one_of(st.none(), NUMBERS), max_size=6),
        st.lists(st.integers(60, 70), min_size=1, max_size=3),
        st.just(1_762_000_000_000),
    ),
)


@given(st.lists(PAIRS, max_size=6), st.booleans(), st.integers(0, 40))
def test_anything_near_a_frame_gives_a_frame_or_a_refusal(
    pairs: list[tuple[str, object]], with_head: bool, cut: int
) -> None:
    parts = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs]
    text = "{" + ",".join([HEAD] * with_head + parts) + "}"
    check(decode(text.encode()))
    check(decode(text.encode()[: len(text) - cut]))


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_frame_with_one_byte_changed_gives_a_frame_or_a_refusal(place: int, byte: int) -> None:
    whole = bytearray(
        b'{"boot":7,"seq":123,"oldest":118,"start":1762000000000,"period":60,'
        b'"heart_rate":[72.5,null,-0.0e1],"steps":[0,12,4],"worn":[1,1,0]}'
    )
    whole[place % len(whole)] = byte
    check(decode(bytes(whole)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('"steps":[NaN]', Refusal.NOT_FINITE),
        ('"steps":[1e999]', Refusal.NOT_FINITE),
        ('"steps":[1' + "0" * 400 + "]", Refusal.NOT_FINITE),
        ('"steps":[nan]', Refusal.BAD_JSON),
        ('"\\ud800":[1]', Refusal.BAD_JSON),
        ('"boot\\u0000":[1]', Refusal.UNKNOWN_CHANNEL),
        ('"steps":[true]', Refusal.WRONG_TYPE),
        ('"steps":[[1]]', Refusal.WRONG_TYPE),
        ('"oldest":0.0,"steps":[1]', Refusal.WRONG_TYPE),
        ('"steps":' + "[" * 500 + "]" * 500, Refusal.BAD_JSON),
    ],
)
def test_what_is_nearly_a_frame_is_refused_for_what_is_wrong_with_it(
    text: str, reason: Refusal
) -> None:
    answer = decode(f"{{{HEAD},{text}}}".encode())
    assert isinstance(answer, Refused)
    assert answer.reason is reason
    assert (answer.boot, answer.seq) == (7, 1)


def test_a_refusal_does_not_repeat_the_values_of_a_person() -> None:
    for text in ('"steps":[4321]', '"heart_rate":[4321]', '"heart_rate":["4321"]'):
        answer = decode(f"{{{HEAD},{text}}}".encode())
        assert isinstance(answer, Refused)
        assert "4321" not in answer.detail


def test_a_number_deep_in_a_broken_frame_is_not_taken_for_its_own() -> None:
    far = b'{"x":"' + b"." * 300 + b'","boot":5,"seq":6}'
    for broken in (far[:-1], b'{"x":{"boot":5,"seq":6}}', b'[{"boot":5,"seq":6}]'):
        answer = decode(broken)
        assert isinstance(answer, Refused)
        assert answer.boot is None


def test_the_keys_of_a_refused_frame_may_stand_anywhere_in_it() -> None:
    answer = decode(
        b'{"heart_rate":[' + b"900," * 300 + b'900],"boot":5,"seq":6,"period":60,"start":0}'
    )
    assert isinstance(answer, Refused)
    assert (answer.boot, answer.seq) == (5, 6)


@pytest.mark.parametrize(
    "topic",
    [
        "tidewell/v1/64/band-1/frame",
        "tidewell/v1/07/band-1/frame",
        "tidewell/v1/1٣/band-1/frame",
        "tidewell/v1/-1/band-1/frame",
        "tidewell/v1/7/-band/frame",
        "tidewell/v1/7/Band/frame",
        f"tidewell/v1/7/{'b' * 64}/frame",
        "tidewell/v1/7/band-1/frame\n",
        "tidewell/v1/7/band-1/status",
        "tidewell/v1/7/band/1/frame",
        "",
    ],
)
def test_a_topic_of_another_shape_is_nobodys(topic: str) -> None:
    assert parse_topic(topic) is None


@given(st.integers(0, 63), st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True))
def test_a_topic_of_the_wire_format_is_read(shard: int, device: str) -> None:
    topic = f"tidewell/v1/{shard}/{device}/frame"
    assert parse_topic(topic) == Address(shard, device)


@given(st.text(max_size=80))
def test_any_topic_is_read_or_nobodys(topic: str) -> None:
    address = parse_topic(topic)
    assert address is None or 0 <= address.shard <= 63


@st.composite
def arrays_of_values(draw: st.DrawFn) -> NDArray[np.float32]:
    """Any float32 within the ranges, NaN in any place."""
    epochs = draw(st.integers(1, 12))
    columns = [
        st.lists(
            st.just(math.nan) | st.floats(channel.low, channel.high, width=32),
            min_size=epochs,
            max_size=epochs,
        )
        for channel in CHANNELS
    ]
    return np.array([draw(column) for column in columns], np.float32).T.copy()


@given(
    arrays_of_values(),
    st.integers(0, HIGHEST_BOOT),
    st.integers(0, HIGHEST_SEQ),
    st.integers(1, 3_600),
    st.booleans(),
)
def test_what_a_device_encodes_comes_out_of_ingest_bit_for_bit(
    values: NDArray[np.float32], boot: int, seq: int, period_s: int, says_oldest: bool
) -> None:
    body = encode_body(1_762_000_000_000, period_s, values)
    if body is None:
        assert np.isnan(values).all()
        return
    assert fits(body)
    frame = decode(encode_frame(boot, seq, seq if says_oldest else None, body))
    assert isinstance(frame, Frame), frame
    assert (frame.boot, frame.seq, frame.period_s) == (boot, seq, period_s)
    assert frame.oldest == (seq if says_oldest else None)
    rows = assemble([Admitted(frame, 1, (5,) * frame.epochs, 0)], 1_762_000_000_000)
    assert rows.values.dtype == np.float32
    there = ~np.isnan(values)
    assert np.array_equal(there, ~np.isnan(rows.values))
    assert rows.values[there].tobytes() == values[there].tobytes()
