"""Who wears which device: one person, one device at a time."""

from __future__ import annotations

import pytest

from tests.integration.pipeline import enrol, rows
from tidewell.clock import now_utc
from tidewell.database import Role, connect
from tidewell.device_credentials import revoke_device
from tidewell.enrolment import device_name_of, enrol_device
from tidewell.errors import UsageError

WORN = (
    "SELECT device.name FROM device JOIN device_assignment USING (device_id)"
    " WHERE device.revoked_at IS NULL ORDER BY device.name"
)


async def test_a_second_device_waits_until_the_first_is_revoked(database_url: str) -> None:
    await enrol(database_url, ["T-0", "T-1"])
    first = device_name_of("T-0")
    ((found,),) = await rows(database_url, "SELECT person_id FROM person WHERE label = 'T-0'")
    person = int(str(found))
    async with await connect(database_url, Role.ENROL, "tests") as connection:
        await enrol_device(connection, first, person, now_utc(), model="virtual")
        with pytest.raises(UsageError, match=f"`tidewell device revoke {first}` ends that one"):
            await enrol_device(connection, "band-new", person, now_utc(), model="unknown")
    worn = [name for (name,) in await rows(database_url, WORN)]
    assert worn == [first, device_name_of("T-1")], "nothing of the refused one stays"
    async with await connect(database_url, Role.ENROL, "tests") as connection:
        await revoke_device(connection, first, now_utc())
        await enrol_device(connection, "band-new", person, now_utc(), model="unknown")
    assert [name for (name,) in await rows(database_url, WORN)] == ["band-new", "band-t-1"]
