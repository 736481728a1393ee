"""One batch, one transaction: what a worker remembers, and how it stays true to what is stored."""
