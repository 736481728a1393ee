"""Outages of ours to the people who run the service: once each, through the same channels."""
