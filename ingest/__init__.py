"""MQTT in: decode, admit, batch; one transaction for each batch; then acknowledge.

What the stage promises is in `docs/operations.md`; what devices say is in `docs/wire-format.md`.
"""
