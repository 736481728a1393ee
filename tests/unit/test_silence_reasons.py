"""Why it is quiet: the reason of a silence, what devices say of themselves, and our own outages."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.encoder import encode_status
from ingest.admit import FOREVER_MS, Device, Person, Registry, Span, Wearing, silence_counts_from
from ingest.silence.classify import BATTERY_LOW_PERCENT, SilenceFacts, classify, settle
from ingest.silence.never_heard import closed, due_ms, opened, to_close
from ingest.silence.outages import (
    OUTAGE_FROM_MS,
    QUIET_AFTER_MS,
    QUIET_DEVICES_LEAST,
    Ears,
    Hearing,
    Missed,
    quiet_from_ms,
)
from ingest.silence.reasons import OutageReason, SilenceReason, StatusVerdict
from ingest.silence.statuses import LARGEST_STATUS_BYTES, DeviceWord, StatusBook, later_battery

TOPIC = "tidewell/v1/7/band-1/status"
NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (SilenceFacts(is_paused=True, battery_percent=1), SilenceReason.PAUSED),
        (SilenceFacts(is_revoked=True, is_assigned=False), SilenceReason.DEVICE_REVOKED),
        (SilenceFacts(is_assigned=False, battery_percent=1), SilenceReason.NOT_ASSIGNED),
        (SilenceFacts(battery_percent=10, said_offline=True), SilenceReason.FLAT_BATTERY),
        (SilenceFacts(fell_with_us=True, said_offline=True), SilenceReason.OUR_OUTAGE),
        (SilenceFacts(was_ever_heard=False), SilenceReason.NEVER_HEARD),
        (SilenceFacts(last_worn=False, said_offline=True), SilenceReason.NOT_WORN),
        (SilenceFacts(still_comes=True, battery_percent=5), SilenceReason.NOT_WORN),
        (SilenceFacts(said_offline=True, battery_percent=11), SilenceReason.NO_NETWORK),
        (SilenceFacts(last_worn=True, battery_percent=80), SilenceReason.UNKNOWN),
    ],
)
def test_a_silence_gets_the_first_reason_that_holds(
    facts: SilenceFacts, reason: SilenceReason
) -> None:
    assert classify(facts) is reason


def test_every_reason_can_be_reached() -> None:
    flags = ("is_paused", "is_revoked", "still_comes", "fell_with_us", "said_offline")
    reached = {classify(SilenceFacts(**{name: True})) for name in flags}
    reached |= {
        classify(SilenceFacts(**{name: False}))
        for name in ("is_assigned", "was_ever_heard", "last_worn")
    }
    reached |= {classify(SilenceFacts(battery_percent=percent)) for percent in (0, 100)}
    assert reached == set(SilenceReason)


@pytest.mark.parametrize(
    ("first", "recorded", "off", "reason"),
    [
        (SilenceReason.UNKNOWN, 150, 0, SilenceReason.NO_NETWORK),
        (SilenceReason.FLAT_BATTERY, 290, 0, SilenceReason.NO_NETWORK),
        (SilenceReason.UNKNOWN, 149, 0, SilenceReason.UNKNOWN),
        (SilenceReason.FLAT_BATTERY, 20, 0, SilenceReason.FLAT_BATTERY),
        (SilenceReason.NO_NETWORK, 0, 0, SilenceReason.NO_NETWORK),
        (SilenceReason.NO_NETWORK, 100, 150, SilenceReason.NOT_WORN),
        (SilenceReason.OUR_OUTAGE, 300, 0, SilenceReason.OUR_OUTAGE),
        (SilenceReason.PAUSED, 300, 0, SilenceReason.PAUSED),
    ],
)
def test_what_a_device_recorded_meanwhile_has_the_last_word(
    first: SilenceReason, recorded: int, off: int, reason: SilenceReason
) -> None:
    assert settle(first, 300, recorded, off) is reason
    assert settle(first, 0, recorded, off) is first


# -- what devices say of themselves


def status(**changes: object) -> bytes:
    said = {"online": True, "time": NOW_MS - 5_000, "battery": 62, "firmware": "1.0", "boot": 7}
    return orjson.dumps({**said, **changes})


def test_a_status_of_our_own_firmware_is_taken() -> None:
    book = StatusBook()
    said = encode_status(
        online=False, time_ms=NOW_MS - 1, battery_percent=9, firmware="tidewell-sim", boot=3
    )
    assert book.hear(TOPIC, said, NOW_MS) is StatusVerdict.TAKEN
    word = DeviceWord(False, NOW_MS - 1, NOW_MS, 9, "tidewell-sim", 3)
    assert book.take() == {"band-1": word}
    assert book.take() == {}


def test_a_last_will_does_not_fill_a_battery_again() -> None:
    book = StatusBook()
    book.hear(TOPIC, status(battery=8), NOW_MS)
    book.hear(TOPIC, status(online=False, battery=95, time=NOW_MS - 9_000_000), NOW_MS + 1)
    word = book.take()["band-1"]
    assert (word.online, word.battery_percent, word.told_ms) == (False, 8, NOW_MS - 5_000)


def test_a_device_with_a_fast_clock_cannot_speak_for_tomorrow() -> None:
    book = StatusBook()
    book.hear(TOPIC, status(time=NOW_MS + 86_400_000, battery=90), NOW_MS)
    book.hear(TOPIC, status(time=NOW_MS + 60_000, battery=12), NOW_MS + 60_000)
    assert book.take()["band-1"].battery_percent == 12


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPIC, b""),
        (TOPIC, b"[]"),
        (TOPIC, status(battery=101)),
        (TOPIC, status(battery="62")),
        (TOPIC, status(online=1)),
        (TOPIC, status(firmware="x" * 65)),
        (TOPIC, status(filler="x" * LARGEST_STATUS_BYTES)),
        ("tidewell/v1/7/Band 1/status", status()),
        ("tidewell/v1/7/band-1/frame", status()),
    ],
)
def test_what_is_no_status_is_left(topic: str, payload: bytes) -> None:
    book = StatusBook()
    assert book.hear(topic, payload, NOW_MS) is StatusVerdict.UNREADABLE
    assert book.take() == {}


@given(st.binary(max_size=200))
def test_no_bytes_can_upset_the_book(payload: bytes) -> None:
    assert StatusBook().hear(TOPIC, payload, NOW_MS) in StatusVerdict


def test_words_are_bounded_and_known_devices_still_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.silence.statuses.MOST_DEVICES", 1)
    book = StatusBook()
    assert book.hear(TOPIC, status(), NOW_MS) is StatusVerdict.TAKEN
    assert book.hear(TOPIC.replace("-1", "-2"), status(), NOW_MS) is StatusVerdict.TOO_MANY
    assert book.hear(TOPIC, status(battery=1), NOW_MS) is StatusVerdict.TAKEN


def test_words_that_could_not_be_stored_yield_to_newer_ones() -> None:
    book = StatusBook()
    book.hear(TOPIC, status(battery=50), NOW_MS)
    held = book.take()
    book.hear(TOPIC, status(battery=49), NOW_MS)
    book.put_back({**held, "band-2": held["band-1"]})
    assert {name: word.battery_percent for name, word in book.take().items()} == {
        "band-1": 49,
        "band-2": 50,
    }
    assert later_battery(held["band-1"], held["band-1"]) == held["band-1"]


# -- people of whom nothing ever came


def registry(*wearings: Wearing, pauses: tuple[Span, ...] = ()) -> Registry:
    devices = {
        f"band-{place}": Device(place, revoked=False, wearings=(one,))
        for place, one in enumerate(wearings)
    }
    return Registry(devices, {1: Person(1, 0, "UTC", pauses)})


def test_a_silence_counts_from_when_the_device_was_handed_out() -> None:
    known = registry(Wearing(5_000, FOREVER_MS, 1))
    assert silence_counts_from(known, 4_000) == {1: FOREVER_MS}
    assert silence_counts_from(known, 6_000) == {1: 5_000}


def test_a_second_device_does_not_begin_the_count_anew() -> None:
    known = registry(Wearing(5_000, FOREVER_MS, 1), Wearing(8_000, FOREVER_MS, 1))
    assert silence_counts_from(known, 9_000) == {1: 5_000}


def test_a_device_that_owns_its_past_is_expected_only_since_it_was_enrolled() -> None:
    device = Device(1, revoked=False, wearings=(Wearing(0, FOREVER_MS, 1),), enrolled_ms=7_000)
    known = Registry({"band-1": device}, {1: Person(1, 0, "UTC")})
    assert silence_counts_from(known, 9_000) == {1: 7_000}


def test_somebody_of_whom_nothing_came_is_due_at_the_deadline_and_not_before() -> None:
    counted = {1: 5_000, 2: FOREVER_MS}
    assert due_ms(counted, 9_000, 4_000) == {}
    assert due_ms(counted, 9_001, 4_000) == {1: 9_000}


def test_an_episode_of_nothing_ends_when_something_comes_or_nothing_is_expected() -> None:
    assert to_close({1, 2, 3}, due={1, 2}, heard={2}) == {2, 3}
    why = {"limit": None}
    begun, ended = opened(1, 9_000, why), closed(1, 9_000, 9_500, why)
    assert (begun.family, begun.strand, begun.level) == ("device", "never_heard", "for_review")
    assert (begun.closes, ended.closes) == (False, True)
    assert begun.opened_at == ended.opened_at < ended.at
    assert closed(1, 9_000, 8_000, why).at == begun.opened_at


# -- our own outages


def looks(*steps: tuple[int, Hearing]) -> list[Missed | None]:
    """Return what each look finds; a look that hears writes down until when it heard."""
    ears, heard_until, found = Ears(), {0: 0, 1: 0}, []
    for at_ms, hearing in steps:
        found.append(ears.missed(dict(heard_until), hearing, at_ms))
        if hearing.is_heard:
            heard_until = dict.fromkeys(heard_until, at_ms)
    return found


HEARD = Hearing(is_heard=True, connection=1)


def test_a_worker_that_hears_has_no_outage_however_late_it_looks() -> None:
    assert looks((1, HEARD), (5_000, HEARD), (900_000, HEARD)) == [None, None, None]


def test_a_broker_that_is_away_is_one_outage_from_when_it_was_heard_last() -> None:
    away = Hearing(is_heard=False, connection=0)
    back = Hearing(is_heard=True, connection=2)
    reason = OutageReason.BROKER_AWAY
    assert looks((1, HEARD), (5_000, HEARD), (10_000, away), (20_000, away), (25_000, back)) == [
        None,
        None,
        None,
        Missed((0, 1), 5_000, reason, is_over=False),
        Missed((0, 1), 5_000, reason, is_over=True),
    ]


def test_a_short_interruption_is_no_outage() -> None:
    back = Hearing(is_heard=True, connection=2)
    assert looks((1, HEARD), (5_000 + OUTAGE_FROM_MS - 5_001, back))[-1] is None


def test_a_connection_that_was_lost_and_came_back_between_two_looks_is_an_outage() -> None:
    back = Hearing(is_heard=True, connection=2, trouble=OutageReason.DATABASE_AWAY)
    found = looks((1, HEARD), (60_000, back))[-1]
    assert found == Missed((0, 1), 1, OutageReason.DATABASE_AWAY, is_over=True)


def test_a_start_after_a_night_knows_that_it_was_not_running() -> None:
    found = looks((80_000_000, HEARD))
    assert found == [Missed((0, 1), 0, OutageReason.NOT_RUNNING, is_over=True)]


def test_a_shard_that_nobody_ever_heard_has_missed_nothing() -> None:
    assert Ears().missed({0: None}, HEARD, 10**12) is None


def test_a_shard_that_was_taken_over_was_not_heard_in_between() -> None:
    ears = Ears()
    ears.missed({0: 0}, HEARD, 1)
    found = ears.missed({0: 1, 1: 2_000}, HEARD, 40_000)
    assert found is not None
    assert found.shards == (1,)


def test_a_quiet_of_everybody_is_ours_and_one_of_a_few_is_not() -> None:
    late_ms = QUIET_AFTER_MS + 1_000
    many, few = QUIET_DEVICES_LEAST, QUIET_DEVICES_LEAST - 1
    last = Hearing(is_heard=True, connection=1, last_frame_ms=1_000)
    assert quiet_from_ms(last, many, late_ms, since_ms=0) == 1_000
    assert quiet_from_ms(last, few, late_ms, since_ms=0) is None
    assert quiet_from_ms(last, many, late_ms - 1, since_ms=0) is None
    assert quiet_from_ms(last, many, late_ms, since_ms=2_000) is None
    deaf = Hearing(is_heard=False, connection=0, last_frame_ms=1_000)
    assert quiet_from_ms(deaf, many, late_ms, since_ms=0) is None


def test_the_schema_has_the_same_reasons_and_the_same_low_battery() -> None:
    from importlib import resources

    text = resources.files("tidewell").joinpath("migrations/0012_silence.sql").read_text("utf-8")
    for reason in [*SilenceReason, *OutageReason]:
        assert f"'{reason.value}'" in text
    assert f"battery_percent <= {BATTERY_LOW_PERCENT} " in text
