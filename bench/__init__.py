"""Benchmarks: how fast, said as a ratio to something measured in the same run."""
