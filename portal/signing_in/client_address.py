"""Where a request comes from, also behind a proxy. Pure.

The address that a proxy names is believed only when the proxy itself is one of ours, because
anybody can write such a header. Limits count networks, as one house or one office has many
addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

PREFIX_4: Final = 24
PREFIX_6: Final = 48
"""What one household or office has at most; a single address, and a /64 out of a /56, is too easily
changed."""

FORWARDED_MOST: Final = 20
"""No chain of proxies is this long; what lies further left was written by whoever asks."""


def trusted_networks(setting: str | None) -> tuple[Network, ...]:
    """Return the networks whose proxies are believed.

    Example:
        >>> trusted_networks("127.0.0.1, 10.0.0.0/8")
        (IPv4Network('127.0.0.1/32'), IPv4Network('10.0.0.0/8'))
    """
    return tuple(ip_network(one.strip()) for one in (setting or "").split(",") if one.strip())


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the address of whoever asks: the last one that no proxy of ours has.

    Example:
        >>> client_address("127.0.0.1", "6.6.6.6, 203.0.113.9", trusted_networks("127.0.0.1"))
        '203.0.113.9'
        >>> client_address("203.0.113.9", "10.0.0.1", trusted_networks("127.0.0.1"))
        '203.0.113.9'
    """
    found = peer
    named = [one.strip() for one in forwarded.split(",") if one.strip()]
    for earlier in reversed(named[-FORWARDED_MOST:]):
        if not _is_trusted(found, trusted) or not _is_address(earlier):
            break
        found = earlier
    return found


def network_of(address: str) -> str:
    """Return the network that an address belongs to, or the text itself where it is none.

    Example:
        >>> network_of("203.0.113.9"), network_of("2001:db8:1:2:3::9")
        ('203.0.113.0/24', '2001:db8:1::/48')
    """
    if not _is_address(address):
        return address[:64]
    parsed = ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None
    known = mapped or parsed
    prefix = PREFIX_4 if known.version == 4 else PREFIX_6
    return str(ip_network((known, prefix), strict=False))


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    if not _is_address(address):
        return False
    parsed = ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None
    known = mapped or parsed
    return any(known.version == one.version and known in one for one in trusted)
