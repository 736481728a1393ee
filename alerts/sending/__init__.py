"""Messages on their way: written down, claimed, sent, marked, in this order."""
