"""Frames on their way in: read in bulk, kept until they are committed, confirmed in bulk."""
