"""The encoder against the vectors of the wire format, and its own limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_sim.encoder import (
    BOOT_MAX,
    FRAME_BYTES_MAX,
    HEAD_BYTES_MAX,
    NUMBER_MAX,
    Ack,
    Config,
    TopicKind,
    decode_ack,
    decode_config,
    encode_body,
    encode_frame,
    encode_status,
    fits,
    topic,
)
from tidewell.vocabulary import CHANNEL_INDEX, CHANNEL_NAMES

VECTORS = Path(__file__).parents[1] / "vectors"
VALID_FRAMES = [
    frame for frame in json.loads((VECTORS / "frames.json").read_text()) if frame["valid"]
]
ACKS = json.loads((VECTORS / "acks.json").read_text())


def named(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[v["name"] for v in vectors])


def values_of(channels: dict[str, list[float | None]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    epochs = len(next(iter(channels.values())))
    values = np.full((epochs, len(CHANNEL_NAMES)), np.nan, dtype=np.float32)
    for name, column in channels.items():
        values[:, CHANNEL_INDEX[name]] = [np.nan if value is None else value for value in column]
    return values


@named(VALID_FRAMES)
def test_the_encoder_says_what_the_vector_says(vector: dict[str, Any]) -> None:
    body = encode_body(vector["start"], vector["period"], values_of(vector["channels"]))
    assert body is not None
    frame = json.loads(encode_frame(vector["boot"], vector["seq"], vector["oldest"], body))
    expected = {key: vector[key] for key in ("boot", "seq", "oldest", "start", "period")}
    expected |= vector["channels"]
    expected = {
        key: value
        for key, value in expected.items()
        if value is not None and not (isinstance(value, list) and set(value) == {None})
    }
    assert frame == expected


@named(ACKS)
def test_a_device_reads_every_answer_and_ignores_what_is_none(vector: dict[str, Any]) -> None:
    ack = decode_ack(vector["payload"].encode())
    if not vector["valid"]:
        assert ack is None
        return
    missing = tuple((first, last) for first, last in vector["missing"])
    assert ack == Ack(vector["boot"], vector["upto"], missing, vector["time"])


def test_values_leave_as_the_shortest_text_of_single_precision() -> None:
    body = encode_body(0, 60, values_of({"heart_rate": [72.1, 0.1 + 60], "eda": [0.3, None]}))
    assert body == b'"start":0,"period":60,"heart_rate":[72.1,60.1],"eda":[0.3,null]}'


def test_a_frame_without_any_value_is_not_made() -> None:
    assert encode_body(0, 60, values_of({"heart_rate": [None, None]})) is None


@pytest.mark.parametrize("epochs", [0, 1_441])
def test_a_frame_of_no_epoch_or_too_many_is_a_mistake_of_ours(epochs: int) -> None:
    values = np.ones((epochs, len(CHANNEL_NAMES)), dtype=np.float32)
    with pytest.raises(ValueError, match="1 to 1440 epochs"):
        encode_body(0, 60, values)


def test_an_infinite_value_is_never_passed_off_as_missing() -> None:
    with pytest.raises(ValueError, match="infinite"):
        encode_body(0, 60, values_of({"heart_rate": [float("inf")]}))


def test_the_longest_head_fits_in_what_the_body_keeps_free() -> None:
    head = encode_frame(BOOT_MAX, NUMBER_MAX, NUMBER_MAX, b"")
    assert len(head) <= HEAD_BYTES_MAX
    assert fits(b"x" * (FRAME_BYTES_MAX - HEAD_BYTES_MAX))
    assert not fits(b"x" * (FRAME_BYTES_MAX - HEAD_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("boot", "seq", "oldest"),
    [(-1, 0, None), (BOOT_MAX + 1, 0, None), (0, -1, None), (0, 3, 4), (0, NUMBER_MAX + 1, None)],
)
def test_a_head_out_of_range_is_a_mistake_of_ours(boot: int, seq: int, oldest: int | None) -> None:
    with pytest.raises(ValueError, match=r"range|oldest"):
        encode_frame(boot, seq, oldest, b"}")


def test_a_topic_names_the_shard_and_the_device() -> None:
    assert topic(63, "band-7", TopicKind.ACK) == "tidewell/v1/63/band-7/ack"


@pytest.mark.parametrize(
    ("shard", "name"), [(64, "a"), (-1, "a"), (0, ""), (0, "A"), (0, "a/b"), (0, "#"), (0, "-a")]
)
def test_a_topic_that_could_reach_another_device_is_refused(shard: int, name: str) -> None:
    with pytest.raises(ValueError, match="no topic"):
        topic(shard, name, TopicKind.FRAME)


def test_a_status_has_the_five_keys_of_the_wire_format() -> None:
    payload = encode_status(online=False, time_ms=5, battery_percent=81, firmware="f", boot=7)
    assert json.loads(payload) == {
        "online": False,
        "time": 5,
        "battery": 81,
        "firmware": "f",
        "boot": 7,
    }


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b'{"period":0}', b'{"channels":["glucose"]}', b" " * 4_097]
)
def test_a_config_that_makes_no_sense_is_ignored(payload: bytes) -> None:
    assert decode_config(payload) is None


def test_a_config_says_what_to_measure_and_until_when_to_pause() -> None:
    config = decode_config(b'{"period":60,"channels":["steps"],"paused_until":9}')
    assert config is not None
    assert config == Config(60, frozenset({"steps"}), 9)
