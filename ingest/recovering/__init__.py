"""From what is stored back to a detector that goes on where the last one stopped."""
