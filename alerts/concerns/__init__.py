"""What people ask for and are worried about, taken in exactly once; no score is asked."""
