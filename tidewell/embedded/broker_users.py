"""Who may sign in at the broker of a small site, and what they may say and hear there.

The text that `nats-server` includes in its configuration is made here; nothing here writes it. A
device reaches its own four topics and no others, under the name that it signs in with. It must
never hold the secret of a device: only what the broker compares it with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

SERVICE: Final = "service"
FLEET: Final = "fleet_"
"""The underscore keeps it apart from every device: their names have none."""

MQTT_NEEDS: Final = ("$MQTT.sub.>", "$MQTT.deliver.pubrel.>")
"""What NATS itself subscribes for an MQTT session, with the rights of its user."""

SIGN_IN_WITHIN_S: Final = 5
"""A connection that says nothing for this long is closed. Two seconds, the default, are short for a
device on a weak network that also agrees on a key first."""


def users_text(passwords: Mapping[str, str], devices: Mapping[str, str]) -> str:
    """Return the part of the configuration about users.

    Args:
        passwords: of the service, and of the fleet where there is one.
        devices: what to compare the secret of each device with, by the name of the device.

    Example:
        >>> users_text({"service": "secret"}, {}).count('"user"')
        1
    """
    users = [_user(SERVICE, passwords[SERVICE], ["tidewell.>"], ["tidewell.>"])]
    if FLEET in passwords:
        users.append(_device(FLEET, passwords[FLEET], "*"))
    users += [_device(name, verifier, name) for name, verifier in sorted(devices.items())]
    lines = ",\n  ".join(json.dumps(user) for user in users)
    return f'"timeout": {SIGN_IN_WITHIN_S}\n"users": [\n  {lines}\n]\n'


def _device(user: str, password: str, whose: str) -> dict[str, Any]:
    up = [f"tidewell.v1.*.{whose}.{kind}" for kind in ("frame", "status")]
    down = [f"tidewell.v1.*.{whose}.{kind}" for kind in ("ack", "config")]
    return _user(user, password, up, down)


def _user(name: str, password: str, says: list[str], hears: list[str]) -> dict[str, Any]:
    return {
        "user": name,
        "password": password,
        "permissions": {
            "publish": {"allow": says},
            "subscribe": {"allow": [*hears, *MQTT_NEEDS]},
        },
        "allowed_connection_types": ["MQTT"],
    }
