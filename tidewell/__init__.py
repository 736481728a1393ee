"""The shared ground of Tidewell: words, settings, clock, database, embedded servers, command line."""

__version__ = "0.1.0"
