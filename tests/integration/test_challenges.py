"""Who can use up the places for challenges on a real database: strangers only their own."""

from __future__ import annotations

import pytest

from portal.signing_in import passkeys
from portal.signing_in.passkeys import ChallengeFor, new_challenge
from tests.browser.virtual_site import write_site
from tests.integration.looking import NOW
from tidewell.database import Role, connect


async def test_strangers_who_take_every_place_keep_nobody_out_who_is_known(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(database_url, NOW)
    monkeypatch.setattr(passkeys, "CHALLENGES_MAX", 3)
    purpose = next(iter(ChallengeFor))
    async with await connect(database_url, Role.PORTAL, "test") as connection:
        known = [await new_challenge(connection, purpose, "jo", NOW) for _ in range(4)]
        strangers = [await new_challenge(connection, purpose, None, NOW) for _ in range(4)]
        assert [one is not None for one in strangers] == [True, True, True, False]
        assert None not in [*known, await new_challenge(connection, purpose, "jo", NOW)]
