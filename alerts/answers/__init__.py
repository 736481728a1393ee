"""What people ask of alerts on the pages, folded in exactly once."""
