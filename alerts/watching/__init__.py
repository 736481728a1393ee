"""Proof that no alert is lost: the auditor's turn, a probe, and a word to somebody outside."""
