"""The switchable proxy, by the name under which tests know it: `bench faults` uses the same one."""

from __future__ import annotations

from bench.faulting.proxy import LOOPBACK, Mode, Proxy, Trap

__all__ = ["LOOPBACK", "Mode", "Proxy", "Trap"]
