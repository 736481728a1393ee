"""Looking ahead: who would not be reached in the days to come, and what to do about it now."""
