"""Holes that never close: scoring goes on without their frames, and the order stays known."""
