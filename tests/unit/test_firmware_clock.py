"""A device's clock drifts, and learns from quick answers only."""

from __future__ import annotations

from firmware_sim.device_clock import ANSWERS_NEEDED, ClockError, DeviceClock

HOUR_MS = 3_600_000


def test_a_clock_gains_by_its_drift() -> None:
    clock = DeviceClock(ClockError(offset_ms=0, drift_ppm=50.0), 0)
    assert clock.read(24 * HOUR_MS) == 24 * HOUR_MS + 4_320


def test_a_clock_that_is_right_is_not_moved_by_slow_answers() -> None:
    clock = DeviceClock(ClockError(), 0)
    clock.learn(1_000, 1_005)
    for second in range(2, 12):
        clock.learn(second * 1_000 - 30_000, second * 1_000)
    assert clock.read(HOUR_MS) == HOUR_MS


def test_a_clock_that_is_wrong_is_right_after_a_few_answers() -> None:
    clock = DeviceClock(ClockError(offset_ms=45_000), 0)
    for second in range(ANSWERS_NEEDED):
        assert clock.read(second * 1_000) == second * 1_000 + 45_000
        clock.learn(second * 1_000 - 20, second * 1_000)
    assert abs(clock.read(HOUR_MS) - HOUR_MS) <= 20


def test_a_small_error_is_left_alone() -> None:
    clock = DeviceClock(ClockError(offset_ms=1_500), 0)
    for second in range(20):
        clock.learn(second * 1_000, second * 1_000)
    assert clock.read(HOUR_MS) == HOUR_MS + 1_500
