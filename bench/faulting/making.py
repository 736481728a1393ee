"""What a ledger device sends: readings that anybody can check, one long crossing, and poison.

Pure: times and chance are arguments. Values are multiples of a quarter, which a float32 holds
exactly, so that what is stored can be compared with what was sent to the last bit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from bench.faulting.ledger import CHANNELS, READINGS, Epoch, LedgerFrame, content_hash

if TYPE_CHECKING:
    from random import Random

PERIOD_S: Final = 1
"""The shortest that the wire format has: a run of seconds then holds minutes of readings."""
SECOND_MS: Final = 1_000
LIMIT_BPM: Final = 110.0
"""The limit in the plan of every person of a run; a usual reading stays well below."""
LIMIT_MINUTES: Final = 1
CROSSING_S: Final = 75
"""Longer than the limit asks for, so that one reading that is not believed does not matter."""
USUAL_BPM: Final = 72.0
CROSSING_BPM: Final = 120.0
"""Less than a jump from the usual that the quality gate would not believe."""
TOO_LARGE_BYTES: Final = 20_000
"""Above what ingest takes, below what the broker refuses."""
NESTED: Final = 5_000
HOUR_MS: Final = 3_600_000

POISONS: Final = (
    "bad_json",
    "too_large",
    "deep_nesting",
    "out_of_range",
    "from_the_future",
    "unknown_channel",
    "not_finite",
)


@dataclass(frozen=True, slots=True)
class Life:
    """What one device measures in a run: from when, and where its crossing begins, if any."""

    device: str
    shard: int
    first_ms: int
    crossing_ms: int | None


@dataclass(frozen=True, slots=True)
class Made:
    """A frame, and what its device writes down about it."""

    entry: LedgerFrame
    payload: bytes


def epochs_of(life: Life, start_ms: int, count: int) -> list[Epoch]:
    """Return what the person of this device lives through in these seconds."""
    return [_epoch(life, start_ms + number * SECOND_MS) for number in range(count)]


def _epoch(life: Life, time_ms: int) -> Epoch:
    second = time_ms // SECOND_MS
    crosses = life.crossing_ms is not None and (
        life.crossing_ms <= time_ms < life.crossing_ms + CROSSING_S * SECOND_MS
    )
    base = CROSSING_BPM if crosses else USUAL_BPM
    # No two neighbours alike: a flat line would be taken for a broken sensor.
    return (time_ms, base + second % 7 * 0.25, 33.0 + second % 5 * 0.25, float(second % 2))


def make_frame(life: Life, boot: int, seq: int, start_ms: int, count: int) -> Made:
    """Return a good frame of `count` seconds."""
    epochs = epochs_of(life, start_ms, count)
    body = _body(boot, seq, start_ms, epochs)
    beyond = sum(epoch[1] > LIMIT_BPM for epoch in epochs) * PERIOD_S
    return _made(life.device, boot, seq, READINGS, orjson.dumps(body), epochs, beyond)


def make_poison(life: Life, boot: int, seq: int, start_ms: int, kind: str) -> Made:
    """Return a frame that has to be refused, and whose number can be read all the same."""
    body = _body(boot, seq, start_ms, epochs_of(life, start_ms, 1))
    payload = _poisoned(body, kind)
    return _made(life.device, boot, seq, kind, payload, [], 0)


def make_garbage(rng: Random) -> bytes:
    """Return bytes that are no frame of anybody."""
    return rng.choice(
        (b"", b"\x00" * 64, b"[" * NESTED, b"null", b'"', rng.randbytes(rng.randint(1, 4_000)))
    )


def _body(boot: int, seq: int, start_ms: int, epochs: list[Epoch]) -> dict[str, object]:
    columns = {name: [epoch[place + 1] for epoch in epochs] for place, name in enumerate(CHANNELS)}
    return {"boot": boot, "seq": seq, "start": start_ms, "period": PERIOD_S, **columns}


def _poisoned(body: dict[str, object], kind: str) -> bytes:
    match kind:
        case "bad_json":
            return orjson.dumps(body)[:-1]
        case "too_large":
            return orjson.dumps(body) + b" " * TOO_LARGE_BYTES
        case "deep_nesting":
            return orjson.dumps(body)[:-1] + b',"eda":' + b"[" * NESTED + b"]" * NESTED + b"}"
        case "out_of_range":
            return orjson.dumps({**body, "heart_rate": [900]})
        case "from_the_future":
            return orjson.dumps({**body, "start": int(str(body["start"])) + 24 * HOUR_MS})
        case "unknown_channel":
            return orjson.dumps({**body, "location": [51.5]})
        case "not_finite":
            return orjson.dumps({**body, "heart_rate": ["?"]}).replace(b'"?"', b"NaN")
        case _:
            raise ValueError(f"no poison is called {kind}")


def _made(
    device: str, boot: int, seq: int, kind: str, payload: bytes, epochs: list[Epoch], beyond_s: int
) -> Made:
    digest = hashlib.sha256(payload).hexdigest()
    entry = LedgerFrame(
        device, boot, seq, kind, digest, content_hash(epochs), len(epochs), beyond_s
    )
    return Made(entry, payload)
