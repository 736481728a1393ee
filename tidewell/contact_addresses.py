"""Addresses of staff: which ones a channel can use, and how one is shown without giving it away.

Every refusal says what is wrong and what to write instead, and never repeats the address: it is
somebody's own. Nothing here looks anything up; a host is judged by its name.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tidewell.errors import UsageError

EMAIL: Final = "email"
SMS: Final = "sms"
WEB_PUSH: Final = "web_push"
WEBHOOK: Final = "webhook"
APPRISE: Final = "apprise"

WRITTEN_DOWN: Final = (EMAIL, SMS, WEBHOOK, APPRISE)
"""Channels whose addresses somebody writes down; a phone asks for notifications by itself."""

EMAIL_CHARACTERS_MOST: Final = 254
"""The longest that a mail server has to take."""
URL_CHARACTERS_MOST: Final = 1_000
"""The longest of a push service are half of that."""

PUSH_HOSTS: Final = (
    "fcm.googleapis.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
)
"""The services of the browsers' makers; a browser names its own, so nothing else is called."""

_EMAIL: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{4,190}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_HOST: Final = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
"""A name that can be looked up; any other ends in a fault of the library that looks it up."""
_PHONE: Final = re.compile(r"\+[1-9][0-9]{7,14}")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{1,30}://\S+", re.IGNORECASE)


def checked_address(channel: str, address: str) -> str:
    """Return an address as it is stored.

    Raises:
        UsageError: there is no such channel, or it cannot use this address.

    Example:
        >>> checked_address("sms", "07700 900123")
        '+447700900123'
    """
    checks = {EMAIL: _email, SMS: _phone, WEBHOOK: _webhook, APPRISE: _apprise}
    if channel == WEB_PUSH:
        raise UsageError(
            "nobody can write down a phone's address for notifications;"
            " its owner signs in on it and opens the page Notifications"
        )
    if channel not in checks:
        raise UsageError(
            f"unknown channel {channel[:20]!r}; choose one of {', '.join(WRITTEN_DOWN)}"
        )
    return checks[channel](address.strip())


def _email(address: str) -> str:
    local = address.partition("@")[0]
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    if len(address) > EMAIL_CHARACTERS_MOST or dots or not _EMAIL.fullmatch(address):
        raise UsageError(
            "this is not an e-mail address; expected one like name@council.example, without a name"
            " or brackets around it"
        )
    name, _, domain = address.rpartition("@")
    return f"{name}@{domain.lower()}"


def _phone(address: str) -> str:
    digits = re.sub(r"[ ().-]", "", address)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    elif digits.startswith("0"):
        digits = "+44" + digits[1:]
    if not _PHONE.fullmatch(digits):
        raise UsageError(
            "this is not a telephone number; expected one like 07700 900123, or +353 861234567"
            " with its country"
        )
    if digits.startswith("+44") and not re.fullmatch(r"\+447[0-9]{9}", digits):
        raise UsageError(
            "no text message reaches this number; a British mobile number has 11 digits and begins"
            " with 07"
        )
    return digits


def _webhook(address: str) -> str:
    parts = _parts(address)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise UsageError(
            "this is not a web address; expected one like https://on-call.example/hook"
        )
    if parts.username or parts.password:
        raise UsageError(
            "this web address has a password in it, which logs would show; remove it: the signature"
            " says who we are"
        )
    if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
        raise UsageError("this web address is not encrypted; use https:// for another machine")
    return address


def _apprise(address: str) -> str:
    if len(address) > URL_CHARACTERS_MOST or not _SCHEME.fullmatch(address):
        raise UsageError(
            "this is not an address that Apprise reads; expected one like ntfys://topic, with ://"
        )
    if address.lower().startswith(("file:", "syslog:", "dbus:", "macosx:", "windows:", "gnome:")):
        raise UsageError("this address stays on the machine and reaches nobody; use a service's")
    return address


def push_endpoint_problem(endpoint: str, test_service: str | None = None) -> str | None:
    """Return why nothing is posted to an endpoint of a browser, or None.

    Only services of browsers' makers are called, over TLS: who subscribes chooses this address, and
    must not make us call machines of our own network. `test_service` is one on this machine.
    """
    if test_service is not None and endpoint.startswith(test_service.rstrip("/") + "/"):
        return None
    parts = _parts(endpoint)
    if parts is None or parts.scheme != "https" or parts.port not in {None, 443}:
        return "is not an https address"
    if parts.username is not None or len(endpoint) > URL_CHARACTERS_MOST:
        return "is not of the form that browsers give"
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or not any(
        host == known or host.endswith("." + known) for known in PUSH_HOSTS
    ):
        return "is not of a push service that we know"
    return None


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine by its very name.

    Example:
        >>> is_this_machine("127.0.0.1"), is_this_machine("127.0.0.1.example")
        (True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _parts(address: str) -> SplitResult | None:
    """Return the parts of a web address with a host, or None."""
    if len(address) > URL_CHARACTERS_MOST or any(one.isspace() for one in address):
        return None
    if not address.isascii() or not address.isprintable() or "\\" in address:
        return None
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_whole else None


def shown(channel: str, address: str) -> str:
    """Return an address so that its owner knows it again and nobody else learns it.

    Example:
        >>> shown("sms", "+447700900123"), shown("email", "robin@council.example")
        ('+44…123', 'r…@council.example')
    """
    if channel == SMS:
        return f"{address[:3]}…{address[-3:]}"
    if channel == EMAIL:
        name, _, domain = address.rpartition("@")
        return f"{name[:1]}…@{domain}"
    scheme, _, rest = address.partition("://")
    if channel == WEBHOOK:
        return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/…"
    if channel == APPRISE:
        return f"{scheme}://…"
    return "a phone" if channel == WEB_PUSH else "…"
