"""Findings to people: an episode becomes an alert, the alert reaches somebody, somebody answers.

The promise: an alert is never lost, though it may be sent twice. The order is always decide,
record, send, mark. Only `store.py`, `service.py` and `channels/` touch the world.
"""
