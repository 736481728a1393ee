"""What ingest says about itself in numbers."""
