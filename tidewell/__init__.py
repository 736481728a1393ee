"""The shared ground of Tidewell: words, settings, clock, database, servers, command line."""

__version__ = "0.1.0"
