"""The auditor: each minute it asks of every open alert whether it could be forgotten."""
