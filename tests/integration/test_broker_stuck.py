"""A broker that says it stores nothing any more is found once; old words of it do not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidewell.embedded.nats import NatsServer

if TYPE_CHECKING:
    from pathlib import Path

LAST_WORDS = "[ERR] Filestore [$MQTT_msgs] Critical write error: no space left on device\n"


def test_a_broker_that_stores_no_more_is_stuck_until_it_is_started_again(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    server.start()
    try:
        assert not server.is_stuck()
        with server.log_path.open("a", encoding="utf-8") as log:
            log.write(LAST_WORDS)
        assert server.is_stuck()
        server.stop()
        assert not server.is_stuck()
        server.start()
        assert not server.is_stuck()
    finally:
        server.stop()
