"""Hours beside the minutes, so that a picture of a year need not read half a million of them."""
