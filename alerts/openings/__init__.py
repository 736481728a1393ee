"""Pages that somebody opened in need: told once to whoever should know."""
