"""One batch, one transaction: what a worker holds in memory, and how it stays true to what is stored."""
