"""The AsyncAPI 3.0 document of what devices and the service say to each other.

`python -m tests.wire.asyncapi > docs/asyncapi.json` writes it, from the vocabulary and from the
shapes that the decoders of both sides check; docs/wire-format.md says in words what a shape cannot.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from firmware_sim.encoder import _AckMessage, _ConfigMessage
from ingest.decode import LARGEST_FRAME_BYTES, WIRE_SCHEMA
from ingest.silence.statuses import LARGEST_STATUS_BYTES, _Status
from tidewell.vocabulary import CHANNELS, SHARD_COUNT

Json = dict[str, Any]

MQTT: Final = "0.2.0"
TOPIC: Final = "tidewell/v1/{shard}/{device}/"


def make_asyncapi() -> Json:
    """Return the whole document."""
    shapes = {
        "frame": _described(GenerateJsonSchema().generate(WIRE_SCHEMA)),
        "status": _Status.model_json_schema(),
        "ack": _AckMessage.model_json_schema(),
        "config": _ConfigMessage.model_json_schema(),
    }
    said = {
        "frame": f"Readings of some epochs, at most {LARGEST_FRAME_BYTES} bytes.",
        "status": f"How a device is, at most {LARGEST_STATUS_BYTES} bytes.",
        "ack": "How far the service has committed: this alone lets a device forget a frame.",
        "config": "What the service asks of a device.",
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tidewell: devices",
            "version": "1.0.0",
            "description": "MQTT 3.1.1 between devices and the service. docs/wire-format.md is the"
            " whole of it. Tidewell is not an emergency service and not a medical device.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "{host}:8883",
                "protocol": "secure-mqtt",
                "protocolVersion": "3.1.1",
                "variables": {"host": {"description": "Where the broker of the site is."}},
                "security": [{"$ref": "#/components/securitySchemes/device"}],
            }
        },
        "channels": {name: _channel(name) for name in shapes},
        "operations": {name: _operation(name) for name in shapes},
        "components": {
            "securitySchemes": {
                "device": {
                    "type": "userPassword",
                    "description": "The name of the device and its secret.",
                }
            },
            "messages": {
                name: {
                    "name": name,
                    "summary": said[name],
                    "payload": {"$ref": f"#/components/schemas/{name}"},
                }
                for name in shapes
            },
            "schemas": {name: _plain(shape) for name, shape in shapes.items()},
        },
    }


def document_text() -> str:
    """Return the document as the file in docs/ has it."""
    return json.dumps(make_asyncapi(), indent=1, ensure_ascii=False) + "\n"


def _channel(name: str) -> Json:
    return {
        "address": TOPIC + name,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "parameters": {
            "shard": {"description": f"0 to {SHARD_COUNT - 1}, fixed when a person is enrolled."},
            "device": {"description": "The name of the device: `[a-z0-9][a-z0-9-]{0,62}`."},
        },
    }


def _operation(name: str) -> Json:
    """Return it as the service sees it: frames and statuses come in, acks and configs go out."""
    return {
        "action": "receive" if name in {"frame", "status"} else "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
        "bindings": {
            "mqtt": {
                "qos": 0 if name == "ack" else 1,
                "retain": name in {"status", "config"},
                "bindingVersion": MQTT,
            }
        },
    }


def _described(frame: Json) -> Json:
    """Put the unit and the code of each channel beside its limits."""
    for channel in CHANNELS:
        frame["properties"][channel.name] |= {
            "title": channel.label,
            "description": f"Unit (UCUM) {channel.ucum}; {channel.code_system} {channel.code}.",
        }
    return frame


def _plain(shape: Any) -> Any:  # noqa: ANN401 -- a part of a schema is anything that JSON has
    """Write a pair in words that every reader of JSON Schema knows, old ones as well."""
    if isinstance(shape, list):
        return [_plain(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    if "prefixItems" in shape:
        rest = {name: value for name, value in shape.items() if name != "prefixItems"}
        return rest | {"items": shape["prefixItems"][0]}
    return {name: _plain(value) for name, value in shape.items()}


if __name__ == "__main__":
    sys.stdout.write(document_text())
