"""How a device comes by its secret: a code that somebody read to it."""
