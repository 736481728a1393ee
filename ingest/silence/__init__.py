"""Why nothing comes: silences and their reasons, our outages, what devices say of themselves."""
