"""What another policy would have changed on stored days: reading them, comparing, saying it."""
