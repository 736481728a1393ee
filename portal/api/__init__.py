"""The interface for programs: what the pages do, as JSON, by the functions that the pages use."""
