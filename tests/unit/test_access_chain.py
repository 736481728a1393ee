"""The chain of the access log: whatever somebody does to it is found, and where."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewell.access_chain import NO_HEAD, Entry, Head, Seal, follow, head_from, seal_of
from tidewell.errors import UsageError


def chain(length: int) -> list[Seal]:
    """Return a chain whose entries all differ; their numbers leave gaps, as sequences do."""
    seals, before = [], b""
    for number in range(1, length + 1):
        entry = Entry(1_000_000 * number, number % 3, None if number % 4 == 0 else number, "list")
        before = seal_of(before, 7 * number, entry)
        seals.append(Seal(number, 7 * number, before, entry))
    return seals


def test_a_chain_that_nobody_touched_holds_and_its_head_is_its_last_seal() -> None:
    seals = chain(9)
    followed = follow(seals)
    assert followed.problem == ""
    assert followed.head == Head(9, seals[-1].hash)
    assert follow([]).head == NO_HEAD


@given(st.integers(1, 12), st.data())
def test_the_first_entry_that_was_changed_is_named(length: int, data: st.DataObject) -> None:
    seals = chain(length)
    which = data.draw(st.integers(0, length - 1))
    entry = seals[which].entry
    assert entry is not None
    change: dict[str, Any] = data.draw(
        st.sampled_from([{"at_us": 1}, {"person_id": 99}, {"staff_id": 99}, {"looked_at": "alert"}])
    )
    seals[which] = replace(seals[which], entry=replace(entry, **change))
    followed = follow(seals)
    assert followed.problem == (f"entry {7 * (which + 1)} is not what seal {which + 1} was set on")
    assert followed.head.number == which


@given(st.integers(2, 12), st.data())
def test_two_entries_that_changed_places_are_found(length: int, data: st.DataObject) -> None:
    seals = chain(length)
    first = data.draw(st.integers(0, length - 2))
    second = data.draw(st.integers(first + 1, length - 1))
    one, other = seals[first], seals[second]
    seals[first] = replace(one, entry=other.entry)
    seals[second] = replace(other, entry=one.entry)
    assert follow(seals).head.number == first


def test_an_entry_that_was_taken_out_is_named_with_or_without_its_seal() -> None:
    seals = chain(5)
    without = [*seals[:2], replace(seals[2], entry=None), *seals[3:]]
    assert follow(without).problem == "entry 21 of seal 3 is gone"
    assert follow([*seals[:2], *seals[3:]]).problem == "seal 3 is gone"


def test_an_entry_that_was_put_in_between_breaks_the_seals_after_it() -> None:
    seals = chain(4)
    entry = Entry(5, 5, 5, "list")
    put_in = Seal(3, 99, seal_of(seals[1].hash, 99, entry), entry)
    moved = [replace(seal, number=seal.number + 1) for seal in seals[2:]]
    followed = follow([*seals[:2], put_in, *moved])
    assert followed.head.number == 3
    assert followed.problem == "entry 21 is not what seal 4 was set on"


def change_entry(content: str | None, *, may_be_gone: bool = False) -> list[Seal]:
    """Return a chain of one entry about a change by an administrator."""
    kept = hashlib.sha256(b"change|1|0|4|key_worker_changed|7|2|from today").digest()
    entry = Entry(5, 7, 4, "changed_workers", kept, content, may_be_gone)
    return [Seal(1, 9, seal_of(b"", 9, entry), entry)]


def test_what_was_changed_is_compared_with_the_hash_that_was_sealed() -> None:
    said = "change|1|0|4|key_worker_changed|7|2|from today"
    assert follow(change_entry(said)).problem == ""
    other = follow(change_entry(said.replace("|2|", "|3|")))
    assert (other.problem, other.head) == ("what entry 9 is about was changed", NO_HEAD)
    assert follow(change_entry(None)).problem == "what entry 9 is about is gone"
    assert follow(change_entry(None, may_be_gone=True)).problem == "", "erased with its person"
    assert follow(change_entry(said + "!", may_be_gone=True)).problem != ""


def test_the_hash_of_what_was_changed_is_part_of_the_seal() -> None:
    [seal] = change_entry(None, may_be_gone=True)
    assert seal.entry is not None
    for changed in (
        replace(seal.entry, content_hash=bytes(32)),
        replace(seal.entry, content_hash=None),
    ):
        assert (
            follow([replace(seal, entry=changed)]).problem
            == "entry 9 is not what seal 1 was set on"
        )


def test_an_entry_about_nobody_has_its_own_sign() -> None:
    nobody = Entry(5, None, 4, "changed", bytes(32), "x")
    assert seal_of(b"", 9, nobody) == hashlib.sha256(b"9|5|-|4|changed|" + b"00" * 32).digest()


def test_a_head_that_was_kept_shows_a_chain_that_was_cut_off_or_written_anew() -> None:
    seals = chain(6)
    kept = Head(5, seals[4].hash)
    assert follow(seals, kept).problem == ""
    assert follow(seals[:4], kept).problem == "it ends at seal 4, before 5 that was kept"
    assert follow(seals[:4]).problem == "", "without a head nobody can know"
    anew = chain(6)
    entry = Entry(1, 1, 1, "list")
    before = b""
    for place, seal in enumerate(anew):
        before = seal_of(before, seal.access_id, entry)
        anew[place] = Seal(seal.number, seal.access_id, before, entry)
    assert follow(anew).problem == ""
    assert follow(anew, kept).problem == "seal 5 is not the one that was kept"


def test_a_head_reads_as_it_was_printed() -> None:
    kept = Head(12, bytes(range(32)))
    assert head_from(f" {kept}\n") == kept
    for wrong in ("12", "12:abc", f"x:{'0' * 64}", f"1:{'0' * 65}"):
        with pytest.raises(UsageError, match="is not a head"):
            head_from(wrong)
