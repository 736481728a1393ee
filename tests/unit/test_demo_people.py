"""Who is in the demo: everybody that its welcome names can do what it says."""

from __future__ import annotations

from tidewell.demo_people import DEMO_SIGN_INS


def test_whoever_is_called_a_service_manager_may_do_what_one_does() -> None:
    called = {one.username for one in DEMO_SIGN_INS if one.who.startswith("Service manager")}
    assert called == {one.username for one in DEMO_SIGN_INS if one.is_service_manager} != set()
