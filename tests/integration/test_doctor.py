"""`tidewell doctor` against a real database and a real broker."""

from __future__ import annotations

from datetime import timedelta

import psycopg

from tests.integration.pipeline import ingest_process, wait_until_ready
from tidewell.channel_examination import examine_channels
from tidewell.clock import now_utc
from tidewell.embedded.nats import NatsServer
from tidewell.examination import Addresses, Finding, Verdict, examine
from tidewell.settings import load_settings


async def findings(database_url: str, broker_url: str) -> list[Finding]:
    return await examine(load_settings({}), Addresses(database_url, broker_url, None, None))


def lines(found: list[Finding], verdict: Verdict) -> str:
    return "\n".join(one.line() for one in found if one.verdict is verdict)


async def test_a_site_at_work_is_told_from_one_that_stands_still(
    database_url: str, broker: NatsServer
) -> None:
    still = await findings(database_url, broker.service_url)
    assert "nobody hears the devices of 64 of 64 shards" in lines(still, Verdict.ACT)
    with ingest_process(database_url, broker):
        await wait_until_ready(database_url)
        at_work = await findings(database_url, broker.service_url)
    assert "all shards are heard; workers of ingest: 1" in lines(at_work, Verdict.WELL)
    assert "lets us in" in lines(at_work, Verdict.WELL)
    assert "the auditor of alerts never ran" in lines(at_work, Verdict.ACT)


async def test_what_is_missing_or_refused_is_counted(
    database_url: str, broker: NatsServer, owner: psycopg.AsyncConnection[tuple[object, ...]]
) -> None:
    now = now_utc()
    await owner.execute(
        "INSERT INTO frame_gap VALUES (1, 1, 5, 9, 'waiting', %s)", (now - timedelta(days=3),)
    )
    await owner.execute(
        "INSERT INTO dead_letter "
        "(received_at, topic, reason, detail, whole_frame, payload_bytes, payload_hash) "
        "VALUES (%s, 't', 'bad_json', 'd', true, 1, '')",
        (now,),
    )
    found = lines(await findings(database_url, broker.service_url), Verdict.LOOK)
    assert "no frame was ever committed" in found
    assert "5 frames of 1 devices have not come" in found
    assert "refused within a day: 1 bad_json" in found


async def test_servers_that_do_not_answer_are_two_lines() -> None:
    found = await findings("postgresql://u:x@127.0.0.1:1/t", "mqtt://127.0.0.1:1")
    acts = [one for one in found if one.verdict is Verdict.ACT]
    assert len([one for one in acts if "TIDEWELL_DATABASE_URL" in one.remedy]) == 1
    assert len([one for one in acts if "TIDEWELL_BROKER_URL" in one.remedy]) == 1


async def test_what_is_wrong_with_the_ways_to_people_is_said_without_an_address(
    database_url: str, owner: psycopg.AsyncConnection[tuple[object, ...]]
) -> None:
    await owner.execute(
        """
        INSERT INTO staff (role, display_name, created_at)
        VALUES ('practitioner', 'Jo Virtual', now()), ('practitioner', 'Pat Virtual', now());
        INSERT INTO sign_in (username, password_hash, staff_id, created_at)
        SELECT 'worker' || staff_id, '', staff_id, now() FROM staff;
        INSERT INTO contact_method (staff_id, channel, address, created_at)
        SELECT staff_id, 'sms', '+447700900123', now() FROM staff WHERE display_name LIKE 'Jo%';
        INSERT INTO dead_address VALUES ('sms', '+447700900123', now(), 'gone');
        """
    )
    found = await examine_channels(load_settings({}), database_url)
    said = lines(found, Verdict.LOOK)
    assert "dead addresses: sms of worker1" in said
    assert "2 practitioners have no address that works" in said
    assert "7700900" not in said


async def test_without_a_database_only_the_settings_are_looked_at() -> None:
    found = await examine_channels(load_settings({}), "postgresql://u:x@127.0.0.1:1/t")
    assert [one.verdict for one in found] == [Verdict.LOOK]
