"""Pages opened in need: somebody is at risk, and nobody who is assigned can be reached."""
