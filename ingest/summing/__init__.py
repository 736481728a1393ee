"""Hours and packed days beside the minutes, so that a page need not visit half a million rows."""
